package audit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/exercise"
	"github.com/killdeer-mcp/killdeer/audit/sandbox"
)

// life is one life of the server: a pass, the box it happens in and who watches.
type life struct {
	run    *run
	plan   plan
	budget time.Duration
	pass   *evidence.Pass
	box    *sandbox.Box
	proc   *process
	watch  *watch
	before *sandbox.Snapshot
	last   bool // the greeting is the second that is tried
	ended  bool // the server ended before it was asked to

	canaries []evidence.Canary
}

// live makes one pass. An error means that there is none; what went wrong with the
// server stands in the pass.
func (r *run) live(ctx context.Context, p plan, budget time.Duration) (*life, error) {
	l := &life{run: r, plan: p, budget: budget}
	err := l.live(ctx)
	if other, ok := otherEra(err); ok && ctx.Err() == nil {
		l = &life{run: r, plan: p, budget: budget}
		l.plan.era, l.last = other, true
		err = l.live(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("pass %s: %w", p.name, err)
	}
	r.collect(l)
	return l, nil
}

// again reports whether the server should be started once more.
func (l *life) again() bool {
	return l.ended && l.pass.TracerDied == "" && !l.watch.heavy()
}

// collect takes what a life leaves to the audit besides its pass.
func (r *run) collect(l *life) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.audit.Canaries = append(r.audit.Canaries, l.canaries...)
	for _, gap := range l.box.Gaps() {
		if gap[0] >= '0' && gap[0] <= '9' { // it counts what the server did, the others hold for any
			l.pass.Missed = append(l.pass.Missed, gap)
		}
		if !slices.Contains(r.gaps, gap) {
			r.gaps = append(r.gaps, gap)
			l.pass.Faults = append(l.pass.Faults, gap)
		}
	}
}

// errRefused says that a server refused the older greeting.
var errRefused = errors.New("the server refuses initialize")

// otherEra is how to greet a server anew that has not understood the first greeting.
func otherEra(err error) (exercise.Era, bool) {
	switch {
	case errors.Is(err, exercise.ErrNotModern):
		return exercise.Legacy, true
	case errors.Is(err, errRefused):
		return exercise.Modern, true
	}
	return "", false
}

// live is a life from the making of its box to the end of that.
func (l *life) live(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, l.close()) }()
	if err := l.open(ctx, l.boxOptions()); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limited, stop := context.WithTimeoutCause(ctx, l.budget, fmt.Errorf("the time of the pass ended: %s", l.budget.Round(time.Second)))
	defer stop()
	return l.start(limited, cancel)
}

// open makes the box and puts the tracer to it. Whatever comes of it, close must
// follow.
func (l *life) open(ctx context.Context, o sandbox.Options) (err error) {
	if l.box, err = newBox(ctx, o); err != nil {
		return err
	}
	l.run.describe(l)
	var t tracer
	if !l.plan.blind {
		if t, err = l.run.tracer(ctx); err != nil {
			return fmt.Errorf("%w: %w", ErrSetup, err)
		}
	}
	if l.watch, err = observe(ctx, t, l.plan.name, l.box, l.run.opts.TLS); err != nil {
		return fmt.Errorf("%w: %w", ErrSetup, err)
	}
	if l.before, err = l.box.Snapshot(); err != nil {
		return fmt.Errorf("look at the server's folders: %w", err)
	}
	l.pass = &evidence.Pass{
		Name: l.plan.name, Change: l.plan.change, Traced: t != nil, Home: l.box.Home(),
		Dir: l.box.Dir(), Roots: []string{l.box.Dir()}, Begin: time.Now(), Clock: evidence.Clock{MonoNS: exercise.Monotonic()},
	}
	l.canaries = append(slices.Clone(l.box.Canaries()), exercise.Canaries(l.number(), l.plan.name)...)
	return nil
}

// close ends the tracer and the box, as far as there are any.
func (l *life) close() error {
	if l.watch != nil {
		l.watch.close()
	}
	if l.box == nil {
		return nil
	}
	return l.box.Close()
}

// number is the seed as the exercise wants it.
func (l *life) number() uint64 {
	sum := sha256.Sum256([]byte(l.run.opts.Seed))
	return binary.BigEndian.Uint64(sum[:])
}

func (l *life) boxOptions() sandbox.Options {
	s := l.run.server
	return sandbox.Options{
		Seed: l.run.opts.Seed, Pass: l.plan.name, Home: l.plan.home, Mounts: slices.Clone(s.mounts), Path: s.path,
		Env: l.run.environment(l.plan.home), Budget: l.budget + boxOverhead, NoSandbox: !l.run.opts.Sandbox,
	}
}

// start starts the server, has it exercised, and sees it to its end.
func (l *life) start(ctx context.Context, cancel context.CancelCauseFunc) error {
	launch := l.watch.launch(sandbox.Launch{Argv: l.run.server.argv(l.box.Dir()), DenyIoUring: l.watch.tracer == nil})
	if l.plan.clock {
		launch.Env, l.pass.Faketime = l.run.clock.env, l.run.clock.spec
	}
	cmd, err := l.box.Command(launch)
	if err != nil {
		return err
	}
	if l.proc, err = start(cmd); err != nil {
		l.watch.finish(false, true, l.box.Kill)
		return err
	}
	guarded := make(chan struct{})
	go func() {
		defer close(guarded)
		l.watch.guard(l.proc, cancel)
	}()
	greeting := l.exercise(ctx)
	l.shutDown(ctx)
	<-guarded
	l.gather(ctx)
	l.proc.join()
	return greeting
}

// exercise talks to the server. An error means that it has to be greeted otherwise.
func (l *life) exercise(ctx context.Context) error {
	s, err := exercise.Open(ctx, l.proc.stdio, l.options(), l.pass)
	if err != nil {
		switch _, refused := errors.AsType[*jsonrpc.Error](err); {
		case l.last:
		case errors.Is(err, exercise.ErrNotModern):
			return err
		case refused:
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		l.pass.Faults = append(l.pass.Faults, err.Error())
		return nil
	}
	if l.plan.up != nil {
		close(l.plan.up)
	}
	s.Exercise(ctx)
	l.ended = s.Ended()
	after, err := l.box.Snapshot()
	l.changed(evidence.InCall, after, err)
	if err := s.Hangup(); err != nil {
		l.run.opts.Log.Debug("close the server's standard input", "error", err)
	}
	from := exercise.Monotonic()
	l.pass.Exit = l.proc.end(ctx, l.box, l.plan.quick)
	l.span(evidence.Shutdown, from)
	from = exercise.Monotonic()
	l.linger(ctx)
	l.span(evidence.AfterExit, from)
	if err := s.Close(); err != nil {
		l.run.opts.Log.Debug("close the connection", "error", err)
	}
	return nil
}

func (l *life) options() exercise.Options {
	o := exercise.Options{
		Cases: l.plan.cases, Asked: l.plan.asked, Untyped: l.plan.untyped, Orderly: l.plan.orderly, Era: l.plan.era, Client: l.plan.client, Quick: l.plan.quick, ListOnly: l.plan.list, Answers: l.plan.answers,
		CallTimeout: l.run.opts.CallTimeout, Budget: l.budget, Seed: l.number(),
		Roots: []string{l.box.Dir()}, Canaries: l.canaries, MarkerDir: "/tmp",
	}
	if o.Quick {
		o.InitTimeout = quickInit
	}
	if o.Quick && !l.plan.patient {
		o.CallTimeout = min(cmp.Or(o.CallTimeout, quickCall), quickCall)
	}
	return o
}

// span notes a phase that ends now.
func (l *life) span(p evidence.Phase, from int64) {
	l.pass.Spans = append(l.pass.Spans, evidence.Span{Phase: p, From: from, To: exercise.Monotonic()})
}

// leftBehind is how long what outlives the server is looked at.
const leftBehind = 2 * time.Second

// linger lets what the server left behind show itself.
func (l *life) linger(ctx context.Context) {
	wait := time.Second
	if l.plan.quick {
		wait = 200 * time.Millisecond
	}
	if len(l.box.Survivors()) > 0 {
		wait = leftBehind
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
}

// changed notes what differs from the last look at the server's folders.
func (l *life) changed(p evidence.Phase, now *sandbox.Snapshot, err error) {
	if err != nil {
		l.missed("the server's folders could not be looked at: " + err.Error())
		return
	}
	for _, c := range sandbox.Diff(l.before, now) {
		if len(l.pass.Files) >= maxChanges {
			l.missed(fmt.Sprintf("more than %d files changed", maxChanges))
			break
		}
		c.Phase = p
		l.pass.Files = append(l.pass.Files, c)
	}
	if now.Incomplete != "" {
		l.missed("not all of the server's folders were looked at: " + now.Incomplete)
	}
	l.before = now
}

// missed notes that something which the server did may not have been seen.
func (l *life) missed(what string) {
	l.pass.Faults = append(l.pass.Faults, what)
	l.pass.Missed = append(l.pass.Missed, what)
}

const maxChanges = 20_000 // files of one pass

// shutDown ends a server that could not be talked to, or that outlived the talk.
func (l *life) shutDown(ctx context.Context) {
	if l.pass.Exit != "" {
		return
	}
	if !l.proc.alive() {
		l.pass.Exit = l.proc.exit()
		return
	}
	_ = l.proc.stdio.In.Close() // it may be closed
	l.pass.Exit = l.proc.end(ctx, l.box, true)
}

// gather takes from the box and the tracer what they saw.
func (l *life) gather(ctx context.Context) {
	p := l.pass
	if !l.proc.swept { // who knows what would have survived
		p.Survivors = l.box.Survivors()
	}
	now, err := l.box.Snapshot()
	l.changed(evidence.AfterExit, now, err)
	a := l.watch.finish(len(p.Survivors) > 0, l.proc.swept || l.box.Ended() != "", l.box.Kill)
	p.Observations, p.Trace, p.TracerDied = l.watch.kept, a.summary, a.died
	if cause := context.Cause(ctx); errors.Is(cause, errUnwatched) {
		p.TracerDied = cmp.Or(p.TracerDied, cause.Error())
	}
	p.Net, p.Names = l.box.Flows(), l.box.Lookups()
	p.Stderr = l.proc.stderr.String()
	if why := l.box.Ended(); why != "" {
		p.Faults = append(p.Faults, why)
	}
	if l.plan.clock && !tookEffect(p) {
		p.Faults = append(p.Faults, "the clock pass had no effect: the server does not ask the C library for the time")
	}
}
