// Package toml holds personas without code: what a persona file says once it is
// read, and the persona that answers by it. The host reads the file and checks it;
// the guest main in the folder wasm is given what was read as its configuration.
//
// The package reads no TOML itself, since a guest links the standard library only.
// Texts are templates of text/template, over the arguments of a request and the
// deployment's world; see docs/personas-toml.md for what they may use. Whoever
// writes the file is trusted, what stands in a request is not: arguments are data
// of a template and never part of one.
package toml

import (
	"errors"
	"fmt"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// Limits of what a file says and of what a template makes of it.
const (
	MaxAnswers = 256       // of one tool, resource, template or prompt
	MaxOutput  = 512 << 10 // bytes of one rendered text
)

// File is a persona file as the guest is given it. Texts that say "template" are
// templates; those that say "JSON" as well must give JSON.
type File struct {
	ID        string              `json:"id"`
	Version   string              `json:"version"`
	Describe  sdk.RawJSON         `json:"describe"` // the persona's object in the describe document
	Tools     map[string]*Offer   `json:"tools,omitempty"`
	Resources map[string]*Offer   `json:"resources,omitempty"` // by URI
	Templates map[string]*Offer   `json:"templates,omitempty"` // by URI template
	Prompts   map[string]*Offer   `json:"prompts,omitempty"`
	Services  map[string]*Service `json:"services,omitempty"`
}

// Offer is one thing that can be asked for, and how it answers.
type Offer struct {
	Args     map[string]sdk.RawJSON `json:"args,omitempty"`   // every argument there is, with its default or ""
	Schema   sdk.RawJSON            `json:"schema,omitempty"` // the properties, where an answer shows an argument's JSON
	Service  string                 `json:"service,omitempty"`
	MIME     string                 `json:"mime,omitempty"` // of a resource
	Complete map[string][]string    `json:"complete,omitempty"`
	Answers  []*Answer              `json:"answers"` // the first whose condition holds counts
}

// Answer is one way to answer.
type Answer struct {
	When string `json:"when,omitempty"` // a pipeline; empty holds always

	Text       *string           `json:"text,omitempty"`       // template
	Blob       string            `json:"blob,omitempty"`       // base64, of a resource
	MIME       string            `json:"mime,omitempty"`       // of a resource, in place of the offer's
	Content    sdk.RawJSON       `json:"content,omitempty"`    // JSON whose strings are templates, or a JSON string that is a template and gives JSON
	Structured sdk.RawJSON       `json:"structured,omitempty"` // likewise
	Messages   []Message         `json:"messages,omitempty"`   // of a prompt
	About      string            `json:"about,omitempty"`      // template: a prompt's description
	Failed     bool              `json:"failed,omitempty"`     // a tool's error
	Fault      *Fault            `json:"fault,omitempty"`
	DelayMS    []int64           `json:"delay_ms,omitempty"` // from, to
	State      string            `json:"state,omitempty"`    // template, JSON
	Notes      map[string]string `json:"notes,omitempty"`    // templates
	Notify     []Notice          `json:"notify,omitempty"`
}

// Message is one of a prompt's.
type Message struct {
	Role    string      `json:"role"`
	Text    string      `json:"text,omitempty"`    // template
	Content sdk.RawJSON `json:"content,omitempty"` // as in [Answer], one object
}

// Fault is a refusal that is no result.
type Fault struct {
	Kind    string `json:"kind"` // one of the Fault constants of package sdk
	Message string `json:"message,omitempty"`
	Code    int64  `json:"code,omitempty"` // of kind rpc
}

// Notice is what a client is told before the answer.
type Notice struct {
	AfterMS  int64       `json:"after_ms,omitempty"`
	Progress sdk.RawJSON `json:"progress,omitempty"`
	Log      sdk.RawJSON `json:"log,omitempty"`
}

// Service is how what is behind the tools misbehaves.
type Service struct {
	Limited string `json:"limited,omitempty"` // template: the error of a call too many
	OneIn   int64  `json:"one_in,omitempty"`  // of so many different calls one fails; 0 for none
	Text    string `json:"text,omitempty"`    // template: how
	DelayMS int64  `json:"delay_ms,omitempty"`
}

// Configure makes the persona of a configuration, for the guest. Log is told why
// an answer could not be made; the client sees the persona's fallback then.
func Configure(config []byte, log func(string)) (id, version string, p sdk.Persona, err error) {
	o, err := guest.ParseObject(config)
	if err != nil {
		return "", "", nil, fmt.Errorf("read the configuration: %w", err)
	}
	if o.Raw("describe") == nil {
		return "", "", nil, errors.New("read the configuration: it has no describe")
	}
	made := &Persona{config: o, log: log, offers: map[string]*Offer{}, templates: map[string]*compiled{}}
	return o.Str("id"), o.Str("version"), made, nil
}

// section is the member of a configuration that holds the offers of an operation.
func section(c *sdk.Call) (name, key string) {
	switch {
	case c.Op == sdk.OpCall:
		return "tools", c.Tool
	case c.Op == sdk.OpPrompt:
		return "prompts", c.Name
	case c.Op == sdk.OpResource && c.Template != "":
		return "templates", c.Template
	case c.Op == sdk.OpResource:
		return "resources", c.URI
	case c.Op == sdk.OpComplete:
		ref, _ := guest.ParseObject(c.Ref)
		if strings.HasSuffix(ref.Str("type"), "/prompt") {
			return "prompts", ref.Str("name")
		}
		return "templates", ref.Str("uri")
	}
	return "", ""
}
