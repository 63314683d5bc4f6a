package decoy

import (
	"context"
	"strconv"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// call serves tools/call.
func (e *engine) call(ctx context.Context, c *catalog, x *exchange, m *message) profile.Outcome {
	name := x.event.Tool
	if name == "" {
		return badParams("name is required")
	}
	t := c.tools[name]
	if t == nil {
		return profile.Outcome{Code: profile.UnknownTool, Detail: name}
	}
	x.event.Persona, x.event.Service, x.event.Class, x.event.Category = t.Persona, t.Service, t.Class, t.Category
	x.event.Justification = justification(t.Justification, x.event.Args)
	args := x.event.Args
	if args == nil {
		args = sdk.RawJSON("{}")
	}
	if args[0] != '{' {
		return badParams("arguments must be an object")
	}
	if x.header != nil {
		if detail := t.checkHeaders(x.header, args); detail != "" {
			return profile.Outcome{Code: profile.HeaderMismatch, Detail: detail}
		}
	}
	problems, err := t.check(args)
	if err != nil {
		x.event.Error = err.Error()
		return profile.Outcome{Code: profile.Internal}
	}
	if problems != nil {
		return profile.Outcome{Code: profile.BadArgs, Detail: name, Problems: problems, Meta: c.meta}
	}
	a, o := e.consult(ctx, c, x, m, &sdk.Call{Op: sdk.OpCall, Persona: t.Persona, Tool: name, Args: args})
	if a == nil {
		return o
	}
	return c.toolOutcome(x, name, a)
}

// justification is the reason that a client gave a tool which asks for one, as
// text or as whatever else stands there.
func justification(name string, args []byte) string {
	if name == "" {
		return ""
	}
	o, err := guest.ParseObject(args)
	if err != nil {
		return ""
	}
	text := o.Str(name)
	if raw := o.Raw(name); text == "" && len(raw) > 0 && raw[0] != '"' {
		text = string(raw)
	}
	return cutString(text, maxEventField)
}

// toolOutcome turns a persona's answer to a tool call into an outcome.
func (c *catalog) toolOutcome(x *exchange, name string, a *sdk.Answer) profile.Outcome {
	result, failed := a.Result, a.Failed
	if a.Fault != nil {
		switch a.Fault.Kind {
		case sdk.FaultTool:
			result, failed = toolError(a.Fault.Message), true
		case sdk.FaultUnknownTool:
			return profile.Outcome{Code: profile.UnknownTool, Detail: name}
		case sdk.FaultBadArgs:
			return profile.Outcome{Code: profile.BadArgs, Detail: name, Problems: []string{a.Fault.Message}, Meta: c.meta}
		default:
			return refusal(a.Fault, "")
		}
	}
	code := profile.Result
	if failed {
		code = profile.ToolError
	}
	if x.era == profile.Modern {
		result = c.modernResult(result, 0)
	}
	return profile.Outcome{Code: code, Result: result}
}

func toolError(text string) sdk.RawJSON {
	var w guest.Writer
	w.Obj().Key("content").Arr().Obj().Key("type").Str("text").Key("text").Str(text).End().End()
	return w.Key("isError").Bool(true).End().Bytes()
}

// refusal is the outcome of a persona's refusal of anything but a tool call.
func refusal(f *sdk.Fault, target string) profile.Outcome {
	switch f.Kind {
	case sdk.FaultUnknownResource:
		return profile.Outcome{Code: profile.UnknownResource, Detail: target}
	case sdk.FaultUnknownPrompt:
		return profile.Outcome{Code: profile.UnknownPrompt, Detail: target}
	case sdk.FaultBadArgs:
		return badParams(f.Message)
	case sdk.FaultRPC:
		return profile.Outcome{Code: profile.RPCError, RPCCode: f.Code, Detail: f.Message}
	case sdk.FaultTool: // what a tool's user would read, the persona's fallback too
		return profile.Outcome{Code: profile.Internal, Detail: f.Message}
	}
	return profile.Outcome{Code: profile.Internal}
}

// plainOutcome turns an answer to anything but a tool call into an outcome.
func (c *catalog) plainOutcome(x *exchange, a *sdk.Answer, target string, ttl time.Duration) profile.Outcome {
	if a.Fault != nil {
		return refusal(a.Fault, target)
	}
	result := a.Result
	if x.era == profile.Modern {
		result = c.modernResult(result, ttl)
	}
	return profile.Outcome{Code: profile.Result, Result: result}
}

// read serves resources/read.
func (e *engine) read(ctx context.Context, c *catalog, x *exchange, m *message) profile.Outcome {
	if x.event.URI == "" {
		return badParams("uri is required")
	}
	r, ok := c.resource(x.event.URI)
	if !ok {
		return profile.Outcome{Code: profile.UnknownResource, Detail: x.event.URI}
	}
	x.event.Persona = r.persona
	a, o := e.consult(ctx, c, x, m, &sdk.Call{
		Op: sdk.OpResource, Persona: r.persona, URI: x.event.URI, Template: r.template, Vars: r.vars,
	})
	if a == nil {
		return o
	}
	return c.plainOutcome(x, a, x.event.URI, r.grain)
}

// prompt serves prompts/get.
func (e *engine) prompt(ctx context.Context, c *catalog, x *exchange, m *message) profile.Outcome {
	name := x.event.Prompt
	if name == "" {
		return badParams("name is required")
	}
	p := c.prompts[name]
	if p == nil {
		return profile.Outcome{Code: profile.UnknownPrompt, Detail: name}
	}
	x.event.Persona = p.Persona
	args, detail := promptArgs(p, x.event.Args)
	if detail != "" {
		return badParams(detail)
	}
	a, o := e.consult(ctx, c, x, m, &sdk.Call{Op: sdk.OpPrompt, Persona: p.Persona, Name: name, Args: args})
	if a == nil {
		return o
	}
	return c.plainOutcome(x, a, name, 0)
}

// promptArgs checks a prompt's arguments: an object of strings with all that are
// required.
func promptArgs(p *sdk.Prompt, raw sdk.RawJSON) (args sdk.RawJSON, detail string) {
	if raw == nil {
		raw = sdk.RawJSON("{}")
	}
	given := map[string]bool{}
	strings := true
	err := guest.Members(raw, func(k string, v []byte) {
		given[k] = true
		strings = strings && v[0] == '"'
	})
	if err != nil || !strings {
		return nil, "arguments must be an object of strings"
	}
	for _, a := range p.Arguments {
		if a.Required && !given[a.Name] {
			return nil, "missing required argument " + strconv.Quote(a.Name)
		}
	}
	return raw, ""
}

// complete serves completion/complete.
func (e *engine) complete(ctx context.Context, c *catalog, x *exchange, m *message) profile.Outcome {
	ref, argument := m.params.Object("ref"), m.params.Object("argument")
	if value := argument.Raw("value"); argument.Str("name") == "" || len(value) == 0 || value[0] != '"' {
		return badParams("argument needs a name and a value")
	}
	if m.params.Has("context") && !isObject(m.params.Raw("context")) {
		return badParams("context is not an object")
	}
	persona := ""
	switch ref.Str("type") {
	case "ref/prompt":
		p := c.prompts[ref.Str("name")]
		if p == nil {
			return badParams("unknown prompt")
		}
		persona = p.Persona
	case "ref/resource":
		r, ok := c.reference(ref.Str("uri"))
		if !ok {
			return badParams("unknown resource")
		}
		persona = r.persona
	default:
		return badParams("ref is neither a prompt nor a resource")
	}
	x.event.Persona = persona
	a, o := e.consult(ctx, c, x, m, &sdk.Call{
		Op: sdk.OpComplete, Persona: persona, Ref: m.params.Raw("ref"),
		Argument: m.params.Raw("argument"), Context: m.params.Raw("context"),
	})
	if a == nil {
		return o
	}
	return c.plainOutcome(x, a, "", 0)
}

// setLevel serves logging/setLevel.
func (e *engine) setLevel(_ context.Context, _ *catalog, x *exchange, m *message) profile.Outcome {
	level, ok := logLevels[m.params.Str("level")]
	if !ok {
		return badParams("unknown log level")
	}
	if x.session != nil {
		x.session.mu.Lock()
		x.session.level = level
		x.session.mu.Unlock()
	}
	return profile.Outcome{Code: profile.Result, Result: sdk.RawJSON("{}")}
}

// subscribe serves resources/subscribe.
func (e *engine) subscribe(_ context.Context, c *catalog, x *exchange, _ *message) profile.Outcome {
	if x.event.URI == "" {
		return badParams("uri is required")
	}
	if _, ok := c.resource(x.event.URI); !ok {
		return profile.Outcome{Code: profile.UnknownResource, Detail: x.event.URI}
	}
	if x.session != nil && !x.session.subscribe(x.event.URI) {
		return badParams("too many subscriptions")
	}
	return profile.Outcome{Code: profile.Result, Result: sdk.RawJSON("{}")}
}

// unsubscribe serves resources/unsubscribe.
func (e *engine) unsubscribe(_ context.Context, _ *catalog, x *exchange, _ *message) profile.Outcome {
	if x.event.URI == "" {
		return badParams("uri is required")
	}
	if x.session != nil {
		x.session.unsubscribe(x.event.URI)
	}
	return profile.Outcome{Code: profile.Result, Result: sdk.RawJSON("{}")}
}
