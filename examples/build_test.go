package examples_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// variants are the folders with the vault persona.
var variants = []example{
	{dir: "go", tools: []string{"go"}},
}

// example is a folder with a guest, whose README says how to build it.
type example struct {
	dir   string
	out   string   // what it builds, vault.wasm if empty
	tools []string // programs it takes, or folders that npm makes
}

// build runs the commands under "## Build" in the folder's README, as a reader
// would, and returns the guest. Without the tools the test is skipped, unless
// KILLDEER_REQUIRE lists "languages".
func (e example) build(t *testing.T) string {
	t.Helper()
	e.readSources(t)
	for _, tool := range e.tools {
		if e.lacks(tool) {
			if slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), "languages") {
				t.Fatalf("%s is not installed, and KILLDEER_REQUIRE names languages: see %s/README.md", tool, e.dir)
			}
			t.Skipf("%s is not installed: see %s/README.md", tool, e.dir)
		}
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", e.commands(t))
	cmd.Dir = e.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", e.dir, err, out)
	}
	file, err := filepath.Abs(filepath.Join(e.dir, e.output()))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func (e example) output() string {
	if e.out == "" {
		return "vault.wasm"
	}
	return e.out
}

func (e example) lacks(tool string) bool {
	if strings.Contains(tool, "/") {
		_, err := os.Stat(filepath.Join(e.dir, tool))
		return err != nil
	}
	_, err := exec.LookPath(tool)
	return err != nil
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
