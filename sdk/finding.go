package sdk

// FindingConfidence is how a finding is known.
type FindingConfidence string

// The confidences of findings.
const (
	FindingObserved   FindingConfidence = "observed"   // seen itself
	FindingCorrelated FindingConfidence = "correlated" // two things that were seen belong together
	FindingInferred   FindingConfidence = "inferred"
)

// Finding is one deviation of what an audited server does from what it says. It
// is an observation, not an accusation.
type Finding struct {
	ID          string            `json:"id"`          // AUD-C01, ...; never reused
	Fingerprint string            `json:"fingerprint"` // hash of id, tool and normalised object: equal in equal runs
	Title       string            `json:"title"`
	Severity    Severity          `json:"severity"`
	Confidence  FindingConfidence `json:"confidence"`

	Pass  string  `json:"pass,omitempty"`
	Phase string  `json:"phase,omitempty"`
	Tool  string  `json:"tool,omitempty"` // tool, resource or prompt; empty outside of calls
	Call  int     `json:"call,omitempty"` // number within the pass, from 1
	Args  RawJSON `json:"arguments,omitempty"`

	Object     string   `json:"object,omitempty"` // a path, host:port, name or command
	Syscall    string   `json:"syscall,omitempty"`
	Processes  []string `json:"processes,omitempty"` // command lines, the server's first
	OffsetMS   int64    `json:"offset_ms"`           // since the pass began
	Provenance string   `json:"provenance,omitempty"`

	Claim    *Claim       `json:"claim,omitempty"`  // that it contradicts
	Canary   *CanaryMatch `json:"canary,omitempty"` // that it is about
	Evidence []string     `json:"evidence,omitempty"`
	Replay   string       `json:"replay,omitempty"` // command that shows it again
	Fix      string       `json:"fix,omitempty"`
	Count    int          `json:"count"`
	FirstMS  int64        `json:"first_ms"`
	LastMS   int64        `json:"last_ms"`
	OWASP    []string     `json:"owasp,omitempty"`
	Attack   []string     `json:"attack,omitempty"`

	Suppressed string `json:"suppressed,omitempty"` // the reason, when a policy suppresses it
}

// Claim is what a server says of itself, and where.
type Claim struct {
	Source string `json:"source"` // description, annotations, instructions, server.json, argv, policy
	Quote  string `json:"quote"`
}

// CanaryMatch says which planted value was found, never the value.
type CanaryMatch struct {
	ID       string `json:"id"`
	Source   string `json:"source"`             // the file or variable it was planted in
	Encoding string `json:"encoding,omitempty"` // raw, base64, hex, reversed, ...
	Where    string `json:"where,omitempty"`    // network, dns, result, file, socket, notification
}
