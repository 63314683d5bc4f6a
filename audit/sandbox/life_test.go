//go:build linux

package sandbox_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/sandbox"
)

// TestMisbehaved runs servers that would take the machine: each is ended within its
// budget, and nothing is left. That is checked by the clean-up of box.
func TestMisbehaved(t *testing.T) { each(t, testMisbehaved) }

func testMisbehaved(t *testing.T) {
	tests := map[string]struct {
		argv   []string
		limits sandbox.Limits
		cause  string // why the box ended it
	}{
		"hangs":  {[]string{"sleep", "600"}, sandbox.Limits{}, "the budget of 3s ended"},
		"forks":  {[]string{"/opt/probe", "probe", "fork"}, sandbox.Limits{Processes: 60}, "the budget of 3s ended"},
		"leaves": {[]string{"sh", "-c", "setsid sleep 600 & setsid setsid sleep 601 & trap '' TERM HUP INT; sleep 602"}, sandbox.Limits{}, "the budget of 3s ended"},
		"grows":  {[]string{"/usr/bin/python3", "-c", "x = bytearray(300 << 20)\nwhile True: pass"}, sandbox.Limits{Memory: 200 << 20}, "more than 200 MiB of memory were in use"},
		"shares": {[]string{"/usr/bin/python3", "-c", "import mmap\nm = mmap.mmap(-1, 300 << 20)\nfor i in range(0, len(m), 4096): m[i] = 1\nwhile True: pass"}, sandbox.Limits{Memory: 200 << 20}, "more than 200 MiB of memory were in use"},
		"shares one": {[]string{"/usr/bin/python3", "-c", "import mmap, os\nm = mmap.mmap(-1, 120 << 20)\nos.fork(); os.fork()\n" +
			"for i in range(0, len(m), 4096): m[i] = 1\nwhile True: pass"}, sandbox.Limits{Memory: 200 << 20}, "the budget of 3s ended"},
		"hides": {[]string{"/usr/bin/python3", "-c", "import os, time\nfor i in range(6):\n\tf = os.memfd_create('x')\n" +
			"\tfor j in range(250): os.write(f, bytes(1 << 20))\ntime.sleep(600)"}, sandbox.Limits{Memory: 200 << 20, World: 32 << 20}, "more than 264 MiB of shared memory came into use on this machine"},
		"writes": {[]string{"sh", "-c", "for i in 1 2 3 4 5; do head -c 100000000 /dev/zero > /tmp/$i 2>/dev/null; head -c 100000000 /dev/zero > /dev/shm/$i 2>/dev/null; done; df /tmp | tail -1 | awk '{print $3}'"}, sandbox.Limits{World: 64 << 20}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			budget := 3 * time.Second
			if tt.cause == "" || strings.Contains(tt.cause, "memory") {
				budget = time.Minute
			}
			b := box(t, sandbox.Options{Mounts: []sandbox.Mount{self(t)}, Limits: tt.limits, Budget: budget})
			began := time.Now()
			out, _ := run(t, b, tt.argv...)
			if took := time.Since(began); took > 90*time.Second {
				t.Errorf("it took %s", took)
			}
			if got := b.Ended(); got != tt.cause {
				t.Errorf("ended because %q, want %q; %s", got, tt.cause, out)
			}
		})
	}
}

// TestSacrifice waits until the server would be the first to go.
func TestSacrifice(t *testing.T) { each(t, testSacrifice) }

func testSacrifice(t *testing.T) {
	b := box(t, sandbox.Options{})
	out := sh(t, b, "for i in $(seq 200); do grep -qx 1000 /proc/self/oom_score_adj && echo yes && exit; sleep 0.1; done; cat /proc/self/oom_score_adj")
	if out != "yes\n" {
		t.Errorf("oom_score_adj is %s", out)
	}
}

// TestSurvivors leaves a daemon behind, whose reader sees it and then its end.
func TestSurvivors(t *testing.T) { each(t, testSurvivors) }

func testSurvivors(t *testing.T) {
	b := box(t, sandbox.Options{})
	if out, err := run(t, b, "sh", "-c", "(setsid sleep 603 </dev/null >/dev/null 2>&1 &); exit 7"); err == nil || !strings.Contains(err.Error(), "exit status 7") {
		t.Errorf("the exit status is lost: %v %s", err, out)
	}
	left := b.Survivors()
	if len(left) != 1 || left[0] != "sleep 603" {
		t.Errorf("survivors %q", left)
	}
	if !b.Kill() || len(b.Survivors()) != 0 {
		t.Errorf("still there: %q", b.Survivors())
	}
	if out := sh(t, b, "echo again"); out != "again\n" { // the box can go on
		t.Errorf("got %q", out)
	}
}

// TestWorldStays keeps what one command wrote for the next, and tells what it was.
func TestWorldStays(t *testing.T) { each(t, testWorldStays) }

func testWorldStays(t *testing.T) {
	b := box(t, sandbox.Options{Mounts: []sandbox.Mount{{Target: "/opt/data", Mode: sandbox.Fresh}}})
	before, err := b.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	sh(t, b, `echo 'evil &' >> ~/.bashrc; rm ~/.netrc; chmod 755 ~/.env; mkdir -p ~/.cache/x; echo 1 > ~/.cache/x/n
		ln -s /etc/passwd /tmp/l; mkfifo /tmp/pipe; echo data > /opt/data/f; cp -p ~/.npmrc /tmp/n; cat /tmp/n > ~/.npmrc
		mkdir /tmp/closed; echo x > /tmp/closed/y; chmod 0 /tmp/closed /opt/data/f
		d=/tmp; for i in $(seq 100); do d=$d/d; mkdir $d; done; echo deep > $d/f`)
	after, err := b.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range sandbox.Diff(before, after) {
		got[c.Path] = c.Change + " " + string(c.Sample)
	}
	for path, want := range map[string]string{
		"/home/audit/.bashrc":    "modified evil &\n",
		"/home/audit/.netrc":     "removed ",
		"/home/audit/.env":       "mode ",
		"/home/audit/.cache/x/n": "created 1\n",
		"/home/audit/.npmrc":     "modified ",
		"/tmp/l":                 "created /etc/passwd",
		"/tmp/pipe":              "created ",
	} {
		if got[path] != want {
			t.Errorf("%s: %q, want %q", path, got[path], want)
		}
	}
	if !strings.HasPrefix(got["/opt/data/f"], "created") || !strings.HasPrefix(got["/tmp/n"], "created //registry") {
		t.Errorf("changes %q", got)
	}
	if after.Incomplete == "" {
		t.Error("the deep folders were not noticed")
	}
	if out := sh(t, b, "tail -1 ~/.bashrc"); out != "evil &\n" {
		t.Errorf("got %q", out)
	}
}

// TestKilled kills an auditor without a chance to clean up.
func TestKilled(t *testing.T) { each(t, testKilled) }

// killedSleep is how the server of the killed auditor is recognised.
const killedSleep = "86399"

func probeAuditor() error {
	b, err := sandbox.New(context.Background(), sandbox.Options{Seed: "1", Pass: "A"})
	if err != nil {
		return err
	}
	cmd, err := b.Command(sandbox.Launch{Argv: []string{"sh", "-c", "setsid sleep " + killedSleep + " & echo up; sleep " + killedSleep}})
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return err
	}
	fmt.Println(b.TracerDir())
	time.Sleep(time.Hour)
	return nil
}

func testKilled(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "probe", "auditor")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasSuffix(line, "/trace\n") {
		t.Fatalf("%q, %v", line, err)
	}
	if running(t) == 0 {
		t.Fatal("the server does not run")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	dir := strings.TrimSuffix(line, "/trace\n")
	gone := func() bool {
		_, err := os.Stat(dir)
		return errors.Is(err, os.ErrNotExist) && running(t) == 0
	}
	for end := time.Now().Add(20 * time.Second); !gone(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("left behind: %d processes; %s: %v", running(t), dir, !gone())
		}
	}
}

// running counts the processes of the killed auditor's box.
func running(t *testing.T) int {
	t.Helper()
	out, _ := exec.Command("pgrep", "-fc", "sleep "+killedSleep).Output() // ends with 1 for none
	n := 0
	if _, err := fmt.Sscan(string(out), &n); err != nil {
		t.Fatalf("count processes: %q", out)
	}
	return n
}

// TestUnavailable has no bwrap to find.
func TestUnavailable(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := sandbox.New(t.Context(), sandbox.Options{Seed: "1"})
	u, ok := errors.AsType[*sandbox.Unavailable](err)
	if !ok || !strings.Contains(u.Reason, "bwrap") || !strings.Contains(u.Fix, "bubblewrap") {
		t.Errorf("got %v", err)
	}
}

// TestHolderDies kills the process that holds the box: the box still ends whole.
func TestHolderDies(t *testing.T) { each(t, testHolderDies) }

func testHolderDies(t *testing.T) {
	need(t, "pgrep")
	b := box(t, sandbox.Options{})
	cmd, err := b.Command(sandbox.Launch{Argv: []string{"sleep", "604"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); len(b.Survivors()) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the server does not run")
		}
	}
	out, err := exec.Command("pgrep", "-P", fmt.Sprint(os.Getpid()), "-f", "^killdeer-box").Output()
	if err != nil {
		t.Fatalf("find the holder: %v", err)
	}
	var pid int
	if _, err := fmt.Sscan(string(out), &pid); err != nil {
		t.Fatalf("find the holder: %q", out)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !b.Kill() || len(b.Survivors()) != 0 {
		t.Errorf("still there: %q", b.Survivors())
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the server was not killed")
	}
}
