package wasm

import (
	"context"
	"sync"
)

// activity counts what must end before something may be closed. Unlike a
// WaitGroup it refuses newcomers after shut, and waiting for it can be given up.
type activity struct {
	mu     sync.Mutex
	n      int
	closed bool
	idle   chan struct{} // closed once shut and empty
}

func newActivity() *activity { return &activity{idle: make(chan struct{})} }

func (a *activity) enter() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.n++
	return true
}

func (a *activity) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n--
	if a.closed && a.n == 0 {
		close(a.idle)
	}
}

// shut refuses newcomers. It reports whether this was the first time.
func (a *activity) shut() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.closed = true
	if a.n == 0 {
		close(a.idle)
	}
	return true
}

// wait returns once all are gone after shut, or with the context's error.
func (a *activity) wait(ctx context.Context) error {
	select {
	case <-a.idle:
		return nil
	default:
	}
	select {
	case <-a.idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join adds one more from within: the caller is one of those counted.
func (a *activity) join() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n++
}
