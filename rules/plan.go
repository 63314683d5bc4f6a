package rules

import (
	"math/bits"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// ruleset is a set of a pack's rules, or of their gates, by number.
type ruleset [maxRules / 64]uint64

func (s *ruleset) set(i int) { s[i/64] |= 1 << (i % 64) }

func (s *ruleset) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

func (s *ruleset) empty() bool { return *s == ruleset{} }

func (s *ruleset) add(o ruleset) {
	for i := range s {
		s[i] |= o[i]
	}
}

func (s *ruleset) and(o ruleset) {
	for i := range s {
		s[i] &= o[i]
	}
}

func (s *ruleset) each(f func(i int)) {
	for w, word := range s {
		for ; word != 0; word &= word - 1 {
			f(w*64 + bits.TrailingZeros64(word))
		}
	}
}

// class are the gates that one filter decides about.
type class struct {
	filter int
	gates  ruleset
}

// maxPlans bounds how many plans a pack keeps. There are few in practice, but a
// client has a hand in which rules are asked.
const maxPlans = 1024

// plan is what a guest is sent when certain rules are asked.
type plan struct {
	asked   []int
	columns []column
	windows []int
	// timeless says that nothing that is sent names the moment: equal inputs
	// recur, and the guest is not told the time either.
	timeless bool
}

// candidates are the rules that could find something new in the event.
func (p *pack) candidates(v *view, d *dedup) (asked ruleset) {
	var open ruleset
	for i := range p.classes {
		if p.filters.holds(p.classes[i].filter, v) {
			open.add(p.classes[i].gates)
		}
	}
	if worth := open; p.terms != nil {
		worth.and(p.worded)
		if !worth.empty() {
			found := p.terms.scan(v)
			found.add(p.clientTerms.scanClient(v.ev))
			for w := range open {
				open[w] &^= p.worded[w] &^ found[w]
			}
		}
	}
	open.each(func(i int) {
		if g := p.gates[i]; !asked.has(g.rule) && (!p.bounded.has(i) || p.reached(g, v)) && !p.settled(g, v.ev, d) {
			asked.set(g.rule)
		}
	})
	return asked
}

// settled reports whether all that a gate's events can give is a repetition. In a
// flood that is most of what would be asked.
func (p *pack) settled(g *gate, ev *sdk.Event, d *dedup) bool {
	if g.subject == "" {
		return false
	}
	r, subject := p.order[g.rule], g.subject
	if subject == sdk.SubjectTool {
		subject = unnamed(ev)
	}
	if from := source(ev, r.info.Dedup.By); from != g.last.source || subject != g.last.subject {
		g.last = marked{from, subject, mark(ev, r.info.ID, r.info.Dedup.By, subject)}
	}
	return d.repeats(g.last.mark, ev.Time, r.over)
}

// marked is what a gate was asked last, which in a flood is what it is asked next.
type marked struct {
	source, subject string
	mark            fingerprint
}

// reached reports whether the windows and numbers that a gate names are where it
// wants them.
func (p *pack) reached(g *gate, v *view) bool {
	for _, t := range g.at {
		n, _ := p.windows[t.window].sums(v)
		if !t.at(n) {
			return false
		}
	}
	if len(g.atLeast) == 0 {
		return true
	}
	for _, t := range g.atLeast {
		if t.window < 0 {
			if parseNumber(v.get(t.column)) >= t.least {
				return true
			}
			continue
		}
		w := p.windows[t.window]
		n, sum := w.sums(v)
		if w.aggregate == aggregateSum && sum >= t.least || w.aggregate != aggregateSum && float64(n) >= t.least {
			return true
		}
	}
	return false
}

// plan returns what to send for a set of rules.
func (p *pack) plan(set ruleset) *plan {
	if known := p.plans[set]; known != nil {
		return known
	}
	made := p.newPlan(set)
	if len(p.plans) >= maxPlans {
		clear(p.plans)
	}
	p.plans[set] = made
	return made
}

func (p *pack) newPlan(set ruleset) *plan {
	made := &plan{timeless: true}
	wanted, shown, all := map[int]bool{}, make([]bool, len(p.windows)), false
	set.each(func(i int) {
		r := p.order[i]
		made.asked = append(made.asked, i)
		all = all || len(r.fields) == 0
		for _, c := range r.fields {
			wanted[c.at] = true
		}
		for _, w := range r.windows {
			shown[w] = true
		}
	})
	for _, c := range columns() {
		if all && c.at < len(fields) || wanted[c.at] {
			made.columns = append(made.columns, c)
			made.timeless = made.timeless && !momentary[c.name]
		}
	}
	for i, yes := range shown {
		if yes {
			made.windows = append(made.windows, i)
		}
	}
	return made
}

// momentary are the columns that no two events share.
var momentary = map[string]bool{"time": true, "seq": true, "id": true, "pace": true}
