package decoy

import (
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
)

const (
	floodPeriod  = time.Minute // one event a minute speaks for all refused connections of a source
	floodSources = 4096        // sources that are told apart, the rest share one entry
)

// listener wraps accepted connections and enforces the connection limits.
type listener struct {
	net.Listener
	server *Server
}

// Accept returns the next connection within the limits. One beyond them is
// closed at once, and counted into an event.
func (l *listener) Accept() (net.Conn, error) {
	s := l.server
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		source := sourceOf(c.RemoteAddr())
		if s.conns.add(source) {
			return newConn(c, s.Limits.Header, func(c *conn, partial string, unserved []wireHead) {
				s.conns.remove(source)
				for _, h := range unserved {
					s.recordHead(c, h.raw, profile.NotServed)
				}
				if partial != "" {
					s.recordHead(c, partial, profile.HeadIncomplete)
				}
			}), nil
		}
		_ = c.Close() // nothing was promised to this peer
		s.floods.count(source, time.Now(), s.recordFlood)
	}
}

// sourceOf is the key by which limits are held: the address, /64 in IPv6.
func sourceOf(a net.Addr) string {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return a.String()
	}
	ip := t.AddrPort().Addr().Unmap()
	return sourceKey(ip)
}

// limitKey is the key of a client's address as an event has it.
func limitKey(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	return sourceKey(addr)
}

func sourceKey(ip netip.Addr) string {
	if ip.Is6() {
		if p, err := ip.WithZone("").Prefix(64); err == nil {
			return p.Addr().String()
		}
	}
	return ip.String()
}

// counter counts what sources hold, with a limit for each and one for all; 0 is
// no limit for all.
type counter struct {
	total, each int
	mu          sync.Mutex
	n           int
	by          map[string]int
}

func newCounter(total, each int) *counter {
	return &counter{total: total, each: each, by: map[string]int{}}
}

func (c *counter) add(source string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if (c.total > 0 && c.n >= c.total) || c.by[source] >= c.each {
		return false
	}
	c.n++
	c.by[source]++
	return true
}

func (c *counter) remove(source string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n--
	if c.by[source]--; c.by[source] <= 0 {
		delete(c.by, source)
	}
}

// floods aggregates refused connections: the first of a source is reported at
// once, the others as one count a minute.
type floods struct {
	mu sync.Mutex
	by map[string]*flood
}

type flood struct {
	since time.Time
	n     int
}

type floodReport func(source string, n int, since time.Time)

func (f *floods) count(source string, now time.Time, report floodReport) {
	f.mu.Lock()
	if f.by == nil {
		f.by = map[string]*flood{}
	}
	if f.by[source] == nil && len(f.by) >= floodSources {
		source = ""
	}
	e := f.by[source]
	first := e == nil
	if first {
		e = &flood{since: now}
		f.by[source] = e
	} else {
		e.n++
	}
	f.mu.Unlock()
	if first {
		report(source, 1, now)
	}
}

// flush reports and forgets the counts that are due, or all.
func (f *floods) flush(now time.Time, all bool, report floodReport) {
	type due struct {
		source string
		flood
	}
	var out []due
	f.mu.Lock()
	for source, e := range f.by {
		if all || now.Sub(e.since) >= floodPeriod {
			delete(f.by, source)
			out = append(out, due{source, *e})
		}
	}
	f.mu.Unlock()
	for _, d := range out {
		if d.n > 0 {
			report(d.source, d.n, d.since)
		}
	}
}

// reportFloods reports counts as they fall due, until the server ends.
func (s *Server) reportFloods() {
	tick := time.NewTicker(floodPeriod / 4)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			s.floods.flush(now, false, s.recordFlood)
		case <-s.life.Done():
			return
		}
	}
}

func (s *Server) recordFlood(source string, n int, since time.Time) {
	ev := s.newEvent(since, "http")
	ev.IP, ev.Outcome = source, string(profile.ConnRefused)
	ev.Notes = map[string]string{"connections": strconv.Itoa(n)}
	s.Recorder.Record(ev)
}

// recordHead records a request that no handler saw.
func (s *Server) recordHead(c *conn, raw string, code profile.Code) {
	ev := s.newEvent(time.Now(), "http")
	s.setPeer(ev, c.RemoteAddr().String(), nil)
	setHead(ev, raw)
	ev.Outcome = string(code)
	s.Recorder.Record(ev)
}
