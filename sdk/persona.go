package sdk

import "time"

// ABIVersion is the guest ABI, killdeer/1. See docs/guest-abi.md.
const ABIVersion = 1

// Persona is what a persona written in Go implements; sdk/guest makes a guest
// of it. Both methods are pure functions: no clock, no randomness, no memory of
// an earlier call. Equal input means equal bytes.
type Persona interface {
	// Describe returns the persona's object in the describe document: its
	// identity, tools and texts, as docs/guest-abi.md has it.
	Describe() []byte
	// Call answers one request with an output document: exactly one of
	// "result", "input_required" and "error", and what may stand beside them.
	// A persona sees only operations on what it describes.
	Call(c *Call) []byte
}

// Preparer is a [Persona] that can compute beforehand what many calls need, which
// pays where the first call of a session would otherwise take long. Its describe
// object has "prepare": true.
type Preparer interface {
	// Prepare is given Seed, Company and Now. It may change how fast later calls
	// are answered, and nothing else.
	Prepare(c *Call)
}

// The operations of [Call].
const (
	OpCall     = "call"     // tools/call: Tool, Args
	OpResource = "resource" // resources/read: URI, and Template and Vars if one matched
	OpPrompt   = "prompt"   // prompts/get: Name, Args
	OpComplete = "complete" // completion/complete: Ref, Argument, Context

	OpPrepare = "prepare" // no request: see [Preparer]
)

// Call is one request to a persona.
type Call struct {
	Op      string
	Persona string    // id, as in Describe
	Seed    uint64    // the deployment's world; the same for every client
	Company uint64    // seed of the company that placeholders show: the same for all personas of a deployment
	Now     time.Time // UTC, truncated to the persona's grain
	State   RawJSON   // what the persona last returned for this session, or nil
	Can     []string  // the client's abilities, sorted; the Can constants
	Mark    string    // of placeholders in the answer to this call; see sdk/guest.Fake

	Friction   bool // services behind the tools may fail now and then, as the persona has it
	RetryAfter int  // OpCall: seconds for which the tool's service lets this client wait; 0 for none

	Tool string  // OpCall
	Name string  // OpPrompt
	Args RawJSON // OpCall: an object that fits the tool's schema; OpPrompt: an object of strings

	URI      string  // OpResource
	Template string  // OpResource: the URI template that matched, "" for a listed resource
	Vars     RawJSON // OpResource: an object of strings

	Ref      RawJSON // OpComplete: {type: "ref/prompt", name} or {type: "ref/resource", uri}
	Argument RawJSON // OpComplete: {name, value}
	Context  RawJSON // OpComplete: {arguments}, nil when the client gave none

	Inputs  RawJSON // answers to an [InputRequired] by key, nil at the first call
	Refused RawJSON // keys the client refused to answer, with {code, message}; nil for none
	Resume  RawJSON // as the persona gave it, nil for none
	Round   int     // how many times the persona has asked before
}

// The abilities in [Call.Can].
const (
	CanElicitForm    = "elicitation.form"
	CanElicitURL     = "elicitation.url"
	CanRoots         = "roots"
	CanSampling      = "sampling"
	CanSamplingTools = "sampling.tools"
)
