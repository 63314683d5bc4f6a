package exercise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// ErrNotModern is returned for a server that does not answer server/discover: a
// silent one may be spoilt for any other greeting, so that it has to be started
// again.
var ErrNotModern = errors.New("the server does not speak 2026-07-28")

// Versions of the protocol, and names of what is told beside each modern request.
const (
	legacyVersion = "2025-11-25"
	modernVersion = "2026-07-28"

	metaVersion      = "io.modelcontextprotocol/protocolVersion"
	metaClient       = "io.modelcontextprotocol/clientInfo"
	metaCapabilities = "io.modelcontextprotocol/clientCapabilities"
	metaServer       = "io.modelcontextprotocol/serverInfo"
	metaLogLevel     = "io.modelcontextprotocol/logLevel"
)

func (s *Session) handshake(ctx context.Context) error {
	if s.opts.Era == Modern {
		return s.discover(ctx)
	}
	return s.initialize(ctx)
}

func (s *Session) clientInfo() map[string]any {
	return map[string]any{"name": s.opts.Client, "version": s.opts.ClientVersion}
}

// clientCapabilities are what this client says it can do.
func (s *Session) clientCapabilities() map[string]any {
	if s.opts.Answers == AnswerNone {
		return map[string]any{}
	}
	return map[string]any{
		"roots": map[string]any{"listChanged": true}, "sampling": map[string]any{},
		"elicitation": map[string]any{"form": map[string]any{}, "url": map[string]any{}},
	}
}

func (s *Session) initialize(ctx context.Context) error {
	ctx, stop := within(ctx, s.opts.InitTimeout, "no reply")
	defer stop()
	raw, err := s.ask(ctx, "initialize", map[string]any{
		"protocolVersion": legacyVersion, "capabilities": s.clientCapabilities(), "clientInfo": s.clientInfo(),
	})
	if err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	if err := s.greet(raw); err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	s.peer.notify("notifications/initialized", map[string]any{})
	if _, ok := s.capabilities["logging"]; ok {
		logCtx, stop := within(ctx, s.opts.Patience, "no reply")
		defer stop()
		// Whether it is obeyed shows in what is told.
		_, _ = s.ask(logCtx, "logging/setLevel", map[string]any{"level": "debug"})
	}
	return nil
}

func (s *Session) discover(ctx context.Context) error {
	ctx, stop := within(ctx, discoverTimeout, "no reply")
	defer stop()
	raw, err := s.ask(ctx, "server/discover", nil)
	if err != nil {
		return fmt.Errorf("server/discover: %w: %w", ErrNotModern, err)
	}
	if err := s.greet(raw); err != nil {
		return fmt.Errorf("server/discover: %w: %w", ErrNotModern, err)
	}
	return nil
}

// greeting is the reply to either greeting, as far as it is understood.
type greeting struct {
	Version      string                     `json:"protocolVersion"`
	Versions     []string                   `json:"supportedVersions"`
	Server       json.RawMessage            `json:"serverInfo"`
	Capabilities json.RawMessage            `json:"capabilities"`
	Instructions string                     `json:"instructions"`
	Meta         map[string]json.RawMessage `json:"_meta"`
}

func (s *Session) greet(raw json.RawMessage) error {
	var g greeting
	if err := json.Unmarshal(raw, &g); err != nil {
		return fmt.Errorf("read the reply: %w", err)
	}
	if s.opts.Era == Modern {
		if !slices.Contains(g.Versions, modernVersion) {
			return fmt.Errorf("it supports %q", g.Versions)
		}
		g.Version = modernVersion
		if g.Server == nil {
			g.Server = g.Meta[metaServer]
		}
	}
	if g.Version == "" {
		return errors.New("the reply names no protocol version")
	}
	// What cannot be read leaves nothing advertised.
	_ = json.Unmarshal(g.Capabilities, &s.capabilities)
	if c, ok := s.conn.(interface{ negotiated(string) }); ok {
		c.negotiated(g.Version)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass.Protocol, s.pass.Instructions = cut(g.Version, keptLine), g.Instructions
	s.pass.Server, s.pass.Capabilities = sdk.RawJSON(g.Server), sdk.RawJSON(g.Capabilities)
	return nil
}

// params adds to a request's params what a modern one carries.
func (s *Session) params(of map[string]any) json.RawMessage {
	all := maps.Clone(of)
	if all == nil {
		all = map[string]any{}
	}
	if s.opts.Era == Modern {
		all["_meta"] = map[string]any{
			metaVersion: modernVersion, metaClient: s.clientInfo(), metaCapabilities: s.clientCapabilities(), metaLogLevel: "debug",
		}
	}
	raw, err := json.Marshal(all)
	if err != nil {
		panic("exercise: params of our own making: " + err.Error())
	}
	return raw
}

// ask sends a request that is no call of anything and waits for its result.
func (s *Session) ask(ctx context.Context, method string, params map[string]any) (json.RawMessage, error) {
	_, raw, err := s.peer.call(ctx, method, s.params(params), nil)
	if errors.Is(err, ErrClosed) {
		s.stop = err
	}
	return raw, err
}

// alive asks for a reply of any kind, where calls go without.
func (s *Session) alive(ctx context.Context) bool {
	ctx, stop := within(ctx, discoverTimeout, "no reply")
	defer stop()
	method := "ping"
	if s.opts.Era == Modern {
		method = "server/discover"
	}
	_, err := s.ask(ctx, method, nil)
	_, refused := errors.AsType[*jsonrpc.Error](err)
	return err == nil || refused
}

// errPatience is the cause of every end of our own waiting.
var errPatience = errors.New("out of patience")

// within bounds a wait for the server, and says so when it ends.
func within(ctx context.Context, d time.Duration, what string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("%s within %s: %w", what, d, errPatience))
}

// cut shortens text to a number of bytes, and whole characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && s[most]&0xc0 == 0x80 {
		most--
	}
	return s[:most]
}
