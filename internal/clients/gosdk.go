package clients

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os/exec"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const goName = "go"

func goClient() Client {
	return Client{
		Name:  goName,
		Modes: []string{ModeLegacy, ModeAuto, ModeModern, ModeSSE},
		run:   runGo,
	}
}

func runGo(ctx context.Context, url, mode string, args map[string]any) (*Report, error) {
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: named{transport}}
	if mode == ModeSSE {
		return drive(ctx, &mcp.SSEClientTransport{Endpoint: url, HTTPClient: client}, mode, args), nil
	}
	return drive(ctx, &mcp.StreamableClientTransport{Endpoint: url, HTTPClient: client}, mode, args), nil
}

// named puts the client's name into the User-Agent.
type named struct{ next http.RoundTripper }

func (n named) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", "kd-"+goName)
	return n.next.RoundTrip(req)
}

// GoStdio starts a server's command and drives it over its stdin and stdout with
// the Go SDK, in the legacy era or, with fallback, in the modern one. As with
// [Client.Run], what the server refuses is in the report.
func GoStdio(ctx context.Context, argv []string, legacy bool) (*Report, error) {
	if len(argv) == 0 {
		return nil, errors.New("run client go over stdio: no command")
	}
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	mode := ModeAuto
	if legacy {
		mode = ModeLegacy
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.WaitDelay = killGrace
	return drive(ctx, &mcp.CommandTransport{Command: cmd}, mode, nil), nil
}

// drive does what drive.mjs and py.py do.
func drive(ctx context.Context, transport mcp.Transport, mode string, args map[string]any) *Report {
	report := &Report{Client: goName, Mode: mode}
	if err := session(ctx, transport, args, report); err != nil {
		report.Errors = append(report.Errors, "session: "+err.Error())
	}
	return report
}

func session(ctx context.Context, transport mcp.Transport, args map[string]any, report *Report) (err error) {
	opts := &mcp.ClientSessionOptions{ProtocolVersion: VersionModern}
	if report.Mode == ModeLegacy || report.Mode == ModeSSE {
		opts.ProtocolVersion = VersionLegacy
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "kd-" + goName, Version: "1.0.0"}, nil)
	open, err := client.Connect(ctx, transport, opts)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, open.Close()) }()
	if err := introduce(open.InitializeResult(), report); err != nil {
		return err
	}
	for tool, err := range open.Tools(ctx, nil) {
		if err != nil {
			return fmt.Errorf("list tools: %w", err)
		}
		report.Tools = append(report.Tools, tool.Name)
		given, ok := args[tool.Name]
		if !ok {
			given = synth(tool.InputSchema)
		}
		call(ctx, open, tool.Name, given, report)
	}
	return nil
}

func introduce(server *mcp.InitializeResult, report *Report) error {
	report.ProtocolVersion = server.ProtocolVersion
	if info := server.ServerInfo; info != nil {
		report.ServerInfo = &ServerInfo{Name: info.Name, Title: info.Title, Version: info.Version}
	}
	if report.Mode == ModeModern && server.ProtocolVersion < VersionModern {
		// The SDK has no pin: it falls back in silence.
		return fmt.Errorf("fell back to %s", server.ProtocolVersion)
	}
	return nil
}

func call(ctx context.Context, open *mcp.ClientSession, name string, args any, report *Report) {
	result, err := open.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: args})
	if err != nil {
		report.Errors = append(report.Errors, fmt.Sprintf("call %s: %v", name, err))
		return
	}
	done := Call{Name: name, Args: args, IsError: result.IsError}
	for _, block := range result.Content {
		kind, size := describe(block)
		done.Bytes += size
		done.ContentTypes = append(done.ContentTypes, kind)
	}
	report.Calls = append(report.Calls, done)
}

func describe(block mcp.Content) (kind string, size int) {
	switch c := block.(type) {
	case *mcp.TextContent:
		return "text", len(c.Text)
	case *mcp.ImageContent:
		return "image", base64.StdEncoding.EncodedLen(len(c.Data))
	case *mcp.AudioContent:
		return "audio", base64.StdEncoding.EncodedLen(len(c.Data))
	case *mcp.ResourceLink:
		return "resource_link", 0
	case *mcp.EmbeddedResource:
		return "resource", len(c.Resource.Text) + base64.StdEncoding.EncodedLen(len(c.Resource.Blob))
	default:
		return fmt.Sprintf("%T", c), 0
	}
}
