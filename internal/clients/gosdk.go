package clients

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const goName = "go"

func goClient() Client {
	return Client{
		Name:       goName,
		Info:       "kd-" + goName,
		Modes:      []string{ModeLegacy, ModeAuto, ModeModern, ModeSSE},
		StdioModes: eras,
		run:        runGo,
	}
}

func runGo(ctx context.Context, t target) (*Report, error) {
	if t.argv != nil {
		return goOver(ctx, goName, command(ctx, t.argv...), t), nil
	}
	client, closeIdle := namedHTTP(goName)
	defer closeIdle()
	var transport mcp.Transport = &mcp.StreamableClientTransport{Endpoint: t.url, HTTPClient: client}
	if t.mode == ModeSSE {
		transport = &mcp.SSEClientTransport{Endpoint: t.url, HTTPClient: client}
	}
	return goReport(ctx, goName, transport, t), nil
}

// goOver starts a server and drives it under a name.
func goOver(ctx context.Context, name string, cmd *exec.Cmd, t target) *Report {
	defer endGroup(cmd)
	return goReport(ctx, name, &mcp.CommandTransport{Command: cmd}, t)
}

func goReport(ctx context.Context, name string, transport mcp.Transport, t target) *Report {
	report := &Report{Client: name, Mode: t.mode}
	report.note(goSession(ctx, transport, t, report))
	return report
}

func goSession(ctx context.Context, transport mcp.Transport, t target, report *Report) (err error) {
	opts := &mcp.ClientSessionOptions{ProtocolVersion: VersionModern}
	if t.mode == ModeLegacy || t.mode == ModeSSE {
		opts.ProtocolVersion = VersionLegacy
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "kd-" + report.Client, Version: "1.0.0"}, nil)
	open, err := client.Connect(ctx, transport, opts)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, open.Close()) }()
	server := open.InitializeResult()
	report.ProtocolVersion = server.ProtocolVersion
	if info := server.ServerInfo; info != nil {
		report.ServerInfo = &ServerInfo{Name: info.Name, Title: info.Title, Version: info.Version}
	}
	if err := pinned(report); err != nil {
		return err
	}
	return drive(ctx, goPeer{open}, ReachAll, t, report)
}

// pinned is the error of a pinned session that fell back in silence, as the two
// Go clients do: neither has a pin.
func pinned(report *Report) error {
	if report.Mode == ModeModern && report.ProtocolVersion < VersionModern {
		return fmt.Errorf("fell back to %s", report.ProtocolVersion)
	}
	return nil
}

type goPeer struct{ open *mcp.ClientSession }

func (p goPeer) tools(ctx context.Context) (all []listedTool, err error) {
	for tool, err := range p.open.Tools(ctx, nil) {
		if err != nil {
			return nil, err
		}
		all = append(all, listedTool{tool.Name, tool.InputSchema})
	}
	return all, nil
}

func (p goPeer) call(ctx context.Context, name string, args any) (toolResult, error) {
	result, err := p.open.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: args})
	if err != nil {
		return toolResult{}, err
	}
	return recode[toolResult](result)
}

func (p goPeer) look(ctx context.Context) {
	_, _ = p.open.ListResources(ctx, nil)
	_, _ = p.open.ListResourceTemplates(ctx, nil)
	_, _ = p.open.ListPrompts(ctx, nil)
}

// namedHTTP is an HTTP client with a client's name in its User-Agent.
func namedHTTP(name string) (client *http.Client, closeIdle func()) {
	transport := new(http.Transport)
	return &http.Client{Transport: named{"kd-" + name, transport}}, transport.CloseIdleConnections
}

type named struct {
	agent string
	next  http.RoundTripper
}

func (n named) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", n.agent)
	return n.next.RoundTrip(req)
}
