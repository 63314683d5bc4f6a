package wasm

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// sessions keeps one instance per module and source between calls, and closes
// those that idle too long, or the largest when all together hold too much memory:
// instances grow with what they have answered, so that with many sources each has
// a small one, where to close the longest idle would leave none that is called
// again. A source's calls take turns.
type sessions struct {
	limit int64
	after time.Duration

	mu     sync.Mutex
	byKey  map[sessionKey]*session
	idle   *list.List // of *session that hold an instance, longest idle first
	memory int64      // of the idle ones
}

type sessionKey struct {
	module *Module
	source string
}

type session struct {
	key      sessionKey
	turn     chan struct{} // holds a token while a call of this source runs
	users    int           // calls that run or wait
	released bool

	inst  *instance // while idle
	size  int64
	since time.Time
	place *list.Element
}

func newSessions(l Limits) *sessions {
	return &sessions{
		limit: l.IdleMemory, after: l.IdleAfter,
		byKey: map[sessionKey]*session{}, idle: list.New(),
	}
}

// take waits for the source's turn and returns its instance, nil if it has none.
// The caller gives the session back.
func (t *sessions) take(ctx context.Context, key sessionKey) (*session, *instance, error) {
	t.mu.Lock()
	s := t.byKey[key]
	if s == nil {
		s = &session{key: key, turn: make(chan struct{}, 1)}
		t.byKey[key] = s
	}
	s.users++
	t.mu.Unlock()

	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		t.mu.Lock()
		defer t.mu.Unlock()
		t.leave(s)
		return nil, nil, failed(ErrBusy, "")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return s, t.detach(s), nil
}

// give ends a turn. inst is nil if it must not be used again.
func (t *sessions) give(s *session, inst *instance) {
	t.mu.Lock()
	var spent []*instance
	switch {
	case inst != nil && s.released:
		spent = append(spent, inst)
	case inst != nil:
		s.inst, s.size, s.since = inst, inst.holds, time.Now()
		s.place = t.idle.PushBack(s)
		t.memory += s.size
	}
	t.leave(s)
	for t.memory > t.limit && t.idle.Len() > 0 {
		spent = append(spent, t.drop(t.largest()))
	}
	t.mu.Unlock()
	<-s.turn
	closeAll(spent)
}

// largest is the idle session that holds most, of equal ones the longest idle.
func (t *sessions) largest() *session {
	var most *session
	for e := t.idle.Front(); e != nil; e = e.Next() {
		if s := e.Value.(*session); most == nil || s.size > most.size {
			most = s
		}
	}
	return most
}

// release ends a source's session. A call that runs keeps its instance to the
// end.
func (t *sessions) release(key sessionKey) {
	t.mu.Lock()
	var inst *instance
	if s := t.byKey[key]; s != nil {
		s.released = true
		delete(t.byKey, key)
		inst = t.detach(s)
	}
	t.mu.Unlock()
	inst.close()
}

// expire closes instances that have been idle too long.
func (t *sessions) expire(now time.Time) {
	t.mu.Lock()
	var spent []*instance
	for e := t.idle.Front(); e != nil && now.Sub(e.Value.(*session).since) >= t.after; e = t.idle.Front() {
		spent = append(spent, t.drop(e.Value.(*session)))
	}
	t.mu.Unlock()
	closeAll(spent)
}

// forget closes all instances of a module that has no calls left.
func (t *sessions) forget(m *Module) {
	t.mu.Lock()
	var spent []*instance
	for key, s := range t.byKey {
		if key.module == m {
			spent = append(spent, t.drop(s))
		}
	}
	t.mu.Unlock()
	closeAll(spent)
}

// drop takes a session's instance away, and forgets the session if nobody waits
// for it.
func (t *sessions) drop(s *session) *instance {
	inst := t.detach(s)
	if s.users == 0 && !s.released {
		delete(t.byKey, s.key)
	}
	return inst
}

func (t *sessions) detach(s *session) *instance {
	inst := s.inst
	if inst != nil {
		t.idle.Remove(s.place)
		t.memory -= s.size
		s.inst, s.place = nil, nil
	}
	return inst
}

func (t *sessions) leave(s *session) {
	s.users--
	if s.users == 0 && s.inst == nil && !s.released {
		delete(t.byKey, s.key)
	}
}

func closeAll(list []*instance) {
	for _, i := range list {
		i.close()
	}
}
