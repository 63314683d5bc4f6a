package trial

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/yosida95/uritemplate/v3"

	"github.com/killdeer-mcp/killdeer/audit/exercise/synth"
	"github.com/killdeer-mcp/killdeer/internal/schema"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// subject is one thing that a persona offers, and the calls that try it.
type subject struct {
	name   string
	tool   *sdk.Tool
	schema *schema.Schema // of the tool's arguments
	calls  []*sdk.Call
}

// words are the ordinary values of arguments.
var words = synth.Words{
	Text: "quarterly report", Path: "/srv/app/config.yml", Dir: "/srv/app", URL: "https://wiki.example.com/page", // RFC 2606
	Host: "db1.example.com", Email: "someone@example.com",
}

var cases = []synth.Case{synth.Full, synth.Minimal, synth.Defaults, synth.Boundary}

func (t *trial) subjects(c *sdk.Catalog) []subject {
	var all []subject
	for i := range c.Tools {
		all = append(all, t.tool(&c.Tools[i]))
	}
	for _, r := range c.Resources {
		all = append(all, subject{name: "resource " + r.URI, calls: []*sdk.Call{{Op: sdk.OpResource, Persona: r.Persona, URI: r.URI, Now: t.Now}}})
	}
	for _, r := range c.Templates {
		all = append(all, t.template(r, c.Completions)...)
	}
	for _, p := range c.Prompts {
		all = append(all, t.prompt(p, c.Completions)...)
	}
	return all
}

func (t *trial) tool(tool *sdk.Tool) subject {
	s := subject{name: "tool " + tool.Name, tool: tool}
	var err error
	if s.schema, err = schema.Compile(tool.InputSchema); err != nil {
		t.found(Error, s.name, "inputSchema: "+err.Error(), "write it as JSON Schema, draft 2020-12")
		return s
	}
	maker := synth.New(tool.InputSchema)
	var made [][]byte
	for _, name := range cases {
		args := maker.Make(synth.Want{Case: name, Words: words})
		if args.Fallback != "" && name == synth.Full {
			t.found(Warning, s.name, "no arguments could be made that fit its inputSchema: "+args.Fallback, "a client's model may fail at it as well: keep the schema simple")
		}
		if problems, err := s.schema.Problems(args.JSON); err != nil || problems != nil || containsBytes(made, args.JSON) {
			continue
		}
		made = append(made, args.JSON)
		s.calls = append(s.calls, &sdk.Call{Op: sdk.OpCall, Persona: tool.Persona, Tool: tool.Name, Args: args.JSON, Now: t.Now})
	}
	return s
}

func containsBytes(list [][]byte, b []byte) bool {
	for _, l := range list {
		if bytes.Equal(l, b) {
			return true
		}
	}
	return false
}

func (t *trial) template(r sdk.ResourceTemplate, completions bool) []subject {
	parsed, err := uritemplate.New(r.URITemplate)
	if err != nil {
		return nil // the host has refused it
	}
	values, vars := uritemplate.Values{}, guest.Writer{}
	vars.Obj()
	var all []subject
	for _, name := range parsed.Varnames() {
		values.Set(name, uritemplate.String("report"))
		vars.Key(name).Str("report")
		if completions {
			ref := fmt.Sprintf(`{"type":"ref/resource","uri":%s}`, guest.Quote(r.URITemplate))
			all = append(all, t.completion("completion of "+name+" in "+r.URITemplate, r.Persona, ref, name))
		}
	}
	uri, err := parsed.Expand(values)
	if err != nil {
		return all
	}
	return append(all, subject{name: "resource template " + r.URITemplate, calls: []*sdk.Call{{
		Op: sdk.OpResource, Persona: r.Persona, URI: uri, Template: r.URITemplate, Vars: vars.End().Bytes(), Now: t.Now,
	}}})
}

func (t *trial) prompt(p sdk.Prompt, completions bool) []subject {
	full, minimal := guest.Writer{}, guest.Writer{}
	full.Obj()
	minimal.Obj()
	var all []subject
	for _, a := range p.Arguments {
		full.Key(a.Name).Str(words.For(a.Name))
		if a.Required {
			minimal.Key(a.Name).Str(words.For(a.Name))
		}
		if completions {
			ref := fmt.Sprintf(`{"type":"ref/prompt","name":%s}`, guest.Quote(p.Name))
			all = append(all, t.completion("completion of "+a.Name+" in prompt "+p.Name, p.Persona, ref, a.Name))
		}
	}
	s := subject{name: "prompt " + p.Name}
	for _, args := range [][]byte{full.End().Bytes(), minimal.End().Bytes()} {
		if len(s.calls) == 0 || !bytes.Equal(args, s.calls[0].Args) {
			s.calls = append(s.calls, &sdk.Call{Op: sdk.OpPrompt, Persona: p.Persona, Name: p.Name, Args: args, Now: t.Now})
		}
	}
	return append(all, s)
}

func (t *trial) completion(name, persona, ref, argument string) subject {
	s := subject{name: name}
	for _, typed := range []string{"", "a"} {
		s.calls = append(s.calls, &sdk.Call{
			Op: sdk.OpComplete, Persona: persona, Ref: sdk.RawJSON(ref), Now: t.Now,
			Argument: sdk.RawJSON(fmt.Sprintf(`{"name":%s,"value":%q}`, guest.Quote(argument), typed)),
		})
	}
	return s
}

// declared looks at what the persona says of itself, as a client and its model would.
func (t *trial) declared(c *sdk.Catalog) {
	if len(c.Tools)+len(c.Resources)+len(c.Templates)+len(c.Prompts) == 0 {
		t.found(Error, "describe", "it offers nothing", "give it a tool")
	}
	var without []string
	for i := range c.Tools {
		tool := &c.Tools[i]
		o, _ := guest.ParseObject(tool.Definition)
		name := "tool " + tool.Name
		if strings.TrimSpace(o.Str("description")) == "" {
			t.found(Warning, name, "it has no description", "a model chooses tools by their descriptions: say what it does")
		}
		if tool.Service == "" {
			without = append(without, tool.Name)
		}
		properties := o.Object("inputSchema").Object("properties")
		for _, p := range properties.Keys() {
			if cmp.Or(properties.Object(p).Str("description"), properties.Object(p).Str("title")) == "" {
				t.found(Warning, name, fmt.Sprintf("its argument %q has no description", p), "say what belongs there, as real servers do")
			}
		}
	}
	if without != nil {
		t.found(Warning, "describe", "tools without a service: "+strings.Join(without, ", "),
			"name one for each tool: rules and events go by it, and latency and limits belong to it")
	}
}
