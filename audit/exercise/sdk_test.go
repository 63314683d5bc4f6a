package exercise_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/exercise"
)

// notes is a server of the SDK that offers a little of everything.
func notes() *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "notes", Version: "1.2.3"}, &mcp.ServerOptions{
		Instructions: "Keeps notes.",
		CompletionHandler: func(context.Context, *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
			return &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: []string{"apple"}}}, nil
		},
	})
	kept := map[string]string{}
	type note struct {
		Text string `json:"text"`
		File string `json:"file,omitempty"`
	}
	type id struct {
		ID string `json:"note_id"`
	}
	mcp.AddTool(s, &mcp.Tool{Name: "delete_note"}, func(_ context.Context, _ *mcp.CallToolRequest, in id) (*mcp.CallToolResult, any, error) {
		if _, ok := kept[in.ID]; !ok {
			return nil, nil, fmt.Errorf("there is no note %s", in.ID)
		}
		delete(kept, in.ID)
		return &mcp.CallToolResult{}, nil, nil
	})
	mcp.AddTool(s, &mcp.Tool{Name: "create_note"}, func(_ context.Context, _ *mcp.CallToolRequest, in note) (*mcp.CallToolResult, any, error) {
		name := fmt.Sprintf("n-%d", len(kept)+1)
		kept[name] = in.Text
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "created note with id: " + name}}}, nil, nil
	})
	mcp.AddTool(s, &mcp.Tool{Name: "get_note"}, func(_ context.Context, _ *mcp.CallToolRequest, in id) (*mcp.CallToolResult, any, error) {
		text, ok := kept[in.ID]
		if !ok {
			return nil, nil, fmt.Errorf("there is no note %s", in.ID)
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil, nil
	})
	s.AddResource(&mcp.Resource{URI: "notes://all", Name: "all"}, readNotes)
	s.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "notes://file/{path}", Name: "one"}, readNotes)
	s.AddPrompt(&mcp.Prompt{Name: "summary", Arguments: []*mcp.PromptArgument{{Name: "topic", Required: true}, {Name: "url"}}},
		func(_ context.Context, r *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{Description: r.Params.Arguments["topic"]}, nil
		})
	return s
}

func readNotes(_ context.Context, r *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: r.Params.URI, Text: "x"}}}, nil
}

// curious is a server whose tool asks its client everything.
func curious() *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "curious", Version: "1"}, nil)
	schema := map[string]any{"type": "object", "required": []string{"key"}, "properties": map[string]any{"key": map[string]any{"type": "string"}}}
	mcp.AddTool(s, &mcp.Tool{Name: "ask"}, func(ctx context.Context, r *mcp.CallToolRequest, _ any) (*mcp.CallToolResult, any, error) {
		var said []string
		elicited, err := r.Session.Elicit(ctx, &mcp.ElicitParams{Message: "your key, please", RequestedSchema: schema})
		if err == nil {
			said = append(said, fmt.Sprint(elicited.Action, elicited.Content["key"]))
		}
		sampled, err := r.Session.CreateMessage(ctx, &mcp.CreateMessageParams{MaxTokens: 5})
		if err == nil {
			said = append(said, sampled.Content.(*mcp.TextContent).Text)
		}
		roots, err := r.Session.ListRoots(ctx, nil)
		if err == nil {
			for _, root := range roots.Roots {
				said = append(said, root.URI)
			}
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: strings.Join(said, " ")}}}, nil, nil
	})
	return s
}

// overPipes runs a server of the SDK and returns the way to it.
func overPipes(t *testing.T, s *mcp.Server) *exercise.Stdio {
	t.Helper()
	fromClient, toServer := io.Pipe()
	fromServer, toClient := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer toClient.Close()
		// It ends with its input; how is not of interest.
		_ = s.Run(context.WithoutCancel(t.Context()), &mcp.IOTransport{Reader: fromClient, Writer: toClient})
	}()
	t.Cleanup(func() { fromServer.Close(); toServer.Close(); <-done })
	return &exercise.Stdio{Out: fromServer, In: toServer}
}

// hasty are options for tests that run in real time.
func hasty() exercise.Options {
	return exercise.Options{
		Drain: time.Millisecond, Gap: time.Millisecond, Idle: time.Millisecond, Seed: 42,
		MarkerDir: "/tmp/m", Roots: []string{"/home/audit/work"}, Canaries: exercise.Canaries(42, "A"),
	}
}

func exercised(t *testing.T, transport mcp.Transport, opts exercise.Options) *evidence.Pass {
	t.Helper()
	pass := &evidence.Pass{Name: "A"}
	s, err := exercise.Open(t.Context(), transport, opts, pass)
	if err != nil {
		t.Fatal(err)
	}
	s.Exercise(t.Context())
	if err := s.Hangup(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if len(pass.Faults) > 0 {
		t.Errorf("faults %q", pass.Faults)
	}
	spansFollow(t, pass)
	return pass
}

// Everything that a server offers is called, in both eras.
func TestSDKServer(t *testing.T) {
	for _, era := range []exercise.Era{exercise.Legacy, exercise.Modern} {
		t.Run(string(era), func(t *testing.T) {
			opts := hasty()
			opts.Era = era
			p := exercised(t, overPipes(t, notes()), opts)

			want := []string{"full", "minimal", "repeat-2", "probe", "canary-path", "repeat-3", "boundary", "probe-js", "probe-python", "repeat-4", "chained"}
			if got := cases(p, "create_note"); !slices.Equal(got, want) {
				t.Errorf("cases of create_note: %v, want %v", got, want)
			}
			for _, name := range []string{"get_note", "delete_note"} {
				c := p.Calls[slices.IndexFunc(p.Calls, func(c *evidence.Call) bool { return c.Name == name && c.Case == "chained" })]
				if c.Outcome != "ok" || !strings.Contains(string(c.Args), `"n-`) {
					t.Errorf("%s with %s: %s %s", name, c.Args, c.Outcome, c.Error)
				}
			}
			kinds := map[string][]string{}
			for _, c := range p.Calls {
				if c.Kind != "tool" {
					kinds[c.Kind] = append(kinds[c.Kind], c.Name+" "+c.Case+" "+c.Outcome)
				}
			}
			offered := map[string][]string{
				"resource":   {"notes://all plain ok"},
				"template":   {"notes://file/{path} plain ok", "notes://file/{path} canary-path ok"},
				"prompt":     {"summary full ok", "summary minimal ok"},
				"completion": {"summary plain ok", "summary plain ok", "notes://file/{path} plain ok"},
			}
			if diff := cmp.Diff(offered, kinds); diff != "" {
				t.Error(diff)
			}
			if p.Instructions != "Keeps notes." || !strings.Contains(string(p.Server), "1.2.3") || len(p.Catalog) != 3 {
				t.Errorf("instructions %q, server %s, %d catalogs", p.Instructions, p.Server, len(p.Catalog))
			}
			if want := map[exercise.Era]string{exercise.Legacy: "2025-11-25", exercise.Modern: "2026-07-28"}[era]; p.Protocol != want {
				t.Errorf("protocol %s, want %s", p.Protocol, want)
			}
		})
	}
}

// What goes into calls follows from the seed, and what was planted is known again.
func TestCalls(t *testing.T) {
	opts := hasty()
	a, b := exercised(t, overPipes(t, notes()), opts), exercised(t, overPipes(t, notes()), opts)
	args := func(p *evidence.Pass) (out []string) {
		for _, c := range p.Calls {
			out = append(out, c.Kind+c.Name+c.Case+string(c.Args)+c.Marker+c.Outcome)
		}
		return out
	}
	if diff := cmp.Diff(args(a), args(b)); diff != "" {
		t.Errorf("two lives differ: %s", diff)
	}
	opts.Seed, opts.Canaries = 43, exercise.Canaries(43, "A")
	if other := exercised(t, overPipes(t, notes()), opts); slices.Equal(args(a), args(other)) {
		t.Error("another seed made no difference")
	}
	for _, c := range a.Calls[:7] {
		switch {
		case c.Case == "full" && (!slices.Equal(c.Given, []string{"argument:text/1"}) || c.Unchecked != ""):
			t.Errorf("given %v, unchecked %q in %s", c.Given, c.Unchecked, c.Args)
		case c.Case == "probe" && (!strings.HasPrefix(c.Marker, "/tmp/m/") || !strings.Contains(string(c.Args), "touch "+c.Marker)):
			t.Errorf("marker %s, arguments %s", c.Marker, c.Args)
		case c.Case == "canary-path" && !strings.Contains(string(c.Args), "/home/audit/work/.env"):
			t.Errorf("arguments %s", c.Args)
		}
	}
}

// What a server asks is answered with planted values, declined, or not understood.
func TestAnswers(t *testing.T) {
	planted := exercise.Canaries(42, "A")
	tests := []struct {
		answers exercise.Answers
		want    string
		asked   []string
	}{
		{
			exercise.AnswerCanaries, "accept" + planted[1].Values[0] + " " + planted[2].Values[0] + " file:///home/audit/work",
			[]string{"elicitation/create canary", "sampling/createMessage canary", "roots/list canary"},
		},
		{
			exercise.AnswerDecline, "decline<nil>",
			[]string{"elicitation/create declined", "sampling/createMessage declined", "roots/list declined"},
		},
		{exercise.AnswerNone, "", nil},
	}
	for _, tt := range tests {
		t.Run(string(tt.answers), func(t *testing.T) {
			opts := hasty()
			opts.Answers, opts.Cases = tt.answers, []string{"full"}
			p := exercised(t, overPipes(t, curious()), opts)
			var got struct{ Content []struct{ Text string } }
			if err := json.Unmarshal(p.Calls[0].Result, &got); err != nil || len(got.Content) != 1 || got.Content[0].Text != tt.want {
				t.Errorf("the server heard %+v, want %q", got, tt.want)
			}
			var asked []string
			for _, r := range p.Requests {
				if asked = append(asked, r.Method+" "+r.Answer); r.Call == 0 && r.Method != "roots/list" {
					t.Errorf("%s belongs to no call", r.Method)
				}
			}
			// The SDK's server does not ask a client that cannot.
			if tt.asked != nil && !slices.Equal(asked[:min(3, len(asked))], tt.asked) {
				t.Errorf("asked %v, want %v", asked, tt.asked)
			}
		})
	}
}

// In 2026-07-28 the result asks, and the call is made again with the answer.
func TestInputRequired(t *testing.T) {
	rounds := 0
	f := &fake{on: func(f *fake, r request) bool {
		switch {
		case r.Method == "server/discover":
			f.reply(r, `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"m"}}}`)
		case r.Method == "tools/call" && !strings.Contains(string(r.Raw), `"requestState":"s1"`):
			f.reply(r, `{"resultType":"input_required","requestState":"s1","inputRequests":{"k":{"method":"elicitation/create","params":{"requestedSchema":{"type":"object","properties":{"secret":{"type":"string"}}}}}}}`)
		case r.Method == "tools/call":
			if rounds++; !strings.Contains(string(r.Raw), `"inputResponses":{"k":{"action":"accept","content":{"secret":"`) {
				t.Errorf("retried with %s", r.Raw)
			}
			f.reply(r, `{"resultType":"complete","content":[]}`)
		default:
			return false
		}
		return true
	}}
	opts := hasty()
	opts.Era, opts.Cases = exercise.Modern, []string{"full"}
	p := live(t, f, opts)
	if rounds != 1 || p.Calls[0].Outcome != "ok" || len(p.Requests) != 1 || p.Requests[0].Call != 1 || string(p.Server) != `{"name":"m"}` {
		t.Errorf("%d rounds, %s, %+v, %s", rounds, p.Calls[0].Outcome, p.Requests, p.Server)
	}
}

func TestHTTP(t *testing.T) {
	handlers := map[string]http.Handler{
		exercise.StreamableHTTP: mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return notes() }, nil),
		exercise.SSE:            mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return notes() }, nil),
	}
	for kind, handler := range handlers {
		t.Run(kind, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			for _, listOnly := range []bool{true, false} {
				transport, err := exercise.HTTP(server.URL, kind, server.Client())
				if err != nil {
					t.Fatal(err)
				}
				opts := hasty()
				opts.ListOnly = listOnly
				p := exercised(t, transport, opts)
				if len(p.Catalog) != 3 || len(p.Catalog[0].Tools) != 3 || listOnly != (len(p.Calls) == 0) {
					t.Errorf("%d catalogs, %d calls", len(p.Catalog), len(p.Calls))
				}
			}
		})
	}
}

func TestHTTPRefuses(t *testing.T) {
	if _, err := exercise.HTTP("http://127.0.0.1:1/", "websocket", nil); err == nil {
		t.Error("a transport was made of nothing")
	}
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		chunk := []byte(strings.Repeat("[", 1<<20))
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	for _, url := range []string{endless.URL, "http://127.0.0.1:1/"} {
		transport, err := exercise.HTTP(url, exercise.StreamableHTTP, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := exercise.Open(t.Context(), transport, hasty(), &evidence.Pass{}); err == nil {
			t.Errorf("%s was greeted", url)
		}
	}
}
