package wasm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// sharedCalls is how often a shared instance is used before it is replaced.
	sharedCalls = 1000
	// interruptGrace is how long Close waits for calls that it interrupted.
	interruptGrace = time.Second
)

// Module is a loaded guest. Its methods may be called from several goroutines.
type Module struct {
	name   string
	digest [32]byte
	build  *build
	rt     *Runtime

	calls   *activity
	breaker breaker
	// life ends when calls must stop. It is kept because calls have contexts of
	// their own, from callers.
	life context.Context
	end  context.CancelFunc

	running chan struct{} // a token per call of this module that runs

	spares chan *instance
	need   chan struct{} // holds a token while spares may be missing
	warm   sync.Once
	filler sync.WaitGroup

	mu     sync.Mutex
	shared []*instance // idle ones that any source may use
}

func newModule(r *Runtime, name string, digest [32]byte, b *build) *Module {
	life, end := context.WithCancel(context.Background())
	return &Module{
		name: name, digest: digest, build: b, rt: r,
		calls: newActivity(), life: life, end: end,
		running: make(chan struct{}, max(1, r.limits.Concurrent/2)),
		spares:  make(chan *instance, r.limits.Spares),
		need:    make(chan struct{}, 1),
	}
}

// Name returns the name that the module was loaded under.
func (m *Module) Name() string { return m.name }

// Digest returns the SHA-256 of the module's file.
func (m *Module) Digest() [32]byte { return m.digest }

// Style returns "reactor" for a module that is called again and again, "command" for
// one that runs once per instance.
func (m *Module) Style() string { return string(m.build.style) }

// Degraded reports whether calls are refused after repeated failures.
func (m *Module) Degraded() bool { return m.breaker.open() }

// Request is one call.
type Request struct {
	// Source owns the instance that the call uses: it is kept for the source's
	// next call, until Release. Empty: an instance for this call only.
	Source string
	// Shared lets the call use an instance that other sources used, in place of
	// Source's own. Only for guests whose output reaches no source.
	Shared bool
	Input  []byte
	// Deadline is Limits.Call if zero. Waiting for a turn does not count.
	Deadline time.Duration
	// Now is the guest's wall clock; a fixed date if zero.
	Now time.Time
	// Output is Limits.Output if zero.
	Output int
}

// Reply is what a call left. With an error it has log lines and no output.
type Reply struct {
	Output []byte
	Log    []LogLine
	// LogCut says that lines were dropped for Limits.Log.
	LogCut bool
	// Took is how long the guest ran.
	Took time.Duration
	// Memory is how much linear memory the instance has after the call, in bytes.
	Memory int64
}

// Call runs the guest on an input. Calls of one source run one after another, in no particular
// order. An error is a *[CallError].
func (m *Module) Call(ctx context.Context, req Request) (Reply, error) {
	if !m.calls.enter() {
		return Reply{}, failed(ErrClosed, "")
	}
	defer m.calls.leave()
	if len(req.Input) > MaxInput {
		return Reply{}, failed(ErrInput, fmt.Sprintf("%d bytes, the limit is %d", len(req.Input), MaxInput))
	}
	probe, ok := m.breaker.admit()
	if !ok {
		return Reply{}, failed(ErrDegraded, "")
	}
	if !req.Shared {
		m.warmUp() // shared instances are their own spares
	}
	reply, err := m.serve(ctx, req)
	m.breaker.report(probe, judge(ctx, m.life, err))
	return reply, err
}

// judge keeps what callers do out of the breaker: hanging up is not a failure
// of the guest.
func judge(ctx, life context.Context, err error) outcome {
	switch {
	case err == nil:
		return outcomeGood
	case errors.Is(err, ErrBusy), ended(ctx) != nil, life.Err() != nil:
		return outcomeNone
	case errors.Is(err, ErrTimeout), errors.Is(err, ErrTrap):
		return outcomeFailure
	}
	return outcomeGood
}

// serve finds an instance, runs the call on it, and puts it back.
func (m *Module) serve(ctx context.Context, req Request) (Reply, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.life, cancel)()

	inst, give, err := m.take(ctx, req)
	if err != nil {
		return Reply{}, err
	}
	leave, err := m.enterRun(ctx)
	if err != nil {
		give(inst)
		return Reply{}, err
	}
	defer leave()
	if inst == nil {
		if inst, err = m.fresh(ctx); err != nil {
			give(nil)
			return Reply{}, err
		}
	}
	began := time.Now()
	reply, spent, err := m.run(ctx, inst, req)
	if m.rt.called != nil {
		m.rt.called(m.name, time.Since(began), err)
	}
	if !spent {
		if inst.due() {
			inst.weigh()
		}
		spent = inst.worn()
	}
	if spent {
		inst.close()
		inst = nil
	}
	give(inst)
	return reply, err
}

// enterRun waits for a place to run in, first among the module's own, which are
// half of all: a guest that runs to its deadline holds up no other guest.
func (m *Module) enterRun(ctx context.Context) (leave func(), err error) {
	for _, places := range []chan struct{}{m.running, m.rt.running} {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			if places == m.rt.running {
				<-m.running
			}
			return nil, failed(ErrBusy, "")
		}
	}
	return func() { <-m.rt.running; <-m.running }, nil
}

func (m *Module) run(ctx context.Context, inst *instance, req Request) (reply Reply, spent bool, err error) {
	limits := &m.rt.limits
	if req.Output <= 0 {
		req.Output = limits.Output
	}
	if req.Deadline <= 0 {
		req.Deadline = limits.Call
	}
	f := newFrame(req.Input, req.Now, req.Output, limits.Log)
	began := time.Now()
	spent, err = inst.call(ctx, m.build.style, f, req.Deadline)
	reply = Reply{Log: f.lines, LogCut: f.logCut, Took: time.Since(began)}
	if err == nil {
		reply.Output, reply.Memory = f.output, inst.size()
	}
	return reply, spent, err
}

// take returns the instance that a request is entitled to, nil if it is to have
// a fresh one, and what to give the instance back with.
func (m *Module) take(ctx context.Context, req Request) (*instance, func(*instance), error) {
	switch {
	case m.build.style == command:
		return nil, (*instance).close, nil
	case req.Shared:
		return m.takeShared(), m.giveShared, nil
	case req.Source == "":
		return nil, (*instance).close, nil
	}
	s, inst, err := m.rt.sessions.take(ctx, sessionKey{m, req.Source})
	if err != nil {
		return nil, nil, err
	}
	return inst, func(i *instance) { m.rt.sessions.give(s, i) }, nil
}

func (m *Module) takeShared() *instance {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.shared) == 0 {
		return nil
	}
	last := len(m.shared) - 1
	inst := m.shared[last]
	m.shared = m.shared[:last]
	return inst
}

func (m *Module) giveShared(inst *instance) {
	if inst == nil {
		return
	}
	m.mu.Lock()
	keep := inst.calls < sharedCalls && len(m.shared) < max(1, m.rt.limits.Spares)
	if keep {
		m.shared = append(m.shared, inst)
	}
	m.mu.Unlock()
	if !keep {
		inst.close()
	}
}

// fresh returns an instance that no call has used.
func (m *Module) fresh(ctx context.Context) (*instance, error) {
	select {
	case inst := <-m.spares:
		m.wantSpares()
		return inst, nil
	default:
		return m.build.instantiate(ctx)
	}
}

// Release ends a source's session: its next call meets a fresh instance.
func (m *Module) Release(source string) { m.rt.sessions.release(sessionKey{m, source}) }

// Warm fills the spare instances in the background. The first call does so too.
func (m *Module) Warm() {
	if m.calls.enter() {
		defer m.calls.leave()
		m.warmUp()
	}
}

func (m *Module) warmUp() {
	m.warm.Do(func() {
		m.wantSpares()
		m.filler.Go(m.fill)
	})
}

func (m *Module) wantSpares() {
	select {
	case m.need <- struct{}{}:
	default:
	}
}

// fill makes spare instances off the request path until the module is closed.
func (m *Module) fill() {
	for {
		select {
		case <-m.need:
			m.refill()
		case <-m.life.Done():
			return
		}
	}
}

// refill stops at an error: a call that finds no spare meets the same error, and
// reports it.
func (m *Module) refill() {
	for len(m.spares) < cap(m.spares) {
		inst, err := m.build.instantiate(m.life)
		if err != nil {
			return
		}
		m.keepSpare(inst)
	}
}

func (m *Module) keepSpare(inst *instance) {
	select {
	case m.spares <- inst:
	default:
		inst.close()
	}
}

// Close refuses new calls, waits for those under way, and frees all instances.
// Calls that still run when ctx ends are interrupted; one that cannot be
// makes Close return an error, and may be waited for by another Close.
func (m *Module) Close(ctx context.Context) error {
	m.calls.shut()
	if m.calls.wait(ctx) != nil {
		m.end()
		grace, cancel := context.WithTimeout(context.Background(), interruptGrace)
		defer cancel()
		if m.calls.wait(grace) != nil {
			return fmt.Errorf("close guest %q: a call cannot be interrupted", m.name)
		}
	}
	m.end()
	m.filler.Wait()
	if !m.rt.forget(m) {
		return nil
	}
	m.rt.sessions.forget(m)
	closeAll(m.shared)
	close(m.spares)
	for inst := range m.spares {
		inst.close()
	}
	m.build.img.Load().close()
	if err := m.build.compiled.Close(context.Background()); err != nil {
		return fmt.Errorf("close guest %q: %w", m.name, err)
	}
	return nil
}

// forget takes a module off the list. It reports whether it was there, so that
// of several who close a module one frees it.
func (r *Runtime) forget(m *Module) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.modules[m]
	delete(r.modules, m)
	return ok
}
