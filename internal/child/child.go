package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin/runner"

	"github.com/killdeer-mcp/killdeer/sdk/plugin"
)

// pipesWithin is how long the pipes of a program that has ended are still read. What it
// started in a session of its own may hold them for ever.
const pipesWithin = time.Second

// passedOn are the variables of the sensor's environment that programs get: none
// that holds a secret.
var passedOn = []string{"TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"}

// child runs a plugin's program for go-plugin. It has no standard input, a process
// group of its own, and ends with the sensor, however that ends.
type child struct {
	cmd      *exec.Cmd
	program  *Program
	threads  *Thread
	lifeline *os.File // our end
	stdout   io.ReadCloser
	log      *pluginLog

	starting context.Context // the program is killed when it ends
	settled  func() bool     // ends that
	readers  sync.WaitGroup  // of standard error
	dead     chan struct{}   // closed when the process has ended, before it is reaped
	ended    chan struct{}   // closed by Wait
	state    *os.ProcessState

	mu     sync.Mutex
	reaped bool
}

var _ runner.Runner = (*child)(nil)

// newChild prepares a program. env is what go-plugin tells it.
func newChild(ctx context.Context, p *Program, env []string, threads *Thread, log *pluginLog) *child {
	cmd := &exec.Cmd{Path: p.path, Args: []string{p.path}, Dir: "/", Env: append(environment(), env...)}
	return &child{cmd: cmd, program: p, threads: threads, log: log, starting: ctx, dead: make(chan struct{}), ended: make(chan struct{})}
}

func environment() []string {
	env := []string{"PATH=/usr/bin:/bin", plugin.LifelineEnv + "=3"} // the first of ExtraFiles
	for _, name := range passedOn {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// Start implements [runner.Runner].
func (c *child) Start(context.Context) error {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start plugin: %w", err)
	}
	defer theirs.Close()
	stderr, err := c.pipes()
	if err == nil {
		c.cmd.ExtraFiles = []*os.File{theirs}
		c.threads.Do(func() { err = start(c.cmd, c.program) })
	}
	if err != nil {
		return errors.Join(fmt.Errorf("start plugin: %w", err), ours.Close())
	}
	c.lifeline = ours
	c.readers.Go(func() { c.log.follow(stderr) })
	go func() {
		defer close(c.dead)
		if await(c.cmd.Process.Pid) {
			c.kill() // whatever it started, which may hold its pipes
		}
		time.AfterFunc(pipesWithin, func() {
			_, _ = c.stdout.Close(), stderr.Close() // they may be closed already
		})
	}()
	c.settled = context.AfterFunc(c.starting, c.kill)
	return nil
}

func (c *child) pipes() (stderr io.ReadCloser, err error) {
	if c.stdout, err = c.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	return c.cmd.StderrPipe()
}

// Wait implements [runner.Runner]. go-plugin calls it once, when standard output
// has ended.
func (c *child) Wait(context.Context) error {
	<-c.dead
	c.readers.Wait()
	err := c.cmd.Wait()
	c.mu.Lock()
	c.reaped = true
	c.mu.Unlock()
	c.state = c.cmd.ProcessState
	_ = c.lifeline.Close()
	close(c.ended)
	return err
}

// kill ends the process and its group at once.
func (c *child) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd.Process != nil && !c.reaped { // else the number may be another's
		killGroup(c.cmd.Process)
	}
}

// Kill implements [runner.Runner].
func (c *child) Kill(context.Context) error {
	c.kill()
	return nil
}

// hup sends SIGHUP.
func (c *child) hup() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd.Process != nil && !c.reaped {
		hangUp(c.cmd.Process)
	}
}

// Stdout implements [runner.Runner].
func (c *child) Stdout() io.ReadCloser { return c.stdout }

// Stderr implements [runner.Runner]. It is empty: we read standard error ourselves.
func (c *child) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name implements [runner.Runner].
func (c *child) Name() string { return c.program.path }

// ID implements [runner.Runner].
func (c *child) ID() string {
	if c.cmd.Process == nil {
		return ""
	}
	return fmt.Sprint(c.cmd.Process.Pid)
}

// Diagnose implements [runner.Runner].
func (c *child) Diagnose(context.Context) string { return c.log.last() }

// PluginToHost implements [runner.Runner].
func (c *child) PluginToHost(network, addr string) (string, string, error) { return network, addr, nil }

// HostToPlugin implements [runner.Runner].
func (c *child) HostToPlugin(network, addr string) (string, string, error) { return network, addr, nil }
