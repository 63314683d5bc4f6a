package sinkhole

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// sniffSize is how much of a connection is looked at to tell what it speaks.
const sniffSize = 4096

// maxTunnels bounds proxies within proxies.
const maxTunnels = 3

// accept serves a listener until it is closed.
func (s *Sink) accept(l net.Listener, begin func(net.Conn) *flow) {
	for s.ctx.Err() == nil {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // a client that went away, or no file descriptors
			pause(s.ctx.Done())
			continue
		}
		s.admit(c, begin)
	}
}

func pause(done <-chan struct{}) {
	select {
	case <-done:
	case <-time.After(10 * time.Millisecond):
	}
}

// admit serves c if there is room, and closes it otherwise.
func (s *Sink) admit(c net.Conn, begin func(net.Conn) *flow) {
	select {
	case s.slots <- struct{}{}:
	default:
		_ = c.Close()
		s.miss(func(m *Missed) { m.Conns++ })
		return
	}
	h := &held{Conn: c, sink: s}
	s.wg.Add(1)
	s.mu.Lock()
	s.open[h] = struct{}{}
	s.mu.Unlock()
	if s.ctx.Err() != nil { // Close may have passed over it
		_ = h.Close()
		return
	}
	s.wg.Go(func() { s.serve(h, begin(c), 0) })
}

// held is a connection that has a slot until it is closed, by whomever.
type held struct {
	net.Conn
	sink *Sink
	once sync.Once
	err  error
}

func (c *held) Close() error {
	c.once.Do(func() {
		c.err = c.Conn.Close()
		c.sink.mu.Lock()
		delete(c.sink.open, c)
		c.sink.mu.Unlock()
		<-c.sink.slots
		c.sink.wg.Done()
	})
	return c.err
}

func (s *Sink) fromTCP(c net.Conn) *flow {
	to := s.cfg.Original(c)
	addr := to.Addr().Unmap()
	f := s.begin("tcp", addr.String(), int(to.Port()))
	f.note(func(r *evidence.Flow) { r.Name = s.names.name(addr) })
	return f
}

// serve finds out what a connection speaks and answers it. It closes c, or hands
// it to somebody who does.
func (s *Sink) serve(c net.Conn, f *flow, tunnels int) {
	port := f.snapshot().Port
	if t, ok := talkers[port]; ok && tunnels == 0 {
		s.talk(&recorded{c, f}, f, t)
		return
	}
	in := bufio.NewReaderSize(c, sniffSize)
	_ = c.SetReadDeadline(time.Now().Add(idleTimeout))
	first, err := in.Peek(1)
	if err != nil {
		_ = c.Close()
		return
	}
	peeked := &peeked{Conn: c, in: in}
	if first[0] == recordHandshake {
		s.serveTLS(peeked, f, tunnels)
		return
	}
	s.serveClear(&recorded{peeked, f}, in, f, tunnels)
}

// serveClear answers what is not, or no longer, encrypted.
func (s *Sink) serveClear(c net.Conn, in *bufio.Reader, f *flow, tunnels int) {
	rec := f.snapshot()
	if rec.Proto == "tcp" && (rec.Port == 53 || rec.Port == 853) {
		s.serveNames(c, f)
		return
	}
	head := sniff(in)
	switch {
	case isHTTP(head):
		_ = c.SetDeadline(time.Time{}) // net/http sets its own
		if bytes.HasPrefix(head, []byte("PRI ")) {
			f.unwrap(true)
		}
		s.feed.give(s.ctx, &webConn{Conn: c, flow: f, tunnels: tunnels})
	case rec.Proto == "unix":
		s.serveAgent(c, f)
	default:
		drain(c)
	}
}

// sniff returns what has come so far, at least enough to hold a method's name
// unless the client pauses before.
func sniff(in *bufio.Reader) []byte {
	head, _ := in.Peek(1)
	for want := 2; want <= longestMethod && isMethod(head); want++ {
		head, _ = in.Peek(want)
		if len(head) < want {
			break
		}
	}
	return head
}

// drain reads until the client ends or falls silent.
func drain(c net.Conn) {
	defer c.Close()
	b := make([]byte, 32<<10)
	for {
		_ = c.SetReadDeadline(time.Now().Add(idleTimeout))
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}

// peeked is a connection of which some has been read ahead.
type peeked struct {
	net.Conn
	in *bufio.Reader
}

func (c *peeked) Read(b []byte) (int, error) { return c.in.Read(b) }
