package rules

import (
	"context"
	"slices"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// observe counts the event in every window of the pack and returns its groups.
func (p *pack) observe(ev *sdk.Event) []group {
	groups := make([]group, len(p.windows))
	for i, w := range p.windows {
		groups[i] = w.observe(ev)
	}
	return groups
}

// interested reports whether some rule of the pack could fire on the event.
func (p *pack) interested(ev *sdk.Event) bool {
	return len(p.when) == 0 || slices.ContainsFunc(p.when, func(f filter) bool { return f.match(ev) })
}

// evaluate asks the guest, unless it was asked the same before.
func (p *pack) evaluate(ctx context.Context, w *guest.Writer, ev *sdk.Event, groups []group) ([]sdk.Hit, error) {
	p.envelope(w, ev, groups)
	if !p.timeless {
		return p.call(ctx, w.Bytes(), ev)
	}
	key, hits, ok := p.verdicts.recall(w.Bytes())
	if ok {
		return hits, nil
	}
	hits, err := p.call(ctx, w.Bytes(), ev)
	if err == nil {
		p.verdicts.remember(key, hits)
	}
	return hits, err
}

func (p *pack) call(ctx context.Context, input []byte, ev *sdk.Event) ([]sdk.Hit, error) {
	out, err := p.guest.Call(ctx, input, p.moment(ev))
	if err != nil {
		return nil, err
	}
	hits, err := p.parseReply(out)
	if err != nil {
		return nil, &replyError{err}
	}
	return hits, nil
}

// envelope writes the input document of one evaluation.
func (p *pack) envelope(w *guest.Writer, ev *sdk.Event, groups []group) {
	w.Reset()
	w.Obj().Key("abi").Int(sdk.ABIVersion).Key("op").Str("evaluate")
	if !p.timeless {
		w.Key("now").Str(ev.Time.UTC().Format(time.RFC3339Nano))
	}
	w.Key("event").Obj()
	for _, f := range p.fields {
		f.write(w, ev)
	}
	w.End().Key("windows").Obj()
	for i, win := range p.windows {
		win.write(w, groups[i])
	}
	w.End().End()
}

// moment is the guest's wall clock. One that is not told the time must not read
// it there either.
func (p *pack) moment(ev *sdk.Event) time.Time {
	if p.timeless {
		return time.Time{}
	}
	return ev.Time
}
