package wasm_test

import (
	"os"
	"testing"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
)

// guests are the modules to measure. KILLDEER_BENCH_GUEST names a file to
// measure as well.
func guests(b *testing.B) map[string][]byte {
	all := map[string][]byte{"echo": fixture(b, "echo"), "echo_command": fixture(b, "echo_command")}
	if file := os.Getenv("KILLDEER_BENCH_GUEST"); file != "" {
		code, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		all["file"] = code
	}
	return all
}

func benchmark(b *testing.B, edit func(*wasm.Options), req wasm.Request) {
	for name, code := range guests(b) {
		b.Run(name, func(b *testing.B) {
			m, err := newRuntime(b, edit).Load(b.Context(), name, code)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := m.Call(b.Context(), req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

var benchInput = []byte(`{"abi":1,"op":"describe"}`)

// BenchmarkReusedCall calls on one source's instance.
func BenchmarkReusedCall(b *testing.B) {
	benchmark(b, nil, wasm.Request{Source: "a", Input: benchInput})
}

// BenchmarkFreshCall instantiates for each call, with no spares to help.
func BenchmarkFreshCall(b *testing.B) {
	benchmark(b, func(o *wasm.Options) { o.Limits.Spares = 0 }, wasm.Request{Input: benchInput})
}

// BenchmarkLoad loads with a filled cache: what a start costs.
func BenchmarkLoad(b *testing.B) {
	for name, code := range guests(b) {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir() + "/cache"
			once := func() {
				r, err := wasm.New(b.Context(), wasm.Options{CacheDir: dir})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := r.Load(b.Context(), name, code); err != nil {
					b.Fatal(err)
				}
				if err := r.Close(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			once()
			for b.Loop() {
				once()
			}
		})
	}
}
