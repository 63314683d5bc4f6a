package rules

import "math/bits"

// ruleset is a set of a pack's rules by number.
type ruleset [maxRules / 64]uint64

func (s *ruleset) set(i int) { s[i/64] |= 1 << (i % 64) }

func (s *ruleset) drop(i int) { s[i/64] &^= 1 << (i % 64) }

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

// class are the rules that one filter decides about.
type class struct {
	filter int
	rules  ruleset
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

// candidates are the rules that could fire on the event.
func (p *pack) candidates(v *view) (set ruleset) {
	for i := range p.classes {
		if p.filters.holds(p.classes[i].filter, v) {
			set.add(p.classes[i].rules)
		}
	}
	if set.empty() {
		return set
	}
	if worth := set; p.terms != nil {
		worth.and(p.worded)
		if !worth.empty() {
			found := p.terms.scan(v)
			for w := range set {
				set[w] &^= p.worded[w] &^ found[w]
			}
		}
	}
	narrow := set
	narrow.and(p.bounded)
	narrow.each(func(i int) {
		if !p.reached(p.order[i], v) {
			set.drop(i)
		}
	})
	return set
}

// reached reports whether the windows and numbers that a rule names are where it
// wants them.
func (p *pack) reached(r *rule, v *view) bool {
	for _, t := range r.at {
		n, _ := p.windows[t.window].sums(v)
		if !t.at(n) {
			return false
		}
	}
	if len(r.atLeast) == 0 {
		return true
	}
	for _, t := range r.atLeast {
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
