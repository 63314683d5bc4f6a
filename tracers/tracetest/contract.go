package tracetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers"
)

func contract(t *testing.T, tr Tracer, p *tracers.Process) {
	t.Run("bad specs are refused", func(t *testing.T) { refuses(t, p) })
	t.Run("one session at a time", func(t *testing.T) { oneSession(t, p) })
	t.Run("what sets the target up is marked", func(t *testing.T) { setUp(t, p) })
	t.Run("the client's pipe is left out", func(t *testing.T) { clientPipe(t, p) })
	t.Run("a flood is accounted for", func(t *testing.T) { flooded(t, p) })
	t.Run("survivors are named", func(t *testing.T) { survivors(t, p) })
	t.Run("giving up ends the stream", func(t *testing.T) { givesUp(t, p) })
	t.Run("the plugin dies", func(t *testing.T) { dies(t, tr) })
}

func refuses(t *testing.T, p *tracers.Process) {
	for _, spec := range []sdk.TracerSpec{
		{Session: "", Dir: t.TempDir()},
		{Session: "a b", Dir: t.TempDir()},
		{Session: strings.Repeat("x", 65), Dir: t.TempDir()},
		{Session: "x", Dir: t.TempDir(), PayloadMax: -1},
		{Session: "x", Dir: t.TempDir(), SetupExecs: -1},
	} {
		if _, err := p.Prepare(t.Context(), spec); err == nil {
			t.Errorf("%+v is taken", spec)
			_, _ = p.Stop(t.Context(), spec.Session)
		}
	}
	if _, err := p.Stop(t.Context(), "unknown"); err == nil {
		t.Error("a session that never was is stopped")
	}
	if err := p.Observe(t.Context(), "unknown", func(sdk.Observation) error { return nil }); err == nil {
		t.Error("a session that never was is observed")
	}
}

// oneSession also stops a session of which nothing was ever started.
func oneSession(t *testing.T, p *tracers.Process) {
	first := Begin(t, p, sdk.TracerSpec{Session: "first"}, "true")
	if _, err := p.Prepare(t.Context(), sdk.TracerSpec{Session: "second", Dir: t.TempDir()}); err == nil {
		t.Error("a second session is prepared beside the first")
	}
	if sum := first.Stop(); sum.Complete || sum.Emitted != 0 {
		t.Errorf("a trace of nothing is %+v", sum)
	}
	if _, err := first.Observed(); err == nil {
		t.Error("a trace of nothing has ended well")
	}
}

// setUp has env stand for the sandbox's program.
func setUp(t *testing.T, p *tracers.Process) {
	dir := folder(t)
	seen := Begin(t, p, sdk.TracerSpec{SetupExecs: 1}, "/usr/bin/env", "/bin/cat", dir+"/secret").All()
	begun := false
	for _, o := range seen {
		begun = begun || o.Kind == sdk.ObservedExec && o.Path == "/bin/cat"
		if o.PreExec == begun && o.Kind != sdk.ObservedEnd {
			t.Fatalf("pre_exec is wrong in %+v", o)
		}
	}
	if !begun {
		t.Error("the target was not seen to begin")
	}
}

// clientPipe checks that what the target says to whoever started it is no act.
func clientPipe(t *testing.T, p *tracers.Process) {
	dir := folder(t)
	seen := Begin(t, p, sdk.TracerSpec{}, "/bin/sh", "-c", "cat "+dir+"/secret; cat "+dir+"/secret | cat > /dev/null").All()
	var said []string
	for _, o := range seen {
		if o.Kind == sdk.ObservedWrite {
			said = append(said, string(o.Data))
		}
	}
	if !slices.Equal(said, []string{"hush\n"}) {
		t.Errorf("writes %q, want the one between two processes only", said)
	}
}

func flooded(t *testing.T, p *tracers.Process) {
	dir := folder(t)
	trace := Begin(t, p, sdk.TracerSpec{}, program(t), dir)
	trace.Cmd.Env = []string{actEnv + "=flood"}
	if out, err := trace.Cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	seen, err := trace.Observed()
	if err != nil {
		t.Fatal(err)
	}
	sum := trace.Stop()
	lost, opens := uint64(0), uint64(0)
	for _, n := range sum.Lost {
		lost += n
	}
	for _, o := range seen {
		if o.Kind == sdk.ObservedOpen && o.Path == dir+"/secret" {
			opens++
		}
	}
	if opens+lost < floods*floodThreads || opens > floods*floodThreads || sum.Complete != (lost == 0) {
		t.Errorf("%d opens came and %d observations are lost, of %d opens: %+v", opens, lost, floods*floodThreads, sum)
	}
}

func survivors(t *testing.T, p *tracers.Process) {
	file := filepath.Join(t.TempDir(), "pid")
	trace := Begin(t, p, sdk.TracerSpec{}, "/bin/sh", "-c", "sleep 600 & echo $! > "+file)
	if err := trace.Cmd.Run(); err != nil { // a pipe would not end before the tracer does
		t.Fatal(err)
	}
	out, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid := number(string(out))
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	sum := trace.Stop()
	if !slices.Equal(sum.Survivors, []int{pid}) || sum.Complete {
		t.Errorf("%d lives, and the summary is %+v", pid, sum)
	}
	if _, err := trace.Observed(); err == nil {
		t.Error("the stream of a trace that did not end ended well")
	}
}

func number(s string) (n int) {
	for _, c := range strings.TrimSpace(s) {
		n = n*10 + int(c-'0')
	}
	return n
}

func givesUp(t *testing.T, p *tracers.Process) {
	enough := errors.New("enough")
	plan, err := p.Prepare(t.Context(), sdk.TracerSpec{Session: "up", Dir: t.TempDir()})
	if err != nil || len(plan.Prefix) == 0 && plan.CgroupDir == "" {
		t.Fatalf("%+v, %v", plan, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Observe(ctx, "up", func(sdk.Observation) error { return enough }) }()
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Observe = %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Observe does not return")
	}
	if _, err := p.Stop(t.Context(), "up"); err != nil {
		t.Error(err)
	}
}

// dies kills the tracer in the middle of a trace.
func dies(t *testing.T, tr Tracer) {
	p := tr.Start(t)
	trace := Begin(t, p, sdk.TracerSpec{}, "/bin/sleep", "600")
	if err := trace.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = trace.Cmd.Process.Kill()
		_ = trace.Cmd.Wait()
	}()
	if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	_, err := trace.Observed()
	if !errors.Is(err, tracers.ErrDied) {
		t.Errorf("Observe = %v, want ErrDied", err)
	}
	if took := time.Since(killed); took > time.Second && os.Getenv("CI") == "" {
		t.Logf("the news took %v", took)
	}
	if _, err := p.Stop(t.Context(), "test"); !errors.Is(err, tracers.ErrDied) {
		t.Errorf("Stop = %v, want ErrDied", err)
	}
}
