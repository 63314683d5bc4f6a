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

// evaluate asks the guest.
func (p *pack) evaluate(ctx context.Context, w *guest.Writer, ev *sdk.Event, groups []group) ([]sdk.Hit, error) {
	p.envelope(w, ev, groups)
	out, err := p.guest.Call(ctx, w.Bytes(), ev.Time)
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
	w.Key("now").Str(ev.Time.UTC().Format(time.RFC3339Nano))
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
