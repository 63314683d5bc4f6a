package trace

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// usable skips a test where strace does not work.
func usable(t *testing.T, tr *Tracer) {
	t.Helper()
	c, err := tr.Capabilities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Usable {
		return
	}
	if slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), "strace") {
		t.Fatalf("strace is required: %s", c.Reason)
	}
	t.Skip(c.Reason)
}

// A strace that dies leaves its target running and unwatched: that is an error, and
// never a whole trace.
func TestStraceDies(t *testing.T) {
	tr := New("test")
	usable(t, tr)
	plan, err := tr.Prepare(t.Context(), sdk.TracerSpec{Session: "s", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	begun, done := make(chan int, 1), make(chan error, 1)
	var seen []sdk.Observation
	go func() {
		done <- tr.Observe(context.Background(), "s", func(o sdk.Observation) error {
			if seen = append(seen, o); o.Kind == sdk.ObservedExec {
				begun <- o.PID
			}
			return nil
		})
	}()
	cmd := exec.Command(plan.Prefix[0], append(plan.Prefix[1:], "/bin/sleep", "600")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	pid := <-begun
	if pid != cmd.Process.Pid {
		t.Errorf("the target is %d, and %d was started", pid, cmd.Process.Pid)
	}
	if err := syscall.Kill(tracerOf(t, pid), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "nobody watches") {
			t.Errorf("Observe = %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Observe does not notice")
	}
	if last := seen[len(seen)-1]; last.Kind != sdk.ObservedLoss || last.Cause != "tracer" {
		t.Errorf("the last observation is %+v", last)
	}
	sum, err := tr.Stop(t.Context(), "s")
	if err != nil || sum.Complete || sum.Lost["tracer"] != 1 || !slices.Equal(sum.Survivors, []int{pid}) {
		t.Errorf("%+v, %v", sum, err)
	}
}

func tracerOf(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "TracerPid:")
	word := strings.Fields(rest)[0]
	n := 0
	for _, c := range word {
		n = n*10 + int(c-'0')
	}
	if n == 0 {
		t.Fatal("the target is not traced")
	}
	return n
}

// The reason why a tracer is not usable is one that somebody can act on.
func TestUnusable(t *testing.T) {
	script := func(text string) string {
		path := filepath.Join(t.TempDir(), "strace")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct{ name, strace, want string }{
		{"forbidden", script("echo 'strace: ptrace(PTRACE_TRACEME, ...): Operation not permitted' >&2; exit 1"), "SYS_PTRACE"},
		{"old", script("echo \"strace: unrecognized option '--seccomp-bpf'\" >&2; exit 1"), "install a newer one"},
		{"blind", script("exit 0"), "saw nothing"},
		{"broken", script("echo alas >&2; exit 3"), "alas"},
		{"gone", "/nowhere/strace", "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := &Tracer{strace: tt.strace}
			c, err := tr.Capabilities(t.Context())
			if err != nil || c.Usable || !strings.Contains(c.Reason, tt.want) {
				t.Errorf("%+v, %v, want %q", c, err, tt.want)
			}
		})
	}
	t.Run("not installed", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		c, err := New("").Capabilities(t.Context())
		if err != nil || c.Usable || !strings.Contains(c.Reason, "install the package strace") {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

// Lines that are too long, and one that is cut off, are losses that are counted.
func TestLosses(t *testing.T) {
	dir := t.TempDir()
	s, err := open(sdk.TracerSpec{Session: "s", Dir: dir}, PayloadMax)
	if err != nil {
		t.Fatal(err)
	}
	s.t.stdio, s.t.tree.lookup = nil, nil
	go func() {
		w, err := os.OpenFile(s.fifo, os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer w.Close()
		long := strings.Repeat(`\x41`, maxLine/4)
		for _, l := range []string{
			`7 1.000001 execve("\x61", ["\x61"], []) = 0`, `7 1.000002 open("` + long + `", O_RDONLY) = 3`,
			"what is this", `7 1.000003 unlink("\x62") = 0`, "7 1.000004 +++ exited with 0 +++",
		} {
			_, _ = w.WriteString(l + "\n")
		}
		_, _ = w.WriteString(`7 1.0000`)
	}()
	var kinds []string
	err = s.observe(t.Context(), func(o sdk.Observation) error {
		kinds = append(kinds, string(o.Kind)+o.Cause)
		return nil
	})
	want := []string{"exec", "losslong_line", "unlink", "exit", "losscut_line", "end"}
	if err != nil || !slices.Equal(kinds, want) {
		t.Errorf("%q, %v, want %q", kinds, err, want)
	}
	sum, err := s.stop()
	if err != nil || sum.Complete || sum.Unparsed != 1 || sum.Lost["long_line"] != 1 || sum.Lost["cut_line"] != 1 || sum.Emitted != 6 {
		t.Errorf("%+v, %v", sum, err)
	}
}

func FuzzStream(f *testing.F) {
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range logs {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 3_000)], 0)
	}
	f.Add([]byte("1 1.0 clone(flags=CLONE_THREAD <unfinished ...>\n2 1.0 execve(\"x\" <pid changed to 1 ...>\n1 1.0 +++ superseded by execve in pid 2 +++\n1 1.0 <... execve resumed>) = -1 (errno 1)\n"), 1)
	f.Fuzz(func(t *testing.T, log []byte, setup int) {
		tr, seen, _ := translate(log, max(setup, 0))
		if tr.sum.Emitted != uint64(len(seen)) || tr.held < 0 {
			t.Errorf("%d observations, %d held, %+v", len(seen), tr.held, tr.sum)
		}
		for i, o := range seen {
			if o.Seq != uint64(i) || len(o.Data) > PayloadMax*pieces || len(o.Detail) > 4*maxDetail {
				t.Fatalf("observation %d is %+v", i, o)
			}
		}
	})
}

func BenchmarkTranslate(b *testing.B) {
	log, err := os.ReadFile("testdata/python.log")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(log)))
	lines := strings.Count(string(log), "\n")
	for b.Loop() {
		if _, _, err := translate(log, 0); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "lines/s")
}
