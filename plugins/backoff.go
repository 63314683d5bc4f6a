package plugins

import (
	"math/rand/v2"
	"time"
)

const (
	backoffBase = 250 * time.Millisecond
	maxRetry    = 15 * time.Second // between two attempts at a receiver that is down
	maxRestart  = time.Minute      // between two starts of a program that fails
	maxKilled   = 2 * time.Second  // the same when somebody else killed it
	maxAfter    = time.Hour        // that a receiver may ask for

	// A program that was started so often in that time and delivered nothing is
	// started only once a maxRestart.
	circuitStarts = 10
	circuitWithin = 10 * time.Minute
)

// backoff draws pauses from a range that doubles with each failure ("full jitter"):
// sinks that failed together do not come back together.
type backoff struct{ failures int }

func (b *backoff) next(limit time.Duration) time.Duration {
	top := limit
	if b.failures < 16 { // beyond which it is above all limits
		top = min(limit, backoffBase<<b.failures)
	}
	b.failures++
	return rand.N(top) + time.Millisecond
}

func (b *backoff) reset() { b.failures = 0 }

// circuit counts starts without a delivery.
type circuit struct{ starts []time.Time }

// open notes a start and reports whether there were too many.
func (c *circuit) open(now time.Time) bool {
	c.starts = append(c.starts, now)
	for len(c.starts) > 0 && now.Sub(c.starts[0]) > circuitWithin {
		c.starts = c.starts[1:]
	}
	if len(c.starts) > circuitStarts {
		c.starts = c.starts[1:] // no more are needed to know
		return true
	}
	return false
}

func (c *circuit) reset() { c.starts = nil }
