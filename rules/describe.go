package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Limits on what a pack may declare.
const (
	maxDescribe   = 1 << 20
	maxRules      = 256
	maxWindows    = 64
	maxFilter     = 8 // conditions of one filter
	maxTitle      = 256
	maxText       = 4096
	maxTechniques = 32
	maxTechnique  = 64
	maxFaults     = 16 // faults that one error tells of
	maxThresholds = 8  // of a rule
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
	Rules   []describedRule `json:"rules"`
	Windows []sdk.Window    `json:"windows"`
	State   json.RawMessage `json:"state"`
}

// describedRule names the windows that the rule reads; without the list it reads
// all of the pack's.
type describedRule struct {
	sdk.RuleInfo
	Windows *[]string `json:"windows"`
}

// pack is a loaded rules module.
type pack struct {
	info    PackInfo
	guest   Guest
	config  []byte
	rules   map[string]*rule
	order   []*rule // by number
	windows []*window
	filters *filterset

	gates       []*gate
	classes     []class
	terms       *terms // of requests; nil: no rule has any
	clientTerms *terms
	worded      ruleset // gates that have terms
	bounded     ruleset // gates that have thresholds
	plans       map[ruleset]*plan
	verdicts    *verdicts
}

type rule struct {
	info    sdk.RuleInfo
	number  int
	over    time.Duration // of the deduplication
	fields  []column      // none: all of the event's
	windows []int
	cites   []int // the windows among them that it named itself
	alone   *plan // when it is the only one asked
}

// gate is one of a rule's gates.
type gate struct {
	rule    int
	when    filter
	atLeast []threshold
	at      []threshold
	subject string
	last    marked
}

// threshold is what a window, or a number of the event, must have come to.
type threshold struct {
	window int // -1: column
	column column
	least  float64
	values []int
}

func (t *threshold) at(n int) bool { return slices.Contains(t.values, n) }

// parseDescription makes a pack of a describe document. Its error tells all the
// faults that it found.
func parseDescription(name string, doc []byte) (*pack, error) {
	if len(doc) > maxDescribe {
		return nil, fmt.Errorf("describe document of %d bytes, at most %d", len(doc), maxDescribe)
	}
	var d description
	if err := json.Unmarshal(doc, &d); err != nil {
		return nil, fmt.Errorf("decode describe document, which docs/guest-abi.md has under Rules: %w", err)
	}
	p := &pack{
		info: PackInfo{Name: name, ID: d.ID, Version: d.Version}, rules: map[string]*rule{},
		filters: newFilterset(), plans: map[ruleset]*plan{}, verdicts: newVerdicts(),
	}
	if err := d.checkPrograms(); err != nil {
		return nil, err
	}
	faults := d.check()
	if len(d.Rules) <= maxRules && len(d.Windows) <= maxWindows {
		faults = append(faults, p.addWindows(d.Windows)...)
		faults = append(faults, p.addRules(d.Rules)...)
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
	fault(d.ABI == sdk.ABIVersion, "abi is %d, this host speaks %d: build the guest for that, or install the Killdeer it is for", d.ABI, sdk.ABIVersion)
	fault(d.Kind == "rules", "kind is %q, want \"rules\": a guest with personas belongs in decoy.personas", cut(d.Kind, maxTitle))
	fault(packID.MatchString(d.ID), "id %q does not match %s", cut(d.ID, maxTitle), packID)
	fault(version.MatchString(d.Version), "version %q does not match %s", cut(d.Version, maxTitle), version)
	fault(len(d.Rules) > 0 && len(d.Rules) <= maxRules, "%d rules, want 1 to %d", len(d.Rules), maxRules)
	fault(len(d.Windows) <= maxWindows, "%d windows, at most %d", len(d.Windows), maxWindows)
	fault(len(d.State) == 0 || bytes.Equal(d.State, []byte("null")), "state is declared, which this host does not keep for rules")
	return faults
}

// addRules checks the rules and sorts their gates by what they look at.
func (p *pack) addRules(infos []describedRule) (faults []error) {
	var lists, clients []termList
	for i, d := range infos {
		if !ruleID.MatchString(d.ID) {
			faults = append(faults, fmt.Errorf("rule %d: id %q does not match %s", i, cut(d.ID, maxTitle), ruleID))
			continue
		}
		if p.rules[d.ID] != nil {
			faults = append(faults, fmt.Errorf("rule %s: declared twice", d.ID))
			continue
		}
		r, err := newRule(d.RuleInfo)
		if err = errors.Join(err, p.bind(r, d)); err != nil {
			faults = append(faults, fmt.Errorf("rule %s: %w", d.ID, err))
		}
		r.number = i
		p.rules[d.ID], p.order = r, append(p.order, r)
		p.info.Rules = append(p.info.Rules, d.ID)
		for _, g := range append([]sdk.Gate{d.Gate}, d.Also...) {
			made, err := p.newGate(i, g)
			if err != nil {
				faults = append(faults, fmt.Errorf("rule %s: %w", d.ID, err))
				continue
			}
			if len(g.Terms)+len(g.ClientTerms) > 0 {
				lists, clients = append(lists, termList{len(p.gates), g.Terms}), append(clients, termList{len(p.gates), g.ClientTerms})
			}
			p.gates = append(p.gates, made)
		}
	}
	if len(p.gates) > maxRules {
		faults = append(faults, fmt.Errorf("%d gates of all rules together, at most %d", len(p.gates), maxRules))
	}
	if err := errors.Join(checkAllTerms(lists), checkAllTerms(clients)); err != nil {
		faults = append(faults, err)
	}
	if len(faults) == 0 {
		p.classify(lists, clients)
		for i, r := range p.order {
			var only ruleset
			only.set(i)
			r.alone = p.newPlan(only)
		}
	}
	return faults
}

func (p *pack) newGate(number int, g sdk.Gate) (made *gate, err error) {
	made = &gate{rule: number, subject: g.Subject}
	if len(g.Subject) > maxSubject {
		return nil, fmt.Errorf("subject of %d bytes, at most %d", len(g.Subject), maxSubject)
	}
	if made.when, err = newFilter(g.When, g.Match); err != nil {
		return nil, fmt.Errorf("when: %w", err)
	}
	if err := errors.Join(checkTerms(g.Terms), checkTerms(g.ClientTerms)); err != nil {
		return nil, err
	}
	return made, p.bindThresholds(made, g)
}

// classify builds what finds the gates that an event passes.
func (p *pack) classify(lists, clients []termList) {
	byFilter := map[int]int{}
	for i, g := range p.gates {
		f := p.filters.add(g.when)
		if _, ok := byFilter[f]; !ok {
			byFilter[f] = len(p.classes)
			p.classes = append(p.classes, class{filter: f})
		}
		p.classes[byFilter[f]].gates.set(i)
		if len(g.at)+len(g.atLeast) > 0 {
			p.bounded.set(i)
		}
	}
	if len(lists) == 0 {
		return
	}
	p.terms, p.clientTerms = newTerms(lists), newTerms(clients)
	for _, l := range lists {
		p.worded.set(l.gate)
	}
}

// bind resolves the names that a rule uses.
func (p *pack) bind(r *rule, d describedRule) error {
	var faults []error
	for _, f := range d.Fields {
		c, ok := sendableColumn(f)
		if !ok {
			faults = append(faults, fmt.Errorf("fields: %w", unknownField(f)))
			continue
		}
		r.fields = append(r.fields, c)
	}
	switch {
	case d.Windows == nil:
		for i := range p.windows {
			r.windows = append(r.windows, i)
		}
	default:
		for _, name := range *d.Windows {
			i := p.window(name)
			if i < 0 {
				faults = append(faults, fmt.Errorf("windows: the pack has no window %q", cut(name, maxTitle)))
			}
			r.windows = append(r.windows, i)
		}
		r.cites = r.windows
	}
	return errors.Join(faults...)
}

func (p *pack) window(name string) int {
	return slices.IndexFunc(p.windows, func(w *window) bool { return w.name == name })
}

func (p *pack) bindThresholds(g *gate, d sdk.Gate) error {
	if len(d.AtLeast)+len(d.At) > maxThresholds {
		return fmt.Errorf("%d thresholds, at most %d", len(d.AtLeast)+len(d.At), maxThresholds)
	}
	for _, name := range slices.Sorted(maps.Keys(d.AtLeast)) {
		t := threshold{window: p.window(name), least: d.AtLeast[name]}
		if t.window < 0 {
			var ok bool
			if t.column, ok = sendableColumn(name); !ok || t.column.shape != shapeNumber {
				return fmt.Errorf("at_least: %q is neither a window of the pack nor a number field", cut(name, maxTitle))
			}
		}
		g.atLeast = append(g.atLeast, t)
	}
	for _, name := range slices.Sorted(maps.Keys(d.At)) {
		t := threshold{window: p.window(name), values: d.At[name]}
		if t.window < 0 || len(t.values) == 0 || len(t.values) > maxValues {
			return fmt.Errorf("at: %q is no window of the pack with 1 to %d values", cut(name, maxTitle), maxValues)
		}
		g.at = append(g.at, t)
	}
	return nil
}

func newRule(info sdk.RuleInfo) (*rule, error) {
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
	return r, errors.Join(faults...)
}

func checkTexts(info sdk.RuleInfo) (faults []error) {
	if info.Title == "" || len(info.Title) > maxTitle {
		faults = append(faults, fmt.Errorf("title of %d bytes, want 1 to %d", len(info.Title), maxTitle))
	}
	if len(info.Description) > maxText {
		faults = append(faults, fmt.Errorf("description of %d bytes, at most %d", len(info.Description), maxText))
	}
	if len(info.FalsePositives) > maxText {
		faults = append(faults, fmt.Errorf("false_positives of %d bytes, at most %d", len(info.FalsePositives), maxText))
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
		w, err := parseWindow(s, p.filters)
		if err != nil {
			faults = append(faults, fmt.Errorf("window %s: %w", s.Name, err))
			continue
		}
		p.windows = append(p.windows, w)
	}
	return faults
}

func parseWindow(s sdk.Window, filters *filterset) (*window, error) {
	w := &window{
		name: s.Name, by: grouping(s.By), filters: filters, keep: s.Keep,
		groups: newLRU[string, group](), limit: windowLimit{maxGroups, maxEntries}, seed: maphash.MakeSeed(),
	}
	var faults []error
	if w.by == nil {
		faults = append(faults, fmt.Errorf("by is %q, want ip, actor, session, client, tool, all or a text field", cut(s.By, maxTitle)))
	}
	switch {
	case s.Keep == 0:
		w.keep = maxValues
	case s.Keep < -1 || s.Keep > maxValues:
		faults = append(faults, fmt.Errorf("keep is %d, want -1 (none) to %d", s.Keep, maxValues))
	}
	var err error
	if w.over, err = parseSpan(s.Over); err != nil {
		faults = append(faults, err)
	}
	faults = append(faults, w.aggregates(s))
	where, err := newFilter(s.Where, s.Match)
	if err != nil {
		faults = append(faults, fmt.Errorf("where: %w", err))
	}
	w.where = filters.add(where)
	return w, errors.Join(faults...)
}

// aggregates sets what the window computes and of what.
func (w *window) aggregates(s sdk.Window) (err error) {
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
		{aggregateFirst, s.First, s.First != ""},
		{aggregateSteps, "", len(s.Steps) > 0},
	} {
		if c.set {
			w.aggregate, name = c.agg, c.field
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("%d of count, distinct, sum, last, first and steps are set, want exactly one", n)
	}
	switch w.aggregate {
	case aggregateCount:
		return nil
	case aggregateSteps:
		w.steps, err = newSteps(s.Steps, w.filters)
		return err
	}
	var ok bool
	if w.value, ok = lookup(name); !ok {
		return unknownField(name)
	}
	if w.aggregate == aggregateSum && w.value.shape != shapeNumber {
		return fmt.Errorf("sum: field %s is no number", name)
	}
	return nil
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
