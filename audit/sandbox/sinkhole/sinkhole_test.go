package sinkhole_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/net/websocket"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/sandbox/sinkhole"
)

// sink is a sinkhole on loopback that takes every connection for one to meant.
type sink struct {
	*sinkhole.Sink
	ca        *sinkhole.CA
	tcp       string
	udp, dns  *net.UDPAddr
	unix      string
	transport *http.Transport
}

func start(t *testing.T, meant string) *sink {
	t.Helper()
	ca, err := sinkhole.NewCA("test")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "agent")
	s := &sink{ca: ca, unix: path}
	tcp, udp, dns := listen(t), packets(t), packets(t)
	unix, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s.tcp = tcp.Addr().String()
	s.udp, s.dns = udp.LocalAddr().(*net.UDPAddr), dns.LocalAddr().(*net.UDPAddr)
	tick := int64(0)
	s.Sink = sinkhole.Start(sinkhole.Config{
		TCP:      []net.Listener{tcp},
		UDP:      []sinkhole.UDP{{Conn: udp}, {Conn: dns, Port: 53, DNS: true}},
		Unix:     []sinkhole.Unix{{Listener: unix, Path: "/tmp/agent"}},
		CA:       ca,
		Original: func(net.Conn) netip.AddrPort { return netip.MustParseAddrPort(meant) },
		Now:      func() int64 { tick++; return tick },
	})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.PEM())
	s.transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", s.tcp)
		},
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		ForceAttemptHTTP2: true,
	}
	t.Cleanup(s.transport.CloseIdleConnections)
	return s
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func packets(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *sink) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.tcp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// wait returns the first flow that is as wanted.
func (s *sink) wait(t *testing.T, wanted func(evidence.Flow) bool) evidence.Flow {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if i := slices.IndexFunc(s.Flows(), wanted); i >= 0 {
			return s.Flows()[i]
		}
	}
	t.Fatalf("no such flow; there are: %+v", s.Flows())
	return evidence.Flow{}
}

func holds(text string) func(evidence.Flow) bool {
	return func(f evidence.Flow) bool { return bytes.Contains(f.Sent, []byte(text)) }
}

const secret = "s3cr3t-of-the-house-0123456789"

func TestHTTP(t *testing.T) {
	h2 := new(http.Protocols)
	h2.SetHTTP2(true)
	h2c := new(http.Protocols)
	h2c.SetUnencryptedHTTP2(true)
	tests := map[string]struct {
		url   string
		setup func(*http.Transport)
		proto string
	}{
		"clear":  {"http://api.example.com/v1", nil, "HTTP/1.1"},
		"tls":    {"https://api.example.com/v1", nil, "HTTP/1.1"},
		"raw ip": {"https://192.0.2.7/v1", nil, "HTTP/1.1"},
		"h2":     {"https://api.example.com/v1", func(tr *http.Transport) { tr.Protocols = h2 }, "HTTP/2.0"},
		"h2c":    {"http://api.example.com/v1", func(tr *http.Transport) { tr.Protocols = h2c }, "HTTP/2.0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(t, "192.0.2.7:443")
			if tt.setup != nil {
				tt.setup(s.transport)
			}
			// A body of unknown length, written byte by byte, comes in tiny chunks.
			in, out := io.Pipe()
			go func() {
				for i := range secret {
					_, _ = io.WriteString(out, secret[i:i+1])
				}
				out.Close()
			}()
			req, err := http.NewRequestWithContext(t.Context(), "POST", tt.url, in)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("User-Agent", "header-"+secret)
			res, err := s.transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != 200 || strings.TrimSpace(string(body)) != "{}" || res.Proto != tt.proto {
				t.Errorf("got %s %s %q", res.Proto, res.Status, body)
			}
			f := s.wait(t, func(f evidence.Flow) bool { return f.GotSize > 0 && holds("header-"+secret)(f) })
			rest := bytes.ReplaceAll(f.Sent, []byte("header-"+secret), nil)
			if !bytes.Contains(rest, []byte(secret)) {
				t.Errorf("the body is not in %q", f.Sent)
			}
			if want := "POST /v1 " + tt.proto; f.Request != want {
				t.Errorf("request %q, want %q", f.Request, want)
			}
			if f.TLS != strings.HasPrefix(tt.url, "https") || f.Addr != "192.0.2.7" || f.Port != 443 || f.SentSize == 0 || f.GotSize == 0 {
				t.Errorf("flow %+v", f)
			}
			if f.TLS && name != "raw ip" && f.SNI != "api.example.com" {
				t.Errorf("SNI %q", f.SNI)
			}
		})
	}
}

func TestWebSocket(t *testing.T) {
	s := start(t, "192.0.2.7:80")
	cfg, err := websocket.NewConfig("ws://feed.example.com/live", "http://feed.example.com")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Protocol = []string{"a", "b"}
	ws, err := websocket.NewClient(cfg, s.dial(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(ws, secret); err != nil {
		t.Fatal(err)
	}
	s.wait(t, holds(secret))
}

func TestProxy(t *testing.T) {
	s := start(t, "192.0.2.7:3128")
	c := s.dial(t)
	fmt.Fprint(c, "CONNECT hidden.example.com:443 HTTP/1.1\r\nHost: hidden.example.com:443\r\n\r\n")
	in := bufio.NewReader(c)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, " 200 ") {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	secure := tls.Client(c, &tls.Config{ServerName: "hidden.example.com", RootCAs: s.transport.TLSClientConfig.RootCAs})
	fmt.Fprintf(secure, "POST / HTTP/1.1\r\nHost: hidden\r\nContent-Length: %d\r\n\r\n%s", len(secret), secret)
	if _, err := bufio.NewReader(secure).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if f := s.wait(t, holds(secret)); f.SNI != "hidden.example.com" || !strings.HasPrefix(f.Request, "CONNECT hidden.example.com:443") {
		t.Errorf("flow %+v", f)
	}
}

func TestRefused(t *testing.T) {
	for version, name := range map[uint16]string{tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3"} {
		t.Run(name, func(t *testing.T) {
			s := start(t, "192.0.2.7:443")
			c := tls.Client(s.dial(t), &tls.Config{ServerName: "pinned.example.com", RootCAs: x509.NewCertPool(), MaxVersion: version})
			if err := c.Handshake(); err == nil {
				t.Fatal("the certificate was taken")
			}
			f := s.wait(t, func(f evidence.Flow) bool { return f.Refused != "" })
			if f.SNI != "pinned.example.com" || f.SentSize == 0 {
				t.Errorf("flow %+v", f)
			}
		})
	}
}

// TestOldFashioned are protocols that a client speaks by lines or not at all.
func TestOldFashioned(t *testing.T) {
	tests := map[string]struct {
		meant, first string // port, and what the sink says first
		say          []string
	}{
		"smtp":   {"192.0.2.7:25", "220", []string{"EHLO x", "MAIL FROM:<a@b>", "DATA", secret, ".", "QUIT"}},
		"ssh":    {"192.0.2.7:22", "SSH-2.0", []string{"SSH-2.0-x " + secret}},
		"ftp":    {"[2001:db8::1]:21", "220", []string{"USER x", "PASS " + secret}},
		"raw":    {"192.0.2.7:4444", "", []string{secret}},
		"binary": {"192.0.2.7:4444", "", []string{"\x00\x01\xff" + secret}},
		"almost": {"192.0.2.7:80", "", []string{"GETTING " + secret + " at you"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(t, tt.meant)
			c := s.dial(t)
			if tt.first != "" {
				if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.HasPrefix(line, tt.first) {
					t.Fatalf("%q, %v", line, err)
				}
			}
			for _, line := range tt.say {
				fmt.Fprintf(c, "%s\r\n", line)
			}
			f := s.wait(t, holds(secret))
			if want := netip.MustParseAddrPort(tt.meant); f.Addr != want.Addr().String() || f.Port != int(want.Port()) {
				t.Errorf("flow %+v", f)
			}
		})
	}
}

func question(t testing.TB, name string, typ dnsmessage.Type) []byte {
	t.Helper()
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: 7, RecursionDesired: true})
	if err := b.StartQuestions(); err != nil {
		t.Fatal(err)
	}
	if err := b.Question(dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: typ, Class: dnsmessage.ClassINET}); err != nil {
		t.Fatal(err)
	}
	out, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDNS(t *testing.T) {
	s := start(t, "192.0.2.53:53")
	over := map[string]func([]byte) []byte{
		"udp": func(q []byte) []byte {
			c, err := net.DialUDP("udp4", nil, s.dns)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			b := make([]byte, 1<<16)
			if _, err := c.Write(q); err != nil {
				t.Fatal(err)
			}
			n, err := c.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			return b[:n]
		},
		"tcp": func(q []byte) []byte {
			c := s.dial(t)
			if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(q))), q...)); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 1<<16)
			n, err := io.ReadAtLeast(c, b, 14)
			if err != nil {
				t.Fatal(err)
			}
			return b[2:n]
		},
	}
	seen := map[string]netip.Addr{}
	for how, ask := range over {
		for _, name := range []string{"a.example.com.", "A.EXAMPLE.com.", "b.example.com."} {
			var m dnsmessage.Message
			if err := m.Unpack(ask(question(t, name, dnsmessage.TypeA))); err != nil || len(m.Answers) != 1 || m.ID != 7 {
				t.Fatalf("%s %s: %v, %+v", how, name, err, m)
			}
			a := netip.AddrFrom4(m.Answers[0].Body.(*dnsmessage.AResource).A)
			if !netip.MustParsePrefix("28.10.0.0/15").Contains(a) {
				t.Errorf("%s is %s", name, a)
			}
			key := strings.ToLower(name)
			if before, ok := seen[key]; ok && before != a {
				t.Errorf("%s was %s and is %s", name, before, a)
			}
			seen[key] = a
		}
		var m dnsmessage.Message
		if err := m.Unpack(ask(question(t, "a.example.com.", dnsmessage.TypeAAAA))); err != nil || len(m.Answers) != 0 || m.RCode != dnsmessage.RCodeSuccess {
			t.Errorf("AAAA: %v, %+v", err, m)
		}
	}
	if seen["a.example.com."] == seen["b.example.com."] {
		t.Error("two names have one address")
	}
	lookups := s.Lookups()
	if len(lookups) != 8 || lookups[0].Name != "a.example.com" || lookups[0].Type != "A" || lookups[0].Answer == "" || lookups[3].Type != "AAAA" {
		t.Errorf("lookups %+v", lookups)
	}
}

func TestUDP(t *testing.T) {
	s := start(t, "192.0.2.7:1")
	c, err := net.DialUDP("udp4", nil, s.udp)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		if _, err := io.WriteString(c, secret); err != nil {
			t.Fatal(err)
		}
	}
	s.wait(t, func(f evidence.Flow) bool { return f.Proto == "udp" && f.SentSize == 3*len(secret) })
}

func TestAgentSocket(t *testing.T) {
	s := start(t, "192.0.2.7:1")
	c, err := net.Dial("unix", s.unix)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write([]byte{0, 0, 0, 1, 11}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 9)
	if _, err := io.ReadFull(c, b); err != nil || !bytes.Equal(b, []byte{0, 0, 0, 5, 12, 0, 0, 0, 0}) {
		t.Fatalf("% x, %v", b, err)
	}
	s.wait(t, func(f evidence.Flow) bool { return f.Proto == "unix" && f.Addr == "/tmp/agent" })
}

// TestBounds floods the sink: it keeps what it may, and counts the rest.
func TestBounds(t *testing.T) {
	s := start(t, "192.0.2.7:4444")
	const size = 3 << 20
	c := s.dial(t)
	if _, err := c.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	f := s.wait(t, func(f evidence.Flow) bool { return f.SentSize == size })
	if len(f.Sent) != 1<<20 {
		t.Errorf("%d bytes are kept", len(f.Sent))
	}
	if got := s.Missed().Bytes; got != size-1<<20 {
		t.Errorf("%d bytes are counted as missed", got)
	}
	for range 600 {
		c, err := net.Dial("tcp", s.tcp)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	for end := time.Now().Add(20 * time.Second); s.Missed().Conns < 600-511; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("missed %+v", s.Missed())
		}
	}
}
