package sinkhole

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// flow is the record of one connection.
type flow struct {
	sink *Sink

	mu  sync.Mutex
	rec evidence.Flow
	// unwrapping: what comes is framed (HTTP/2, chunks, WebSocket), and whoever
	// reads the frames hands over their content.
	unwrapping bool
}

// sent notes bytes as they came off the connection.
func (f *flow) sent(b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(b) > 0 {
		f.rec.Last = f.sink.cfg.Now()
	}
	f.rec.SentSize += len(b)
	if !f.unwrapping {
		f.keep(b)
	}
}

// unwrapped notes the content of frames. Their bytes have been counted before.
func (f *flow) unwrapped(b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keep(b)
}

func (f *flow) keep(b []byte) {
	fits := min(len(b), maxKept-len(f.rec.Sent))
	if f.sink.kept.Add(int64(fits)) > maxKeptAll {
		f.sink.kept.Add(-int64(fits))
		fits = 0
	}
	f.rec.Sent = append(f.rec.Sent, b[:fits]...)
	if over := len(b) - fits; over > 0 {
		f.sink.miss(func(m *Missed) { m.Bytes += over })
	}
}

// unwrap says whether bytes that come are content, or frames that somebody reads.
func (f *flow) unwrap(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unwrapping = on
}

func (f *flow) got(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rec.GotSize += n
}

func (f *flow) note(set func(*evidence.Flow)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	set(&f.rec)
}

func (f *flow) snapshot() evidence.Flow {
	f.mu.Lock()
	defer f.mu.Unlock()
	rec := f.rec
	rec.Sent = bytes.Clone(rec.Sent)
	return rec
}

// recorded is a connection whose clear bytes are noted.
type recorded struct {
	net.Conn
	flow *flow
}

func (c *recorded) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.flow.sent(b[:n])
	return n, err
}

func (c *recorded) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.flow.got(n)
	return n, err
}

// counted is a connection whose bytes are only counted: they are ciphertext.
type counted struct {
	net.Conn
	n atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.n.Add(int64(n))
	return n, err
}
