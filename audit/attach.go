package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/exercise"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// asItIs is what the report says of a server that ran already.
const asItIs = "the server ran already and was watched as it is: nothing sealed it from this machine and its network, no secrets were planted for it, what its calls did is done, and what it did before is not known"

// attached audits a server that runs already on this machine and is reached by HTTP.
// It lives on.
func (r *run) attached(ctx context.Context) error {
	if r.opts.Tracer == TracerNone {
		return fmt.Errorf("%w: a server that runs already is watched by a tracer, and \"--tracer none\" says that there is none", ErrSetup)
	}
	defer r.closeTracers()
	if err := r.stage("set-up", func() error { return r.findTracer(ctx) }); err != nil {
		return err
	}
	if !r.audit.Machine.Tracer.Attaches {
		return fmt.Errorf("%w: the tracer %s cannot watch what runs already; use --tracer ebpf", ErrSetup, r.audit.Machine.Tracer.Name)
	}
	p := usual
	p.quick = r.opts.Depth == Quick
	r.total = 1
	r.notes = append(r.notes, asItIs)
	return r.stage("pass "+p.name, func() error { return r.attend(ctx, p) })
}

// attend makes a pass: it watches the server, calls what it offers, and lets go.
func (r *run) attend(ctx context.Context, p plan) (err error) {
	t, err := r.tracer(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSetup, err)
	}
	own, err := os.MkdirTemp("", "kd-")
	if err != nil {
		return errors.Join(fmt.Errorf("make a folder for the tracer: %w", err), t.Close())
	}
	defer func() { err = errors.Join(err, os.RemoveAll(own)) }()
	w, err := newWatch(ctx, t, sdk.TracerSpec{
		Session: p.name, Dir: own, AttachPID: r.opts.Attach.PID, AttachCgroup: r.opts.Attach.Cgroup, TLS: r.opts.TLS,
	})
	defer w.close()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSetup, err)
	}
	dir, home := r.opts.Attach.folders()
	pass := &evidence.Pass{
		Name: p.name, Change: "a server that ran already", Traced: true, Dir: dir, Home: home,
		Begin: time.Now(), Clock: evidence.Clock{MonoNS: exercise.Monotonic()},
	}
	err = r.talk(ctx, p, w, pass)
	a := w.finish(true, false, func() bool { return true })
	pass.Observations, pass.Trace, pass.TracerDied = w.kept, a.summary, a.died
	if err != nil {
		return err
	}
	r.keep(pass)
	return nil
}

// talk calls what the server offers, for as long as somebody watches.
func (r *run) talk(ctx context.Context, p plan, w *watch, pass *evidence.Pass) error {
	ctx, stop := context.WithTimeout(ctx, available(r.opts.Budget, r.started))
	defer stop()
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	guard := make(chan struct{})
	go func() {
		defer close(guard)
		select {
		case <-w.tracer.Died():
		case <-w.ended:
		case <-watched.Done():
			return
		}
		cancel(fmt.Errorf("%w: nobody watched any more, or the server ended", errUnwatched))
	}()
	defer func() {
		cancel(nil)
		<-guard
	}()
	t, err := exercise.HTTP(r.opts.URL, r.opts.Transport, nil)
	if err != nil {
		return err
	}
	l := &life{run: r, plan: p}
	canaries := exercise.Canaries(l.number(), p.name)
	r.audit.Canaries = append(r.audit.Canaries, canaries...)
	o := exercise.Options{
		Era: p.era, Quick: p.quick, CallTimeout: r.opts.CallTimeout, Seed: l.number(), Canaries: canaries, Answers: exercise.AnswerDecline,
	}
	s, err := exercise.Open(watched, t, o, pass)
	if _, refused := errors.AsType[*jsonrpc.Error](err); refused {
		o.Era = exercise.Modern
		s, err = exercise.Open(watched, t, o, pass)
	}
	if err != nil {
		return fmt.Errorf("ask %s: %w", r.opts.URL, err)
	}
	s.Exercise(watched)
	if err := s.Close(); err != nil {
		pass.Faults = append(pass.Faults, err.Error())
	}
	return nil
}

// process is the first process of an attachment; 0 if there is none to be found.
func (a Attachment) process() int {
	if a.PID != 0 {
		return a.PID
	}
	for _, root := range []string{"", "/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		b, err := os.ReadFile(filepath.Join(root, a.Cgroup, "cgroup.procs"))
		if err != nil {
			continue
		}
		word, _, _ := strings.Cut(string(b), "\n")
		if pid, err := strconv.Atoi(word); err == nil {
			return pid
		}
	}
	return 0
}

// folders are where a process works, which its relative paths begin from, and its
// home; empty where nobody says.
func (a Attachment) folders() (dir, home string) {
	pid := a.process()
	dir, _ = os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	for v := range strings.SplitSeq(string(env), "\x00") {
		if name, value, _ := strings.Cut(v, "="); name == "HOME" {
			home = value
		}
	}
	return dir, home
}
