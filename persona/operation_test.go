package persona

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// fullDoc offers one of everything.
const fullDoc = `{"abi":1,"kind":"persona","id":"t","version":"1","personas":[{"id":"t",
 "server":{"name":"hub","version":"1.2.3"},
 "tools":[{"name":"echo","inputSchema":{"type":"object"}},
  {"name":"add","inputSchema":{"type":"object"},"outputSchema":{"type":"object","properties":{"sum":{"type":"number","maximum":100},"who":{"type":"string","pattern":"^[^{]*$"}},"required":["sum"]}}],
 "resources":[{"uri":"test://a/{{fake:login:1}}","name":"a","mimeType":"text/plain"},{"uri":"test://b","name":"b"}],
 "resource_templates":[{"uriTemplate":"test://c/{id}","name":"c"}],
 "prompts":[{"name":"plain"},{"name":"with","arguments":[{"name":"x","required":true},{"name":"y"}]}],
 "completions":true,"logging":true,"subscribe":true,"list_changed":["tools","prompts"],
 "updates":{"test://a/{{fake:login:1}}":"3s"},
 "grain":"5m","fallback":{"text":"try later"}}]}`

// answering returns a guest that gives one output to all calls.
func answering(out string) *fakeGuest {
	return &fakeGuest{describe: fullDoc, call: func(guest.Object) (string, error) { return out, nil }}
}

func ask(t testing.TB, h *Host, c *sdk.Call) *sdk.Answer {
	t.Helper()
	c.Persona, c.Now = "t", noon
	a, err := h.Call(t.Context(), "s", c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The envelope of each operation, whole: its bytes are a contract, and what the
// memo knows a request by.
func TestEnvelope(t *testing.T) {
	tests := []struct {
		name string
		call sdk.Call
		want string
	}{
		{"call", sdk.Call{Op: sdk.OpCall, Tool: "echo", Args: sdk.RawJSON(`{"a":1}`)}, `"can":[],"tool":"echo","args":{"a":1}`},
		{"no arguments", sdk.Call{Op: sdk.OpCall, Tool: "echo"}, `"can":[],"tool":"echo","args":{}`},
		{"abilities", sdk.Call{Op: sdk.OpCall, Tool: "echo", Can: []string{"sampling", "roots"}}, `"can":["roots","sampling"],"tool":"echo","args":{}`},
		{"resource", sdk.Call{Op: sdk.OpResource, URI: "test://b"}, `"can":[],"uri":"test://b"`},
		{
			"template",
			sdk.Call{Op: sdk.OpResource, URI: "test://c/1", Template: "test://c/{id}", Vars: sdk.RawJSON(`{"id":"1"}`)},
			`"can":[],"uri":"test://c/1","template":"test://c/{id}","vars":{"id":"1"}`,
		},
		{"prompt", sdk.Call{Op: sdk.OpPrompt, Name: "with", Args: sdk.RawJSON(`{"x":"1"}`)}, `"can":[],"name":"with","args":{"x":"1"}`},
		{
			"complete",
			sdk.Call{Op: sdk.OpComplete, Ref: sdk.RawJSON(`{"type":"ref/prompt","name":"with"}`), Argument: sdk.RawJSON(`{"name":"x","value":"a"}`)},
			`"can":[],"ref":{"type":"ref/prompt","name":"with"},"argument":{"name":"x","value":"a"}`,
		},
		{
			"complete in context",
			sdk.Call{Op: sdk.OpComplete, Ref: sdk.RawJSON(`{}`), Argument: sdk.RawJSON(`{}`), Context: sdk.RawJSON(`{"arguments":{}}`)},
			`"can":[],"ref":{},"argument":{},"context":{"arguments":{}}`,
		},
		{"second round", sdk.Call{Op: sdk.OpPrompt, Name: "plain", Round: 1}, `"can":[],"name":"plain","args":{},"inputs":{},"round":1`},
		{
			"third round",
			sdk.Call{
				Op: sdk.OpCall, Tool: "echo", Round: 2, Inputs: sdk.RawJSON(`{"k":{"action":"accept"}}`),
				Refused: sdk.RawJSON(`{"j":{"code":-1,"message":"no"}}`), Resume: sdk.RawJSON(`{"n":"{{fake:login:1}}"}`),
			},
			`"can":[],"tool":"echo","args":{},"inputs":{"k":{"action":"accept"}},"refused":{"j":{"code":-1,"message":"no"}},"resume":{"n":"{{fake:login:1}}"},"round":2`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := open(t, &fakeGuest{describe: fullDoc}, nil)
			p := h.by["t"]
			tt.call.Now = noon
			e := p.envelope(&tt.call, nil, conditions{})
			got, mark := e.bytes(), e.mark
			want := fmt.Sprintf(`{"abi":1,"op":%q,"persona":"t","seed":"%d","company":"%d","now":"2026-03-04T12:00:00Z","state":null,%s,"mark":%q}`, tt.call.Op, p.seed, p.company, tt.want, mark)
			if diff := cmp.Diff(want, string(got)); diff != "" {
				t.Error(diff)
			}
			if again := p.envelope(&tt.call, nil, conditions{}); again.mark != mark || string(again.bytes()) != string(got) || len(mark) != 2*markBytes {
				t.Errorf("mark %q, then %q", mark, again.mark)
			}
		})
	}
}

func TestUnknownOperation(t *testing.T) {
	h := open(t, answering(`{}`), nil)
	for _, c := range []sdk.Call{{Op: "describe", Persona: "t"}, {Op: sdk.OpCall, Persona: "other"}} {
		if a, err := h.Call(t.Context(), "s", &c); err == nil {
			t.Errorf("%+v: answer %+v", c, a)
		}
	}
}

var oneOfEach = []sdk.Call{
	{Op: sdk.OpCall, Tool: "echo"},
	{Op: sdk.OpResource, URI: "test://b"},
	{Op: sdk.OpPrompt, Name: "plain"},
	{Op: sdk.OpComplete, Ref: sdk.RawJSON(`{}`), Argument: sdk.RawJSON(`{}`)},
}

// A broken guest's operation is named, and only a tool has an error of its own.
func TestFallbackOfEachOperation(t *testing.T) {
	for _, c := range oneOfEach {
		g := &fakeGuest{describe: fullDoc, call: func(guest.Object) (string, error) {
			return "", &wasm.CallError{Code: "trap", Err: errors.New("unreachable")}
		}}
		want := &sdk.Fault{Kind: sdk.FaultInternal, Message: "try later"}
		if c.Op == sdk.OpCall {
			want.Kind = sdk.FaultTool
		}
		a := ask(t, open(t, g, nil), &c)
		if diff := cmp.Diff(want, a.Fault); diff != "" {
			t.Errorf("%s: %s", c.Op, diff)
		}
		if a.Guest == nil || a.Guest.Op != c.Op || a.Guest.Code != "trap" {
			t.Errorf("%s: guest error %+v", c.Op, a.Guest)
		}
	}
}

// What a client sent comes back as it was, wherever it stood and wherever the
// guest copies it to.
func TestNothingSentExpands(t *testing.T) {
	const text = "{{fake:login:1}}"
	quoted := string(guest.Quote(text))
	object := sdk.RawJSON(`{"k":` + quoted + `}`)
	tests := []struct {
		name string
		call sdk.Call
		from func(in guest.Object) string
	}{
		{"uri", sdk.Call{Op: sdk.OpResource, URI: text}, func(in guest.Object) string { return in.Str("uri") }},
		{"vars", sdk.Call{Op: sdk.OpResource, Template: "t", Vars: object}, func(in guest.Object) string { return in.Object("vars").Str("k") }},
		{"prompt name", sdk.Call{Op: sdk.OpPrompt, Name: text}, func(in guest.Object) string { return in.Str("name") }},
		{"prompt arguments", sdk.Call{Op: sdk.OpPrompt, Args: object}, func(in guest.Object) string { return in.Object("args").Str("k") }},
		{"ref", sdk.Call{Op: sdk.OpComplete, Ref: object}, func(in guest.Object) string { return in.Object("ref").Str("k") }},
		{"argument", sdk.Call{Op: sdk.OpComplete, Argument: object}, func(in guest.Object) string { return in.Object("argument").Str("k") }},
		{"context", sdk.Call{Op: sdk.OpComplete, Context: object}, func(in guest.Object) string { return in.Object("context").Str("k") }},
		{"inputs", sdk.Call{Op: sdk.OpCall, Round: 1, Inputs: object}, func(in guest.Object) string { return in.Object("inputs").Str("k") }},
		{"refused", sdk.Call{Op: sdk.OpCall, Round: 1, Refused: object}, func(in guest.Object) string { return in.Object("refused").Str("k") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for form, out := range echoForms {
				g := &fakeGuest{describe: fullDoc, call: func(in guest.Object) (string, error) {
					return strings.ReplaceAll(out, "TEXT", string(guest.Quote(tt.from(in)))), nil
				}}
				if tt.call.Op == sdk.OpComplete && strings.Contains(out, "input_required") {
					continue
				}
				result := resultFor(tt.call.Op)
				out = strings.Replace(out, "RESULT", result, 1)
				for _, got := range textsOf(t, ask(t, open(t, g, nil), &tt.call)) {
					if got != text {
						t.Errorf("in %s it came back as %q", form, got)
					}
				}
			}
		})
	}
}

// echoForms are the places of an output that a client is shown.
var echoForms = map[string]string{
	"a result":   `{"result":RESULT}`,
	"an error":   `{"error":{"kind":"tool","message":TEXT}}`,
	"a log":      `{"result":RESULT,"notify":[{"log":{"level":"info","data":TEXT}}]}`,
	"progress":   `{"result":RESULT,"notify":[{"progress":{"progress":1,"message":TEXT}}]}`,
	"an update":  `{"result":RESULT,"notify":[{"updated":TEXT}]}`,
	"a note":     `{"result":RESULT,"notes":{"k":TEXT}}`,
	"a question": `{"input_required":{"requests":{"k":{"method":"elicitation/create","params":{"message":TEXT,"requestedSchema":{}}}}}}`,
}

func resultFor(op string) string {
	switch op {
	case sdk.OpResource:
		return `{"contents":[{"uri":TEXT,"text":TEXT}]}`
	case sdk.OpPrompt:
		return `{"messages":[{"role":"user","content":{"type":"text","text":TEXT}}]}`
	case sdk.OpComplete:
		return `{"completion":{"values":[TEXT]}}`
	}
	return `{"content":[{"type":"text","text":TEXT}],"structuredContent":{"text":TEXT}}`
}

// textsOf collects the strings of an answer under the names that echoForms uses.
func textsOf(t *testing.T, a *sdk.Answer) []string {
	t.Helper()
	if a.Guest != nil {
		t.Fatalf("guest error: %+v", a.Guest)
	}
	var texts []string
	var collect func(v any)
	collect = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, sub := range v {
				if s, ok := sub.(string); ok && (k == "text" || k == "message" || k == "uri" || k == "data") {
					texts = append(texts, s)
				}
				if k != "requestedSchema" {
					collect(sub)
				}
			}
		case []any:
			for _, sub := range v {
				if s, ok := sub.(string); ok {
					texts = append(texts, s)
				}
				collect(sub)
			}
		}
	}
	parts := []sdk.RawJSON{a.Result}
	for _, n := range a.Notify {
		parts = append(parts, n.Log, n.Progress)
		if n.Updated != "" {
			texts = append(texts, n.Updated)
		}
	}
	if a.Input != nil {
		parts = append(parts, a.Input.Requests[0].Params)
	}
	if a.Fault != nil {
		texts = append(texts, a.Fault.Message)
	}
	for _, v := range a.Notes {
		texts = append(texts, v)
	}
	for _, part := range parts {
		var v any
		if part != nil && json.Unmarshal(part, &v) != nil {
			t.Fatalf("%s is not JSON", part)
		}
		collect(v)
	}
	if len(texts) == 0 {
		t.Fatal("the answer has no text")
	}
	return texts
}

// What the persona itself says is expanded, and agrees with itself.
func TestAnswerExpands(t *testing.T) {
	const document = `{"input_required":{"requests":{"k":{"method":"elicitation/create","params":{"message":"WORD","requestedSchema":{}}}},"resume":"{{fake:login:7}}"},
	 "notify":[{"log":{"level":"info","data":"WORD"}},{"progress":{"progress":1,"message":"WORD"}},{"updated":"x://WORD"}]}`
	h := open(t, marking(document), nil)
	want := string(expand("{{fake:login:7}}", h.by["t"].company))
	for range 2 { // the second is remembered
		a := ask(t, h, &sdk.Call{Op: sdk.OpCall, Tool: "echo"})
		for _, got := range []string{string(a.Input.Requests[0].Params), string(a.Notify[0].Log), string(a.Notify[1].Progress), a.Notify[2].Updated} {
			if !strings.Contains(got, want) || strings.Contains(got, "{{") {
				t.Errorf("%s: want %q in it", got, want)
			}
		}
		if got := string(a.Input.Resume); got != `"{{fake:login:7}}"` {
			t.Errorf("resume = %s, want it as it was", got)
		}
	}
	fault := ask(t, open(t, marking(`{"error":{"kind":"tool","message":"ask WORD"}}`), nil), &sdk.Call{Op: sdk.OpCall, Tool: "echo"})
	if got := fault.Fault.Message; got != "ask "+want {
		t.Errorf("message = %q, want %q in it", got, want)
	}
}

// marking answers with a document that has a placeholder in the place of WORD.
func marking(document string) *fakeGuest {
	return &fakeGuest{describe: fullDoc, call: func(in guest.Object) (string, error) {
		return strings.ReplaceAll(document, "WORD", guest.Fake(&sdk.Call{Mark: in.Str("mark")}, "login", 7)), nil
	}}
}

// Whatever a guest makes of what it is sent, no placeholder comes of it: case
// folded, blanks taken out, pieces joined, characters computed.
func TestNothingMadeOfWhatIsSentExpands(t *testing.T) {
	h := open(t, &fakeGuest{call: func(in guest.Object) (string, error) {
		args := in.Object("args")
		text := strings.ToLower(strings.ReplaceAll(args.Str("a")+args.Str("b"), " ", ""))
		return `{"result":{"content":[{"type":"text","text":` + string(guest.Quote(text)) + `}]}}`, nil
	}}, nil)
	earlier := h.by["t"]
	mark := earlier.envelope(&sdk.Call{Op: sdk.OpCall, Tool: "echo"}, nil, conditions{}).mark
	for _, args := range []map[string]string{
		{"a": "{{FAKE:login:1}}"},
		{"a": "{ { fake : login : 1 } }"},
		{"a": "{{fa", "b": "ke:login:1}}"},
		{"a": "{", "b": "{fake:login:1}}"},
		{"a": "{{" + mark + ":fake:login:1}}"},
		{"a": "{{:fake:login:1}}"},
	} {
		in, _ := json.Marshal(args)
		want := strings.ToLower(strings.ReplaceAll(args["a"]+args["b"], " ", ""))
		if got := echoed(t, call(t, h, "s", string(in))); got != want {
			t.Errorf("%q became %q", want, got)
		}
	}
}

// Every outcome of every operation is remembered, and no answer tells whether it
// was.
func TestMemoOnAndOff(t *testing.T) {
	beside := `"delay_ms":5,"notes":{"k":"v"},"notify":[{"after_ms":3,"log":{"level":"info","data":"WORD"}}]`
	for _, c := range oneOfEach {
		outcomes := []string{`"result":` + strings.ReplaceAll(resultFor(c.Op), "TEXT", `"WORD"`), `"error":{"kind":"rpc","message":"WORD","data":{"code":-32000}}`}
		if c.Op != sdk.OpComplete {
			outcomes = append(outcomes, `"input_required":{"requests":{"k":{"method":"roots/list"}},"resume":1}`)
		}
		for _, outcome := range outcomes {
			t.Run(c.Op+" "+outcome[:8], func(t *testing.T) {
				with, without := marking("{"+outcome+","+beside+"}"), marking("{"+outcome+","+beside+"}")
				on, off := open(t, with, nil), open(t, without, func(o *Options) { o.MemoBytes = 1 })
				want := ask(t, off, &c)
				for range 3 {
					if diff := cmp.Diff(want, ask(t, on, &c)); diff != "" {
						t.Error(diff)
					}
					if diff := cmp.Diff(want, ask(t, off, &c)); diff != "" {
						t.Error(diff)
					}
				}
				if with.calls != 1 || without.calls != 4 {
					t.Errorf("%d calls with the memo, %d without", with.calls, without.calls)
				}
			})
		}
	}
}

// A question and its answer are two calls of one state.
func TestRounds(t *testing.T) {
	g := &fakeGuest{describe: fullDoc, call: func(in guest.Object) (string, error) {
		n := in.Object("state").Int("n", 0) + 1
		if in.Int("round", 0) == 0 {
			return fmt.Sprintf(`{"input_required":{"requests":{"k":{"method":"roots/list"}},"resume":{"a":1}},"state":{"n":%d}}`, n), nil
		}
		text := fmt.Sprintf("%d %s %s", n, in.Raw("inputs"), in.Raw("resume"))
		return `{"result":{"content":[{"type":"text","text":` + string(guest.Quote(text)) + `}]}}`, nil
	}}
	h := open(t, g, nil)
	a := ask(t, h, &sdk.Call{Op: sdk.OpCall, Tool: "echo"})
	want := &sdk.InputRequired{Requests: []sdk.InputRequest{{Key: "k", Method: "roots/list"}}, Resume: sdk.RawJSON(`{"a":1}`)}
	if diff := cmp.Diff(want, a.Input); diff != "" {
		t.Fatal(diff)
	}
	a = ask(t, h, &sdk.Call{Op: sdk.OpCall, Tool: "echo", Round: 1, Inputs: sdk.RawJSON(`{"k":{}}`), Resume: a.Input.Resume})
	if got := echoed(t, a); got != `2 {"k":{}} {"a":1}` {
		t.Errorf("second round: %s", got)
	}
}

// All operations of one source share a state.
func TestStateOfAllOperations(t *testing.T) {
	g := &fakeGuest{describe: fullDoc, call: func(in guest.Object) (string, error) {
		n := in.Object("state").Int("n", 0) + 1
		result := strings.ReplaceAll(resultFor(in.Str("op")), "TEXT", fmt.Sprintf(`"%d"`, n))
		return fmt.Sprintf(`{"result":%s,"state":{"n":%d}}`, result, n), nil
	}}
	h := open(t, g, nil)
	for i, c := range oneOfEach {
		if got := textsOf(t, ask(t, h, &c)); got[0] != fmt.Sprint(i+1) {
			t.Errorf("%s: state %q, want %d", c.Op, got, i+1)
		}
	}
}

func TestNotices(t *testing.T) {
	h := open(t, answering(`{"result":{"content":[]},"notify":[
	 {"progress":{"progress":0,"total":1e2,"progressToken":"mine"}},{"after_ms":50,"log":{"data":null,"level":"warning","logger":"l","x":1}},
	 {"changed":"prompts"},{"after_ms":60,"updated":"test://b"},{"retry_ms":500}]}`), nil)
	ms := time.Millisecond
	want := []sdk.Notice{
		{Progress: sdk.RawJSON(`{"progress":0,"total":1e2}`)},
		{After: 50 * ms, Log: sdk.RawJSON(`{"level":"warning","logger":"l","data":null}`), Level: "warning"},
		{After: 50 * ms, Changed: "prompts"},
		{After: 60 * ms, Updated: "test://b"},
		{After: 60 * ms, Retry: 500 * ms},
	}
	if diff := cmp.Diff(want, ask(t, h, &sdk.Call{Op: sdk.OpCall, Tool: "echo"}).Notify); diff != "" {
		t.Error(diff)
	}
}

// What sdk/guest builds is what this host takes.
func TestGuestAnswers(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		op    string
		build func(a *guest.Answer) *guest.Answer
	}{
		{sdk.OpCall, func(a *guest.Answer) *guest.Answer {
			a.Text("t").Image("image/png", []byte("x")).Audio("audio/wav", []byte("xy")).Link("x://y", "n", "a/b").Embed("x://y", "a/b", "t")
			return a.EmbedBlob("x://y", "", nil).Structured([]byte(`{}`)).Failed().Delay(ms).State([]byte(`1`)).Note("k", "v")
		}},
		{sdk.OpCall, func(a *guest.Answer) *guest.Answer {
			return a.Roots("r").Sample("s", "x", 5).Elicit("e", "m", []byte(`{}`)).ElicitURL("u", "m", "https://x.example").Resume([]byte(`{}`))
		}},
		{sdk.OpCall, func(a *guest.Answer) *guest.Answer {
			return a.Progress(1, 2, "m").After(ms).Log("info", "l", []byte(`1`)).Changed("tools").Updated("x://y").Retry(ms)
		}},
		{sdk.OpPrompt, func(a *guest.Answer) *guest.Answer { return a.Description("d").Message("user").Text("x") }},
		{sdk.OpResource, func(a *guest.Answer) *guest.Answer { return a.Contents("x://y", "", "t").Blob("x://y", "a/b", nil) }},
	}
	for _, tt := range tests {
		out := tt.build(&guest.Answer{}).Bytes()
		if _, err := decodeOutput(out, expected{op: tt.op}); err != nil {
			t.Errorf("%s: %v in %s", tt.op, err, out)
		}
	}
	if _, err := decodeOutput(guest.Completion([]string{"a"}, 1), expected{op: sdk.OpComplete}); err != nil {
		t.Error(err)
	}
	if _, err := decodeOutput(guest.RPCError(-32000, "x"), expected{op: sdk.OpCall}); err != nil {
		t.Error(err)
	}
}
