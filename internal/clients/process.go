package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	// killGrace is how long a process may take to leave when it is told to.
	killGrace = 5 * time.Second
	// maxStdout bounds what a client may print: the reports of a server with
	// a hundred tools are far smaller.
	maxStdout = 16 << 20
	// maxStderr is how much of a client's complaints is kept: the last.
	maxStderr = 1 << 20
	// maxComplaint is how much of them an error repeats.
	maxComplaint = 2000
)

var errTooMuch = fmt.Errorf("printed more than %d bytes", maxStdout)

// command is a process that ends with ctx, and with it the group it leads: a
// client starts servers. Asked first, it may end what left the group.
func command(ctx context.Context, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = killGrace
	return cmd
}

// endGroup ends what is left of the group of a command that was waited for.
func endGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it fails if nothing is left, as it should be
	}
}

// output runs a command made by [command]. The error says what the command
// complained of, if it is not what the caller looks for in stderr.
func output(cmd *exec.Cmd) (stdout []byte, stderr string, err error) {
	defer endGroup(cmd)
	out, complaint := new(limited), new(tail)
	cmd.Stdout, cmd.Stderr = out, complaint
	err = cmd.Run()
	if out.over {
		err = errTooMuch
	}
	return out.data.Bytes(), complaint.String(), err
}

// complain adds the end of what a command printed to stderr.
func complain(err error, stderr string) error {
	stderr = strings.TrimSpace(stderr)
	return fmt.Errorf("%w: %s", err, stderr[max(0, len(stderr)-maxComplaint):])
}

// exited reports whether err is the exit status of a command that ran.
func exited(err error) bool {
	var status *exec.ExitError
	return errors.As(err, &status) && status.Exited()
}

// limited keeps [maxStdout] bytes; the write that goes over fails.
type limited struct {
	data bytes.Buffer
	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	if l.data.Len()+len(p) > maxStdout {
		l.over = true
		return 0, errTooMuch
	}
	return l.data.Write(p)
}

// tail keeps the last [maxStderr] bytes, at most twice as many for a moment.
type tail struct{ data []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if len(t.data) > 2*maxStderr {
		t.data = append([]byte(nil), t.data[len(t.data)-maxStderr:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	return string(t.data[max(0, len(t.data)-maxStderr):])
}
