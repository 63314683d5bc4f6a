package decoy

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// stage is a listener that does something with connections, each in a goroutine of its
// own, before they are accepted. Who embeds it calls run, and delivers connections.
type stage struct {
	net.Listener
	ready  chan net.Conn
	failed chan error // of Accept
	closed chan struct{}
	once   sync.Once
	all    sync.WaitGroup
}

func newStage(l net.Listener) stage {
	return stage{Listener: l, ready: make(chan net.Conn), failed: make(chan error), closed: make(chan struct{})}
}

// Accept implements [net.Listener].
func (t *stage) Accept() (net.Conn, error) {
	select {
	case c := <-t.ready:
		return c, nil
	case err := <-t.failed:
		return nil, err
	case <-t.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (t *stage) Close() error {
	t.once.Do(func() { close(t.closed) })
	return t.Listener.Close()
}

// wait returns when nothing of the stage runs any more.
func (t *stage) wait() {
	_ = t.Close() // it is closed, or of no use
	t.all.Wait()
}

// run has enter decide what becomes of each connection. Whoever accepts from the stage
// sees errors as they come, and ends it or goes on: a lack of descriptors passes.
func (t *stage) run(enter func(net.Conn)) {
	t.all.Go(func() {
		for {
			c, err := t.Listener.Accept()
			if err == nil {
				enter(c)
				continue
			}
			select {
			case t.failed <- err:
			case <-t.closed:
				return
			}
			if errors.Is(err, net.ErrClosed) {
				return
			}
		}
	})
}

// deliver has a connection accepted.
func (t *stage) deliver(c net.Conn) {
	select {
	case t.ready <- c:
	case <-t.closed:
		_ = c.Close() // nobody will accept it
	}
}

// lobby is where connections wait for a request's head. net/http has 8 KiB of buffers
// and a deep stack for each connection, which one that sends a byte a second, or
// nothing, is not worth.
type lobby struct {
	stage
	limits Limits
	log    *slog.Logger
	inside group
}

func newLobby(l net.Listener, limits Limits, log *slog.Logger) *lobby {
	b := &lobby{stage: newStage(l), limits: limits, log: log}
	b.run(b.enter)
	return b
}

func (b *lobby) enter(n net.Conn) {
	c := n.(*conn) // as [listener] makes them
	c.lobby = b
	b.all.Go(func() { b.admit(c, b.limits.Head) })
}

// again takes a connection back whose request was answered.
func (b *lobby) again(c *conn) { b.admit(c, b.limits.Idle) }

// admit delivers a connection with its next request, or closes it when that does not
// come in time.
func (b *lobby) admit(c *conn, limit time.Duration) {
	if !b.inside.add(c) {
		_ = c.Close() // the server ends
		return
	}
	defer b.inside.remove(c)
	defer c.contain(b.log)
	_ = c.SetReadDeadline(deadline(limit)) // fails on a dead connection only
	if c.await() != nil {
		_ = c.Close() // nothing more comes
		return
	}
	_ = c.SetReadDeadline(time.Time{}) // net/http has its own
	b.inside.remove(c)
	b.deliver(c)
}

// Close implements [net.Listener].
func (b *lobby) Close() error {
	b.inside.close(b.all.Go) // before the stage, whose goroutine keeps b.all from ending
	return b.stage.Close()
}

// wait returns when nothing of the lobby runs any more.
func (b *lobby) wait() {
	_ = b.Close() // it is closed, or of no use
	b.all.Wait()
}

// deadline is the end of a time limit, none for 0.
func deadline(limit time.Duration) time.Time {
	if limit == 0 {
		return time.Time{}
	}
	return time.Now().Add(limit)
}

// group holds connections that are not net/http's, to close them all in the end.
type group struct {
	mu     sync.Mutex
	open   map[*conn]struct{}
	closed bool
}

// add reports false when the group is closed.
func (g *group) add(c *conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	if g.open == nil {
		g.open = map[*conn]struct{}{}
	}
	g.open[c] = struct{}{}
	return true
}

func (g *group) remove(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, c)
}

// close closes the connections in the group, and has it take no more. run runs what
// closes one, which takes seconds over TLS when the client does not read.
func (g *group) close(run func(func())) {
	g.mu.Lock()
	g.closed = true
	open := g.open
	g.open = nil
	g.mu.Unlock()
	for c := range open {
		run(func() { _ = c.Close() }) // its owner notices
	}
}
