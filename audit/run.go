package audit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/fetch"
	"github.com/killdeer-mcp/killdeer/audit/judge"
	"github.com/killdeer-mcp/killdeer/audit/report"
)

var _ Runner = Run

// Run is the [Runner] of the program. It ends when ctx does, and leaves no process,
// mount or folder behind however it ends. The binary must begin with
// [sandbox.Main].
func Run(ctx context.Context, o Options) (*evidence.Report, error) {
	r := newRun(o)
	if o.Budget > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, o.Budget, fmt.Errorf("the budget of %s ended", o.Budget))
		defer stop()
	}
	var err error
	switch {
	case o.Manifest != nil:
		err = r.manifest()
	case o.URL != "":
		err = r.remote(ctx)
	default:
		err = r.local(ctx)
	}
	if err != nil {
		return nil, err
	}
	return r.conclude()
}

// run is one audit under way.
type run struct {
	opts    Options
	audit   *evidence.Audit
	started time.Time
	times   evidence.RunTimes

	mu     sync.Mutex // passes run side by side
	total  int        // passes that are planned
	gaps   []string   // what the boxes did not cover
	notes  []string   // what was left out, for the report
	opened []tracer   // started, and used by no pass yet

	program string // the tracer's; empty: none
	server  *server
	fetched *fetch.Package // nil unless the command line fetches one
	clock   clock
	noClock string // why there is none
}

func newRun(o Options) *run {
	if o.Seed == "" {
		o.Seed = newSeed()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &run{opts: o, started: time.Now()}
	r.times.Started = r.started
	r.audit = &evidence.Audit{
		Version: 1, Seed: o.Seed, Started: r.started,
		Target:  evidence.Target{Name: targetName(o), Argv: o.Argv, URL: o.URL, Transport: o.Transport, Env: o.Env},
		Machine: evidence.Machine{Kernel: kernel(), Sandbox: "none"},
	}
	return r
}

func newSeed() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// stage runs a part of the audit, says that it began, and notes how long it took.
func (r *run) stage(name string, do func() error) error {
	began := time.Now()
	r.progress(name)
	err := do()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times.Stages = append(r.times.Stages, evidence.Stage{Name: name, TookMS: time.Since(began).Milliseconds()})
	return err
}

func (r *run) progress(name string) {
	r.mu.Lock()
	done, total := len(r.audit.Passes), r.total
	r.mu.Unlock()
	if r.opts.Progress != nil {
		r.opts.Progress(name, done, total)
	}
}

// keep adds a pass that has ended, in the order of the names.
func (r *run) keep(p *evidence.Pass) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.audit.Passes = append(r.audit.Passes, p)
}

// conclude judges what was gathered, and makes the report of it.
func (r *run) conclude() (*evidence.Report, error) {
	sortPasses(r.audit.Passes)
	if p := r.audit.Passes[0]; len(r.notes) > 0 {
		p.Faults = append(p.Faults, r.notes...)
	}
	var v evidence.Verdict
	_ = r.stage("judging", func() error { v = judge.Judge(r.audit, r.judgeOptions()); return nil })
	out := report.Build(r.audit, v)
	out.Program = r.opts.Program
	r.times.TookMS = time.Since(r.started).Milliseconds()
	out.Run = &r.times
	if err := r.writeOut(); err != nil {
		return nil, err
	}
	return out, nil
}

func (r *run) judgeOptions() judge.Options {
	o := judge.Options{Now: r.started}
	if r.opts.Policy != nil {
		o.Policy = *r.opts.Policy
	}
	o.Lock = r.locked()
	o.Others = r.others()
	return o
}

// writeOut keeps what was gathered in the folder that was asked for.
func (r *run) writeOut() error {
	if r.opts.Out == "" {
		return nil
	}
	if err := os.MkdirAll(r.opts.Out, 0o700); err != nil {
		return fmt.Errorf("keep what was gathered: %w", err)
	}
	return writeGathered(r.opts.Out, r.audit)
}
