package child

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
)

// startWithin is how long a program may take from its start to its first answer.
const startWithin = 10 * time.Second

// ErrEnded says that a program ended before it was asked to.
var ErrEnded = errors.New("the plugin ended")

// Options are what to start and how.
type Options struct {
	Program   *Program // stays the caller's to close
	Dir       string   // for its socket: made for it, and removed with it
	Handshake goplugin.HandshakeConfig
	Versions  map[int]goplugin.PluginSet
	Name      string  // of what it serves, in Versions
	Thread    *Thread // that starts it; the program ends with it
	Log       *slog.Logger
}

// Plugin is a running program that serves something.
type Plugin struct {
	// Client is what the plugin set made of the connection.
	Client any
	Conn   *grpc.ClientConn

	name     string
	protocol *goplugin.Client
	child    *child
	dir      string
}

// Start starts a program and connects to it. Until [Plugin.Settle] the program is
// killed when ctx ends.
func Start(ctx context.Context, o Options) (_ *Plugin, err error) {
	if err := OwnDir(o.Dir); err != nil {
		return nil, fmt.Errorf("place the plugin's socket: %w", err)
	}
	p := &Plugin{dir: o.Dir, name: o.Name}
	said := newPluginLog(o.Log)
	p.protocol = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  o.Handshake,
		VersionedPlugins: o.Versions,
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
			p.child = newChild(ctx, o.Program, cmd.Env, o.Thread, said)
			return p.child, nil
		},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     startWithin,
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: o.Dir},
		SyncStdout:       said, SyncStderr: said,
		Logger: hclog.NewNullLogger(), // what it would say comes as an error, or is said by the caller
	})
	if err := p.connect(); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

func (p *Plugin) connect() error {
	protocol, err := p.protocol.Client()
	if err != nil {
		return p.notStarted(err)
	}
	p.Conn = protocol.(*goplugin.GRPCClient).Conn
	p.Client, err = protocol.Dispense(p.name)
	return err
}

// notStarted says why a program did not start: by its own last words, if it ended,
// in place of go-plugin's guesses.
func (p *Plugin) notStarted(err error) error {
	first, _, _ := strings.Cut(err.Error(), "\n")
	if p.child == nil || p.child.lifeline == nil {
		return errors.New(first)
	}
	p.end()
	noPlugin := fmt.Errorf("it does not speak the plugin protocol: is this program a %s?", p.name)
	switch {
	case strings.HasPrefix(first, "Unrecognized remote plugin message"):
		return noPlugin
	case wasKilled(p.child.state):
		return errors.New(first)
	case p.child.state.Success():
		return fmt.Errorf("%w: %s: %w", ErrEnded, p.Epitaph(), noPlugin)
	}
	return fmt.Errorf("%w: %s", ErrEnded, p.Epitaph())
}

// Settle makes the program independent of the context that it was started with. It
// reports false when that has ended before.
func (p *Plugin) Settle() bool { return p.child.settled() }

// Ended is closed when the program has ended.
func (p *Plugin) Ended() <-chan struct{} { return p.child.ended }

// Running reports whether the program has not ended.
func (p *Plugin) Running() bool {
	select {
	case <-p.child.ended:
		return false
	default:
		return true
	}
}

// Epitaph says how an ended program did, and its last words if that was its own
// doing.
func (p *Plugin) Epitaph() string {
	how := p.child.state.String()
	if said := p.child.log.last(); said != "" && !wasKilled(p.child.state) {
		how += ", it said: " + said
	}
	return how
}

// Killed reports whether somebody else ended the program, not a fault of its own.
func (p *Plugin) Killed() bool { return !p.Running() && wasKilled(p.child.state) }

// Crashed reports whether the program has ended by a fault of its own.
func (p *Plugin) Crashed() bool {
	return !p.Running() && !wasKilled(p.child.state) && !p.child.state.Success()
}

// PID is the number of the program's process.
func (p *Plugin) PID() int { return p.child.cmd.Process.Pid }

// HangUp sends the program SIGHUP.
func (p *Plugin) HangUp() { p.child.hup() }

// Stop asks the program to end and kills it if it has not within d.
func (p *Plugin) Stop(d time.Duration) {
	timer := time.AfterFunc(d, p.child.kill)
	defer timer.Stop()
	p.end()
}

// Kill ends the program at once.
func (p *Plugin) Kill() {
	if p.child != nil {
		p.child.kill()
	}
	p.end()
}

func (p *Plugin) end() {
	p.protocol.Kill()
	if p.child != nil && p.child.lifeline != nil { // it was started
		<-p.child.ended
		p.child.settled() // whose context may live as long as the sensor
	}
	_ = os.RemoveAll(p.dir) // go-plugin leaves it when a start fails
}
