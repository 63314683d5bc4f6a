// Package auditfixtures has MCP servers whose behaviour is known: what an audit
// must find of them, and what it must not. [All] is the table of them.
//
// It builds and places them for tests; it audits nothing, and knows nothing of how
// the auditor comes to its verdict. The servers are in the folders server, one
// program with many behaviours, and scripts, where the runtime matters. Those that
// do harm refuse to start outside of a planted home in a sealed network.
package auditfixtures

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

//go:embed scripts
var scripts embed.FS

// Missing returns the first program that a fixture needs and the machine lacks, ""
// if it has all.
func (f Fixture) Missing() string {
	for _, name := range f.Needs {
		if _, err := exec.LookPath(name); err != nil {
			return name
		}
	}
	return ""
}

// Command places the fixture in a folder of its own, as an installation would, and
// returns the command that starts it.
func (f Fixture) Command(tb testing.TB) []string {
	tb.Helper()
	dir := folder(tb)
	switch {
	case f.Package != "":
		return []string{"npx", "-y", place(tb, "scripts/"+f.Package, filepath.Join(dir, f.Package))}
	case f.Script != "":
		return append([]string{interpreter(f.Script), filepath.Join(place(tb, "scripts", dir), f.Script)}, f.Args...)
	}
	at := filepath.Join(dir, "server")
	if err := os.Link(binary(tb), at); err != nil {
		tb.Fatalf("place the fixture %s: %v", f.Name, err)
	}
	return []string{at, "--behaviour", f.Name}
}

// folder is a new one that other users can read, whatever the umask.
func folder(tb testing.TB) string {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "installed")
	if err := os.Mkdir(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	return dir
}

func interpreter(file string) string {
	if filepath.Ext(file) == ".py" {
		return "/usr/bin/python3"
	}
	return "node"
}

// place copies the files of a folder of scripts.
func place(tb testing.TB, from, to string) string {
	tb.Helper()
	sub, err := fs.Sub(scripts, from)
	if err == nil {
		err = os.CopyFS(to, sub)
	}
	if err == nil && from != "scripts" {
		var b []byte
		if b, err = scripts.ReadFile("scripts/serve.js"); err == nil {
			err = os.WriteFile(filepath.Join(to, "serve.js"), b, 0o644)
		}
	}
	if err != nil {
		tb.Fatalf("place %s: %v", from, err)
	}
	return to
}

// workshop is the folder that the server was built in. Only built sets it.
var workshop string

// built is the server, built once for a test binary.
var built = sync.OnceValues(func() (string, error) {
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("find the sources of the server")
	}
	source := filepath.Join(filepath.Dir(here), "server")
	if err := look(source); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "auditfixtures")
	if err != nil {
		return "", err
	}
	workshop = dir
	out := filepath.Join(dir, "server")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, ".")
	build.Dir = source
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // to run in a box without its libraries
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server of the fixtures: %w: %s", err, bytes.TrimSpace(said))
	}
	return out, nil
})

// look reads the sources in this process: the cache of go test does not see what
// the compiler reads.
func look(dir string) error {
	all, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	for _, name := range all {
		if _, err := os.ReadFile(name); err != nil {
			return err
		}
	}
	return nil
}

func binary(tb testing.TB) string {
	tb.Helper()
	at, err := built()
	if err != nil {
		tb.Fatal(err)
	}
	return at
}

// Clean removes what [Fixture.Command] built. Call it at the end of a TestMain.
func Clean() error {
	if workshop == "" {
		return nil
	}
	return os.RemoveAll(workshop)
}
