package rules

import (
	"fmt"

	"github.com/killdeer-mcp/killdeer/rules/match"
	"github.com/killdeer-mcp/killdeer/rules/toml"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// maxPrograms bounds what all expressions of a pack compile to, in instructions
// of about 40 bytes.
const maxPrograms = 200_000

// programs weighs the expressions of a pack, so that they are compiled only if
// they are few enough.
type programs int

func (p *programs) add(conditions map[string]sdk.Match) {
	for _, m := range conditions {
		if *p <= maxPrograms {
			*p += programs(match.Weight(m))
		}
	}
}

func (p programs) check() error {
	if p > maxPrograms {
		return fmt.Errorf("the expressions of all rules stand for more than %d instructions: repeat less", maxPrograms)
	}
	return nil
}

// checkPrograms weighs a described pack.
func (d *description) checkPrograms() error {
	var p programs
	for _, r := range d.Rules {
		p.add(r.Match)
		for _, g := range r.Also {
			p.add(g.Match)
		}
	}
	for _, w := range d.Windows {
		p.add(w.Match)
		for _, s := range w.Steps {
			p.add(s.Match)
		}
	}
	return p.check()
}

// checkTOMLPrograms weighs a rule file.
func checkTOMLPrograms(rules []toml.Rule) error {
	var p programs
	weigh := func(conditions map[string]toml.Condition) {
		for _, c := range conditions {
			p.add(map[string]sdk.Match{"": sdk.Match(c)})
		}
	}
	for _, r := range rules {
		weigh(r.Match)
		if r.Sequence != nil {
			for _, s := range r.Sequence.Steps {
				weigh(s.Match)
			}
		}
	}
	return p.check()
}
