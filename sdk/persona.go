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
	// "result" and "error", and what may stand beside them.
	Call(c *Call) []byte
}

// Call is one request to a persona. Args is always a JSON object that has been
// validated against the tool's input schema.
type Call struct {
	Op      string    // "call"
	Persona string    // id, as in Describe
	Tool    string    //
	Args    RawJSON   //
	Seed    uint64    // the deployment's world; the same for every client
	Now     time.Time // UTC, truncated to the persona's grain
	State   RawJSON   // what the persona last returned for this session, or nil
}
