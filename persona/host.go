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
	"strconv"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// Limits of the ABI that this package holds.
const (
	maxEnvelope = 256 << 10
	maxState    = 16 << 10
	maxNotes    = 16
	maxNote     = 256
	maxDelay    = 60 * time.Second
)

// Guest is a loaded module; *wasm.Module is one.
type Guest interface {
	Digest() [32]byte
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
	Log         *slog.Logger
}

// Host answers for all personas of a sensor.
type Host struct {
	Options
	memo  *memo
	state *states

	ready   chan struct{} // closed when catalog and err are final
	catalog *sdk.Catalog
	err     error
	by      map[string]*loaded // persona id
}

// loaded is one persona and the module it lives in.
type loaded struct {
	*description
	guest  Guest
	module string
	seed   uint64
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
		Options: o, memo: newMemo(o.MemoBytes), state: newStates(),
		ready: make(chan struct{}), by: map[string]*loaded{},
	}
}

// Module is a guest by the name under which the configuration has it.
type Module struct {
	Name  string
	Guest Guest
}

// Open describes the modules and makes the catalog, in their order. It is called
// once; with err, loading the modules has failed already.
func (h *Host) Open(ctx context.Context, modules []Module, err error) error {
	defer close(h.ready)
	h.err = err
	var all []*loaded
	for _, m := range modules {
		if h.err != nil {
			break
		}
		var of []*loaded
		if of, h.err = h.describe(ctx, m); h.err != nil {
			h.err = fmt.Errorf("persona %q: %w", m.Name, h.err)
		}
		all = append(all, of...)
	}
	if h.err == nil {
		h.catalog, h.err = h.merge(all)
	}
	return h.err
}

// Personas lists the ids of what is loaded, after Open.
func (h *Host) Personas() []string {
	<-h.ready
	return slices.Sorted(maps.Keys(h.by))
}

// Catalog returns what the personas offer, waiting for Open.
func (h *Host) Catalog(ctx context.Context) (*sdk.Catalog, error) {
	select {
	case <-h.ready:
		return h.catalog, h.err
	default:
	}
	select {
	case <-h.ready:
		return h.catalog, h.err
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for personas: %w", ctx.Err())
	}
}

// Release forgets a source that will not call again.
func (h *Host) Release(source string) {
	h.state.drop(source)
	select {
	case <-h.ready:
	default:
		return
	}
	for _, p := range h.by {
		p.guest.Release(source)
	}
}

// Call answers one tool call. An error means that the request cannot be served
// at all; a guest's failure is an answer, see [sdk.Answer].
func (h *Host) Call(ctx context.Context, c sdk.ToolCall) (*sdk.Answer, error) {
	if _, err := h.Catalog(ctx); err != nil {
		return nil, err
	}
	p := h.by[c.Persona]
	if p == nil {
		return nil, fmt.Errorf("call %s: persona %q is not loaded", c.Tool, c.Persona)
	}
	defer h.state.lock(c.Source, c.Persona)()
	in := p.envelope(c, h.state.get(c.Source, c.Persona))
	if len(in) > maxEnvelope {
		return &sdk.Answer{Fault: &sdk.Fault{Kind: "bad_args", Message: "arguments are too large"}}, nil
	}
	key := memoKey(p.guest.Digest(), in)
	out, hit := h.memo.get(key)
	if !hit {
		var failure *sdk.GuestError
		if out, failure = h.run(ctx, p, c, in); failure != nil {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("call %s: %w", c.Tool, err) // the caller gave up, the guest did not fail
			}
			return p.fallback(failure), nil
		}
		h.memo.put(key, out)
	}
	if out.state != nil {
		h.state.set(c.Source, c.Persona, out.state)
	}
	return p.answer(out), nil
}

// run calls the guest and decodes its output.
func (h *Host) run(ctx context.Context, p *loaded, c sdk.ToolCall, in []byte) (*output, *sdk.GuestError) {
	start := time.Now()
	reply, err := p.guest.Call(ctx, wasm.Request{
		Source: c.Source, Input: in, Deadline: h.CallTimeout, Now: p.now(c.Now),
	})
	if len(reply.Log) > 0 {
		for _, l := range reply.Log {
			h.Log.Debug("guest log", "module", p.module, "line", l.Text)
		}
	}
	var out *output
	if err == nil {
		out, err = decodeOutput(reply.Output)
	}
	if err == nil {
		return out, nil
	}
	failure := &sdk.GuestError{
		Module: p.module, Op: "call", Code: "json", Detail: err.Error(),
		TookMS: float64(time.Since(start).Microseconds()) / 1000,
	}
	if call, ok := errors.AsType[*wasm.CallError](err); ok {
		failure.Code = call.Code
	}
	if ctx.Err() == nil {
		h.Log.Warn("persona guest failed", "module", p.module, "tool", c.Tool, "code", failure.Code, "error", err)
	}
	return nil, failure
}

// answer makes a caller's answer of an output: placeholders expanded, since they
// may differ where the remembered bytes do not.
func (p *loaded) answer(out *output) *sdk.Answer {
	a := &sdk.Answer{Delay: out.delay, Notes: out.notes}
	if out.fault != nil {
		a.Fault = &sdk.Fault{Kind: out.fault.Kind, Message: string(unescapeAttacker([]byte(out.fault.Message)))}
		return a
	}
	if a.Result, a.Failed = out.result, out.failed; !out.plain {
		a.Result = expand(out.result, p.seed)
	}
	return a
}

// fallback is what the client sees while the guest is broken.
func (p *loaded) fallback(failure *sdk.GuestError) *sdk.Answer {
	delay := p.fallbackDelay[0]
	if span := p.fallbackDelay[1] - delay; span > 0 {
		delay += rand.N(span) // an outage's timing need not repeat
	}
	return &sdk.Answer{
		Fault: &sdk.Fault{Kind: "tool", Message: p.fallbackText},
		Delay: delay, Guest: failure,
	}
}

func (p *loaded) now(t time.Time) time.Time { return t.UTC().Truncate(p.grain) }

// envelope is the guest's input. Equal requests give equal bytes.
func (p *loaded) envelope(c sdk.ToolCall, state []byte) []byte {
	var w guest.Writer
	w.Obj().Key("abi").Int(sdk.ABIVersion).Key("op").Str("call").Key("persona").Str(p.id)
	w.Key("seed").Str(strconv.FormatUint(p.seed, 10))
	w.Key("now").Str(p.now(c.Now).Format(time.RFC3339))
	if state != nil {
		w.Key("state").Raw(state)
	} else {
		w.Key("state").Null()
	}
	w.Key("can").Arr().End()
	w.Key("tool").Str(c.Tool).Key("args").Raw(escapeAttacker(c.Args))
	return w.End().Bytes()
}

// seedFor derives a persona's seed from the deployment's secret.
func seedFor(world []byte, persona string) uint64 {
	mac := hmac.New(sha256.New, world)
	mac.Write([]byte("killdeer/1 " + persona))
	return binary.BigEndian.Uint64(mac.Sum(nil))
}
