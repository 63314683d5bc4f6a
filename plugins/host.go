// Package plugins delivers events to sinks: it starts each sink's program as a
// process of its own, feeds it from the journal, and keeps its place there.
//
// Delivery is at least once and in order for each sink, and no sink waits for
// another. A program that hangs, crashes, floods its log or is killed costs time
// and nothing else: it is ended and started again, and goes on where its last
// acknowledged batch ended. An event that a sink can never take is put on its list
// of dead letters, with the reason.
//
// The package knows no receiver and no format, and does not import the journal: it
// is handed one. It gives a program neither the sensor's environment nor its
// standard input, and a socket that only the two can speak through; beyond that a
// sink is trusted, and runs with the sensor's rights.
package plugins

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/child"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Journal is where events come from and where places are kept.
type Journal interface {
	// Read returns the events after a number in order, at most limit, and the
	// number up to which it read; that number again when there is nothing yet.
	Read(ctx context.Context, after uint64, limit int) (records []Record, end uint64, err error)
	// Wait returns nil as soon as there is an event after a number.
	Wait(ctx context.Context, after uint64) error
	// Last returns the newest number.
	Last() uint64
	// Place returns how far a sink has come; ok is false when it never began.
	Place(sink string) (seq uint64, ok bool, err error)
	// Keep stores how far a sink has come. A place never goes back.
	Keep(ctx context.Context, sink string, seq uint64) error
	// Record returns one event. The error wraps [ErrNoEvent] when it is not kept.
	Record(ctx context.Context, seq uint64) ([]byte, error)
}

// Record is one event as the journal has it.
type Record struct {
	Seq  uint64
	JSON []byte
}

// Errors that a caller may branch on.
var (
	ErrNoEvent = errors.New("the event is not kept any more")
	ErrNoSink  = errors.New("no such sink")
)

// Spec is one sink as the operator wants it.
type Spec struct {
	Name     string // unique; letters, digits, "-", "_"
	Program  string // path of the executable
	Checksum string // hexadecimal SHA-256 of it, "" to not check
	Route    Route
	Newest   bool          // a sink that never began does so with the events to come
	Timeout  time.Duration // for one batch
	Config   map[string]any
	// Find is asked for the path at each start of a program that was not found yet, and
	// whose name is in Program; nil: Program is the path.
	Find func() (string, error)
}

// Check looks at what keeps a sink's program from being started, and starts nothing: the
// program, or what the table refers to, is not there or not to be trusted. [New] does not
// mind: such a sink is down, and tried again like one whose program fails.
func (s *Spec) Check() error {
	_, err := resolveConfig(s.Config)
	exe, bad := s.open()
	if bad != nil {
		return errors.Join(err, bad)
	}
	return errors.Join(err, exe.Close())
}

// open opens the program, looking for it if it was not found yet.
func (s *Spec) open() (*child.Program, error) {
	program := s.Program
	if s.Find != nil {
		var err error
		if program, err = s.Find(); err != nil {
			return nil, err
		}
	}
	return child.Open(program, s.Checksum)
}

// Options of a [Host].
type Options struct {
	Sinks   []Spec
	Journal Journal
	// StateDir holds the lists of dead letters, and RuntimeDir the sockets;
	// without it they are in StateDir, or where a path is short enough.
	StateDir, RuntimeDir string
	// Report takes events about sinks into the journal, and Fail the error of a sink
	// whose program refuses its configuration when it is started at first, unless that failed
	// for another reason before. They must not block.
	Report func(*sdk.Event)
	Fail   func(error)
	Log    *slog.Logger
}

// Host runs the sinks of one sensor.
type Host struct {
	sinks   []*sink
	sockets *sockets
	log     *slog.Logger
}

// New makes a host whose sinks are ready to [Host.Run]. All that is wrong with them is in
// the error, but for what [Spec.Check] looks at. What an earlier process left in the socket directory is removed.
func New(o Options) (*Host, error) {
	dir, err := openSockets(o.RuntimeDir, o.StateDir)
	if err != nil {
		return nil, err
	}
	h := &Host{sockets: dir, log: o.Log}
	for i, spec := range o.Sinks {
		s, sinkErr := newSink(spec, o, dir.of(i))
		if sinkErr != nil {
			err = errors.Join(err, fmt.Errorf("sink %q: %w", spec.Name, sinkErr))
			continue
		}
		h.sinks = append(h.sinks, s)
	}
	if err != nil {
		return nil, errors.Join(err, dir.close())
	}
	return h, nil
}

// Run feeds the sinks until ctx ends, and returns when their programs have.
func (h *Host) Run(ctx context.Context) {
	threads := child.NewThread()
	defer threads.Stop()
	var all sync.WaitGroup
	for _, s := range h.sinks {
		all.Go(func() { s.run(ctx, threads) })
	}
	all.Wait()
	if err := h.sockets.close(); err != nil {
		h.log.Warn("the socket directory of sinks is not removed", "error", err)
	}
}

// Status returns how the sinks are, in the order of the configuration.
func (h *Host) Status() []Status {
	all := make([]Status, len(h.sinks))
	for i, s := range h.sinks {
		all[i] = s.status()
	}
	return all
}

// Retry lets a sink try again at once: those of its events that are dead letters,
// and the receiver, if it waits or rests. It returns when the dead letters were
// tried.
func (h *Host) Retry(ctx context.Context, name string) (Retried, error) {
	s, err := h.find(name)
	if err != nil {
		return Retried{}, err
	}
	return ask(ctx, s, (*sink).retry)
}

// Test delivers one event through a running sink, around its filters, and returns
// what came back.
func (h *Host) Test(ctx context.Context, name string, ev *sdk.Event) (Answer, error) {
	s, err := h.find(name)
	if err != nil {
		return Answer{}, err
	}
	return ask(ctx, s, func(s *sink, ctx context.Context) (Answer, error) { return s.test(ctx, ev) })
}

// Reopen asks the programs to open their files again, with SIGHUP.
func (h *Host) Reopen() {
	for _, s := range h.sinks {
		s.reopen()
	}
}

func (h *Host) find(name string) (*sink, error) {
	i := slices.IndexFunc(h.sinks, func(s *sink) bool { return s.spec.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("%w: %q", ErrNoSink, name)
	}
	return h.sinks[i], nil
}

// Answer is what came back of a test.
type Answer struct {
	Text string        `json:"answer,omitempty"` // of the receiver, if the sink tells
	Took time.Duration `json:"took"`
}

// Try starts a sink's program, lets it check its configuration, delivers ev unless
// that is nil, and ends it. Nothing is kept; no running sensor is disturbed.
func Try(ctx context.Context, spec Spec, ev *sdk.Event, log *slog.Logger) (Answer, error) {
	if _, err := compileRoute(spec.Route); err != nil {
		return Answer{}, err
	}
	if spec.Timeout <= 0 {
		spec.Timeout = defaultTime
	}
	dir, err := temporarySockets()
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = dir.close() }()
	threads := child.NewThread()
	defer threads.Stop()
	p, err := startProcess(ctx, spec, dir.of(0), threads, log)
	if err != nil {
		return Answer{}, err
	}
	defer p.Stop(stopWithin)
	if ev == nil {
		return Answer{}, nil
	}
	return p.test(ctx, ev, spec.Timeout)
}
