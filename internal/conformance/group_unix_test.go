//go:build unix

package conformance_test

import (
	"context"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ownGroup gives the command a process group of its own, and has the whole group
// killed when its time is over.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// endGroup kills what a command that has ended may have left behind.
func endGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}

// A run that does not end is ended, and so is what it started: a child that lived
// on would hold the output open until killGrace is over.
func TestRunIsEnded(t *testing.T) {
	modules := t.TempDir()
	writeFile(t, entry(modules, next), "echo started\nsleep 600 &\nwait\n")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := run{release: next}.start(ctx, "/bin/sh", modules, "http://127.0.0.1:1/", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "deadline exceeded; it printed last:\nstarted") {
		t.Errorf("start: %v", err)
	}
	if took := time.Since(began); took > killGrace/2 {
		t.Errorf("ending the run took %v", took)
	}
}
