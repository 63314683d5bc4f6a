package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/internal/guests"
)

// newcomers are the languages of "persona new": the file that somebody edits, what has
// to be there to build it, and what is taken from the example that is installed
// already.
var newcomers = []struct {
	lang, file, path string
	needs, installed []string
}{
	{lang: "toml", file: "vault.toml"},
	{lang: "go", file: "vault.go"},
	{lang: "rust", file: "vault.rs", path: "/usr/bin:", needs: []string{`test -d "$(rustc --print target-libdir --target wasm32-unknown-unknown)"`, "command -v wasm-ld"}},
	{lang: "c", file: "vault.c", needs: []string{"command -v clang", "command -v wasm-ld"}},
	{lang: "as", file: "vault.ts", installed: []string{"node_modules"}},
	{lang: "js", file: "vault.js", needs: []string{"command -v clang", "test -e /usr/include/wasm32-wasi/stdio.h"}, installed: []string{"quickjs"}},
	{lang: "zig", file: "vault.zig", installed: []string{".venv"}},
}

// A newcomer's path: a new persona, one line edited, built as its README says, tried,
// run, and called by a real client.
func TestNewcomer(t *testing.T) {
	if _, err := guests.Open("persona-toml"); err != nil {
		t.Skip(err)
	}
	clients := filepath.Join("..", "..", "internal", "clients")
	if !exists(filepath.Join(clients, "node_modules")) || !hasProgram("node") {
		lacking(t, "clients", "the real clients (make clients)")
	}
	cache := t.TempDir()
	for _, n := range newcomers {
		t.Run(n.lang, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "mine")
			killdeer(t, "persona", "new", "--lang", n.lang, dir)
			edit(t, filepath.Join(dir, n.file))
			example, err := filepath.Abs(filepath.Join("..", "..", "examples", longName(n.lang)))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range n.installed {
				if !exists(filepath.Join(example, name)) {
					lacking(t, "languages", name+" in "+example)
				}
				if err := os.Symlink(filepath.Join(example, name), filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			for _, need := range n.needs {
				if _, err := shellIn(t, dir, n.path, need); err != nil {
					lacking(t, "languages", need)
				}
			}
			keepEngine(t, filepath.Join(example, "engine.wasm"), dir) // newer than its source
			persona := buildNew(t, n.lang, dir, n.path)
			if out := killdeer(t, "persona", "test", "--quick", persona); !strings.Contains(out, "ok: ") {
				t.Errorf("persona test:\n%s", out)
			}
			callNew(t, clients, cache, persona)
		})
	}
}

// keepEngine spares a folder the half minute in which the engine of the example was
// built already.
func keepEngine(t *testing.T, engine, dir string) {
	t.Helper()
	code, err := os.ReadFile(engine)
	if err != nil {
		return // there is none, or nobody has built it
	}
	if err := os.WriteFile(filepath.Join(dir, "engine.wasm"), code, 0o644); err != nil {
		t.Fatal(err)
	}
}

func longName(lang string) string {
	if long := longNames[lang]; long != "" {
		return long
	}
	return lang
}

// lacking skips a test, unless KILLDEER_REQUIRE names what it needs.
func lacking(t *testing.T, name, what string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), name) {
		t.Fatalf("not there: %s, and KILLDEER_REQUIRE names %s", what, name)
	}
	t.Skipf("not there: %s", what)
}

func killdeer(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "killdeer", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("killdeer %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// edit changes one line, as anybody's first change would.
func edit(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(text, []byte("no folder "), []byte("there is no folder "), 1)
	if bytes.Equal(text, changed) {
		t.Fatalf("%s has no line to edit", file)
	}
	if err := os.WriteFile(file, changed, 0o644); err != nil {
		t.Fatal(err)
	}
}

// buildNew runs what the README says under "## Build", and returns the persona.
func buildNew(t *testing.T, lang, dir, path string) string {
	t.Helper()
	if lang == "toml" {
		return filepath.Join(dir, "vault.toml")
	}
	if lang == "go" { // the module is not published from here: the working tree stands in for it
		root, err := filepath.Abs(filepath.Join("..", ".."))
		if err != nil {
			t.Fatal(err)
		}
		if out, err := shellIn(t, dir, path, "go mod edit -require=github.com/killdeer-mcp/killdeer@v0.0.0 -replace=github.com/killdeer-mcp/killdeer="+root); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := bytes.Cut(readme, []byte("\n## Build\n"))
	_, block, _ := bytes.Cut(section, []byte("```sh\n"))
	block, _, found := bytes.Cut(block, []byte("```\n"))
	if !found {
		t.Fatal("the README does not say how to build it")
	}
	if out, err := shellIn(t, dir, path, string(block)); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return filepath.Join(dir, "vault.wasm")
}

func shellIn(t *testing.T, dir, path, commands string) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", commands)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+path+os.Getenv("PATH"), "GOFLAGS=-mod=mod -buildvcs=false")
	return cmd.CombinedOutput()
}

// callNew has a real client call the persona in a sensor.
func callNew(t *testing.T, clients, cache, persona string) {
	t.Helper()
	v := decoyOf(t, cache, persona)
	v.start()
	defer v.stop()
	report := lookAt(t, clients, v.url, `[["list_secrets",{"folder":"moon"}],["read_secret",{"path":"ci/npm-publish"}]]`)
	said, err := json.Marshal(report["answers"])
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(said), "there is no folder moon") || !strings.Contains(string(said), "NPM_TOKEN=npm_") {
		t.Errorf("the client was told %s", said)
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func hasProgram(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// lookAt has the official client list a server and call some of its tools.
func lookAt(t *testing.T, clients, target, calls string) map[string]any {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "look.mjs", target, calls)
	cmd.Dir, cmd.Stderr = clients, t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("look.mjs %s: %v", target, err)
	}
	var report map[string]any
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	return report
}
