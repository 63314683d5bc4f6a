// Package toml holds rules without code: what a rule file may say, and the rules
// that follow from it. The host reads the file and checks it; the guest main in
// the folder wasm is given what was read as its configuration and runs it.
//
// The package reads no TOML itself, since a guest links the standard library
// only. What a rule matches is tested by the same code in the host, which leaves
// out events that cannot matter, and in the guest, which decides.
package toml

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/rules/match"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Limits of one file, beside those of every pack.
const (
	MaxRules      = 128
	MaxConditions = 8
	MaxSteps      = 16
)

// Pack is a rule file.
type Pack struct {
	ID      string `json:"id" toml:"id"`
	Version string `json:"version" toml:"version"`
	Rules   []Rule `json:"rule" toml:"rule"`
}

// Rule is one [[rule]]. It fires on an event that Match fits; with Count once so
// many did, with Sequence once its steps came in order.
type Rule struct {
	ID             string   `json:"id" toml:"id"`
	Title          string   `json:"title" toml:"title"`
	Severity       string   `json:"severity" toml:"severity"`
	Confidence     string   `json:"confidence,omitempty" toml:"confidence"`
	Description    string   `json:"description,omitempty" toml:"description"`
	FalsePositives string   `json:"false_positives,omitempty" toml:"false_positives"`
	Attack         []string `json:"attack,omitempty" toml:"attack"`
	Atlas          []string `json:"atlas,omitempty" toml:"atlas"`
	OWASP          []string `json:"owasp,omitempty" toml:"owasp"`
	Reason         string   `json:"reason,omitempty" toml:"reason"`   // the title when empty
	Subject        string   `json:"subject,omitempty" toml:"subject"` // a field; the tool, else the method, when empty
	Dedup          *Dedup   `json:"dedup,omitempty" toml:"dedup"`

	Match    map[string]Condition `json:"match,omitempty" toml:"match"`
	Count    *Count               `json:"count,omitempty" toml:"count"`
	Sequence *Sequence            `json:"sequence,omitempty" toml:"sequence"`
}

// Dedup is as [sdk.Dedup].
type Dedup struct {
	By   string `json:"by" toml:"by"`
	Over string `json:"over" toml:"over"`
}

// Count wants N events that the rule's match fits, or N different values of a
// field among them.
type Count struct {
	N        int    `json:"n" toml:"n"`
	Over     string `json:"over" toml:"over"`
	By       string `json:"by" toml:"by"`
	Distinct string `json:"distinct,omitempty" toml:"distinct"`
}

// Sequence wants its steps in their order, other events may come between.
type Sequence struct {
	Within string `json:"within" toml:"within"`
	By     string `json:"by" toml:"by"`
	Steps  []Step `json:"step" toml:"step"`
}

// Step is one [[rule.sequence.step]].
type Step struct {
	Name  string               `json:"name" toml:"name"`
	Match map[string]Condition `json:"match" toml:"match"`
}

// Condition is a [sdk.Match]. In a file it may also be a text or a list of texts,
// one of which must be the whole value.
type Condition sdk.Match

// UnmarshalTOML reads a condition in each of its forms, and nothing else.
func (c *Condition) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case string:
		c.Is = []string{v}
		return nil
	case []any:
		return texts(v, &c.Is)
	case map[string]any:
		return c.table(v)
	}
	return fmt.Errorf("want a text, a list of texts or a table, got %T", v)
}

func (c *Condition) table(forms map[string]any) error {
	var faults []error
	for name, v := range forms {
		var err error
		switch name {
		case "is":
			err = texts(v, &c.Is)
		case "prefix":
			err = texts(v, &c.Prefix)
		case "contains":
			err = texts(v, &c.Contains)
		case "regex":
			err = texts(v, &c.Regex)
		case "cidr":
			err = texts(v, &c.CIDR)
		case "min":
			c.Min, err = number(v)
		case "not":
			var ok bool
			if c.Not, ok = v.(bool); !ok {
				err = errors.New("want true or false")
			}
		default:
			err = errors.New("unknown form: want is, prefix, contains, regex, cidr, min or not")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(faults...)
}

func texts(v any, out *[]string) error {
	list, ok := v.([]any)
	if s, one := v.(string); one {
		list, ok = []any{s}, true
	}
	if !ok || len(list) == 0 {
		return errors.New("want a text or a list of texts")
	}
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			return errors.New("want a list of texts")
		}
		*out = append(*out, s)
	}
	return nil
}

func number(v any) (float64, error) {
	switch n := v.(type) {
	case int64:
		return float64(n), nil
	case float64:
		return n, nil
	}
	return 0, errors.New("want a number")
}

// Check says what is wrong with a rule beyond what the host finds in every pack.
func (r *Rule) Check() error {
	var faults []error
	fault := func(bad bool, text string) {
		if bad {
			faults = append(faults, errors.New(text))
		}
	}
	fault(len(r.Match) == 0 && r.Sequence == nil, "neither match nor sequence: it would fire on everything")
	fault(len(r.Match) > MaxConditions, fmt.Sprintf("match: %d conditions, at most %d", len(r.Match), MaxConditions))
	fault(r.Count != nil && r.Sequence != nil, "count and sequence: want one of them")
	fault(r.Count != nil && r.Count.N < 2, "count.n: want at least 2")
	fault(r.Count != nil && r.Count.Distinct != "" && r.Count.N > 256, "count.n: of distinct values at most 256")
	if s := r.Sequence; s != nil {
		fault(len(s.Steps) < 2 || len(s.Steps) > MaxSteps, fmt.Sprintf("sequence: %d steps, want 2 to %d", len(s.Steps), MaxSteps))
		for i, step := range s.Steps {
			fault(slices.ContainsFunc(s.Steps[:i], func(o Step) bool { return o.Name == step.Name }), fmt.Sprintf("sequence: two steps %q", step.Name))
			faults = append(faults, checkAll("sequence step "+step.Name, step.Match))
		}
	}
	faults = append(faults, checkAll("match", r.Match))
	return errors.Join(faults...)
}

func checkAll(where string, conditions map[string]Condition) error {
	var faults []error
	for name, c := range conditions {
		if _, err := match.New(sdk.Match(c)); err != nil {
			faults = append(faults, fmt.Errorf("%s: %s: %w", where, name, err))
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(faults...)
}

// Configure makes rules of a configuration, for the guest.
func Configure(config []byte) (id, version string, rules []sdk.Rule, err error) {
	var p Pack
	if err := json.Unmarshal(config, &p); err != nil {
		return "", "", nil, fmt.Errorf("read the configuration: %w", err)
	}
	for i := range p.Rules {
		r, err := newRule(i, &p.Rules[i])
		if err != nil {
			return "", "", nil, fmt.Errorf("rule %s: %w", p.Rules[i].ID, err)
		}
		rules = append(rules, r)
	}
	return p.ID, p.Version, rules, nil
}
