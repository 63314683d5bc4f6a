// Package tracetest is what every tracer must pass: it runs a tracer's program under
// the auditor's own host, lets small programs act, and looks at what the tracer says
// of them. It is imported by tests only.
//
// What a tracer cannot see is listed by its own test, so that a change shows. How
// much an act costs is not looked at.
package tracetest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
	"github.com/killdeer-mcp/killdeer/tracers"
)

// patience is how long what has to happen may take on a busy machine.
const patience = time.Minute

// actEnv names the act that a copy of the test binary is to do.
const actEnv = "KILLDEER_ACT"

//go:embed testdata/acts.c
var actsC string

//go:embed testdata/rings.c
var ringsC string

// Tracer is the tracer that is tested.
type Tracer struct {
	// Require is its name in KILLDEER_REQUIRE.
	Require string
	// Misses are acts that it does not see as it should, with the reason.
	Misses map[string]string
}

// Main is the TestMain of a tracer: where the test binary was started as a plugin it
// calls the program's main, where it is to act it does, and otherwise it runs the
// tests.
func Main(m *testing.M, main func()) {
	if name := os.Getenv(actEnv); name != "" {
		os.Exit(actNow(name, os.Args[1]))
	}
	if plugin.TracerStarted() {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func actNow(name, dir string) int {
	if err := goActs[name](dir); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		return 1
	}
	return 0
}

// Run runs the whole suite.
func Run(t *testing.T, tr Tracer) {
	p := tr.Start(t)
	t.Run("acts", func(t *testing.T) { acts(t, tr, p) })
	t.Run("contract", func(t *testing.T) { contract(t, tr, p) })
}

// Start starts the tracer, or skips the test where it does not work: that fails if
// KILLDEER_REQUIRE lists it.
func (tr Tracer) Start(t testing.TB) *tracers.Process {
	t.Helper()
	dir, err := os.MkdirTemp("", "kd") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p, err := tracers.Start(t.Context(), tracers.Options{
		Program: program(t), Dir: filepath.Join(dir, "s"), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	c, err := p.Capabilities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !c.Usable {
		if slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), tr.Require) {
			t.Fatalf("%s is required: %s", c.Name, c.Reason)
		}
		t.Skipf("%s does not work here: %s", c.Name, c.Reason)
	}
	return p
}

// program returns the path of a copy of the test binary that others cannot write to,
// whatever the machine's umask.
func program(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "tracer")
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// Trace is one traced program.
type Trace struct {
	t       testing.TB
	tracer  sdk.Tracer
	session string
	Cmd     *exec.Cmd

	seen []sdk.Observation
	done chan error // from Observe
}

// Begin prepares a trace of a command. The stream is open when it returns, and the
// command has not been started.
func Begin(t testing.TB, tracer sdk.Tracer, spec sdk.TracerSpec, argv ...string) *Trace {
	t.Helper()
	if spec.Session == "" {
		spec.Session = "test"
	}
	if spec.Dir == "" {
		spec.Dir = t.TempDir()
	}
	plan, err := tracer.Prepare(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	tr := &Trace{t: t, tracer: tracer, session: spec.Session, done: make(chan error, 1)}
	argv = append(slices.Clone(plan.Prefix), argv...)
	tr.Cmd = exec.Command(argv[0], argv[1:]...)
	tr.Cmd.SysProcAttr = &syscall.SysProcAttr{}
	if plan.CgroupDir != "" {
		group, err := os.Open(plan.CgroupDir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = group.Close() })
		tr.Cmd.SysProcAttr.UseCgroupFD, tr.Cmd.SysProcAttr.CgroupFD = true, int(group.Fd())
	}
	go func() {
		tr.done <- tracer.Observe(context.WithoutCancel(t.Context()), spec.Session, func(o sdk.Observation) error {
			tr.seen = append(tr.seen, o)
			return nil
		})
	}()
	return tr
}

// Observed waits until the stream has ended and returns what came, and its error.
func (tr *Trace) Observed() ([]sdk.Observation, error) {
	tr.t.Helper()
	select {
	case err := <-tr.done:
		return tr.seen, err
	case <-time.After(patience):
		tr.t.Fatal("the stream does not end")
		return nil, nil
	}
}

// Stop sums the trace up.
func (tr *Trace) Stop() sdk.TracerSummary {
	tr.t.Helper()
	sum, err := tr.tracer.Stop(context.WithoutCancel(tr.t.Context()), tr.session)
	if err != nil {
		tr.t.Fatal(err)
	}
	return sum
}

// All runs the command to its end and holds the trace to be whole.
func (tr *Trace) All() []sdk.Observation {
	tr.t.Helper()
	if out, err := tr.Cmd.CombinedOutput(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == 77 {
			tr.t.Skip("the act is not possible on this machine")
		}
		tr.t.Fatalf("%v: %s", err, out)
	}
	seen, err := tr.Observed()
	if err != nil {
		tr.t.Fatal(err)
	}
	whole(tr.t, seen, tr.Stop())
	return seen
}

// whole checks that a summary fits what came, and that nothing is missing.
func whole(t testing.TB, seen []sdk.Observation, sum sdk.TracerSummary) {
	t.Helper()
	if len(seen) == 0 || seen[len(seen)-1].Kind != sdk.ObservedEnd {
		t.Fatalf("%d observations, and the last is not the end", len(seen))
	}
	if sum.Emitted != uint64(len(seen)) || sum.Unparsed != 0 || len(sum.Lost) != 0 || len(sum.Survivors) != 0 || !sum.Complete {
		t.Errorf("%d observations came, and the summary is %+v", len(seen), sum)
	}
	for i, o := range seen {
		if o.Seq != uint64(i) || o.MonoNS <= 0 || o.WallNS <= 0 || o.PID <= 0 && o.Kind != sdk.ObservedEnd {
			t.Fatalf("observation %d is %+v", i, o)
		}
	}
}
