package wasm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/killdeer-mcp/killdeer/internal/wasm/meter"
)

const (
	hostModule  = "killdeer"
	abortModule = "env" // where AssemblyScript looks for abort, and for nothing else
)

// These travel as panics through guest code, which makes them traps.
var (
	errBounds = errors.New("pointer outside of memory")
	errAbort  = errors.New("guest called abort")
)

type instanceKey struct{}

// withInstance lets host functions find the instance that calls them. A function
// does not learn it otherwise while start code runs.
func withInstance(ctx context.Context, i *instance) context.Context {
	return context.WithValue(ctx, instanceKey{}, i)
}

func instanceOf(ctx context.Context) *instance { return ctx.Value(instanceKey{}).(*instance) }

func frameOf(ctx context.Context) *frame { return instanceOf(ctx).frame }

type hostFunc struct {
	name            string
	params, results int // all are i32
	call            func(*frame, api.Memory, []uint64)
}

var hostFuncs = []hostFunc{
	{"input_size", 0, 1, inputSize},
	{"input_read", 2, 1, inputRead},
	{"output_write", 2, 1, outputWrite},
	{"log", 3, 0, logLine},
}

func inputSize(f *frame, _ api.Memory, stack []uint64) { stack[0] = uint64(len(f.input)) }

func inputRead(f *frame, mem api.Memory, stack []uint64) {
	ptr, size := uint32(stack[0]), uint32(stack[1])
	chunk := f.next(size)
	if !mem.Write(ptr, chunk) {
		panic(errBounds)
	}
	stack[0] = uint64(len(chunk))
}

func outputWrite(f *frame, mem api.Memory, stack []uint64) {
	f.write(view(mem, stack[0], stack[1]))
	stack[0] = 0
}

func logLine(f *frame, mem api.Memory, stack []uint64) {
	level := LogLevel(min(uint32(stack[0]), uint32(LogError)))
	f.log(level, view(mem, stack[1], stack[2]))
}

// view aliases guest memory: whoever keeps the bytes copies them.
func view(mem api.Memory, ptr, size uint64) []byte {
	b, ok := mem.Read(uint32(ptr), uint32(size))
	if !ok {
		panic(errBounds)
	}
	return b
}

// installHost instantiates all host modules and returns what they offer. slice
// is how much fuel a guest gets at a time.
func installHost(ctx context.Context, rt wazero.Runtime, slice uint32) (offered, error) {
	if err := installMeter(ctx, rt, slice); err != nil {
		return nil, err
	}
	b := rt.NewHostModuleBuilder(hostModule)
	for _, f := range hostFuncs {
		b.NewFunctionBuilder().
			WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, m api.Module, stack []uint64) {
				f.call(frameOf(ctx), m.Memory(), stack)
			}), i32s(f.params), i32s(f.results)).
			Export(f.name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return nil, fmt.Errorf("install host module %s: %w", hostModule, err)
	}
	abort := api.GoFunc(func(context.Context, []uint64) { panic(errAbort) })
	_, err := rt.NewHostModuleBuilder(abortModule).
		NewFunctionBuilder().WithGoFunction(abort, i32s(4), nil).Export("abort").
		Instantiate(ctx)
	if err != nil {
		return nil, fmt.Errorf("install host module %s: %w", abortModule, err)
	}
	watched := experimental.WithFunctionListenerFactory(ctx, watch{})
	if _, err := wasi_snapshot_preview1.Instantiate(watched, rt); err != nil {
		return nil, fmt.Errorf("install host module %s: %w", wasi_snapshot_preview1.ModuleName, err)
	}
	return offers(rt, hostModule, abortModule, wasi_snapshot_preview1.ModuleName), nil
}

func i32s(n int) []api.ValueType {
	types := make([]api.ValueType, n)
	for i := range types {
		types[i] = api.ValueTypeI32
	}
	return types
}

func offers(rt wazero.Runtime, modules ...string) offered {
	all := offered{}
	for _, module := range modules {
		all[module] = map[string]string{}
		for name, def := range rt.Module(module).ExportedFunctionDefinitions() {
			all[module][name] = meter.Signature(typeNames(def.ParamTypes()), typeNames(def.ResultTypes()))
		}
	}
	return all
}

func typeNames(types []api.ValueType) []string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = strings.ToLower(api.ValueTypeName(t))
	}
	return names
}
