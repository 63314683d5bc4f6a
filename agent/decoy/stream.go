package decoy

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
)

// What is kept for clients that come back with Last-Event-ID.
const (
	replayEvents  = 64        // of one stream
	replayBytes   = 256 << 10 // of one stream, or one larger event
	replayOwner   = 4 << 20   // of all streams of one address
	replayTotal   = 64 << 20  // of all streams together
	replayStreams = 8         // of one session
)

// mailboxBytes is what may wait for one connection that reads slowly.
const mailboxBytes = 4 << 20

// stream is the server's half of one event stream. It outlives its connection:
// what could not be written, and the last of what was, is kept for a client that
// comes back.
type stream struct {
	profile profile.Profile
	name    string // in event ids; "" for a stream whose events have none
	budget  *budget
	owner   string // who is charged for what is kept

	mu    sync.Mutex
	last  int // number of the newest event
	kept  []streamEvent
	size  int
	sink  sink // the connection; nil when there is none
	ended bool

	live atomic.Bool // sink is there, for who must not wait for a write
}

// sink is where a stream's frames go.
type sink interface {
	push(frame []byte) bool // false when the connection is gone
	close()                 // another connection took over, or nothing more comes
}

type streamEvent struct {
	number int
	frame  []byte
}

// budget bounds what the streams of one owner, and all together, keep.
type budget struct {
	each, all int
	mu        sync.Mutex
	used      int
	by        map[string]int
}

func newBudget(each, all int) *budget { return &budget{each: each, all: all, by: map[string]int{}} }

func (b *budget) take(owner string, n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+n > b.all || b.by[owner]+n > b.each {
		return false
	}
	b.used += n
	b.by[owner] += n
	return true
}

func (b *budget) give(owner string, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	if b.by[owner] -= n; b.by[owner] == 0 {
		delete(b.by, owner)
	}
}

// eventID is the id of an event: the stream's name, a dash, its number there.
func (t *stream) eventID(n int) string {
	if t.name == "" {
		return ""
	}
	return t.name + "-" + strconv.Itoa(n)
}

// parseEventID splits what eventID made, or what a client made up.
func parseEventID(id string) (name string, number int, ok bool) {
	name, digits, ok := strings.Cut(id, "-")
	number, err := strconv.Atoi(digits)
	return name, number, ok && err == nil && number >= 0 && name != ""
}

// send passes a message on, or keeps it for later. It reports false when nobody
// will get it.
func (t *stream) send(message []byte) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false
	}
	t.last++
	frame := t.profile.Event(t.eventID(t.last), message)
	kept := t.keep(frame)
	t.push(frame)
	return kept || t.sink != nil
}

// prime sends the event that gives the client an id to come back with.
func (t *stream) prime(retry time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.push(t.profile.Prime(t.eventID(t.last), retry.Milliseconds()))
}

func (t *stream) push(frame []byte) {
	if t.sink != nil && !t.sink.push(frame) {
		t.connect(nil)
	}
}

// keep stores an event for replay, the oldest making room.
func (t *stream) keep(frame []byte) bool {
	if t.name == "" {
		return false
	}
	for len(t.kept) > 0 && (len(t.kept) >= replayEvents || t.size+len(frame) > replayBytes) {
		t.drop()
	}
	for !t.budget.take(t.owner, len(frame)) {
		if len(t.kept) == 0 {
			return false
		}
		t.drop() // a replay may begin late, but has no holes
	}
	t.kept, t.size = append(t.kept, streamEvent{t.last, frame}), t.size+len(frame)
	return true
}

func (t *stream) drop() {
	n := len(t.kept[0].frame)
	t.kept[0] = streamEvent{}
	t.kept, t.size = t.kept[1:], t.size-n
	t.budget.give(t.owner, n)
}

// attach gives the stream a connection, in place of the one it had, and replays
// what came after the event with the given number.
func (t *stream) attach(after int, to sink) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cut()
	t.connect(to)
	for _, e := range t.kept {
		if e.number > after {
			t.push(e.frame)
		}
	}
	if t.ended {
		t.cut()
	}
}

// connect sets the connection, nil for none.
func (t *stream) connect(to sink) {
	t.sink = to
	t.live.Store(to != nil)
}

// cut ends the connection.
func (t *stream) cut() {
	if t.sink != nil {
		t.sink.close()
		t.connect(nil)
	}
}

// detach takes a connection away, unless another one has taken over.
func (t *stream) detach(from sink) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sink == from {
		t.connect(nil)
	}
}

// hangUp ends the connection and keeps the stream; the client comes back after
// the given time for what is still to come.
func (t *stream) hangUp(retry time.Duration) {
	t.prime(retry)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cut()
}

// connected reports whether a client is listening.
func (t *stream) connected() bool { return t.live.Load() }

// end says that nothing more will be sent. What is kept stays for replay.
func (t *stream) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.finish()
}

func (t *stream) finish() {
	t.ended = true
	t.cut()
}

// forget frees what is kept.
func (t *stream) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.finish()
	for len(t.kept) > 0 {
		t.drop()
	}
	t.kept = nil
}

// mailbox holds frames on their way to one connection, so that who sends does
// not wait for who reads.
type mailbox struct {
	wake chan struct{} // something to write, or closed

	mu     sync.Mutex
	frames [][]byte
	size   int
	closed bool
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// push adds a frame. It reports false when nobody reads any more; a reader that
// lets too much pile up is cut off.
func (m *mailbox) push(frame []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.size > 0 && m.size+len(frame) > mailboxBytes {
		m.closed = true
	} else if !m.closed {
		m.frames, m.size = append(m.frames, frame), m.size+len(frame)
	}
	m.signal()
	return !m.closed
}

// take returns all that waits, and whether nothing more will come.
func (m *mailbox) take() (frames [][]byte, closed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	frames, m.frames, m.size = m.frames, nil, 0
	return frames, m.closed
}

// close ends the mailbox; what waits can still be taken.
func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.signal()
}

func (m *mailbox) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}
