// Package decoy is what an attacker talks to: an MCP server over Streamable HTTP,
// HTTP+SSE and stdio, in both eras of the protocol.
//
// It parses what arrives under limits, asks its [Backend] for the personas'
// answers, has a [profile.Profile] turn every outcome into bytes, and hands one
// event per message to its [Recorder] once the answer is on the wire. Whatever
// arrives is an event, malformed requests included.
//
// It does not judge, store or deliver events, knows no persona, and serves
// nothing for the operator: the attacker sees the persona and nothing else.
package decoy

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Recorder takes events. Record must not block and must not keep its caller
// waiting for disks or rules.
type Recorder interface {
	Record(ev *sdk.Event)
}

// Committer is a [Recorder] for whom an answer waits: Commit returns when what was
// recorded before is safe, or when waiting for it must end.
type Committer interface {
	Commit()
}

// Limits bound what one client, and all of them together, can hold or send.
type Limits struct {
	Body         int // bytes of a request body that are read
	RecordedBody int // bytes of a body that an event keeps
	Header       int // bytes of a request head
	Depth        int // nesting of JSON
	Batch        int // messages in a batch

	Connections          int
	ConnectionsPerSource int
	Sessions             int
	SessionsPerSource    int
	StreamsPerSource     int
	SessionIdle          time.Duration
	Page                 int           // entries on a page of a list
	Idle                 time.Duration // of a connection between two requests
	Head                 time.Duration // for a request head to arrive
	Read                 time.Duration // for a request body to arrive
	Write                time.Duration // for a client to take what it is sent
}

// DefaultLimits are the limits of an unconfigured sensor.
func DefaultLimits() Limits {
	return Limits{
		Body: 1 << 20, RecordedBody: 64 << 10, Header: 16 << 10, Depth: 64, Batch: 64,
		Connections: 10_000, ConnectionsPerSource: 64, Sessions: 10_000, SessionsPerSource: 256,
		StreamsPerSource: 8, SessionIdle: 30 * time.Minute, Page: 100,
		Idle: time.Minute, Head: 5 * time.Second, Read: 15 * time.Second, Write: 10 * time.Second,
	}
}

// Options configure a decoy. Backend, Recorder and Profile are required.
type Options struct {
	Sensor         string // name that every event carries
	Path           string // of the Streamable HTTP endpoint, "/mcp" when empty
	Profile        profile.Profile
	Backend        Backend
	Recorder       Recorder
	Limits         Limits
	Secret         []byte         // keys the tokens that clients carry; without it they end with the process
	AllowedOrigins []string       // beside the server's own
	AllowedHosts   []string       // beside loopback names, checked on a loopback listener
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed, and whose PROXY headers
	ProxyProtocol  bool           // connections of TrustedProxies begin with a PROXY header
	TLS            *tls.Config    // nil: plain HTTP
	Log            *slog.Logger
}

// Settings are what may change while a decoy runs.
type Settings struct {
	Limits         Limits // but for Header, Head and Idle
	AllowedOrigins []string
	AllowedHosts   []string
	TrustedProxies []netip.Prefix
}

// Server is one decoy. Create it with [New].
type Server struct {
	Options
	settings  atomic.Pointer[Settings]
	engine    *engine
	streams   *counter
	conns     *counter
	floods    *floods
	refusals  atomic.Uint64 // connections beyond a limit
	handed    handed
	committer Committer // nil: answers wait for nothing
	http      *http.Server
	buffers   sync.Pool       // of *bytes.Buffer, for answers on their way out
	replay    *budget         // what streams keep for clients that come back
	held      group           // connections of event streams
	closing   context.Context // ends when a stop begins
	close     context.CancelFunc
	life      context.Context // ends when a stop waits no longer for answers
	end       context.CancelCauseFunc
	started   sync.Once
	local     bool // listening on loopback: names other than loopback's are rebinding
	wg        sync.WaitGroup
}

// New returns a decoy that serves nothing yet.
func New(o Options) *Server {
	if o.Path == "" {
		o.Path = "/mcp"
	}
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	s := &Server{Options: o}
	s.settings.Store(&Settings{o.Limits, o.AllowedOrigins, o.AllowedHosts, o.TrustedProxies})
	s.life, s.end = context.WithCancelCause(context.Background())
	s.closing, s.close = context.WithCancel(context.Background())
	s.replay = newBudget(replayOwner, replayTotal)
	s.engine = &engine{
		log: o.Log, backend: o.Backend, profile: o.Profile, sessions: newSessions(s.life, func() *Limits { return &s.now().Limits }, o.Backend.Release),
		sealer: newSealer(o.Secret), page: func() int { return s.now().Limits.Page }, bulletins: newBulletins(), waiting: newCounter(0, maxWaiting),
	}
	s.streams = newCounter(0, o.Limits.StreamsPerSource)
	s.conns = newCounter(o.Limits.Connections, o.Limits.ConnectionsPerSource)
	s.floods = &floods{}
	s.committer, _ = o.Recorder.(Committer)
	s.buffers.New = func() any { return new(bytes.Buffer) }
	s.http = s.newHTTPServer()
	return s
}

// now are the settings in force.
func (s *Server) now() *Settings { return s.settings.Load() }

// Apply changes the settings. What clients hold beyond a lower limit they keep;
// connections and sessions go on.
func (s *Server) Apply(n Settings) {
	was := s.now().Limits
	n.Limits.Header, n.Limits.Head, n.Limits.Idle = was.Header, was.Head, was.Idle
	s.settings.Store(&n)
	s.engine.current.Store(nil) // whose lists are in pages of the earlier size
	s.streams.limit(0, n.Limits.StreamsPerSource)
	s.conns.limit(n.Limits.Connections, n.Limits.ConnectionsPerSource)
}

// Load is what clients hold now.
type Load struct {
	Connections, Streams, Sessions int
	Refused                        uint64 // connections beyond a limit, ever
}

// Load returns what clients hold now.
func (s *Server) Load() Load {
	return Load{s.conns.count(), s.streams.count(), s.engine.sessions.count(), s.refusals.Load()}
}

func (s *Server) newHTTPServer() *http.Server {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	// Before the router: what it does not know ("OPTIONS *", a CONNECT) it would
	// answer by itself, and its 404 and 405 bodies would give the stack away.
	handle := echo.HandlerFunc(s.handle)
	e.Pre(func(echo.HandlerFunc) echo.HandlerFunc { return handle })
	e.HTTPErrorHandler = func(error, echo.Context) {}
	return &http.Server{
		Handler:           e,
		ReadHeaderTimeout: s.Limits.Head, // it comes from the lobby with its head
		IdleTimeout:       s.Limits.Idle,
		// Above our own cap, which answers first.
		MaxHeaderBytes:               2*s.Limits.Header + 4096,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
	}
}

// Serve accepts connections from l until Shutdown. It returns nil after it.
func (s *Server) Serve(l net.Listener) error {
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		s.local = a.IP.IsLoopback()
	}
	s.begin()
	if s.ProxyProtocol {
		p := newProxied(l, s)
		defer p.wait()
		l = p
	}
	lobby := newLobby(&listener{Listener: l, server: s}, s.Limits, s.Log)
	defer lobby.wait()
	err := s.http.Serve(lobby)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve decoy on %s: %w", l.Addr(), err)
}

// begin starts what runs beside the transports, once.
func (s *Server) begin() {
	s.started.Do(func() {
		s.wg.Go(s.reportFloods)
		s.wg.Go(s.reportUpdates)
	})
}

// Shutdown stops accepting, lets requests that are being answered finish until
// ctx ends, closes streams, and returns when no handler runs any more.
func (s *Server) Shutdown(ctx context.Context) error {
	s.close()
	s.engine.bulletins.close()
	hurry := context.AfterFunc(ctx, func() { s.held.close(func(cut func()) { cut() }) }) // those left are stuck in a write
	err := s.http.Shutdown(ctx)
	s.end(errLeft)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	s.wg.Wait()
	if !hurry() && err == nil {
		err = ctx.Err() // event streams were cut off
	}
	s.engine.sessions.ending.Wait()
	s.floods.flush(time.Now(), true, s.recordFlood)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("drain decoy: %w", err)
	}
	return err
}

// reportUpdates announces resources that change with time, until the server ends.
func (s *Server) reportUpdates() {
	tick := time.NewTicker(bulletinTick)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case now := <-tick.C:
			if c := s.engine.current.Load(); c != nil {
				s.engine.bulletins.tick(c.of.Resources, last, now)
			}
			last = now
		case <-s.life.Done():
			return
		}
	}
}

type connKey struct{}
