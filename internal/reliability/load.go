package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// load sends numbered requests to a sensor at a rate. Each client has one connection and
// ends with it.
type load struct {
	url     string
	clients int
	rate    int // requests a second in all; 0: as fast as they are answered

	next   atomic.Uint64
	mu     sync.Mutex
	acked  []uint64 // numbers that were answered
	took   []time.Duration
	failed []error // the first of each client; it ends with it
}

// ping is the cheapest request that is recorded with its number.
func ping(n uint64) string { return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"ping"}`, n) }

// answered is how many requests were answered so far.
func (l *load) answered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// run sends until ctx ends or the sensor is gone.
func (l *load) run(ctx context.Context) {
	var all sync.WaitGroup
	for range l.clients {
		all.Go(func() {
			if err := l.client(ctx); err != nil && ctx.Err() == nil {
				l.mu.Lock()
				l.failed = append(l.failed, err)
				l.mu.Unlock()
			}
		})
	}
	all.Wait()
}

func (l *load) client(ctx context.Context) error {
	at, err := url.Parse(l.url)
	if err != nil {
		return err
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", at.Host)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // ends what waits for an answer
	c := &http.Client{Transport: &wire{conn, bufio.NewReader(conn)}}
	session, err := open(ctx, c, l.url)
	if err != nil {
		return err
	}
	every := time.Duration(0)
	if l.rate > 0 {
		every = time.Second * time.Duration(l.clients) / time.Duration(l.rate)
	}
	for due := time.Now(); ctx.Err() == nil; due = due.Add(every) {
		if wait := time.Until(due); wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return nil
			}
		}
		n, began := l.next.Add(1), time.Now()
		if _, err := post(ctx, c, l.url, session, ping(n)); err != nil {
			return err
		}
		l.mu.Lock()
		l.acked, l.took = append(l.acked, n), append(l.took, time.Since(began))
		l.mu.Unlock()
	}
	return nil
}

// wire sends requests one after the other over a connection that is not replaced, as Go's
// own transport now and then does on a busy machine.
type wire struct {
	net.Conn
	r *bufio.Reader
}

// RoundTrip implements [http.RoundTripper].
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := w.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return nil, err
	}
	if err := req.Write(w); err != nil {
		return nil, err
	}
	return http.ReadResponse(w.r, req)
}

// open begins a session.
func open(ctx context.Context, c *http.Client, url string) (session string, err error) {
	const hello = `{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"reliability","version":"1"}}}`
	return post(ctx, c, url, "", hello)
}

// post sends a message and wants an answer; it returns the session.
func post(ctx context.Context, c *http.Client, url, session, message string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(message))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if session != "" {
		req.Header.Set("Mcp-Session-Id", session)
		req.Header.Set("Mcp-Protocol-Version", "2025-06-18")
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(`"result"`)) {
		return "", fmt.Errorf("%s is answered %s: %.200s", message, resp.Status, body)
	}
	return resp.Header.Get("Mcp-Session-Id"), nil
}

// percentile of durations, in which there is at least one.
func percentile[T cmp.Ordered](all []T, p float64) (at T) {
	if len(all) == 0 {
		return at
	}
	all = slices.Sorted(slices.Values(all))
	return all[min(len(all)-1, int(float64(len(all))*p))]
}
