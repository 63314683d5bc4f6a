package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Limits on what a pack may declare.
const (
	maxDescribe   = 1 << 20
	maxRules      = 256
	maxWindows    = 32
	maxFilter     = 8 // conditions of one filter
	maxTitle      = 256
	maxText       = 4096
	maxTechniques = 32
	maxTechnique  = 64
	maxFaults     = 16 // faults that one error tells of
	maxSpan       = 24 * time.Hour
	defaultDedup  = 5 * time.Minute
)

var (
	packID     = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	ruleID     = regexp.MustCompile(`^[A-Z0-9_]{1,64}$`)
	windowName = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)
	version    = regexp.MustCompile(`^[0-9A-Za-z.+_-]{1,64}$`)
)

// description is a rules module's answer to describe.
type description struct {
	ABI     int             `json:"abi"`
	Kind    string          `json:"kind"`
	ID      string          `json:"id"`
	Version string          `json:"version"`
	Rules   []sdk.RuleInfo  `json:"rules"`
	Windows []sdk.Window    `json:"windows"`
	State   json.RawMessage `json:"state"`
}

// pack is a loaded rules module.
type pack struct {
	info    PackInfo
	guest   Guest
	rules   map[string]*rule
	when    []filter // an event that matches none is of no interest; empty: all are
	fields  []field  // of an event, that the guest is sent
	windows []*window
	// timeless says that every rule names its fields and none is time: then the
	// guest is not told the moment either, and equal inputs recur.
	timeless bool
	verdicts *verdicts
}

type rule struct {
	info sdk.RuleInfo
	over time.Duration // of the deduplication
}

// parseDescription makes a pack of a describe document. Its error tells all the
// faults that it found.
func parseDescription(name string, doc []byte) (*pack, error) {
	if len(doc) > maxDescribe {
		return nil, fmt.Errorf("describe document of %d bytes, at most %d", len(doc), maxDescribe)
	}
	var d description
	if err := json.Unmarshal(doc, &d); err != nil {
		return nil, fmt.Errorf("decode describe document: %w", err)
	}
	p := &pack{info: PackInfo{Name: name, ID: d.ID, Version: d.Version}, rules: map[string]*rule{}}
	faults := d.check()
	if len(d.Rules) <= maxRules && len(d.Windows) <= maxWindows {
		faults = append(faults, p.addRules(d.Rules)...)
		faults = append(faults, p.addWindows(d.Windows)...)
	}
	if len(faults) > maxFaults {
		faults = append(faults[:maxFaults], fmt.Errorf("and %d more", len(faults)-maxFaults))
	}
	return p, errors.Join(faults...)
}

func (d *description) check() (faults []error) {
	fault := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(d.ABI == sdk.ABIVersion, "abi is %d, this host speaks %d", d.ABI, sdk.ABIVersion)
	fault(d.Kind == "rules", "kind is %q, want \"rules\"", cut(d.Kind, maxTitle))
	fault(packID.MatchString(d.ID), "id %q does not match %s", cut(d.ID, maxTitle), packID)
	fault(version.MatchString(d.Version), "version %q does not match %s", cut(d.Version, maxTitle), version)
	fault(len(d.Rules) > 0 && len(d.Rules) <= maxRules, "%d rules, want 1 to %d", len(d.Rules), maxRules)
	fault(len(d.Windows) <= maxWindows, "%d windows, at most %d", len(d.Windows), maxWindows)
	fault(len(d.State) == 0 || bytes.Equal(d.State, []byte("null")), "state is declared, which this host does not keep for rules")
	return faults
}

// addRules checks the rules and works out what the pack has to be sent.
func (p *pack) addRules(infos []sdk.RuleInfo) (faults []error) {
	wanted, all := map[string]bool{}, false
	for i, info := range infos {
		if !ruleID.MatchString(info.ID) {
			faults = append(faults, fmt.Errorf("rule %d: id %q does not match %s", i, cut(info.ID, maxTitle), ruleID))
			continue
		}
		if p.rules[info.ID] != nil {
			faults = append(faults, fmt.Errorf("rule %s: declared twice", info.ID))
			continue
		}
		r, when, err := newRule(info)
		if err != nil {
			faults = append(faults, fmt.Errorf("rule %s: %w", info.ID, err))
		}
		p.rules[info.ID] = r
		p.info.Rules = append(p.info.Rules, info.ID)
		p.when = append(p.when, when)
		all = all || len(info.Fields) == 0
		for _, f := range info.Fields {
			wanted[f] = true
		}
	}
	if slices.ContainsFunc(p.when, func(f filter) bool { return len(f) == 0 }) {
		p.when = nil
	}
	for _, f := range fields {
		if all || wanted[f.name] {
			p.fields = append(p.fields, f)
		}
	}
	p.timeless, p.verdicts = !all && !wanted["time"], newVerdicts()
	return faults
}

func newRule(info sdk.RuleInfo) (*rule, filter, error) {
	r := &rule{info: info, over: defaultDedup}
	faults := checkTexts(info)
	if _, err := severityRank(info.Severity); err != nil {
		faults = append(faults, err)
	}
	if r.info.Confidence == "" {
		r.info.Confidence = sdk.ConfidenceMedium
	}
	if err := checkConfidence(r.info.Confidence); err != nil {
		faults = append(faults, err)
	}
	if info.Dedup == nil {
		r.info.Dedup = &sdk.Dedup{By: "actor", Over: defaultDedup.String()}
	}
	if by := r.info.Dedup.By; by != "ip" && by != "actor" && by != "session" {
		faults = append(faults, fmt.Errorf("dedup: by is %q, want ip, actor or session", cut(by, maxTitle)))
	}
	over, err := parseSpan(r.info.Dedup.Over)
	if err != nil {
		faults = append(faults, fmt.Errorf("dedup: %w", err))
	}
	r.over = over
	when, err := checkFilter(info.When)
	if err != nil {
		faults = append(faults, fmt.Errorf("when: %w", err))
	}
	for _, f := range info.Fields {
		if _, ok := lookup(f); !ok {
			faults = append(faults, fmt.Errorf("fields: %w", unknownField(f)))
		}
	}
	return r, when, errors.Join(faults...)
}

func checkTexts(info sdk.RuleInfo) (faults []error) {
	if info.Title == "" || len(info.Title) > maxTitle {
		faults = append(faults, fmt.Errorf("title of %d bytes, want 1 to %d", len(info.Title), maxTitle))
	}
	if len(info.Description) > maxText {
		faults = append(faults, fmt.Errorf("description of %d bytes, at most %d", len(info.Description), maxText))
	}
	for name, ids := range map[string][]string{"attack": info.Attack, "atlas": info.Atlas, "owasp": info.OWASP} {
		bad := slices.ContainsFunc(ids, func(s string) bool { return s == "" || len(s) > maxTechnique })
		if bad || len(ids) > maxTechniques {
			faults = append(faults, fmt.Errorf("%s: at most %d ids of 1 to %d bytes", name, maxTechniques, maxTechnique))
		}
	}
	return faults
}

func (p *pack) addWindows(specs []sdk.Window) (faults []error) {
	seen := map[string]bool{}
	for i, s := range specs {
		if !windowName.MatchString(s.Name) {
			faults = append(faults, fmt.Errorf("window %d: name %q does not match %s", i, cut(s.Name, maxTitle), windowName))
			continue
		}
		if seen[s.Name] {
			faults = append(faults, fmt.Errorf("window %s: declared twice", s.Name))
			continue
		}
		seen[s.Name] = true
		w, err := parseWindow(s)
		if err != nil {
			faults = append(faults, fmt.Errorf("window %s: %w", s.Name, err))
			continue
		}
		p.windows = append(p.windows, w)
	}
	return faults
}

func parseWindow(s sdk.Window) (*window, error) {
	var faults []error
	if groupings[s.By] == nil {
		faults = append(faults, fmt.Errorf("by is %q, want ip, actor, session, client, tool or all", cut(s.By, maxTitle)))
	}
	over, err := parseSpan(s.Over)
	if err != nil {
		faults = append(faults, err)
	}
	agg, value, err := parseAggregate(s)
	if err != nil {
		faults = append(faults, err)
	}
	where, err := checkFilter(s.Where)
	if err != nil {
		faults = append(faults, fmt.Errorf("where: %w", err))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return newWindow(s, over, where, agg, value), nil
}

// parseAggregate returns what the window computes and the field it computes it of.
func parseAggregate(s sdk.Window) (agg aggregate, value func(*sdk.Event) string, err error) {
	name, n := "", 0
	for _, c := range []struct {
		agg   aggregate
		field string
		set   bool
	}{
		{aggregateCount, "", s.Count},
		{aggregateDistinct, s.Distinct, s.Distinct != ""},
		{aggregateSum, s.Sum, s.Sum != ""},
		{aggregateLast, s.Last, s.Last != ""},
	} {
		if c.set {
			agg, name = c.agg, c.field
			n++
		}
	}
	if n != 1 {
		return 0, nil, fmt.Errorf("%d of count, distinct, sum and last are set, want exactly one", n)
	}
	if agg == aggregateCount {
		return agg, nil, nil
	}
	f, ok := lookup(name)
	if !ok {
		return 0, nil, unknownField(name)
	}
	if agg == aggregateSum && f.shape != shapeNumber {
		return 0, nil, fmt.Errorf("sum: field %s is no number", name)
	}
	return agg, f.value, nil
}

func checkFilter(where map[string]string) (filter, error) {
	if len(where) > maxFilter {
		return nil, fmt.Errorf("%d conditions, at most %d", len(where), maxFilter)
	}
	return newFilter(where)
}

func parseSpan(s string) (time.Duration, error) {
	d, err := time.ParseDuration(cut(s, maxTechnique))
	if err != nil {
		return 0, fmt.Errorf("over: %w", err)
	}
	if d <= 0 || d > maxSpan {
		return 0, fmt.Errorf("over is %s, want more than 0 and at most %s", d, maxSpan)
	}
	return d, nil
}

func unknownField(name string) error {
	return fmt.Errorf("events have no field %q that rules may see", cut(name, maxTitle))
}
