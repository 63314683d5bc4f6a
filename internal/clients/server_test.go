package clients

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// What the test binary is if its first argument says so.
const (
	serveStdio = "serve-stdio" // an MCP server on its stdin and stdout
	stubborn   = "stubborn"    // a server that never answers and does not leave
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case serveStdio:
			exit(referenceServer().Run(context.Background(), &mcp.StdioTransport{}))
		case stubborn:
			exit(stay(os.Args[2]))
		}
	}
	os.Exit(m.Run())
}

func exit(err error) {
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// stay writes its process id into a file and stays, though not for ever.
func stay(file string) error {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	if err := os.WriteFile(file+".new", []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return err
	}
	time.Sleep(time.Minute)
	return nil
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
// alone at /legacy, and over SSE at /sse. It keeps who asked, and in which version.
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
		agents.add(r)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections() // a client may have left its stream open
		server.Close()
	})
	return server
}

// agentLog keeps the distinct User-Agents and protocol versions of the requests
// for an MCP endpoint. Some clients look elsewhere too.
type agentLog struct {
	mu       sync.Mutex
	seen     []string
	versions []string
}

func (l *agentLog) add(r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if strings.Contains(r.URL.Path, "/.well-known/") {
		return
	}
	if agent := r.UserAgent(); !slices.Contains(l.seen, agent) {
		l.seen = append(l.seen, agent)
	}
	if version := r.Header.Get("MCP-Protocol-Version"); version != "" && !slices.Contains(l.versions, version) {
		l.versions = append(l.versions, version)
	}
}

// check wants one User-Agent, and the one version that the mode leads to; over
// SSE not all clients name it.
func (l *agentLog) check(t *testing.T, c Client, mode string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.seen) != 1 || !strings.HasPrefix(l.seen[0], "kd-"+c.Name) {
		t.Errorf("User-Agents %q, want kd-%s", l.seen, c.Name)
	}
	if want := version(c, mode); mode != ModeSSE && !slices.Equal(l.versions, []string{want}) {
		t.Errorf("versions %q, want %s", l.versions, want)
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
