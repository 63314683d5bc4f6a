package plugins

import (
	"context"
	"encoding/json"
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
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
	"github.com/killdeer-mcp/killdeer/sdk/plugin/pluginpb"
)

const (
	startWithin  = 10 * time.Second        // from the start to the first answer
	healthWithin = 5 * time.Second         // for an answer to a health check
	stopWithin   = 1500 * time.Millisecond // from the request to end to the kill

	// overdue is how long after its time limit a call is given up and the program
	// killed: one that keeps to its limit answers before.
	overdue = 2 * time.Second
)

// The ways in which a call fails beside what the sink itself says.
var (
	errEnded = errors.New("the plugin ended")
	errHung  = errors.New("the plugin does not answer")

	errNoSink = errors.New("it does not speak the plugin protocol: is this program a sink?")
)

// process is one running program of a sink.
type process struct {
	client *goplugin.Client
	conn   *grpc.ClientConn
	sink   pluginpb.SinkClient
	child  *child
	dir    string // of its socket
}

// startProcess starts a sink's program and hands it its configuration.
func startProcess(ctx context.Context, spec Spec, dir string, threads *spawner, log *slog.Logger) (_ *process, err error) {
	config, err := resolveConfig(spec.Config)
	if err != nil {
		return nil, err
	}
	if err := ownDir(dir); err != nil {
		return nil, fmt.Errorf("place the plugin's socket: %w", err)
	}
	exe, err := openProgram(spec.Program, spec.Checksum)
	if err != nil {
		return nil, err
	}
	defer exe.file.Close()
	p := &process{dir: dir}
	said := newPluginLog(log)
	p.client = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  plugin.Handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{plugin.Version: {plugin.SinkName: &plugin.Sink{}}},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
			p.child = newChild(ctx, exe, cmd.Env, threads, said)
			return p.child, nil
		},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     startWithin,
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: dir},
		SyncStdout:       said, SyncStderr: said,
		Logger: hclog.NewNullLogger(), // what it would say comes as an error, or is said by the sink's supervisor
	})
	defer func() {
		if err != nil {
			p.kill()
		}
	}()
	if err = p.connect(); err == nil {
		err = p.configure(ctx, config)
	}
	if err == nil && !p.child.settled() {
		err = ctx.Err() // it is being killed
	}
	if err != nil {
		return nil, fmt.Errorf("start plugin %s: %w", spec.Program, err)
	}
	return p, nil
}

func (p *process) connect() error {
	protocol, err := p.client.Client()
	if err != nil {
		return p.notStarted(err)
	}
	raw, err := protocol.Dispense(plugin.SinkName)
	if err != nil {
		return err
	}
	p.sink = raw.(pluginpb.SinkClient)
	p.conn = protocol.(*goplugin.GRPCClient).Conn
	return nil
}

// notStarted says why a program did not start: by its own last words, if it ended,
// in place of go-plugin's guesses.
func (p *process) notStarted(err error) error {
	first, _, _ := strings.Cut(err.Error(), "\n")
	if p.child == nil || p.child.lifeline == nil {
		return errors.New(first)
	}
	p.end()
	switch {
	case strings.HasPrefix(first, "Unrecognized remote plugin message"):
		return errNoSink
	case wasKilled(p.child.state):
		return errors.New(first)
	case p.child.state.Success():
		return fmt.Errorf("%w: %s: %w", errEnded, p.epitaph(), errNoSink)
	}
	return fmt.Errorf("%w: %s", errEnded, p.epitaph())
}

// configError says that the operator has to change something: starting the program
// again does not help.
type configError struct{ fault string }

func (e *configError) Error() string { return "its configuration cannot be used: " + e.fault }

func (p *process) configure(ctx context.Context, config []byte) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	reply, err := p.sink.Configure(ctx, &pluginpb.ConfigureRequest{Config: config})
	if err != nil {
		return p.failed(ctx, err)
	}
	if fault := reply.GetFault(); fault != "" {
		return &configError{cut(fault)}
	}
	return nil
}

// write delivers a batch and returns how many events of it are delivered.
func (p *process) write(ctx context.Context, events [][]byte, timeout time.Duration) (done int, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout+overdue)
	defer cancel()
	reply, err := p.sink.Write(ctx, &pluginpb.WriteRequest{Events: events, TimeoutMs: timeout.Milliseconds()})
	if err != nil {
		return 0, p.failed(ctx, err)
	}
	f := reply.GetFailure()
	if f == nil {
		return len(events), nil
	}
	r := refused(f)
	if r.located {
		done = min(int(f.GetDone()), len(events))
	}
	return done, r
}

func (p *process) test(ctx context.Context, ev *sdk.Event, timeout time.Duration) (Answer, error) {
	b, err := json.Marshal(ev)
	if err != nil {
		return Answer{}, fmt.Errorf("encode test event: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout+overdue)
	defer cancel()
	began := time.Now()
	reply, err := p.sink.Test(ctx, &pluginpb.TestRequest{Event: b, TimeoutMs: timeout.Milliseconds()})
	answer := Answer{Text: cut(reply.GetAnswer()), Took: time.Since(began)}
	if err != nil {
		return answer, p.failed(ctx, err)
	}
	if f := reply.GetFailure(); f != nil {
		return answer, refused(f)
	}
	return answer, nil
}

// healthy asks the program whether it is there.
func (p *process) healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthWithin)
	defer cancel()
	_, err := grpc_health_v1.NewHealthClient(p.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: goplugin.GRPCServiceName})
	if err != nil {
		return p.failed(ctx, err)
	}
	return nil
}

// failed makes an error of the transport say what happened.
func (p *process) failed(ctx context.Context, err error) error {
	switch status.Code(err) {
	case codes.DeadlineExceeded:
		return errHung
	case codes.Canceled:
		if ctx.Err() != nil {
			return ctx.Err()
		}
	case codes.Unavailable:
		// The connection breaks a moment before the process is known to be gone.
		select {
		case <-p.child.ended:
		case <-time.After(time.Second):
		}
	}
	if !p.running() {
		return fmt.Errorf("%w: %s", errEnded, p.epitaph())
	}
	return errors.New(cut(status.Convert(err).Message()))
}

func (p *process) running() bool {
	select {
	case <-p.child.ended:
		return false
	default:
		return true
	}
}

// epitaph says how the program ended, and its last words if that was its own doing.
func (p *process) epitaph() string {
	how := p.child.state.String()
	if said := p.child.log.last(); said != "" && !wasKilled(p.child.state) {
		how += ", it said: " + said
	}
	return how
}

// crashed reports whether the program has ended by a fault of its own.
func (p *process) crashed() bool {
	return !p.running() && !wasKilled(p.child.state) && !p.child.state.Success()
}

func (p *process) pid() int { return p.child.cmd.Process.Pid }

// stop lets the program finish, for a moment.
func (p *process) stop() {
	timer := time.AfterFunc(stopWithin, p.child.kill)
	defer timer.Stop()
	p.end()
}

// kill ends the program at once.
func (p *process) kill() {
	if p.child != nil {
		p.child.kill()
	}
	p.end()
}

func (p *process) end() {
	p.client.Kill()
	if p.child != nil && p.child.lifeline != nil { // it was started
		<-p.child.ended
	}
	_ = os.RemoveAll(p.dir) // go-plugin leaves it when a start fails
}

// refusal is what a sink says that could not deliver.
type refusal struct {
	kind    pluginpb.Failure_Kind
	message string
	located bool // it says which event it is about
	after   time.Duration
}

func (r *refusal) Error() string { return r.message }

func refused(f *pluginpb.Failure) *refusal {
	after := time.Duration(min(max(f.GetAfterMs(), 0), maxAfter.Milliseconds())) * time.Millisecond
	return &refusal{kind: f.GetKind(), message: cut(f.GetMessage()), located: f.GetDone() != plugin.Unknown, after: after}
}

// maxReason is how many bytes of what a program says about a failure are kept.
const maxReason = 1 << 10

func cut(s string) string {
	if len(s) <= maxReason {
		return s
	}
	return s[:maxReason] + "..."
}
