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
	// FalsePositives says what harmless behaviour looks the same.
	FalsePositives string   `json:"false_positives,omitempty"`
	Attack         []string `json:"attack,omitempty"`
	Atlas          []string `json:"atlas,omitempty"`
	OWASP          []string `json:"owasp,omitempty"`
	Dedup          *Dedup   `json:"dedup,omitempty"` // nil: by actor over 5 minutes
	Windows        []Window `json:"-"`               // what the rule reads; the pack declares their union
	GateWindows    []Window `json:"-"`               // what only its gates read: the rule is not shown them

	Fields []string `json:"fields,omitempty"` // event fields that Evaluate reads; none: all

	// Gate spares the host work, and Also are further ones: the host asks the rule
	// only about events that pass one of them, sends only what the rules that it
	// asks have named, and drops hits of rules that it did not ask. Windows count
	// all events in either case.
	Gate
	Also []Gate `json:"also,omitempty"`
}

// Gate says for which events a rule is asked: those for which all of it holds. An
// empty one lets every event through.
type Gate struct {
	When  map[string]string `json:"when,omitempty"`  // as [Window.Where]
	Match map[string]Match  `json:"match,omitempty"` // as [Window.Match]
	// Terms: one of them must occur in what the client asks for (args, tool, uri,
	// prompt), or one of ClientTerms in how it presents itself (client, ua, path).
	// Letters match in either case, JSON escapes are read, look-alikes count and
	// invisible characters do not.
	Terms       []string `json:"terms,omitempty"`
	ClientTerms []string `json:"client_terms,omitempty"`
	// AtLeast: one of the windows (its n, of a sum its sum) or number fields must
	// have reached its value.
	AtLeast map[string]float64 `json:"at_least,omitempty"`
	// At: each of the windows must have one of the values of n.
	At map[string][]int `json:"at,omitempty"`
	// Subject is that of every hit of this gate's events, [SubjectTool] where they
	// name none. While a detection of it is remembered, hits would only be
	// repetitions, and the host does not ask.
	Subject string `json:"subject,omitempty"`
}

// SubjectTool is the [Gate.Subject] of hits without one: the event's tool, or its
// method.
const SubjectTool = "{tool}"

// Match is a condition on the text of one event field: one of the entries of one
// of its forms must fit. A field that is absent fits nothing but Not.
type Match struct {
	Is       []string `json:"is,omitempty"`       // the whole value
	Prefix   []string `json:"prefix,omitempty"`   //
	Contains []string `json:"contains,omitempty"` //
	Regex    []string `json:"regex,omitempty"`    // RE2, anywhere in the value
	CIDR     []string `json:"cidr,omitempty"`     // of an address: prefixes, or single addresses
	Min      float64  `json:"min,omitempty"`      // of a number: at least
	Not      bool     `json:"not,omitempty"`      // none of it may fit
}

// Dedup says which hits are one detection: those of one rule and subject, from
// one By, until Over has passed since the first.
type Dedup struct {
	By   string `json:"by"`   // ip, actor or session
	Over string `json:"over"` // a Go duration, at most 24h
}

// Window is a bounded memory that the host keeps for a pack: events of the last
// Over, grouped by By. Exactly one of Count, Distinct, Sum, Last, First and Steps
// is set. Field names may be paths into the arguments, as args.query.
type Window struct {
	Name     string `json:"name"`
	By       string `json:"by"`   // ip, actor, session, client, tool, all, or a text field
	Over     string `json:"over"` // a Go duration, at most 24h
	Count    bool   `json:"count,omitempty"`
	Distinct string `json:"distinct,omitempty"` // event field
	Sum      string `json:"sum,omitempty"`      // numeric event field
	Last     string `json:"last,omitempty"`     // event field
	First    string `json:"first,omitempty"`    // event field
	Steps    []Step `json:"steps,omitempty"`    // at most 16
	Keep     int    `json:"keep,omitempty"`     // values shown, at most and by default 32
	// Where says which events count: event field -> exact value, or several
	// separated by "|"; "*" is any value but none.
	Where map[string]string `json:"where,omitempty"`
	Match map[string]Match  `json:"match,omitempty"` // event field -> condition
}

// Step is one stage of a sequence. Steps of one name are alternatives; the order
// of the names is the order of the sequence.
type Step struct {
	Name  string           `json:"name"`
	Match map[string]Match `json:"match"`
}

// WindowValue is what a window holds for the group of the event at hand, that
// event included.
//
//   - count: N. It may count an event up to a thirty-second of Over too long when
//     there are more than 64.
//   - sum: N and Sum, likewise.
//   - distinct: N saturates at 256, Values are the newest.
//   - last: N saturates at 32, Values are the newest, oldest first.
//   - first: N saturates at 256, Values are distinct and in the order in which they
//     first came.
//   - steps: N is the length of the longest run of steps in their order, not
//     necessarily one after the other; Values are their names.
type WindowValue struct {
	N      int      `json:"n"`
	Sum    float64  `json:"sum,omitempty"`
	Values []string `json:"values,omitempty"`
}

// Evaluation is the input of a rule.
type Evaluation struct {
	Now     time.Time // of the event; zero if no rule that is asked reads time
	Event   *Event    // without head and body
	Facts   Facts     // what the host worked out
	Windows map[string]WindowValue
	// Config is what the pack was loaded with, as JSON; empty for most packs.
	Config RawJSON
	// Shared is for the rules of a pack: what one of them worked out about this
	// event and others need too. It is nil for the first.
	Shared any `json:"-"`
}

// Facts are what the host works out about an event for rules that ask for it by
// the name that stands as the JSON key. All of it rests on what a client chose.
type Facts struct {
	Host       string `json:"host,omitempty"`        // Host header
	Origin     string `json:"origin,omitempty"`      // Origin header
	Headers    string `json:"headers,omitempty"`     // digest of the header names, in their order and case
	AuthScheme string `json:"auth_scheme,omitempty"` // of the Authorization header, in lower case
	AuthUser   string `json:"auth_user,omitempty"`   // of basic authentication
	AuthSecret string `json:"auth_secret,omitempty"` // digest of the password or token
	Fault      string `json:"fault,omitempty"`       // the outcome, if the protocol was broken
	Call       string `json:"call,omitempty"`        // digest of tool and arguments
	Key        string `json:"key,omitempty"`         // of a call for a numbered thing: "tool/argument/prefix#number"
	Page       string `json:"page,omitempty"`        // of a call for one of many pages: "tool/value"
	Pace       string `json:"pace,omitempty"`        // of a call, see docs/rules.md: time, duration, outcome, wording, tool
	OddChars   int    `json:"odd_chars,omitempty"`   // characters that show as nothing or as others, in what the client wrote
	LongestRun int    `json:"longest_run,omitempty"` // longest run of base64 or hex characters in args
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
