package decoy_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy"
)

// Numbers that take the validator's arithmetic seconds, or trip it, are refused
// before it sees them, on every transport.
func TestWildNumbers(t *testing.T) {
	s := start(t, nil)
	c := s.initialize(t, "2025-11-25")
	for _, n := range []string{"1e9999999", "1e1000000", "-1E+00099999", "1e-1000000", strings.Repeat("9", 5000)} {
		body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"a","n":` + n + `}}}`
		began := time.Now()
		if _, answer := c.call(t, body); !strings.Contains(answer, "Invalid arguments for tool echo: too large") {
			t.Errorf("%.20s was answered %s", n, answer)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%.20s took %v", n, took)
		}
		var out strings.Builder
		if err := s.ServeStdio(t.Context(), strings.NewReader(body), &out); err != nil || !strings.Contains(out.String(), "too large") {
			t.Errorf("over stdio: %v, %s", err, out.String())
		}
	}
	for _, n := range []string{"1e308", "-0.5", "12345678901234567890", "1E+2"} {
		_, answer := c.call(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"a\"1e9999999","n":`+n+`}}}`)
		if strings.Contains(answer, "too large") {
			t.Errorf("%s was answered %s", n, answer)
		}
	}
}

// A panic costs its own message of a batch, not the others.
func TestPanicInBatch(t *testing.T) {
	s := start(t, nil)
	c := s.initialize(t, "2025-03-26")
	status, answer := c.call(t, `[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"boom"}},{"jsonrpc":"2.0","id":3,"method":"ping"}]`)
	want := `[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":2,"error":{"code":-32603,"message":"Internal error"}},{"jsonrpc":"2.0","id":3,"result":{}}]`
	if status != 200 || answer != want {
		t.Errorf("\n got %d %s\nwant 200 %s", status, answer, want)
	}
	events := s.rec.wait(t, 4)
	if got := s.rec.outcomes(t, 4); got != "result result internal result" {
		t.Errorf("outcomes = %s", got)
	}
	// Head and text of the body stand once.
	for i, ev := range events[1:] {
		if first := i == 0; (ev.Head != "") != first || (ev.Body.Text != "") != first || ev.Body.SHA256 != events[1].Body.SHA256 {
			t.Errorf("message %d: head %q, body %+v", i, ev.Head, ev.Body)
		}
	}
}

// The sessions of one IPv6 network make room for each other, never for those of
// somebody else.
func TestSessionsOfOneNetwork(t *testing.T) {
	s := start(t, func(o *decoy.Options) {
		o.TrustedProxies = parsePrefixes("127.0.0.1/32")
		o.Limits.SessionsPerSource, o.Limits.Sessions = 2, 3
	})
	victim := s.initialize(t, "2025-11-25")
	for i := range 6 {
		c := &client{s.url + "/mcp", http.Header{"X-Forwarded-For": {fmt.Sprintf("2001:db8::%d", i+1)}}}
		c.call(t, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}`)
	}
	if status, _ := victim.call(t, `{"jsonrpc":"2.0","id":1,"method":"ping"}`); status != http.StatusOK {
		t.Errorf("another network's session: %d, want 200", status)
	}
}

// An event stream's session is none of the other transport's.
func TestStreamIsNoSession(t *testing.T) {
	s := start(t, nil)
	resp, err := http.Get(s.url + "/sse")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	frame := make([]byte, 200)
	n, _ := resp.Body.Read(frame)
	_, id, _ := strings.Cut(strings.TrimSpace(string(frame[:n])), "sessionId=")
	c := &client{s.url + "/mcp", http.Header{"Mcp-Session-Id": {id}}}
	c.end(t, http.StatusNotFound)
	post := &client{s.url + "/messages?sessionId=" + id, http.Header{}}
	if status, _ := post.call(t, `{"jsonrpc":"2.0","id":1,"method":"ping"}`); status != http.StatusAccepted {
		t.Errorf("the stream after that: %d, want 202", status)
	}
}

// A request behind one that ends the connection is recorded, though not served.
func TestPipelinedBehindClose(t *testing.T) {
	s := start(t, nil)
	raw(t, s.addr, "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\nGET /behind HTTP/1.1\r\nHost: localhost\r\n\r\n")
	heads := ""
	for _, ev := range s.rec.wait(t, 2) {
		heads += ev.Outcome + " " + ev.Head
	}
	if !strings.Contains(heads, "GET /behind") {
		t.Errorf("recorded: %q", heads)
	}
}

// A stop is bounded, whatever a client or a persona is doing.
func TestStopsAreBounded(t *testing.T) {
	s := start(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	_, unread := io.Pipe()
	stopped := make(chan error, 1)
	go func() {
		stopped <- s.ServeStdio(ctx, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}`+"\n"), unread)
	}()
	time.Sleep(50 * time.Millisecond)
	cancel()
	select {
	case err := <-stopped:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(4 * time.Second):
		t.Error("a client that does not read holds up the stop")
	}
}

// So is one while an answer on an event stream is not due for long.
func TestStopDoesNotWaitForStreams(t *testing.T) {
	s := start(t, nil)
	resp, err := http.Get(s.url + "/sse")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	frame := make([]byte, 200)
	n, _ := resp.Body.Read(frame)
	_, path, _ := strings.Cut(strings.TrimSpace(string(frame[:n])), "data: ")
	c := &client{s.url + path, http.Header{}}
	c.call(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"late"}}`)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_ = s.Shutdown(ctx) // it may say that it cut an answer off
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the stop took %v", took)
	}
	s.rec.wait(t, 2) // connect, and the call that was cut off
}
