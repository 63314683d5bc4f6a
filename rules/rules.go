// Package rules judges events. It loads rule packs, which are guests, keeps the
// windows that they declare, asks each pack about each event, and reports a hit
// once instead of every time it repeats.
//
// The guest decides what is suspicious; the host decides what it may remember and
// what is one detection. All of that memory is bounded and follows the time of
// the events, never the clock: judging a recorded stream again gives the same
// detections, down to their ids.
//
// The package runs no WebAssembly itself ([Guest] is anything that answers bytes
// with bytes), stores nothing, and sends nothing anywhere: detections and guest
// failures are returned as events.
package rules

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// Guest is what the engine needs of a loaded rules module. The deadline is
// applied inside Call; now is the only clock that the guest sees.
type Guest interface {
	Call(ctx context.Context, input []byte, now time.Time) ([]byte, error)
}

// Engine judges events by the packs that were added to it.
//
// Add every pack first. Then one goroutine calls Judge, Observe and Seen; Packs
// and Stats may be called from any.
type Engine struct {
	log   *slog.Logger
	packs []*pack
	owner map[string]*pack // by rule id
	dedup *dedup
	w     guest.Writer
	view  view
	stats counters
}

// PackInfo describes a loaded pack.
type PackInfo struct {
	Name    string   // as the configuration has it
	ID      string   // as the pack calls itself
	Version string   //
	Rules   []string // ids, in the pack's order
}

// Stats counts what the engine did since it was made.
type Stats struct {
	Judged     uint64 // events that some pack was asked about or could have been
	Calls      uint64 // evaluations, remembered ones included
	Detections uint64 // detections reported
	Repeated   uint64 // hits that repeated a detection
	Failures   uint64 // guest calls that failed
	Evicted    uint64 // window groups and remembered detections pushed out by a limit
}

type counters struct{ judged, calls, detections, repeated, failures, evicted atomic.Uint64 }

// PackError says why a pack was not added.
type PackError struct {
	Name string // as the configuration has it
	Code string // describe, or the guest's own code for a call that failed
	Err  error  // all the faults that were found
}

// Error names the pack and every fault.
func (e *PackError) Error() string { return fmt.Sprintf("add rule pack %q: %v", e.Name, e.Err) }

// Unwrap returns Err.
func (e *PackError) Unwrap() error { return e.Err }

// New returns an engine without packs.
func New(log *slog.Logger) *Engine {
	return &Engine{log: log, owner: map[string]*pack{}, dedup: newDedup()}
}

// Add loads a pack from its guest: it runs describe twice, compares the two, and
// checks everything the pack declares. The error is a [*PackError].
func (e *Engine) Add(ctx context.Context, name string, g Guest) error {
	return e.AddConfigured(ctx, name, g, nil)
}

// AddConfigured is as [Engine.Add] for a pack whose module takes a configuration,
// one JSON value, as that for rules written in TOML does. The module is given it
// with every call.
func (e *Engine) AddConfigured(ctx context.Context, name string, g Guest, config []byte) error {
	p, err := load(ctx, name, g, config)
	if err != nil {
		return err
	}
	if err := e.unique(p); err != nil {
		return &PackError{Name: name, Code: "describe", Err: err}
	}
	for id := range p.rules {
		e.owner[id] = p
	}
	e.packs = append(e.packs, p)
	e.log.Debug("rule pack loaded", "pack", name, "id", p.info.ID, "version", p.info.Version,
		"rules", len(p.rules), "windows", len(p.windows))
	return nil
}

func load(ctx context.Context, name string, g Guest, config []byte) (*pack, error) {
	question := []byte(`{"abi":1,"op":"describe"}`)
	if len(config) > 0 {
		question = fmt.Appendf(nil, `{"abi":1,"op":"describe","config":%s}`, config)
	}
	var docs [2][]byte
	for i := range docs {
		out, err := g.Call(ctx, question, time.Time{})
		if err != nil {
			return nil, &PackError{Name: name, Code: failureCode(err), Err: fmt.Errorf("describe: %w", err)}
		}
		docs[i] = bytes.Clone(out)
	}
	if !bytes.Equal(docs[0], docs[1]) {
		return nil, &PackError{Name: name, Code: "describe", Err: errors.New("two calls of describe gave different documents")}
	}
	p, err := parseDescription(name, docs[0])
	if err != nil {
		return nil, &PackError{Name: name, Code: "describe", Err: err}
	}
	p.guest, p.config = g, config
	return p, nil
}

// unique refuses a pack or rule id that another pack has: a detection must say
// which rule it is of.
func (e *Engine) unique(p *pack) error {
	var faults []error
	for _, q := range e.packs {
		if q.info.ID == p.info.ID {
			faults = append(faults, fmt.Errorf("id %q is that of pack %q", p.info.ID, q.info.Name))
		}
	}
	for _, id := range p.info.Rules {
		if q := e.owner[id]; q != nil {
			faults = append(faults, fmt.Errorf("rule %s is in pack %q too", id, q.info.Name))
		}
	}
	return errors.Join(faults...)
}

// Packs returns the loaded packs in the order they were added.
func (e *Engine) Packs() []PackInfo {
	out := make([]PackInfo, len(e.packs))
	for i, p := range e.packs {
		out[i] = p.info
		out[i].Rules = slices.Clone(p.info.Rules)
	}
	return out
}

// Stats returns the counters.
func (e *Engine) Stats() Stats {
	return Stats{
		Judged: e.stats.judged.Load(), Calls: e.stats.calls.Load(), Detections: e.stats.detections.Load(),
		Repeated: e.stats.repeated.Load(), Failures: e.stats.failures.Load(), Evicted: e.stats.evicted.Load(),
	}
}

// Judge counts the event in the windows, asks the packs about it, and returns the
// detections it gives rise to, and a guest_error event for each pack that failed.
// Only access events are judged, and none of the operator's own. The error is ctx's, when it ended the work early;
// the events returned with it stand.
func (e *Engine) Judge(ctx context.Context, ev *sdk.Event) ([]*sdk.Event, error) {
	if !judged(ev) {
		return nil, nil
	}
	e.stats.judged.Add(1)
	e.view.reset(ev)
	var out []*sdk.Event
	var ended error
	for _, p := range e.packs {
		p.observe(&e.view)
		if ended != nil {
			continue
		}
		if set := p.candidates(&e.view, e.dedup); !set.empty() {
			var found []*sdk.Event
			found, ended = e.ask(ctx, p, set)
			out = append(out, found...)
		}
	}
	e.countEvictions()
	if ended != nil {
		return out, fmt.Errorf("judge event %s: %w", ev.ID, ended)
	}
	return out, nil
}

// judged reports whether an event is the rules' business.
func judged(ev *sdk.Event) bool { return ev != nil && ev.Kind == sdk.KindAccess && ev.Operator == "" }

// Observe counts the event in the windows and judges nothing, to rebuild them from
// the journal.
func (e *Engine) Observe(ev *sdk.Event) {
	if !judged(ev) {
		return
	}
	e.view.reset(ev)
	for _, p := range e.packs {
		p.observe(&e.view)
	}
	e.countEvictions()
}

// Seen remembers a detection that an earlier run reported, so that it is not
// reported again before its time.
func (e *Engine) Seen(det *sdk.Event) {
	if det == nil || det.Detection == nil {
		return
	}
	p := e.owner[det.Detection.RuleID]
	if p == nil {
		return
	}
	by := p.rules[det.Detection.RuleID].info.Dedup.By
	e.dedup.remember(mark(det, det.Detection.RuleID, by, det.Detection.Subject), det.Time.UnixNano())
	e.countEvictions()
}

// ask calls the guest and turns its hits, or its failure, into events. Its error
// is ctx's: a guest that was not let finish has not failed.
func (e *Engine) ask(ctx context.Context, p *pack, asked ruleset) ([]*sdk.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	start := time.Now()
	e.stats.calls.Add(1)
	ev := e.view.ev
	hits, err := p.evaluate(ctx, &e.w, &e.view, asked)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	out := e.report(p, hits)
	if err != nil {
		e.stats.failures.Add(1)
		out = append(out, p.failure(ev, err, time.Since(start)))
	}
	return out, nil
}

// report makes events of the hits that are no repetitions.
func (e *Engine) report(p *pack, hits []sdk.Hit) []*sdk.Event {
	ev, out := e.view.ev, []*sdk.Event(nil)
	for i := range hits {
		h := &hits[i]
		r, subject := p.rules[h.Rule], subject(h, ev)
		if !e.dedup.fresh(mark(ev, h.Rule, r.info.Dedup.By, subject), ev.Time, r.over) {
			e.stats.repeated.Add(1)
			continue
		}
		e.stats.detections.Add(1)
		out = append(out, p.detection(&e.view, h, subject))
	}
	return out
}

func subject(h *sdk.Hit, ev *sdk.Event) string {
	if h.Subject != "" {
		return h.Subject
	}
	return unnamed(ev)
}

// unnamed is the subject of a hit that names none.
func unnamed(ev *sdk.Event) string {
	if ev.Tool != "" {
		return clean(ev.Tool, maxSubject)
	}
	return clean(ev.MCPMethod, maxSubject)
}

// mark is what the deduplication knows a detection by. It uses what a detection
// event keeps of its event, so that a stored one leaves the same mark.
func mark(ev *sdk.Event, rule, by, subject string) fingerprint {
	sum := digest(rule, clean(source(ev, by), maxIdentity), subject)
	return fingerprint(sum[:16])
}

func (e *Engine) countEvictions() {
	n := e.dedup.evicted
	for _, p := range e.packs {
		for _, w := range p.windows {
			n += w.evicted
		}
	}
	e.stats.evicted.Store(n)
}
