package enterprise_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise"
	"github.com/killdeer-mcp/killdeer/persona/world"
)

// walker follows what answers refer to through the tools, and remembers what each
// answer said of each entity.
type walker struct {
	walk
	facts map[string]said // entity and fact
	seen  map[ref]bool
	queue []ref
	done  map[string]int    // references followed, by kind
	heard map[string]answer // what was asked on this walk
	texts map[string]bool   // what was searched for references
	stale map[string]said   // facts that may change, of this date only
}

// newWalker starts a walk; facts are those of earlier dates.
func newWalker(k walk, facts map[string]said) *walker {
	return &walker{
		walk: k, facts: facts, stale: map[string]said{}, seen: map[ref]bool{}, done: map[string]int{}, heard: map[string]answer{}, texts: map[string]bool{},
	}
}

// said is a value and the answer it was in.
type said struct{ value, where string }

// perKind is how many references of a kind are followed on one walk.
const perKind = 5

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// note compares what an answer says with what others said.
func (k *walker) note(entity, fact, value, where string) {
	if value == "" {
		return
	}
	value = normal(value)
	about := k.facts
	if strings.HasPrefix(fact, "!") {
		about = k.stale
	}
	key := entity + " " + fact
	if before, ok := about[key]; !ok {
		about[key] = said{value, where}
	} else if before.value != value {
		k.t.Errorf("seed %d, %v: %s is %q in %s and %q in %s", k.seed, k.now, key, before.value, before.where, value, where)
	}
}

// normal makes the vendors' spellings of a time one.
func normal(v string) string {
	for _, layout := range []string{"2006-01-02T15:04:05.000-0700", "2006-01-02T15:04:05.000000-07:00", time.RFC3339Nano} {
		if t, err := time.Parse(layout, v); err == nil {
			return t.UTC().Format(time.RFC3339)
		}
	}
	return v
}

// look calls a tool and takes in the answer. A refusal is returned as its text.
func (k *walker) look(tool, args string) answer {
	k.t.Helper()
	where := tool + args
	if a, ok := k.heard[where]; ok {
		return a
	}
	a := call(k.t, k.p, k.seed, k.now, tool, args)
	k.heard[where] = a
	read(a.doc, func(o map[string]any) {
		for _, s := range shapes {
			if !s.matches(o) {
				continue
			}
			id := s.id(o)
			for fact, path := range s.facts {
				k.note(s.kind+" "+id, fact, at(o, path), where)
			}
			k.refer(ref{s.kind, id})
		}
	}, func(text string) {
		if k.texts[text] {
			return
		}
		k.texts[text] = true
		for _, p := range textRefs {
			for _, m := range p.at.FindAllStringSubmatch(text, 8) {
				k.refer(ref{p.kind, strings.TrimRight(m[1], ".,")})
			}
		}
	})
	return a
}

func (k *walker) refer(r ref) {
	if !k.seen[r] {
		k.seen[r] = true
		k.queue = append(k.queue, r)
	}
}

// must is look for what has to be there.
func (k *walker) must(r ref, tool, args string) answer {
	k.t.Helper()
	a := k.look(tool, args)
	if a.fail {
		k.t.Errorf("seed %d, %v: %s %q is a dead end: %s(%s): %s", k.seed, k.now, r.kind, r.id, tool, args, a.text)
	}
	return a
}

// want is must with a count that must not be zero.
func (k *walker) want(r ref, count, tool, args string) answer {
	k.t.Helper()
	a := k.must(r, tool, args)
	if n := at(a.doc, count); !a.fail && (n == "0" || n == "") {
		k.t.Errorf("seed %d, %v: %s %q is a dead end: %s(%s) finds nothing", k.seed, k.now, r.kind, r.id, tool, args)
	}
	return a
}

func TestWalk(t *testing.T) {
	begin := time.Now()
	kinds := map[string]int{}
	for s := range 20 {
		seed := uint64(s)*0x9e3779b97f4a7c15 + 5
		p := enterprise.New()
		w := world.New(seed)
		facts := map[string]said{}
		for year := range 3 {
			now := time.Date(2025+year, 3, 4+s, 7+s%14, 31, 0, 0, time.UTC)
			k := newWalker(walk{t, p, w, seed, now}, facts)
			k.follow()
			for kind, n := range k.done {
				kinds[kind] += n
			}
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(resolvers)) {
		if kinds[kind] == 0 {
			t.Errorf("no answer refers to a %s", kind)
		}
	}
	t.Logf("followed in %v: %v", time.Since(begin).Round(time.Millisecond), kinds)
}

// follow starts from an answer of every tool, and goes on with what they name.
func (k *walker) follow() {
	calls := validCalls(k.w, k.now)
	for _, tool := range slices.Sorted(maps.Keys(calls)) {
		if a := k.look(tool, calls[tool]); a.fail {
			k.t.Errorf("%s(%s): %s", tool, calls[tool], a.text)
		}
	}
	for len(k.queue) > 0 {
		r := k.queue[0]
		k.queue = k.queue[1:]
		resolve := resolvers[r.kind]
		if resolve == nil {
			k.t.Fatalf("nobody follows a %s", r.kind)
		}
		if k.done[r.kind] < perKind {
			k.done[r.kind]++
			resolve(k, r)
		}
	}
}
