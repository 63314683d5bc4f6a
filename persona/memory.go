package persona

import (
	"bytes"
	"container/list"
	"crypto/sha256"
	"sync"
)

// memo remembers outputs by what went into the guest, bounded in bytes, least
// recently used out first. Guests are pure, so a remembered output is the output.
type memo struct {
	limit int64
	mu    sync.Mutex
	size  int64
	by    map[[32]byte]*list.Element
	order *list.List
}

type memoEntry struct {
	key [32]byte
	out *output
}

// entryOverhead is about what an entry costs beside its bytes.
const entryOverhead = 256

func newMemo(limit int64) *memo {
	return &memo{limit: limit, by: map[[32]byte]*list.Element{}, order: list.New()}
}

func memoKey(module [32]byte, in []byte) [32]byte {
	h := sha256.New()
	h.Write(module[:])
	h.Write(in)
	return [32]byte(h.Sum(nil))
}

// size is what an entry holds: the guest's whole output, of which the parts are
// slices.
func (e *memoEntry) size() int64 { return int64(e.out.size) + entryOverhead }

func (m *memo) get(key [32]byte) (*output, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.by[key]
	if e == nil {
		return nil, false
	}
	m.order.MoveToFront(e)
	return e.Value.(*memoEntry).out, true
}

func (m *memo) put(key [32]byte, out *output) {
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

// maxStates is how many sources' states are kept. With 16 KiB each at the most,
// a flood of sources costs 64 MiB and then only its own oldest states.
const maxStates = 4096

// states keeps what personas want to remember of a source, and makes the calls
// of one source and persona take turns.
type states struct {
	mu    sync.Mutex
	by    map[stateKey]*list.Element
	order *list.List
	turns map[stateKey]*turn
}

type stateKey struct{ source, persona string }

type stateEntry struct {
	key  stateKey
	json []byte
}

type turn struct {
	mu      sync.Mutex
	waiting int
}

func newStates() *states {
	return &states{by: map[stateKey]*list.Element{}, order: list.New(), turns: map[stateKey]*turn{}}
}

// lock waits for the turn of a source and persona; the result gives it back.
func (s *states) lock(source, persona string) (unlock func()) {
	key := stateKey{source, persona}
	s.mu.Lock()
	t := s.turns[key]
	if t == nil {
		t = &turn{}
		s.turns[key] = t
	}
	t.waiting++
	s.mu.Unlock()
	t.mu.Lock()
	return func() {
		t.mu.Unlock()
		s.mu.Lock()
		if t.waiting--; t.waiting == 0 {
			delete(s.turns, key)
		}
		s.mu.Unlock()
	}
}

func (s *states) get(source, persona string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.by[stateKey{source, persona}]
	if e == nil {
		return nil
	}
	s.order.MoveToFront(e)
	return e.Value.(*stateEntry).json
}

// set stores a state; JSON null clears it.
func (s *states) set(source, persona string, json []byte) {
	key := stateKey{source, persona}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.by[key]; e != nil {
		s.order.Remove(e)
		delete(s.by, key)
	}
	if string(json) == "null" {
		return
	}
	s.by[key] = s.order.PushFront(&stateEntry{key, bytes.Clone(json)}) // it is a slice of a whole output
	if s.order.Len() > maxStates {
		old := s.order.Remove(s.order.Back()).(*stateEntry)
		delete(s.by, old.key)
	}
}

func (s *states) drop(source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, e := range s.by {
		if key.source == source {
			s.order.Remove(e)
			delete(s.by, key)
		}
	}
}
