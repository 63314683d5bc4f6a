package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The skeleton of a pack in Go compiles against this module, its own test passes,
// and its module finds in its events what its README says.
func TestGoSkeleton(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a guest")
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "mine")
	if err := writeSkeleton("go", dir); err != nil {
		t.Fatal(err)
	}
	// The module is not published from here: the working tree stands in for it.
	inSkeleton(t, dir, "mod", "edit", "-replace", "github.com/killdeer-mcp/killdeer="+root)
	inSkeleton(t, dir, "vet", "./...")
	inSkeleton(t, dir, "test", "./...")
	inSkeleton(t, dir, "build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w -buildid=", "-o", "pack.wasm", "./wasm")

	cmd := (&cli{}).rulesTest()
	var out, errs bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetContext(t.Context())
	cmd.SetArgs([]string{filepath.Join(dir, "pack.wasm"), filepath.Join(dir, "events.ndjson")})
	if err := cmd.Execute(); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	if found := out.String(); strings.Count(found, "\n") != 1 || !strings.Contains(found, `"rule":"MY_GUESSING"`) || !strings.Contains(found, `"events":["e5"`) {
		t.Errorf("found %s, want one MY_GUESSING at e5", found)
	}
}

// inSkeleton runs the go tool there; what builds is built for a guest. Nothing is
// downloaded: the sdk needs the standard library only.
func inSkeleton(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	if args[0] == "build" {
		cmd.Env = append(cmd.Env, "GOOS=wasip1", "GOARCH=wasm")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
