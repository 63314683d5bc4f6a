package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/fetch"
)

// local audits a server that is started here.
func (r *run) local(ctx context.Context) error {
	defer r.closeTracers()
	defer r.removePackage()
	if err := r.install(ctx); err != nil {
		return err
	}
	first, rest := r.planned()
	r.total = 1 + len(rest)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var tasks sync.WaitGroup
	var failed error
	first.up = make(chan struct{})
	ended := make(chan struct{})
	tasks.Go(func() {
		defer close(ended)
		if failed = r.lives(ctx, first, available(r.opts.Budget, r.started)); failed != nil {
			cancel()
		}
	})
	var err error
	select {
	case <-first.up: // others are worth their time only if the server comes up
		if err = r.follow(ctx, rest); err != nil {
			cancel()
		}
	case <-ended:
	}
	tasks.Wait()
	return errors.Join(failed, err)
}

// install sets up what is needed to start the server, and lets its install scripts run.
func (r *run) install(ctx context.Context) error {
	if err := r.stage("set-up", func() error { return r.setUp(ctx) }); err != nil {
		return err
	}
	if err := r.findServer(ctx); err != nil {
		return err
	}
	if r.fetched == nil || len(r.fetched.Scripts) == 0 || !r.opts.Sandbox {
		return nil
	}
	return r.stage("install scripts", func() error { return r.installScripts(ctx) })
}

// planned are the passes that can be made.
func (r *run) planned() (first plan, rest []plan) {
	first, all := plans(r.opts.Depth)
	for _, p := range all {
		switch {
		case p.blind && r.program == "": // its tracer alone would set it apart
		case p.clock && r.clock.spec == "":
			r.notes = append(r.notes, "pass "+p.name+" was left out: "+r.noClock)
		default:
			rest = append(rest, p)
		}
	}
	return first, rest
}

// lives makes a pass of as many lives as it takes, and keeps each.
func (r *run) lives(ctx context.Context, p plan, budget time.Duration) error {
	end := time.Now().Add(budget)
	for n := 1; ; n++ {
		l, err := r.pass(ctx, p, time.Until(end))
		if err != nil || !l.again() || n == maxLives || time.Until(end) < minLife || ctx.Err() != nil {
			return err
		}
		l.pass.Faults = append(l.pass.Faults, "the server is started again, for what it was not asked for")
		p.asked, p.up = append(p.asked, l.pass.Calls...), nil
		r.mu.Lock()
		r.total++
		r.mu.Unlock()
	}
}

// pass makes a pass of one life, and keeps it.
func (r *run) pass(ctx context.Context, p plan, budget time.Duration) (l *life, err error) {
	name := "pass " + p.name
	if p.client != "" {
		name += " (" + p.client + ")"
	}
	err = r.stage(name, func() error {
		if l, err = r.live(ctx, p, budget); err == nil {
			r.keep(l.pass)
		}
		return err
	})
	return l, err
}

// follow makes the other passes, some at a time, beside the first.
func (r *run) follow(ctx context.Context, rest []plan) error {
	rounds := max(1, (len(rest)+sideBySide-1)/sideBySide)
	budget := available(r.opts.Budget, r.started) / time.Duration(rounds)
	errs := make([]error, len(rest))
	places := make(chan struct{}, sideBySide)
	var tasks sync.WaitGroup
	for i, p := range rest {
		places <- struct{}{}
		if ctx.Err() != nil {
			break // the report says which passes were left out
		}
		tasks.Go(func() {
			defer func() { <-places }()
			errs[i] = r.lives(ctx, p, budget)
		})
	}
	tasks.Wait()
	return errors.Join(errs...)
}

// setUp finds the tracer and the clock.
func (r *run) setUp(ctx context.Context) error {
	if err := r.findTracer(ctx); err != nil {
		return err
	}
	if r.opts.Depth != Quick {
		r.clock, r.noClock = findClock(ctx)
	}
	return nil
}

// findServer finds what the command line starts, and fetches it if that is what the
// command line does.
func (r *run) findServer(ctx context.Context) (err error) {
	argv, dir := r.opts.Argv, r.opts.Dir
	if dir == "" {
		if dir, err = os.Getwd(); err != nil {
			return fmt.Errorf("find the current folder: %w", err)
		}
	}
	if fetch.Runs(argv) {
		if err := r.stage("fetching the package", func() error { return r.fetch(ctx) }); err != nil {
			return err
		}
		argv = r.fetched.Argv
	}
	if r.server, err = prepare(argv, dir, r.opts.Sandbox); err != nil {
		return err
	}
	if r.fetched != nil && r.fetched.Movable && r.opts.Sandbox {
		r.server.move(r.fetched.Dir, installedAt)
	}
	r.notes = append(r.notes, r.server.notes...)
	r.audit.Target.Install = r.server.install
	return nil
}

// describe notes what the first box was made of.
func (r *run) describe(l *life) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.audit.Machine.Sandbox = l.box.Describe()
	if l.plan.name == usual.name {
		r.audit.Target.Dir, r.audit.Target.Roots = l.box.Dir(), []string{l.box.Dir()}
	}
}
