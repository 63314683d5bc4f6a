package wasm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/killdeer-mcp/killdeer/internal/wasm/meter"
)

// How much fuel a guest gets at a time. Native code runs 0.05 to 0.2 ms on it, and
// one to two where the processor is slow with each instruction. Nothing interrupts
// a guest in between, neither its deadline nor the garbage collector.
const (
	sliceCompiled    = 1 << 19
	sliceInterpreted = 1 << 14
)

// errExpired travels as a panic through guest code, which ends the guest.
var errExpired = errors.New("deadline passed")

func fuelSlice(engine string) uint32 {
	if engine == EngineInterpreter {
		return sliceInterpreted
	}
	return sliceCompiled
}

// ended returns why a context is done, or is about to be once a timer gets its
// turn. It is nil for one that is not.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// expire ends the guest that calls.
func (f *frame) expire() {
	f.expired = true
	panic(errExpired)
}

// installMeter instantiates the host module that metered guests call when they
// are out of fuel.
func installMeter(ctx context.Context, rt wazero.Runtime, slice uint32) error {
	refill := api.GoFunc(func(ctx context.Context, stack []uint64) {
		if ended(ctx) != nil {
			frameOf(ctx).expire()
		}
		stack[0] = uint64(slice)
	})
	_, err := rt.NewHostModuleBuilder(meter.HostModule).
		NewFunctionBuilder().WithGoFunction(refill, nil, i32s(1)).Export(meter.HostRefill).
		Instantiate(ctx)
	if err != nil {
		return fmt.Errorf("install host module %s: %w", meter.HostModule, err)
	}
	return nil
}

// watch looks at the context after each WASI function: fuel does not count the
// time that these take, and some take as much as a guest likes. It notes before
// which of them change the instance.
type watch struct{}

// NewFunctionListener implements [experimental.FunctionListenerFactory].
func (w watch) NewFunctionListener(api.FunctionDefinition) experimental.FunctionListener { return w }

// Before implements [experimental.FunctionListener].
func (watch) Before(ctx context.Context, _ api.Module, def api.FunctionDefinition, _ []uint64, _ experimental.StackIterator) {
	if !stateless[def.Name()] {
		instanceOf(ctx).touched = true
	}
}

// stateless are the WASI functions that leave nothing behind but in memory and in
// a frame. Others change file descriptors, which an image does not hold.
var stateless = map[string]bool{
	"args_get": true, "args_sizes_get": true, "environ_get": true, "environ_sizes_get": true,
	"clock_res_get": true, "clock_time_get": true, "random_get": true, "sched_yield": true, "proc_exit": true,
	"fd_fdstat_get": true, "fd_fdstat_set_flags": true, "fd_filestat_get": true, "fd_prestat_get": true, "fd_prestat_dir_name": true,
	"fd_read": true, "fd_write": true, "poll_oneoff": true,
}

// After implements [experimental.FunctionListener].
func (watch) After(ctx context.Context, _ api.Module, _ api.FunctionDefinition, _ []uint64) {
	if ctx.Err() != nil {
		frameOf(ctx).expire()
	}
}

// Abort implements [experimental.FunctionListener].
func (watch) Abort(context.Context, api.Module, api.FunctionDefinition, error) {}
