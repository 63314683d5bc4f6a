package clients

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// serveStdio makes the test binary an MCP server on its stdin and stdout.
const serveStdio = "KILLDEER_TEST_SERVE_STDIO"

func TestMain(m *testing.M) {
	if os.Getenv(serveStdio) != "" {
		if err := referenceServer().Run(context.Background(), &mcp.StdioTransport{}); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// referenceServer has a tool for each thing that a client may get wrong. Its
// pages are short, so that the list takes more than one.
func referenceServer() *mcp.Server {
	server := mcp.NewServer(
		&mcp.Implementation{Name: "reference", Title: "Reference", Version: "3.2.1"},
		&mcp.ServerOptions{PageSize: 2},
	)
	type lookup struct {
		Key   string `json:"key"`
		Limit int    `json:"limit,omitempty"`
	}
	mcp.AddTool(server, &mcp.Tool{Name: "a_lookup", Description: "look a key up"},
		func(_ context.Context, _ *mcp.CallToolRequest, in lookup) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "ключ " + in.Key}}}, nil, nil
		})
	server.AddTool(tool("b_media", `{"type":"object"}`), answer(false,
		&mcp.TextContent{Text: "two"},
		&mcp.ImageContent{MIMEType: "image/png", Data: []byte("12345")},
		&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "file:///a", MIMEType: "text/plain", Text: "hello"}},
	))
	server.AddTool(tool("c_refuse", `{"type":"object"}`), answer(true, &mcp.TextContent{Text: "no"}))
	server.AddTool(tool("d_strict", `{"type":"object","required":["id","kind"],"additionalProperties":false,"properties":{
		"id":{"type":"string","pattern":"^[A-Z]+-[0-9]+$"},"kind":{"type":"string","enum":["x","y"]},"n":{"type":"integer","minimum":5}}}`),
		func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return answer(false, &mcp.TextContent{Text: string(req.Params.Arguments)})(ctx, req)
		})
	mcp.AddTool(server, &mcp.Tool{Name: "e_broken", Description: "fail in the protocol"},
		func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			return nil, nil, nil
		})
	server.AddReceivingMiddleware(breakTool("e_broken"))
	return server
}

func tool(name, schema string) *mcp.Tool {
	return &mcp.Tool{Name: name, Description: name, InputSchema: json.RawMessage(schema)}
}

func answer(isError bool, content ...mcp.Content) mcp.ToolHandler {
	return func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{IsError: isError, Content: content}, nil
	}
}

// endpoints serves the reference server in both eras at /mcp, in the legacy one
// alone at /legacy, and over SSE at /sse. It keeps the User-Agents it saw.
func endpoints(t *testing.T, agents *agentLog) *httptest.Server {
	t.Helper()
	one := func(server *mcp.Server) func(*http.Request) *mcp.Server {
		return func(*http.Request) *mcp.Server { return server }
	}
	reference := referenceServer()
	legacy := mcp.NewStreamableHTTPHandler(one(reference), nil)
	modern := mcp.NewStreamableHTTPHandler(one(reference), &mcp.StreamableHTTPOptions{Stateless: true})
	mux := http.NewServeMux()
	mux.HandleFunc("/mcp", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("MCP-Protocol-Version") >= VersionModern {
			modern.ServeHTTP(w, r)
			return
		}
		legacy.ServeHTTP(w, r)
	})
	mux.HandleFunc("/legacy", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("MCP-Protocol-Version") >= VersionModern {
			http.Error(w, "Bad Request: unsupported protocol version", http.StatusBadRequest)
			return
		}
		legacy.ServeHTTP(w, r)
	})
	mux.Handle("/sse", mcp.NewSSEHandler(one(reference), nil))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agents.add(r.UserAgent())
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections() // a client may have left its stream open
		server.Close()
	})
	return server
}

// agentLog keeps the distinct User-Agents that a server saw.
type agentLog struct {
	mu   sync.Mutex
	seen []string
}

func (l *agentLog) add(agent string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.seen, agent) {
		l.seen = append(l.seen, agent)
	}
}

// errBroken is a protocol error: no result at all.
var errBroken = &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "out of order today"}

func breakTool(name string) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			if call, ok := req.(*mcp.CallToolRequest); ok && call.Params.Name == name {
				return nil, errBroken
			}
			return next(ctx, method, req)
		}
	}
}
