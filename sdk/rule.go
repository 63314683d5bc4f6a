package sdk

import "time"

// Rule is what a detection rule written in Go implements; a pack is a slice of
// them. Evaluate is a pure function of its input.
type Rule interface {
	Info() RuleInfo
	// Evaluate returns the hits of one event, nil for none.
	Evaluate(in *Evaluation) []Hit
}

// RuleInfo describes a rule. Technique ids are data of the pack.
type RuleInfo struct {
	ID          string     `json:"id"`
	Title       string     `json:"title"`
	Severity    Severity   `json:"severity"`
	Confidence  Confidence `json:"confidence,omitempty"` // of a hit that names none; medium when empty
	Description string     `json:"description,omitempty"`
	Attack      []string   `json:"attack,omitempty"`
	Atlas       []string   `json:"atlas,omitempty"`
	OWASP       []string   `json:"owasp,omitempty"`
	Dedup       *Dedup     `json:"dedup,omitempty"` // nil: by actor over 5 minutes
	Windows     []Window   `json:"-"`               // what the rule reads; the pack declares their union

	// When and Fields spare the host work. The host need not ask the pack about
	// an event that matches no rule's When, and sends no event field that none of
	// the rules lists. Both are optional: a rule without When is asked about every
	// event, a rule without Fields is given every field. Windows count all events
	// in either case, and a rule still checks what it needs.
	When   map[string]string `json:"when,omitempty"`   // as [Window.Where]
	Fields []string          `json:"fields,omitempty"` // event fields that Evaluate reads
}

// Dedup says which hits are one detection: those of one rule and subject, from
// one By, until Over has passed since the first.
type Dedup struct {
	By   string `json:"by"`   // ip, actor or session
	Over string `json:"over"` // a Go duration, at most 24h
}

// Window is a bounded memory that the host keeps for a pack: events of the last
// Over, grouped by By. Exactly one of Count, Distinct, Sum and Last is set.
type Window struct {
	Name     string `json:"name"`
	By       string `json:"by"`   // ip, actor, session, client, tool or all
	Over     string `json:"over"` // a Go duration, at most 24h
	Count    bool   `json:"count,omitempty"`
	Distinct string `json:"distinct,omitempty"` // event field
	Sum      string `json:"sum,omitempty"`      // numeric event field
	Last     string `json:"last,omitempty"`     // event field
	// Where says which events count: event field -> exact value, or several
	// separated by "|"; "*" is any value but none.
	Where map[string]string `json:"where,omitempty"`
}

// WindowValue is what a window holds for the group of the event at hand, that
// event included.
type WindowValue struct {
	N      int      `json:"n"`                // count or distinct (saturates at 256)
	Sum    float64  `json:"sum,omitempty"`    //
	Values []string `json:"values,omitempty"` // distinct: newest 32; last: 32, oldest first
}

// Evaluation is the input of a rule.
type Evaluation struct {
	Now     time.Time // of the event; zero if no rule of the pack reads time
	Event   *Event    // without head and body
	Windows map[string]WindowValue
}

// Hit is one rule's match on one event. Empty fields take the rule's defaults.
type Hit struct {
	Rule       string     `json:"rule"`
	Severity   Severity   `json:"severity,omitempty"`
	Confidence Confidence `json:"confidence,omitempty"`
	Subject    string     `json:"subject,omitempty"` // default: the tool, else the method
	Reason     string     `json:"reason"`
	Count      int        `json:"count,omitempty"` // events that the verdict rests on, 1 when empty
	Evidence   *Evidence  `json:"evidence,omitempty"`
}
