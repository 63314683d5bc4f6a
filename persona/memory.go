package persona

import (
	"bytes"
	"container/list"
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"time"
)

// memo remembers outputs by what went into the guest, bounded in bytes, least
// recently used out first. Guests are pure, so a remembered output is the output.
type memo struct {
	limit int64
	mu    sync.Mutex
	size  int64
	by    map[memoKey]*list.Element
	order *list.List
}

// memoKey is a module by its digest, and what it was given by the sum of its envelope.
type memoKey struct{ module, envelope [sha256.Size]byte }

type memoEntry struct {
	key memoKey
	out *output
}

// entryOverhead is about what an entry costs beside its bytes.
const entryOverhead = 256

func newMemo(limit int64) *memo {
	return &memo{limit: limit, by: map[memoKey]*list.Element{}, order: list.New()}
}

// size is what an entry holds: the guest's whole output, of which the parts are
// slices.
func (e *memoEntry) size() int64 { return int64(e.out.size) + entryOverhead }

func (m *memo) get(key memoKey) (*output, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.by[key]
	if e == nil {
		return nil, false
	}
	m.order.MoveToFront(e)
	return e.Value.(*memoEntry).out, true
}

func (m *memo) put(key memoKey, out *output) {
	m.mu.Lock()
	defer m.mu.Unlock()
	entry := &memoEntry{key, out}
	if m.by[key] != nil || entry.size() > m.limit {
		return
	}
	m.by[key] = m.order.PushFront(entry)
	m.size += entry.size()
	for m.size > m.limit {
		last := m.order.Back()
		old := m.order.Remove(last).(*memoEntry)
		delete(m.by, old.key)
		m.size -= old.size()
	}
}

// How many sources' states are kept, of one owner and in all: at most 16 KiB each.
// An owner with too many loses his own oldest ones.
const (
	maxStates      = 4096
	maxOwnerStates = 256
)

// keepState is for how long an owner's next session finds the last one's state.
const keepState = 24 * time.Hour

// states keeps what personas want to remember of a source, and makes the calls
// of one source and persona take turns.
type states struct {
	mu    sync.Mutex
	by    map[stateKey]*list.Element
	owned map[string]*list.List // of stateKey by owner, the newest first
	order *list.List
	turns map[stateKey]*turn
}

type stateKey struct{ source, persona string }

// owner is who a source belongs to: what stands before its first blank.
func (k stateKey) owner() string { return owner(k.source) }

func owner(source string) string {
	owner, _, _ := strings.Cut(source, " ")
	return owner
}

// last is the key under which the owner's last state is kept.
func (k stateKey) last() stateKey { return stateKey{k.owner(), k.persona} }

type stateEntry struct {
	key   stateKey
	json  []byte
	at    time.Time // when it was stored
	owned *list.Element
}

// turn is that of a source and persona, from when it is taken until nobody wants it.
type turn struct {
	of      *states
	key     stateKey
	waiting []chan<- struct{} // whose turn comes, the longest first; guarded by of.mu
}

// unlock gives the turn to the next in line.
func (t *turn) unlock() {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	if len(t.waiting) == 0 {
		delete(t.of.turns, t.key)
		return
	}
	close(t.waiting[0])
	t.waiting = t.waiting[1:]
}

// leave takes one out of the line, and reports false when the turn is its own by now.
func (t *turn) leave(mine chan<- struct{}) bool {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	i := slices.Index(t.waiting, mine)
	if i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
	}
	return i >= 0
}

func newStates() *states {
	return &states{
		by: map[stateKey]*list.Element{}, owned: map[string]*list.List{}, order: list.New(), turns: map[stateKey]*turn{},
	}
}

// lock waits for the turn of a source and persona, or for ctx.
func (s *states) lock(ctx context.Context, source, persona string) (*turn, error) {
	key := stateKey{source, persona}
	s.mu.Lock()
	t := s.turns[key]
	if t == nil {
		t = &turn{of: s, key: key}
		s.turns[key] = t
		s.mu.Unlock()
		return t, nil
	}
	mine := make(chan struct{})
	t.waiting = append(t.waiting, mine)
	s.mu.Unlock()
	select {
	case <-mine:
		return t, nil
	case <-ctx.Done():
		if !t.leave(mine) {
			t.unlock()
		}
		return nil, ctx.Err()
	}
}

// get returns the state of a source. A session that has none takes over the last
// one of its owner, if that is not older than a day: what somebody changed is
// still there when they come back.
func (s *states) get(source, persona string, now time.Time) []byte {
	key := stateKey{source, persona}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.by[key]; e != nil {
		s.order.MoveToFront(e)
		return e.Value.(*stateEntry).json
	}
	e := s.by[key.last()]
	if e == nil || now.Sub(e.Value.(*stateEntry).at) > keepState {
		return nil
	}
	return e.Value.(*stateEntry).json
}

// set stores a state, also as its owner's last one; JSON null clears both.
func (s *states) set(source, persona string, json []byte, now time.Time) {
	key := stateKey{source, persona}
	json = bytes.Clone(json) // it is a slice of a whole output
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(key, json, now)
	if last := key.last(); last != key {
		s.put(last, json, now)
	}
}

func (s *states) put(key stateKey, json []byte, now time.Time) {
	s.forget(key)
	if string(json) == "null" {
		return
	}
	owned := s.owned[key.owner()]
	if owned == nil {
		owned = list.New()
		s.owned[key.owner()] = owned
	}
	entry := &stateEntry{key: key, json: json, at: now, owned: owned.PushFront(key)}
	s.by[key] = s.order.PushFront(entry)
	if owned.Len() > maxOwnerStates {
		s.forget(owned.Back().Value.(stateKey))
	}
	if s.order.Len() > maxStates {
		s.forget(s.order.Back().Value.(*stateEntry).key)
	}
}

func (s *states) forget(key stateKey) {
	e := s.by[key]
	if e == nil {
		return
	}
	entry := s.order.Remove(e).(*stateEntry)
	delete(s.by, key)
	owned := s.owned[key.owner()]
	if owned.Remove(entry.owned); owned.Len() == 0 {
		delete(s.owned, key.owner())
	}
}

func (s *states) drop(source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	owned := s.owned[stateKey{source: source}.owner()]
	if owned == nil {
		return
	}
	for e := owned.Front(); e != nil; {
		key := e.Value.(stateKey)
		e = e.Next()
		if key.source == source {
			s.forget(key)
		}
	}
}
