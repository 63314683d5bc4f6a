package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/sandbox"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers"
)

// tracer watches one pass. A new one is started for each: it has one tree at a time.
type tracer interface {
	sdk.Tracer
	Died() <-chan struct{}
	Close() error
}

var _ tracer = (*tracers.Process)(nil)

// tracerProgram begins the file name of a tracer.
const tracerProgram = "killdeer-tracer-"

// auto are the tracers in the order in which they are tried: strace needs no rights
// and loses nothing.
var auto = []string{"strace", "ebpf"}

// findTracer finds out which tracer works here, and notes what it can see.
func (r *run) findTracer(ctx context.Context) error {
	names := []string{r.opts.Tracer}
	switch r.opts.Tracer {
	case TracerNone:
		return nil
	case TracerAuto, "":
		names = auto
	}
	var faults []error
	for _, name := range names {
		err := r.tryTracer(ctx, name)
		if err == nil {
			return nil
		}
		faults = append(faults, fmt.Errorf("tracer %s: %w", name, err))
	}
	return fmt.Errorf("%w: nothing can watch the server here: %w; \"--tracer none\" audits without", ErrSetup, errors.Join(faults...))
}

func (r *run) tryTracer(ctx context.Context, name string) error {
	program, err := r.tracerFile(name)
	if err != nil {
		return err
	}
	t, err := r.startTracer(ctx, program)
	if err != nil {
		return err
	}
	c, err := t.Capabilities(ctx)
	if err == nil && !c.Usable {
		err = errors.New(c.Reason)
	}
	if err != nil {
		return errors.Join(err, t.Close())
	}
	r.audit.Machine.Tracer, r.program = c, program
	r.opened = append(r.opened, t)
	return nil
}

func (r *run) tracerFile(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, dir := range r.opts.Tracers {
		path := filepath.Join(dir, tracerProgram+name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no %s in %s", tracerProgram+name, strings.Join(r.opts.Tracers, ", "))
}

// ownTracer is a tracer that removes its folder when it is closed.
type ownTracer struct {
	*tracers.Process
	dir string
}

// Close implements tracer.
func (t *ownTracer) Close() error { return errors.Join(t.Process.Close(), os.RemoveAll(t.dir)) }

func (r *run) startTracer(ctx context.Context, program string) (tracer, error) {
	dir, err := os.MkdirTemp("", "kd-") // a socket's path is short
	if err != nil {
		return nil, fmt.Errorf("make a folder for the tracer: %w", err)
	}
	p, err := tracers.Start(ctx, tracers.Options{Program: program, Dir: filepath.Join(dir, "s"), Log: r.opts.Log})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &ownTracer{p, dir}, nil
}

// tracer returns a tracer for a pass, nil if none is wanted.
func (r *run) tracer(ctx context.Context) (tracer, error) {
	if r.program == "" {
		return nil, nil
	}
	r.mu.Lock()
	if n := len(r.opened); n > 0 {
		t := r.opened[n-1]
		r.opened = r.opened[:n-1]
		r.mu.Unlock()
		return t, nil
	}
	r.mu.Unlock()
	return r.startTracer(ctx, r.program)
}

// closeTracers ends those that no pass took.
func (r *run) closeTracers() {
	for _, t := range r.opened {
		_ = t.Close() // nothing was traced
	}
	r.opened = nil
}

// newBox makes a box, or says what this machine lacks.
func newBox(ctx context.Context, o sandbox.Options) (*sandbox.Box, error) {
	b, err := sandbox.New(ctx, o)
	if u, ok := errors.AsType[*sandbox.Unavailable](err); ok {
		return nil, fmt.Errorf("%w: %w; %s", ErrSetup, err, u.Fix)
	}
	return b, err
}
