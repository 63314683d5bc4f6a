package examples_test

import (
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/internal/guests"
)

// variants are the folders with the vault persona.
var variants = []example{
	{dir: "go", needs: []string{"command -v go"}},
	{dir: "c", needs: []string{"command -v clang", "command -v wasm-ld"}},
	{dir: "rust", path: debianPrograms, needs: rust},
	{dir: "javascript", needs: []string{"command -v clang", "command -v wasm-ld", "test -e /usr/include/wasm32-wasi/stdio.h", "test -d quickjs", "command -v node"}},
	{dir: "assemblyscript", needs: []string{"test -d node_modules/assemblyscript", "command -v npx"}},
	{dir: "zig", needs: []string{"command -v zig || test -x .venv/bin/python-zig"}},
	{dir: "toml", out: "vault.toml"},
}

var rust = []string{`test -d "$(rustc --print target-libdir --target wasm32-unknown-unknown)"`, "command -v wasm-ld"}

// debianPrograms is where Debian has rustc. Another one, of rustup, may stand
// before it in PATH and lack the target.
const debianPrograms = "/usr/bin"

// example is a folder with a guest, whose README says how to build it.
type example struct {
	dir   string
	out   string   // what it builds, vault.wasm if empty
	path  string   // looked into before PATH
	needs []string // shell commands that succeed where it can be built
}

// build runs the commands under "## Build" in the folder's README, as a reader
// would, and returns the guest. Where something is missing the test is skipped,
// unless KILLDEER_REQUIRE lists "languages".
func (e example) build(t *testing.T) string {
	t.Helper()
	e.readSources(t)
	if strings.HasSuffix(e.out, ".toml") {
		return e.text(t)
	}
	for _, need := range e.needs {
		if _, err := e.shell(t, need); err == nil {
			continue
		}
		if slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), "languages") {
			t.Fatalf("not installed (%s), and KILLDEER_REQUIRE names languages: see %s/README.md", need, e.dir)
		}
		t.Skipf("not installed (%s): see %s/README.md", need, e.dir)
	}
	if out, err := e.shell(t, e.commands(t)); err != nil {
		t.Fatalf("build %s: %v\n%s", e.dir, err, out)
	}
	file, err := filepath.Abs(filepath.Join(e.dir, cmp.Or(e.out, "vault.wasm")))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// text returns a guest that is not built. The built-in guest that runs it has to be
// there.
func (e example) text(t *testing.T) string {
	t.Helper()
	if _, err := guests.Open("persona-toml"); err != nil {
		t.Skip(err)
	}
	file, err := filepath.Abs(filepath.Join(e.dir, e.out))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func (e example) shell(t *testing.T, commands string) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", commands)
	cmd.Dir = e.dir
	if e.path != "" {
		cmd.Env = append(os.Environ(), "PATH="+e.path+":"+os.Getenv("PATH"))
	}
	return cmd.CombinedOutput()
}

// commands returns the shell block under "## Build".
func (e example) commands(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(e.dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := bytes.Cut(readme, []byte("\n## Build\n"))
	_, block, opened := bytes.Cut(section, []byte("```sh\n"))
	block, _, closed := bytes.Cut(block, []byte("```\n"))
	if !found || !opened || !closed {
		t.Fatalf("%s/README.md has no shell block under \"## Build\"", e.dir)
	}
	return string(block)
}

// readSources opens every file of the folder: the cache of go test sees what a
// test opens, not what the compilers that it starts read.
func (e example) readSources(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{"*", "*/*"} {
		files, err := filepath.Glob(filepath.Join(e.dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.Contains(file, "node_modules") || strings.HasSuffix(file, ".wasm") {
				continue
			}
			if info, err := os.Stat(file); err != nil || info.IsDir() {
				continue
			}
			if _, err := os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
	}
}
