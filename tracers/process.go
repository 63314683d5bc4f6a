package tracers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/killdeer-mcp/killdeer/internal/child"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
	"github.com/killdeer-mcp/killdeer/sdk/plugin/pluginpb"
)

const (
	answerWithin = 10 * time.Second // for calls other than the stream
	stopWithin   = 1500 * time.Millisecond
	// goneWithin is how long a broken connection waits for the news that the program
	// ended, which say why.
	goneWithin = 500 * time.Millisecond
	// restWithin is how long the rest of a stream may take after the session was ended.
	restWithin = 5 * time.Second
	// maxReason is how many bytes of what a program says about a failure are kept.
	maxReason = 1 << 10
)

// ErrDied says that the tracer ended before the trace did: from then on nobody
// watched.
var ErrDied = errors.New("the tracer died")

// Options say which tracer to start.
type Options struct {
	Program  string // its executable, which others must not be able to change
	Checksum string // its SHA-256 in hex; empty: any
	Dir      string // for its socket: made for it and removed; at most 66 bytes
	Log      *slog.Logger
}

// Process is a running tracer.
type Process struct {
	plugin *child.Plugin
	client pluginpb.TracerClient
	thread *child.Thread
	close  sync.Once

	mu    sync.Mutex
	holes map[string]uint64        // by session: numbers that never came
	seen  map[string]bool          // sessions whose end came
	open  map[string]chan struct{} // streams, closed when they have ended
}

var _ sdk.Tracer = (*Process)(nil)

// Start starts a tracer. [Process.Close] ends it, as does the end of this process.
func Start(ctx context.Context, o Options) (*Process, error) {
	exe, err := child.Open(o.Program, o.Checksum)
	if err != nil {
		return nil, fmt.Errorf("start tracer: %w", err)
	}
	defer exe.Close()
	thread := child.NewThread()
	running, err := child.Start(ctx, child.Options{
		Program: exe, Dir: o.Dir, Thread: thread, Log: o.Log, Handshake: plugin.TracerHandshake, Name: plugin.TracerName,
		Versions: map[int]goplugin.PluginSet{plugin.TracerVersion: {plugin.TracerName: &plugin.Tracer{}}},
	})
	if err == nil && !running.Settle() {
		running.Kill()
		err = ctx.Err()
	}
	if err != nil {
		thread.Stop()
		return nil, fmt.Errorf("start tracer %s: %w", o.Program, err)
	}
	return &Process{
		plugin: running, client: running.Client.(pluginpb.TracerClient), thread: thread,
		holes: map[string]uint64{}, seen: map[string]bool{}, open: map[string]chan struct{}{},
	}, nil
}

// PID is the number of the tracer's process.
func (p *Process) PID() int { return p.plugin.PID() }

// Died is closed when the program has ended, for whatever reason.
func (p *Process) Died() <-chan struct{} { return p.plugin.Ended() }

// Close ends the tracer. What it traces runs on.
func (p *Process) Close() error {
	p.close.Do(func() {
		p.plugin.Stop(stopWithin)
		p.thread.Stop()
	})
	return nil
}

// Capabilities implements [sdk.Tracer].
func (p *Process) Capabilities(ctx context.Context) (c sdk.TracerCapabilities, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	reply, err := p.client.Capabilities(ctx, &pluginpb.CapabilitiesRequest{})
	if err != nil {
		return c, p.failed(ctx, "ask for capabilities", err)
	}
	return c, decode("capabilities", reply.GetCapabilities(), &c)
}

// Prepare implements [sdk.Tracer].
func (p *Process) Prepare(ctx context.Context, spec sdk.TracerSpec) (plan sdk.TracerPlan, err error) {
	b, err := json.Marshal(spec)
	if err != nil {
		return plan, fmt.Errorf("encode tracer spec: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	reply, err := p.client.Prepare(ctx, &pluginpb.PrepareRequest{Spec: b})
	if err != nil {
		return plan, p.failed(ctx, "prepare trace", err)
	}
	if fault := reply.GetFault(); fault != "" {
		return plan, fmt.Errorf("prepare trace: %s", cut(fault))
	}
	return plan, decode("plan", reply.GetPlan(), &plan)
}

// Observe implements [sdk.Tracer]. A hole in the numbers is handed on as a loss
// with the cause "transport", and makes the summary incomplete.
func (p *Process) Observe(ctx context.Context, session string, emit func(sdk.Observation) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer p.opened(session)()
	stream, err := p.client.Events(ctx, &pluginpb.EventsRequest{Session: session}, grpc.MaxCallRecvMsgSize(plugin.MaxMessage))
	if err != nil {
		return p.failed(ctx, "trace", err)
	}
	r := reader{session: session, emit: emit}
	for {
		batch, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return p.ended(&r)
		}
		if err != nil {
			return p.failed(ctx, "trace", err)
		}
		if err := r.batch(batch); err != nil {
			return err
		}
		p.note(&r)
	}
}

// opened notes that a stream is read, and returns what notes that it is not any more.
func (p *Process) opened(session string) func() {
	over := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[session] = over
	return func() { close(over) }
}

// read waits a moment for the rest of a stream, which may come after the answer that
// sums it up.
func (p *Process) read(ctx context.Context, session string) {
	p.mu.Lock()
	over := p.open[session]
	delete(p.open, session)
	p.mu.Unlock()
	if over == nil {
		return
	}
	select {
	case <-over:
	case <-ctx.Done():
	case <-time.After(restWithin):
	}
}

// note keeps what the summary must not be silent about.
func (p *Process) note(r *reader) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holes[r.session], p.seen[r.session] = r.holes, r.end
}

func (p *Process) ended(r *reader) error {
	if !r.end {
		return fmt.Errorf("trace: %w: its stream ended before the traced processes did", ErrDied)
	}
	return nil
}

// Stop implements [sdk.Tracer].
func (p *Process) Stop(ctx context.Context, session string) (sum sdk.TracerSummary, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	reply, err := p.client.Stop(ctx, &pluginpb.StopRequest{Session: session})
	if err != nil {
		return sum, p.failed(ctx, "stop trace", err)
	}
	if fault := reply.GetFault(); fault != "" {
		return sum, fmt.Errorf("stop trace: %s", cut(fault))
	}
	if err := decode("summary", reply.GetSummary(), &sum); err != nil {
		return sum, err
	}
	p.read(ctx, session)
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.holes[session]; n > 0 {
		if sum.Lost == nil {
			sum.Lost = map[string]uint64{}
		}
		sum.Lost["transport"] += n
	}
	sum.Complete = sum.Complete && p.seen[session] && p.holes[session] == 0
	delete(p.holes, session)
	delete(p.seen, session)
	return sum, nil
}

// failed makes an error of the transport say what happened.
func (p *Process) failed(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil && status.Code(err) != codes.Unavailable {
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	if status.Code(err) == codes.Unavailable {
		select { // the connection breaks a moment before the program is known to be gone
		case <-p.plugin.Ended():
			return fmt.Errorf("%s: %w: %s", doing, ErrDied, p.plugin.Epitaph())
		case <-time.After(goneWithin):
			return fmt.Errorf("%s: %w: it does not answer any more", doing, ErrDied)
		}
	}
	return fmt.Errorf("%s: %s", doing, cut(status.Convert(err).Message()))
}

func decode(what string, b []byte, into any) error {
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("read the tracer's %s: %w", what, err)
	}
	return nil
}

func cut(s string) string {
	if len(s) <= maxReason {
		return s
	}
	return s[:maxReason] + "..."
}
