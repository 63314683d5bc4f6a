package decoy

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
)

// frames is a connection that takes n frames and then is gone.
type frames struct {
	mu     sync.Mutex
	n      int
	got    []string
	closed int
}

func (f *frames) push(frame []byte) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.got) >= f.n {
		return false
	}
	f.got = append(f.got, string(frame))
	return true
}

func (f *frames) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed++
}

// ids are the event ids of what came.
func (f *frames) ids() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, frame := range f.got {
		id, _, _ := strings.Cut(frame, "\n")
		out = append(out, strings.TrimPrefix(id, "id: "))
	}
	return strings.Join(out, " ")
}

func newTestStream(name string, b *budget) *stream {
	return &stream{profile: profile.Strict{}, name: name, budget: b}
}

func TestStreamReplay(t *testing.T) {
	b := newBudget(replayOwner, replayTotal)
	s := newTestStream("1", b)
	for i := range 5 {
		if !s.send(fmt.Appendf(nil, "%d", i)) {
			t.Fatal("what is kept was refused")
		}
	}
	tests := []struct {
		name  string
		after int
		want  string
	}{
		{"all", 0, "1-1 1-2 1-3 1-4 1-5"},
		{"the rest", 3, "1-4 1-5"},
		{"nothing", 5, ""},
		{"a number to come", 99, ""},
	}
	for _, tt := range tests {
		to := &frames{n: 10}
		s.attach(tt.after, to)
		if to.ids() != tt.want {
			t.Errorf("%s: replayed %q, want %q", tt.name, to.ids(), tt.want)
		}
		s.detach(to)
	}
	s.end()
	late := &frames{n: 10}
	s.attach(4, late)
	if late.ids() != "1-5" || late.closed != 1 || s.connected() {
		t.Errorf("an ended stream: replayed %q, closed %d times", late.ids(), late.closed)
	}
	if s.send(nil) {
		t.Error("an ended stream took a message")
	}
}

// The oldest events make room, by number and by size.
func TestStreamEvicts(t *testing.T) {
	b := newBudget(replayOwner, replayTotal)
	many := newTestStream("1", b)
	for range replayEvents + 10 {
		many.send([]byte("x"))
	}
	to := &frames{n: 1000}
	many.attach(0, to)
	if n := len(to.got); n != replayEvents || !strings.HasPrefix(to.ids(), "1-11 ") {
		t.Errorf("replayed %d events: %s", n, to.ids())
	}
	large := newTestStream("2", b)
	for range 5 {
		large.send(make([]byte, replayBytes/3))
	}
	if large.size > replayBytes || len(large.kept) != 2 || large.kept[0].number != 4 {
		t.Errorf("kept %d events of %d bytes from number %d", len(large.kept), large.size, large.kept[0].number)
	}
	many.forget()
	large.forget()
	if b.used != 0 || len(b.by) != 0 {
		t.Errorf("%d bytes of the budget are lost", b.used)
	}
}

// Who has no room and no connection is told that nobody will get it.
func TestStreamBudget(t *testing.T) {
	b := newBudget(200, 400)
	s := newTestStream("1", b)
	if !s.send(make([]byte, 100)) {
		t.Error("what fits was refused")
	}
	if s.send(make([]byte, 190)) {
		t.Error("what does not fit was taken without a connection")
	}
	to := &frames{n: 5}
	s.attach(0, to)
	if !s.send(make([]byte, 190)) {
		t.Error("what does not fit was refused with a connection")
	}
	s.forget()
	if b.used != 0 {
		t.Errorf("%d bytes of the budget are lost", b.used)
	}
}

// A stream is taken over by a second connection, and the first, leaving late,
// does not take the second away.
func TestStreamTakeOver(t *testing.T) {
	s := newTestStream("0", newBudget(replayOwner, replayTotal))
	first, second := &frames{n: 5}, &frames{n: 5}
	s.attach(0, first)
	s.send(nil)
	s.attach(1, second)
	s.detach(first)
	s.send(nil)
	if first.ids() != "0-1" || first.closed != 1 || second.ids() != "0-2" || !s.connected() {
		t.Errorf("first got %q and was closed %d times, second got %q", first.ids(), first.closed, second.ids())
	}
	broken := &frames{}
	s.attach(2, broken)
	s.send(nil)
	if s.connected() {
		t.Error("a connection that takes nothing is still one")
	}
}

// Many connections come and go while messages are sent; the budget is whole
// after it.
func TestStreamConcurrent(t *testing.T) {
	b := newBudget(1<<20, 1<<20)
	limits := DefaultLimits()
	store := newSessions(t.Context(), func() *Limits { return &limits }, func(string) {})
	var wg sync.WaitGroup
	for range 8 {
		n := store.open("a", false, time.Now())
		for range 20 {
			s := newTestStream("", b)
			n.reply(s)
			wg.Go(func() {
				for i := range 50 {
					s.send(bytes.Repeat([]byte("x"), 100*i))
				}
				s.end()
			})
			wg.Go(func() {
				for i := range 5 {
					to := &frames{n: i}
					s.attach(i, to)
					s.detach(to)
				}
			})
		}
		wg.Go(func() { store.end(n.id) })
	}
	wg.Wait()
	if b.used != 0 || len(b.by) != 0 {
		t.Errorf("%d bytes of the budget are lost", b.used)
	}
}

// A reader that lets too much pile up is cut off; what waits it may still have.
func TestMailbox(t *testing.T) {
	m := newMailbox()
	if !m.push(make([]byte, mailboxBytes+1)) {
		t.Error("one frame, however large, was refused")
	}
	if m.push([]byte("x")) {
		t.Error("a full mailbox took more")
	}
	frames, closed := m.take()
	if len(frames) != 1 || !closed {
		t.Errorf("took %d frames, closed = %v", len(frames), closed)
	}
	if m.push(nil) {
		t.Error("a closed mailbox took more")
	}
	m = newMailbox()
	for range 3 {
		if !m.push(make([]byte, mailboxBytes)) {
			t.Error("what was read does not make room")
		}
		m.take()
	}
	m.close()
	m.close()
	if _, closed := m.take(); !closed {
		t.Error("close does not close")
	}
}

func TestParseEventID(t *testing.T) {
	tests := []struct {
		id, name string
		number   int
		ok       bool
	}{
		{"0-0", "0", 0, true},
		{"12-7", "12", 7, true},
		{"a-1", "a", 1, true},
		{"", "", 0, false},
		{"-", "", 0, false},
		{"1", "", 0, false},
		{"1-", "", 0, false},
		{"-1", "", 0, false},
		{"1--1", "", 0, false},
		{"1-x", "", 0, false},
		{"1-1-1", "", 0, false},
		{"1-99999999999999999999", "", 0, false},
	}
	for _, tt := range tests {
		name, number, ok := parseEventID(tt.id)
		if ok != tt.ok || (ok && (name != tt.name || number != tt.number)) {
			t.Errorf("parseEventID(%q) = %q, %d, %v", tt.id, name, number, ok)
		}
	}
}
