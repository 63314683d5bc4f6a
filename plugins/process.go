package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/killdeer-mcp/killdeer/internal/child"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
	"github.com/killdeer-mcp/killdeer/sdk/plugin/pluginpb"
)

const (
	startWithin  = 10 * time.Second        // for the answer to a configuration
	healthWithin = 5 * time.Second         // for an answer to a health check
	stopWithin   = 1500 * time.Millisecond // from the request to end to the kill

	// overdue is how long after its time limit a call is given up and the program
	// killed: one that keeps to its limit answers before.
	overdue = 2 * time.Second
)

// The ways in which a call fails beside what the sink itself says.
var (
	errHung = errors.New("the plugin does not answer")
)

// process is one running program of a sink.
type process struct {
	*child.Plugin
	sink pluginpb.SinkClient
}

// startProcess starts a sink's program and hands it its configuration.
func startProcess(ctx context.Context, spec Spec, dir string, thread *child.Thread, log *slog.Logger) (*process, error) {
	config, err := resolveConfig(spec.Config)
	if err != nil {
		return nil, err
	}
	exe, err := spec.open()
	if err != nil {
		return nil, err
	}
	defer exe.Close()
	running, err := child.Start(ctx, child.Options{
		Program: exe, Dir: dir, Thread: thread, Log: log, Handshake: plugin.Handshake, Name: plugin.SinkName,
		Versions: map[int]goplugin.PluginSet{plugin.Version: {plugin.SinkName: &plugin.Sink{}}},
	})
	if err != nil {
		return nil, fmt.Errorf("start plugin %s: %w", spec.Program, err)
	}
	p := &process{running, running.Client.(pluginpb.SinkClient)}
	err = p.configure(ctx, config)
	if err == nil && !p.Settle() {
		err = ctx.Err() // it is being killed
	}
	if err != nil {
		p.Kill()
		return nil, fmt.Errorf("start plugin %s: %w", spec.Program, err)
	}
	return p, nil
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
	_, err := grpc_health_v1.NewHealthClient(p.Conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: goplugin.GRPCServiceName})
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
		case <-p.Ended():
		case <-time.After(time.Second):
		}
	}
	if !p.Running() {
		return fmt.Errorf("%w: %s", child.ErrEnded, p.Epitaph())
	}
	return errors.New(cut(status.Convert(err).Message()))
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
