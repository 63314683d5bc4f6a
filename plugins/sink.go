package plugins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/internal/child"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin/pluginpb"
)

const (
	// MaxBatch is how many events go to a program at once.
	MaxBatch = 256

	healthEvery  = 15 * time.Second // of a program that has nothing to do
	healthyAfter = 5 * time.Minute  // a program that ran so long starts with a clean record
	downAfter    = 10 * time.Second // of failing, until that is an event
	deadEvery    = time.Minute      // between two events about dead letters

	// maxCrashes is how often a program may crash at one event before the event is
	// taken for the reason.
	maxCrashes = 5

	maxSinkName = 64
	defaultTime = 10 * time.Second
)

// outgoing is an event on its way to a sink.
type outgoing struct {
	seq  uint64
	json []byte
	bad  string // why it cannot even be sent
}

// sink feeds one program. Everything below "run" belongs to the goroutine that runs
// it; others reach that by asking.
type sink struct {
	spec    Spec
	route   *route
	journal Journal
	dead    *deadLetters
	report  func(*sdk.Event)
	log     *slog.Logger
	dir     string      // of the program's socket
	fail    func(error) // of a first start that no second one will mend
	asks    chan func(ctx context.Context)

	mu      sync.Mutex
	st      Status
	proc    *process
	wake    context.CancelFunc // of the pause or wait at hand
	stopped bool

	// run
	threads  *child.Thread
	place    place
	pending  []outgoing
	end      uint64 // the place when pending is delivered
	single   int    // events of pending to be delivered one by one
	crashes  int    // in a row, at the first of pending
	receiver backoff
	restarts backoff
	circuit  circuit
	begun    time.Time // of the program
	checked  time.Time // the program, last
	failing  time.Time // since when; zero: it is not
	down     bool      // reported
	gone     bool      // until the operator lets it go on
	deadTold time.Time
	deadNew  int
}

func newSink(spec Spec, o Options, dir string) (*sink, error) {
	if err := checkName(spec.Name); err != nil {
		return nil, err
	}
	if spec.Timeout <= 0 {
		spec.Timeout = defaultTime
	}
	r, err := compileRoute(spec.Route)
	if err != nil {
		return nil, err
	}
	dead, err := openDead(o.StateDir, spec.Name)
	if err != nil {
		return nil, err
	}
	return &sink{
		spec: spec, route: r, journal: o.Journal, dead: dead, report: o.Report, fail: o.Fail, dir: dir,
		log: o.Log.With("sink", spec.Name), asks: make(chan func(context.Context), 8),
		st: Status{Name: spec.Name, Program: spec.Program, State: StateStarting},
	}, nil
}

func checkName(name string) error {
	ok := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
	}
	if name == "" || len(name) > maxSinkName || strings.ContainsFunc(name, func(r rune) bool { return !ok(r) }) {
		return fmt.Errorf("want a name of 1 to %d letters, digits, - and _", maxSinkName)
	}
	return nil
}

// run feeds the sink until ctx ends. Its program has ended when it returns.
func (s *sink) run(ctx context.Context, threads *child.Thread) {
	s.threads = threads
	s.place = place{journal: s.journal, sink: s.spec.Name}
	defer s.finish(ctx)
	for ctx.Err() == nil {
		s.answer(ctx)
		err := s.step(ctx)
		if err != nil && ctx.Err() == nil {
			s.pause(ctx, s.failed(err))
		}
	}
}

// finish ends the program and stores the place.
func (s *sink) finish(run context.Context) {
	s.mu.Lock()
	s.stopped = true
	p := s.proc
	s.mu.Unlock()
	if p != nil {
		p.Stop(stopWithin)
		s.setProcess(nil)
	}
	if err := s.place.finish(); err != nil {
		s.log.Warn("the place of a sink is not stored: some events will come again", "error", err)
	}
	s.answer(run) // that it is over
}

// step does the next thing that is to do. What it returns ends in a pause.
func (s *sink) step(ctx context.Context) error {
	if !s.place.begun {
		if err := s.place.begin(ctx, s.spec.Newest); err != nil {
			return err
		}
		s.moved(s.place.at)
	}
	if s.gone {
		s.pause(ctx, time.Hour) // only the operator ends this
		return nil
	}
	if err := s.ensure(ctx); err != nil {
		return err
	}
	if len(s.pending) == 0 {
		return s.next(ctx)
	}
	return s.deliver(ctx)
}

// next takes the next events from the journal, or waits for some.
func (s *sink) next(ctx context.Context) error {
	records, end, err := s.journal.Read(ctx, s.place.at, MaxBatch)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	if end == s.place.at {
		return s.idle(ctx)
	}
	s.end = end
	for _, r := range records {
		if !s.route.pass(r.JSON) {
			continue
		}
		s.pending = append(s.pending, s.form(r))
	}
	if len(s.pending) == 0 {
		s.moved(end)
		return s.place.keep()
	}
	return nil
}

// form makes an event ready. What is no object on one line would break the frame of
// a sink that passes bytes on.
func (s *sink) form(r Record) outgoing {
	b, err := s.route.form(r.JSON)
	switch {
	case err != nil:
		return outgoing{seq: r.Seq, bad: err.Error()}
	case len(b) < 2 || b[0] != '{' || b[len(b)-1] != '}' || bytes.IndexByte(b, '\n') >= 0:
		return outgoing{seq: r.Seq, bad: "its record is damaged"}
	}
	return outgoing{seq: r.Seq, json: b}
}

// idle waits for events, and meanwhile does what is due.
func (s *sink) idle(ctx context.Context) error {
	due := s.checked.Add(healthEvery)
	if at, ok := s.place.due(); ok && at.Before(due) {
		due = at
	}
	wait, cancel := s.waiting(ctx, time.Until(due))
	err := s.journal.Wait(wait, s.place.at)
	cancel()
	if err != nil && wait.Err() == nil {
		return fmt.Errorf("wait for events: %w", err)
	}
	if err := s.place.keep(); err != nil {
		return err
	}
	if time.Since(s.checked) < healthEvery || ctx.Err() != nil {
		return nil
	}
	s.checked = time.Now()
	if err := s.proc.healthy(ctx); err != nil {
		return err
	}
	s.recovered() // as far as one can know without an event
	return nil
}

// moved notes that everything up to a place is done.
func (s *sink) moved(to uint64) {
	s.place.at = to
	s.update(func(st *Status) { st.At = to })
}

// ensure has the program running.
func (s *sink) ensure(ctx context.Context) error {
	if s.proc != nil {
		if s.proc.Running() {
			if time.Since(s.begun) > healthyAfter {
				s.restarts.reset()
				s.circuit.reset()
			}
			return nil
		}
		return fmt.Errorf("%w: %s", child.ErrEnded, s.proc.Epitaph())
	}
	s.setState(StateStarting)
	p, err := startProcess(ctx, s.spec, s.dir, s.threads, s.log)
	if _, ok := errors.AsType[*configError](err); ok && s.begun.IsZero() && s.failing.IsZero() {
		s.fail(fmt.Errorf("sink %q: %w", s.spec.Name, err))
	}
	if err != nil {
		return err
	}
	s.setProcess(p)
	s.begun, s.checked = time.Now(), time.Now()
	if s.failing.IsZero() || len(s.pending) == 0 {
		s.setState(StateUp)
	}
	s.log.Info("sink runs", "pid", p.PID())
	go func() { // ends with the program, which ends with run
		<-p.Ended()
		s.interrupt()
	}()
	return nil
}

// deliver sends what is pending, or the first of it.
func (s *sink) deliver(ctx context.Context) error {
	if bad := s.pending[0].bad; bad != "" {
		return s.bury(bad)
	}
	events := s.batch()
	// A stop lets a batch that is on its way arrive, for a moment.
	write, cancel := lingering(ctx)
	defer cancel()
	done, err := s.proc.write(write, events, s.spec.Timeout)
	s.checked = time.Now()
	if done > 0 {
		s.delivered(done)
	}
	if err == nil {
		s.recovered()
		return s.place.keep()
	}
	return s.refused(err, len(events)-done)
}

// batch is what of the pending events goes at once.
func (s *sink) batch() (events [][]byte) {
	for _, e := range s.pending {
		if e.bad != "" {
			break
		}
		if events = append(events, e.json); s.single > 0 {
			break
		}
	}
	return events
}

// lingering returns a context that ends a moment after ctx.
func lingering(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-out.Done():
		case <-time.After(stopWithin / 3):
			cancel()
		}
	})
	return out, func() { stop(); cancel() }
}

// delivered notes that the first of what is pending is.
func (s *sink) delivered(n int) {
	s.restarts.reset()
	s.circuit.reset()
	s.take(n)
	s.place.unkept += n
	s.update(func(st *Status) { st.Sent += uint64(n) })
}

// take takes the first of what is pending off.
func (s *sink) take(n int) {
	to := s.pending[n-1].seq
	s.pending = s.pending[n:]
	if len(s.pending) == 0 {
		to, s.pending = s.end, nil
	}
	s.single, s.crashes = max(0, s.single-n), 0
	s.moved(to)
}

// refused decides about a batch of which n events were not delivered. A program that
// says that it delivered all and failed is left alone for a while.
func (s *sink) refused(err error, n int) error {
	r, ok := errors.AsType[*refusal](err)
	switch {
	case !ok:
		return s.crashed(err)
	case n == 0:
		return err
	case r.kind == pluginpb.Failure_PERMANENT && (r.located || n == 1):
		return s.bury(r.message)
	case r.kind == pluginpb.Failure_PERMANENT:
		s.single = n // to see which one it is
		return nil
	}
	return err
}

// crashed looks for an event that the program cannot bear. Being killed by others
// says nothing about events, nor does a receiver that hangs.
func (s *sink) crashed(err error) error {
	if !errors.Is(err, child.ErrEnded) || !s.proc.Crashed() {
		return err
	}
	s.crashes++
	switch {
	case s.single == 0 && s.crashes >= 2:
		s.single, s.crashes = len(s.pending), 0
	case s.single > 0 && s.crashes >= maxCrashes:
		reason := fmt.Sprintf("the plugin ended %d times while delivering it: %s", s.crashes, s.proc.Epitaph())
		return errors.Join(err, s.bury(reason))
	}
	return err
}

// bury makes a dead letter of the first pending event.
func (s *sink) bury(reason string) error {
	first := s.pending[0]
	displaced, err := s.dead.add(DeadLetter{Seq: first.seq, At: time.Now().UTC(), Reason: reason})
	if err != nil {
		return err
	}
	s.log.Warn("an event cannot be delivered: it is a dead letter", "seq", first.seq, "reason", reason)
	s.update(func(st *Status) {
		if displaced {
			st.Displaced++
		}
	})
	s.tellDead(first, reason)
	s.take(1)
	return s.place.keep()
}

// tellDead reports dead letters, but not those of such reports, and not each one.
func (s *sink) tellDead(e outgoing, reason string) {
	s.deadNew++
	var b brief
	if unmarshalBrief(e.json, &b) && b.Kind == sdk.KindHealth || time.Since(s.deadTold) < deadEvery {
		return
	}
	s.tell("dead_letter", fmt.Sprintf("%d events since the last report; of event %d: %s", s.deadNew, e.seq, reason))
	s.deadTold, s.deadNew = time.Now(), 0
}

// failed notes a failure and returns how long to leave things alone.
func (s *sink) failed(err error) time.Duration {
	now := time.Now()
	if s.failing.IsZero() {
		s.failing = now
		s.log.Warn("sink fails, will try again", "error", err)
	}
	s.update(func(st *Status) {
		st.Failures++
		st.Error, st.ErrorAt = err.Error(), now.UTC()
	})
	wait := s.choose(err, now)
	if !s.down && (s.gone || now.Sub(s.failing) >= downAfter) {
		s.down = true
		s.tell(choose(s.gone, "gone", "down"), err.Error())
	}
	return wait
}

func choose(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

// choose sets the state that follows from an error, and the pause.
func (s *sink) choose(err error, now time.Time) time.Duration {
	r, ok := errors.AsType[*refusal](err)
	switch {
	case ok && r.kind == pluginpb.Failure_GONE:
		s.gone = true
		s.log.Error(`the receiver wants no more events: the sink rests until "killdeer sinks retry"`, "error", err)
		s.setState(StateGone)
		return 0
	case ok:
		s.setState(StateRetrying)
		return max(r.after, s.receiver.next(maxRetry))
	case s.proc != nil && s.proc.Running() && !errors.Is(err, errHung):
		s.setState(StateRetrying)
		return s.receiver.next(maxRetry)
	}
	return s.restart(err, now)
}

// restart takes down what is left of a program that failed, and says when to start
// it again.
func (s *sink) restart(err error, now time.Time) time.Duration {
	killed := false
	if p := s.proc; p != nil {
		killed = p.Killed()
		s.log.Warn("sink is started again", "error", err)
		p.Kill()
		s.setProcess(nil)
		s.update(func(st *Status) { st.Restarts++ })
	}
	s.setState(StateDown)
	if killed {
		return s.restarts.next(maxKilled)
	}
	if s.circuit.open(now) {
		s.setState(StateCircuit)
		return maxRestart
	}
	return s.restarts.next(maxRestart)
}

// recovered notes that the receiver takes events.
func (s *sink) recovered() {
	s.receiver.reset()
	if s.failing.IsZero() {
		return
	}
	s.log.Info("sink delivers again", "after", time.Since(s.failing).Round(time.Millisecond))
	if s.down {
		s.tell("up", fmt.Sprintf("it delivers again, %s after it began to fail", time.Since(s.failing).Round(time.Second)))
	}
	s.failing, s.down = time.Time{}, false
	s.setState(StateUp)
}

// tell puts an event about the sink into the journal.
func (s *sink) tell(state, detail string) {
	now := time.Now().UTC()
	s.report(&sdk.Event{
		V: sdk.EventVersion, ID: uuid.Must(uuid.NewV7()).String(), Kind: sdk.KindHealth, Time: now,
		Health: &sdk.Health{Part: "sink/" + s.spec.Name, State: state, Detail: detail},
	})
}
