package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// serverName is what the command lines call the server under test.
const serverName = "server"

// cli is a command line that does one operation in each process.
type cli struct {
	Client
	node string
	file string // what Node runs
	open func(oneShot) peer
}

// oneShot is what such a command line needs for one operation.
type oneShot struct {
	cli
	target
	config string // the target, as a file that both command lines read
	home   string // theirs for the session
}

func cliClients(dir string) []installed {
	in := below(dir)
	node, lock := nodeProgram(dir), in("node_modules/.package-lock.json")
	raw := in("mcporter.mjs")
	inspect := cli{
		Client: Client{
			Name: "inspector", Info: "inspector-cli", Reach: ReachOne,
			Modes: append([]string{ModeSSE}, eras...), StdioModes: eras,
		},
		node: node,
		file: in("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"),
		open: func(s oneShot) peer { return inspector{s} },
	}
	port := cli{
		Client: Client{
			Name: "mcporter", Info: "mcporter", Reach: ReachOne,
			Modes: []string{ModeLegacy, ModeSSE}, StdioModes: []string{ModeLegacy},
		},
		node: node,
		file: in("node_modules/mcporter/dist/cli.js"),
		open: func(s oneShot) peer { return mcporter{s, raw} },
	}
	return []installed{
		{inspect.client(), []string{node, inspect.file, lock}},
		{port.client(), []string{node, port.file, raw, lock}},
	}
}

func (c cli) client() Client {
	c.run = c.drive
	return c.Client
}

func (c cli) drive(ctx context.Context, t target) (*Report, error) {
	home, err := os.MkdirTemp("", "killdeer-client-")
	if err != nil {
		return nil, fmt.Errorf("make a home: %w", err)
	}
	defer os.RemoveAll(home)
	config, err := writeConfig(home, c.Name, t)
	if err != nil {
		return nil, err
	}
	report := &Report{Client: c.Name, Mode: t.mode}
	report.note(drive(ctx, c.open(oneShot{c, t, config, home}), c.Reach, t, report))
	return report, ctx.Err()
}

func writeConfig(home, name string, t target) (path string, err error) {
	server := map[string]any{"baseUrl": t.url, "headers": map[string]string{"User-Agent": "kd-" + name}}
	if t.argv != nil {
		server = map[string]any{"command": t.argv[0], "args": t.argv[1:]}
	}
	text, err := json.Marshal(map[string]any{"imports": []string{}, "mcpServers": map[string]any{serverName: server}})
	if err != nil {
		return "", fmt.Errorf("encode a configuration: %w", err)
	}
	path = filepath.Join(home, "servers.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("write a configuration: %w", err)
	}
	return path, nil
}

// once runs the command line. Exit codes are for people: what it printed tells.
func (s oneShot) once(ctx context.Context, args ...string) (stdout []byte, stderr string, err error) {
	cmd := command(ctx, append([]string{s.node}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+s.home)
	stdout, stderr, err = output(cmd)
	if err != nil && !exited(err) {
		return nil, "", complain(err, stderr)
	}
	return stdout, stderr, nil
}

// inspector is the MCP inspector with --cli. It prints results on stdout, and
// what went wrong on stderr.
type inspector struct{ oneShot }

func (i inspector) tools(ctx context.Context) ([]listedTool, error) {
	var list struct {
		Tools []listedTool `json:"tools"`
	}
	err := i.do(ctx, &list, "--method", "tools/list")
	return list.Tools, err
}

func (i inspector) call(ctx context.Context, name string, args any) (result toolResult, err error) {
	given, err := json.Marshal(args)
	if err != nil {
		return result, fmt.Errorf("encode arguments: %w", err)
	}
	err = i.do(ctx, &result, "--method", "tools/call", "--tool-name="+name, "--tool-args-json="+string(given))
	return result, err
}

func (i inspector) look(ctx context.Context) {
	for _, method := range []string{"resources/list", "resources/templates/list", "prompts/list"} {
		_ = i.do(ctx, &struct{}{}, "--method", method)
	}
}

func (i inspector) do(ctx context.Context, result any, op ...string) error {
	stdout, stderr, err := i.once(ctx, append(i.flags(), op...)...)
	if err != nil {
		return err
	}
	if len(stdout) == 0 {
		return inspectorError(stderr)
	}
	if err := json.Unmarshal(stdout, &struct{ Result any }{result}); err != nil {
		return fmt.Errorf("decode its result: %w", err)
	}
	return nil
}

func (i inspector) flags() []string {
	flags := []string{i.file, "--cli", "--format", "json", "--quiet", "--header", "User-Agent: kd-" + i.Name}
	switch {
	case i.argv != nil:
		flags = append(flags, "--config", i.config, "--server", serverName)
	case i.mode == ModeSSE:
		return append(flags, "--transport", "sse", "--server-url", i.url)
	default:
		flags = append(flags, "--transport", "http", "--server-url", i.url)
	}
	return append(flags, "--protocol-era", i.mode)
}

func inspectorError(stderr string) error {
	var envelope struct {
		Error struct{ Message, Cause string }
	}
	if err := json.Unmarshal([]byte(stderr), &envelope); err != nil || envelope.Error.Message == "" {
		return complain(errors.New("printed no result"), stderr)
	}
	return errors.New(strings.TrimSpace(envelope.Error.Message + " " + envelope.Error.Cause))
}

// mcporter prints results and refusals on stdout alike.
type mcporter struct {
	oneShot
	raw string // mcporter.mjs
}

func (m mcporter) tools(ctx context.Context) ([]listedTool, error) {
	var list struct {
		Tools []listedTool `json:"tools"`
	}
	err := m.do(ctx, &list, "list", serverName, "--schema", "--json")
	return list.Tools, err
}

func (m mcporter) call(ctx context.Context, name string, args any) (result toolResult, err error) {
	given, err := json.Marshal(args)
	if err != nil {
		return result, fmt.Errorf("encode arguments: %w", err)
	}
	err = m.do(ctx, &result, "call", "--server", serverName, "--tool", name, "--args", string(given), "--output", "raw")
	return result, err
}

func (m mcporter) do(ctx context.Context, result any, op ...string) error {
	stdout, stderr, err := m.once(ctx, append([]string{"--import", m.raw, m.file, "--config", m.config}, op...)...)
	if err != nil {
		return err
	}
	var refusal struct {
		Error string
		Issue struct{ RawMessage string }
	}
	if err := json.Unmarshal(stdout, &refusal); err != nil {
		return complain(fmt.Errorf("decode its result: %w", err), stderr)
	}
	if refusal.Error != "" {
		return errors.New(strings.TrimSpace(refusal.Error + " " + refusal.Issue.RawMessage))
	}
	if err := json.Unmarshal(stdout, result); err != nil {
		return fmt.Errorf("decode its result: %w", err)
	}
	return nil
}
