package wasm_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
)

func withCache(dir string) func(*wasm.Options) {
	return func(o *wasm.Options) { o.CacheDir = dir }
}

// cacheDir names a directory that New makes, with the mode that it wants.
func cacheDir(t *testing.T) string { return filepath.Join(t.TempDir(), "cache") }

// entries returns the files of native code in a cache.
func entries(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "wazero-*", strings.Repeat("[0-9a-f]", 64)))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func echoes(t *testing.T, edit func(*wasm.Options)) {
	t.Helper()
	r := newRuntime(t, edit)
	m := load(t, r, "echo")
	if got := call(t, m, from("a", "x")).Output; string(got) != "x" {
		t.Errorf("output = %q", got)
	}
	closeWithin(t, r, time.Second)
}

func TestCacheIsUsed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a [b]*", "cache")
	echoes(t, withCache(dir))
	first := entries(t, dir)
	if runtime.GOOS == "linux" && len(first) != 1 {
		t.Skipf("wazero kept %d entries: no native code here", len(first))
	}
	info, err := os.Stat(first[0])
	if err != nil {
		t.Fatal(err)
	}
	echoes(t, withCache(dir))
	again, err := os.Stat(first[0])
	if err != nil {
		t.Fatal(err)
	}
	if !info.ModTime().Equal(again.ModTime()) {
		t.Error("the second start compiled again")
	}
}

// A cache that is not as it was written must cost a compile, never the start or
// the process.
func TestCacheSurvivesDamage(t *testing.T) {
	damage := map[string]func(old []byte) []byte{
		"empty":        func([]byte) []byte { return nil },
		"garbage":      func([]byte) []byte { return bytes.Repeat([]byte{0xa5}, 4096) },
		"cut":          func(old []byte) []byte { return old[:len(old)/2] },
		"flipped code": func(old []byte) []byte { old[len(old)/2] ^= 1; return old },
		// The count behind magic and version has no checksum of wazero's, which
		// would allocate for 2 billion functions.
		"huge count":  func(old []byte) []byte { copy(old[7+old[6]:], "\xff\xff\xff\x7f"); return old },
		"head only":   func(old []byte) []byte { return old[:7] },
		"longer":      func(old []byte) []byte { return append(old, 0) },
		"old version": func([]byte) []byte { return []byte("WAZEVO\x06v0.0.0\x00\x00\x00\x00") },
	}
	for name, spoil := range damage {
		t.Run(name, func(t *testing.T) {
			dir := cacheDir(t)
			echoes(t, withCache(dir))
			for _, file := range entries(t, dir) {
				old, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, spoil(old), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			echoes(t, withCache(dir))
			echoes(t, withCache(dir))
		})
	}
}

// A checksum that is missing, or that was damaged together with its entry's.
func TestCacheSurvivesLostChecksums(t *testing.T) {
	dir := cacheDir(t)
	echoes(t, withCache(dir))
	for _, file := range entries(t, dir) {
		if err := os.Remove(file + ".sum"); err != nil {
			t.Fatal(err)
		}
	}
	echoes(t, withCache(dir))
	if n := len(entries(t, dir)); n != 1 {
		t.Errorf("%d entries after the repair, want 1", n)
	}
}

// When nothing can be written, guests run without a cache. Root ignores modes,
// so a missing directory stands for a full disk.
func TestCacheThatCannotBeWritten(t *testing.T) {
	dir := cacheDir(t)
	r := newRuntime(t, withCache(dir))
	subs, err := filepath.Glob(filepath.Join(dir, "wazero-*"))
	if err != nil || len(subs) != 1 {
		t.Fatalf("subdirectories = %q, %v", subs, err)
	}
	if err := os.RemoveAll(subs[0]); err != nil {
		t.Fatal(err)
	}
	m := load(t, r, "echo")
	if got := call(t, m, from("a", "x")).Output; string(got) != "x" {
		t.Errorf("output = %q", got)
	}
}

// An entry that is no file at all is thrown away too.
func TestCacheEntryIsADirectory(t *testing.T) {
	dir := cacheDir(t)
	echoes(t, withCache(dir))
	for _, file := range entries(t, dir) {
		if err := errors.Join(os.Remove(file), os.MkdirAll(filepath.Join(file, "x"), 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	echoes(t, withCache(dir))
}

func TestCacheDirectoryMustBeOurs(t *testing.T) {
	shared := filepath.Join(t.TempDir(), "shared")
	file := filepath.Join(t.TempDir(), "file")
	link := filepath.Join(t.TempDir(), "link")
	foreign := filepath.Join(t.TempDir(), "foreign")
	for _, dir := range []string{shared, foreign} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(shared, 0o770), os.WriteFile(file, nil, 0o600), os.Symlink(foreign, link)); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, dir, want string }{
		{"group can write", shared, "mode 0770"},
		{"a file", file, "not a directory"},
		{"a link", link, "not a directory"},
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(foreign, 12345, -1); err != nil {
			t.Fatal(err)
		}
		tests = append(tests, struct{ name, dir, want string }{"foreign", foreign, "another user"})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := wasm.New(t.Context(), wasm.Options{CacheDir: tt.dir}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("New = %v, want %q", err, tt.want)
			}
		})
	}
}

// withChild compiles in this test binary, run again.
func withChild(t *testing.T, dir string) func(*wasm.Options) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return func(o *wasm.Options) {
		o.CacheDir = dir
		o.CompileCommand = []string{self, childVerb}
	}
}

func TestCompileChild(t *testing.T) {
	dir := cacheDir(t)
	echoes(t, withChild(t, dir))
	if n := len(entries(t, dir)); n != 1 {
		t.Errorf("%d cache entries, want 1", n)
	}
	// Compiled once, a module needs no child.
	echoes(t, func(o *wasm.Options) {
		withCache(dir)(o)
		o.CompileCommand = []string{"/nonexistent/compiler"}
	})
}

func TestCompileChildReportsItsError(t *testing.T) {
	code := fixture(t, "trap")
	code[len(code)-2] = 0x1a // drop, with nothing to drop
	_, err := newRuntime(t, withChild(t, cacheDir(t))).Load(t.Context(), "bad", code)
	var got *wasm.LoadError
	if !errors.As(err, &got) || got.Code != wasm.CodeCompile || !strings.Contains(got.Detail, "function") {
		t.Errorf("Load = %v, want code compile and the compiler's reason", err)
	}
}

func TestCompileChildIsKilled(t *testing.T) {
	r := newRuntime(t, func(o *wasm.Options) {
		withChild(t, cacheDir(t))(o)
		o.Limits.Compile = 30 * time.Millisecond
	})
	began := time.Now()
	_, err := r.Load(t.Context(), "bomb", fixture(t, "compile_bomb"))
	var got *wasm.LoadError
	if !errors.As(err, &got) || got.Code != wasm.CodeCompile || !strings.Contains(got.Detail, "longer than 30ms") {
		t.Errorf("Load = %v, want code compile", err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("Load took %s", took)
	}
}

func TestCompileChildMissing(t *testing.T) {
	r := newRuntime(t, func(o *wasm.Options) {
		o.CacheDir, o.CompileCommand = cacheDir(t), []string{"/nonexistent/compiler"}
	})
	_, err := r.Load(t.Context(), "echo", fixture(t, "echo"))
	var got *wasm.LoadError
	if !errors.As(err, &got) || got.Code != wasm.CodeCompile || !strings.Contains(got.Detail, "no such file") {
		t.Errorf("Load = %v, want code compile", err)
	}
}
