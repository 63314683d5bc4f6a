package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

const manyLimits = "[decoy.limits]\nconnections = 30000\nconnections_per_source = 30000\nsse_per_source = 30000\nsessions_per_source = 10000\n"

// crowd is test 6: half of the connections are idle event streams, half send a head
// byte by byte.
func (s *suite) crowd() (string, error) {
	n := choose(s, 2000, 10_000)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || int(limit.Max) < n+500 {
		return "", fmt.Errorf("%w: %d connections need ulimit -Hn of %d", errUnable, n, n+500)
	}
	k, err := s.newSensor("crowd", manyLimits)
	if err != nil {
		return "", err
	}
	if err := k.start(); err != nil {
		return "", err
	}
	defer k.kill()
	honest := &load{url: k.url(), clients: 1, rate: 100}
	measure := func(for_ time.Duration) {
		ctx, cancel := context.WithTimeout(context.Background(), for_)
		defer cancel()
		honest.run(ctx)
	}
	measure(time.Second)
	baseline := descriptors(k.pid())
	streams, err := openStreams(k.addr, n/2)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(context.Background())
	dawdling := make(chan int, 1)
	go func() { dawdling <- dawdle(ctx, k.addr, n/2) }()
	honest.took = nil
	open, each := 0, choose(s, 500*time.Millisecond, time.Second)
	for range choose(s, 12, 60) {
		measure(each)
		open = max(open, descriptors(k.pid())) // the dawdlers are cut off now and then, and come again
	}
	memory := peak(k.pid())
	cancel()
	sent := <-dawdling
	for _, c := range streams {
		c.Close()
	}
	back, settled := until(60*time.Second, func() bool { return float64(descriptors(k.pid())) <= 1.05*float64(baseline)+2 })
	p99 := percentile(honest.took, 0.99)
	return fmt.Sprintf("%d open (%d streams, %d dawdlers in all), memory at most %.0f MB, honest p99 %v, descriptors %d -> %d in %v", open, len(streams), sent, memory, p99.Round(100*time.Microsecond), baseline, descriptors(k.pid()), back.Round(100*time.Millisecond)),
		errors.Join(want(memory < 400, "too much memory"), want(p99 < 250*time.Millisecond && len(honest.failed) == 0, "the honest client waits: %v", honest.failed),
			want(settled, "descriptors leak"), want(open >= n*9/10, "the crowd was not there"))
}

// openStreams opens idle event streams.
func openStreams(addr string, n int) (all []net.Conn, err error) {
	head := make([]byte, 512)
	for range n {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return all, err
		}
		all = append(all, c)
		fmt.Fprintf(c, "GET /sse HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
		size, _ := c.Read(head)
		if !bytes.HasPrefix(head[:size], []byte("HTTP/1.1 200")) {
			return all, fmt.Errorf("stream %d is refused: %.100s", len(all), head[:size])
		}
	}
	return all, nil
}

// dawdle keeps n connections that send a head byte by byte, opening another for each
// that the sensor ends, and returns how many there were.
func dawdle(ctx context.Context, addr string, n int) (sent int) {
	open := make([]net.Conn, n)
	defer func() {
		for _, c := range open {
			if c != nil {
				c.Close()
			}
		}
	}()
	for ctx.Err() == nil {
		for i, c := range open {
			if c != nil {
				if _, err := c.Write([]byte("a")); err == nil {
					continue
				}
				c.Close()
			}
			c, err := net.Dial("tcp", addr)
			if err != nil {
				open[i] = nil
				continue
			}
			_, _ = c.Write([]byte("GET / HTTP/1.1\r\nX: ")) // an end shows at the next byte
			open[i] = c
			sent++
		}
		time.Sleep(time.Second)
	}
	return sent
}
