package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

const (
	bridgeName = "mcp-remote"        // on stdio before an HTTP server, for clients that know only stdio
	listerName = "mcp-remote-client" // the same package's diagnostic client
)

// remote is a program of the mcp-remote package.
type remote struct {
	name string
	node string
	file string
}

func remoteClients(dir string) []installed {
	in := below(dir)
	node, lock := nodeProgram(dir), in("node_modules/.package-lock.json")
	bridge := remote{bridgeName, node, in("node_modules/mcp-remote/dist/proxy.js")}
	lister := remote{listerName, node, in("node_modules/mcp-remote/dist/client.js")}
	return []installed{
		{
			// The bridge adds its own name behind that of who uses it.
			Client{Name: bridgeName, Info: "kd-" + bridgeName, Modes: []string{ModeLegacy, ModeAuto, ModeSSE}, run: bridge.bridge},
			[]string{node, bridge.file, lock},
		},
		{
			Client{Name: listerName, Info: bridgeName, Modes: []string{ModeLegacy, ModeSSE}, Reach: ReachList, run: lister.list},
			[]string{node, lister.file, lock},
		},
	}
}

// command runs the program in a home of its own until done is called.
func (r remote) command(ctx context.Context, t target) (cmd *exec.Cmd, done func(), err error) {
	home, err := os.MkdirTemp("", "killdeer-client-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a home: %w", err)
	}
	over, era := "http-only", t.mode
	if t.mode == ModeSSE {
		over, era = "sse-only", ModeLegacy
	}
	cmd = command(ctx, r.node, r.file, t.url, "--allow-http",
		"--transport", over, "--protocol", era, "--header", "User-Agent: kd-"+r.name)
	cmd.Env = append(os.Environ(), "HOME="+home, "MCP_REMOTE_CONFIG_DIR="+home)
	return cmd, func() { os.RemoveAll(home) }, nil
}

// bridge lets the Go SDK drive the program, in the legacy era as the desktop
// applications do that need it. The era of the mode is that of the far side.
func (r remote) bridge(ctx context.Context, t target) (*Report, error) {
	cmd, done, err := r.command(ctx, t)
	if err != nil {
		return nil, err
	}
	defer done()
	report := goOver(ctx, r.name, cmd, target{mode: ModeLegacy, args: t.args, few: t.few})
	report.Mode, report.ProtocolVersion = t.mode, ""
	return report, nil
}

// list reads the tools from what the program logs: it prints nothing.
func (r remote) list(ctx context.Context, t target) (*Report, error) {
	cmd, done, err := r.command(ctx, t)
	if err != nil {
		return nil, err
	}
	defer done()
	if _, err := cmd.StdinPipe(); err != nil { // it leaves when its stdin ends
		return nil, fmt.Errorf("open its stdin: %w", err)
	}
	_, log, err := output(cmd)
	if err != nil && !exited(err) {
		return nil, complain(err, log)
	}
	report := &Report{Client: r.name, Mode: t.mode}
	report.Tools, err = loggedTools(log)
	report.note(err)
	return report, nil
}

// toolsLine begins the list. No other line can begin so: JSON has its newlines escaped.
var toolsLine = regexp.MustCompile(`(?m)^\[\d+\] Tools: `)

func loggedTools(log string) (names []string, err error) {
	at := toolsLine.FindStringIndex(log)
	if at == nil {
		return nil, complain(errors.New("logged no tools"), log)
	}
	var list struct {
		Tools []listedTool `json:"tools"`
	}
	if err := json.NewDecoder(strings.NewReader(log[at[1]:])).Decode(&list); err != nil {
		return nil, fmt.Errorf("decode the logged tools: %w", err)
	}
	for _, tool := range list.Tools {
		names = append(names, tool.Name)
	}
	return names, nil
}
