package sink_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/receivers"
	"github.com/killdeer-mcp/killdeer/plugins/encode/encodetest"
	"github.com/killdeer-mcp/killdeer/plugins/syslog/sink"
	"github.com/killdeer-mcp/killdeer/sdk"
)

func TestConfig(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"least", `{"address":"siem:514"}`, ""},
		{"names", `{"address":"siem:514","facility":"local3","severity":"info"}`, ""},
		{"no address", `{}`, "address"},
		{"no port", `{"address":"siem"}`, "host:port"},
		{"unknown key", `{"address":"siem:514","adress":"x"}`, "adress"},
		{"transport", `{"address":"siem:514","transport":"quic"}`, `transport "quic"`},
		{"framing", `{"address":"siem:514","transport":"tls","framing":"newline"}`, "always octet"},
		{"format", `{"address":"siem:514","format":"leef"}`, `format "leef"`},
		{"facility", `{"address":"siem:514","facility":"local9"}`, "local9"},
		{"facility number", `{"address":"siem:514","facility":77}`, "facility 77"},
		{"datagram", `{"address":"siem:514","max_bytes":70000}`, "at most 65000"},
		{"short", `{"address":"siem:514","max_bytes":100}`, "at least 480"},
		{"timeout", `{"address":"siem:514","timeout":"8"}`, "no duration"},
		{"tls without", `{"address":"siem:514","tls":{"ca":"x"}}`, `transport = "tls"`},
		{"key without", `{"address":"siem:514","transport":"tls","tls":{"cert":"x"}}`, "belong together"},
		{"no such file", `{"address":"siem:514","transport":"tls","tls":{"ca":"/none/ca.pem"}}`, "tls.ca"},
		{"all faults", `{"address":"siem","transport":"x","format":"y"}`, `format "y"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := sink.New(json.RawMessage(tt.config), "1.0")
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("New = %v, want %q", err, tt.want)
			}
		})
	}
}

// listen is a receiver that hands each connection to serve.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serve(conn)
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return listener.Addr().String()
}

func newSink(t testing.TB, config string) *sink.Sink {
	t.Helper()
	s, err := sink.New(json.RawMessage(config), "1.0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// frame reads one message that is counted in octets.
func frame(r *bufio.Reader) (string, error) {
	size, err := r.ReadString(' ')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSpace(size))
	if err != nil {
		return "", err
	}
	text := make([]byte, n)
	_, err = io.ReadFull(r, text)
	return string(text), err
}

// TestReconnect: a receiver that hangs up between two batches is noticed before the
// second is written, and the second arrives over a new connection.
func TestReconnect(t *testing.T) {
	got := make(chan string, 1000)
	address := listen(t, func(conn net.Conn) {
		text, err := frame(bufio.NewReader(conn))
		if err != nil {
			t.Error(err)
		}
		// First: what comes in between would be acknowledged, and read by nobody.
		_ = conn.Close()
		got <- text
	})
	s := newSink(t, `{"address":"`+address+`","transport":"tcp"}`)
	for i := range 5 {
		e := encodetest.Call()
		// The receiver hangs up as soon as it has read: that may be seen as a failure
		// of the batch, never as nothing. Attempts differ, so that it is the last one's
		// connection that has ended when the next batch is written.
		for attempt := 0; ; attempt++ {
			e.Tool = fmt.Sprintf("tool-%d-%d.", i, attempt)
			if s.Write(t.Context(), []sdk.Event{e}) == nil {
				break
			}
		}
		for !strings.Contains(<-got, e.Tool) { // others are those that seemed to have failed
		}
	}
}

// TestDeadReceiver: once a receiver has ended its connection and nobody listens,
// nothing is said to be delivered, though the kernel would still take it.
func TestDeadReceiver(t *testing.T) {
	tests := map[string]func(*net.TCPConn) error{
		"reset": func(conn *net.TCPConn) error {
			return errors.Join(conn.SetLinger(0), conn.Close())
		},
		"closed":      (*net.TCPConn).Close,
		"half closed": (*net.TCPConn).CloseWrite,
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				s, conn := onlyConnection(t)
				if err := end(conn); err != nil {
					t.Fatal(err)
				}
				for range 3 {
					if err := s.Write(t.Context(), []sdk.Event{encodetest.Call()}); err == nil {
						t.Fatal("delivered to a receiver that was gone")
					}
				}
			}
		})
	}
}

// onlyConnection is a sink whose first event has arrived, and the receiver's end of
// its connection. Nobody listens any more.
func onlyConnection(t *testing.T) (*sink.Sink, *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newSink(t, `{"address":"`+listener.Addr().String()+`","transport":"tcp"}`)
	if err := s.Write(t.Context(), []sdk.Event{encodetest.Call()}); err != nil {
		t.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := frame(bufio.NewReader(conn)); err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return s, conn.(*net.TCPConn)
}

// TestStuckReceiver: a receiver that reads nothing holds a batch up until the
// deadline, and no longer.
func TestStuckReceiver(t *testing.T) {
	address := listen(t, func(conn net.Conn) { t.Cleanup(func() { _ = conn.Close() }) })
	s := newSink(t, `{"address":"`+address+`","transport":"tcp","timeout":"300ms","max_bytes":1000000,"args_bytes":1000000}`)
	e := encodetest.Call()
	e.Args = sdk.RawJSON(`"` + strings.Repeat("x", 900_000) + `"`)
	batch := make([]sdk.Event, 40)
	for i := range batch {
		batch[i] = e
	}
	err := s.Write(t.Context(), batch)
	if err == nil || !strings.Contains(err.Error(), "timeout of 300ms") {
		t.Errorf("Write = %v, want the timeout as its cause", err)
	}
}

func TestRefused(t *testing.T) {
	address := listen(t, func(net.Conn) {})
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	s := newSink(t, `{"address":"127.0.0.2:`+port+`","transport":"tcp"}`)
	if err := s.Write(t.Context(), []sdk.Event{encodetest.Call()}); err == nil || errors.Is(err, sdk.ErrPermanent) {
		t.Errorf("Write = %v, want an error that is not permanent", err)
	}
}

func TestCancelled(t *testing.T) {
	address := listen(t, func(conn net.Conn) { t.Cleanup(func() { _ = conn.Close() }) })
	s := newSink(t, `{"address":"`+address+`","transport":"tcp"}`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Write(ctx, []sdk.Event{encodetest.Call()}); !errors.Is(err, context.Canceled) {
		t.Errorf("Write = %v, want %v", err, context.Canceled)
	}
}

func TestNewlineFraming(t *testing.T) {
	lines := make(chan string, 100)
	address := listen(t, func(conn net.Conn) {
		for scanner := bufio.NewScanner(conn); scanner.Scan(); {
			lines <- scanner.Text()
		}
	})
	s := newSink(t, `{"address":"`+address+`","transport":"tcp","framing":"newline"}`)
	sent := hostile()
	if err := s.Write(t.Context(), sent); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for range sent {
		if text := <-lines; !strings.HasPrefix(text, "<13") {
			t.Errorf("a line begins in the middle: %.100q", text)
		}
	}
}

func TestDatagrams(t *testing.T) {
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	s := newSink(t, `{"address":"`+packets.LocalAddr().String()+`","max_bytes":600}`)
	sent := hostile()
	if err := s.Write(t.Context(), sent); err != nil {
		t.Fatal(err)
	}
	if err := packets.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 1<<16)
	for range sent {
		n, _, err := packets.ReadFrom(buffer)
		if err != nil {
			t.Fatal(err)
		}
		if n > 600 || !strings.HasPrefix(string(buffer[:n]), "<13") {
			t.Errorf("a datagram of %d bytes: %.100q", n, buffer[:n])
		}
	}
}

// TestTLS: a receiver is trusted by its authority and name, and a client that it
// does not trust has delivered nothing, though in TLS 1.3 it could write at once.
func TestTLS(t *testing.T) {
	trusted, stranger := receivers.NewAuthority(t), receivers.NewAuthority(t)
	client := trusted.Issue(t, "sensor")
	tests := []struct {
		name        string
		server      receivers.Pair
		ca          *receivers.Authority
		client      receivers.Pair
		serverName  string
		most        uint16
		noTickets   bool
		wantFailure string
	}{
		{name: "good", server: trusted.Issue(t, "localhost"), ca: trusted, client: client},
		{name: "no tickets", server: trusted.Issue(t, "localhost"), ca: trusted, client: client, noTickets: true},
		{name: "TLS 1.2", server: trusted.Issue(t, "localhost"), ca: trusted, client: client, most: tls.VersionTLS12},
		{name: "named", server: trusted.Issue(t, "siem.example"), ca: trusted, client: client, serverName: "siem.example"},
		{name: "other name", server: trusted.Issue(t, "siem.example"), ca: trusted, client: client, serverName: "other.example", wantFailure: "other.example"},
		{name: "other authority", server: stranger.Issue(t, "localhost"), ca: trusted, client: client, wantFailure: "unknown authority"},
		{name: "no client certificate", server: trusted.Issue(t, "localhost"), ca: trusted, wantFailure: "certificate required"},
		{name: "strange client", server: trusted.Issue(t, "localhost"), ca: trusted, client: stranger.Issue(t, "sensor"), wantFailure: "certificate"},
		{name: "TLS 1.1", server: trusted.Issue(t, "localhost"), ca: trusted, client: client, most: tls.VersionTLS11, wantFailure: "protocol version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := make(chan string, 1)
			address := listenTLS(t, tt.server, trusted, tt.most, tt.noTickets, got)
			config, err := json.Marshal(map[string]any{"address": address, "transport": "tls", "tls": map[string]string{
				"ca": tt.ca.PEM, "cert": tt.client.Cert, "key": tt.client.Key, "server_name": tt.serverName,
			}})
			if err != nil {
				t.Fatal(err)
			}
			s := newSink(t, string(config))
			err = s.Write(t.Context(), []sdk.Event{encodetest.Call()})
			if tt.wantFailure != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantFailure) {
					t.Errorf("Write = %v, want %q", err, tt.wantFailure)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if text := <-got; !strings.Contains(text, "confluence_search") {
				t.Errorf("got %q", text)
			}
		})
	}
}

func listenTLS(t *testing.T, pair receivers.Pair, clients *receivers.Authority, most uint16, noTickets bool, got chan<- string) string {
	t.Helper()
	cert, err := tls.X509KeyPair([]byte(pair.Cert), []byte(pair.Key))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(clients.PEM))
	config := &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		MaxVersion: most, MinVersion: tls.VersionTLS10, SessionTicketsDisabled: noTickets,
	}
	return listen(t, func(conn net.Conn) {
		secured := tls.Server(conn, config)
		if text, err := frame(bufio.NewReader(secured)); err == nil {
			got <- text
		} else {
			_ = secured.Close()
		}
		t.Cleanup(func() { _ = secured.Close() })
	})
}

// TestSinkTest: the operator is told how far the event is known to have come.
func TestSinkTest(t *testing.T) {
	address := listen(t, func(conn net.Conn) {
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		t.Cleanup(func() { _ = conn.Close() })
	})
	s := newSink(t, `{"address":"`+address+`","transport":"tcp"}`)
	answer, err := s.Test(t.Context(), encodetest.Call())
	if err != nil || !strings.Contains(answer, address) || !strings.Contains(answer, "acknowledged") {
		t.Errorf("Test = %q, %v", answer, err)
	}
}
