package wasm

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

func (t *sessions) empty() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byKey) == 0 && t.idle.Len() == 0 && t.memory == 0
}

func TestSessionReleasedWhileItsCallRuns(t *testing.T) {
	all := newSessions(DefaultLimits())
	key := sessionKey{nil, "a"}
	s, inst, err := all.take(t.Context(), key)
	if err != nil || inst != nil {
		t.Fatalf("take = %v, %v", inst, err)
	}
	all.release(key)
	next, inst, err := all.take(t.Context(), key)
	if err != nil || inst != nil || next == s {
		t.Fatalf("after release, take = the old session or %v, %v", inst, err)
	}
	all.give(s, &instance{})
	all.give(next, nil)
	if !all.empty() {
		t.Error("a released session was kept")
	}
}

// Whatever the order of calls, failures, releases and evictions, a source gets
// its own instance or none, and nothing is left when all is forgotten.
func TestSessionsKeepSourcesApart(t *testing.T) {
	type turn struct {
		s    *session
		inst *instance
		key  sessionKey
	}
	random := rand.New(rand.NewPCG(1, 2))
	limits := DefaultLimits()
	limits.IdleAfter = 1 // what idled at all is too old
	all := newSessions(limits)
	owner := map[*instance]sessionKey{}
	running := map[sessionKey]turn{}
	for range 20000 {
		key := sessionKey{nil, string(rune('a' + random.IntN(5)))}
		switch at, ok := running[key]; {
		case random.IntN(10) == 0:
			all.release(key)
		case random.IntN(50) == 0:
			all.expire(time.Now().AddDate(50, 0, 0))
		case ok && random.IntN(4) == 0:
			all.give(at.s, nil)
			delete(running, key)
		case ok:
			all.give(at.s, at.inst)
			delete(running, key)
		default:
			s, inst, err := all.take(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			if inst == nil {
				inst = &instance{}
				owner[inst] = key
			}
			if owner[inst] != key {
				t.Fatalf("source %q got the instance of %q", key.source, owner[inst].source)
			}
			running[key] = turn{s, inst, key}
		}
	}
	for _, at := range running {
		all.give(at.s, at.inst)
	}
	all.forget(nil)
	if !all.empty() {
		t.Error("something is left")
	}
}

func TestSessionTurnGivenUp(t *testing.T) {
	all := newSessions(DefaultLimits())
	key := sessionKey{nil, "a"}
	s, _, err := all.take(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := all.take(canceled(t), key); !errors.Is(err, ErrBusy) {
		t.Errorf("take = %v, want ErrBusy", err)
	}
	all.give(s, nil)
	if !all.empty() {
		t.Error("something is left")
	}
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
