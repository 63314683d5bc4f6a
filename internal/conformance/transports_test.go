package conformance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/killdeer-mcp/killdeer/agent"
)

// The same guest gives the same content over every transport and in both eras,
// what it asks and tells on the way included.
func TestTransportsAgree(t *testing.T) {
	start := sensors(t)
	want, first := map[string]string{}, ""
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			got := tour(t, w.connect(t, start(t, "json")), w.version)
			if first == "" {
				want, first = got, w.name
				if len(got) < 40 {
					t.Errorf("only %d answers: %v", len(got), slices.Sorted(maps.Keys(got)))
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-%s +%s:\n%s", first, w.name, diff)
			}
		})
	}
}

// way is a transport in one of the eras.
type way struct {
	name    string
	version string
	connect func(t *testing.T, s *agent.Sensor) mcp.Transport
}

func ways() []way {
	streamable := func(_ *testing.T, s *agent.Sensor) mcp.Transport {
		return &mcp.StreamableClientTransport{Endpoint: endpoint(s)}
	}
	sse := func(_ *testing.T, s *agent.Sensor) mcp.Transport {
		return &mcp.SSEClientTransport{Endpoint: strings.TrimSuffix(endpoint(s), "/mcp") + "/sse"}
	}
	return []way{
		{"http, 2025-11-25", "2025-11-25", streamable},
		{"http, 2026-07-28", "2026-07-28", streamable},
		{"sse", "2025-11-25", sse},
		{"stdio, 2025-11-25", "2025-11-25", stdio},
		{"stdio, 2026-07-28", "2026-07-28", stdio},
	}
}

// stdio serves a client over pipes.
func stdio(t *testing.T, s *agent.Sensor) mcp.Transport {
	t.Helper()
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	var served sync.WaitGroup
	served.Go(func() {
		if err := s.ServeStdio(t.Context(), in, out); err != nil {
			t.Errorf("serve stdio: %v", err)
		}
		_ = out.Close()
	})
	t.Cleanup(func() {
		_ = toServer.Close()
		served.Wait()
	})
	return &mcp.IOTransport{Reader: fromServer, Writer: toServer}
}

// tour asks for everything there is and returns what it was given, by what was
// asked for.
func tour(t *testing.T, transport mcp.Transport, version string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	v := &visitor{seen: map[string]string{}}
	s, err := v.client().Connect(ctx, transport, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.InitializeResult().ProtocolVersion; got != version {
		t.Errorf("negotiated %s, want %s", got, version)
	}
	v.tools(ctx, t, s)
	v.resources(ctx, s)
	v.prompts(ctx, s)
	completion, err := s.Complete(ctx, &mcp.CompleteParams{
		Ref: &mcp.CompleteReference{Type: "ref/prompt", Name: "test_prompt_with_arguments"}, Argument: mcp.CompleteParamsArgument{Name: "arg1", Value: "t"},
	})
	v.note("completion", completion, err)
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.seen
}

type visitor struct {
	mu   sync.Mutex
	seen map[string]string
	told int // progress notifications of the call that runs
}

func (v *visitor) client() *mcp.Client {
	c := mcp.NewClient(&mcp.Implementation{Name: "tour", Version: "1"}, &mcp.ClientOptions{
		ElicitationHandler: func(_ context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "accept", Content: filled(r.Params.RequestedSchema)}, nil
		},
		CreateMessageHandler: func(context.Context, *mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
			return &mcp.CreateMessageResult{Content: &mcp.TextContent{Text: "sampled"}, Model: "m", Role: "assistant"}, nil
		},
		ProgressNotificationHandler: func(context.Context, *mcp.ProgressNotificationClientRequest) {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.told++
		},
	})
	c.AddRoots(&mcp.Root{URI: "file:///srv/a", Name: "a"})
	return c
}

// filled answers a form: with the defaults, the first choice, or a word.
func filled(schema any) map[string]any {
	data, err := json.Marshal(schema)
	if err != nil {
		panic(err)
	}
	var form struct {
		Properties map[string]struct {
			Type    string
			Default any
			Enum    []any
			OneOf   []struct{ Const any }
			Items   struct {
				Enum  []any
				AnyOf []struct{ Const any }
			}
		}
	}
	if err := json.Unmarshal(data, &form); err != nil {
		panic(err)
	}
	out := map[string]any{}
	for name, p := range form.Properties {
		switch {
		case p.Default != nil:
			out[name] = p.Default
		case len(p.Enum) > 0:
			out[name] = p.Enum[0]
		case len(p.OneOf) > 0:
			out[name] = p.OneOf[0].Const
		case len(p.Items.Enum) > 0:
			out[name] = p.Items.Enum[:1]
		case len(p.Items.AnyOf) > 0:
			out[name] = []any{p.Items.AnyOf[0].Const}
		case p.Type == "boolean":
			out[name] = true
		case p.Type == "integer" || p.Type == "number":
			out[name] = 7
		default:
			out[name] = "word"
		}
	}
	return out
}

// note keeps what was given, but for what the eras differ in.
func (v *visitor) note(what string, given any, err error) {
	text := ""
	switch data, fault := json.Marshal(given); {
	case err != nil:
		text = "error: " + err.Error()
	case fault != nil:
		text = "cannot be encoded: " + fault.Error()
	default:
		var o map[string]any
		_ = json.Unmarshal(data, &o)
		for _, key := range []string{"_meta", "resultType", "ttlMs", "cacheScope"} {
			delete(o, key)
		}
		data, _ = json.Marshal(o)
		text = string(data)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen[what] = text
}

func (v *visitor) tools(ctx context.Context, t *testing.T, s *mcp.ClientSession) {
	t.Helper()
	for tool, err := range s.Tools(ctx, nil) {
		if err != nil {
			t.Fatal(err)
		}
		v.note("tool "+tool.Name, tool, nil)
		if tool.Name == "test_reconnection" {
			continue // a matter of one transport
		}
		params := &mcp.CallToolParams{Name: tool.Name, Arguments: map[string]any{"prompt": "p", "message": "m", "region": "eu"}}
		if tool.Name == "json_schema_2020_12_tool" {
			params.Arguments = map[string]any{"name": "n"}
		}
		params.SetProgressToken("token")
		result, err := s.CallTool(ctx, params)
		v.note("call "+tool.Name, result, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen["progress"] = fmt.Sprint(v.told)
}

func (v *visitor) resources(ctx context.Context, s *mcp.ClientSession) {
	list, err := s.ListResources(ctx, nil)
	v.note("resources", list, err)
	templates, err := s.ListResourceTemplates(ctx, nil)
	v.note("templates", templates, err)
	for _, uri := range []string{"test://static-text", "test://static-binary", "test://template/a%20b/data", "test://nowhere"} {
		result, err := s.ReadResource(ctx, &mcp.ReadResourceParams{URI: uri})
		if err != nil {
			err = nil // its code differs between the eras
			v.note("read "+uri, map[string]any{"error": "refused"}, err)
			continue
		}
		v.note("read "+uri, result, nil)
	}
}

func (v *visitor) prompts(ctx context.Context, s *mcp.ClientSession) {
	list, err := s.ListPrompts(ctx, nil)
	v.note("prompts", list, err)
	if err != nil {
		return
	}
	for _, p := range list.Prompts {
		args := map[string]string{}
		for _, a := range p.Arguments {
			args[a.Name] = "test://example-resource"
		}
		result, err := s.GetPrompt(ctx, &mcp.GetPromptParams{Name: p.Name, Arguments: args})
		v.note("prompt "+p.Name, result, err)
	}
}
