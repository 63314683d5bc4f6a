package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// Bounds of one window. They are what keeps a source that rotates addresses or
// names from growing the sensor; what they push out is counted.
const (
	maxGroups     = 1 << 16 // keys
	maxEntries    = 1 << 18 // entries of all keys together
	maxDistinct   = 256     // values that a distinct or first tells apart for one key
	maxValues     = 32      // values that a rule is shown
	exactEntries  = 64      // newest events of a count or sum that leave exactly on time
	mergeFraction = 32      // of Over: what older ones are coarsened to
	maxValueBytes = 128     // of one value; longer ones are told apart, but shown cut
	maxKeyBytes   = 128     // of a group's key; longer ones are hashed
	maxSteps      = 16      // of a sequence
	maxRuns       = 64      // of equal steps in a row that a sequence remembers
)

// maxLate is how late an event may come. Events have the time at which a request
// arrived and come when it was answered, or counted with others; what is further
// behind those before it is not late: the clock was set back.
const maxLate = 10 * time.Minute

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

// grouping is what a window groups by: one of the above, or any text column.
func grouping(by string) func(*view) string {
	if f := groupings[by]; f != nil {
		return func(v *view) string { return f(v.ev) }
	}
	c, ok := lookup(by)
	if !ok || c.shape != shapeText {
		return nil
	}
	return func(v *view) string { return v.get(c) }
}

type aggregate int

const (
	aggregateCount aggregate = iota
	aggregateDistinct
	aggregateSum
	aggregateLast
	aggregateFirst
	aggregateSteps
)

// window is the memory behind one [sdk.Window]: per key, the entries of the last
// span. All times are those of the events; the wall clock is never read, so that
// a replay sees what the sensor saw. What it shows is a function of the events of
// the last span and a thirty-second of it, so that one rebuilt from those shows
// the same. Where the times step ahead by more than the span, or back by more than
// that and than [maxLate], it begins anew: what a wrong clock dated does not stay.
type window struct {
	name      string
	by        func(*view) string
	filters   *filterset
	where     int
	aggregate aggregate
	value     column
	steps     *steps
	over      time.Duration
	keep      int

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
	id   uuid.UUID // of the newest event in it; zero if that has no UUID
}

// observe counts the event if it matches.
func (w *window) observe(v *view) {
	if !w.filters.holds(w.where, v) {
		return
	}
	value := ""
	switch w.aggregate {
	case aggregateCount, aggregateSteps:
	default:
		if value = v.get(w.value); value == "" {
			return
		}
	}
	var passed []int
	if w.aggregate == aggregateSteps {
		if passed = w.steps.passed(v, w.filters); len(passed) == 0 {
			return
		}
	}
	key := groupKey(w.by(v))
	if key == "" {
		return
	}
	now := v.ev.Time.UnixNano()
	g := w.groups.use(key)
	before := len(*g)
	from, to := w.live(*g, now)
	g.keep(from, to)
	w.add(g, now, value, passed, v.uuid())
	w.entries += len(*g) - before
	w.bound(now)
}

// look returns the entries of the event's group. It changes nothing: a replay
// counts events, and does not look.
func (w *window) look(v *view) group {
	key := groupKey(w.by(v))
	if key == "" {
		return nil
	}
	g := w.groups.peek(key)
	if g == nil {
		return nil
	}
	from, to := w.live(*g, v.ev.Time.UnixNano())
	return (*g)[from:to]
}

// live returns which entries are of the span that ends now: neither older, nor
// from a time that a clock which was set back has not come to again.
func (w *window) live(g group, now int64) (from, to int) {
	for to = len(g); to > 0 && w.ahead(g[to-1].at, now); {
		to--
	}
	for from < to && w.past(g[from].at, now) {
		from++
	}
	return from, to
}

func (w *window) past(at, now int64) bool { return at <= now-int64(w.over) }

func (w *window) ahead(at, now int64) bool { return at > now+int64(max(w.over, maxLate)) }

// sums returns n, and of a sum the sum, for the event's group.
func (w *window) sums(v *view) (n int, sum float64) { return w.total(w.look(v)) }

func (w *window) total(g group) (n int, sum float64) {
	switch w.aggregate {
	case aggregateCount, aggregateSum:
		for _, e := range g {
			n += e.n
			sum += e.sum
		}
	case aggregateDistinct, aggregateLast:
		n = len(g)
	case aggregateFirst:
		n = len(g.inOrder())
	case aggregateSteps:
		n = len(w.steps.chain(g))
	}
	return n, sum
}

// add appends an entry. Time does not run backwards inside a group.
func (w *window) add(g *group, now int64, value string, passed []int, id uuid.UUID) {
	if n := len(*g); n > 0 {
		now = max(now, (*g)[n-1].at)
	}
	e := entry{at: now, n: 1, id: id}
	switch w.aggregate {
	case aggregateCount:
		g.append(e, int64(w.over/mergeFraction))
	case aggregateSum:
		e.sum = parseNumber(value)
		g.append(e, int64(w.over/mergeFraction))
	case aggregateDistinct:
		e.hash, e.text = maphash.String(w.seed, value), value
		g.renew(e)
	case aggregateLast:
		e.text = value
		g.push(e, maxValues)
	case aggregateFirst:
		e.hash, e.text = maphash.String(w.seed, value), value
		g.run(e, maxDistinct)
	case aggregateSteps:
		for _, step := range passed {
			g.run(entry{at: now, n: 1, hash: uint64(step), id: id}, maxRuns)
		}
	}
}

// bound forgets groups that have run out, a few at a time, and evicts the least
// recently used beyond the limits. The newest group always stays.
func (w *window) bound(now int64) {
	for range 2 {
		o := w.groups.oldest()
		if at := o.value.newest(); w.groups.len() > 1 && (w.past(at, now) || w.ahead(at, now)) {
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

// write writes what a rule is shown of the event's group.
func (w *window) write(out *guest.Writer, v *view) {
	g := w.look(v)
	n, sum := w.total(g)
	out.Key(w.name).Obj().Key("n").Int(int64(n))
	if w.aggregate == aggregateSum {
		out.Key("sum").Float(finite(sum), -1)
	}
	if w.keep > 0 && w.aggregate != aggregateCount && w.aggregate != aggregateSum {
		out.Key("values").Arr()
		for _, s := range w.values(g) {
			out.Str(s)
		}
		out.End()
	}
	out.End()
}

// values are the texts that a rule is shown.
func (w *window) values(g group) (out []string) {
	switch w.aggregate {
	case aggregateFirst:
		out = g.inOrder()
		return out[:min(len(out), w.keep)]
	case aggregateSteps:
		for _, name := range w.steps.chain(g) {
			out = append(out, w.steps.names[name])
		}
		return out[:min(len(out), w.keep)]
	}
	for _, e := range g[max(0, len(g)-w.keep):] {
		out = append(out, e.text)
	}
	return out
}

// keep drops all entries but those from one place to another.
func (g *group) keep(from, to int) {
	clear((*g)[to:])
	*g = (*g)[:to]
	g.cut(from)
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

// append adds a number. The newest leave one by one; an older one becomes one
// with those of its slice of time, which live as long as the youngest of them.
func (g *group) append(e entry, slice int64) {
	*g = append(*g, e)
	slice = max(slice, 1)
	if i := len(*g) - exactEntries - 1; i > 0 {
		old, before := (*g)[i], &(*g)[i-1]
		if old.at/slice == before.at/slice {
			before.n, before.sum, before.at, before.id = before.n+old.n, before.sum+old.sum, old.at, old.id
			copy((*g)[i:], (*g)[i+1:])
			*g = (*g)[:len(*g)-1]
		}
	}
}

// run adds a value, or makes it the newest if it is the one before: then it only
// lives longer, since nothing has come between.
func (g *group) run(e entry, most int) {
	if n := len(*g); n > 0 && (*g)[n-1].hash == e.hash {
		(*g)[n-1].at, (*g)[n-1].id = e.at, e.id
		return
	}
	g.push(e, most)
}

// inOrder are the distinct values in the order in which they first came.
func (g group) inOrder() (out []string) {
	seen := make(map[uint64]bool, len(g))
	for _, e := range g {
		if !seen[e.hash] {
			seen[e.hash] = true
			out = append(out, e.text)
		}
	}
	return out
}

// renew adds a value or makes it the newest.
func (g *group) renew(e entry) {
	for i, old := range *g {
		if old.hash == e.hash {
			e.text = old.text
			copy((*g)[i:], (*g)[i+1:])
			(*g)[len(*g)-1] = e
			return
		}
	}
	g.push(e, maxDistinct)
}

// push adds an entry, with a text of its own: its event's is not to be kept alive.
func (g *group) push(e entry, most int) {
	if n := len(*g); n > 0 && (*g)[n-1].text == e.text {
		e.text = (*g)[n-1].text
	} else {
		e.text = strings.Clone(cut(e.text, maxValueBytes))
	}
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
