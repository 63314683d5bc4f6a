// Package guesttest builds guests for tests, so that a bare clone can test what
// embeds nothing yet and no test runs yesterday's guest.
//
// It is for tests only.
package guesttest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/internal/guests/squeeze"
)

// Packages of the built-in guests.
const (
	Enterprise = "github.com/killdeer-mcp/killdeer/persona/enterprise/wasm"
	Core       = "github.com/killdeer-mcp/killdeer/rules/core/wasm"
	RulesTOML  = "github.com/killdeer-mcp/killdeer/rules/toml/wasm"
	TOML       = "github.com/killdeer-mcp/killdeer/persona/toml/wasm"
)

// Build compiles the guest main of a package to name.wasm in dir, as make does, and
// returns the file. pkg is an import path, or a folder that starts with "./".
func Build(tb testing.TB, dir, name, pkg string) string {
	tb.Helper()
	stat(tb, pkg)
	file := filepath.Join(dir, name+".wasm")
	small := "-gcflags=" + strings.TrimSuffix(Enterprise, "/wasm")
	goTool(tb, "build", "-trimpath", small+"=-l", small+"/pgsql=-l", "-buildmode=c-shared", "-ldflags=-s -w -buildid=", "-o", file, pkg)
	squeezed(tb, file)
	return file
}

func squeezed(tb testing.TB, file string) {
	tb.Helper()
	code, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	if code, err = squeeze.Module(code); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(file, code, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// stat looks at every source of the guest. The cache of go test sees what a test
// process opens, but not what the compiler that it starts reads: without this, a
// test would stay "ok (cached)" after its guest was broken.
func stat(tb testing.TB, pkg string) {
	tb.Helper()
	const format = `{{if not .Standard}}{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}
{{end}}{{range .EmbedFiles}}{{$d}}/{{.}}
{{end}}{{end}}`
	for file := range strings.FieldsSeq(goTool(tb, "list", "-deps", "-f", format, pkg)) {
		if _, err := os.Stat(file); err != nil {
			tb.Fatal(err)
		}
	}
}

func goTool(tb testing.TB, args ...string) string {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		tb.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String()
}
