// Package evidence holds what an audit gathers: the data that passes between the
// sandbox, the tracer, the exercise, the judge and the report. It only describes;
// nothing here starts, reads, matches or judges.
package evidence

import (
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Phase is a stretch of a pass. Calls have the phase "call" and a number.
type Phase string

// The phases, in their order.
const (
	Install   Phase = "install"
	Startup   Phase = "startup"
	ReadyIdle Phase = "ready-idle"
	List      Phase = "list"
	InCall    Phase = "call"
	Drain     Phase = "drain" // 500 ms after a reply
	Idle      Phase = "idle"
	Relist    Phase = "re-list"
	Shutdown  Phase = "shutdown"
	AfterExit Phase = "after-exit"
)

// Audit is one audit, as it was gathered. The judge reads it and changes nothing.
type Audit struct {
	Version  int       `json:"version"` // of this layout: 1
	Seed     string    `json:"seed"`
	Started  time.Time `json:"started"`
	Target   Target    `json:"target"`
	Canaries []Canary  `json:"-"` // with their values: never written anywhere
	Passes   []*Pass   `json:"passes"`
	Machine  Machine   `json:"machine"`
}

// Target is what is audited.
type Target struct {
	Name      string   `json:"name"` // serverInfo.name, else the command's base name
	Argv      []string `json:"argv,omitempty"`
	URL       string   `json:"url,omitempty"`
	Transport string   `json:"transport"`       // stdio, streamable-http or sse
	Dir       string   `json:"dir,omitempty"`   // working folder inside the sandbox
	Roots     []string `json:"roots,omitempty"` // folders the server may use, as it sees them
	Env       []string `json:"env,omitempty"`   // names of variables that were set for it
	Install   []string `json:"install,omitempty"`
	Package   string   `json:"package,omitempty"`
	Integrity string   `json:"integrity,omitempty"`
	Unpinned  bool     `json:"unpinned,omitempty"` // the command line fetches a package and names no version
}

// Machine is where the audit ran and what it could see.
type Machine struct {
	Kernel  string                 `json:"kernel"`
	Sandbox string                 `json:"sandbox"` // bubblewrap 0.8.0, none
	Tracer  sdk.TracerCapabilities `json:"tracer"`
}

// Pass is one life of the server under one change of circumstances.
type Pass struct {
	Name     string `json:"name"`   // A, B, C, D or E; InstallPass
	Change   string `json:"change"` // in words
	Client   string `json:"client"` // clientInfo.name it was told
	Traced   bool   `json:"traced"`
	Faketime string `json:"faketime,omitempty"`
	Home     string `json:"home"` // of the server, as it sees it
	// Dir and Roots are those of the target, where this pass has others.
	Dir   string   `json:"dir,omitempty"`
	Roots []string `json:"roots,omitempty"`

	Begin   time.Time `json:"begin"`
	Clock   Clock     `json:"-"`
	Spans   []Span    `json:"spans"` // phases, in order
	Calls   []*Call   `json:"calls"`
	Catalog []Catalog `json:"catalogs"` // each list that was made, in order

	Server       sdk.RawJSON `json:"server_info,omitempty"`
	Protocol     string      `json:"protocol,omitempty"`
	Instructions string      `json:"instructions,omitempty"`
	Capabilities sdk.RawJSON `json:"capabilities,omitempty"`

	Requests      []Request `json:"requests,omitempty"`      // from the server to the client
	Notifications []Request `json:"notifications,omitempty"` // from the server
	Junk          []string  `json:"junk,omitempty"`          // lines on stdout that were no JSON, cut
	JunkLines     int       `json:"junk_lines"`
	// MessagesDropped counts requests and notifications, or their params, that were
	// too many or too large to keep, and answers that the server did not take.
	MessagesDropped int    `json:"messages_dropped,omitempty"`
	Skipped         []Skip `json:"skipped,omitempty"` // what was not exercised
	Stderr          string `json:"stderr,omitempty"`  // its end

	Observations []sdk.Observation  `json:"-"`
	Trace        *sdk.TracerSummary `json:"trace,omitempty"`
	TracerDied   string             `json:"tracer_died,omitempty"`
	Net          []Flow             `json:"net,omitempty"`
	Names        []Lookup           `json:"dns,omitempty"`
	Files        []FileChange       `json:"files,omitempty"`
	Survivors    []string           `json:"survivors,omitempty"` // command lines alive after shutdown
	Exit         string             `json:"exit,omitempty"`      // how the server ended
	Faults       []string           `json:"faults,omitempty"`    // operational: the budget ended, init failed
	Missed       []string           `json:"missed,omitempty"`    // what it did beyond what is kept or looked at
}

// Resolver is the name server that a server in the sandbox is told of: any address
// would do (RFC 5737 sets this one aside).
const Resolver = "192.0.2.53"

// InstallPass is the name of the pass in which a package's install scripts run. No
// server does in it.
const InstallPass = "install"

// Clock relates the two clocks of a pass.
type Clock struct {
	MonoNS int64 // CLOCK_MONOTONIC at Begin
}

// Span is one phase, in nanoseconds of CLOCK_MONOTONIC.
type Span struct {
	Phase Phase `json:"phase"`
	Call  int   `json:"call,omitempty"` // of the phase call and its drain
	From  int64 `json:"from"`
	To    int64 `json:"to"`
}

// Call is one thing that the server was asked to do.
type Call struct {
	N      int         `json:"n"`    // from 1, within the pass
	Kind   string      `json:"kind"` // tool, resource, template, prompt or completion
	Name   string      `json:"name"` // tool or prompt name, or the URI
	Case   string      `json:"case"` // minimal, full, defaults, boundary, canary-path, sink-url, probe, repeat-2, chained
	Args   sdk.RawJSON `json:"arguments,omitempty"`
	From   int64       `json:"from"` // CLOCK_MONOTONIC, ns
	To     int64       `json:"to"`   // 0: no reply
	Result sdk.RawJSON `json:"result,omitempty"`
	// Outcome is ok, tool_error, rpc_error, timeout, closed or too_large.
	Outcome string `json:"outcome"`
	Error   string `json:"error,omitempty"`
	// Unchecked says why nobody knows whether the arguments fit the schema.
	Unchecked string `json:"unchecked,omitempty"`
	// Marker is the file that a payload probe makes if an argument is executed.
	Marker string `json:"marker,omitempty"`
	// Given are the ids of canaries that stand in the arguments.
	Given []string `json:"given,omitempty"`
}

// Skip is what was left out.
type Skip struct {
	Kind   string `json:"kind"` // as of a call
	Name   string `json:"name"`
	Cases  int    `json:"cases"` // calls that were not made
	Reason string `json:"reason"`
}

// Catalog is what one round of lists gave, raw.
type Catalog struct {
	Phase     Phase         `json:"phase"`
	After     int           `json:"after"` // calls made before
	Tools     []sdk.RawJSON `json:"tools,omitempty"`
	Resources []sdk.RawJSON `json:"resources,omitempty"`
	Templates []sdk.RawJSON `json:"templates,omitempty"`
	Prompts   []sdk.RawJSON `json:"prompts,omitempty"`
	Errors    []string      `json:"errors,omitempty"` // lists that failed although they were advertised
}

// Request is what the server sent without being asked.
type Request struct {
	At     int64       `json:"at"` // CLOCK_MONOTONIC, ns
	Call   int         `json:"call,omitempty"`
	Method string      `json:"method"`
	Params sdk.RawJSON `json:"params,omitempty"`
	Answer string      `json:"answer,omitempty"` // canary, declined, none
}

// Flow is one connection or datagram stream that ended in the sinkhole, or at a
// planted socket.
type Flow struct {
	At       int64  `json:"at"`
	Last     int64  `json:"last,omitempty"` // when the server sent something for the last time
	Proto    string `json:"proto"`          // tcp, udp or unix
	Addr     string `json:"addr"`           // that was meant; of unix the path; empty if it is not known
	Port     int    `json:"port"`           // 0 if it is not known, which happens with udp
	Name     string `json:"name,omitempty"` // that was looked up for the address
	TLS      bool   `json:"tls,omitempty"`
	SNI      string `json:"sni,omitempty"`
	Refused  string `json:"refused,omitempty"` // the client did not take our certificate: why
	Request  string `json:"request,omitempty"` // first line of an HTTP request
	Host     string `json:"host,omitempty"`    // of an HTTP request
	Answered string `json:"answered,omitempty"`
	Sent     []byte `json:"-"`    // by the server, unwrapped, at most 1 MiB
	SentSize int    `json:"sent"` // all of it
	GotSize  int    `json:"got"`
}

// Lookup is one DNS question.
type Lookup struct {
	At     int64  `json:"at"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	Answer string `json:"answer,omitempty"`
}

// FileChange is a difference in the server's home, working folder or temporary
// folder that shows without a tracer.
type FileChange struct {
	Phase  Phase  `json:"phase"`
	Call   int    `json:"call,omitempty"`
	Path   string `json:"path"`   // as the server sees it
	Change string `json:"change"` // created, modified, removed, mode
	Size   int64  `json:"size"`
	Sample []byte `json:"-"` // at most 64 KiB of what is new
}

// Canary is a planted value.
type Canary struct {
	ID     string // stable for a seed: file:.ssh/id_rsa, env:GITHUB_TOKEN, socket:docker, answer:elicitation/1
	Pass   string
	Source string // path as the server sees it, or the variable's name
	Kind   string // file, env, socket, argument or answer
	Values []string
	Text   string // of a file: all of it, with what is no secret
}
