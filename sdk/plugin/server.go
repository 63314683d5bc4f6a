package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin/pluginpb"
)

// Sink is the sink of a plugin as go-plugin wants it, on either side. Dispensed
// in the sensor it gives a [pluginpb.SinkClient].
type Sink struct {
	goplugin.NetRPCUnsupportedPlugin
	serve *server
}

var _ goplugin.GRPCPlugin = (*Sink)(nil)

// GRPCServer implements [goplugin.GRPCPlugin].
func (p *Sink) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	if p.serve == nil {
		return errors.New("this end does not serve")
	}
	pluginpb.RegisterSinkServer(s, p.serve)
	return nil
}

// GRPCClient implements [goplugin.GRPCPlugin].
func (p *Sink) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return pluginpb.NewSinkClient(c), nil
}

// server answers the sensor. Its lock keeps the promise that a sink is asked one
// thing at a time, also when the sensor has given a call up.
type server struct {
	pluginpb.UnimplementedSinkServer
	open func(json.RawMessage) (sdk.Sink, error)

	mu   sync.Mutex
	sink sdk.Sink
}

// Configure implements [pluginpb.SinkServer].
func (s *server) Configure(_ context.Context, r *pluginpb.ConfigureRequest) (*pluginpb.ConfigureReply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sink != nil {
		return nil, status.Error(codes.FailedPrecondition, "configured already")
	}
	sink, err := s.open(r.GetConfig())
	if err != nil {
		return &pluginpb.ConfigureReply{Fault: err.Error()}, nil
	}
	if sink == nil {
		return &pluginpb.ConfigureReply{Fault: "the plugin made no sink"}, nil
	}
	s.sink = sink
	return &pluginpb.ConfigureReply{}, nil
}

// Write implements [pluginpb.SinkServer].
func (s *server) Write(ctx context.Context, r *pluginpb.WriteRequest) (*pluginpb.WriteReply, error) {
	ctx, cancel := deadline(ctx, r.GetTimeoutMs())
	defer cancel()
	var failure *pluginpb.Failure
	err := s.with(ctx, func(sink sdk.Sink) { failure = fail(write(ctx, sink, r.GetEvents())) })
	return &pluginpb.WriteReply{Failure: failure}, err
}

// Test implements [pluginpb.SinkServer].
func (s *server) Test(ctx context.Context, r *pluginpb.TestRequest) (*pluginpb.TestReply, error) {
	ctx, cancel := deadline(ctx, r.GetTimeoutMs())
	defer cancel()
	reply := &pluginpb.TestReply{}
	err := s.with(ctx, func(sink sdk.Sink) {
		var err error
		reply.Answer, err = test(ctx, sink, r.GetEvent())
		reply.Failure = fail(err)
	})
	return reply, err
}

// with calls f with the sink, once no other call has it.
func (s *server) with(ctx context.Context, f func(sdk.Sink)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return status.FromContextError(err).Err() // it waited too long
	}
	if s.sink == nil {
		return status.Error(codes.FailedPrecondition, "not configured")
	}
	f(s.sink)
	return nil
}

// close ends the sink, if it has an end.
func (s *server) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.sink.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func deadline(ctx context.Context, ms int64) (context.Context, context.CancelFunc) {
	if ms <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
}

func write(ctx context.Context, sink sdk.Sink, events [][]byte) error {
	if s, ok := sink.(sdk.JSONSink); ok {
		batch := make([]sdk.RawJSON, len(events))
		for i, b := range events {
			batch[i] = b
		}
		return s.WriteJSON(ctx, batch)
	}
	batch := make([]sdk.Event, len(events))
	for i, b := range events {
		if err := json.Unmarshal(b, &batch[i]); err != nil {
			return unreadable(ctx, sink, batch[:i], err)
		}
	}
	return sink.Write(ctx, batch)
}

// unreadable delivers the events before one that is no event.
func unreadable(ctx context.Context, sink sdk.Sink, before []sdk.Event, why error) error {
	if len(before) > 0 {
		if err := sink.Write(ctx, before); err != nil {
			return err
		}
	}
	return &sdk.WriteError{Done: len(before), Err: fmt.Errorf("%w: %w", sdk.ErrPermanent, why)}
}

func test(ctx context.Context, sink sdk.Sink, event []byte) (string, error) {
	t, ok := sink.(sdk.Tester)
	if !ok {
		return "", write(ctx, sink, [][]byte{event})
	}
	var ev sdk.Event
	if err := json.Unmarshal(event, &ev); err != nil {
		return "", err
	}
	return t.Test(ctx, ev)
}

// fail puts an error into the form that travels.
func fail(err error) *pluginpb.Failure {
	if err == nil {
		return nil
	}
	f := &pluginpb.Failure{Message: err.Error()}
	switch {
	case errors.Is(err, sdk.ErrGone):
		f.Kind = pluginpb.Failure_GONE
	case errors.Is(err, sdk.ErrPermanent):
		f.Kind = pluginpb.Failure_PERMANENT
	}
	// Without a WriteError nobody knows which event it was.
	f.Done = Unknown
	if w, ok := errors.AsType[*sdk.WriteError](err); ok {
		f.Done = uint32(min(max(w.Done, 0), math.MaxInt32))
		f.AfterMs = max(w.After, 0).Milliseconds()
	}
	return f
}

// Unknown in a failure's count of delivered events means that the plugin does not
// say.
const Unknown = math.MaxUint32
