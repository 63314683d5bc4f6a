package decoy

import (
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// newHeld is a stream whose client is the other end of the pipe.
func newHeld(s *Server) (*held, net.Conn) {
	ours, its := net.Pipe()
	c := newConn(ours, 1<<10, func(*conn, string, []wireHead) {})
	c.lobby = &lobby{inside: group{closed: true}} // no request follows
	return &held{server: s, conn: c, chunked: true, again: true, box: newMailbox()}, its
}

// An idle stream says that it is there, and what comes beside that is one chunk a frame.
func TestHeldKeepsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Profile: profile.Strict{}, Recorder: &events{}, Backend: fuzzBackend{}, Log: slog.New(noPanics{t: t})})
		h, its := newHeld(s)
		ended, done := time.Time{}, make(chan struct{})
		go func() { h.serve(func() { ended = time.Now() }); close(done) }()
		read := func() string {
			b := make([]byte, 100)
			n, err := its.Read(b)
			if err != nil {
				t.Error(err)
			}
			return string(b[:n])
		}
		began := time.Now()
		for i := range 2 {
			got := read()
			if want := "e\r\n: keep-alive\n\n\r\n"; got != want || time.Since(began) != time.Duration(i+1)*sseKeepAlive {
				t.Errorf("after %v: %q, want %q", time.Since(began), got, want)
			}
		}
		h.box.push([]byte("data: 1\n\n"))
		h.box.push(nil) // an empty chunk would end the stream
		h.box.push([]byte("data: 22\n\n"))
		if got := read() + read(); got != "9\r\ndata: 1\n\n\r\na\r\ndata: 22\n\n\r\n" {
			t.Errorf("frames are sent as %q", got)
		}
		h.box.close()
		if got := read(); got != lastChunk {
			t.Errorf("the end is %q", got)
		}
		<-done
		if ended.IsZero() {
			t.Error("the end was not told")
		}
	})
}

// A client that does not read is cut off, without an end that would look orderly.
func TestHeldUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Profile: profile.Strict{}, Recorder: &events{}, Backend: fuzzBackend{}, Log: slog.New(noPanics{t: t})})
		h, _ := newHeld(s)
		h.box.push([]byte("data: 1\n\n"))
		began := time.Now()
		h.serve(func() {})
		if took := time.Since(began); took != s.Limits.Write {
			t.Errorf("cut off after %v", took)
		}
		if _, err := h.conn.Write(nil); err == nil {
			t.Error("the connection is open")
		}
	})
}

// faulty is a connection with a fault of ours below it.
type faulty struct{ net.Conn }

func (faulty) Read([]byte) (int, error) { panic("a fault") }

// A fault of ours while a head is awaited costs one connection.
func TestLobbyPanic(t *testing.T) {
	var log strings.Builder
	ours, its := net.Pipe()
	closed := false
	c := newConn(faulty{ours}, 1<<10, func(*conn, string, []wireHead) { closed = true })
	b := &lobby{log: slog.New(slog.NewTextHandler(&log, nil))}
	b.admit(c, time.Hour)
	if _, err := its.Read(make([]byte, 1)); err == nil || !closed || len(b.inside.open) != 0 || !strings.Contains(log.String(), "panic on a connection") {
		t.Errorf("read: %v, closed: %v, log: %s", err, closed, &log)
	}
}

// A fault of ours costs one stream, and its place is given back.
func TestHeldPanic(t *testing.T) {
	var log strings.Builder
	s := New(Options{Profile: profile.Strict{}, Recorder: &events{}, Backend: answers(func(*sdk.Call) *sdk.Answer { return nil }), Log: slog.New(slog.NewTextHandler(&log, nil))})
	h, its := newHeld(s)
	h.box = nil
	ended := false
	h.serve(func() { ended = true })
	if _, err := its.Read(make([]byte, 1)); err == nil || !ended || !strings.Contains(log.String(), "panic on a connection") {
		t.Errorf("read: %v, ended: %v, log: %s", err, ended, &log)
	}
}
