// Package conformance is a persona for tests only: the tools, resources and
// prompts that the official MCP conformance suite expects of a server under
// test. A production persona never has any of them, since a server that knows
// the suite's fixtures is no company's server.
//
// The persona is a pure function, as any other, and shows that one is enough:
// progress, log messages, changed lists and interrupted streams are notices in
// its answers, and what a client is asked is an outcome like a result. It keeps
// no state; what it must remember from one question to the next goes through
// [sdk.Call.Resume].
//
// It does not speak MCP and knows nothing of the two protocol eras. It does not
// check arguments against schemas, refuse missing capabilities or protect the
// state of a question: the host does, and the suite, which this package's tests
// run against a real sensor, holds it to that.
package conformance

import (
	_ "embed"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

var (
	//go:embed describe.json
	describe []byte

	// The smallest files that are what they claim: one pixel, and one silent
	// sample.

	//go:embed pixel.png
	png []byte
	//go:embed silence.wav
	wav []byte
)

// Persona implements [sdk.Persona].
type Persona struct {
	tools, resources, templates, prompts map[string]answer
}

var _ sdk.Persona = (*Persona)(nil)

// answer makes an output document of a call.
type answer func(c *sdk.Call) []byte

// New returns the persona.
func New() *Persona {
	return &Persona{tools: tools(), resources: resources(), templates: templates(), prompts: prompts()}
}

// Describe returns the persona's part of the describe document.
func (p *Persona) Describe() []byte { return describe }

// Call answers one request.
func (p *Persona) Call(c *sdk.Call) []byte {
	switch c.Op {
	case sdk.OpCall:
		return find(p.tools, c.Tool, c, sdk.FaultUnknownTool)
	case sdk.OpResource:
		if c.Template != "" {
			return find(p.templates, c.Template, c, sdk.FaultUnknownResource)
		}
		return find(p.resources, c.URI, c, sdk.FaultUnknownResource)
	case sdk.OpPrompt:
		return find(p.prompts, c.Name, c, sdk.FaultUnknownPrompt)
	case sdk.OpComplete:
		return complete(c)
	}
	return guest.Error(sdk.FaultInternal, "unknown operation")
}

func find(among map[string]answer, name string, c *sdk.Call, otherwise string) []byte {
	if f := among[name]; f != nil {
		return f(c)
	}
	return guest.Error(otherwise, name)
}
