package wasm

import (
	"testing"
	"time"
)

// BenchmarkMetering compares what runs: the guest without anything that could
// stop it, with wazero's own checks, and with metering.
func BenchmarkMetering(b *testing.B) {
	for _, mode := range []string{modePlain, modeCOD, modeMetered} {
		b.Run("loop/"+mode, func(b *testing.B) {
			benchmarkMode(b, mode, fixtures(b)["testdata/sum.wasm"], "")
		})
	}
	for _, name := range []string{"trivial", "search", "logs"} {
		for _, mode := range []string{modePlain, modeCOD, modeMetered} {
			b.Run(name+"/"+mode, func(b *testing.B) {
				benchmarkMode(b, mode, builtInGuest(b, "enterprise"), builtInCalls["enterprise"][name])
			})
		}
	}
}

func benchmarkMode(b *testing.B, mode string, code []byte, input string) {
	r := newRunner(b, EngineCompiler, mode, code)
	if r == nil {
		b.Fatal("guest does not load")
	}
	r.call(b.Context(), []byte(input), time.Minute) // the world is made once
	for b.Loop() {
		r.call(b.Context(), []byte(input), time.Minute)
	}
}
