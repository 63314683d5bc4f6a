package wasm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/killdeer-mcp/killdeer/internal/wasm/meter"
)

// The engines that [Options.Engine] names.
const (
	EngineCompiler    = "compiler"    // native code, amd64 and arm64
	EngineInterpreter = "interpreter" // everywhere, and 26 to 60 times slower
)

// Options say how a [Runtime] is made.
type Options struct {
	// CacheDir keeps native code between starts. Whoever can write there owns
	// the process, so New refuses a directory that others can write to. Empty:
	// every start compiles.
	CacheDir string
	// Engine is EngineCompiler if empty. There is no silent fallback: where
	// native code is forbidden, New fails and says so.
	Engine string
	// CompileCommand starts a child that compiles one module: a program and its
	// arguments, to which the cache directory is added. It ends in a call of
	// CompileChild. Empty: modules are compiled in this process, where neither
	// time nor memory of a compile can be bounded. It needs CacheDir.
	CompileCommand []string
	// Limits are DefaultLimits if zero.
	Limits Limits
	// Log takes what no caller is told: cache entries thrown away. May be nil.
	Log *slog.Logger
	// Called is told of every call that found a place to run, by the module's name.
	// It must not block. May be nil.
	Called func(module string, took time.Duration, err error)
}

// Runtime holds the guests of a process. Its methods may be called from several
// goroutines.
type Runtime struct {
	engine   string
	limits   Limits
	command  []string
	log      *slog.Logger
	called   func(module string, took time.Duration, err error)
	wz       wazero.Runtime
	disk     *diskCache // nil without CacheDir
	code     wazero.CompilationCache
	host     offered
	running  chan struct{} // a token per guest call that runs
	compiler chan struct{} // a token while a module compiles
	sessions *sessions
	work     *activity // loads, and compiles that their load gave up on

	stop    context.CancelFunc
	janitor sync.WaitGroup

	mu      sync.Mutex
	modules map[*Module]struct{}
}

// New starts a runtime. Close it.
func New(ctx context.Context, o Options) (*Runtime, error) {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	if err := o.Limits.Validate(); err != nil {
		return nil, err
	}
	if len(o.CompileCommand) > 0 && o.CacheDir == "" {
		return nil, errors.New("a compile command needs a cache directory")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Engine == "" {
		o.Engine = EngineCompiler
	}
	r := &Runtime{
		engine: o.Engine, limits: o.Limits, command: o.CompileCommand, log: o.Log, called: o.Called,
		running:  make(chan struct{}, o.Limits.Concurrent),
		compiler: make(chan struct{}, 1),
		sessions: newSessions(o.Limits),
		work:     newActivity(),
		modules:  map[*Module]struct{}{},
	}
	if err := r.start(ctx, o.CacheDir); err != nil {
		return nil, errors.Join(err, r.closeEngine(ctx))
	}
	background, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.janitor.Go(func() { r.sweep(background) })
	return r, nil
}

// start brings up wazero, its cache and the host modules.
func (r *Runtime) start(ctx context.Context, cacheDir string) (err error) {
	config, err := engineConfig(r.engine)
	if err != nil {
		return err
	}
	if cacheDir != "" && r.engine == EngineCompiler {
		if r.disk, err = openDiskCache(cacheDir, r.log); err != nil {
			return err
		}
		if r.code, err = r.disk.wazero(); err != nil {
			return err
		}
		config = config.WithCompilationCache(r.code)
	}
	if r.wz, err = newWazero(ctx, config.WithMemoryLimitPages(r.limits.MemoryPages)); err != nil {
		return err
	}
	r.host, err = installHost(ctx, r.wz, fuelSlice(r.engine))
	return err
}

func engineConfig(engine string) (wazero.RuntimeConfig, error) {
	var config wazero.RuntimeConfig
	switch engine {
	case EngineCompiler:
		config = wazero.NewRuntimeConfigCompiler()
	case EngineInterpreter:
		config = wazero.NewRuntimeConfigInterpreter()
	default:
		return nil, fmt.Errorf("engine %q is unknown, want %q or %q", engine, EngineCompiler, EngineInterpreter)
	}
	return config.WithDebugInfoEnabled(false), nil
}

// newWazero turns wazero's panic into an error: under systemd's
// MemoryDenyWriteExecute, and on CPUs without a compiler, there is no native code.
func newWazero(ctx context.Context, config wazero.RuntimeConfig) (wz wazero.Runtime, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("start the guest compiler: %s; set engine = %q to do without native code",
				clip(fmt.Sprint(p)), EngineInterpreter)
		}
	}()
	return wazero.NewRuntimeWithConfig(ctx, config), nil
}

// Engine returns the engine in use, as Options names it.
func (r *Runtime) Engine() string { return r.engine }

// sweep closes idle instances until the runtime is closed.
func (r *Runtime) sweep(ctx context.Context) {
	ticker := time.NewTicker(max(r.limits.IdleAfter/4, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			r.sessions.expire(now)
		case <-ctx.Done():
			return
		}
	}
}

// Load checks a module, compiles it and runs its start code once. A module that
// is refused gives a *[LoadError]. Two loads of the same bytes compile once and give two
// modules, each to be closed.
func (r *Runtime) Load(ctx context.Context, name string, code []byte) (*Module, error) {
	if !r.work.enter() {
		return nil, ErrClosed
	}
	defer r.work.leave()
	if len(code) > r.limits.Module {
		return nil, refuse(CodeTooBig, "over %d bytes", r.limits.Module)
	}
	s, err := meter.Scan(code)
	if err != nil {
		return nil, refusal(err)
	}
	style, err := check(s, r.host)
	if err != nil {
		return nil, err
	}
	metered, err := s.Metered()
	if err != nil {
		return nil, refusal(err)
	}
	compiled, err := r.compile(ctx, metered)
	if err != nil {
		return nil, err
	}
	b := &build{wz: r.wz, compiled: compiled, style: style, limits: r.limits, plain: r.engine == EngineInterpreter}
	if style == reactor && !b.plain && newMemory() != nil && s.Fixed() {
		b.imaged, b.variables, b.tables = true, s.Variables, int64(s.Elements)*elementBytes
	}
	m := newModule(r, name, sha256.Sum256(code), b)
	first, err := b.instantiate(ctx)
	if err != nil {
		_ = compiled.Close(context.Background()) // the first error says more
		return nil, loadFailure(ctx, err)
	}
	m.keepSpare(first)
	r.mu.Lock()
	r.modules[m] = struct{}{}
	r.mu.Unlock()
	return m, nil
}

// loadFailure tells a caller who gave up from a module that does not start.
func loadFailure(ctx context.Context, err error) error {
	if cause := ended(ctx); cause != nil {
		return fmt.Errorf("load guest: %w", cause)
	}
	if call, ok := errors.AsType[*CallError](err); ok {
		err = call.Err
	}
	return refuse(CodeInstantiate, "%v", err)
}

// Close ends all modules and waits for all goroutines. Calls that still run when
// ctx ends are interrupted. If a guest cannot be interrupted, or a compile goes
// on, Close returns an error and leaves what it uses in place.
func (r *Runtime) Close(ctx context.Context) error {
	r.stop()
	r.janitor.Wait()
	r.work.shut()
	var errs []error
	if err := r.work.wait(ctx); err != nil {
		errs = append(errs, fmt.Errorf("wait for a module that compiles: %w", err))
	}
	for _, m := range r.loaded() {
		errs = append(errs, m.Close(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close guests: %w", err)
	}
	return r.closeEngine(ctx)
}

func (r *Runtime) closeEngine(ctx context.Context) (err error) {
	if r.wz != nil {
		err = r.wz.Close(ctx)
	}
	if r.code != nil {
		err = errors.Join(err, r.code.Close(ctx))
	}
	return err
}

func (r *Runtime) loaded() []*Module {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*Module, 0, len(r.modules))
	for m := range r.modules {
		list = append(list, m)
	}
	return list
}
