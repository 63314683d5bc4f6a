package rules

import (
	"errors"
	"fmt"
	"slices"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// steps are the stages of a sequence. A group of such a window holds the runs of
// steps that came, each with its stage in hash.
type steps struct {
	names   []string // in the order of the sequence
	stage   []int    // of each filter
	filters []int    // of the pack's
}

func newSteps(specs []sdk.Step, filters *filterset) (*steps, error) {
	if len(specs) > maxSteps {
		return nil, fmt.Errorf("%d steps, at most %d", len(specs), maxSteps)
	}
	s := &steps{}
	var faults []error
	for i, spec := range specs {
		f, err := newFilter(nil, spec.Match)
		if err == nil && len(f.matches) == 0 {
			err = errors.New("no match")
		}
		if err == nil && !windowName.MatchString(spec.Name) {
			err = fmt.Errorf("name %q does not match %s", cut(spec.Name, maxTitle), windowName)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("step %d: %w", i+1, err))
			continue
		}
		stage := slices.Index(s.names, spec.Name)
		if stage < 0 {
			stage = len(s.names)
			s.names = append(s.names, spec.Name)
		}
		s.stage, s.filters = append(s.stage, stage), append(s.filters, filters.add(f))
	}
	return s, errors.Join(faults...)
}

// passed are the stages that the event is one of, the last one first: so that one
// event does not take a sequence two stages on.
func (s *steps) passed(v *view, filters *filterset) (stages []int) {
	for i, f := range s.filters {
		if !slices.Contains(stages, s.stage[i]) && filters.holds(f, v) {
			stages = append(stages, s.stage[i])
		}
	}
	slices.Sort(stages)
	slices.Reverse(stages)
	return stages
}

// chain returns the longest run of stages in rising order that the entries hold,
// not necessarily one right after the other.
func (s *steps) chain(g group) []int {
	var best [maxSteps][]int // the longest chain that ends in a stage
	for _, e := range g {
		stage := int(e.hash)
		var longest []int
		for before := range stage {
			if len(best[before]) > len(longest) {
				longest = best[before]
			}
		}
		if len(longest)+1 > len(best[stage]) {
			best[stage] = append(slices.Clip(longest), stage)
		}
	}
	var out []int
	for _, c := range best {
		if len(c) > len(out) {
			out = c
		}
	}
	return out
}
