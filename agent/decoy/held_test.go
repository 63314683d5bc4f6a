package decoy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy"
)

// dialer is a client that sees bytes as they are.
type dialer struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func (s *sensor) dial(t *testing.T) *dialer {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetReadDeadline(time.Now().Add(patience))
	return &dialer{c, t, bufio.NewReader(c)}
}

func (d *dialer) send(text string) {
	d.t.Helper()
	if _, err := io.WriteString(d, text); err != nil {
		d.t.Fatal(err)
	}
}

// upTo reads until text ends in end.
func (d *dialer) upTo(end string) string {
	d.t.Helper()
	text := ""
	for !strings.HasSuffix(text, end) {
		b, err := d.r.ReadByte()
		if err != nil {
			d.t.Fatalf("%v after %q", err, text)
		}
		text += string(b)
	}
	return text
}

var varying = regexp.MustCompile(`(Date: )[^\r]*|(sessionId=)[0-9a-f-]+`)

// The bytes of an event stream on a connection that was taken over from net/http are
// those that net/http sends, in every framing; what follows it is served.
func TestHeldBytes(t *testing.T) {
	const (
		head  = "HTTP/1.%d 200 OK\r\nCache-Control: no-cache\r\nContent-Type: text/event-stream\r\nDate: *\r\n%s\r\n"
		frame = "event: endpoint\ndata: /messages?sessionId=*\n\n"
		chunk = "50\r\nevent: endpoint\ndata: /messages?sessionId=*\n\n\r\n"
	)
	for _, tt := range []struct {
		name, request, want string
	}{
		{"HTTP/1.1", "GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n", fmt.Sprintf(head, 1, "Transfer-Encoding: chunked\r\n") + chunk + "0\r\n\r\n"},
		{"HTTP/1.1, closing", "GET /sse HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", fmt.Sprintf(head, 1, "Connection: close\r\nTransfer-Encoding: chunked\r\n") + chunk + "0\r\n\r\n"},
		{"HTTP/1.0", "GET /sse HTTP/1.0\r\nHost: localhost\r\n\r\n", fmt.Sprintf(head, 0, "") + frame},
		{"HTTP/1.0, keep-alive", "GET /sse HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n", fmt.Sprintf(head, 0, "") + frame},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, nil)
			c := s.dial(t)
			c.send(tt.request)
			got := c.upTo("sessionId=") + c.upTo("\n\n")
			_ = c.Conn.(*net.TCPConn).CloseWrite() // it has enough, and still listens
			rest, err := io.ReadAll(c.r)
			if err != nil {
				t.Fatal(err)
			}
			if got = varying.ReplaceAllString(got+string(rest), "$1$2*"); got != tt.want {
				t.Errorf("sent\n%q, want\n%q", got, tt.want)
			}
			if got := s.rec.outcomes(t, 2); got != "stream_opened stream_closed" {
				t.Errorf("recorded %s", got)
			}
		})
	}
}

// A connection whose stream ended takes further requests, whether they came before or
// after the end, and each keeps its own head.
func TestHeldConnectionServesOn(t *testing.T) {
	for _, early := range []bool{true, false} {
		t.Run(fmt.Sprintf("early=%v", early), func(t *testing.T) {
			s := start(t, nil)
			n := s.initialize(t, "2025-06-18")
			c := s.dial(t)
			c.send("GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nMcp-Session-Id: " + n.headers.Get("Mcp-Session-Id") + "\r\n\r\n")
			c.upTo("\r\n\r\n")
			const next = "GET /health HTTP/1.1\r\nHost: localhost\r\nX-N: 2\r\n\r\n"
			if early {
				c.send(next[:20])
				time.Sleep(10 * time.Millisecond)
				c.send(next[20:])
				time.Sleep(10 * time.Millisecond)
			}
			s.rec.wait(t, 2)
			n.end(t, http.StatusNoContent)
			if got := c.upTo("0\r\n\r\n"); got != "0\r\n\r\n" {
				t.Errorf("the stream ends with %q", got)
			}
			if !early {
				c.send(next)
			}
			if got := c.upTo("\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") {
				t.Errorf("the next request is answered by %q", got)
			}
			for _, ev := range s.rec.wait(t, 5) {
				if ev.Path == "/health" && !strings.Contains(ev.Head, "X-N: 2") {
					t.Errorf("the next request is recorded with the head %q", ev.Head)
				}
			}
		})
	}
}

// A request behind a stream that the client then leaves is recorded, though not served.
func TestBehindHeldStream(t *testing.T) {
	s := start(t, nil)
	c := s.dial(t)
	c.send("GET /sse HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\nGET /behind HTTP/1.1\r\nHost: localhost\r\n\r\n")
	c.upTo("\n\n")
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	heads := ""
	for _, ev := range s.rec.wait(t, 3) {
		heads += ev.Outcome + " " + ev.Head + "; "
	}
	if !strings.Contains(heads, "not_served GET /behind") {
		t.Errorf("recorded: %q", heads)
	}
}

// A connection has only so long for its head, sends what it will, and a stop does not
// wait for it.
func TestDawdlers(t *testing.T) {
	s := start(t, func(o *decoy.Options) { o.Limits.Head = 200 * time.Millisecond })
	c := s.dial(t)
	c.send("GET /mcp HTTP/1.1\r\nHo")
	if b, err := io.ReadAll(c.r); err != nil || len(b) > 0 {
		t.Errorf("a head that does not end is answered by %q, %v", b, err)
	}
	if ev := s.rec.wait(t, 1)[0]; ev.Outcome != "head_incomplete" || ev.Head != "GET /mcp HTTP/1.1\r\nHo" {
		t.Errorf("recorded %s %q", ev.Outcome, ev.Head)
	}

	s = start(t, func(o *decoy.Options) { o.Limits.Head = time.Hour })
	c = s.dial(t)
	c.send("GET /mcp HT")
	for s.Load().Connections == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for end := time.Now().Add(patience); s.Load().Connections != 0; time.Sleep(time.Millisecond) { // it is Serve that waits for them
		if time.Now().After(end) {
			t.Fatalf("%d connections after the stop", s.Load().Connections)
		}
	}
}

// lacking is a listener that lacks descriptors now and then, as accept(2) tells it.
type lacking struct {
	net.Listener
	times int
}

func (l *lacking) Accept() (net.Conn, error) {
	if l.times > 0 {
		l.times--
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

// A lack of descriptors passes: the decoy then goes on accepting.
func TestLackOfDescriptors(t *testing.T) {
	for _, proxied := range []bool{false, true} {
		s := decoyFor(t, func(o *decoy.Options) { o.ProxyProtocol = proxied })
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- s.Serve(&lacking{l, 3}) }()
		if answer := raw(t, l.Addr().String(), "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 200") {
			t.Errorf("proxied=%v: after a lack of descriptors: %q", proxied, answer)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		select {
		case err := <-served:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Fatalf("proxied=%v: it accepts after the stop", proxied)
		}
	}
}

// What ten thousand idle connections hold is what an attacker can make a sensor hold.
func TestCrowdIsCheap(t *testing.T) {
	const crowd = 500
	for _, tt := range []struct {
		name, send string
		goroutines int
		most       uint64 // bytes, of both ends
	}{
		{"idle streams", "GET /sse HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.5.0\r\nAccept: text/event-stream\r\n\r\n", 2, 18 << 10},
		{"dawdlers", "GET / HTTP/1.1\r\nX: ", 1, 9 << 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, func(o *decoy.Options) {
				o.Limits.Head = time.Hour
				o.Limits.ConnectionsPerSource, o.Limits.StreamsPerSource = 2*crowd, 2*crowd
			})
			hold := func(n int) {
				for range n {
					c, err := net.Dial("tcp", s.addr)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { c.Close() })
					if _, err := io.WriteString(c, tt.send); err != nil {
						t.Fatal(err)
					}
				}
			}
			settle := func(n int) (bytes uint64, goroutines int) {
				for end := time.Now().Add(patience); s.Load().Connections < n || goroutines != runtime.NumGoroutine(); {
					if time.Now().After(end) {
						t.Fatal("the crowd does not settle")
					}
					goroutines = runtime.NumGoroutine()
					time.Sleep(100 * time.Millisecond)
				}
				var m runtime.MemStats
				for range 4 { // stacks shrink by half at a time
					runtime.GC()
				}
				runtime.ReadMemStats(&m)
				return m.HeapAlloc + m.StackInuse, goroutines
			}
			hold(crowd / 5)
			before, were := settle(crowd / 5)
			hold(crowd)
			after, are := settle(crowd + crowd/5)
			each := (after - before) / crowd
			t.Logf("%d bytes and %.2f goroutines for each", each, float64(are-were)/crowd)
			if each > tt.most || are-were > tt.goroutines*crowd+crowd/10 {
				t.Errorf("each takes %d bytes and %.2f goroutines, want at most %d and %d", each, float64(are-were)/crowd, tt.most, tt.goroutines)
			}
		})
	}
}

// pipeListener accepts the other ends of pipes, which hold nothing: a write waits for
// its reader.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// A stop does not wait for a client that does not read how a stream ends which was let go.
func TestStopBeforeTheLastChunk(t *testing.T) {
	s := decoyFor(t, func(o *decoy.Options) { o.Backend, o.Limits.Write = &hub{}, time.Minute })
	l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	its, ours := net.Pipe()
	l.conns <- its
	c := &dialer{ours, t, bufio.NewReaderSize(ours, 16)}
	post := func(header, body string) {
		text := fmt.Sprintf("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s%sContent-Length: %d\r\n\r\n%s", both, header, len(body), body)
		go io.WriteString(ours, text)
	}
	post("", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}`)
	_, id, _ := strings.Cut(c.upTo("\r\n\r\n"), "Mcp-Session-Id: ")
	id, _, _ = strings.Cut(id, "\r\n")
	c.upTo("}}}")
	post("Mcp-Session-Id: "+id+"\r\n", toolCall(2, "hang_up"))
	c.upTo("data: \n\n\r\n")
	c.upTo("data: \n\n\r\n") // the second says when to come back; then the stream ends
	time.Sleep(50 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_ = s.Shutdown(ctx) // it says that it cut something off
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("a stop that had 100ms took %v", took)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// A body that does not come is not waited for beyond its time, however its length was
// announced: the client is told, and the connection ends.
func TestStalledBodies(t *testing.T) {
	const head = "POST %s HTTP/1.1\r\nHost: %s\r\nAccept: */*\r\nContent-Type: application/json\r\n"
	for _, tt := range []struct{ name, request, status string }{
		{"length", fmt.Sprintf(head, "/mcp", "localhost") + "Content-Length: 100\r\n\r\n{", "400"},
		{"chunks", fmt.Sprintf(head, "/mcp", "localhost") + "Transfer-Encoding: chunked\r\n\r\n5\r\n{", "400"},
		{"no such path", fmt.Sprintf(head, "/nosuch", "localhost") + "Content-Length: 100\r\n\r\n{", "400"},
		{"too large", fmt.Sprintf(head, "/mcp", "localhost") + "Content-Length: 5000\r\n\r\n" + strings.Repeat(" ", 3000), "413"},
		{"announced", fmt.Sprintf(head, "/mcp", "localhost") + "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n", "400"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(o *decoy.Options) { o.Limits.Read, o.Limits.Body = 200*time.Millisecond, 2000 })
			c := s.dial(t)
			began := time.Now()
			c.send(tt.request)
			answer, err := io.ReadAll(c.r) // to the end of the connection
			if _, final, ok := strings.Cut(string(answer), "100 Continue\r\n\r\n"); ok {
				answer = []byte(final)
			}
			if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 "+tt.status) || time.Since(began) > patience/2 {
				t.Errorf("after %v: %q, %v", time.Since(began), answer, err)
			}
		})
	}
}

// Each head has the same time from its first byte on, not only the first of a connection,
// which between requests may be idle for longer.
func TestEveryHeadHasItsTime(t *testing.T) {
	for _, stream := range []bool{false, true} { // served by net/http, or by the lobby
		s := start(t, func(o *decoy.Options) { o.Limits.Head, o.Limits.Idle = 200*time.Millisecond, time.Hour })
		c := s.dial(t)
		if stream {
			n := s.initialize(t, "2025-06-18")
			c.send("GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nMcp-Session-Id: " + n.headers.Get("Mcp-Session-Id") + "\r\n\r\n")
			c.upTo("\r\n\r\n")
			n.end(t, http.StatusNoContent)
			c.upTo("0\r\n\r\n")
		} else {
			c.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
			c.upTo("}")
		}
		time.Sleep(400 * time.Millisecond) // it may be idle
		c.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
		c.upTo("}")
		c.send("GET /health HTTP/1.1\r\nHos")
		if rest, err := io.ReadAll(c.r); err != nil || len(rest) > 0 {
			t.Errorf("stream=%v: half a head is answered by %q, %v", stream, rest, err)
		}
	}
}

// A client that leaves its stream is noticed at once, with a request sent ahead as well.
func TestLeavingWithARequestAhead(t *testing.T) {
	s := start(t, nil)
	c := s.dial(t)
	c.send("GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
	c.upTo("\n\n")
	c.Close()
	for end := time.Now().Add(patience); !strings.Contains(s.rec.outcomes(t, 1), "stream_closed"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("recorded is %s", s.rec.outcomes(t, 1))
		}
	}
}
