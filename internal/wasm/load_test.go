package wasm_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
)

func TestLoadRefuses(t *testing.T) {
	r := newRuntime(t, func(o *wasm.Options) {
		o.Limits.Instantiate = 100 * time.Millisecond
		o.Limits.Module = 64 << 10
	})
	file := func(name string) []byte { return fixture(t, name) }
	tests := []struct {
		name   string
		code   []byte
		want   string
		detail string
	}{
		{"empty", nil, wasm.CodeNotWasm, "the file is empty"},
		{"text", []byte("(module)"), wasm.CodeNotWasm, "wat2wasm"},
		{"version", []byte("\x00asm\x02\x00\x00\x00"), wasm.CodeNotWasm, "version 2"},
		{"component", []byte("\x00asm\x0d\x00\x01\x00"), wasm.CodeComponent, "wasip1"},
		{"too big", make([]byte, 64<<10+1), wasm.CodeTooBig, "over 65536 bytes; build without debug information"},
		{"cut", file("echo")[:100], wasm.CodeCompile, "cut or damaged"},
		{"body", append(file("trap"), 0), wasm.CodeCompile, ""},
		{"table minimum", file("table_minimum"), wasm.CodeTableLimit, "65537"},
		{"import", file("bad_import"), wasm.CodeImport, "read_file"},
		{"sockets", file("socket_import"), wasm.CodeImport, "no sockets"},
		{"old WASI", file("old_wasi"), wasm.CodeImport, "wasip1"},
		{"import type", file("import_type"), wasm.CodeImportType, "(i32,i32)->(i32)"},
		{"import global", file("import_global"), wasm.CodeImportType, "global"},
		{"import table", file("import_table"), wasm.CodeImportType, "table"},
		{"import memory", file("import_memory"), wasm.CodeImportType, "memory"},
		{"no memory", file("no_memory"), wasm.CodeMemory, "export the memory"},
		{"hidden memory", file("hidden_memory"), wasm.CodeMemory, "export the memory"},
		{"big memory", file("big_memory"), wasm.CodeCompile, "ask for less initial memory"},
		{"no entry", file("no_entry"), wasm.CodeEntry, "export killdeer_call"},
		{"both entries", file("both_entries"), wasm.CodeEntryBoth, "c-shared"},
		{"entry type", file("entry_type"), wasm.CodeEntryType, "(i32)->(i32)"},
		{"start type", file("start_type"), wasm.CodeEntryType, "take and return nothing"},
		{"init type", file("init_type"), wasm.CodeEntryType, "take and return nothing"},
		{"entry is a global", file("entry_global"), wasm.CodeEntryType, "not a function"},
		{"export of the host's", file("hidden_export"), wasm.CodeCompile, "begins with killdeer.hidden/"},
		{"start traps", file("start_trap"), wasm.CodeInstantiate, "unreachable"},
		{"start spins", file("start_spin"), wasm.CodeInstantiate, "deadline"},
		{"start exits", file("start_exit"), wasm.CodeInstantiate, "exit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			began := time.Now()
			_, err := r.Load(t.Context(), tt.name, tt.code)
			var got *wasm.LoadError
			if !errors.As(err, &got) || got.Code != tt.want || !strings.Contains(got.Error(), tt.detail) {
				t.Errorf("Load = %v, want code %s and %q", err, tt.want, tt.detail)
			}
			if cause, remedy, _ := strings.Cut(err.Error(), "; "); len(cause) < 20 || len(remedy) < 20 {
				t.Errorf("Load = %v, want a cause and a remedy", err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("Load took %s", took)
			}
		})
	}
}

// Toolchains that build for another host are told so by what they import.
func TestLoadNamesTheToolchain(t *testing.T) {
	r := newRuntime(t, nil)
	tests := []struct{ module, name, want string }{
		{"env", "strlen", "declared but not defined"},
		{"env", "seed", "Math.random"},
		{"killdeer", "http_get", "the ABI has input_size, input_read, output_write and log"},
		{"gojs", "runtime.wasmExit", "GOOS=wasip1"},
		{"__wbindgen_placeholder__", "__wbindgen_throw", "wasm-bindgen"},
		{"wasi:io/streams@0.2.0", "drop", "WASI 0.2"},
		{"extism:host/env", "alloc", "Extism"},
		{"wasi_snapshot_preview1", "sock_open", "no sockets"},
		{"game", "score", `import from "killdeer" and "wasi_snapshot_preview1" only`},
	}
	for _, tt := range tests {
		_, err := r.Load(t.Context(), "x", importing(tt.module, tt.name))
		var got *wasm.LoadError
		if !errors.As(err, &got) || got.Code != wasm.CodeImport || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.name) {
			t.Errorf("Load of one that imports %s %s = %v, want %q", tt.module, tt.name, err, tt.want)
		}
	}
}

func TestLoadErrorIsOneShortLine(t *testing.T) {
	_, err := newRuntime(t, nil).Load(t.Context(), "x", importing("m", strings.Repeat("x\x1b[31m\n", 2000)))
	var got *wasm.LoadError
	if !errors.As(err, &got) || got.Code != wasm.CodeImport {
		t.Fatalf("Load = %v, want code import", err)
	}
	if len(got.Detail) > 256 || len(err.Error()) > 512 || strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("detail of %d bytes: %v", len(got.Detail), err)
	}
}

// importing makes a module that imports one function, which takes and returns
// nothing.
func importing(module, name string) []byte {
	text := func(s string) []byte { return append(uleb(len(s)), s...) }
	body := append(append(append([]byte{1}, text(module)...), text(name)...), 0, 0)
	code := []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x02")
	return append(append(code, uleb(len(body))...), body...)
}

func uleb(n int) []byte {
	var b []byte
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

func TestLoadTells(t *testing.T) {
	r := newRuntime(t, nil)
	for name, style := range map[string]string{"echo": "reactor", "echo_command": "command", "kinds": "reactor"} {
		m := load(t, r, name)
		if m.Style() != style || m.Name() != name || m.Digest() != sha256.Sum256(fixture(t, name)) {
			t.Errorf("%s: style %s, name %s, digest %x", name, m.Style(), m.Name(), m.Digest())
		}
		call(t, m, wasm.Request{})
	}
}

// A compile in this process cannot be stopped; the load that waits for it can,
// and others are refused until it ends.
func TestLoadGivesUpOnACompileBomb(t *testing.T) {
	r := newRuntime(t, func(o *wasm.Options) { o.Limits.Compile = time.Millisecond })
	_, err := r.Load(t.Context(), "bomb", fixture(t, "compile_bomb"))
	var got *wasm.LoadError
	if !errors.As(err, &got) || got.Code != wasm.CodeCompile || !strings.Contains(got.Detail, "longer than 1ms") {
		t.Errorf("Load = %v, want code compile", err)
	}
}

func TestLoadRespectsContext(t *testing.T) {
	r := newRuntime(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Load(ctx, "echo", fixture(t, "echo")); !errors.Is(err, context.Canceled) {
		t.Errorf("Load = %v, want context canceled", err)
	}
}

func TestLoadSameBytesAtOnce(t *testing.T) {
	r := newRuntime(t, nil)
	code := fixture(t, "counter")
	modules := make([]*wasm.Module, 8)
	var wg sync.WaitGroup
	for i := range modules {
		wg.Go(func() {
			m, err := r.Load(t.Context(), "counter", code)
			if err != nil {
				t.Error(err)
				return
			}
			modules[i] = m
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	closeWithin(t, modules[0], time.Second)
	for _, m := range modules[1:] {
		if got := call(t, m, wasm.Request{Source: "a"}).Output; !bytes.Equal(got, make9(1)) {
			t.Errorf("first call of a module = %v", got)
		}
	}
	_, err := modules[0].Call(t.Context(), wasm.Request{})
	wantCall(t, err, wasm.ErrClosed, "closed")
}

func make9(first byte) []byte { return append([]byte{first}, make([]byte, 8)...) }

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name string
		edit func(*wasm.Options)
		want string
	}{
		{"engine", func(o *wasm.Options) { o.Engine = "jit" }, `"jit"`},
		{"limit", func(o *wasm.Options) { o.Limits.Output = -1 }, "limit output: -1"},
		{"two limits", func(o *wasm.Options) { o.Limits.Output, o.Limits.Call = 0, 0 }, "limit call: 0"},
		{"child without cache", func(o *wasm.Options) { o.CompileCommand = []string{"x"} }, "cache directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := wasm.Options{Limits: wasm.DefaultLimits()}
			tt.edit(&o)
			if _, err := wasm.New(t.Context(), o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("New = %v, want %q", err, tt.want)
			}
		})
	}
}
