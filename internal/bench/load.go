package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// warmUp is the part of a turn that is not measured.
const warmUp = 6

// workload is one kind of request.
type workload struct {
	name string
	// prepare returns the function that makes a client's next request. What that
	// returns is valid until it is called again.
	prepare func(c *client) func() []byte
	// want is what an answer must contain.
	want string
}

// result is what turns measured.
type result struct {
	n         int
	took      time.Duration
	latencies []time.Duration
	bytes     int
	served    int           // requests with those that were not measured
	spent     time.Duration // CPU time of the server for them
}

func (r *result) add(o *result) {
	r.n += o.n
	r.took += o.took
	r.latencies = append(r.latencies, o.latencies...)
	r.bytes += o.bytes
	r.served += o.served
	r.spent += o.spent
}

func (r *result) rate() float64 { return float64(r.n) / r.took.Seconds() }

// cost is the server's CPU time for one request.
func (r *result) cost() time.Duration {
	return (r.spent / time.Duration(max(r.served, 1))).Round(100 * time.Nanosecond)
}

// size is the mean size of an answer.
func (r *result) size() int { return r.bytes / max(r.n, 1) }

func (r *result) quantile(q float64) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	slices.Sort(r.latencies)
	return r.latencies[int(q*float64(len(r.latencies)-1))].Round(time.Microsecond)
}

// turn loads one server for a while, on fresh connections, and waits until it is
// at rest again.
func (b *benchmark) turn(s *server, sp speech, w *workload, conns int, d time.Duration) (*result, error) {
	before, err := s.cpu()
	if err != nil {
		return nil, err
	}
	r, err := b.measure(s.addr, sp, w, conns, d)
	if err != nil {
		return nil, err
	}
	after, err := s.rest()
	r.spent = after - before
	return r, err
}

func (b *benchmark) measure(addr string, sp speech, w *workload, conns int, d time.Duration) (*result, error) {
	clients := make([]*client, 0, conns)
	defer func() {
		for _, c := range clients {
			c.close()
		}
	}()
	for range conns {
		c, err := b.dial(addr, sp)
		if err != nil {
			return nil, err
		}
		clients = append(clients, c)
	}
	if err := w.check(clients[0]); err != nil {
		return nil, err
	}
	warm, err := load(clients, w, d/warmUp)
	if err != nil {
		return nil, err
	}
	r, err := load(clients, w, d)
	if err != nil {
		return nil, err
	}
	r.served = r.n + warm.n
	return r, nil
}

// check looks at one answer closely, so that load need not.
func (w *workload) check(c *client) error {
	_, text, err := c.ask(w.prepare(c)())
	if err == nil && !strings.Contains(text, w.want) {
		err = fmt.Errorf("the answer is without %.60q: %.200q", w.want, text)
	}
	return err
}

// load keeps every client busy for a while. One goroutine does all: it takes the
// answers in turn and sends the next request at once, so that an answer is there
// when it is looked for, and the load costs the machine it shares with the server
// two system calls a request.
func load(clients []*client, w *workload, d time.Duration) (*result, error) {
	r := &result{}
	next := make([]func() []byte, len(clients))
	sent := make([]time.Time, len(clients))
	begin := time.Now()
	for i, c := range clients {
		next[i] = w.prepare(c)
		if err := c.waitUntil(begin.Add(d + answerTimeout)); err != nil {
			return nil, err
		}
		if err := c.send(next[i]()); err != nil {
			return nil, err
		}
		sent[i] = time.Now()
	}
	for end := begin.Add(d); ; {
		for i, c := range clients {
			if err := c.take(r, w, sent[i]); err != nil {
				return nil, err
			}
			if sent[i] = time.Now(); sent[i].After(end) {
				r.took = sent[i].Sub(begin)
				return r, drain(clients[:i], clients[i+1:])
			}
			if err := c.send(next[i]()); err != nil {
				return nil, err
			}
		}
	}
}

// take counts one answer.
func (c *client) take(r *result, w *workload, sent time.Time) error {
	rep, err := c.receive(nil)
	if err != nil {
		return err
	}
	if rep.status != http.StatusOK || rep.size < len(w.want) {
		return fmt.Errorf("status %d with %d bytes", rep.status, rep.size)
	}
	r.latencies = append(r.latencies, time.Since(sent))
	r.bytes += rep.size
	r.n++
	return nil
}

// drain takes the answers that are on their way, which are not counted.
func drain(some ...[]*client) error {
	for _, clients := range some {
		for _, c := range clients {
			if _, err := c.receive(nil); err != nil {
				return err
			}
		}
	}
	return nil
}
