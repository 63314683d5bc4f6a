package wasm

import (
	"sync"
	"time"
)

const (
	breakerFailures = 5
	breakerWindow   = time.Minute
	breakerRest     = time.Minute
)

// breaker refuses calls of a module that keeps failing: after breakerFailures
// traps or timeouts within breakerWindow it rests for breakerRest, then lets one
// call through to see.
type breaker struct {
	mu       sync.Mutex
	failures []time.Time
	until    time.Time // zero while the breaker is closed
	probing  bool
}

type outcome int

const (
	outcomeNone    outcome = iota // says nothing of the guest
	outcomeGood                   //
	outcomeFailure                // a trap or a timeout
)

// admit says whether a call may run, and whether it is the probe.
func (b *breaker) admit() (probe, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.until.IsZero():
		return false, true
	case b.probing || time.Now().Before(b.until):
		return false, false
	}
	b.probing = true
	return true, true
}

// report takes the outcome of an admitted call. Calls that were under way as
// the breaker opened change nothing.
func (b *breaker) report(probe bool, o outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case probe:
		b.probing = false
		switch o {
		case outcomeGood:
			b.until, b.failures = time.Time{}, nil
		case outcomeFailure:
			b.until = time.Now().Add(breakerRest)
		}
	case o == outcomeFailure && b.until.IsZero():
		b.fail(time.Now())
	}
}

func (b *breaker) fail(now time.Time) {
	kept := b.failures[:0]
	for _, t := range b.failures {
		if now.Sub(t) < breakerWindow {
			kept = append(kept, t)
		}
	}
	b.failures = append(kept, now)
	if len(b.failures) >= breakerFailures {
		b.until, b.failures = now.Add(breakerRest), nil
	}
}

func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.until.IsZero()
}
