// Package trial tries a persona out for whoever writes it: it asks for everything
// that the persona offers as a sensor would, and says what a sensor, a client or an
// attacker would stumble over, with what to change.
//
// It loads no module and prints nothing. What it calls is a guest, so that nothing
// but answers can come of it.
package trial

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/persona"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// The levels of a [Finding].
const (
	Error   = "error"   // a sensor would refuse the persona, or show its fallback
	Warning = "warning" // it works, and somebody would wonder
)

// Finding is something to change.
type Finding struct {
	Level   string `json:"level"`
	Subject string `json:"subject"` // tool list_secrets, resource vault://policy, describe, ...
	Problem string `json:"problem"`
	Remedy  string `json:"remedy"`
}

// Speed is how long the calls of one thing took.
type Speed struct {
	Subject string        `json:"subject"`
	Calls   int           `json:"calls"`
	Median  time.Duration `json:"median_ns"`
	Slowest time.Duration `json:"slowest_ns"`
}

// Report is what a trial found.
type Report struct {
	Server    sdk.ServerInfo `json:"server"`
	Tools     int            `json:"tools"`
	Resources int            `json:"resources"` // templates included
	Prompts   int            `json:"prompts"`
	Calls     int            `json:"calls"`    // that were made in all
	Hostile   int            `json:"hostile"`  // of them, with hostile input
	Canaries  []string       `json:"canaries"` // kind and label of the honeytokens that were handed out, sorted
	Speed     []Speed        `json:"speed"`
	First     time.Duration  `json:"first_ns"` // the first call of a new instance, start included
	Memory    int64          `json:"memory"`   // bytes of an instance after all calls
	Findings  []Finding      `json:"findings"` // errors first
}

// Failed reports whether there is an error among the findings.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Level == Error })
}

// Options say how to try.
type Options struct {
	Seed  []byte    // of the deployment's world
	Now   time.Time // of the calls
	Quick bool      // without hostile input and repetition
}

const (
	repeats      = 30  // calls of each thing whose time is taken
	growthCalls  = 200 // calls that must not make an instance grow
	slowCall     = 500 * time.Millisecond
	firstCall    = time.Second
	growth       = 4 << 20 // bytes
	maxFailures  = 3       // after which a guest that fails is left alone: it would be rested
	maxDelayWarn = 20 * time.Second
)

// trial is one run.
type trial struct {
	Options
	host    *persona.Host
	guest   *recorder
	report  *Report
	failed  int // failures of the guest
	sources int
	done    []recorded // of all subjects, in order
}

// Run tries a persona. What is wrong with it stands in the report; an error means
// that ctx ended.
func Run(ctx context.Context, m persona.Module, o Options) (*Report, error) {
	if o.Now.IsZero() {
		o.Now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	}
	guest := &recorder{Guest: m.Guest}
	t := &trial{Options: o, guest: guest, report: &Report{}, host: persona.NewHost(persona.Options{
		WorldSeed: o.Seed, MemoBytes: 1, Log: slog.New(slog.DiscardHandler),
	})}
	if err := t.host.Open(ctx, []persona.Module{{Name: m.Name, Guest: guest}}, nil); err != nil {
		t.found(Error, "describe", guest.said(err.Error()), describeRemedy(err))
		return t.report, ctx.Err()
	}
	catalog, err := t.host.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	t.report.Server = catalog.Server
	t.report.Tools, t.report.Prompts = len(catalog.Tools), len(catalog.Prompts)
	t.report.Resources = len(catalog.Resources) + len(catalog.Templates)
	t.declared(catalog)
	subjects := t.subjects(catalog)
	for _, s := range subjects {
		t.try(ctx, s)
	}
	t.prepare(ctx)
	t.purity(ctx)
	if !o.Quick {
		t.speed(ctx)
		t.hostile(ctx, subjects)
	}
	slices.Sort(t.report.Canaries)
	t.report.Canaries = slices.Compact(t.report.Canaries)
	slices.SortStableFunc(t.report.Findings, func(a, b Finding) int { return cmp.Compare(a.Level, b.Level) })
	return t.report, ctx.Err()
}

func (t *trial) found(level, subject, problem, remedy string) {
	f := Finding{level, subject, problem, remedy}
	if !slices.Contains(t.report.Findings, f) {
		t.report.Findings = append(t.report.Findings, f)
	}
}

// recorder remembers what the last call of a guest was and gave.
type recorder struct {
	persona.Guest
	request wasm.Request
	reply   wasm.Reply
	steps   []wasm.Request
}

// Prepare puts it off until there are answers of a guest that is not prepared, for
// those that follow to be compared with.
func (r *recorder) Prepare(_ context.Context, steps ...wasm.Request) error {
	r.steps = steps
	return nil
}

// Call implements [persona.Guest].
func (r *recorder) Call(ctx context.Context, req wasm.Request) (wasm.Reply, error) {
	reply, err := r.Guest.Call(ctx, req)
	r.request, r.reply = req, reply
	return reply, err
}

// said adds to a problem what the guest logged.
func (r *recorder) said(problem string) string {
	for _, l := range r.reply.Log {
		problem += "; the guest says: " + strings.TrimSpace(l.Text)
	}
	return problem
}

// recorded is a call that was answered.
type recorded struct {
	subject string
	request wasm.Request
	output  []byte
}

// source is one that no call has come from yet. Its owner is new, and so has no
// state; its session is always the same, and so are its canaries.
func (t *trial) source() string {
	t.sources++
	return fmt.Sprintf("trial-%d session", t.sources)
}

// try asks for one thing, and takes it as a sensor would.
func (t *trial) try(ctx context.Context, s subject) {
	for _, c := range s.calls {
		if t.failed >= maxFailures || ctx.Err() != nil {
			return
		}
		source := t.source()
		a := t.call(ctx, s.name, source, c)
		t.host.Release(source)
		if a == nil {
			continue
		}
		t.done = append(t.done, recorded{s.name, t.guest.request, bytes.Clone(t.guest.reply.Output)})
		t.answered(s, c, a)
	}
}

// call makes one call and reports its failure.
func (t *trial) call(ctx context.Context, subject, source string, c *sdk.Call) *sdk.Answer {
	t.report.Calls++
	a, err := t.host.Call(ctx, source, c)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		t.found(Error, subject, err.Error(), "")
		return nil
	case a.Guest != nil:
		t.failed++
		detail := strings.TrimPrefix(a.Guest.Detail, "call guest: ")
		t.found(Error, subject, t.guest.said("called with "+shown(c)+" it failed: "+detail), failureRemedy(a.Guest.Code))
		return nil
	}
	for _, k := range a.Canaries {
		t.report.Canaries = append(t.report.Canaries, k.Kind+":"+k.Label)
	}
	return a
}

// shown is what a call asks with, cut to a readable length.
func shown(c *sdk.Call) string {
	text := string(c.Args)
	if c.Op == sdk.OpResource {
		text = c.URI
	}
	if c.Op == sdk.OpComplete {
		text = string(c.Argument)
	}
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "..."
	}
	return text
}

// answered looks at an answer that a sensor takes, as a client would.
func (t *trial) answered(s subject, c *sdk.Call, a *sdk.Answer) {
	switch {
	case a.Fault != nil && (a.Fault.Kind == sdk.FaultInternal || strings.HasPrefix(a.Fault.Kind, "unknown_")):
		t.found(Error, s.name, fmt.Sprintf("called with %s it answers %q: %s", shown(c), a.Fault.Kind, a.Fault.Message),
			"it is described, so it must be answered: look at how the guest tells its operations and names apart")
	case a.Fault != nil && a.Fault.Kind == sdk.FaultBadArgs:
		t.found(Warning, s.name, fmt.Sprintf("it refuses arguments that fit its schema: %s", shown(c)),
			"say in the schema what is wanted (enum, pattern, minimum, required), or answer")
	case a.Fault == nil && a.Input == nil && c.Op == sdk.OpCall && bytes.Contains(a.Result, []byte(`"content":[]`)) && !bytes.Contains(a.Result, []byte("structuredContent")):
		t.found(Warning, s.name, "it answers "+shown(c)+" without any content", "a model that reads nothing calls again or gives up: say at least what happened")
	}
	if a.Delay > maxDelayWarn {
		t.found(Warning, s.name, fmt.Sprintf("delay_ms lets the client wait for %s", a.Delay), "most clients give up within 30 to 60 seconds")
	}
	if bytes.Contains(a.Result, []byte("{{canary:")) || bytes.Contains(a.Result, []byte("{{fake:")) {
		t.found(Warning, s.name, "the answer shows a placeholder without the request's mark",
			`in answers a placeholder is {{MARK:canary:KIND:LABEL}} with the envelope's "mark"; without it only describe may have one`)
	}
}

// purity makes the same calls again, on an instance that has answered them and
// others, and on a new one: equal input must give equal bytes.
func (t *trial) purity(ctx context.Context) {
	const remedy = "a guest must be a function of its input: draw from seed, take the time from now, keep nothing between calls; " +
		"iterate over sorted keys (maps of Go and objects with random hashing change their order)"
	for i, r := range t.done {
		if t.failed >= maxFailures || ctx.Err() != nil {
			return
		}
		other := t.done[(i+1)%len(t.done)]
		for n, try := range []struct {
			what   string
			r      recorded
			source string
		}{
			{"", r, "purity"},
			{"again on one instance", r, "purity"},
			{"", other, "purity"},
			{"on an instance that has answered something else (" + other.subject + ") meanwhile", r, "purity"},
			{"on a new instance", r, ""},
		} {
			out, err := t.again(ctx, try.r, try.source)
			if err != nil {
				t.failed++
				t.found(Error, try.r.subject, t.guest.said("called again it failed: "+err.Error()), failureRemedy(codeOf(err)))
				break
			}
			if try.what == "" && n > 0 {
				continue
			}
			if !bytes.Equal(out, try.r.output) {
				what := cmp.Or(try.what, "on a new instance")
				t.found(Error, r.subject, fmt.Sprintf("two calls with equal input gave different answers, the second %s: %s", what, difference(try.r.output, out)), remedy)
				break
			}
		}
	}
	t.guest.Release("purity")
}

// prepare has the guest prepare itself, as a sensor has.
func (t *trial) prepare(ctx context.Context) {
	if err := t.guest.Guest.Prepare(ctx, t.guest.steps...); err != nil && ctx.Err() == nil {
		t.found(Error, "prepare", t.guest.said(err.Error()), failureRemedy(codeOf(err)))
	}
}

// again makes a recorded call of the guest itself.
func (t *trial) again(ctx context.Context, r recorded, source string) ([]byte, error) {
	t.report.Calls++
	req := r.request
	req.Source = source
	reply, err := t.guest.Call(ctx, req)
	return reply.Output, err
}

func codeOf(err error) string {
	if c, ok := errors.AsType[*wasm.CallError](err); ok {
		return c.Code
	}
	return ""
}

// difference shows where two outputs part.
func difference(a, b []byte) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	from := max(0, i-20)
	cut := func(v []byte) string { return strings.ToValidUTF8(string(v[from:min(len(v), i+40)]), "?") }
	return fmt.Sprintf("%q and %q", cut(a), cut(b))
}

// speed takes the time of calls and looks at the memory of an instance.
func (t *trial) speed(ctx context.Context) {
	if len(t.done) == 0 || t.failed > 0 {
		return
	}
	began := time.Now()
	if _, err := t.again(ctx, t.done[0], "first"); err == nil {
		t.report.First = time.Since(began)
	}
	t.guest.Release("first")
	if t.report.First > firstCall {
		t.found(Warning, "module", fmt.Sprintf("the first call of a new instance takes %s", t.report.First.Round(time.Millisecond)),
			"every client gets an instance of its own: do less in start code, and build tables when they are first needed")
	}
	last := ""
	for _, r := range t.done {
		if r.subject != last {
			last = r.subject
			t.times(ctx, r)
		}
	}
	t.memory(ctx)
	t.guest.Release("speed")
}

func (t *trial) times(ctx context.Context, r recorded) {
	var took []time.Duration
	for range repeats {
		if _, err := t.again(ctx, r, "speed"); err != nil {
			return
		}
		took = append(took, t.guest.reply.Took)
	}
	slices.Sort(took)
	s := Speed{Subject: r.subject, Calls: repeats, Median: took[repeats/2], Slowest: took[repeats-1]}
	t.report.Speed = append(t.report.Speed, s)
	if s.Median > slowCall {
		t.found(Warning, r.subject, fmt.Sprintf("a call takes %s", s.Median.Round(time.Millisecond)),
			"a sensor gives up after 2 s, on a slow and busy machine too: compute less, or keep what depends on the seed alone")
	}
}

// memory calls one thing after the other on one instance, which must not grow.
func (t *trial) memory(ctx context.Context) {
	var before int64
	for i := range growthCalls {
		if _, err := t.again(ctx, t.done[i%len(t.done)], "speed"); err != nil {
			return
		}
		if i == growthCalls/2 {
			before = t.guest.reply.Memory
		}
	}
	t.report.Memory = t.guest.reply.Memory
	if grown := t.report.Memory - before; grown > growth {
		t.found(Warning, "module", fmt.Sprintf("%d calls made the memory of an instance grow by %d KiB", growthCalls/2, grown>>10),
			"free what a call has allocated, or keep it within bounds: at 32 MiB the instance ends")
	}
}
