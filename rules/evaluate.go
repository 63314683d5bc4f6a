package rules

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// observe counts the event in every window of the pack.
func (p *pack) observe(v *view) {
	p.filters.begin(v)
	for _, w := range p.windows {
		w.observe(v)
	}
}

// evaluate asks the guest about rules, but not about those that it was asked the
// same before. The hits come in the order of the rules; what is found stands even
// if a call fails.
func (p *pack) evaluate(ctx context.Context, w *guest.Writer, v *view, asked ruleset) ([]sdk.Hit, error) {
	var timed ruleset
	var hits []sdk.Hit
	var open []question
	asked.each(func(i int) {
		alone := p.order[i].alone
		if !alone.timeless {
			timed.set(i)
			return
		}
		w.Reset()
		p.show(w.Obj(), v, alone)
		key, known, ok := p.verdicts.recall(w.End().Bytes())
		if !ok {
			open = append(open, question{i, key})
		}
		hits = append(hits, known...)
	})
	found, err := p.askTimeless(ctx, w, v, open)
	hits = append(hits, found...)
	// Apart from the others, which must not see what time it is.
	if err == nil && !timed.empty() {
		found, err = p.call(ctx, w, v, p.plan(timed))
		hits = append(hits, found...)
	}
	slices.SortStableFunc(hits, func(a, b sdk.Hit) int { return p.rules[a.Rule].number - p.rules[b.Rule].number })
	return hits, err
}

// question is a rule and the digest of what it would be shown.
type question struct {
	rule int
	key  [sha256.Size]byte
}

// askTimeless asks about rules whose verdict follows from what they are shown, and
// remembers it.
func (p *pack) askTimeless(ctx context.Context, w *guest.Writer, v *view, open []question) ([]sdk.Hit, error) {
	if len(open) == 0 {
		return nil, nil
	}
	var set ruleset
	for _, q := range open {
		set.set(q.rule)
	}
	found, err := p.call(ctx, w, v, p.plan(set))
	if err != nil {
		return nil, err
	}
	for _, q := range open {
		var own []sdk.Hit
		for _, h := range found {
			if p.rules[h.Rule].number == q.rule {
				own = append(own, h)
			}
		}
		p.verdicts.remember(q.key, own)
	}
	return found, nil
}

func (p *pack) call(ctx context.Context, w *guest.Writer, v *view, pl *plan) ([]sdk.Hit, error) {
	p.envelope(w, v, pl)
	out, err := p.guest.Call(ctx, w.Bytes(), pl.moment(v.ev))
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
	p.show(w, v, pl)
	if len(p.config) > 0 {
		w.Key("config").Raw(p.config)
	}
	w.End()
}

// show writes what the rules of a plan are shown.
func (p *pack) show(w *guest.Writer, v *view, pl *plan) {
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
}

// moment is the guest's wall clock. One that is not told the time must not read
// it there either.
func (pl *plan) moment(ev *sdk.Event) time.Time {
	if pl.timeless {
		return time.Time{}
	}
	return ev.Time
}
