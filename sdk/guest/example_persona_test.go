package guest_test

import (
	"fmt"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// door is a persona with one tool, which remembers how often a session has knocked.
type door struct{}

func (door) Describe() []byte {
	return []byte(`{"id":"door","server":{"name":"door","version":"1.0.0"},
		"tools":[{"name":"knock","inputSchema":{"type":"object","properties":{"name":{"type":"string"}}}}]}`)
}

func (door) Call(c *sdk.Call) []byte {
	args, _ := guest.ParseObject(c.Args) // the host has held them to the schema
	state, _ := guest.ParseObject(c.State)
	knocks := state.Int("knocks", 0) + 1
	if knocks > 2 {
		return guest.Error(sdk.FaultTool, "nobody answers")
	}
	var next guest.Writer
	next.Obj().Key("knocks").Int(knocks).End()
	var a guest.Answer
	return a.Text("who is there, " + args.Str("name") + "?").State(next.Bytes()).Bytes()
}

// A whole persona. In a guest's main package, guest.Personas("door", "1.0.0",
// door{}) stands in place of PersonaHandler, which lets tests do without
// WebAssembly.
func ExamplePersonaHandler() {
	handle := guest.PersonaHandler("door", "1.0.0", door{})
	ask := func(in string) { fmt.Printf("%s\n", handle([]byte(in))) }
	ask(`{"abi":1,"op":"call","persona":"door","seed":"1","now":"2026-03-01T12:00:00Z","state":null,"tool":"knock","args":{"name":"Ann"}}`)
	ask(`{"abi":1,"op":"call","persona":"door","seed":"1","now":"2026-03-01T12:00:00Z","state":{"knocks":2},"tool":"knock","args":{}}`)
	// Output:
	// {"result":{"content":[{"type":"text","text":"who is there, Ann?"}]},"state":{"knocks":1}}
	// {"error":{"kind":"tool","message":"nobody answers"}}
}

// What the host fills in: a honeytoken for whoever reads the answer, and a colleague
// from the deployment's company. The mark is another one for each request.
func ExampleCanary() {
	c := &sdk.Call{Mark: "5b9e"}
	fmt.Println("password=" + guest.Canary(c, "dsn.password", "billing"))
	fmt.Println("owner=" + guest.Fake(c, "email", 3))
	// Output:
	// password={{5b9e:canary:dsn.password:billing}}
	// owner={{5b9e:fake:email:3}}
}

// Members are read one by one, and nested ones as they stand.
func ExampleParseObject() {
	o, err := guest.ParseObject([]byte(`{"query":"caf\u00e9","limit":5,"filter":{"open":true}}`))
	fmt.Println(o.Str("query"), o.Int("limit", 10), o.Int("offset", 0), o.Object("filter").Bool("open"), err)
	// Output:
	// café 5 0 true <nil>
}

// JSON inside a text block, as servers show their upstream's answers.
func ExampleWriter_Text() {
	var w guest.Writer
	w.Obj().Key("result").Obj().Key("content").Arr().Obj().Key("type").Str("text").Key("text").Text()
	w.Obj().Key("id").Int(7).Key("state").Str(`"open"`).End()
	w.End().End().End().End().End()
	fmt.Printf("%s\n", w.Bytes())
	// Output:
	// {"result":{"content":[{"type":"text","text":"{\n  \"id\": 7,\n  \"state\": \"\\\"open\\\"\"\n}"}]}}
}

// A refusal that is no tool's result but an error of the protocol.
func ExampleRPCError() {
	fmt.Printf("%s\n", guest.RPCError(-32003, "maintenance until 14:00"))
	// Output:
	// {"error":{"kind":"rpc","message":"maintenance until 14:00","data":{"code":-32003}}}
}
