package sdk

import "time"

// Catalog is what a sensor shows of its personas: one MCP server's identity and
// everything it offers.
type Catalog struct {
	Server       ServerInfo
	Instructions string
	Tools        []Tool             // in the personas' order
	Routes       map[string]RawJSON // GET path -> JSON body, outside MCP: /health and the like
}

// ServerInfo is MCP's Implementation object.
type ServerInfo struct {
	Name    string `json:"name"`
	Title   string `json:"title,omitempty"`
	Version string `json:"version"`
}

// Tool is one tool of a catalog. Definition is the MCP tool object exactly as
// the persona wrote it; the rest is for the sensor and never on the wire.
type Tool struct {
	Name        string
	Definition  RawJSON
	InputSchema RawJSON
	Persona     string
	Service     string // jira, postgresql, ...
	Class       string // read, write, exec or secret
	Category    string // datastore, source, identity, docs, ci, ...
}

// ToolCall asks a persona for the answer to one tools/call.
type ToolCall struct {
	Source  string // who keeps a guest instance and state: a session, or an actor where there is none
	Persona string
	Tool    string
	Args    RawJSON // a JSON object, validated
	Now     time.Time
}

// Answer is what a persona made of a call: Result, or Fault when Result is nil.
type Answer struct {
	Result RawJSON // body of an MCP CallToolResult
	Failed bool    // Result has isError
	Fault  *Fault
	Delay  time.Duration // answer no earlier than this after arrival
	Notes  map[string]string
	Guest  *GuestError // the guest failed and Result is the persona's fallback
}

// Fault is a persona's refusal. Kind is tool, bad_args, unknown_tool or internal;
// Message is the persona's own text and may be shown.
type Fault struct {
	Kind    string
	Message string
}
