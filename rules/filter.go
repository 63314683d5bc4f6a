package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/rules/match"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// filter says which events count: every column must hold what is wanted of it.
type filter struct {
	exact   []condition
	matches []matcher
	key     string // equal filters have equal keys
	asked   bool   // whether it looks at nothing that [asked] does not decide
}

// anything is the value of a condition that wants a field to be there.
const anything = "*"

// condition wants one of some values.
type condition struct {
	column column
	oneOf  []string
}

// matcher wants what a [sdk.Match] says.
type matcher struct {
	column column
	value  *match.Value
}

// newFilter compiles a filter, in a fixed order for equal cost and equal keys.
func newFilter(where map[string]string, matches map[string]sdk.Match) (filter, error) {
	f := filter{asked: true}
	if n := len(where) + len(matches); n > maxFilter {
		return f, fmt.Errorf("%d conditions, at most %d", n, maxFilter)
	}
	var key strings.Builder
	for _, name := range slices.Sorted(maps.Keys(where)) {
		c, ok := lookup(name)
		if !ok {
			return f, unknownField(name)
		}
		f.exact = append(f.exact, condition{c, strings.Split(where[name], "|")})
		f.asked = f.asked && c.asked()
		fmt.Fprintf(&key, "%q=%q;", name, where[name])
	}
	for _, name := range slices.Sorted(maps.Keys(matches)) {
		m, err := newMatcher(name, matches[name])
		if err != nil {
			return f, err
		}
		f.matches = append(f.matches, m)
		f.asked = f.asked && m.column.asked()
		fmt.Fprintf(&key, "%q~%q;", name, fmt.Sprintf("%#v", matches[name]))
	}
	f.key = key.String()
	return f, nil
}

func newMatcher(name string, m sdk.Match) (matcher, error) {
	c, ok := lookup(name)
	if !ok {
		return matcher{}, unknownField(name)
	}
	if m.Min != 0 && c.shape != shapeNumber {
		return matcher{}, fmt.Errorf("field %s: min: it is no number", name)
	}
	v, err := match.New(m)
	if err != nil {
		return matcher{}, fmt.Errorf("field %s: %w", cut(name, maxTitle), err)
	}
	return matcher{c, v}, nil
}

func (f *filter) match(v *view) bool {
	for i := range f.exact {
		if value := v.get(f.exact[i].column); !slices.Contains(f.exact[i].oneOf, value) && (value == "" || !slices.Contains(f.exact[i].oneOf, anything)) {
			return false
		}
	}
	for i := range f.matches {
		if !f.matches[i].value.Holds(v.get(f.matches[i].column)) {
			return false
		}
	}
	return true
}

// filterset holds the filters of a pack, equal ones once, and what they said of
// the event at hand.
type filterset struct {
	filters []filter
	known   []verdict
	byKey   map[string]int
}

type verdict int8

const (
	undecided verdict = iota
	matched
	passed
)

func newFilterset() *filterset { return &filterset{byKey: map[string]int{}} }

// add returns the number of a filter, -1 for one that holds for every event.
func (s *filterset) add(f filter) int {
	if len(f.exact)+len(f.matches) == 0 {
		return -1
	}
	if i, ok := s.byKey[f.key]; ok {
		return i
	}
	i := len(s.filters)
	s.filters, s.known, s.byKey[f.key] = append(s.filters, f), append(s.known, undecided), i
	return i
}

// begin forgets what was said of the event before, but for what holds for the next
// one too.
func (s *filterset) begin(v *view) {
	for i := range s.known {
		if !v.again || !s.filters[i].asked {
			s.known[i] = undecided
		}
	}
}

func (s *filterset) holds(i int, v *view) bool {
	if i < 0 {
		return true
	}
	if s.known[i] == undecided {
		s.known[i] = passed
		if s.filters[i].match(v) {
			s.known[i] = matched
		}
	}
	return s.known[i] == matched
}
