package clients

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
)

const mcpGoName = "mcp-go"

// goClients are always installed.
func goClients() []Client { return []Client{goClient(), mcpGoClient()} }

// mcpGoClient negotiates over SSE as over Streamable HTTP: a server there may
// find itself in the modern era.
func mcpGoClient() Client {
	return Client{
		Name:       mcpGoName,
		Info:       "kd-" + mcpGoName,
		Modes:      []string{ModeLegacy, ModeAuto, ModeModern, ModeSSE},
		StdioModes: eras,
		run:        runMCPGo,
	}
}

func runMCPGo(ctx context.Context, t target) (*Report, error) {
	open, done, err := mcpGoOpen(t)
	if err != nil {
		return nil, err
	}
	defer done()
	report := &Report{Client: mcpGoName, Mode: t.mode}
	report.note(mcpGoSession(ctx, open, t, report))
	return report, nil
}

// mcpGoOpen makes a client that is not started yet; done is for when it is closed.
func mcpGoOpen(t target) (open *client.Client, done func(), err error) {
	if t.argv != nil {
		open, done = mcpGoStdio(t.argv)
		return open, done, nil
	}
	http, done := namedHTTP(mcpGoName)
	if t.mode == ModeSSE {
		open, err = client.NewSSEMCPClient(t.url, transport.WithHTTPClient(http))
	} else {
		open, err = client.NewStreamableHttpClient(t.url, transport.WithHTTPBasicClient(http))
	}
	return open, done, err
}

func mcpGoStdio(argv []string) (open *client.Client, done func()) {
	var started *exec.Cmd
	start := func(ctx context.Context, program string, _, args []string) (*exec.Cmd, error) {
		started = command(ctx, append([]string{program}, args...)...)
		return started, nil
	}
	done = func() {
		if started != nil {
			endGroup(started)
		}
	}
	// Its own five seconds begin with the process, and are short on a busy machine.
	return client.NewClient(transport.NewStdioWithOptions(argv[0], nil, argv[1:], transport.WithCommandFunc(start)), client.WithDiscoverTimeout(time.Minute)), done
}

func mcpGoSession(ctx context.Context, open *client.Client, t target, report *Report) (err error) {
	if err := open.Start(ctx); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer func() { err = errors.Join(err, open.Close()) }()
	var hello mcp.InitializeRequest
	hello.Params.ClientInfo = mcp.Implementation{Name: "kd-" + mcpGoName, Version: "1.0.0"}
	if t.mode == ModeLegacy {
		hello.Params.ProtocolVersion = VersionLegacy
	}
	server, err := open.Initialize(ctx, hello)
	if err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	report.ProtocolVersion = server.ProtocolVersion
	if info := server.ServerInfo; info.Name != "" {
		report.ServerInfo = &ServerInfo{Name: info.Name, Title: info.Title, Version: info.Version}
	}
	if err := pinned(report); err != nil {
		return err
	}
	return drive(ctx, mcpGoPeer{open}, ReachAll, t, report)
}

type mcpGoPeer struct{ open *client.Client }

func (p mcpGoPeer) tools(ctx context.Context) ([]listedTool, error) {
	list, err := p.open.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil {
		return nil, err
	}
	return recode[[]listedTool](list.Tools)
}

func (p mcpGoPeer) call(ctx context.Context, name string, args any) (toolResult, error) {
	var req mcp.CallToolRequest
	req.Params.Name, req.Params.Arguments = name, args
	result, err := p.open.CallTool(ctx, req)
	if err != nil {
		return toolResult{}, err
	}
	return recode[toolResult](result)
}

func (p mcpGoPeer) look(ctx context.Context) {
	_, _ = p.open.ListResources(ctx, mcp.ListResourcesRequest{})
	_, _ = p.open.ListResourceTemplates(ctx, mcp.ListResourceTemplatesRequest{})
	_, _ = p.open.ListPrompts(ctx, mcp.ListPromptsRequest{})
}
