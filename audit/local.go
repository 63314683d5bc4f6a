package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// local audits a server that is started here.
func (r *run) local(ctx context.Context) error {
	defer r.closeTracers()
	if err := r.stage("set-up", func() error { return r.setUp(ctx) }); err != nil {
		return err
	}
	first, rest := plans(r.opts.Depth)
	if r.program == "" {
		rest = withoutTracer(rest)
	}
	r.total = 1 + len(rest)
	whole := available(r.opts.Budget, r.started)
	budget := whole
	if len(rest) > 0 {
		budget /= firstShare
	}
	err := r.stage("pass "+first.name, func() error {
		p, err := r.live(ctx, first, budget)
		if err == nil {
			r.keep(p)
		}
		return err
	})
	if err != nil || len(rest) == 0 || !r.worthwhile() {
		return err
	}
	return r.follow(ctx, rest)
}

// worthwhile reports whether the first pass makes others worth their time: the
// server came up, and somebody watched.
func (r *run) worthwhile() bool {
	p := r.audit.Passes[0]
	if p.TracerDied == "" && p.Server != nil {
		return true
	}
	return false
}

// withoutTracer leaves out the pass that differs by its tracer alone.
func withoutTracer(all []plan) (some []plan) {
	for _, p := range all {
		if !p.blind {
			some = append(some, p)
		}
	}
	return some
}

// follow makes the other passes, some side by side.
func (r *run) follow(ctx context.Context, rest []plan) error {
	var names []string
	var wanted []plan
	for _, p := range rest {
		if p.clock && r.clock.spec == "" {
			r.note("pass " + p.name + " was left out: " + r.noClock)
			continue
		}
		wanted, names = append(wanted, p), append(names, p.name)
	}
	rounds := (len(wanted) + sideBySide - 1) / sideBySide
	if rounds == 0 {
		return nil
	}
	budget := available(r.opts.Budget, r.started) / time.Duration(rounds)
	return r.stage("passes "+strings.Join(names, ", "), func() error {
		var tasks sync.WaitGroup
		errs := make([]error, len(wanted))
		places := make(chan struct{}, sideBySide)
		for i, p := range wanted {
			places <- struct{}{}
			tasks.Go(func() {
				defer func() { <-places }()
				pass, err := r.live(ctx, p, budget)
				if errs[i] = err; err == nil {
					r.keep(pass)
				}
			})
		}
		tasks.Wait()
		return errors.Join(errs...)
	})
}

// note adds to what is said in the report of what was not done.
func (r *run) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.audit.Passes) > 0 {
		p := r.audit.Passes[0]
		p.Faults = append(p.Faults, text)
	}
}

// setUp finds the server, the tracer and the clock.
func (r *run) setUp(ctx context.Context) error {
	dir := r.opts.Dir
	if dir == "" {
		var err error
		if dir, err = os.Getwd(); err != nil {
			return fmt.Errorf("find the current folder: %w", err)
		}
	}
	var err error
	if r.server, err = prepare(r.opts.Argv, dir, r.opts.Sandbox); err != nil {
		return err
	}
	if err := r.findTracer(ctx); err != nil {
		return err
	}
	r.clock, r.noClock = findClock(ctx)
	t := &r.audit.Target
	t.Install = r.server.install
	t.Dir = usualHome + "/work"
	t.Roots = []string{t.Dir}
	return nil
}

// describe notes what the first box was made of.
func (r *run) describe(l *life) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := &r.audit.Machine
	if m.Sandbox = l.box.Describe(); l.plan.name == usual.name {
		r.audit.Target.Dir, r.audit.Target.Roots = l.box.Dir(), []string{l.box.Dir()}
	}
}
