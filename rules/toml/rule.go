package toml

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/killdeer-mcp/killdeer/rules/match"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	maxText = 256 // bytes of a subject and of a snippet
	lead    = 64  // bytes of a snippet before the match
)

// rule is a [Rule] that runs.
type rule struct {
	info       sdk.RuleInfo
	reason     string
	subject    string
	conditions []condition
	count      int // 0: every event
	window     string
}

type condition struct {
	field string
	value *match.Value
}

var _ sdk.Rule = (*rule)(nil)

func newRule(number int, r *Rule) (*rule, error) {
	made := &rule{reason: r.Reason, subject: r.Subject, window: "w" + strconv.Itoa(number)}
	if made.reason == "" {
		made.reason = r.Title
	}
	made.info = sdk.RuleInfo{
		ID: r.ID, Title: r.Title, Severity: sdk.Severity(r.Severity), Confidence: sdk.Confidence(r.Confidence),
		Description: r.Description, FalsePositives: r.FalsePositives, Attack: r.Attack, Atlas: r.Atlas, OWASP: r.OWASP,
		Gate: sdk.Gate{Match: matches(r.Match)},
	}
	if r.Dedup != nil {
		made.info.Dedup = &sdk.Dedup{By: r.Dedup.By, Over: r.Dedup.Over}
	}
	for _, field := range slices.Sorted(maps.Keys(r.Match)) {
		v, err := match.New(sdk.Match(r.Match[field]))
		if err != nil {
			return nil, fmt.Errorf("match: %s: %w", field, err)
		}
		made.conditions = append(made.conditions, condition{field, v})
	}
	if made.subject == "" {
		made.info.Gate.Subject = sdk.SubjectTool
	}
	made.remember(r)
	made.info.Fields = made.fields()
	return made, nil
}

func matches(conditions map[string]Condition) map[string]sdk.Match {
	out := map[string]sdk.Match{}
	for field, c := range conditions {
		out[field] = sdk.Match(c)
	}
	return out
}

// remember declares the window that a count or a sequence needs.
func (r *rule) remember(from *Rule) {
	switch {
	case from.Count != nil:
		c := from.Count
		w := sdk.Window{Name: r.window, By: c.By, Over: c.Over, Match: matches(from.Match), Count: c.Distinct == "", Distinct: c.Distinct}
		r.info.Windows, r.count = []sdk.Window{w}, c.N
	case from.Sequence != nil:
		s := from.Sequence
		w := sdk.Window{Name: r.window, By: s.By, Over: s.Within}
		for _, step := range s.Steps {
			w.Steps = append(w.Steps, sdk.Step{Name: step.Name, Match: matches(step.Match)})
		}
		r.info.Windows, r.count = []sdk.Window{w}, len(s.Steps)
		if len(from.Match) == 0 {
			// The event that completes the sequence is one of the last step.
			r.info.Gate.Match = matches(s.Steps[len(s.Steps)-1].Match)
		}
	default:
		return
	}
	r.info.Gate.AtLeast = map[string]float64{r.window: float64(r.count)}
}

// fields are the event fields that the rule reads.
func (r *rule) fields() []string {
	list := []string{"kind", "mcp_method", "tool"}
	add := func(name string) {
		if name, _, _ = strings.Cut(name, "."); name != "" && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	for _, c := range r.conditions {
		add(c.field)
	}
	add(r.subject)
	return list
}

// Info describes the rule.
func (r *rule) Info() sdk.RuleInfo { return r.info }

// Evaluate fires when all conditions hold and the window has come far enough.
func (r *rule) Evaluate(in *sdk.Evaluation) []sdk.Hit {
	for _, c := range r.conditions {
		if !c.value.Holds(value(in, c.field)) {
			return nil
		}
	}
	h := sdk.Hit{Reason: r.reason, Evidence: r.evidence(in)}
	if r.count > 0 {
		if h.Count = in.Windows[r.window].N; h.Count < r.count {
			return nil
		}
	}
	if r.subject != "" {
		h.Subject = cut(value(in, r.subject))
	}
	return []sdk.Hit{h}
}

// evidence is what the condition found that says most: one on the arguments
// before others, and none that only wants something to be absent.
func (r *rule) evidence(in *sdk.Evaluation) (e *sdk.Evidence) {
	for _, c := range r.conditions {
		if c.value.Negative() || e != nil && !strings.HasPrefix(c.field, "args") {
			continue
		}
		s := value(in, c.field)
		if start, _, ok := c.value.Find(s); ok {
			e = &sdk.Evidence{Path: c.field, Snippet: snippet(s, start)}
		}
	}
	return e
}

func snippet(s string, at int) string {
	start := max(0, at-lead)
	for start < at && !utf8.RuneStart(s[start]) {
		start++
	}
	return cut(s[start:])
}

func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// value is a field of the event as text, as the host reads it.
func value(in *sdk.Evaluation, name string) string {
	if path, ok := strings.CutPrefix(name, "args."); ok {
		return guest.Lookup(in.Event.Args, path)
	}
	return guest.FieldText(in, name)
}
