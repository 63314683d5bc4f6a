package rules

import (
	"context"
	"slices"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// observe counts the event in every window of the pack.
func (p *pack) observe(v *view) {
	p.filters.begin()
	for _, w := range p.windows {
		w.observe(v)
	}
}

// evaluate asks the guest about the rules of a plan, unless it was asked the same
// before.
func (p *pack) evaluate(ctx context.Context, w *guest.Writer, v *view, pl *plan) ([]sdk.Hit, error) {
	p.envelope(w, v, pl)
	if !pl.timeless {
		return p.call(ctx, w.Bytes(), v.ev, pl)
	}
	key, hits, ok := p.verdicts.recall(w.Bytes())
	if ok {
		return hits, nil
	}
	hits, err := p.call(ctx, w.Bytes(), v.ev, pl)
	if err == nil {
		p.verdicts.remember(key, hits)
	}
	return hits, err
}

func (p *pack) call(ctx context.Context, input []byte, ev *sdk.Event, pl *plan) ([]sdk.Hit, error) {
	out, err := p.guest.Call(ctx, input, pl.moment(ev))
	if err != nil {
		return nil, err
	}
	hits, err := p.parseReply(out)
	if err != nil {
		return nil, &replyError{err}
	}
	return slices.DeleteFunc(hits, func(h sdk.Hit) bool { return !slices.Contains(pl.asked, p.rules[h.Rule].number) }), nil
}

// envelope writes the input document of one evaluation.
func (p *pack) envelope(w *guest.Writer, v *view, pl *plan) {
	w.Reset()
	w.Obj().Key("abi").Int(sdk.ABIVersion).Key("op").Str("evaluate")
	if !pl.timeless {
		w.Key("now").Str(v.ev.Time.UTC().Format(time.RFC3339Nano))
	}
	w.Key("rules").Arr()
	for _, i := range pl.asked {
		w.Int(int64(i))
	}
	w.End().Key("event").Obj()
	for _, c := range pl.columns {
		writeMember(w, c.name, c.shape, v.get(c))
	}
	w.End().Key("windows").Obj()
	for _, i := range pl.windows {
		p.windows[i].write(w, v)
	}
	w.End()
	if len(p.config) > 0 {
		w.Key("config").Raw(p.config)
	}
	w.End()
}

// moment is the guest's wall clock. One that is not told the time must not read
// it there either.
func (pl *plan) moment(ev *sdk.Event) time.Time {
	if pl.timeless {
		return time.Time{}
	}
	return ev.Time
}
