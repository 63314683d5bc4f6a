package wasm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/killdeer-mcp/killdeer/internal/wasm/meter"
)

const (
	// childMemory bounds the data of a compile child.
	childMemory = raceFactor << 30
	// childWorkers may be above one in a child only: a panic in a worker
	// cannot be recovered.
	childWorkers = 2
	// childGrace is how long a killed child's pipes are waited for.
	childGrace = time.Second
)

// compile turns a scanned module into native code, one module at a time: the
// second of two equal modules then finds the first one's code.
func (r *Runtime) compile(ctx context.Context, code []byte) (wazero.CompiledModule, error) {
	select {
	case r.compiler <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to compile a guest: %w", ctx.Err())
	}
	limited, cancel := context.WithTimeout(ctx, r.limits.Compile)
	compiled, err := r.compileWithin(limited, cancel, code)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("compile a guest: %w", ctx.Err())
	}
	return compiled, err
}

type compileResult struct {
	compiled wazero.CompiledModule
	err      error
}

// compileWithin gives up waiting when ctx ends. The goroutine then goes on,
// because wazero cannot be interrupted, and keeps the place of the compiler: a
// module that takes forever blocks loads, not the machine.
func (r *Runtime) compileWithin(ctx context.Context, cancel context.CancelFunc, code []byte) (wazero.CompiledModule, error) {
	result := make(chan compileResult)
	gone := make(chan struct{})
	defer close(gone)
	r.work.join()
	go func() {
		defer r.work.leave()
		defer func() { <-r.compiler }()
		defer cancel()
		compiled, err := r.compileOne(ctx, code)
		select {
		case result <- compileResult{compiled, err}:
		case <-gone:
			if compiled != nil {
				_ = compiled.Close(context.Background()) // nobody is left to tell
			}
		}
	}()
	select {
	case got := <-result:
		return got.compiled, got.err
	case <-ctx.Done():
		return nil, refuse(CodeCompile, "took longer than %s", r.limits.Compile)
	}
}

// compileOne has a child fill the disk cache first, where one is configured, and
// then compiles, which the cache makes short.
func (r *Runtime) compileOne(ctx context.Context, code []byte) (wazero.CompiledModule, error) {
	if r.disk == nil {
		compiled, err := compileRecovered(ctx, r.wz, code)
		if err != nil {
			return nil, refuse(CodeCompile, "%v", err)
		}
		return compiled, nil
	}
	r.disk.verify()
	digest := sha256.Sum256(code)
	if len(r.command) > 0 && !r.disk.has(digest) {
		if err := r.runChild(ctx, code); err != nil {
			return nil, err
		}
		r.disk.verify()
	}
	compiled, err := compileRecovered(ctx, r.wz, code)
	if cacheFault(err) {
		// The module stays in memory when only writing it to disk failed, and an
		// entry that cannot be read is gone after discard.
		r.disk.discard(err)
		compiled, err = compileRecovered(ctx, r.wz, code)
	}
	if err != nil {
		return nil, refuse(CodeCompile, "%v", err)
	}
	r.disk.seal(digest)
	return compiled, nil
}

// cacheFault tells a full disk or a bad entry from a bad module.
func cacheFault(err error) bool {
	var errno syscall.Errno
	return err != nil && (errors.As(err, &errno) || strings.HasPrefix(err.Error(), "compilationcache:"))
}

// compileRecovered compiles on this goroutine, where a panic of the compiler
// over an odd module can be caught.
func compileRecovered(ctx context.Context, wz wazero.Runtime, code []byte) (compiled wazero.CompiledModule, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the compiler failed: %v", p)
		}
	}()
	return wz.CompileModule(ctx, code)
}

// runChild compiles in a process of its own, which can be killed.
func (r *Runtime) runChild(ctx context.Context, code []byte) error {
	said := &limitedBuffer{left: maxDetail}
	args := append(append([]string{}, r.command[1:]...), r.disk.dir)
	cmd := exec.CommandContext(ctx, r.command[0], args...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(code), said
	cmd.Env = []string{} // secrets of the sensor are none of a compiler's business
	cmd.WaitDelay = childGrace
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return refuse(CodeCompile, "took longer than %s", r.limits.Compile)
	case len(said.kept) > 0:
		return refuse(CodeCompile, "%s", said.kept)
	}
	return refuse(CodeCompile, "compile child: %v", err)
}

// limitedBuffer keeps the first bytes and swallows the rest. It embeds nothing:
// a ReadFrom method would be found, and go around the limit.
type limitedBuffer struct {
	kept []byte
	left int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	b.kept = append(b.kept, p[:n]...)
	return len(p), nil
}

// CompileChild is the other end of [Options.CompileCommand]: it reads one module,
// compiles it and leaves the native code in the cache directory, for the parent
// to find. The caller prints the error on standard error and exits with 1. It
// limits the memory of the whole process it runs in.
func CompileChild(ctx context.Context, module io.Reader, cacheDir string) (err error) {
	if err := limitData(childMemory); err != nil {
		return fmt.Errorf("limit the compiler's memory: %w", err)
	}
	code, err := io.ReadAll(io.LimitReader(module, meter.MaxModule+1))
	if err != nil {
		return fmt.Errorf("read the module: %w", err)
	}
	if _, err := meter.Scan(code); err != nil {
		return refusal(err)
	}
	limits := DefaultLimits()
	limits.MemoryPages = maxMemoryPages // the parent applies its own
	r, err := New(ctx, Options{CacheDir: cacheDir, Limits: limits})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close(ctx)) }()
	_, err = r.compileOne(experimental.WithCompilationWorkers(ctx, childWorkers), code)
	if refused, ok := errors.AsType[*LoadError](err); ok {
		return errors.New(refused.Detail) // the parent adds the code
	}
	return err
}
