package decoy

import (
	"crypto/tls"
	"errors"
	"os"
	"sync"
	"time"
)

// patience is how long reads of a connection may take. net/http changes its mind half a
// dozen times in the course of a request, and reads beside each to learn of a client that
// leaves. Neither reaches the socket unless it matters: a deadline that is earlier than
// it need be stays and is put off when it comes, and the read beside a request begins
// when somebody wants to know.
type patience struct {
	changed sync.Cond // its lock is the connection's, which guards all of it
	until   time.Time // zero for no end
	armed   time.Time // what the socket was told: as early as until, or earlier
	reading bool      // the socket is read
	watched bool      // somebody wants to know when the client leaves
	closed  bool
}

// writeBy bounds how long a client that does not read may hold what is sent next, and
// with it the event, which is recorded once that is out. It may be a tenth less: a bound
// that was set a moment ago stays.
func (c *conn) writeBy(d time.Duration) {
	until := time.Now().Add(d)
	if more := until.Sub(c.writes); more >= 0 && more < d/10 {
		return
	}
	_ = c.SetWriteDeadline(until) // fails on a dead connection only
}

// SetWriteDeadline implements [net.Conn]. What net/http says of it after each request,
// that there is none, changes nothing: whoever writes has called writeBy. But TLS writes
// while it reads, to answer a new key or a bad record.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if _, secure := c.Conn.(*tls.Conn); t.IsZero() && !secure {
		return nil
	}
	c.writes = t
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline implements [net.Conn].
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements [net.Conn].
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.patience.until = t
	c.patience.changed.Broadcast()
	if c.patience.reading {
		return c.arm(false)
	}
	return nil
}

// arm tells the socket until when to read, if it must know: always when it has given up.
// The caller holds mu.
func (c *conn) arm(always bool) error {
	p := &c.patience
	if !always && (p.until.IsZero() || !p.armed.IsZero() && !p.until.Before(p.armed)) {
		return nil
	}
	p.armed = p.until
	return c.Conn.SetReadDeadline(p.until)
}

// over reports whether the time for reading is. The caller holds mu.
func (p *patience) over() bool { return !p.until.IsZero() && !p.until.After(time.Now()) }

// watch has the connection notice when its client leaves while a request is served,
// which ends the request's context.
func (c *conn) watch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.patience.watched = true
	c.patience.changed.Broadcast()
}

// doze waits with a read beside a request until it is wanted.
func (c *conn) doze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := &c.patience; !p.watched && !p.closed && p.until.IsZero(); {
		p.changed.Wait()
	}
}

// read reads from the socket into buf.
func (c *conn) read(buf []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.patience
	for late := false; ; late = true {
		if p.over() {
			return 0, os.ErrDeadlineExceeded
		}
		if err := c.arm(late); err != nil {
			return 0, err
		}
		told := p.armed
		n, err := c.readSocket(buf)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if told == p.armed && (told.IsZero() || told.After(time.Now())) {
			return 0, err // not of that deadline: a handshake that took too long says so for ever
		}
	}
}

// readSocket reads without the lock that the caller holds.
func (c *conn) readSocket(buf []byte) (int, error) {
	c.patience.reading = true
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.patience.reading = false
	}()
	return c.Conn.Read(buf)
}
