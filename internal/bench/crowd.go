package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// pace is what a slow client waits before its next byte.
	pace = 250 * time.Millisecond
	// pause is what a client that was cut off waits before it comes again.
	pause = time.Second
	// pipelined is how many lists of tools a slow reader asks for at once: some
	// 5 MB, more than the kernel keeps for it.
	pipelined = 350
	// readers is which part of the slow clients reads slowly.
	readers = 8
)

// crowd is what holds connections to a sensor without using them much.
type crowd struct {
	*benchmark
	addr string
	wg   sync.WaitGroup

	heads, answers atomic.Int64 // slow clients that the sensor cut off
	lost           atomic.Int64 // streams that ended before the crowd left
}

// gather brings the crowd in; it leaves when ctx ends. Half of the streams are
// of HTTP+SSE, half are those of Streamable HTTP sessions.
func (c *crowd) gather(ctx context.Context, streams, slow int) error {
	opens := [2]func(context.Context) (*wire, error){c.openSSE, c.openGET}
	switch w, err := c.openGET(ctx); {
	case err == nil:
		_ = w.conn.Close()
	case errors.Is(err, errNoStream):
		fmt.Println("  the sensor has no GET stream on " + mcpPath + ": all streams are on " + ssePath)
		opens[1] = c.openSSE
	default:
		return err
	}
	begin := time.Now()
	for i := range streams {
		w, err := opens[i%2](ctx)
		if err != nil {
			return fmt.Errorf("open stream %d: %w", i, err)
		}
		c.wg.Go(func() { c.drain(ctx, w) })
	}
	fmt.Printf("  %d streams opened in %v\n", streams, time.Since(begin).Round(time.Millisecond))
	for i := range slow {
		if i%readers == 0 {
			c.wg.Go(func() { c.dawdle(ctx, c.readSlowly, &c.answers) })
			continue
		}
		c.wg.Go(func() {
			for c.dawdle(ctx, c.sendSlowly, &c.heads) && wait(ctx, pause) {
			}
		})
	}
	return nil
}

// connect dials; the connection is closed when ctx ends.
func (c *crowd) connect(ctx context.Context) (*wire, error) {
	w, err := dialWire(c.addr)
	if err == nil {
		context.AfterFunc(ctx, func() { _ = w.conn.Close() })
	}
	return w, err
}

func (c *crowd) openSSE(ctx context.Context) (*wire, error) {
	w, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	return w, openStream(w, ssePath, "")
}

func (c *crowd) openGET(ctx context.Context) (*wire, error) {
	w, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	cl := &client{wire: w, speech: speech{path: mcpPath}}
	if err := cl.initialize(); err != nil {
		return nil, err
	}
	return w, openStream(w, mcpPath, "Mcp-Protocol-Version: "+legacyRevision+"\r\nMcp-Session-Id: "+cl.session+"\r\n")
}

var errNoStream = errors.New("there is no such stream")

// openStream asks for an event stream and reads its head.
func openStream(w *wire, path, headers string) error {
	if err := w.conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	request := "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench/1\r\nAccept: " + kindSSE + "\r\n" + headers + "\r\n"
	if err := w.send([]byte(request)); err != nil {
		return err
	}
	rep, _, err := w.head(true)
	switch {
	case err != nil:
		return err
	case rep.status == http.StatusMethodNotAllowed:
		return errNoStream
	case rep.status != http.StatusOK || rep.kind != kindSSE:
		return fmt.Errorf("GET %s: status %d, %q", path, rep.status, rep.kind)
	}
	return w.conn.SetDeadline(time.Time{})
}

// drain reads a stream until it ends.
func (c *crowd) drain(ctx context.Context, w *wire) {
	_, _ = io.Copy(io.Discard, w.r)
	if ctx.Err() == nil {
		c.lost.Add(1)
	}
}

// dawdle is one visit of a slow client; it reports whether the sensor ended it.
func (c *crowd) dawdle(ctx context.Context, visit func(context.Context, *wire) error, cut *atomic.Int64) bool {
	w, err := c.connect(ctx)
	if err == nil {
		err = visit(ctx, w)
		_ = w.conn.Close()
	}
	if err == nil || ctx.Err() != nil {
		return false
	}
	cut.Add(1)
	return true
}

// sendSlowly sends a request head that never ends, byte by byte.
func (c *crowd) sendSlowly(ctx context.Context, w *wire) error {
	const begin, more = "POST /mcp HTTP/1.1\r\nHost: localhost\r\n", "X-Trace: 0123456789abcdef\r\n"
	for i := 0; wait(ctx, pace); i++ {
		next := more[max(i-len(begin), 0)%len(more)]
		if i < len(begin) {
			next = begin[i]
		}
		if err := w.send([]byte{next}); err != nil {
			return err
		}
	}
	return nil
}

// readSlowly asks for more than the buffers between hold, and reads it byte by
// byte. It does not come again: asking so much is work for the sensor, and this
// is about what waiting costs. A byte of a next request for each that it reads
// tells it whether the connection is still there.
func (c *crowd) readSlowly(ctx context.Context, w *wire) error {
	if tcp, ok := w.conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(1) // the kernel takes its smallest
	}
	cl := &client{wire: w, speech: speech{path: mcpPath}}
	if err := cl.initialize(); err != nil {
		return err
	}
	request := cl.frame("tools/list", "", "{}")
	if err := w.send(bytes.Repeat(request, pipelined)); err != nil {
		return err
	}
	one := make([]byte, 1)
	for i := 0; wait(ctx, pace); i++ {
		if _, err := w.conn.Read(one); err != nil {
			return err
		}
		if err := w.send(request[i%len(request) : i%len(request)+1]); err != nil {
			return err
		}
	}
	return nil
}

// wait reports whether ctx outlasted d.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
