package journal

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	maxNames   = 64       // values of a small field that are counted one by one
	otherName  = "other"  // counts those beyond
	maxMinutes = 3 * 1440 // of a segment's timeline; beyond it the oldest go

	maxSummary = 8 << 20 // bytes of a stored summary
)

// summary adds a segment's events up as they come, in bounded memory. Sums of
// several segments are added up when somebody asks.
type summary struct {
	Events     uint64            `json:"events"`
	Kinds      map[string]uint64 `json:"kinds"`
	Outcomes   map[string]uint64 `json:"outcomes"`
	Severities map[string]uint64 `json:"severities"`
	Lost       uint64            `json:"lost,omitempty"`

	Tools   *top `json:"tools"`
	Methods *top `json:"methods"`
	Sources *top `json:"sources"`
	Rules   *top `json:"rules"`

	Unique  *distinct         `json:"unique"`
	Minutes map[uint64]minute `json:"minutes"`

	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// minute counts what arrived in one.
type minute [2]uint32 // accesses, detections

func newSummary() *summary {
	return &summary{
		Kinds: map[string]uint64{}, Outcomes: map[string]uint64{}, Severities: map[string]uint64{},
		Tools: newTop(), Methods: newTop(), Sources: newTop(), Rules: newTop(),
		Unique: newDistinct(), Minutes: map[uint64]minute{},
	}
}

// add takes in one event.
func (s *summary) add(ev *sdk.Event) {
	s.Events++
	count(s.Kinds, string(ev.Kind), 1)
	s.spread(writable(ev.Time))
	switch {
	case ev.Operator != "":
		// the operator's own traffic is in no statistic but the number of events
	case ev.Kind == sdk.KindAccess:
		s.addAccess(ev)
	case ev.Detection != nil:
		count(s.Severities, asStored(string(ev.Detection.Severity)), 1)
		s.Rules.add(ev.Detection.RuleID, 1)
		s.tick(ev.Time, minute{0, 1})
	case ev.Gap != nil && ev.Gap.Reason != "not_judged":
		s.Lost += ev.Gap.Lost // those that were not judged are there
	}
}

func (s *summary) addAccess(ev *sdk.Event) {
	count(s.Outcomes, asStored(ev.Outcome), 1)
	s.Tools.add(ev.Tool, 1)
	s.Methods.add(ev.MCPMethod, 1)
	s.Sources.add(ev.IP, 1)
	s.Unique.add(ev.IP)
	s.tick(ev.Time, minute{1, 0})
}

// count adds n to a name's count, or to that of other names.
func count(m map[string]uint64, name string, n uint64) {
	if name == "" {
		return
	}
	if _, known := m[name]; !known && len(m) >= maxNames || len(name) > maxTerm {
		name = otherName
	}
	m[name] += n
}

func (s *summary) spread(t time.Time) {
	if t.IsZero() {
		return
	}
	if s.From.IsZero() || t.Before(s.From) {
		s.From = t
	}
	if t.After(s.To) {
		s.To = t
	}
}

func (s *summary) tick(t time.Time, by minute) {
	at := minuteOf(writable(t))
	m, known := s.Minutes[at]
	if !known && len(s.Minutes) >= maxMinutes {
		s.dropOldest()
	}
	s.Minutes[at] = minute{m[0] + by[0], m[1] + by[1]}
}

// dropOldest makes room in the timeline, for a day at once: it is a search.
func (s *summary) dropOldest() {
	oldest := ^uint64(0)
	for at := range s.Minutes {
		oldest = min(oldest, at)
	}
	maps.DeleteFunc(s.Minutes, func(at uint64, _ minute) bool { return at < oldest+1440 })
}

// merge adds another segment's sums.
func (s *summary) merge(o *summary) {
	s.Events += o.Events
	s.Lost += o.Lost
	for _, pair := range [][2]map[string]uint64{{s.Kinds, o.Kinds}, {s.Outcomes, o.Outcomes}, {s.Severities, o.Severities}} {
		for name, n := range pair[1] {
			count(pair[0], name, n)
		}
	}
	s.Tools.merge(o.Tools)
	s.Methods.merge(o.Methods)
	s.Sources.merge(o.Sources)
	s.Rules.merge(o.Rules)
	s.Unique.merge(o.Unique)
	for at, m := range o.Minutes {
		had := s.Minutes[at]
		s.Minutes[at] = minute{had[0] + m[0], had[1] + m[1]}
	}
	s.spread(o.From)
	s.spread(o.To)
}

func (s *summary) clone() *summary {
	c := *s
	c.Kinds, c.Outcomes, c.Severities = maps.Clone(s.Kinds), maps.Clone(s.Outcomes), maps.Clone(s.Severities)
	c.Tools, c.Methods, c.Sources, c.Rules = s.Tools.clone(), s.Methods.clone(), s.Sources.clone(), s.Rules.clone()
	c.Unique, c.Minutes = s.Unique.clone(), maps.Clone(s.Minutes)
	return &c
}

func (s *summary) encode() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return nil // times are writable and the rest is numbers and text
	}
	return b
}

// decodeSummary reads a stored summary, which may be damaged.
func decodeSummary(b []byte) (*summary, error) {
	if len(b) > maxSummary {
		return nil, fmt.Errorf("%w: summary of %d bytes", ErrDamaged, len(b))
	}
	s := newSummary()
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%w: summary: %w", ErrDamaged, err)
	}
	return s, s.complete()
}

// complete checks that nothing is missing that JSON could leave out.
func (s *summary) complete() error {
	for _, m := range []map[string]uint64{s.Kinds, s.Outcomes, s.Severities} {
		if m == nil {
			return fmt.Errorf("%w: summary lacks counts", ErrDamaged)
		}
	}
	for _, t := range []*top{s.Tools, s.Methods, s.Sources, s.Rules} {
		if t == nil {
			return fmt.Errorf("%w: summary lacks a list", ErrDamaged)
		}
	}
	if s.Unique == nil || s.Minutes == nil {
		return fmt.Errorf("%w: summary lacks counts", ErrDamaged)
	}
	return nil
}
