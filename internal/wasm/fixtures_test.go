package wasm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
)

// childVerb makes this test binary a compile child.
const childVerb = "compile-child"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == childVerb {
		if err := wasm.CompileChild(context.Background(), os.Stdin, os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func fixture(tb testing.TB, name string) []byte {
	tb.Helper()
	code, err := os.ReadFile(filepath.Join("testdata", name+".wasm"))
	if err != nil {
		tb.Fatal(err)
	}
	return code
}

// newRuntime makes a runtime that is closed with the test. edit may be nil.
func newRuntime(tb testing.TB, edit func(*wasm.Options)) *wasm.Runtime {
	tb.Helper()
	o := wasm.Options{Limits: wasm.DefaultLimits()}
	if edit != nil {
		edit(&o)
	}
	r, err := wasm.New(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { closeWithin(tb, r, 10*time.Second) })
	return r
}

type closer interface{ Close(context.Context) error }

func closeWithin(tb testing.TB, c closer, d time.Duration) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	if err := c.Close(ctx); err != nil {
		tb.Errorf("Close = %v", err)
	}
}

func load(tb testing.TB, r *wasm.Runtime, name string) *wasm.Module {
	tb.Helper()
	m, err := r.Load(tb.Context(), name, fixture(tb, name))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func call(tb testing.TB, m *wasm.Module, req wasm.Request) wasm.Reply {
	tb.Helper()
	reply, err := m.Call(tb.Context(), req)
	if err != nil {
		tb.Fatalf("Call(%q) = %v", req.Input, err)
	}
	return reply
}

// wantCall checks an error's code and its sentinel.
func wantCall(tb testing.TB, err, sentinel error, code string) {
	tb.Helper()
	var got *wasm.CallError
	if !errors.As(err, &got) || got.Code != code || !errors.Is(err, sentinel) {
		tb.Errorf("Call = %v, want code %s", err, code)
	}
	if err != nil && (len(err.Error()) > 400 || strings.Contains(err.Error(), "\n")) {
		tb.Errorf("error of %d bytes is not one short line: %q", len(err.Error()), err)
	}
}

// resident returns the memory of this process in bytes, 0 where unknown.
func resident(tb testing.TB) int64 {
	tb.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// settled is what is resident without the garbage that a collection has yet to
// find, and without what only finalizers give back.
func settled(tb testing.TB) int64 {
	for range 3 {
		debug.FreeOSMemory()
	}
	return resident(tb)
}

// Each fixture is committed as text and as bytes. Where the assembler is at hand,
// this test checks that they say the same.
func TestFixturesMatchTheirText(t *testing.T) {
	texts, err := filepath.Glob("testdata/*.wat")
	if err != nil || len(texts) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	assembler, err := exec.LookPath("wat2wasm")
	if err != nil {
		t.Skip("wat2wasm (package wabt) is not installed")
	}
	for _, text := range texts {
		name := strings.TrimSuffix(filepath.Base(text), ".wat")
		out := filepath.Join(t.TempDir(), name+".wasm")
		if msg, err := exec.CommandContext(t.Context(), assembler, text, "-o", out).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", text, err, msg)
			continue
		}
		got, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, fixture(t, name)) {
			t.Errorf("%s.wasm is not what %s assembles to", name, text)
		}
	}
}
