// Package sinkhole answers whatever a sealed server says to the network and keeps
// what it said: TCP on any port, TLS under a certificate authority of its own,
// HTTP/1, HTTP/2 and WebSocket, DNS, other UDP, and listening Unix sockets.
//
// It never connects to anything. It is handed open listeners and knows nothing of
// namespaces, routes or rules; nor does it judge what it keeps. Every byte that
// it reads is hostile: connections, names and memory are bounded, and what goes
// beyond a bound is counted.
package sinkhole

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// Limits of one sink.
const (
	maxConns   = 512       // open at once; more are closed unread
	maxFlows   = 8192      // kept
	maxLookups = 20000     // kept
	maxKept    = 1 << 20   // bytes kept of one flow
	maxKeptAll = 128 << 20 // bytes kept of all flows

	idleTimeout  = 2 * time.Minute // of a connection on which nothing comes
	writeTimeout = 10 * time.Second
	tlsTimeout   = 10 * time.Second
)

// UDP is a socket for datagrams.
type UDP struct {
	Conn *net.UDPConn
	Port int  // that senders meant; 0 if many ports end here
	DNS  bool // it is asked for names
}

// Unix is a listening socket with a path.
type Unix struct {
	Listener net.Listener
	Path     string // as the server sees it
}

// Config is what a sink answers on, and how.
type Config struct {
	TCP  []net.Listener
	UDP  []UDP
	Unix []Unix
	CA   *CA
	// Original tells which address the client of an accepted connection meant.
	Original func(net.Conn) netip.AddrPort
	// Now is the clock of the records: nanoseconds of CLOCK_MONOTONIC.
	Now func() int64
}

// Missed counts what came beyond the limits.
type Missed struct {
	Conns   int // closed unread
	Flows   int // answered, not kept
	Lookups int // answered, not kept
	Bytes   int // counted, not kept
}

// Sink answers until it is closed.
type Sink struct {
	cfg   Config
	names *names
	web   *http.Server
	feed  *feed

	ctx    context.Context
	cancel context.CancelFunc
	slots  chan struct{}
	wg     sync.WaitGroup
	kept   atomic.Int64

	mu      sync.Mutex
	open    map[net.Conn]struct{}
	flows   []*flow
	lookups []evidence.Lookup
	missed  Missed
}

// Start begins to answer on everything that cfg names, and owns it from then on.
func Start(cfg Config) *Sink {
	s := &Sink{
		cfg: cfg, names: newNames(), slots: make(chan struct{}, maxConns),
		open: map[net.Conn]struct{}{}, feed: newFeed(),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.web = s.newWeb()
	s.wg.Go(func() { _ = s.web.Serve(s.feed) }) // ends with ErrServerClosed
	for _, l := range cfg.TCP {
		s.wg.Go(func() { s.accept(l, s.fromTCP) })
	}
	for _, u := range cfg.Unix {
		s.wg.Go(func() { s.accept(u.Listener, func(net.Conn) *flow { return s.begin("unix", u.Path, 0) }) })
	}
	for _, u := range cfg.UDP {
		s.wg.Go(func() { s.serveUDP(u) })
	}
	return s
}

// Close ends all connections and returns when nothing of the sink runs any more.
// The records stay.
func (s *Sink) Close() error {
	s.cancel()
	errs := []error{s.web.Close()}
	for _, l := range s.cfg.TCP {
		errs = append(errs, l.Close())
	}
	for _, u := range s.cfg.Unix {
		errs = append(errs, u.Listener.Close())
	}
	for _, u := range s.cfg.UDP {
		errs = append(errs, u.Conn.Close())
	}
	for _, c := range s.opened() {
		errs = append(errs, c.Close())
	}
	s.wg.Wait()
	errs = slices.DeleteFunc(errs, func(err error) bool { return errors.Is(err, net.ErrClosed) })
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the sinkhole: %w", err)
	}
	return nil
}

func (s *Sink) opened() []net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.open))
}

// Flows returns what came, oldest first, open connections as far as they are.
func (s *Sink) Flows() []evidence.Flow {
	s.mu.Lock()
	flows := slices.Clone(s.flows)
	s.mu.Unlock()
	all := make([]evidence.Flow, len(flows))
	for i, f := range flows {
		all[i] = f.snapshot()
	}
	return all
}

// Lookups returns the names that were asked for, oldest first.
func (s *Sink) Lookups() []evidence.Lookup {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lookups)
}

// Missed returns what went beyond the limits so far.
func (s *Sink) Missed() Missed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.missed
}

func (s *Sink) miss(count func(*Missed)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	count(&s.missed)
}

// begin opens a record. Beyond the limit it is one that nobody sees.
func (s *Sink) begin(proto, addr string, port int) *flow {
	f := &flow{sink: s, rec: evidence.Flow{Proto: proto, Addr: addr, Port: port, Answered: "nothing"}}
	s.mu.Lock()
	defer s.mu.Unlock()
	f.rec.At = s.cfg.Now() // nobody else has it yet
	if len(s.flows) >= maxFlows {
		s.missed.Flows++
		return f
	}
	s.flows = append(s.flows, f)
	return f
}

func (s *Sink) lookedUp(l evidence.Lookup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lookups) >= maxLookups {
		s.missed.Lookups++
		return
	}
	l.At = s.cfg.Now()
	s.lookups = append(s.lookups, l)
}
