package decoy

import (
	"bufio"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	maxHello = 4 << 10 // bytes kept of what should have been a TLS handshake
	// proxyBuffer holds a PROXY header: 107 bytes of version 1; version 2 with what
	// proxies add to it.
	proxyBuffer = 1 << 10
	// maxProxying is how many connections of proxies may wait for their header.
	maxProxying = 1024
)

// tap keeps what a peer sends until a TLS handshake is through.
type tap struct {
	net.Conn
	mu   sync.Mutex
	seen []byte
	done bool
}

// Read implements [net.Conn].
func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.done {
		t.seen = append(t.seen, p[:min(n, maxHello-len(t.seen))]...)
	}
	return n, err
}

// CloseWrite ends one direction, as [conn.CloseWrite] asks for.
func (t *tap) CloseWrite() error {
	if w, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// forget lets go of what was kept: the handshake is through.
func (t *tap) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen, t.done = nil, true
}

// refused returns what a peer sent instead of a handshake, "" when it did not fail
// or nothing came.
func (t *tap) refused(c *conn) string {
	if t == nil {
		return ""
	}
	if secure, ok := c.Conn.(*tls.Conn); !ok || secure.ConnectionState().HandshakeComplete {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.seen)
}

// noteTLS puts into an event how its connection is secured.
func noteTLS(ev *sdk.Event, c *conn) {
	secure, ok := c.Conn.(*tls.Conn)
	if !ok {
		return
	}
	state := secure.ConnectionState()
	if !state.HandshakeComplete {
		return
	}
	note(ev, "tls", tls.VersionName(state.Version)+" "+tls.CipherSuiteName(state.CipherSuite))
	if state.ServerName != "" {
		note(ev, "tls_server_name", cutString(state.ServerName, maxEventField))
	}
	if hello, ok := secure.NetConn().(*tap); ok {
		hello.forget()
	}
}

// socketOf returns the socket below a connection.
func socketOf(c net.Conn) net.Conn {
	for {
		switch x := c.(type) {
		case *conn:
			c = x.Conn
		case *tls.Conn:
			c = x.NetConn()
		case *tap:
			c = x.Conn
		case *proxiedConn:
			c = x.Conn
		default:
			return c
		}
	}
}

// peerOf is the address of the socket's peer, which may be a proxy.
func peerOf(c net.Conn) string { return socketOf(c).RemoteAddr().String() }

// proxied reads the PROXY headers of trusted proxies' connections: whose they are.
// Connections of others are passed on as they are.
type proxied struct {
	stage
	server  *Server
	waiting chan struct{} // a place for each connection whose header is awaited
}

func newProxied(l net.Listener, s *Server) *proxied {
	p := &proxied{stage: newStage(l), server: s, waiting: make(chan struct{}, maxProxying)}
	p.run(p.enter)
	return p
}

func (p *proxied) enter(c net.Conn) {
	if !p.server.trustsPeer(c) {
		p.deliver(c)
		return
	}
	select {
	case p.waiting <- struct{}{}:
		p.all.Go(func() {
			defer func() { <-p.waiting }()
			p.introduce(c)
		})
	case <-p.closed:
		_ = c.Close() // nobody will accept it
	}
}

// introduce reads the header of a proxy's connection and delivers it under the
// client's address.
func (p *proxied) introduce(c net.Conn) {
	_ = c.SetReadDeadline(time.Now().Add(p.server.Limits.Head)) // fails on a dead connection only
	stop := make(chan struct{})
	defer close(stop)
	p.all.Go(func() {
		select {
		case <-p.closed:
			_ = c.SetReadDeadline(time.Now()) // ends the wait below
		case <-stop:
		}
	})
	from, err := readProxy(c)
	if err != nil {
		p.server.recordProxy(c, err)
		_ = c.Close() // whose it is cannot be known
		return
	}
	_ = c.SetReadDeadline(time.Time{}) // fails on a dead connection only
	p.deliver(from)
}

// errNoProxy means that a connection began with something else.
var errNoProxy = errors.New("no PROXY header")

// readProxy reads a PROXY header of version 1 or 2.
func readProxy(c net.Conn) (*proxiedConn, error) {
	r := bufio.NewReaderSize(c, proxyBuffer)
	h, err := proxyproto.Read(r)
	if errors.Is(err, proxyproto.ErrNoProxyProtocol) {
		return nil, errNoProxy
	}
	if err != nil {
		return nil, err
	}
	out := &proxiedConn{Conn: c, r: r, client: c.RemoteAddr()}
	// LOCAL is the proxy itself, which asks whether we are there.
	if from, _, ok := h.TCPAddrs(); ok && !h.Command.IsLocal() {
		out.client = from
	}
	return out, nil
}

// proxiedConn is a connection of a proxy under its client's address.
type proxiedConn struct {
	net.Conn
	r      *bufio.Reader // holds what came with the header
	client net.Addr
}

// Read implements [net.Conn].
func (c *proxiedConn) Read(p []byte) (int, error) {
	if c.r != nil && c.r.Buffered() > 0 {
		return c.r.Read(p)
	}
	c.r = nil // its memory is not needed again
	return c.Conn.Read(p)
}

// RemoteAddr implements [net.Conn].
func (c *proxiedConn) RemoteAddr() net.Addr { return c.client }

// CloseWrite ends one direction, as [conn.CloseWrite] asks for.
func (c *proxiedConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// recordProxy records a connection of a proxy that did not introduce its client.
func (s *Server) recordProxy(c net.Conn, err error) {
	ev := s.newEvent(time.Now(), "http")
	s.setPeer(ev, c.RemoteAddr().String(), nil)
	ev.Outcome, ev.Error = string(profile.BadProxyHeader), err.Error()
	s.keep(ev, profile.BadProxyHeader)
}
