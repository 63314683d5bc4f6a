package wasm

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"github.com/killdeer-mcp/killdeer/internal/wasm/meter"
)

// instance is one guest with its memory. One goroutine uses it at a time, and
// only that one closes it: closing unmaps memory that running code would touch.
type instance struct {
	mod   api.Module
	entry api.Function
	mem   *mapped
	frame *frame // of the call in progress
	calls int
	// touched says that the guest changed more than memory and variables hold.
	touched bool
	of      *image // that it was made of, or nil
	tables  int64  // bytes, about
	weighed int64  // its size when it was weighed
	holds   int64  // bytes that it cost then, while idle
	began   int64  // what it cost after its first call
	pause   int    // calls from one weighing to the next
	next    int    // of calls, the one after which it is weighed
}

// build describes how a module's instances are made.
type build struct {
	wz       wazero.Runtime
	compiled wazero.CompiledModule
	style    style
	limits   Limits
	plain    bool // wazero's own memory instead of mapped memory

	tables    int64 // bytes that an instance's tables take, about
	imaged    bool  // an image would be all of an instance's state
	variables []meter.Variable
	img       atomic.Pointer[image] // that instances are made of, nil until there is one
}

// instantiate makes an instance, of the image if there is one, and runs its start
// code otherwise. All instances of a module start in the same state: their start
// code sees a fixed frame.
func (b *build) instantiate(ctx context.Context) (i *instance, err error) {
	img := b.img.Load()
	i = &instance{frame: newFrame(nil, time.Time{}, b.limits.Output, b.limits.Log), tables: b.tables}
	ctx, cancel := context.WithTimeout(ctx, b.limits.Instantiate)
	defer cancel()
	defer func() {
		// wazero panics where memory cannot be had.
		if p := recover(); p != nil {
			err = failed(ErrTrap, fmt.Sprint("instantiate: ", p))
		}
		if err != nil {
			i.close()
			i = nil
		}
	}()
	if !b.plain {
		i.mem = newMemory()
	}
	i.mod, err = b.wz.InstantiateModule(i.context(ctx), b.compiled, i.config(b.startCode(img)...))
	switch {
	case err != nil:
		return i, verdict(b.style, i.frame, err)
	case i.mod.IsClosed():
		return i, failed(ErrTrap, "start code called exit")
	}
	if img != nil {
		if err := i.restore(img, b.variables); err != nil {
			return i, failed(ErrTrap, "instantiate: "+err.Error())
		}
	}
	i.entry = i.mod.ExportedFunction(b.style.entry())
	return i, nil
}

// startCode lists what an instance runs before its first call.
func (b *build) startCode(img *image) []string {
	switch {
	case img != nil:
		return nil
	case b.style == reactor:
		return []string{meter.HiddenStart, entryInit}
	}
	return []string{meter.HiddenStart}
}

func (s style) entry() string {
	if s == command {
		return entryCommand
	}
	return entryReactor
}

func (i *instance) context(ctx context.Context) context.Context {
	ctx = withInstance(ctx, i)
	if i.mem != nil {
		ctx = experimental.WithMemoryAllocator(ctx, i.mem)
	}
	return ctx
}

func (i *instance) config(startCode ...string) wazero.ModuleConfig {
	return wazero.NewModuleConfig().
		WithName("").
		WithStartFunctions(startCode...).
		WithStdin(stdin{i}).WithStdout(stdout{i}).WithStderr(stderr{i}).
		WithWalltime(i.walltime, sys.ClockResolution(time.Microsecond)).
		WithNanotime(i.nanotime, sys.ClockResolution(1)).
		WithRandSource(random{i})
}

// call runs the guest once. The instance may be used again only if spent is
// false.
func (i *instance) call(ctx context.Context, s style, f *frame, deadline time.Duration) (spent bool, err error) {
	i.frame = f
	i.calls++
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if ended(ctx) != nil {
		return false, failed(ErrTimeout, "")
	}
	results, err := i.entry.Call(i.context(ctx))
	f.flush()
	spent = s == command
	if err != nil {
		if err = verdict(s, f, err); err != nil {
			return true, err
		}
		return spent, nil
	}
	if s == reactor && uint32(results[0]) != 0 {
		return true, failed(ErrStatus, fmt.Sprintf("status %d", int32(results[0])))
	}
	return spent, nil
}

// verdict finds the code for what wazero returned. It is nil for a command that
// exited with 0.
func verdict(s style, f *frame, err error) error {
	switch {
	case f.overflow:
		return failed(ErrOutput, fmt.Sprintf("limit is %d bytes", f.outputLimit))
	case f.expired:
		return failed(ErrTimeout, "")
	}
	var exit *sys.ExitError
	if !errors.As(err, &exit) {
		return failed(ErrTrap, err.Error())
	}
	code := exit.ExitCode()
	switch {
	case s == reactor:
		return failed(ErrTrap, fmt.Sprintf("called exit with %d", code))
	case code != 0:
		return failed(ErrStatus, fmt.Sprintf("exit code %d", code))
	}
	return nil
}

// size is how much linear memory an instance has.
func (i *instance) size() int64 { return int64(i.mod.Memory().Size()) }

// due reports whether an instance is to be weighed after a call: that takes longer than
// many a call.
func (i *instance) due() bool { return i.calls >= i.next || i.size() != i.weighed }

// weigh finds what an idle instance costs: its memory, or what of it is not that
// of an image, and tables.
func (i *instance) weigh() {
	before := i.holds
	i.weighed = i.size()
	if i.holds = i.weighed; i.of != nil {
		i.holds = i.mem.private(i.weighed) + i.tables
	}
	if i.pause = min(2*i.pause, weighSeldom); i.calls == 1 || i.holds-before > gatheredLittle {
		i.pause = weighOften
	}
	if i.next = i.calls + i.pause; i.calls == 1 {
		i.began = i.holds
	}
}

// worn reports whether a new instance of the image would cost less than this one
// has gathered since its first call, most of which is garbage.
func (i *instance) worn() bool { return i.of != nil && i.holds-i.began > wornAfter }

// close frees the instance, and its memory whatever state wazero left it in.
func (i *instance) close() {
	if i == nil {
		return
	}
	if i.mod != nil {
		_ = i.mod.Close(context.Background()) // only file systems can fail, and there are none
	}
	if i.mem != nil {
		i.mem.Free()
	}
}
