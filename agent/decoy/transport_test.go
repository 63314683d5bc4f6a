package decoy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/killdeer-mcp/killdeer/agent/decoy"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// secured has a decoy speak TLS.
func secured(t testing.TB, o *decoy.Options) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	o.TLS = &tls.Config{Certificates: s.TLS.Certificates}
}

func TestTLS(t *testing.T) {
	s := start(t, func(o *decoy.Options) { secured(t, o) })
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "hub.example.com"}}}
	defer client.CloseIdleConnections()
	for range 2 { // over one connection
		resp, err := client.Get("https://" + s.addr + "/mcp")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	plain, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(plain, "GET /mcp HTTP/1.1\r\nHost: a\r\n\r\n")
	answer, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	plain.Close()
	// net/http would say that it is an HTTPS server.
	if bytes.Contains(answer, []byte("HTTP")) {
		t.Errorf("plain HTTP is answered %q", answer)
	}
	events := s.rec.wait(t, 3)
	for _, ev := range events[:2] {
		if !strings.HasPrefix(ev.Notes["tls"], "TLS 1.3 TLS_") || ev.Notes["tls_server_name"] != "hub.example.com" || ev.Head == "" {
			t.Errorf("a request over TLS is recorded as %+v", ev)
		}
	}
	if ev := events[2]; ev.Outcome != "tls_failed" || !strings.HasPrefix(ev.Head, "GET /mcp") || ev.IP != "127.0.0.1" {
		t.Errorf("plain HTTP to TLS is recorded as %+v", ev)
	}
}

func TestProxyProtocol(t *testing.T) {
	header := func(version byte, command proxyproto.ProtocolVersionAndCommand) string {
		h := proxyproto.HeaderProxyFromAddrs(version, &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 4711}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443})
		h.Command = command
		b, err := h.Format()
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	const request = "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 198.51.100.1\r\nConnection: close\r\n\r\n"
	for _, tt := range []struct {
		name, send, ip, outcome string
		trusted                 string
	}{
		{"version 1", header(1, proxyproto.PROXY) + request, "203.0.113.7", "route", "127.0.0.0/8"},
		{"version 2", header(2, proxyproto.PROXY) + request, "203.0.113.7", "route", "127.0.0.0/8"},
		{"the proxy itself", header(2, proxyproto.LOCAL) + request, "198.51.100.1", "route", "127.0.0.0/8"},
		{"no header", request, "127.0.0.1", "bad_proxy_header", "127.0.0.0/8"},
		{"broken header", "PROXY TCP4 1.2.3\r\n" + request, "127.0.0.1", "bad_proxy_header", "127.0.0.0/8"},
		{"nobody's header", header(1, proxyproto.PROXY) + request, "127.0.0.1", "bad_head", "10.0.0.0/8"},
		{"nobody's", request, "127.0.0.1", "route", "10.0.0.0/8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, func(o *decoy.Options) {
				o.ProxyProtocol, o.TrustedProxies = true, []netip.Prefix{netip.MustParsePrefix(tt.trusted)}
			})
			c, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprint(c, tt.send)
			_, _ = io.Copy(io.Discard, c)
			ev := s.rec.wait(t, 1)[0]
			if tt.name == "nobody's header" {
				tt.outcome = ev.Outcome // some fault of the head
			}
			if ev.IP != tt.ip || ev.Outcome != tt.outcome || !strings.HasPrefix(ev.Peer, "127.0.0.1:") {
				t.Errorf("recorded as %q from %s by %s, want %q from %s: %s", ev.Outcome, ev.IP, ev.Peer, tt.outcome, tt.ip, ev.Error)
			}
		})
	}
}

// A proxy that says nothing holds up nobody, and its connection ends.
func TestSilentProxy(t *testing.T) {
	s := start(t, func(o *decoy.Options) {
		o.ProxyProtocol, o.TrustedProxies = true, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		o.Limits.Head = 300 * time.Millisecond
	})
	silent, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	speaks, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer speaks.Close()
	fmt.Fprint(speaks, "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	if b, err := io.ReadAll(speaks); err != nil || !bytes.HasPrefix(b, []byte("HTTP/1.1 200")) {
		t.Errorf("beside a silent proxy: %q, %v", b, err)
	}
	if _, err := io.ReadAll(silent); err != nil {
		t.Error(err)
	}
	if got := s.rec.outcomes(t, 2); got != "route bad_proxy_header" {
		t.Errorf("outcomes %q", got)
	}
}

func TestApply(t *testing.T) {
	s := start(t, nil)
	limits := decoy.DefaultLimits()
	limits.Body = 64
	big := func() int {
		resp, err := http.Post(s.url, "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"pad":"`+strings.Repeat("x", 100)+`"}}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if status := big(); status == http.StatusRequestEntityTooLarge {
		t.Errorf("status %d before", status)
	}
	s.Apply(decoy.Settings{Limits: limits, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	if status := big(); status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d after", status)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.addr+"/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Forwarded-For", "203.0.113.9, 127.0.0.1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if ev := s.rec.wait(t, 3)[2]; ev.IP != "203.0.113.9" {
		t.Errorf("behind a proxy that is trusted since: %s", ev.IP)
	}
}

// FuzzProxyHeader feeds what a proxy may send before a request.
func FuzzProxyHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\nGET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x07\xc0\x00\x02\x01\x12\x67\x01\xbb"))
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"))
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x21\xff\xff"))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	s := start(f, func(o *decoy.Options) {
		o.ProxyProtocol, o.TrustedProxies = true, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		o.Limits.ConnectionsPerSource = 10_000
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = c.Write(data)
		_ = c.(*net.TCPConn).CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.ReadAll(c); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Fatalf("%q keeps a connection open", data)
		}
	})
}

// remarking notes what it was asked.
type remarking struct{ backend }

func (*remarking) Call(_ context.Context, _ string, c *sdk.Call) (*sdk.Answer, error) {
	a := said("x")
	a.Notes = map[string]string{"asked": string(c.Args)}
	return a, nil
}

// Each message of a batch has its own notes beside those of its connection, on both
// transports; on the older one they are served side by side.
func TestBatchesOverTLS(t *testing.T) {
	const size = 32
	s := start(t, func(o *decoy.Options) { o.Backend = &remarking{}; secured(t, o) })
	h := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer h.CloseIdleConnections()
	var batch []string
	for i := range size {
		batch = append(batch, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":{"text":"m%[1]d"}}}`, i))
	}
	post := func(path, session, body string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+s.addr+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
		if session != "" {
			r.Header["Mcp-Session-Id"] = []string{session}
		}
		resp, err := h.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return resp
	}
	opened := post("/mcp", "", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{}}}`)
	post("/mcp", opened.Header.Get("Mcp-Session-Id"), "["+strings.Join(batch, ",")+"]")
	stream, err := h.Get("https://" + s.addr + "/sse")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	r := bufio.NewReader(stream.Body)
	path := ""
	for !strings.HasPrefix(path, "data: ") {
		if path, err = r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	post(strings.TrimSpace(path[len("data: "):]), "", "["+strings.Join(batch, ",")+"]")
	seen := 0
	for _, ev := range s.rec.wait(t, 2+2*size) {
		if ev.Tool != "echo" {
			continue
		}
		if seen++; ev.Notes["asked"] != string(ev.Args) || ev.Notes["tls"] == "" {
			t.Errorf("%s %s has the notes %v", ev.Transport, ev.Args, ev.Notes)
		}
	}
	if seen != 2*size {
		t.Errorf("%d calls are recorded", seen)
	}
}

// A client over TLS that is idle for longer than an answer may take is told of a bad record
// in TLS's own words, beside an event stream as well: reading TLS is writing too.
func TestAlertToIdleClient(t *testing.T) {
	s := start(t, func(o *decoy.Options) { secured(t, o); o.Limits.Write = 300 * time.Millisecond })
	for name, request := range map[string]string{
		"answer": "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"stream": "GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			socket, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer socket.Close()
			c := tls.Client(socket, &tls.Config{InsecureSkipVerify: true})
			if _, err := io.WriteString(c, request); err != nil {
				t.Fatal(err)
			}
			if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			_, _ = io.WriteString(socket, "\x17\x03\x03\x00\x20"+strings.Repeat("x", 32))
			_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
			for err == nil {
				_, err = c.Read(make([]byte, 4096))
			}
			if !strings.Contains(err.Error(), "remote error: tls: bad record MAC") {
				t.Errorf("the client sees %q, want the alert", err)
			}
		})
	}
}
