package decoy_test

import (
	"context"
	"fmt"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// hub is a persona with everything that MCP has, without a guest. What each of
// its tools does is in hubTools.
type hub struct{ backend }

func (*hub) Catalog(context.Context) (*sdk.Catalog, error) { return hubCatalog, nil }

const hubGrain = time.Minute

var hubCatalog = &sdk.Catalog{
	Server: sdk.ServerInfo{Name: "acme-hub", Version: "2.8.1"},
	Tools: []sdk.Tool{
		tool("echo", `{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}`),
		tool("measure", `{"type":"object"}`),
		tool("deploy", `{"type":"object","properties":{
			"region":{"type":"string","x-mcp-header":"Region"},
			"replicas":{"type":"integer","x-mcp-header":"Replicas"},
			"dry":{"type":"boolean","x-mcp-header":"Dry"},
			"place":{"type":"object","properties":{"zone":{"type":"string","x-mcp-header":"Zone"}}}}}`),
		tool("progress", `{"type":"object"}`),
		tool("log", `{"type":"object"}`),
		tool("fault", `{"type":"object","properties":{"kind":{"type":"string"}}}`),
		tool("change", `{"type":"object"}`),
		tool("touch", `{"type":"object"}`),
		tool("hang_up", `{"type":"object"}`),
		tool("wait", `{"type":"object"}`),
		tool("late", `{"type":"object"}`),
		tool("form", `{"type":"object"}`),
		tool("visit", `{"type":"object"}`),
		tool("trio", `{"type":"object"}`),
		tool("step", `{"type":"object"}`),
		tool("forever", `{"type":"object"}`),
		tool("form_boom", `{"type":"object"}`),
	},
	Resources: []sdk.Resource{
		{URI: "doc://readme", Definition: sdk.RawJSON(`{"uri":"doc://readme","name":"readme"}`), Persona: "p", Grain: hubGrain},
		{URI: "doc://gone", Definition: sdk.RawJSON(`{"uri":"doc://gone","name":"gone"}`), Persona: "p", Grain: hubGrain},
		{URI: "doc://form", Definition: sdk.RawJSON(`{"uri":"doc://form","name":"form"}`), Persona: "p", Grain: hubGrain},
	},
	Templates: []sdk.ResourceTemplate{
		{URITemplate: "doc://user/{name}", Definition: sdk.RawJSON(`{"uriTemplate":"doc://user/{name}","name":"user"}`), Persona: "p", Grain: hubGrain},
	},
	Prompts: []sdk.Prompt{
		{
			Name: "greet", Persona: "p", Arguments: []sdk.PromptArgument{{Name: "who", Required: true}, {Name: "tone"}},
			Definition: sdk.RawJSON(`{"name":"greet","arguments":[{"name":"who","required":true},{"name":"tone"}]}`),
		},
		{Name: "form", Persona: "p", Definition: sdk.RawJSON(`{"name":"form"}`)},
	},
	Completions: true, Logging: true, Subscribe: true,
	Changes: sdk.Changes{Tools: true, Resources: true, Prompts: true},
}

// Questions of the hub.
var (
	askUser = sdk.InputRequest{
		Key: "user", Method: "elicitation/create",
		Params: sdk.RawJSON(`{"message":"Who?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}}`),
	}
	askVisit = sdk.InputRequest{
		Key: "visit", Method: "elicitation/create",
		Params: sdk.RawJSON(`{"mode":"url","message":"Sign in","url":"https://sso.acme.example/","elicitationId":"e1"}`),
	}
	askModel = sdk.InputRequest{
		Key: "model", Method: "sampling/createMessage",
		Params: sdk.RawJSON(`{"messages":[{"role":"user","content":{"type":"text","text":"Hi"}}],"maxTokens":10}`),
	}
	askRoots = sdk.InputRequest{Key: "roots", Method: "roots/list"}
)

var hubTools = map[string]func(c *sdk.Call) *sdk.Answer{
	"echo": func(c *sdk.Call) *sdk.Answer { return said(string(c.Args)) },
	"measure": func(*sdk.Call) *sdk.Answer {
		return &sdk.Answer{Result: sdk.RawJSON(`{"content":[{"type":"text","text":"{\"cm\":7}"}],"structuredContent":{"cm":7}}`)}
	},
	"deploy": func(c *sdk.Call) *sdk.Answer { return said("deployed " + string(c.Args)) },
	"progress": func(*sdk.Call) *sdk.Answer {
		return told(
			sdk.Notice{Progress: sdk.RawJSON(`{"progress":1,"total":2,"message":"half"}`)},
			sdk.Notice{Progress: sdk.RawJSON(`{"progress":2,"total":2}`)},
		)
	},
	"log":   func(*sdk.Call) *sdk.Answer { return told(logged("debug"), logged("info"), logged("error")) },
	"fault": func(c *sdk.Call) *sdk.Answer { return failed(string(c.Args)) },
	"change": func(*sdk.Call) *sdk.Answer {
		return told(sdk.Notice{Changed: "tools"}, sdk.Notice{Changed: "prompts"}, sdk.Notice{Changed: "resources"})
	},
	"touch": func(*sdk.Call) *sdk.Answer {
		return told(sdk.Notice{Updated: "doc://readme"}, sdk.Notice{Updated: "doc://user/ann"}, sdk.Notice{Updated: "doc://gone"})
	},
	"hang_up": func(*sdk.Call) *sdk.Answer {
		return told(logged("info"), sdk.Notice{Retry: 20 * time.Millisecond}, logged("error"))
	},
	"wait": func(*sdk.Call) *sdk.Answer {
		a := told(logged("info"))
		a.Delay = time.Minute
		return a
	},
	"late":    func(*sdk.Call) *sdk.Answer { return &sdk.Answer{Result: said("late").Result, Delay: time.Minute} },
	"form":    func(c *sdk.Call) *sdk.Answer { return asked(c, askUser) },
	"visit":   func(c *sdk.Call) *sdk.Answer { return asked(c, askVisit) },
	"trio":    func(c *sdk.Call) *sdk.Answer { return asked(c, askUser, askModel, askRoots) },
	"forever": func(*sdk.Call) *sdk.Answer { return &sdk.Answer{Input: &sdk.InputRequired{Resume: sdk.RawJSON(`1`)}} },
	"step": func(c *sdk.Call) *sdk.Answer {
		if c.Round < 2 {
			return &sdk.Answer{Input: &sdk.InputRequired{Resume: sdk.RawJSON(fmt.Sprintf(`{"step":%d}`, c.Round+1))}}
		}
		return said("resumed with " + string(c.Resume))
	},
	"form_boom": func(c *sdk.Call) *sdk.Answer {
		if c.Round > 0 {
			panic("runtime error: index out of range")
		}
		return asked(c, askUser)
	},
}

func (h *hub) Call(_ context.Context, _ string, c *sdk.Call) (*sdk.Answer, error) {
	switch {
	case c.Op == sdk.OpCall:
		return hubTools[c.Tool](c), nil
	case c.Op == sdk.OpComplete:
		return &sdk.Answer{Result: sdk.RawJSON(`{"completion":{"values":["ann","anna"],"total":2,"hasMore":false}}`)}, nil
	case c.Op == sdk.OpPrompt && c.Name == "form", c.URI == "doc://form":
		if c.Round == 0 {
			return asked(c, askUser), nil
		}
	case c.URI == "doc://gone":
		return &sdk.Answer{Fault: &sdk.Fault{Kind: sdk.FaultUnknownResource}}, nil
	}
	if c.Op == sdk.OpPrompt {
		text := quote(string(c.Args) + string(c.Inputs))
		return &sdk.Answer{Result: sdk.RawJSON(`{"messages":[{"role":"user","content":{"type":"text","text":` + text + `}}]}`)}, nil
	}
	text := quote(c.Template + string(c.Vars) + string(c.Inputs))
	return &sdk.Answer{Result: sdk.RawJSON(`{"contents":[{"uri":` + quote(c.URI) + `,"text":` + text + `}]}`)}, nil
}

// said is a result of one text.
func said(text string) *sdk.Answer {
	return &sdk.Answer{Result: sdk.RawJSON(`{"content":[{"type":"text","text":` + quote(text) + `}]}`)}
}

// told is a result that notices come before.
func told(notices ...sdk.Notice) *sdk.Answer {
	a := said("done")
	a.Notify = notices
	return a
}

func logged(level string) sdk.Notice {
	return sdk.Notice{Level: level, Log: sdk.RawJSON(`{"level":"` + level + `","data":"a line"}`)}
}

// asked asks first, and then says what was answered.
func asked(c *sdk.Call, questions ...sdk.InputRequest) *sdk.Answer {
	if c.Round == 0 {
		return &sdk.Answer{Input: &sdk.InputRequired{Requests: questions, Resume: sdk.RawJSON(`"r"`)}}
	}
	return said(fmt.Sprintf("round %d, inputs %s, refused %s, resume %s", c.Round, c.Inputs, c.Refused, c.Resume))
}

// failed is the fault that the arguments of the tool "fault" name.
func failed(args string) *sdk.Answer {
	faults := map[string]*sdk.Fault{
		`{"kind":"tool"}`:     {Kind: sdk.FaultTool, Message: "upstream said no"},
		`{"kind":"args"}`:     {Kind: sdk.FaultBadArgs, Message: "kind: too blunt"},
		`{"kind":"unknown"}`:  {Kind: sdk.FaultUnknownTool},
		`{"kind":"rpc"}`:      {Kind: sdk.FaultRPC, Message: "quota exceeded", Code: -31000},
		`{"kind":"internal"}`: {Kind: sdk.FaultInternal},
	}
	if f := faults[args]; f != nil {
		return &sdk.Answer{Fault: f}
	}
	return said("no fault")
}
