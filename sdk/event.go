package sdk

import "time"

// EventVersion is the schema version that every event carries in "v". It rises
// only when a field changes its meaning or goes away; new fields do not raise it.
const EventVersion = 1

// Kind says what an event reports.
type Kind string

// The kinds of event.
const (
	KindAccess    Kind = "access"      // something arrived at the decoy
	KindDetection Kind = "detection"   // a rule's verdict; see [Event.Detection]
	KindGap       Kind = "gap"         // events were lost; see [Event.Gap]
	KindGuest     Kind = "guest_error" // a guest failed; see [Event.Guest]
	KindClock     Kind = "clock_step"  // the machine's clock was set; see [Event.Clock]
	KindCanary    Kind = "canary"      // a value was handed out that nobody else has; see [Event.Canary]
	KindPackStale Kind = "pack_stale"  // a pack in use has expired; see [Event.Pack]
	KindHealth    Kind = "health"      // a part of the sensor changed its state; see [Event.Health]
	KindHeartbeat Kind = "heartbeat"   // the sensor runs; see [Event.Heartbeat]
)

// Kinds returns all kinds of event.
func Kinds() []Kind {
	return []Kind{
		KindAccess, KindDetection, KindGap, KindGuest, KindClock, KindCanary, KindPackStale, KindHealth, KindHeartbeat,
	}
}

// Event is one thing that happened at the decoy, and what was answered. The
// journal, the command line, the guests and the plugins all see it as the same
// JSON object, documented in docs/events.md. Everything below Actor that a
// client can choose is attacker text: show it as text, never as markup.
type Event struct {
	V      int       `json:"v"`
	Seq    uint64    `json:"seq,omitempty"` // set by the journal, rising from 1 without holes
	ID     string    `json:"id"`            // UUIDv7
	Kind   Kind      `json:"kind"`
	Time   time.Time `json:"time"` // arrival, UTC
	Sensor string    `json:"sensor,omitempty"`

	IP        string `json:"ip,omitempty"`         // the client's address
	Peer      string `json:"peer,omitempty"`       // the socket's peer, address:port
	Actor     string `json:"actor,omitempty"`      // stable key of who is behind the requests: address, user agent, client name
	Session   string `json:"session_id,omitempty"` // the MCP or SSE session, as it was issued
	Transport string `json:"transport,omitempty"`  // http, sse, stdio
	Event     string `json:"event,omitempty"`      // connect or disconnect of a stream

	Method string `json:"method,omitempty"` // HTTP method
	Path   string `json:"path,omitempty"`   // request target, query included
	UA     string `json:"ua,omitempty"`
	Head   string `json:"head,omitempty"` // request head as received; invalid UTF-8 stands in HeadB64 instead
	Body   *Body  `json:"body,omitempty"`

	HeadB64 []byte `json:"head_base64,omitempty"`

	Era       string      `json:"era,omitempty"`      // legacy or modern
	Protocol  string      `json:"protocol,omitempty"` // MCP revision in force for the request
	RPCID     RawJSON     `json:"rpc_id,omitempty"`
	MCPMethod string      `json:"mcp_method,omitempty"`
	Tool      string      `json:"tool,omitempty"`
	Service   string      `json:"service,omitempty"`  // of a known tool, from the persona
	Class     string      `json:"class,omitempty"`    // of a known tool: read, write, exec, secret
	Category  string      `json:"category,omitempty"` // of a known tool: datastore, source, identity, crm, docs, ci, ...
	Args      RawJSON     `json:"args,omitempty"`
	ArgsCut   bool        `json:"args_cut,omitempty"` // args were too large to keep; see body
	URI       string      `json:"uri,omitempty"`      // of the resource that is read, subscribed to or referred to
	Prompt    string      `json:"prompt,omitempty"`   // that is asked for or referred to
	Client    *ClientInfo `json:"client,omitempty"`

	// Operator says which entry of the sensor's list of its operator's own traffic
	// the request fits. Rules, statistics and alerts leave such events out.
	Operator string `json:"operator,omitempty"`

	// Demo says that "killdeer demo" sent the request, to show what an attack looks
	// like. Rules and statistics treat it as any other.
	Demo bool `json:"demo,omitempty"`

	Persona     string            `json:"persona,omitempty"`
	Profile     string            `json:"profile,omitempty"`
	Outcome     string            `json:"outcome,omitempty"` // what the decoy made of it: result, tool_error, parse_error, ...
	Status      int               `json:"status,omitempty"`  // HTTP status
	LatencyMS   float64           `json:"latency_ms,omitempty"`
	ResultBytes int               `json:"result_bytes,omitempty"`
	Error       string            `json:"error,omitempty"` // for the operator: why it was refused
	Notes       map[string]string `json:"notes,omitempty"` // the persona's remarks

	Justification  string       `json:"justification,omitempty"`   // what the client gave a tool that asks for a reason
	CanariesMinted []CanaryRef  `json:"canaries_minted,omitempty"` // in the answer
	CanariesSeen   []CanarySeen `json:"canaries_seen,omitempty"`   // in the request; the judge adds it, so that detections and rules have it

	Detection *Detection  `json:"detection,omitempty"`
	Gap       *Gap        `json:"gap,omitempty"`
	Guest     *GuestError `json:"guest,omitempty"`
	Clock     *ClockStep  `json:"clock,omitempty"`
	Canary    *Canary     `json:"canary,omitempty"`
	Pack      *PackStale  `json:"pack,omitempty"`
	Health    *Health     `json:"health,omitempty"`
	Heartbeat *Heartbeat  `json:"heartbeat,omitempty"`
}

// Body is a request body. Text holds it when it is valid UTF-8, Base64
// otherwise; either is cut at the recording limit, while Size and SHA256 speak
// of all the bytes that were read.
type Body struct {
	Size   int    `json:"size"`
	SHA256 string `json:"sha256"`
	Text   string `json:"text,omitempty"`
	Base64 string `json:"base64,omitempty"`
	Cut    bool   `json:"cut,omitempty"`
}

// ClientInfo is MCP's clientInfo, as far as it could be read.
type ClientInfo struct {
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	Title   string `json:"title,omitempty"`
}

// Gap counts events that were not recorded, so that a loss is itself recorded.
type Gap struct {
	Lost   uint64    `json:"lost"`
	Reason string    `json:"reason"` // queue_full, write_failed, segment_damaged, retention
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
}

// PackStale names a signed pack that is in use past its expiry. The sensor goes
// on with it: a clock never disarms it.
type PackStale struct {
	ID      string    `json:"id"` // publisher/name
	Version string    `json:"version"`
	Serial  uint64    `json:"serial"`
	Expires time.Time `json:"expires"`
}

// GuestError reports that a guest failed. The client saw the persona's fallback.
type GuestError struct {
	Module string  `json:"module"`
	Op     string  `json:"op"`
	Code   string  `json:"code"` // timeout, trap, output, json, status, busy, degraded
	Detail string  `json:"detail,omitempty"`
	TookMS float64 `json:"took_ms"`
}

// ClockStep reports that the machine's clock was set, or that the machine slept.
type ClockStep struct {
	By float64 `json:"by_s"` // seconds, negative when it was set back
}

// Canary is a value that was handed out to see where it turns up again. The
// event that carries it says to whom: session, actor, address.
type Canary struct {
	ID    string `json:"id,omitempty"`
	Value string `json:"value"`
	Kind  string `json:"kind,omitempty"`  // what it looks like: aws_key.id, password, hostname, ...
	Label string `json:"label,omitempty"` // what the persona calls it
	Scope string `json:"scope,omitempty"` // session: nobody else was given it; deployment: everybody is
}

// CanaryRef names a canary without its value.
type CanaryRef struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Label string `json:"label,omitempty"`
}

// CanarySeen is a canary that a request carries, and where it comes from.
type CanarySeen struct {
	CanaryRef
	Scope         string    `json:"scope,omitempty"`
	OriginSession string    `json:"origin_session,omitempty"` // the first that was given the value
	OriginActor   string    `json:"origin_actor,omitempty"`
	OriginIP      string    `json:"origin_ip,omitempty"`
	OriginEvent   string    `json:"origin_event,omitempty"` // id of the event that records it
	OriginTime    time.Time `json:"origin_time,omitzero"`
	Position      string    `json:"position"`             // where it stands: args.query, header.authorization, path, ...
	Encoding      string    `json:"encoding,omitempty"`   // what hid it, outermost first: base64, percent, hex, json
	Credential    bool      `json:"credential,omitempty"` // it stands where a credential does
	Partial       bool      `json:"partial,omitempty"`    // only its beginning, 16 bytes or more
	SameSession   bool      `json:"same_session"`         // the session that carries it was given it
	SameActor     bool      `json:"same_actor"`
	SameIP        bool      `json:"same_ip"`
}

// Health reports that a part of the sensor changed its state.
type Health struct {
	Part   string `json:"part"`             // sink/NAME
	State  string `json:"state"`            // up, down, dead_letter, gone, test
	Detail string `json:"detail,omitempty"` // why
}

// Heartbeat says that the sensor runs and how far it has come. One that does not
// arrive is the news.
type Heartbeat struct {
	Every  float64 `json:"every_s"`  // until the next one
	Uptime float64 `json:"uptime_s"` // since the start
	Last   uint64  `json:"last_seq"` // the newest event before this one
}

// Severity of a detection.
type Severity string

// The severities, rising.
const (
	SeverityInfo     Severity = "info"
	SeverityLow      Severity = "low"
	SeverityMedium   Severity = "medium"
	SeverityHigh     Severity = "high"
	SeverityCritical Severity = "critical"
)

// Confidence of a detection.
type Confidence string

// The confidences, rising.
const (
	ConfidenceLow    Confidence = "low"
	ConfidenceMedium Confidence = "medium"
	ConfidenceHigh   Confidence = "high"
)

// Detection is one rule's verdict on one or more events.
type Detection struct {
	ID         string     `json:"detection_id"` // UUIDv7, also the id of the event that carries it
	RuleID     string     `json:"rule_id"`
	Title      string     `json:"title,omitempty"`
	Pack       string     `json:"pack,omitempty"`
	Severity   Severity   `json:"severity"`
	Confidence Confidence `json:"confidence"`
	SourceIP   string     `json:"source_ip,omitempty"`
	Actor      string     `json:"actor,omitempty"`
	Session    string     `json:"session_id,omitempty"`
	Tool       string     `json:"tool,omitempty"`
	MCPMethod  string     `json:"mcp_method,omitempty"`
	Subject    string     `json:"subject,omitempty"` // what the verdict is about: a tool or a method
	Summary    string     `json:"summary"`
	Count      int        `json:"evidence_count"`
	Events     []string   `json:"events,omitempty"` // ids, at most 20: the triggering event, then the newest before it
	Evidence   *Evidence  `json:"evidence,omitempty"`
	Attack     []string   `json:"attack,omitempty"` // ATT&CK technique ids, the pack's data
	Atlas      []string   `json:"atlas,omitempty"`  // ATLAS technique ids
	OWASP      []string   `json:"owasp,omitempty"`  // OWASP MCP Top 10 ids
}

// Evidence points at the part of an event that a rule matched.
type Evidence struct {
	Path    string `json:"path"`    // dotted path inside the event, as args.query
	Snippet string `json:"snippet"` // at most 256 bytes
}
