package main

import (
	"context"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Paths of the go-sdk server: each is a server of its own, since the options
// hold for a whole endpoint.
const (
	statelessJSON = "/stateless/json"
	statelessSSE  = "/stateless/sse"
	statefulJSON  = "/stateful/json"
	statefulSSE   = "/stateful/sse"
)

// goSDK is the official SDK with the tool echo, as its own examples build it.
func goSDK() http.Handler {
	mux := http.NewServeMux()
	for path, o := range map[string]mcp.StreamableHTTPOptions{
		statelessJSON: {Stateless: true, JSONResponse: true},
		statelessSSE:  {Stateless: true},
		statefulJSON:  {JSONResponse: true},
		statefulSSE:   {},
	} {
		server := mcp.NewServer(&mcp.Implementation{Name: "echo", Version: "1.0.0"}, nil)
		mcp.AddTool(server, &mcp.Tool{Name: "echo", Description: "Returns the text."}, echo)
		mux.Handle(path, mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &o))
	}
	return mux
}

type echoInput struct {
	Text string `json:"text"`
}

func echo(_ context.Context, _ *mcp.CallToolRequest, in echoInput) (*mcp.CallToolResult, any, error) {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: in.Text}}}, nil, nil
}
