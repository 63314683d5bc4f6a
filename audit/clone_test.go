package audit_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/killdeer-mcp/killdeer/audit"
	"github.com/killdeer-mcp/killdeer/persona"
)

// Of a server elsewhere only what reads is called: what its other tools do is real.
func TestCloneRemote(t *testing.T) {
	var wrote atomic.Int32
	s := mcp.NewServer(&mcp.Implementation{Name: "wiki", Version: "3"}, nil)
	type in struct {
		Page string `json:"page"`
	}
	mcp.AddTool(s, &mcp.Tool{Name: "read_page", Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true}}, func(_ context.Context, _ *mcp.CallToolRequest, i in) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "page " + i.Page + ": token=ghp_0123456789abcdefghijABCDEFGHIJ012345"}}}, nil, nil
	})
	mcp.AddTool(s, &mcp.Tool{Name: "delete_page"}, func(context.Context, *mcp.CallToolRequest, in) (*mcp.CallToolResult, any, error) {
		wrote.Add(1)
		return &mcp.CallToolResult{}, nil, nil
	})
	server := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, nil))
	t.Cleanup(server.Close)

	got, err := audit.Clone(t.Context(), audit.CloneOptions{Options: audit.Options{URL: server.URL, Transport: "streamable-http"}})
	if err != nil {
		t.Fatal(err)
	}
	if wrote.Load() != 0 {
		t.Error("a tool that writes was called")
	}
	if _, err := persona.ParseTOML("wiki.toml", got.File); err != nil {
		t.Error(err)
	}
	text, missing := string(got.File), strings.Join(got.Missing, "\n")
	if !strings.Contains(text, `page {{.args.page}}: token={{canary "github_pat" "cloned-1"}}`) || strings.Contains(text, "ghp_") {
		t.Errorf("file\n%s", text)
	}
	if !strings.Contains(missing, "tool delete_page: it was not called") {
		t.Errorf("missing\n%s", missing)
	}
}

func TestCloneNothing(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	if _, err := audit.Clone(t.Context(), audit.CloneOptions{Options: audit.Options{URL: server.URL, Transport: "streamable-http"}}); err == nil || !strings.Contains(err.Error(), server.URL) {
		t.Errorf("error %v", err)
	}
}
