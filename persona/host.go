// Package persona asks persona guests for a decoy's answers.
//
// A [Host] holds the loaded modules: it builds the input envelope of the ABI
// killdeer/1, calls the guest, checks what comes back, expands placeholders,
// keeps each session's state and remembers answers, which is sound because
// guests are pure. When a guest fails, the caller gets the persona's fallback
// and a report for the operator, never the guest's own error.
//
// It does not run WebAssembly (internal/wasm does), speaks no MCP, and does not
// decide how an answer looks on the wire.
package persona

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// maxEnvelope is how many bytes a guest is given to read.
const maxEnvelope = 256 << 10

// companyOf is the persona whose company all placeholders are of: whoever sees two
// personas of a sensor must see one employer.
const companyOf = "enterprise"

// Guest is a loaded module; *wasm.Module is one.
type Guest interface {
	Digest() [32]byte
	Prepare(ctx context.Context, steps ...wasm.Request) error
	Call(ctx context.Context, r wasm.Request) (wasm.Reply, error)
	Release(source string)
}

// Options configure a [Host].
type Options struct {
	WorldSeed   []byte        // the deployment's secret; see docs/guest-abi.md, "seed"
	ServerName  string        // replaces the first persona's server name unless empty
	CacheDir    string        // describe documents are kept here; "" for nowhere
	MemoBytes   int64         // memory for remembered answers, 16 MiB when 0
	CallTimeout time.Duration // 2 s when 0
	Instant     bool          // answers ask for no delay
	Calm        bool          // the services behind the tools neither limit nor fail
	Log         *slog.Logger
}

// Host answers for all personas of a sensor.
type Host struct {
	Options
	memo  *memo
	state *states
	rates rates
	fakes *fakes

	ready chan struct{} // closed when Open is through
	err   error         // of Open

	mu      sync.RWMutex // of what Swap exchanges together
	catalog *sdk.Catalog
	by      map[string]*loaded // persona id
	calls   *sync.WaitGroup    // of the personas in by
}

// loaded is one persona and the module it lives in.
type loaded struct {
	*description
	guest  Guest
	module string
	seed   uint64
	mint   *mint

	company uint64       // seed of the company that placeholders are of, the same for all personas
	fakes   *fakes       // of that company
	minted  []sdk.Canary // in what it describes

	seeds     [2]string // its own and the company's, as envelopes have them
	markKey   []byte    // of the marks in envelopes
	clock     atomic.Pointer[clock]
	envelopes sync.Pool
}

// NewHost returns a host whose personas are still to be loaded.
func NewHost(o Options) *Host {
	if o.MemoBytes == 0 {
		o.MemoBytes = 16 << 20
	}
	if o.CallTimeout == 0 {
		o.CallTimeout = 2 * time.Second
	}
	return &Host{
		Options: o, memo: newMemo(o.MemoBytes), state: newStates(), fakes: &fakes{seed: seedFor(o.WorldSeed, companyOf)},
		ready: make(chan struct{}), by: map[string]*loaded{}, calls: &sync.WaitGroup{},
	}
}

// Module is a guest by the name under which the configuration has it.
type Module struct {
	Name  string
	Guest Guest
}

// Open describes the modules and makes the catalog, in their order. It is called
// once; with err, loading the modules has failed already. Calls are answered
// before it returns, which is when the modules are prepared as well.
func (h *Host) Open(ctx context.Context, modules []Module, err error) error {
	if err == nil {
		_, err = h.exchange(ctx, modules)
	}
	h.err = err
	close(h.ready)
	if err == nil {
		h.prepare(ctx, modules)
	}
	return err
}

// Swap replaces the personas by those of other modules, after Open. What sources
// keep of a persona that stays is kept. When it returns, no call uses a module
// that is not among them. An error leaves everything as it was.
func (h *Host) Swap(ctx context.Context, modules []Module) error {
	if _, err := h.Catalog(ctx); err != nil {
		return err
	}
	old, err := h.exchange(ctx, modules)
	if err != nil {
		return err
	}
	old.Wait()
	h.prepare(ctx, modules)
	return nil
}

// exchange describes the modules and puts them in place, and returns the calls
// that are under way to what was there before.
func (h *Host) exchange(ctx context.Context, modules []Module) (*sync.WaitGroup, error) {
	var all []*loaded
	for _, m := range modules {
		of, err := h.describe(ctx, m)
		if err != nil {
			return nil, fmt.Errorf("persona %q: %w", m.Name, err)
		}
		all = append(all, of...)
	}
	catalog, by, err := h.merge(all)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.calls
	h.catalog, h.by, h.calls = catalog, by, &sync.WaitGroup{}
	return old, nil
}

// enter returns a persona, nil if there is none of the id. Until the caller's Done,
// its module is in use.
func (h *Host) enter(id string) (p *loaded, calls *sync.WaitGroup) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	h.calls.Add(1)
	return h.by[id], h.calls
}

// Personas lists the ids of what is loaded, after Open.
func (h *Host) Personas() []string {
	<-h.ready
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.ids()
}

// ids lists the personas. The caller holds the lock.
func (h *Host) ids() []string { return slices.Sorted(maps.Keys(h.by)) }

// Organization returns the name and the domain of the company that the personas show,
// waiting for Open: that of the first, where they show several.
func (h *Host) Organization(ctx context.Context) (name, domain string, err error) {
	if _, err := h.Catalog(ctx); err != nil {
		return "", "", err
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	ids := h.ids()
	if len(ids) == 0 {
		return "", "", errors.New("no persona is loaded")
	}
	w := world.New(h.by[ids[0]].seed)
	name, _ = w.Fake("org_name", 0)
	domain, _ = w.Fake("org_domain", 0)
	return name, domain, nil
}

// Canaries lists the honeytokens in what the personas describe, after Open. They
// are the same for every client.
func (h *Host) Canaries() []sdk.Canary {
	<-h.ready
	h.mu.RLock()
	defer h.mu.RUnlock()
	var all []sdk.Canary
	for _, id := range h.ids() {
		all = append(all, h.by[id].minted...)
	}
	return all
}

// Catalog returns what the personas offer, waiting for Open.
func (h *Host) Catalog(ctx context.Context) (*sdk.Catalog, error) {
	select {
	case <-h.ready:
		return h.offered()
	default:
	}
	select {
	case <-h.ready:
		return h.offered()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for personas: %w", ctx.Err())
	}
}

func (h *Host) offered() (*sdk.Catalog, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.catalog, h.err
}

// Release forgets a source that will not call again.
func (h *Host) Release(source string) {
	h.state.drop(source)
	select {
	case <-h.ready:
	default:
		return
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, p := range h.by {
		p.guest.Release(source)
	}
}

// Call answers one operation on what a persona describes. Seed and State are the
// host's to fill in, Now is the time of arrival. Source is who keeps a guest
// instance and a state: a session, or an actor where there is none. An error
// means that the request cannot be served at all; a guest's failure is an
// answer, see [sdk.Answer]. Answers share memory and are not to be changed.
func (h *Host) Call(ctx context.Context, source string, c *sdk.Call) (*sdk.Answer, error) {
	if _, err := h.Catalog(ctx); err != nil {
		return nil, err
	}
	p, calls := h.enter(c.Persona)
	defer calls.Done()
	if p == nil {
		return nil, fmt.Errorf("%s %s: persona %q is not loaded", c.Op, subject(c), c.Persona)
	}
	if !operations[c.Op] {
		return nil, fmt.Errorf("operation %q is not one of the ABI's", c.Op)
	}
	turn, err := h.state.lock(ctx, source, c.Persona)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", c.Op, subject(c), err)
	}
	defer turn.unlock()
	with := conditions{friction: !h.Calm}
	if u := p.upstreams[p.services[c.Tool]]; with.friction && c.Op == sdk.OpCall && c.Round == 0 {
		with.retryAfter = h.rates.take(owner(source), p.services[c.Tool], u.perMinute, c.Now)
	}
	e := p.envelope(c, h.state.get(source, c.Persona, c.Now), with)
	if len(e.bytes()) > maxEnvelope {
		return &sdk.Answer{Fault: &sdk.Fault{Kind: sdk.FaultBadArgs, Message: "arguments are too large"}}, nil
	}
	key := memoKey{p.guest.Digest(), e.sum}
	out, hit := h.memo.get(key)
	mark := e.mark
	if hit {
		p.envelopes.Put(e) // a guest's call may keep what it was given
	} else {
		var failure *sdk.GuestError
		if out, failure = h.run(ctx, p, source, c, e.bytes(), mark); failure != nil {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("%s %s: %w", c.Op, subject(c), err) // the caller gave up, the guest did not fail
			}
			return p.fallback(c.Op, failure), nil
		}
		h.memo.put(key, out)
	}
	if out.state != nil {
		h.state.set(source, c.Persona, out.state, c.Now)
	}
	return h.paced(p, c, p.answer(out, mark, source)), nil
}

// paced sets when an answer is due, if its persona does not say so itself. A
// remembered answer takes its time like any other.
func (h *Host) paced(p *loaded, c *sdk.Call, a *sdk.Answer) *sdk.Answer {
	switch {
	case h.Instant:
		a.Delay = 0
	case a.Delay == 0 && c.Op == sdk.OpCall:
		a.Delay = p.upstreams[p.services[c.Tool]].wait(len(a.Result))
	}
	return a
}

var operations = map[string]bool{sdk.OpCall: true, sdk.OpResource: true, sdk.OpPrompt: true, sdk.OpComplete: true}

// subject is what a call is about, in the persona's own words and never in the
// client's.
func subject(c *sdk.Call) string {
	switch c.Op {
	case sdk.OpCall:
		return c.Tool
	case sdk.OpPrompt:
		return c.Name
	case sdk.OpResource:
		return cmp.Or(c.Template, c.URI)
	}
	return ""
}

// run calls the guest and decodes its output.
func (h *Host) run(ctx context.Context, p *loaded, source string, c *sdk.Call, in []byte, mark string) (*output, *sdk.GuestError) {
	start := time.Now()
	reply, err := p.guest.Call(ctx, wasm.Request{
		Source: source, Input: in, Deadline: h.CallTimeout, Now: p.now(c.Now),
	})
	for _, l := range reply.Log {
		h.Log.Debug("guest log", "module", p.module, "line", l.Text)
	}
	var out *output
	if err == nil {
		out, err = decodeOutput(reply.Output, expected{
			op: c.Op, output: p.outputs[c.Tool], mark: mark, expand: p.expander(mark, "").json,
		})
	}
	if err == nil {
		return out, nil
	}
	failure := &sdk.GuestError{
		Module: p.module, Op: c.Op, Code: "json", Detail: err.Error(),
		TookMS: float64(time.Since(start).Microseconds()) / 1000,
	}
	if call, ok := errors.AsType[*wasm.CallError](err); ok {
		failure.Code = call.Code
	}
	if ctx.Err() == nil {
		h.Log.Warn("persona guest failed", "module", p.module, "op", c.Op, "subject", subject(c), "code", failure.Code, "error", err)
	}
	return nil, failure
}

// fallback is what the client sees while the guest is broken.
func (p *loaded) fallback(op string, failure *sdk.GuestError) *sdk.Answer {
	delay := p.fallbackDelay[0]
	if span := p.fallbackDelay[1] - delay; span > 0 {
		delay += rand.N(span) // an outage's timing need not repeat
	}
	kind := sdk.FaultInternal
	if op == sdk.OpCall {
		kind = sdk.FaultTool
	}
	return &sdk.Answer{Fault: &sdk.Fault{Kind: kind, Message: p.fallbackText}, Delay: delay, Guest: failure}
}

// seedFor derives a persona's seed from the deployment's secret.
func seedFor(world []byte, persona string) uint64 {
	return binary.BigEndian.Uint64(derive(world, "killdeer/1 "+persona))
}

func derive(world []byte, purpose string) []byte {
	mac := hmac.New(sha256.New, world)
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}
