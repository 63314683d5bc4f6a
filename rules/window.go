package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"math"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// Bounds of one window. They are what keeps a source that rotates addresses or
// names from growing the sensor; what they push out is counted.
const (
	maxGroups     = 1 << 16 // keys
	maxEntries    = 1 << 18 // entries of all keys together
	maxDistinct   = 256     // values that a distinct tells apart for one key
	maxValues     = 32      // values that a rule is shown
	maxBuckets    = 64      // entries of one key's count or sum
	mergeFraction = 32      // of Over: what a full count or sum is coarsened to
	maxValueBytes = 128     // of one value; longer ones are told apart, but shown cut
	maxKeyBytes   = 128     // of a group's key; longer ones are hashed
)

// allKey is the one group of a window by "all".
const allKey = "all"

// groupings says how a window's By groups events. "" means that the event belongs
// to no group, and then the window neither counts it nor shows anything.
var groupings = map[string]func(*sdk.Event) string{
	"ip":      func(e *sdk.Event) string { return e.IP },
	"actor":   func(e *sdk.Event) string { return e.Actor },
	"session": func(e *sdk.Event) string { return e.Session },
	"tool":    func(e *sdk.Event) string { return e.Tool },
	"all":     func(*sdk.Event) string { return allKey },
	"client": func(e *sdk.Event) string {
		if e.Client == nil {
			return ""
		}
		return e.Client.Name
	},
}

type aggregate int

const (
	aggregateCount aggregate = iota
	aggregateDistinct
	aggregateSum
	aggregateLast
)

// window is the memory behind one [sdk.Window]: per key, the entries of the last
// span. All times are those of the events; the wall clock is never read, so that
// a replay sees what the sensor saw.
type window struct {
	name      string
	by        func(*sdk.Event) string
	where     filter
	aggregate aggregate
	value     func(*sdk.Event) string
	over      time.Duration

	groups  *lru[string, group]
	entries int // of all groups
	limit   windowLimit
	evicted uint64
	seed    maphash.Seed
}

// windowLimit is a field so that a test can reach it.
type windowLimit struct{ groups, entries int }

// group holds one key's entries, oldest first.
type group []entry

type entry struct {
	at   int64 // nanoseconds of the event's time
	hash uint64
	text string
	n    int
	sum  float64
}

func newWindow(s sdk.Window, over time.Duration, where filter, agg aggregate, value func(*sdk.Event) string) *window {
	return &window{
		name: s.Name, by: groupings[s.By], where: where, aggregate: agg, value: value, over: over,
		groups: newLRU[string, group](), limit: windowLimit{maxGroups, maxEntries}, seed: maphash.MakeSeed(),
	}
}

// observe counts the event if it matches, and returns the entries of its group.
func (w *window) observe(ev *sdk.Event) group {
	key := groupKey(w.by(ev))
	if key == "" {
		return nil
	}
	now := ev.Time.UnixNano()
	value, ok := "", w.where.match(ev)
	if w.value != nil {
		value = w.value(ev)
		ok = ok && value != ""
	}
	if !ok {
		return w.read(key, now)
	}
	g := w.groups.use(key)
	before := len(*g)
	g.expire(now - int64(w.over))
	w.add(g, now, value)
	w.entries += len(*g) - before
	w.bound(now)
	return *g
}

// read returns the group without using it.
func (w *window) read(key string, now int64) group {
	g := w.groups.peek(key)
	if g == nil {
		return nil
	}
	before := len(*g)
	g.expire(now - int64(w.over))
	w.entries += len(*g) - before
	return *g
}

// add appends an entry. Time does not run backwards inside a group.
func (w *window) add(g *group, now int64, value string) {
	if n := len(*g); n > 0 {
		now = max(now, (*g)[n-1].at)
	}
	e := entry{at: now, n: 1}
	switch w.aggregate {
	case aggregateCount:
		g.append(e, maxBuckets, w.over/mergeFraction)
	case aggregateSum:
		e.sum = parseNumber(value)
		g.append(e, maxBuckets, w.over/mergeFraction)
	case aggregateDistinct:
		e.hash, e.text = maphash.String(w.seed, value), keep(value)
		g.renew(e)
	case aggregateLast:
		e.text = keep(value)
		g.push(e, maxValues)
	}
}

// bound forgets groups that have run out, a few at a time, and evicts the least
// recently used beyond the limits. The newest group always stays.
func (w *window) bound(now int64) {
	for range 2 {
		if o := w.groups.oldest(); w.groups.len() > 1 && o.value.newest() <= now-int64(w.over) {
			w.drop(o)
		}
	}
	for w.groups.len() > 1 && (w.groups.len() > w.limit.groups || w.entries > w.limit.entries) {
		w.drop(w.groups.oldest())
		w.evicted++
	}
}

func (w *window) drop(o *lruEntry[string, group]) {
	w.entries -= len(o.value)
	w.groups.remove(o)
}

// write writes what a rule is shown of the group.
func (w *window) write(out *guest.Writer, g group) {
	n, sum := 0, 0.0
	for _, e := range g {
		n += e.n
		sum += e.sum
	}
	out.Key(w.name).Obj().Key("n").Int(int64(n))
	switch w.aggregate {
	case aggregateSum:
		out.Key("sum").Float(finite(sum), -1)
	case aggregateDistinct, aggregateLast:
		out.Key("values").Arr()
		for _, e := range g[max(0, len(g)-maxValues):] {
			out.Str(e.text)
		}
		out.End()
	}
	out.End()
}

// expire drops what happened at the cutoff or before.
func (g *group) expire(cutoff int64) {
	k := 0
	for k < len(*g) && (*g)[k].at <= cutoff {
		k++
	}
	g.cut(k)
}

// cut drops the k oldest entries in place, so that nothing they held stays alive.
func (g *group) cut(k int) {
	if k == 0 {
		return
	}
	n := copy(*g, (*g)[k:])
	clear((*g)[n:])
	*g = (*g)[:n]
}

// append adds a number. When the group is full, entries that share a slice of
// time become one, which lives as long as its youngest: up to then the window is
// exact, from then on an event may leave it one slice late.
func (g *group) append(e entry, most int, slice time.Duration) {
	if len(*g) >= most {
		g.merge(int64(max(slice, 1)))
	}
	g.push(e, most)
}

func (g *group) merge(slice int64) {
	out := (*g)[:1]
	for _, e := range (*g)[1:] {
		if last := &out[len(out)-1]; e.at/slice == last.at/slice {
			last.n, last.sum, last.at = last.n+e.n, last.sum+e.sum, e.at
			continue
		}
		out = append(out, e)
	}
	*g = out
}

// renew adds a value or makes it the newest.
func (g *group) renew(e entry) {
	for i, old := range *g {
		if old.hash == e.hash {
			copy((*g)[i:], (*g)[i+1:])
			(*g)[len(*g)-1] = e
			return
		}
	}
	g.push(e, maxDistinct)
}

func (g *group) push(e entry, most int) {
	if len(*g) >= most {
		g.cut(1)
	}
	*g = append(*g, e)
}

func (g group) newest() int64 {
	if len(g) == 0 {
		return math.MinInt64
	}
	return g[len(g)-1].at
}

// groupKey bounds a key, of which a client may have chosen every byte.
func groupKey(key string) string {
	if len(key) <= maxKeyBytes {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// keep copies a value, so that it does not keep its event alive.
func keep(s string) string { return strings.Clone(cut(s, maxValueBytes)) }
