package guest_test

import (
	"fmt"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// The least a tool can do.
func ExampleText() {
	fmt.Printf("%s\n", guest.Text("3 hosts are up"))
	// Output:
	// {"result":{"content":[{"type":"text","text":"3 hosts are up"}]}}
}

// A tool that shows what it is doing.
func ExampleAnswer() {
	var a guest.Answer
	a.Progress(0, 100, "").After(50*time.Millisecond).Log("info", "render", guest.Quote("half way")).Progress(50, 100, "")
	a.Text("the chart").Image("image/png", []byte("\x89PNG"))
	fmt.Printf("%s\n", a.Delay(100*time.Millisecond).Bytes())
	// Output:
	// {"result":{"content":[{"type":"text","text":"the chart"},{"type":"image","data":"iVBORw==","mimeType":"image/png"}]},"notify":[{"progress":{"progress":0,"total":100}},{"after_ms":50,"log":{"level":"info","logger":"render","data":"half way"}},{"progress":{"progress":50,"total":100}}],"delay_ms":100}
}

// A tool that wants to be sure before it deletes something.
func ExampleAnswer_Elicit() {
	remove := func(c *sdk.Call) []byte {
		answer, ok := guest.Input(c, "sure")
		switch {
		case !ok:
			var a guest.Answer
			return a.Elicit("sure", "Delete 12 records?", []byte(`{"type":"object","properties":{"go":{"type":"boolean"}}}`)).Bytes()
		case answer.Str("action") == "accept" && answer.Object("content").Bool("go"):
			return guest.Text("deleted")
		}
		return guest.Error(sdk.FaultTool, "cancelled")
	}
	fmt.Printf("%s\n", remove(&sdk.Call{}))
	fmt.Printf("%s\n", remove(&sdk.Call{Inputs: []byte(`{"sure":{"action":"accept","content":{"go":true}}}`)}))
	fmt.Printf("%s\n", remove(&sdk.Call{Inputs: []byte(`{"sure":{"action":"decline"}}`)}))
	// Output:
	// {"input_required":{"requests":{"sure":{"method":"elicitation/create","params":{"message":"Delete 12 records?","requestedSchema":{"type":"object","properties":{"go":{"type":"boolean"}}}}}}}}
	// {"result":{"content":[{"type":"text","text":"deleted"}]}}
	// {"error":{"kind":"tool","message":"cancelled"}}
}

// The answer to prompts/get.
func ExampleAnswer_Message() {
	var a guest.Answer
	a.Description("Review a change").Message("user").Text("Please review:").Message("user").Embed("repo://main.go", "text/x-go", "package main")
	fmt.Printf("%s\n", a.Bytes())
	// Output:
	// {"result":{"description":"Review a change","messages":[{"role":"user","content":{"type":"text","text":"Please review:"}},{"role":"user","content":{"type":"resource","resource":{"uri":"repo://main.go","mimeType":"text/x-go","text":"package main"}}}]}}
}

// The answer to resources/read.
func ExampleAnswer_Contents() {
	read := func(c *sdk.Call) []byte {
		vars, _ := guest.ParseObject(c.Vars)
		var a guest.Answer
		return a.Contents(c.URI, "text/plain", "host "+vars.Str("name")).Bytes()
	}
	fmt.Printf("%s\n", read(&sdk.Call{URI: "host://db1", Template: "host://{name}", Vars: []byte(`{"name":"db1"}`)}))
	// Output:
	// {"result":{"contents":[{"uri":"host://db1","mimeType":"text/plain","text":"host db1"}]}}
}
