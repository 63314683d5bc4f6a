package decoy

import (
	"crypto/tls"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	floodPeriod  = time.Minute // one event a minute speaks for what a source did too much of
	floodSources = 4096        // sources and outcomes that are told apart, the rest share one entry
	floodTick    = floodPeriod / 4
	floodFirst   = 20 // requests over a limit that are recorded one by one in a period
)

const (
	// sendBuffer is what the kernel may hold of an answer that is not read. It
	// would take megabytes for each of them.
	sendBuffer = 128 << 10
	// crowd is how many connections have to leave for their memory to be given
	// back to the system, which the Go runtime would do minutes later.
	crowd = 256
)

// limitCodes are the outcomes of what goes beyond a limit: recorded one by one
// they would fill the journal with one client's zeal.
var limitCodes = map[profile.Code]bool{
	profile.ConnRefused: true, profile.TooManyStreams: true, profile.BodyTooLarge: true,
	profile.HeadTooLarge: true, profile.BatchTooLarge: true, profile.NotServed: true,
}

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
		holder := source
		if s.trustsPeer(c) {
			holder = manyClients
		}
		if s.conns.add(holder) {
			return l.wrap(c, holder), nil
		}
		_ = c.Close() // nothing was promised to this peer
		s.refusals.Add(1)
		now := time.Now()
		if s.floods.admit(floodKey{source, profile.ConnRefused}, 1, now) {
			s.recordFlood(floodKey{source, profile.ConnRefused}, 1, now)
		}
	}
}

// wrap makes of an accepted connection one that net/http may have. holder is who it is
// counted for.
func (l *listener) wrap(c net.Conn, holder string) net.Conn {
	s := l.server
	if t, ok := socketOf(c).(*net.TCPConn); ok {
		_ = t.SetWriteBuffer(sendBuffer) // a matter of memory only
	}
	var hello *tap
	if s.TLS != nil {
		hello = &tap{Conn: c}
		c = tls.Server(hello, s.TLS)
	}
	return newConn(c, s.Limits.Header, func(c *conn, partial string, unserved []wireHead) {
		s.conns.remove(holder)
		for _, h := range unserved {
			s.recordHead(c, h.raw, profile.NotServed)
		}
		if partial != "" {
			s.recordHead(c, partial, profile.HeadIncomplete)
		}
		if raw := hello.refused(c); raw != "" {
			s.recordHead(c, raw, profile.TLSFailed)
		}
	})
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

// manyClients is the source of what clients hold through trusted proxies: only the
// limit for all holds for it. No address reads like it.
const manyClients = "many clients"

// counter counts what sources hold, with a limit for each but [manyClients] and one
// for all; 0 is no limit for all.
type counter struct {
	total, each int
	mu          sync.Mutex
	n, peak     int
	by          map[string]int
}

func newCounter(total, each int) *counter {
	return &counter{total: total, each: each, by: map[string]int{}}
}

// limit changes the limits. What is held beyond them is let go by its owner alone.
func (c *counter) limit(total, each int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total, c.each = total, each
}

func (c *counter) add(source string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if (c.total > 0 && c.n >= c.total) || (source != manyClients && c.by[source] >= c.each) {
		return false
	}
	c.n++
	c.peak = max(c.peak, c.n)
	c.by[source]++
	return true
}

// count is how many are held.
func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// emptied reports whether at least drop, and more than half, of those at the peak
// since it last did are gone.
func (c *counter) emptied(drop int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.peak-c.n < drop || c.n > c.peak/2 {
		return false
	}
	c.peak = c.n
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

// floods aggregates what goes beyond limits: the first of a source are reported
// as they come, the others as one count a minute.
type floods struct {
	mu sync.Mutex
	by map[floodKey]*flood
}

type floodKey struct {
	source string
	code   profile.Code
}

type flood struct {
	since time.Time
	n     int // beyond those that were admitted
	free  int // that may still be admitted
}

// admit reports whether this one is to be recorded by itself; if not it is
// counted.
func (f *floods) admit(key floodKey, free int, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil {
		f.by = map[floodKey]*flood{}
	}
	if f.by[key] == nil && len(f.by) >= floodSources {
		key.source = ""
	}
	e := f.by[key]
	if e == nil {
		e = &flood{since: now, free: free}
		f.by[key] = e
	}
	if e.free > 0 {
		e.free--
		return true
	}
	e.n++
	return false
}

// flush reports and forgets the counts that are due, or all.
func (f *floods) flush(now time.Time, all bool, report func(key floodKey, n int, since time.Time)) {
	out := map[floodKey]flood{}
	f.mu.Lock()
	for key, e := range f.by {
		if all || now.Sub(e.since) >= floodPeriod {
			delete(f.by, key)
			out[key] = *e
		}
	}
	f.mu.Unlock()
	for key, e := range out {
		if e.n > 0 {
			report(key, e.n, e.since)
		}
	}
}

// reportFloods reports counts as they fall due, until the server ends.
func (s *Server) reportFloods() {
	tick := time.NewTicker(floodTick)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			s.floods.flush(now, false, s.recordFlood)
			if s.conns.emptied(crowd) {
				debug.FreeOSMemory()
			}
		case <-s.life.Done():
			return
		}
	}
}

func (s *Server) recordFlood(key floodKey, n int, since time.Time) {
	ev := s.newEvent(since, "http")
	ev.IP, ev.Outcome = key.source, string(key.code)
	what := "requests"
	if key.code == profile.ConnRefused {
		what = "connections"
	}
	ev.Notes = map[string]string{what: strconv.Itoa(n)}
	s.Recorder.Record(ev)
}

// recordHead records a request that no handler saw.
func (s *Server) recordHead(c *conn, raw string, code profile.Code) {
	ev := s.newEvent(time.Now(), "http")
	s.setPeer(ev, c.RemoteAddr().String(), nil)
	ev.Peer = c.peer
	noteTLS(ev, c)
	setHead(ev, raw)
	ev.Outcome = string(code)
	s.keep(ev, code)
}

// keep hands an event on, unless it is one too many of its kind.
func (s *Server) keep(ev *sdk.Event, code profile.Code) {
	if !limitCodes[code] || s.floods.admit(floodKey{limitKey(ev.IP), code}, floodFirst, ev.Time) {
		s.Recorder.Record(ev) // ev is the recorder's from here on
	}
}
