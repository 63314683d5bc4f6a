// Package agent is the running sensor: it puts the parts together, starts and
// stops them in order, and carries events from the decoy to the journal and from
// there to the rules.
//
// The parts do not know each other. The agent does no protocol, judges nothing
// itself and formats no output; commands and their printing are cmd/killdeer.
package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/agent/certs"
	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/decoy"
	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/agent/monitor"
	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/persona"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// drainWithin is how long requests that are being answered may take when the
// sensor stops. The rest of a stop is for the queue and the files.
const drainWithin = 2500 * time.Millisecond

// idleMemory is how much memory the instances of clients that are between two calls
// may hold together, beside what they share. One of a built-in persona takes 0.4 to
// 5 MB, and shares 12.
const idleMemory = 96 << 20

// Options configure a sensor.
type Options struct {
	Config *config.Config
	Log    *slog.Logger
	Listen bool // on the configured address; otherwise only ServeStdio serves
	// CompileCommand starts a child that ends in [CompileGuest], so that a
	// guest's compilation has bounds. Empty: guests compile in this process.
	CompileCommand []string
	// Load reads the configuration again, for Reload. Without it the sensor only
	// looks again at the guests that it has.
	Load func() (*config.Config, error)
	// LogLevel is that of Log, if a reload may change it.
	LogLevel *slog.LevelVar
	// Version is the program's, which packs may require.
	Version string
	// Sockets that somebody opened before, by the names "decoy" and "dashboard". They
	// take the place of the configured addresses.
	Sockets map[string]net.Listener
}

// Status says what a sensor is doing, for whoever started it.
type Status struct {
	URL, SSE   string // of the decoy, "" when it does not listen
	Dashboard  string // URL, "" when there is none
	ServerName string // that the personas show
	Personas   []string
	Tools      int
	Packs      []string
	Lacks      []Lack // rule packs that could not be loaded
	StateDir   string
}

// Sensor is one running sensor. Start it with [Start] and end it with Stop.
type Sensor struct {
	options  Options
	cfg      *config.Config
	log      *slog.Logger
	listener net.Listener
	board    net.Listener // the dashboard's; nil when there is none
	demo     string       // marks requests of "killdeer demo"
	journal  *journal.Journal
	writer   *journal.Writer
	decoy    *decoy.Server
	personas *persona.Host
	guests   guestSet
	sinks    sinkSet
	tagger   switchable
	monitor  *monitor.Monitor
	// certificate is the decoy's, nil without TLS.
	certificate *certs.Source

	began  time.Time
	stops  []stop // newest first when stopping
	once   sync.Once
	err    error // of Stop
	ready  chan struct{}
	failed chan error // the first failure of a part, for Wait
	// life ends with the sensor. It is kept because Reload does its work for the
	// sensor, whoever asked and whether he waits or not.
	life   context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

// stop is one named step of taking the sensor down.
type stop struct {
	name string
	do   func(ctx context.Context) error
}

// Start starts a sensor. When it returns, the decoy accepts connections; guests
// are still loading, and Ready tells when they are. Nothing is left behind when
// it fails.
func Start(ctx context.Context, o Options) (_ *Sensor, err error) {
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Sensor{options: o, began: time.Now(), demo: rand.Text(), cfg: o.Config, log: o.Log, ready: make(chan struct{}), failed: make(chan error, 1), life: run, cancel: cancel}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
		}
	}()
	s.monitor = s.newMonitor()
	if o.Listen {
		if err := errors.Join(s.listen(), s.listenDashboard()); err != nil {
			return nil, err
		}
	}
	if err := s.openState(); err != nil {
		return nil, err
	}
	seed, err := worldSeed(o.Config.Sensor.WorldSeedFile)
	if err != nil {
		return nil, err
	}
	s.personas = persona.NewHost(persona.Options{
		WorldSeed: seed, ServerName: o.Config.Decoy.ServerName, CacheDir: o.Config.Sensor.CacheDir,
		CallTimeout: time.Duration(o.Config.Decoy.Limits.CallTimeout), Log: o.Log,
		Instant: o.Config.Decoy.Latency == "off", Calm: o.Config.Decoy.Friction == "off",
	})
	if err := s.startDecoy(seed); err != nil {
		return nil, err
	}
	if err := s.startDashboard(); err != nil {
		return nil, err
	}
	s.tasks.Go(func() { s.paceCollector(run) })
	s.sinks.run(run, s.cfg, s)
	s.tasks.Go(func() { s.load(run) })
	return s, nil
}

func (s *Sensor) onStop(name string, do func(ctx context.Context) error) {
	s.stops = append(s.stops, stop{name, do})
}

func (s *Sensor) listen() error {
	l := s.options.Sockets["decoy"]
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", s.cfg.Decoy.Listen); err != nil {
			return fmt.Errorf("start decoy: %w", err)
		}
		widen(l)
	}
	s.listener = l
	s.onStop("close listener", func(context.Context) error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

// openState opens everything that lives in the state directory.
func (s *Sensor) openState() error {
	c := s.cfg.Sensor
	for _, dir := range []string{c.StateDir, c.CacheDir} {
		if err := prepareDir(dir); err != nil {
			return err
		}
	}
	j, err := journal.Open(c.StateDir, journalOptions(s.cfg, s.log))
	if err != nil {
		return err
	}
	s.journal = j
	s.onStop("close journal", func(context.Context) error { return j.Close() })
	s.onStop("stop tasks", func(context.Context) error {
		s.cancel()
		s.guests.settle() // it starts tasks, and none begins after the cancel
		s.tasks.Wait()
		return nil
	})
	s.onStop("deliver last events", s.deliverLast)
	if err := s.sinks.open(s.cfg, s); err != nil {
		return err
	}
	control, err := startControl(c.StateDir, controlled{j, s.sinks.host, c.Name, s.Reload, s.demoAt()}, s.log)
	if err != nil {
		return err
	}
	s.onStop("close control socket", func(context.Context) error { return control.close(c.StateDir) })
	s.writer = journal.NewWriter(j, journal.WriterOptions{
		Queue: s.cfg.Journal.Queue, Delay: time.Duration(s.cfg.Journal.Delay), Log: s.log, Committed: s.monitor.Committed,
	})
	s.onStop("flush events", s.writer.Close)
	if damage := j.Recovered(); damage != "" {
		s.log.Error("the journal was damaged: what could not be read was set aside", "what", damage)
		s.writer.Record(s.damageEvent(damage))
	}
	return nil
}

// commitWithin is how long an answer waits for its event at the most: a disk that
// takes nothing must not give the decoy away by its silence.
const commitWithin = 2 * time.Second

// strictRecorder makes answers wait until their events are on disk.
type strictRecorder struct{ *journal.Writer }

var _ decoy.Committer = strictRecorder{}

// Commit implements [decoy.Committer].
func (r strictRecorder) Commit() {
	ctx, cancel := context.WithTimeout(context.Background(), commitWithin)
	defer cancel()
	// What could not be written by then is in the queue or counted: the writer
	// logs it.
	_ = r.Sync(ctx)
}

// recorder is what the decoy tells its events, as durability has it.
func (s *Sensor) recorder() decoy.Recorder {
	if s.cfg.Journal.Durability == "strict" {
		return strictRecorder{s.writer}
	}
	return s.writer
}

func journalOptions(c *config.Config, log *slog.Logger) journal.Options {
	return journal.Options{
		Sensor: c.Sensor.Name, Log: log,
		SegmentEvents: c.Journal.SegmentEvents, SegmentBytes: int64(c.Journal.SegmentBytes), SegmentAge: time.Duration(c.Journal.SegmentAge),
		Retention: retention(c), MinFree: int64(c.Journal.MinFree), Reserve: int64(c.Journal.Reserve),
	}
}

func retention(c *config.Config) journal.Retention {
	return journal.Retention{
		MaxAge: time.Duration(c.Journal.MaxAge), MaxBytes: int64(c.Journal.MaxBytes),
		MaxLag: int64(c.Journal.MaxLagBytes), Consumers: sinkConsumers(c.Sinks),
	}
}

// damageEvent makes what was found at the start part of the record. What of it
// was lost the journal says itself, once it knows.
func (s *Sensor) damageEvent(what string) *sdk.Event {
	now := time.Now().UTC()
	return &sdk.Event{
		V: sdk.EventVersion, ID: uuid.Must(uuid.NewV7()).String(), Kind: sdk.KindGap, Time: now, Sensor: s.cfg.Sensor.Name,
		Error: what, Gap: &sdk.Gap{Reason: "journal_damaged", From: now, To: now},
	}
}

func (s *Sensor) startDecoy(seed []byte) error {
	c := s.cfg.Decoy
	secure, err := s.decoyTLS()
	if err != nil {
		return err
	}
	s.decoy = decoy.New(decoy.Options{
		Sensor: s.cfg.Sensor.Name, Path: c.Path, Profile: profile.Strict{SSE: c.Framing == "sse"},
		Backend: s.personas, Recorder: s.tagger.with(tagOwn(s.recorder(), s.cfg.Rules.OwnTraffic(), s.demo)), Limits: decoyLimits(c.Limits), Secret: seed,
		AllowedOrigins: c.AllowedOrigins, AllowedHosts: c.AllowedHosts, TrustedProxies: c.Proxies(), ProxyProtocol: c.ProxyProtocol, TLS: secure, Log: s.log,
	})
	s.onStop("drain decoy", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, drainWithin)
		defer cancel()
		err := s.decoy.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			s.log.Warn("answers that took too long were cut off by the stop", "waited", drainWithin)
			return nil
		}
		return err
	})
	if s.listener != nil {
		s.tasks.Go(func() { s.fail(s.decoy.Serve(s.listener)) })
	}
	return nil
}

func decoyLimits(l config.Limits) decoy.Limits {
	return decoy.Limits{
		Body: int(l.Body), RecordedBody: int(l.RecordedBody), Header: int(l.Header), Depth: l.Depth, Batch: l.Batch,
		Connections: l.Connections, ConnectionsPerSource: l.ConnectionsPerSource,
		Sessions: l.Sessions, SessionsPerSource: l.SessionsPerSource,
		StreamsPerSource: l.SSEPerSource, SessionIdle: time.Duration(l.SessionIdle), Page: l.Page,
		Head: time.Duration(l.HeadTimeout), Read: time.Duration(l.BodyTimeout),
		Write: time.Duration(l.WriteTimeout), Idle: time.Duration(l.IdleTimeout),
	}
}

// fail reports a part's failure to Wait; nil is none.
func (s *Sensor) fail(err error) {
	if err == nil {
		return
	}
	select {
	case s.failed <- err:
	default: // only the first one ends the sensor
	}
}

// load loads personas, then rules, then starts judging. Rule packs that cannot be loaded
// are left out: a sensor that records without them is worth more than none.
func (s *Sensor) load(ctx context.Context) {
	err := s.loadGuests(ctx)
	if err != nil {
		s.fail(err)
		close(s.ready)
		return
	}
	close(s.ready)
	// Loading leaves tens of megabytes that the sensor will not use again.
	debug.FreeOSMemory()
	s.recordDescribed()
	s.tasks.Go(func() { s.watchPacks(ctx) })
}

// loadGuests holds the guests' lock from the begin, so that a reload waits for
// the first load.
func (s *Sensor) loadGuests(ctx context.Context) error {
	s.guests.mu.Lock()
	defer s.guests.mu.Unlock()
	o := wasmOptions(s.cfg, s.cfg.Sensor.CacheDir, s.options.CompileCommand, s.log)
	o.Called = s.monitor.Called
	rt, err := wasm.New(ctx, o)
	if err != nil {
		return s.personas.Open(ctx, nil, err)
	}
	s.tasks.Go(func() { // the runtime goes last of the tasks that use it
		<-ctx.Done()
		if err := rt.Close(context.WithoutCancel(ctx)); err != nil {
			s.log.Error("close guest runtime", "error", err)
		}
	})
	next := s.openCast(s.cfg, rt)
	next.spares = mayLack
	err = next.loadPersonas(ctx, s.cfg.Decoy.Personas)
	if err := s.personas.Open(ctx, next.modules(), err); err != nil {
		return err
	}
	if err := next.loadRules(ctx, s.cfg.Rules.Packs); err != nil {
		return err
	}
	s.use(next)
	s.guests.cfg = s.cfg
	s.sayLacks(nil, next)
	s.startJudge(ctx)
	return nil
}

// wasmOptions are how guests run in this program.
func wasmOptions(c *config.Config, cacheDir string, compile []string, log *slog.Logger) wasm.Options {
	limits := wasm.DefaultLimits()
	limits.MemoryPages = uint32(c.WASM.MemoryMiB) * 16
	limits.Spares = c.WASM.Spares
	limits.IdleMemory = idleMemory
	return wasm.Options{CacheDir: cacheDir, Engine: c.WASM.Engine, CompileCommand: compile, Limits: limits, Log: log}
}

// Ready waits until all guests are loaded.
func (s *Sensor) Ready(ctx context.Context) (*Status, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.ready:
	}
	select {
	case err := <-s.failed:
		return nil, err
	default:
	}
	catalog, err := s.personas.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	st := &Status{
		ServerName: catalog.Server.Name, Tools: len(catalog.Tools),
		Personas: s.personas.Personas(), StateDir: s.cfg.Sensor.StateDir, Dashboard: s.DashboardURL(),
		Lacks: s.lacks(),
	}
	for _, p := range s.rulePacks() {
		st.Packs = append(st.Packs, fmt.Sprintf("%s %s (%d rules)", p.ID, p.Version, len(p.Rules)))
	}
	if s.listener != nil {
		base := s.scheme() + "://" + s.listener.Addr().String()
		st.URL, st.SSE = base+s.cfg.Decoy.Path, base+"/sse"
	}
	return st, nil
}

// Addr is where the decoy listens, nil when it does not.
func (s *Sensor) Addr() net.Addr {
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Wait returns when ctx ends, with nil, or when a part of the sensor failed.
func (s *Sensor) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

// ServeStdio serves one client on a pair of streams until in ends.
func (s *Sensor) ServeStdio(ctx context.Context, in io.Reader, out io.Writer) error {
	return s.decoy.ServeStdio(ctx, in, out)
}

// Stop takes the sensor down: the decoy drains, the queue is written, the files
// are closed. It may be called twice.
func (s *Sensor) Stop(ctx context.Context) error {
	s.once.Do(func() {
		for _, step := range slices.Backward(s.stops) {
			if err := step.do(ctx); err != nil {
				s.err = errors.Join(s.err, fmt.Errorf("%s: %w", step.name, err))
			}
		}
		s.cancel()
	})
	return s.err
}
