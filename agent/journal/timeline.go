package journal

import (
	"time"

	bolt "go.etcd.io/bbolt"
)

// The order of events is their number; clocks step, and an event may be
// recorded some time after it arrived. The time index therefore follows the
// furthest minute that event times have reached: for each such minute, the
// first number that reached it. An event of minute m never has a number below
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

// reachedAt returns the first number at which event times had come to minute,
// and one above the last when they have not.
func reachedAt(tx *bolt.Tx, minute uint64) uint64 {
	if k, v := tx.Bucket(bucketTime).Cursor().Seek(be64(minute)); k != nil {
		return fromBE64(v)
	}
	return lastSeq(tx) + 1
}

// notBefore returns a number below which no event is at or after t.
func notBefore(tx *bolt.Tx, t time.Time) uint64 { return reachedAt(tx, minuteOf(t)) }

// upTo matches the events that can be before t.
func upTo(tx *bolt.Tx, t time.Time, late source) source {
	return anyOf{through(reachedAt(tx, minuteOf(t)+1) - 1), late}
}

// through matches every number up to its own.
type through uint64

func (t through) atMost(limit uint64) (uint64, error) { return min(limit, uint64(t)), nil }
