package journal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// maxWeighed is how many events a count reads because the index alone does not
// say whether their times match.
const maxWeighed = 20_000

// Tally is how many events match a query.
type Tally struct {
	Events uint64
	// Exact is false when there were too many of which only their records say
	// whether they match: those are all counted. It is also false when a damaged
	// segment was left out.
	Exact bool
}

// Count counts the events that match q, whatever its Before and Limit. It counts
// in the index: events are read only where a minute is cut by From or To.
func (j *Journal) Count(ctx context.Context, q Query) (Tally, error) {
	q.Before, q.Limit = 0, 0
	w, err := newWalk(q)
	if err != nil {
		return Tally{}, err
	}
	c := &counting{walk: w, Tally: Tally{Exact: true}, deadline: time.Now().Add(maxQuery)}
	for !w.done {
		if err := ctx.Err(); err != nil {
			return Tally{}, err
		}
		seg := j.shelf.below(w.below)
		if seg == nil {
			break
		}
		before := c.Tally
		err := seg.view(w.terms, c.count)
		switch {
		case errors.Is(err, errGone) && !j.closed.Load():
			c.Tally = before
			continue
		case errors.Is(err, ErrDamaged) && j.mends(seg):
			j.keeper.suspect(seg, err)
			c.Tally = Tally{Events: before.Events}
		case err != nil:
			return Tally{}, fmt.Errorf("count events: %w", closing(j, err))
		}
		w.below = seg.name.base + 1
	}
	return c.Tally, nil
}

// counting is a count in progress.
type counting struct {
	*walk
	Tally
	weighed  int
	deadline time.Time
}

// count adds the matching events of a segment.
func (c *counting) count(p part) error {
	low, high, err := c.stretch(p)
	if err != nil || high < low {
		return err
	}
	src, doubt := c.source(p), c.doubt(p)
	for limit := high; ; {
		w, err := src.word(limit)
		if err != nil || w.bits == 0 {
			return err
		}
		open, err := doubt.word(w.base)
		if err != nil {
			return err
		}
		w = w.upTo(limit).from(low)
		unsure := word{base: w.base}
		if open.base == w.base {
			unsure.bits = w.bits & open.bits
		}
		c.Events += uint64(bits.OnesCount64(w.bits &^ unsure.bits))
		if err := c.weigh(p, unsure); err != nil {
			return err
		}
		if w.base <= low {
			return nil
		}
		limit = w.base - 1
	}
}

// weigh adds those events of a word whose records say that they match.
func (c *counting) weigh(p part, unsure word) error {
	for seq := range rising([]word{unsure}) {
		if c.weighed++; c.weighed > maxWeighed || time.Now().After(c.deadline) {
			c.Events++
			c.Exact = false
			continue
		}
		rec, err := p.record(seq)
		ev, bad := stored{seq: seq, rec: rec, err: err}.event()
		if bad == nil && c.inTime(ev.Time) {
			c.Events++
		}
	}
	return nil
}

// doubt matches the events of which the index does not say whether they are in the
// query's times: those of a minute that is cut, and late ones.
func (c *counting) doubt(p part) source {
	var all anyOf
	if c.q.From.IsZero() && c.q.To.IsZero() {
		return all
	}
	all = append(all, p.term(lateTerm))
	for _, t := range []time.Time{c.q.From, c.q.To} {
		if !t.IsZero() {
			all = append(all, between{p.reached(minuteOf(t)), p.reached(minuteOf(t)+1) - 1})
		}
	}
	return all
}

// between matches every number from the first of the pair to the second.
type between [2]uint64

func (b between) word(limit uint64) (word, error) {
	high := min(limit|63, b[1])
	if b[1] < b[0] || high < b[0] {
		return word{}, nil
	}
	return word{high &^ 63, math.MaxUint64}.upTo(high).from(b[0]), nil
}

// from drops the numbers below low.
func (w word) from(low uint64) word {
	switch {
	case low > w.base+63:
		w.bits = 0
	case low > w.base:
		w.bits &^= 1<<(low-w.base) - 1
	}
	return w
}
