package sdk

import "time"

// Catalog is what a sensor shows of its personas: one MCP server's identity and
// everything it offers. Definitions are MCP objects exactly as the personas
// wrote them; what stands beside them is for the sensor and never on the wire.
type Catalog struct {
	Server       ServerInfo
	Instructions string
	Tools        []Tool // in the personas' order, as all lists here
	Resources    []Resource
	Templates    []ResourceTemplate
	Prompts      []Prompt
	Completions  bool               // completion/complete is offered
	Logging      bool               // log notifications are offered
	Subscribe    bool               // resources can be subscribed to
	Changes      Changes            // lists whose changes are announced
	Routes       map[string]RawJSON // GET path -> JSON body, outside MCP: /health and the like
}

// ServerInfo is MCP's Implementation object.
type ServerInfo struct {
	Name    string `json:"name"`
	Title   string `json:"title,omitempty"`
	Version string `json:"version"`
}

// Changes says for which lists listChanged is advertised.
type Changes struct{ Tools, Resources, Prompts bool }

// Tool is one tool of a catalog.
type Tool struct {
	Name         string
	Definition   RawJSON
	InputSchema  RawJSON
	OutputSchema RawJSON // nil when the tool has none
	Persona      string
	Service      string // jira, postgresql, ...
	Class        string // read, write, exec or secret
	Category     string // datastore, source, identity, docs, ci, ...

	Justification string // argument in which the client gives its reason, "" for none
}

// Resource is one resource of a catalog.
type Resource struct {
	URI        string
	Definition RawJSON
	Persona    string
	Grain      time.Duration // how long its content stays as it is
	Every      time.Duration // how often its change is announced, 0 for never
}

// ResourceTemplate is one resource template of a catalog, RFC 6570.
type ResourceTemplate struct {
	URITemplate string
	Definition  RawJSON
	Persona     string
	Grain       time.Duration
}

// Prompt is one prompt of a catalog.
type Prompt struct {
	Name       string
	Definition RawJSON
	Arguments  []PromptArgument
	Persona    string
}

// PromptArgument is an argument that a prompt takes.
type PromptArgument struct {
	Name     string
	Required bool
}

// Answer is what a persona made of a call: one of Result, Input and Fault.
type Answer struct {
	Result RawJSON // body of the MCP result that belongs to the operation
	Failed bool    // Result is a tool's and has isError
	Input  *InputRequired
	Fault  *Fault
	Notify []Notice      // what to tell the client, in the order of After
	Delay  time.Duration // answer no earlier than this after arrival
	Notes  map[string]string

	Canaries []Canary    // that the answer hands out
	Guest    *GuestError // the guest failed and Fault is the persona's fallback
}

// Fault is a persona's refusal. Message is the persona's own text and may be
// shown.
type Fault struct {
	Kind    string // one of the Fault constants
	Message string
	Code    int // JSON-RPC error code, of FaultRPC only
}

// The kinds of [Fault].
const (
	FaultTool            = "tool" // shown as the tool's own error
	FaultBadArgs         = "bad_args"
	FaultUnknownTool     = "unknown_tool"
	FaultUnknownResource = "unknown_resource"
	FaultUnknownPrompt   = "unknown_prompt"
	FaultRPC             = "rpc" // a JSON-RPC error with a code of its own
	FaultInternal        = "internal"
)

// InputRequired is a persona's wish to know something from the client before it
// answers. Called again, it gets the answers in [Call.Inputs] and Resume as it
// stands here.
type InputRequired struct {
	Requests []InputRequest
	Resume   RawJSON // nil for none
}

// InputRequest is one question. Key names the answer.
type InputRequest struct {
	Key    string
	Method string // elicitation/create, sampling/createMessage or roots/list
	Params RawJSON
}

// Notice is one thing a persona tells the client beside its answer. Exactly one
// of the fields below After is set.
type Notice struct {
	After    time.Duration // since the request arrived
	Progress RawJSON       // {progress, total?, message?}; sent if the client gave a token
	Log      RawJSON       // {level, logger?, data}; sent if the client wants the level
	Level    string        // of Log, beside it
	Changed  string        // tools, prompts or resources: the list that changed
	Updated  string        // URI of a resource that changed, for its subscribers
	Retry    time.Duration // hang up and have the client come back for the rest
}
