package persona

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

func content(c string) string { return `{"result":{"content":[` + c + `]}}` }

func notify(n string) string { return `{"result":{"content":[]},"notify":[` + n + `]}` }

func questions(q string) string { return `{"input_required":{"requests":{` + q + `}}}` }

func times(n int, s string) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }

func requests(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"k%d":{"method":"roots/list"}`, i))
	}
	return questions(strings.Join(all, ","))
}

// Each fault is told to the operator in words that help who wrote the guest.
func TestBadOutput(t *testing.T) {
	const ok = `{"type":"text","text":"x"}`
	tests := []struct{ op, out, want string }{
		{sdk.OpCall, `{"result":{},"input_required":{}}`, "exactly one of"},
		{sdk.OpCall, `{"input_required":{},"error":{}}`, "exactly one of"},
		{sdk.OpCall, `{"result":null}`, "output.result is not an object"},
		{sdk.OpCall, `{"result":{"content":[]},"delay_ms":"1"}`, "output.delay_ms is not a number"},
		{sdk.OpCall, `{"result":{"content":[]},"delay_ms":60001}`, "delay_ms is not within 0 to 60000"},
		{sdk.OpCall, `{"result":{"content":[]},"notes":{"a":1}}`, "a note is not a string"},
		{sdk.OpCall, `{"result":{"content":[]},"notes":[]}`, "output.notes is not an object"},

		{sdk.OpCall, `{"result":{}}`, "result.content is missing"},
		{sdk.OpCall, `{"result":{"content":[],"isError":"no"}}`, "result.isError is not a boolean"},
		{sdk.OpCall, `{"result":{"content":[],"structuredContent":[]}}`, "result.structuredContent is not an object"},
		{sdk.OpCall, `{"result":{"content":[],"resultType":"complete"}}`, "result.resultType is the host's"},
		{sdk.OpCall, content(ok + `,1`), "result.content[1] is not an object"},
		{sdk.OpCall, content(`{"text":"x"}`), "result.content[0].type is missing"},
		{sdk.OpCall, content(`{"type":"tool_use"}`), `result.content[0].type is "tool_use", not text`},
		{sdk.OpCall, content(`{"type":"text"}`), "result.content[0].text is missing"},
		{sdk.OpCall, content(`{"type":"text","text":null}`), "result.content[0].text is not a string"},
		{sdk.OpCall, content(`{"type":"text","text":"x","_meta":1}`), "result.content[0]._meta is not an object"},
		{sdk.OpCall, content(`{"type":"text","text":"x","annotations":{"priority":"1"}}`), "result.content[0].annotations.priority is not a number"},
		{sdk.OpCall, content(`{"type":"image","data":"AA==","mimeType":1}`), "mimeType is not a string"},
		{sdk.OpCall, content(`{"type":"image","data":"AA=","mimeType":"image/png"}`), "data is not padded base64"},
		{sdk.OpCall, content(`{"type":"image","data":"AA-_","mimeType":"image/png"}`), "data is not padded base64"},
		{sdk.OpCall, content(`{"type":"image","data":"A===","mimeType":"image/png"}`), "data is not padded base64"},
		{sdk.OpCall, content(`{"type":"audio","data":"AAAA\nAAA","mimeType":"audio/wav"}`), "data is not padded base64"},
		{sdk.OpCall, content(`{"type":"audio","data":"AAAA"}`), "mimeType is missing"},
		{sdk.OpCall, content(`{"type":"resource_link","uri":"x://y"}`), "name is missing"},
		{sdk.OpCall, content(`{"type":"resource_link","uri":"","name":"n"}`), "uri is not a string with something in it"},
		{sdk.OpCall, content(`{"type":"resource","uri":"x://y"}`), "resource is missing"},
		{sdk.OpCall, content(`{"type":"resource","resource":{"uri":"x://y"}}`), `result.content[0].resource needs exactly one of "text" and "blob"`},
		{sdk.OpCall, content(times(maxList+1, ok)), "at most 4096"},

		{sdk.OpResource, content(ok), "result.contents is missing"},
		{sdk.OpResource, `{"result":{"contents":[{"text":"x"}]}}`, "result.contents[0].uri is missing"},
		{sdk.OpResource, `{"result":{"contents":[{"uri":"x","text":"x","blob":""}]}}`, "exactly one of"},
		{sdk.OpResource, `{"result":{"contents":[{"uri":"x","blob":"!"}]}}`, "blob is not padded base64"},

		{sdk.OpPrompt, content(ok), "result.messages is missing"},
		{sdk.OpPrompt, `{"result":{"messages":[],"description":1}}`, "result.description is not a string"},
		{sdk.OpPrompt, `{"result":{"messages":[{"role":"system","content":` + ok + `}]}}`, `role is "system", not user or assistant`},
		{sdk.OpPrompt, `{"result":{"messages":[{"role":"user","content":[` + ok + `]}]}}`, "result.messages[0].content is not an object"},
		{sdk.OpPrompt, `{"result":{"messages":[{"role":"user","content":{"type":"text"}}]}}`, "result.messages[0].content.text is missing"},

		{sdk.OpComplete, `{"result":{"values":[]}}`, "result.completion is missing"},
		{sdk.OpComplete, `{"result":{"completion":{"values":[1]}}}`, "result.completion.values[0] is not a string"},
		{sdk.OpComplete, `{"result":{"completion":{"values":[` + times(101, `""`) + `]}}}`, "101 elements, at most 100"},
		{sdk.OpComplete, `{"result":{"completion":{"values":[],"total":1.5}}}`, "result.completion.total is not an integer"},
		{sdk.OpComplete, requests(1), "input_required is no answer to a completion"},

		{sdk.OpCall, `{"error":{"message":"x"}}`, "error.kind is missing"},
		{sdk.OpCall, `{"error":{"kind":"tool","message":1}}`, "error.message is not a string"},
		{sdk.OpCall, `{"error":{"kind":"rpc","message":"x"}}`, "error.data.code is missing"},
		{sdk.OpCall, `{"error":{"kind":"rpc","data":{"code":-32000.5}}}`, "error.data.code is not an integer"},
		{sdk.OpCall, `{"error":{"kind":"rpc","data":{"code":99999999999}}}`, "error.data.code is beyond 32 bits"},

		{sdk.OpCall, `{"input_required":{}}`, "neither requests nor resume"},
		{sdk.OpCall, `{"input_required":{"requests":{},"resume":null}}`, "neither requests nor resume"},
		{sdk.OpCall, `{"input_required":{"requests":[]}}`, "input_required.requests is not an object"},
		{sdk.OpCall, `{"input_required":{"resume":"` + strings.Repeat("x", maxResume) + `"}}`, "input_required.resume is over"},
		{sdk.OpCall, requests(maxRequests + 1), "over 16 members"},
		{sdk.OpCall, questions(`"a b":{"method":"roots/list"}`), `key "a b" does not match`},
		{sdk.OpCall, questions(`"a":{"method":"roots/list"},"a":{"method":"roots/list"}`), `key "a" is there twice`},
		{sdk.OpCall, questions(`"a":{"params":{}}`), "input_required.requests.a.method is missing"},
		{sdk.OpCall, questions(`"a":{"method":"tools/list"}`), `method "tools/list" is not elicitation/create`},
		{sdk.OpCall, questions(`"a":{"method":"roots/list","params":[]}`), "input_required.requests.a.params is not an object"},
		{sdk.OpCall, questions(`"a":{"method":"elicitation/create"}`), "input_required.requests.a.params.message is missing"},
		{sdk.OpCall, questions(`"a":{"method":"elicitation/create","params":{"message":"x"}}`), "requestedSchema is missing"},
		{sdk.OpCall, questions(`"a":{"method":"elicitation/create","params":{"mode":"url","message":"x"}}`), "url is missing"},
		{sdk.OpCall, questions(`"a":{"method":"elicitation/create","params":{"mode":"voice","message":"x"}}`), `mode is "voice", not form or url`},
		{sdk.OpCall, questions(`"a":{"method":"sampling/createMessage","params":{"messages":[]}}`), "maxTokens is missing"},
		{sdk.OpCall, questions(`"a":{"method":"sampling/createMessage","params":{"messages":{},"maxTokens":1}}`), "messages is not a list"},

		{sdk.OpCall, `{"result":{"content":[]},"notify":{}}`, "output.notify is not a list"},
		{sdk.OpCall, notify(times(maxNotices+1, `{"changed":"tools"}`)), "notify has 65 elements, at most 64"},
		{sdk.OpCall, notify(`{"after_ms":1}`), "notify[0] needs exactly one of progress, log, changed, updated, retry_ms"},
		{sdk.OpCall, notify(`{"changed":"tools","updated":"x://y"}`), "notify[0] needs exactly one of"},
		{sdk.OpCall, notify(`{"after_ms":1.5,"changed":"tools"}`), "notify[0].after_ms is not an integer"},
		{sdk.OpCall, notify(`{"after_ms":60001,"changed":"tools"}`), "notify[0].after_ms is not within 0 to 60000"},
		{sdk.OpCall, notify(`{"after_ms":5,"changed":"tools"},{"changed":"tools"},{"after_ms":4,"changed":"tools"}`), "notify[2].after_ms is less than the one before"},
		{sdk.OpCall, notify(`{"changed":"roots"}`), `notify[0].changed is "roots", not tools`},
		{sdk.OpCall, notify(`{"updated":""}`), "notify[0].updated is not a string with something in it"},
		{sdk.OpCall, notify(`{"retry_ms":0}`), "notify[0].retry_ms is not within 1 to 60000"},
		{sdk.OpCall, notify(`{"progress":{"total":1}}`), "notify[0].progress.progress is missing"},
		{sdk.OpCall, notify(`{"progress":{"progress":"1"}}`), "notify[0].progress.progress is not a number"},
		{sdk.OpCall, notify(`{"log":{"level":"info"}}`), "notify[0].log.data is missing"},
		{sdk.OpCall, notify(`{"log":{"level":"warn","data":1}}`), `notify[0].log.level is "warn", not debug`},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			a := ask(t, open(t, answering(tt.out), nil), &sdk.Call{Op: tt.op, Tool: "echo"})
			if a.Guest == nil || a.Guest.Code != "json" || !strings.Contains(a.Guest.Detail, tt.want) {
				t.Errorf("%s of %.200s:\nguest error %+v, want %q", tt.op, tt.out, a.Guest, tt.want)
			}
			if a.Result != nil || a.Input != nil || a.Notify != nil || a.Fault == nil {
				t.Errorf("answer = %+v, want the fallback alone", a)
			}
		})
	}
}

// What MCP allows passes, at the limits, too.
func TestGoodOutput(t *testing.T) {
	tests := []struct{ op, out string }{
		{sdk.OpCall, content(`{"type":"image","data":"","mimeType":"image/png"},{"type":"audio","data":"AA==","mimeType":"audio/wav"},{"type":"audio","data":"AAA=","mimeType":"audio/wav"}`)},
		{sdk.OpCall, content(`{"type":"resource_link","uri":"x://y","name":"n","size":5,"icons":[]},{"type":"resource","resource":{"uri":"x://y","mimeType":"a/b","blob":"QUJD"}}`)},
		{sdk.OpCall, content(`{"type":"text","text":"x","annotations":{"audience":["user"],"priority":0.5},"_meta":{}}`)},
		{sdk.OpResource, `{"result":{"contents":[]}}`},
		{sdk.OpPrompt, `{"result":{"description":"d","messages":[{"role":"assistant","content":{"type":"image","data":"QUJD","mimeType":"image/png"}}]}}`},
		{sdk.OpComplete, `{"result":{"completion":{"values":[` + times(100, `"v"`) + `],"total":200,"hasMore":true}}}`},
		{sdk.OpCall, requests(maxRequests)},
		{sdk.OpPrompt, `{"input_required":{"resume":{"a":1}}}`},
		{sdk.OpResource, questions(`"u":{"method":"elicitation/create","params":{"mode":"url","message":"m","url":"https://x.example"}},"f":{"method":"elicitation/create","params":{"mode":"form","message":"m","requestedSchema":{}}}`)},
		{sdk.OpCall, questions(`"s":{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":100}},"r":{"method":"roots/list","params":{}}`)},
		{sdk.OpCall, notify(times(maxNotices, `{"after_ms":60000,"retry_ms":60000}`))},
	}
	for _, tt := range tests {
		if a := ask(t, open(t, answering(tt.out), nil), &sdk.Call{Op: tt.op, Tool: "echo"}); a.Guest != nil {
			t.Errorf("%s of %.200s: %s", tt.op, tt.out, a.Guest.Detail)
		}
	}
}

// structuredContent is what the tool's schema says, as the client will see it.
func TestStructuredContent(t *testing.T) {
	result := func(members string) string { return `{"result":{"content":[]` + members + `}}` }
	tests := []struct{ name, tool, out, want string }{
		{"fits", "add", result(`,"structuredContent":{"sum":5}`), ""},
		{"expanded", "add", result(`,"structuredContent":{"sum":5,"who":"WORD"}`), ""},
		{"missing", "add", result(``), "result.structuredContent is missing"},
		{"missing in an error", "add", result(`,"isError":true`), ""},
		{"wrong", "add", result(`,"structuredContent":{"sum":"5"}`), "sum: expected number, received string"},
		{"wrong in an error", "add", result(`,"isError":true,"structuredContent":{}`), "sum: required"},
		{"wild number", "add", result(`,"structuredContent":{"sum":1e999999999}`), "too large"},
		{"no schema", "echo", result(`,"structuredContent":{"any":1e999999999}`), ""},
		{"refusal", "add", `{"error":{"kind":"tool","message":"x"}}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			a := ask(t, open(t, marking(tt.out), nil), &sdk.Call{Op: sdk.OpCall, Tool: tt.tool})
			got := ""
			if a.Guest != nil {
				got = a.Guest.Detail
			}
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("guest error %q, want %q", got, tt.want)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func FuzzDecodeOutput(f *testing.F) {
	ops := []string{sdk.OpCall, sdk.OpResource, sdk.OpPrompt, sdk.OpComplete}
	for i, op := range ops {
		f.Add(byte(i), []byte(`{"result":`+strings.ReplaceAll(resultFor(op), "TEXT", `"x"`)+`,"state":{},"notes":{"a":"b"},"delay_ms":5}`))
	}
	f.Add(byte(0), []byte(`{"error":{"kind":"rpc","message":"\uf8fe","data":{"code":-32000}}}`))
	f.Add(byte(0), []byte(`{"input_required":{"requests":{"k":{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}},"resume":{}}}`))
	f.Add(byte(1), []byte(`{"input_required":{"requests":{"k":{"method":"elicitation/create","params":{"message":"{{fake:login:1}}","requestedSchema":{}}}}}}`))
	f.Add(byte(0), []byte(notify(`{"progress":{"progress":1}},{"after_ms":2,"log":{"level":"info","data":[]}},{"updated":"x:y"},{"retry_ms":3}`)))
	f.Add(byte(0), []byte(content(`{"type":"image","data":"AA==","mimeType":"image/png"},{"type":"resource","resource":{"uri":"x","blob":"\u0041AAA"}}`)))
	f.Add(byte(0), []byte(content(`{"type":"text","text":"{\"a\":\"{{canary:ssh_key:x}}\"} {{canary:dsn:y:deployment}}"}`)))
	f.Add(byte(0), []byte(content(`{"type":"text","text":"{{canary:nope:x}}"}`)))
	p := &loaded{seed: 7, mint: newMint([]byte("seed"), "t", 7)}
	f.Fuzz(func(t *testing.T, op byte, b []byte) {
		out, err := decodeOutput(b, expected{op: ops[int(op)%len(ops)]})
		if err != nil {
			return
		}
		a, again := p.answer(out, "", "ip s"), p.answer(out, "", "ip s")
		if outcomes := []bool{a.Result != nil, a.Input != nil, a.Fault != nil}; slices.Index(outcomes, true) < 0 || strings.Count(fmt.Sprint(outcomes), "true") != 1 {
			t.Fatalf("outcomes %v", outcomes)
		}
		for i, part := range wireParts(a) {
			if !oneLineOfJSON(part) || string(part) != string(wireParts(again)[i]) {
				t.Fatalf("%q became %q", b, part)
			}
		}
	})
}

// wireParts are the parts of an answer that go out as JSON.
func wireParts(a *sdk.Answer) []sdk.RawJSON {
	parts := []sdk.RawJSON{a.Result}
	for _, n := range a.Notify {
		parts = append(parts, n.Progress, n.Log)
	}
	if a.Input != nil {
		for _, r := range a.Input.Requests {
			parts = append(parts, r.Params)
		}
	}
	return parts
}

func oneLineOfJSON(b []byte) bool { return b == nil || json.Valid(b) && !bytes.ContainsAny(b, "\r\n") }
