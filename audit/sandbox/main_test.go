//go:build linux

package sandbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/sandbox"
)

// TestMain lets the test binary play the holder of a box, a program in a box, and
// an auditor that is killed.
func TestMain(m *testing.M) {
	if code, ours := sandbox.Main(); ours {
		os.Exit(code)
	}
	if len(os.Args) > 2 && os.Args[1] == "probe" {
		os.Exit(probe(os.Args[2]))
	}
	os.Exit(m.Run())
}

// need skips a test if a program is missing, and fails it instead if
// KILLDEER_REQUIRE lists "bwrap".
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range append(programs, "bwrap") {
		if _, err := exec.LookPath(name); err != nil {
			leaveOut(t, name+" is not installed")
		}
	}
}

func leaveOut(t *testing.T, why string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), "bwrap") {
		t.Fatal(why)
	}
	t.Skip(why)
}

// childEnv says that this process is a test that has been started again.
const childEnv = "KILLDEER_SANDBOX_TEST"

// again runs the test in a process of its own, as attr says.
func again(t *testing.T, kind string, attr *syscall.SysProcAttr) {
	t.Helper()
	name, _, _ := strings.Cut(t.Name(), "/")
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+name+"$", "-test.v", "-test.timeout=3m")
	cmd.Env = append(os.Environ(), childEnv+"="+kind, "HOME=/nonexistent", "TMPDIR=/tmp")
	cmd.Dir = "/"
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case bytes.Contains(out, []byte("--- SKIP")):
		t.Skipf("%s", out)
	case !bytes.Contains(out, []byte("--- PASS: "+name)):
		t.Errorf("the test did not run:\n%s", out)
	}
}

// each runs a test as the caller and, where that is root, as nobody too.
func each(t *testing.T, test func(*testing.T)) {
	t.Helper()
	need(t)
	if os.Getenv(childEnv) != "" || os.Geteuid() != 0 {
		test(t)
		return
	}
	t.Run("root", test)
	t.Run("nobody", func(t *testing.T) {
		t.Setenv(selfEnv, publicCopy(t))
		again(t, "nobody", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}})
	})
}

// box returns a box that is checked to leave nothing behind.
func box(t *testing.T, o sandbox.Options) *sandbox.Box {
	t.Helper()
	o.Seed, o.Pass = "1", "A"
	b, err := sandbox.New(t.Context(), o)
	if u, ok := errors.AsType[*sandbox.Unavailable](err); ok {
		leaveOut(t, u.Error()+"; "+u.Fix)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := b.TracerDir()
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(strings.TrimSuffix(dir, "/trace")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the folder of the box is left: %v", err)
		}
		if left := b.Survivors(); len(left) > 0 {
			t.Errorf("processes are left: %q", left)
		}
	})
	return b
}

// selfEnv names a copy of this binary that everybody may read: go test puts it
// where only its user gets.
const selfEnv = "KILLDEER_SANDBOX_SELF"

func publicCopy(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sandbox-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "self")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(name, b, 0o755)); err != nil {
		t.Fatal(err)
	}
	return name
}

// self shows this binary in the box.
func self(t *testing.T) sandbox.Mount {
	t.Helper()
	if name := os.Getenv(selfEnv); name != "" {
		return sandbox.Mount{Source: name, Target: "/opt/probe"}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return sandbox.Mount{Source: exe, Target: "/opt/probe"}
}

// run runs a command in the box and returns what it printed.
func run(t *testing.T, b *sandbox.Box, argv ...string) (string, error) {
	t.Helper()
	return launch(t, b, sandbox.Launch{Argv: argv})
}

func launch(t *testing.T, b *sandbox.Box, l sandbox.Launch) (string, error) {
	t.Helper()
	cmd, err := b.Command(l)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 2 * time.Second // what a server leaves behind keeps its output open
	err = cmd.Run()
	return out.String(), err
}

// sh runs a script that must succeed.
func sh(t *testing.T, b *sandbox.Box, script string) string {
	t.Helper()
	out, err := run(t, b, "/bin/sh", "-c", script)
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return out
}

// probe is a program in the box.
func probe(name string) int {
	if p := probes[name]; p != nil {
		if err := p(); err != nil {
			fmt.Println(err)
			return 1
		}
		return 0
	}
	fmt.Println("no such probe")
	return 2
}
