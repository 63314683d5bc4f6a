package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/exercise"
	"github.com/killdeer-mcp/killdeer/audit/fetch"
	"github.com/killdeer-mcp/killdeer/audit/sandbox"
)

const (
	// installedAt is where a fetched package lies in the box.
	installedAt = "/opt/server"
	// scriptsWithin is how long all install scripts may take.
	scriptsWithin = time.Minute
)

// fetch fetches the package that the command line names. Nothing of it runs.
func (r *run) fetch(ctx context.Context) error {
	cache := r.opts.Cache
	if cache == "" {
		own, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("find a folder for the package: %w", err)
		}
		cache = filepath.Join(own, "killdeer", "audit")
	}
	p, err := fetch.Fetch(ctx, r.opts.Argv, cache)
	if err != nil {
		return err
	}
	r.fetched = p
	t := &r.audit.Target
	t.Package, t.Integrity, t.Unpinned = p.Name, p.Integrity, !p.Pinned
	if r.opts.Server == "" {
		t.Name = p.Name
	}
	if p.Version != "" {
		t.Package += "@" + p.Version
	}
	return nil
}

func (r *run) removePackage() {
	if r.fetched == nil {
		return
	}
	if err := os.RemoveAll(r.fetched.Dir); err != nil {
		r.opts.Log.Warn("remove the fetched package", "error", err)
	}
}

// installScripts lets a package's install scripts run, once, in a box of their own.
func (r *run) installScripts(ctx context.Context) (err error) {
	npm, err := sandbox.Discover([]string{"npm"}, "/")
	if err != nil {
		return err
	}
	l := &life{run: r, budget: scriptsWithin, plan: plan{
		name: evidence.InstallPass, change: "the install scripts of " + strings.Join(r.fetched.Scripts, ", "), home: usualHome, quick: true,
	}}
	defer func() { err = errors.Join(err, l.close()) }()
	o := l.boxOptions()
	o.Dir, o.Path = installedAt, append(npm.Path, o.Path...)
	o.Mounts = append(npm.Mounts, sandbox.Mount{Source: r.fetched.Dir, Target: installedAt, Mode: sandbox.Copy})
	if err := l.open(ctx, o); err != nil {
		return err
	}
	cmd, err := l.box.Command(l.watch.launch(sandbox.Launch{
		Argv:        append(npm.Argv, "rebuild", "--foreground-scripts", "--ignore-scripts=false", "--offline", "--no-update-notifier", "--no-audit", "--no-fund"),
		DenyIoUring: l.watch.tracer == nil,
	}))
	if err != nil {
		return err
	}
	if l.proc, err = start(cmd); err != nil {
		return err
	}
	l.watchScripts(ctx)
	r.collect(l)
	r.keep(l.pass)
	return nil
}

// watchScripts waits for the end of what was started, and gathers what it did.
func (l *life) watchScripts(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limited, stop := context.WithTimeout(ctx, l.budget)
	defer stop()
	_ = l.proc.stdio.In.Close() // nobody talks to it
	said := make(chan struct{})
	go func() {
		defer close(said)
		_, _ = io.Copy(io.Discard, l.proc.stdio.Out)
	}()
	guarded := make(chan struct{})
	go func() {
		defer close(guarded)
		l.watch.guard(l.proc, cancel)
	}()
	if !l.proc.within(limited, l.budget) {
		l.pass.Faults = append(l.pass.Faults, "the install scripts did not end")
		l.box.Kill()
		<-l.proc.ended
	}
	l.pass.Exit = l.proc.exit()
	l.span(evidence.Install, l.pass.Clock.MonoNS)
	<-guarded
	l.gather(limited)
	l.proc.join()
	<-said
	if l.proc.err != nil {
		l.pass.Faults = append(l.pass.Faults, "the install scripts failed: "+l.pass.Exit)
	}
	l.pass.Spans[len(l.pass.Spans)-1].To = exercise.Monotonic() // what they left behind belongs to them
}
