package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/exercise"
	"github.com/killdeer-mcp/killdeer/audit/sandbox"
)

// maxStderr is how many bytes are kept of the end of a standard error.
const maxStderr = 16 << 10

// process is a started server. Its standard input and output belong to the client
// that talks to it.
type process struct {
	cmd    *exec.Cmd
	stdio  *exercise.Stdio
	stderr *tail
	ended  chan struct{} // closed when it has ended
	err    error         // of waiting; set before ended is closed
	swept  bool          // ended by killing all of its box, the tracer too
	tasks  sync.WaitGroup
}

// start starts a command with pipes of our own: what a server leaves behind may keep
// them open, and must not keep us waiting.
func start(cmd *exec.Cmd) (p *process, err error) {
	var ends [6]*os.File
	for i := 0; i < len(ends); i += 2 {
		if ends[i], ends[i+1], err = os.Pipe(); err != nil {
			return nil, errors.Join(fmt.Errorf("start the server: %w", err), closeAll(ends[:i]...))
		}
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = ends[0], ends[3], ends[5]
	p = &process{
		cmd: cmd, ended: make(chan struct{}), stderr: &tail{from: ends[4]},
		stdio: &exercise.Stdio{Out: ends[2], In: ends[1]},
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the server: %w", err), closeAll(ends[:]...))
	}
	_ = closeAll(ends[0], ends[3], ends[5]) // the server has them
	p.tasks.Go(p.stderr.read)
	p.tasks.Go(func() {
		p.err = cmd.Wait()
		close(p.ended)
	})
	return p, nil
}

func closeAll(files ...*os.File) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// alive reports whether the server runs.
func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// within waits for the end.
func (p *process) within(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.ended:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return !p.alive()
}

// join lets go of everything. The processes must have ended.
func (p *process) join() {
	_ = p.stderr.from.Close()
	_ = p.stdio.In.Close() // closed by the client, if there was one
	_ = p.stdio.Out.Close()
	p.tasks.Wait()
}

// exit is how it ended, in words.
func (p *process) exit() string {
	if p.alive() {
		return "did not end"
	}
	if p.err == nil {
		return "exit status 0"
	}
	return p.err.Error()
}

// How a server is asked to end: its input ends, then it is told, then it is killed.
const (
	politely = 2 * time.Second
	firmly   = time.Second
	finally  = 5 * time.Second
)

// end brings the server to its end, and says what it took.
func (p *process) end(ctx context.Context, b *sandbox.Box, quick bool) string {
	patience := politely
	if quick {
		patience = politely / 4
	}
	if p.within(ctx, patience) {
		return p.exit()
	}
	for _, s := range []struct {
		ask  func() error
		wait time.Duration
		how  string
	}{
		{func() error { return b.Terminate(p.cmd, false) }, firmly, "ended by SIGTERM, not with its standard input"},
		{func() error { return b.Terminate(p.cmd, true) }, finally, "killed: neither the end of its standard input nor SIGTERM ended it"},
		{func() error { p.swept = true; b.Kill(); return nil }, finally, "killed with all that it had started"},
	} {
		if s.ask() == nil && p.within(context.WithoutCancel(ctx), s.wait) {
			return s.how
		}
	}
	return "could not be killed"
}

// tail keeps the end of a stream.
type tail struct {
	from *os.File
	mu   sync.Mutex
	kept []byte
}

func (t *tail) read() {
	buf := make([]byte, 32<<10)
	for {
		n, err := t.from.Read(buf)
		t.mu.Lock()
		t.kept = append(t.kept, buf[:n]...)
		if over := len(t.kept) - maxStderr; over > 0 {
			t.kept = append(t.kept[:0], t.kept[over:]...)
		}
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
