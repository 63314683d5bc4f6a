package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin/pluginpb"
)

const (
	// TracerName is the name under which a plugin serves its tracer.
	TracerName = "tracer"
	// TracerVersion is the version of the tracers' part of the protocol.
	TracerVersion = 1
	// MaxBatch is how many observations are sent at once.
	MaxBatch = 256
	// maxBatchBytes is how many bytes of observations are sent at once, but for one
	// that is larger by itself.
	maxBatchBytes = 4 << 20
	// batchWithin is how long an observation waits for others.
	batchWithin = 5 * time.Millisecond
)

// TracerHandshake lets a tracer that is started by hand say what it is, and keeps
// a sink from being taken for one.
var TracerHandshake = goplugin.HandshakeConfig{
	MagicCookieKey:   "KILLDEER_TRACER",
	MagicCookieValue: "an eye on the grass",
}

// TracerStarted reports whether the process was started as a tracer.
func TracerStarted() bool {
	return os.Getenv(TracerHandshake.MagicCookieKey) == TracerHandshake.MagicCookieValue
}

// ServeTracer turns the process into a tracer plugin and returns when the auditor
// has no more use for it. Standard output and error are as for [Serve]. SIGINT is
// ignored: the auditor decides when a trace ends.
func ServeTracer(t sdk.Tracer) {
	if !TracerStarted() {
		fmt.Fprintf(os.Stderr, "This program is a tracer of Killdeer: name it in [audit] of agent.toml, and \"killdeer audit\" starts it.\n")
		os.Exit(2)
	}
	signal.Ignore(syscall.SIGHUP)
	go followSensor()
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  TracerHandshake,
		VersionedPlugins: map[int]goplugin.PluginSet{TracerVersion: {TracerName: &Tracer{serve: &tracerServer{tracer: t}}}},
		Logger:           hclog.NewNullLogger(),
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(o, grpc.MaxRecvMsgSize(MaxMessage), grpc.WriteBufferSize(BufferSize))...)
		},
	})
}

// Tracer is the tracer of a plugin as go-plugin wants it, on either side. Dispensed
// in the auditor it gives a [pluginpb.TracerClient].
type Tracer struct {
	goplugin.NetRPCUnsupportedPlugin
	serve *tracerServer
}

var _ goplugin.GRPCPlugin = (*Tracer)(nil)

// GRPCServer implements [goplugin.GRPCPlugin].
func (p *Tracer) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	if p.serve == nil {
		return errors.New("this end does not serve")
	}
	pluginpb.RegisterTracerServer(s, p.serve)
	return nil
}

// GRPCClient implements [goplugin.GRPCPlugin].
func (p *Tracer) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return pluginpb.NewTracerClient(c), nil
}

// tracerServer answers the auditor.
type tracerServer struct {
	pluginpb.UnimplementedTracerServer
	tracer sdk.Tracer
}

// Capabilities implements [pluginpb.TracerServer].
func (s *tracerServer) Capabilities(ctx context.Context, _ *pluginpb.CapabilitiesRequest) (*pluginpb.CapabilitiesReply, error) {
	c, err := s.tracer.Capabilities(ctx)
	if err != nil {
		return nil, status.Error(codes.Unknown, err.Error())
	}
	b, err := json.Marshal(c)
	return &pluginpb.CapabilitiesReply{Capabilities: b}, err
}

// Prepare implements [pluginpb.TracerServer].
func (s *tracerServer) Prepare(ctx context.Context, r *pluginpb.PrepareRequest) (*pluginpb.PrepareReply, error) {
	var spec sdk.TracerSpec
	if err := json.Unmarshal(r.GetSpec(), &spec); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	plan, err := s.tracer.Prepare(ctx, spec)
	if err != nil {
		return &pluginpb.PrepareReply{Fault: err.Error()}, nil
	}
	b, err := json.Marshal(plan)
	return &pluginpb.PrepareReply{Plan: b}, err
}

// Events implements [pluginpb.TracerServer].
func (s *tracerServer) Events(r *pluginpb.EventsRequest, out grpc.ServerStreamingServer[pluginpb.ObservationBatch]) error {
	b := newBatcher(out.Send)
	err := s.tracer.Observe(out.Context(), r.GetSession(), b.add)
	if sent := b.close(); err == nil {
		err = sent
	}
	if err != nil {
		return status.Error(codes.Unknown, err.Error())
	}
	return nil
}

// Stop implements [pluginpb.TracerServer].
func (s *tracerServer) Stop(ctx context.Context, r *pluginpb.StopRequest) (*pluginpb.StopReply, error) {
	summary, err := s.tracer.Stop(ctx, r.GetSession())
	if err != nil {
		return &pluginpb.StopReply{Fault: err.Error()}, nil
	}
	b, err := json.Marshal(summary)
	return &pluginpb.StopReply{Summary: b}, err
}

// batcher gathers observations for a stream: few enough, and not for long.
type batcher struct {
	send func(*pluginpb.ObservationBatch) error

	mu    sync.Mutex
	batch *pluginpb.ObservationBatch
	bytes int
	lost  uint64
	err   error       // of the stream, for good
	timer *time.Timer // sends what is waiting
}

func newBatcher(send func(*pluginpb.ObservationBatch) error) *batcher {
	b := &batcher{send: send, batch: &pluginpb.ObservationBatch{}}
	b.timer = time.AfterFunc(time.Hour, b.due)
	return b
}

// add sends an observation, with others.
func (b *batcher) add(o sdk.Observation) error {
	j, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("encode observation: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if o.Kind == sdk.ObservedLoss {
		b.lost += o.Lost
	}
	if b.bytes+len(j) > maxBatchBytes {
		b.flush()
	}
	if len(b.batch.Observations) == 0 {
		b.timer.Reset(batchWithin)
	}
	b.batch.Observations = append(b.batch.Observations, j)
	b.bytes += len(j)
	if len(b.batch.Observations) >= MaxBatch || b.bytes >= maxBatchBytes {
		b.flush()
	}
	return b.err
}

func (b *batcher) due() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flush()
}

// flush sends what is waiting. The lock is held: the stream takes one at a time.
func (b *batcher) flush() {
	if len(b.batch.Observations) == 0 || b.err != nil {
		return
	}
	b.batch.LostSoFar = b.lost
	b.err = b.send(b.batch)
	b.batch, b.bytes = &pluginpb.ObservationBatch{}, 0
}

// close sends the rest. Nothing is sent after it.
func (b *batcher) close() error {
	b.timer.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flush()
	if b.err != nil {
		return b.err
	}
	b.err = errors.New("the stream has ended")
	return nil
}
