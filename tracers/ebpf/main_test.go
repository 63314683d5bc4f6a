package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers"
	"github.com/killdeer-mcp/killdeer/tracers/tracetest"
)

var tracer = tracetest.Tracer{Require: "ebpf"}

func TestMain(m *testing.M) {
	if os.Getenv(coldEnv) != "" {
		if err := cold(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	tracetest.Main(m, main)
}

func TestTracer(t *testing.T) { tracetest.Run(t, tracer) }

// patience is how long what has to happen may take on a busy machine.
const patience = time.Minute

// watching is a session whose observations are kept.
type watching struct {
	p    *tracers.Process
	plan sdk.TracerPlan
	seen []sdk.Observation
	done chan error
}

// prepare readies a session. gate, if there is one, holds up what is observed until it
// is closed.
func prepare(t *testing.T, p *tracers.Process, spec sdk.TracerSpec, gate <-chan struct{}) *watching {
	t.Helper()
	spec.Session, spec.Dir = "own", t.TempDir()
	plan, err := p.Prepare(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	w := &watching{p: p, plan: plan, done: make(chan error, 1)}
	go func() {
		w.done <- p.Observe(context.WithoutCancel(t.Context()), "own", func(o sdk.Observation) error {
			if gate != nil {
				<-gate
			}
			w.seen = append(w.seen, o)
			return nil
		})
	}()
	return w
}

// start starts a command in the session's cgroup.
func (w *watching) start(t *testing.T, argv ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	enter(t, cmd, w.plan.CgroupDir)
	return cmd
}

func enter(t *testing.T, cmd *exec.Cmd, group string) {
	t.Helper()
	dir, err := os.Open(group)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
}

// stop ends the session.
func (w *watching) stop(t *testing.T) sdk.TracerSummary {
	t.Helper()
	sum, err := w.p.Stop(context.WithoutCancel(t.Context()), "own")
	if err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-w.done:
		if err != nil {
			t.Errorf("Observe = %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the stream does not end")
	}
	return sum
}

func (w *watching) saw(kind sdk.ObservationKind, with func(sdk.Observation) bool) bool {
	return slices.ContainsFunc(w.seen, func(o sdk.Observation) bool { return o.Kind == kind && with(o) })
}

func secretIn(t *testing.T) (dir string, id sdk.FileID) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err == nil {
		err = os.WriteFile(dir+"/secret", []byte("hush\n"), 0o600)
	}
	var st syscall.Stat_t
	if err == nil {
		err = syscall.Stat(dir+"/secret", &st)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir, sdk.FileID{Dev: st.Dev, Ino: st.Ino}
}

// One process floods while nobody reads: what is lost is counted, and neither the
// programs, connections and watched files of others nor its own are.
func TestFlood(t *testing.T) {
	p := tracer.Start(t)
	dir, id := secretIn(t)
	gate := make(chan struct{})
	w := prepare(t, p, sdk.TracerSpec{Watch: []sdk.FileID{id}}, gate)
	// Their records do not fit into what the kernel's buffers and the tracer hold.
	const floods = 40_000
	path := "/etc/" + strings.Repeat("./", 1000) + "hostname"
	// dash opens a file for each redirection, without a process of its own.
	cmd := w.start(t, "/bin/bash", "-c", fmt.Sprintf(
		`i=0; while [ $i -lt %d ]; do i=$((i+1)); : < %s; done; : < %s/secret; : > /dev/udp/127.0.0.1/5399; /bin/cat /etc/hostname > /dev/null`, floods, path, dir))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	close(gate)
	if err := <-w.done; err != nil {
		t.Fatal(err)
	}
	w.done <- nil
	sum := w.stop(t)
	opens, lost := 0, uint64(0)
	for _, o := range w.seen {
		if o.Kind == sdk.ObservedOpen && o.Path == path {
			opens++
		}
	}
	for _, n := range sum.Lost {
		lost += n
	}
	if lost == 0 || sum.Complete || uint64(opens)+lost < floods {
		t.Errorf("%d opens seen, lost %v of %d, complete: %v", opens, sum.Lost, floods, sum.Complete)
	}
	if !w.saw(sdk.ObservedOpen, func(o sdk.Observation) bool { return o.PathReal == dir+"/secret" }) {
		t.Error("the watched file is not among what was seen")
	}
	if !w.saw(sdk.ObservedConnect, func(o sdk.Observation) bool { return o.Peer != nil && o.Peer.Port == 5399 }) {
		t.Error("the connection is not among what was seen")
	}
	if !w.saw(sdk.ObservedExec, func(o sdk.Observation) bool { return o.Path == "/bin/cat" }) {
		t.Error("the program is not among what was seen")
	}
}

// waiter is a shell that reads a file when it is told to.
func waiter(t *testing.T, dir, group string) (cmd *exec.Cmd, in io.WriteCloser, out *bufio.Reader) {
	t.Helper()
	cmd = exec.Command("/bin/sh", "-c", "echo ready; while read x; do cat "+dir+"/secret; echo done; done; cat "+dir+"/secret")
	if group != "" {
		enter(t, cmd, group)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	out = bufio.NewReader(pipe)
	line(t, out, "ready")
	return cmd, in, out
}

func line(t *testing.T, out *bufio.Reader, want string) {
	t.Helper()
	for {
		got, err := out.ReadString('\n')
		if err != nil {
			t.Fatalf("waiting for %q: %v", want, err)
		}
		if strings.TrimSpace(got) == want {
			return
		}
	}
}

// What ran before is watched from then on, with what it starts, and nothing else is.
func TestAttach(t *testing.T) {
	p := tracer.Start(t)
	for _, how := range []string{"process", "cgroup"} {
		t.Run(how, func(t *testing.T) {
			dir, _ := secretIn(t)
			group := ""
			if how == "cgroup" {
				group = nested(t)
			}
			cmd, in, out := waiter(t, dir, group)
			spec := sdk.TracerSpec{AttachPID: cmd.Process.Pid}
			if group != "" {
				spec = sdk.TracerSpec{AttachCgroup: filepath.Dir(group)}
			}
			w := prepare(t, p, spec, nil)
			if w.plan.CgroupDir != "" || w.plan.Prefix != nil {
				t.Errorf("the plan for what runs already is %+v", w.plan)
			}
			if err := exec.Command("/bin/cat", dir+"/secret").Run(); err != nil { // a stranger
				t.Fatal(err)
			}
			if _, err := io.WriteString(in, "go\n"); err != nil {
				t.Fatal(err)
			}
			line(t, out, "done")
			sum := w.stop(t)
			if !sum.Complete || len(sum.Survivors) != 0 {
				t.Errorf("%+v", sum)
			}
			opens := 0
			for _, o := range w.seen {
				if o.PreExec {
					t.Errorf("%+v is marked as the sandbox's", o)
				}
				if o.PathReal == dir+"/secret" {
					opens++
				}
			}
			if opens != 1 {
				t.Errorf("%d opens of the file, want the one", opens)
			}
			if end := w.seen[len(w.seen)-1]; end.Kind != sdk.ObservedEnd {
				t.Errorf("the last is %+v", end)
			}
		})
	}
	t.Run("nobody", func(t *testing.T) {
		if _, err := p.Prepare(t.Context(), sdk.TracerSpec{Session: "own", Dir: t.TempDir(), AttachPID: 1 << 30}); err == nil {
			t.Error("a process that is not there is attached to")
		}
		if _, err := p.Prepare(t.Context(), sdk.TracerSpec{Session: "own", Dir: t.TempDir(), AttachCgroup: "/tmp"}); err == nil {
			t.Error("a folder that is no cgroup is attached to")
		}
	})
}

// nested makes a cgroup in another.
func nested(t *testing.T) string {
	t.Helper()
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	at := ""
	for l := range strings.Lines(string(table)) {
		if strings.Contains(l, " - cgroup2 ") {
			at = strings.Fields(l)[4]
		}
	}
	outer := filepath.Join(at, fmt.Sprintf("killdeer-test-%d", os.Getpid()))
	inner := filepath.Join(outer, "inner")
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 100 { // a process that has ended may still be counted
			if os.Remove(inner) == nil && os.Remove(outer) == nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	return inner
}

// What Node encrypts is seen before.
func TestTLS(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	if out, err := exec.Command(node, "-p", "process.config.variables.node_shared_openssl").Output(); err != nil {
		t.Skipf("node does not run: %v: %s", err, out)
	}
	p := tracer.Start(t)
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	w := prepare(t, p, sdk.TracerSpec{TLS: true}, nil)
	cmd := w.start(t, node, "-e", `require("https").get(process.argv[1] + "/a-plain-secret", r => r.resume())`, server.URL)
	cmd.Env = []string{"NODE_TLS_REJECT_UNAUTHORIZED=0"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := <-w.done; err != nil {
		t.Fatal(err)
	}
	w.done <- nil
	w.stop(t)
	if !w.saw(sdk.ObservedSend, func(o sdk.Observation) bool {
		return o.Syscall == "SSL_write" && strings.Contains(string(o.Data), "GET /a-plain-secret")
	}) {
		t.Error("the request is not among what was seen")
	}
}

// What changes which code is loaded is found at the end of a long environment, and
// arguments that are cut are said to be.
func TestLongEnvironment(t *testing.T) {
	p := tracer.Start(t)
	w := prepare(t, p, sdk.TracerSpec{}, nil)
	cmd := w.start(t, "/bin/true", strings.Repeat("long ", 2000), "last")
	for i := range 2000 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("FILLER_%d=%s", i, strings.Repeat("x", 100)))
	}
	cmd.Env = append(cmd.Env, "HUGE="+strings.Repeat("LD_PRELOAD=/no ", 1000), "ENVELOPE=1", "LD_PRELOAD=/nowhere/evil.so")
	if out, err := cmd.CombinedOutput(); err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	if err := <-w.done; err != nil {
		t.Fatal(err)
	}
	w.done <- nil
	w.stop(t)
	if !w.saw(sdk.ObservedExec, func(o sdk.Observation) bool {
		return o.Path == "/bin/true" && slices.Equal(o.Env, []string{"LD_PRELOAD=/nowhere/evil.so"}) && o.Truncated && len(o.Argv) > 0 && o.Argv[0] == "/bin/true"
	}) {
		for _, o := range w.seen {
			if o.Kind == sdk.ObservedExec {
				o.Argv = o.Argv[:min(len(o.Argv), 1)]
				t.Errorf("%+v", o)
			}
		}
	}
}

// A path that was in no memory when the call began is read when it returns.
func TestColdPath(t *testing.T) {
	p := tracer.Start(t)
	dir, _ := secretIn(t)
	w := prepare(t, p, sdk.TracerSpec{}, nil)
	cmd := w.start(t, "/proc/self/exe", dir)
	cmd.Env = []string{coldEnv + "=1"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := <-w.done; err != nil {
		t.Fatal(err)
	}
	w.done <- nil
	w.stop(t)
	if !w.saw(sdk.ObservedOpen, func(o sdk.Observation) bool { return o.Path == dir+"/secret" && o.Retried }) {
		t.Error("no open of the file is marked as read late")
	}
}

// coldEnv makes the test binary open a file by a path that no memory holds.
const coldEnv = "KILLDEER_COLD"

func cold(dir string) error {
	f, err := os.Create(dir + "/path")
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(dir + "/secret\x00"); err != nil {
		return err
	}
	page, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_OPEN, uintptr(unsafe.Pointer(unsafe.SliceData(page))), unix.O_RDONLY, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
