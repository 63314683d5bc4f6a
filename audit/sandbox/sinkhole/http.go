package sinkhole

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/websocket"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

const (
	maxBody       = 64 << 20 // bytes of a request that are read
	maxLine       = 2048     // of a recorded request line
	longestMethod = 20
)

// answerBody is what every request gets: the smallest document that most clients
// of an API can read.
const answerBody = "{}\n"

// isMethod reports whether b may be the beginning of an HTTP method.
func isMethod(b []byte) bool {
	return len(b) > 0 && !bytes.ContainsFunc(b, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '-' })
}

// isHTTP reports whether b begins a request: a method of three letters and more,
// and a space.
func isHTTP(b []byte) bool {
	method, _, ok := bytes.Cut(b, []byte(" "))
	return ok && len(method) >= 3 && isMethod(method)
}

// newWeb is the server behind everything that speaks HTTP.
func (s *Sink) newWeb() *http.Server {
	both := new(http.Protocols)
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true) // TLS is off by the time it gets here
	return &http.Server{
		Handler:           http.HandlerFunc(s.respond),
		Protocols:         both,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 1}, // streams must not be kept interleaved
		ReadHeaderTimeout: idleTimeout,
		ReadTimeout:       idleTimeout,
		IdleTimeout:       idleTimeout,
		WriteTimeout:      idleTimeout,
		MaxHeaderBytes:    1 << 20,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
	}
}

type connKey struct{}

// webConn is a connection at the HTTP server.
type webConn struct {
	net.Conn
	flow    *flow
	tunnels int
}

func (s *Sink) respond(w http.ResponseWriter, r *http.Request) {
	c, ok := r.Context().Value(connKey{}).(*webConn)
	if !ok {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	noteRequest(c.flow, r)
	switch {
	case r.Method == http.MethodConnect && r.ProtoMajor == 1:
		s.tunnel(w, c)
	case strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && r.ProtoMajor == 1:
		s.upgrade(w, r, c.flow)
	default:
		keepBody(c.flow, r)
		c.flow.note(func(f *evidence.Flow) { f.Answered = "200 {}" })
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answerBody)
	}
}

// noteRequest names the first request of a connection, and writes the head of one
// that came packed.
func noteRequest(f *flow, r *http.Request) {
	line := cut(fmt.Sprintf("%s %s %s", r.Method, r.RequestURI, r.Proto), maxLine)
	f.note(func(rec *evidence.Flow) {
		if rec.Request == "" {
			rec.Request, rec.Host = line, cut(r.Host, maxSNI)
		}
	})
	if r.ProtoMajor == 2 {
		var head bytes.Buffer
		fmt.Fprintf(&head, "%s %s %s\r\nHost: %s\r\n", r.Method, r.RequestURI, r.Proto, r.Host)
		_ = r.Header.Write(&head)
		head.WriteString("\r\n")
		f.unwrapped(head.Bytes())
	}
}

// keepBody reads a request's body. One in chunks or frames is kept without them.
func keepBody(f *flow, r *http.Request) {
	body := io.LimitReader(r.Body, maxBody)
	chunked := r.ProtoMajor == 1 && slices.Contains(r.TransferEncoding, "chunked")
	if !chunked && r.ProtoMajor == 1 {
		_, _ = io.Copy(io.Discard, body)
		return
	}
	if chunked {
		f.unwrap(true)
		defer f.unwrap(false)
	}
	_, _ = io.Copy(writer(f.unwrapped), body)
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) {
	w(b)
	return len(b), nil
}

// upgrade accepts a WebSocket and keeps what comes over it, unmasked.
func (s *Sink) upgrade(w http.ResponseWriter, r *http.Request, f *flow) {
	accept := websocket.Server{
		Handshake: func(cfg *websocket.Config, _ *http.Request) error {
			if len(cfg.Protocol) > 1 {
				cfg.Protocol = cfg.Protocol[:1] // exactly one may be accepted
			}
			return nil
		},
		Handler: func(ws *websocket.Conn) {
			f.note(func(rec *evidence.Flow) { rec.Answered = "101 WebSocket" })
			f.unwrap(true)
			b := make([]byte, 32<<10)
			for {
				_ = ws.SetDeadline(time.Now().Add(idleTimeout))
				n, err := ws.Read(b)
				f.unwrapped(b[:n])
				if err != nil {
					return
				}
			}
		},
	}
	accept.ServeHTTP(w, r)
}

// tunnel plays a proxy: what the client sends through it is answered like any
// other connection.
func (s *Sink) tunnel(w http.ResponseWriter, outer *webConn) {
	if outer.tunnels >= maxTunnels {
		http.Error(w, "{}", http.StatusBadGateway)
		return
	}
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	outer.flow.note(func(f *evidence.Flow) { f.Answered = "200 tunnel" })
	_ = c.SetDeadline(time.Now().Add(idleTimeout))
	if _, err := io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = c.Close()
		return
	}
	// The outer record goes on: its reads are what the client says in the tunnel.
	below := net.Conn(outer)
	if r, ok := outer.Conn.(*recorded); ok {
		below = r.Conn
	}
	s.serve(&rest{Conn: below, in: rw.Reader}, outer.flow, outer.tunnels+1)
}

// rest is a connection behind a reader that may hold some of it.
type rest struct {
	net.Conn
	in *bufio.Reader
}

func (c *rest) Read(b []byte) (int, error) {
	if n := c.in.Buffered(); n > 0 {
		return c.in.Read(b[:min(len(b), n)])
	}
	return c.Conn.Read(b)
}

// feed is a listener that is handed its connections.
type feed struct {
	conns chan net.Conn
	done  chan struct{}
}

func newFeed() *feed { return &feed{conns: make(chan net.Conn), done: make(chan struct{})} }

// give hands over c, or closes it when the sink ends.
func (l *feed) give(ctx context.Context, c net.Conn) {
	select {
	case l.conns <- c:
	case <-ctx.Done():
		_ = c.Close()
	}
}

func (l *feed) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close is called by the HTTP server, once.
func (l *feed) Close() error {
	close(l.done)
	return nil
}

func (l *feed) Addr() net.Addr { return &net.TCPAddr{} }
