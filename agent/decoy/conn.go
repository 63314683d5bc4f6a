package decoy

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
)

// refusedHead is what net/http gets to see in place of a head that it must not:
// the handler then finds the refusal in the connection's queue.
const refusedHead = "GET / HTTP/1.1\r\nHost: -\r\nConnection: close\r\n\r\n"

const (
	// socketRead is how many bytes are asked of the socket where the caller has room for
	// less, as net/http's wait for a client that leaves has. Each connection holds them.
	socketRead   = 512
	maxEmptyLine = 8 // bytes of blank lines tolerated before a request line, RFC 9112 §2.2
)

// wireHead is a request head as it came off the wire: order, case and spacing
// are evidence that net/http does not keep.
type wireHead struct {
	raw     string
	refusal profile.Code // "" when net/http parsed it
}

// conn sits between the socket and net/http. It keeps each request's head and
// lets net/http read only requests that it will hand to our handler.
//
// net/http calls Read from one goroutine at a time and asks for the next request
// ahead of the current handler's end, so heads queue up in wire order; the
// handler takes exactly one per call. The mutex is for Close and the handler.
type conn struct {
	net.Conn
	peer    string // address of the socket's other end
	maxHead int
	closed  func(c *conn, partial string, unserved []wireHead)
	lobby   *lobby // where it waits between requests that net/http does not wait for

	patience patience
	writes   time.Time // until when the client may take what it is sent

	mu      sync.Mutex
	in      []byte // from the socket, not looked at or not passed on
	scanned int    // how far in was searched for the end of a head
	out     []byte // a head on its way to net/http
	outs    []byte // the memory of out, for the next head
	body    framing
	chunks  chunks
	heads   []wireHead
	refused bool // nothing passes any more
	hurried bool // the head that is coming has its time
	once    sync.Once
	scratch [socketRead]byte
}

func newConn(c net.Conn, maxHead int, closed func(c *conn, partial string, unserved []wireHead)) *conn {
	w := &conn{Conn: c, peer: peerOf(c), maxHead: maxHead, closed: closed, hurried: true}
	w.patience.changed.L = &w.mu
	return w
}

// Read implements [net.Conn].
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		c.mu.Lock()
		n, err := c.pass(p)
		c.mu.Unlock()
		if n > 0 || err != nil {
			return n, err
		}
		buf := c.scratch[:]
		if len(p) > len(buf) {
			buf = p // what net/http may see of it is put there again
			c.hurry()
		}
		if len(p) == 1 && !c.readingBody() {
			c.doze() // nothing but net/http's wait beside a request reads a byte outside of bodies
		}
		if err := c.fill(buf); err != nil {
			return 0, err
		}
	}
}

// fill reads from the socket into in.
func (c *conn) fill(buf []byte) error {
	n, err := c.read(buf)
	c.mu.Lock()
	c.in = append(c.in, buf[:n]...)
	c.mu.Unlock()
	if n == 0 {
		return err
	}
	return nil
}

// hurry gives a head that has begun to come the time that heads have, where its
// connection was given that to be idle. The first one has its time from the beginning.
// It is not for a wait beside a request that is being served, which would end with it.
func (c *conn) hurry() {
	c.mu.Lock()
	begun := len(c.in) > 0 && !c.hurried && !c.inBody() && c.lobby != nil
	c.hurried = c.hurried || begun
	c.mu.Unlock()
	if begun {
		_ = c.SetReadDeadline(deadline(c.lobby.limits.Head)) // fails on a dead connection only
	}
}

// await returns when the next request has come so far that net/http may see it, or
// with the error of the socket. Nobody may read beside it.
func (c *conn) await() error {
	for !c.arrived() {
		c.hurry()
		if err := c.fill(c.scratch[:]); err != nil {
			return err
		}
	}
	return nil
}

// gone returns when the client leaves, with the error of the socket, or nil when so much
// is here that was sent ahead that no more is read. Nobody may read beside it.
func (c *conn) gone() error {
	for c.ahead() <= c.maxHead {
		if err := c.fill(c.scratch[:]); err != nil {
			return err
		}
		c.arrived() // what is whole by then is told from what is not
	}
	return nil
}

// ahead is how many bytes of further requests are here.
func (c *conn) ahead() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.in)
}

// arrived reports whether a head, or a refusal in its place, waits for net/http.
func (c *conn) arrived() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.out) == 0 && !c.inBody() && !c.refused {
		c.nextHead()
	}
	return len(c.out) > 0 || c.refused
}

// unread puts back what net/http took and did not use. It also lets go of memory: this
// connection may be idle for long.
func (c *conn) unread(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out, c.outs = slices.Concat(b, c.out), nil
	c.in = append([]byte(nil), c.in...)
}

// contain is deferred by goroutines that have the connection: a fault of ours ends no
// more than that.
func (c *conn) contain(log *slog.Logger) {
	if p := recover(); p != nil {
		log.Error("panic on a connection", "panic", p, "stack", string(debug.Stack()))
		_ = c.Close() // the client sees that it breaks off
	}
}

// Close implements [net.Conn]. It reports a head that never became complete, and
// requests that came too late to be served.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.mu.Lock()
		c.patience.closed = true
		c.patience.changed.Broadcast()
		partial := ""
		if !c.inBody() && !c.refused {
			partial = string(c.in)
		}
		unserved := c.heads
		c.heads = nil
		c.mu.Unlock()
		c.closed(c, partial, unserved)
	})
	return err
}

// CloseWrite lets net/http end an answer before the client has sent everything,
// so that a refusal of a large body arrives.
func (c *conn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// takeHead returns the head of the request that the handler is serving.
func (c *conn) takeHead() wireHead {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.patience.watched = false
	if len(c.heads) == 0 {
		return wireHead{}
	}
	h := c.heads[0]
	c.heads = slices.Delete(c.heads, 0, 1) // in place: a connection has many
	return h
}

// bodyIsHere reports whether nothing of the body has to be waited for.
func (c *conn) bodyIsHere() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.body.chunked && c.body.length <= int64(len(c.in))
}

func (c *conn) readingBody() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inBody()
}

func (c *conn) inBody() bool { return c.body.chunked || c.body.length > 0 }

// pass copies to p what net/http may see next; 0 and nil means more is needed
// from the socket.
func (c *conn) pass(p []byte) (int, error) {
	if len(c.out) == 0 && !c.inBody() && !c.refused {
		c.nextHead()
	}
	switch {
	case len(c.out) > 0:
		n := copy(p, c.out)
		c.out = c.out[n:]
		return n, nil
	case c.refused:
		return 0, io.EOF
	case c.inBody() && len(c.in) > 0:
		return c.passBody(p), nil
	}
	return 0, nil
}

func (c *conn) passBody(p []byte) int {
	n := min(len(p), len(c.in))
	if !c.body.chunked {
		n = int(min(int64(n), c.body.length))
		c.body.length -= int64(n)
	} else {
		n = c.chunks.scan(c.in[:n])
		switch c.chunks.state {
		case chunkDone:
			c.body = framing{}
		case chunkBroken:
			// net/http sees the bad byte and fails the body; what follows is lost in framing.
			c.refused = true
		}
	}
	copy(p, c.in[:n])
	c.consume(n)
	return n
}

// nextHead moves a complete head from in to out, or a refusal in its place.
func (c *conn) nextHead() {
	c.skipEmptyLines()
	if len(c.in) == 0 {
		return
	}
	if !isTokenChar(c.in[0]) {
		c.refuse(profile.BadHead)
		return
	}
	end := headEnd(c.in, c.scanned)
	c.scanned = len(c.in)
	if end > c.maxHead || (end == 0 && len(c.in) > c.maxHead) {
		c.refuse(profile.HeadTooLarge)
		return
	}
	if end == 0 {
		return
	}
	clean, body, refusal := checkHead(c.in[:end])
	if refusal != "" {
		c.refuse(refusal)
		return
	}
	c.hurried = false
	c.heads = append(c.heads, wireHead{raw: string(c.in[:end])})
	c.give(clean)
	c.body, c.chunks = body, chunks{}
	c.consume(end)
}

// give has net/http see a head next.
func (c *conn) give(head []byte) {
	c.outs = append(c.outs[:0], head...)
	c.out = c.outs
}

func (c *conn) skipEmptyLines() {
	n := 0
	for n < len(c.in) && n < maxEmptyLine && (c.in[n] == '\r' || c.in[n] == '\n') {
		n++
	}
	if n > 0 {
		c.consume(n)
	}
}

func (c *conn) refuse(code profile.Code) {
	raw := c.in
	if i := bytes.Index(raw, []byte("\r\n\r\n")); i >= 0 {
		raw = raw[:i+4]
	}
	if len(raw) > c.maxHead {
		raw = raw[:c.maxHead]
	}
	c.heads = append(c.heads, wireHead{raw: string(raw), refusal: code})
	c.give([]byte(refusedHead))
	c.refused = true
}

// consume drops n bytes of in and keeps its memory.
func (c *conn) consume(n int) {
	rest := copy(c.in, c.in[n:])
	c.in, c.scanned = c.in[:rest], 0
}
