package wasm

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/wasm/meter"
)

const (
	// MaxInput is the largest input of a call.
	MaxInput = 8 << 20
	// maxMemoryPages is what the format allows: 4 GiB.
	maxMemoryPages = 1 << 16
	pageSize       = 1 << 16
)

// Limits bound what guests may use. [DefaultLimits] is the place to start from:
// a zero field is an error, not a default.
type Limits struct {
	Module      int           // bytes of a module file
	Output      int           // bytes of a call's output
	Log         int           // bytes of log lines kept per call
	MemoryPages uint32        // linear memory of one instance, in pages of 64 KiB
	Compile     time.Duration // compiling one module
	Instantiate time.Duration // start code of one instance
	Call        time.Duration // deadline of a call that names none
	Concurrent  int           // guest calls running at once, over all modules
	Spares      int           // instances kept ready per module
	IdleAfter   time.Duration // an idle source's instance is closed after this
	IdleMemory  int64         // bytes of memory all idle sources' instances may hold, beside what they share
}

// DefaultLimits returns the limits that the built-in guests are tested under.
func DefaultLimits() Limits {
	return Limits{
		Module:      8 << 20,
		Output:      1 << 20,
		Log:         8 << 10,
		MemoryPages: 512,
		Compile:     time.Minute,
		Instantiate: 2 * time.Second,
		Call:        2 * time.Second,
		Concurrent:  2 * runtime.GOMAXPROCS(0),
		Spares:      4,
		IdleAfter:   time.Minute,
		IdleMemory:  128 << 20,
	}
}

// Validate reports all faults at once.
func (l Limits) Validate() error {
	var errs []error
	within := func(name string, got, low, high int64) {
		if got < low || got > high {
			errs = append(errs, fmt.Errorf("limit %s: %d is not within %d and %d", name, got, low, high))
		}
	}
	const forever = int64(24 * time.Hour)
	within("module", int64(l.Module), 8, meter.MaxModule)
	within("output", int64(l.Output), 1, 1<<30)
	within("log", int64(l.Log), 0, 1<<20)
	within("memory_pages", int64(l.MemoryPages), 1, maxMemoryPages)
	within("compile", int64(l.Compile), int64(time.Millisecond), forever)
	within("instantiate", int64(l.Instantiate), int64(time.Millisecond), forever)
	within("call", int64(l.Call), int64(time.Millisecond), forever)
	within("concurrent", int64(l.Concurrent), 1, 4096)
	within("spares", int64(l.Spares), 0, 1024)
	within("idle_after", int64(l.IdleAfter), int64(time.Millisecond), forever)
	within("idle_memory", l.IdleMemory, 0, 1<<40)
	return errors.Join(errs...)
}
