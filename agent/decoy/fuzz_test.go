package decoy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
)

// FuzzCheckHead holds that net/http's parser accepts every head that we let
// pass, so that it never answers in its own words.
func FuzzCheckHead(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /mcp HTTP/1.1\nHost: [::1]:80\nContent-Length: 3\n\n",
		"GET /%41?q=%zz HTTP/1.1\r\nHost: a\r\nExpect: x\r\nTrailer: Host\r\n\r\n",
		"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
		"OPTIONS * HTTP/1.0\r\n\r\n",
		"GET //a/b HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET http://x\x7f/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		end := headEnd(b, 0)
		if end == 0 || len(b) == 0 || !isTokenChar(b[0]) {
			return
		}
		clean, _, refusal := checkHead(b[:end])
		if refusal != "" {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(clean)))
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", clean, err)
		}
		if r.Header.Get("Trailer") != "" || (r.Header.Get("Expect") != "" && !strings.EqualFold(r.Header.Get("Expect"), "100-continue")) {
			t.Fatalf("a field that net/http answers by itself passed: %q", clean)
		}
	})
}

// memConn is a connection whose client has sent all it will and only reads.
type memConn struct {
	net.Conn
	in  bytes.Reader
	mu  sync.Mutex
	out bytes.Buffer
	end chan struct{}
	one sync.Once
}

func (c *memConn) Read(p []byte) (int, error) { return c.in.Read(p) }

func (c *memConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(p)
}

func (c *memConn) Close() error                     { c.one.Do(func() { close(c.end) }); return nil }
func (c *memConn) SetDeadline(time.Time) error      { return nil }
func (c *memConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memConn) SetWriteDeadline(time.Time) error { return nil }
func (c *memConn) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (c *memConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2} }

// oneConn is a listener of one connection, which ends with it.
type oneConn struct{ c chan net.Conn }

func (l *oneConn) Accept() (net.Conn, error) {
	if c, ok := <-l.c; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// FuzzConn sends any bytes through a connection of net/http and holds that
// nothing but the profile's answers comes back: never net/http's own 400, which
// has a text/plain body.
func FuzzConn(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\nPUT / HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n{}{}GET"))
	f.Add([]byte("\x16\x03\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		srv := &http.Server{
			MaxHeaderBytes: 64 << 10, DisableGeneralOptionsHandler: true,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<16))
				w.WriteHeader(http.StatusTeapot)
			}),
		}
		mem := &memConn{in: *bytes.NewReader(b), end: make(chan struct{})}
		l := &oneConn{make(chan net.Conn, 1)}
		l.c <- newConn(mem, 1024, func(*conn, string, []wireHead) {})
		close(l.c)
		_ = srv.Serve(l)
		select {
		case <-mem.end:
		case <-time.After(5 * time.Second):
			panic(fmt.Sprintf("the connection hangs on %q", b))
		}
		answer := mem.out.Bytes()
		if bytes.Contains(answer, []byte("text/plain")) || bytes.Contains(answer, []byte("HTTP/1.1 5")) || bytes.Contains(answer, []byte("417")) {
			t.Fatalf("net/http answered by itself to %q:\n%s", b, answer)
		}
	})
}

// FuzzParseBody holds that what is accepted can be answered with valid JSON that
// carries the id as it was sent.
func FuzzParseBody(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"ping"}`, `[{"jsonrpc":"2.0","id":1.0e3,"method":"x","params":{}},1,null,[]]`,
		`{"jsonrpc":"2.0","id":"\ud800","method":"tools/call","params":{"name":"x","arguments":{"a":[{}]}}}`,
		`{"id":true}`, `[]`, `{"a":{"a":{"a":{}}}}`, ` {"jsonrpc" : "2.0" , "id" : -1 , "result" : 1 } `,
		`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":7}}}`,
		`{"jsonrpc":"2.0","id":1,"id":2,"method":"ping","method":"x","params":null}`, `{"jsonrpc":"2.0","id":1e400,"method":"\u0000"}`,
		"\xef\xbb\xbf{}", "\x00{}", `{"jsonrpc":"2.0","id":"` + strings.Repeat("x", maxID) + `","method":"ping"}`, `[[[[]]]]`,
		`{"jsonrpc":"2.0","id":1,"error":7}`, `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"_meta":null,"notifications":{"resourceSubscriptions":[null]}}}`,
	} {
		f.Add([]byte(s))
	}
	limits := DefaultLimits()
	f.Fuzz(func(t *testing.T, b []byte) {
		msgs, _, refusal := parseBody(b, &limits)
		if refusal != "" {
			if msgs != nil {
				t.Fatal("messages beside a refusal")
			}
			return
		}
		for _, m := range msgs {
			_ = eraOf(http.Header{}, m)
			code, detail := checkModern(nil, m)
			o := profile.Outcome{Code: code, Detail: detail, ID: m.id}
			if m.fault != "" {
				o.Code = m.fault
			} else if code == "" {
				o.Code, o.Detail = profile.UnknownTool, m.method
			}
			if answer := (profile.Strict{}).Message(o); !json.Valid(answer) {
				t.Fatalf("answer is not JSON: %s", answer)
			}
		}
	})
}

func FuzzDecodeHeader(f *testing.F) {
	f.Add("=?base64?ZWNobw==?=")
	f.Add("plain")
	f.Add("=?base64??=")
	f.Fuzz(func(t *testing.T, s string) {
		if v, ok := decodeHeader(s); ok && !strings.HasPrefix(s, "=?base64?") && v != s {
			t.Fatalf("decodeHeader(%q) = %q", s, v)
		}
	})
}
