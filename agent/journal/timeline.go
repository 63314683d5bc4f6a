package journal

import (
	"math"
	"time"

	bolt "go.etcd.io/bbolt"
)

// The order of events is their number; clocks step, and an event may be
// recorded some time after it arrived. The time index therefore follows the
// furthest minute that event times have reached: for each such minute, the
// first number that reached it. Each segment begins anew. An event of minute m never has a number below
// the first that reached m. It has none above the first that went beyond m
// either, unless it came late, and late events have a posting list.

const lateTerm = "!late" // no field begins with "!"

// minuteOf returns t's minute since 1970, 0 for earlier ones.
func minuteOf(t time.Time) uint64 {
	s := t.Unix()
	if s < 0 {
		return 0
	}
	return uint64(s) / 60
}

// clock is the furthest minute reached.
type clock struct {
	reached uint64
	started bool
}

// pass takes an event's minute and reports whether it is further than any
// before it, or behind.
func (c *clock) pass(minute uint64) (further, late bool) {
	if !c.started || minute > c.reached {
		c.reached, c.started = minute, true
		return true, false
	}
	return false, minute < c.reached
}

// clockAt returns how far event times had come with event seq. It is meant for
// a seq near the end.
func clockAt(tx *bolt.Tx, seq uint64) clock {
	c := tx.Bucket(bucketTime).Cursor()
	for k, v := c.Last(); k != nil; k, v = c.Prev() {
		if fromBE64(v) <= seq {
			return clock{reached: fromBE64(k), started: true}
		}
	}
	return clock{}
}

// notBefore returns a number of the segment below which no event is at or after t.
func notBefore(p part, t time.Time) uint64 { return p.reached(minuteOf(t)) }

// upTo matches the events that can be before t.
func upTo(p part, t time.Time) source {
	return anyOf{through(p.reached(minuteOf(t)+1) - 1), p.term(lateTerm)}
}

// through matches every number up to its own.
type through uint64

func (t through) word(limit uint64) (word, error) {
	high := min(limit|63, uint64(t))
	return word{high &^ 63, math.MaxUint64}.upTo(high), nil
}
