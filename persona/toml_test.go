package persona

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/persona/toml"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// native is the guest that answers by persona files, without WebAssembly.
type native struct {
	handle func(in []byte) []byte
	log    []string
}

func newNative() *native {
	n := &native{}
	n.handle = guest.ConfiguredPersonaHandler(func(config []byte) (id, version string, p sdk.Persona, err error) {
		return toml.Configure(config, func(line string) { n.log = append(n.log, line) })
	})
	return n
}

func (*native) Digest() [32]byte { return [32]byte{7} }
func (*native) Release(string)   {}

func (*native) Prepare(context.Context, ...wasm.Request) error { return nil }

func (n *native) Call(_ context.Context, r wasm.Request) (wasm.Reply, error) {
	out := n.handle(r.Input)
	if out == nil {
		return wasm.Reply{}, &wasm.CallError{Code: "status", Err: wasm.ErrStatus}
	}
	return wasm.Reply{Output: out}, nil
}

// openTOML is a host with the persona of a file.
func openTOML(t testing.TB, text string) (*Host, *native) {
	t.Helper()
	config, err := ParseTOML("p.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	n := newNative()
	h := NewHost(Options{WorldSeed: []byte("seed"), MemoBytes: 1, Log: slog.New(slog.DiscardHandler)})
	if err := h.Open(t.Context(), []Module{{"p.toml", Configured(n, config)}}, nil); err != nil {
		t.Fatal(err)
	}
	return h, n
}

const head = `
id = "desk"
version = "1"
[server]
name = "desk"
version = "2"
`

// tool is a file of one tool with a schema and an answer.
func tool(schema, answer string) string {
	return head + "[[tool]]\nname = \"t\"\ninput = '''" + schema + "'''\n" + answer
}

const anything = `{"type":"object","properties":{"a":{"type":"string"},"n":{"type":"integer","default":3},"l":{"type":"array"}}}`

func TestTOMLAnswers(t *testing.T) {
	tests := []struct{ name, file, args, want string }{
		{"text", tool(anything, `text = "a is {{.args.a}}, n is {{.args.n}}"`), `{"a":"x\"y"}`, `{"content":[{"type":"text","text":"a is x\"y, n is 3"}]}`},
		{"no template of what is sent", tool(anything, `text = "{{.args.a}}"`), `{"a":"{{.now}} {{canary \"aws_key\" \"x\"}}"}`, `{"content":[{"type":"text","text":"{{.now}} {{canary \"aws_key\" \"x\"}}"}]}`},
		{"conditions", tool(anything, "[[tool.answer]]\nwhen = 'eq .args.a \"x\"'\ntext = \"one\"\n[[tool.answer]]\nwhen = 'gt .args.n 5'\ntext = \"two\"\n[[tool.answer]]\ntext = \"three\"\nerror = true"), `{"a":"y","n":6}`, `{"content":[{"type":"text","text":"two"}]}`},
		{"the rest", tool(anything, "[[tool.answer]]\nwhen = 'is .args.n \"4\"'\ntext = \"one\"\n[[tool.answer]]\ntext = \"three\"\nerror = true"), `{}`, `{"content":[{"type":"text","text":"three"}],"isError":true}`},
		{"structured", tool(anything, `structured = '{"count": {{len .args.l}}, "a": {{json .args.a}}}'`), `{"a":"\"}","l":[1,2]}`, `{"content":[{"type":"text","text":"{\"count\":2,\"a\":\"\\\"}\"}"}],"structuredContent":{"count":2,"a":"\"}"}}`},
		{"a tree of templates", tool(anything, "structured = { list = [\"{{.args.a}}\", 1, true], raw = '{{raw \"l\"}}' }\ntext = 'x'"), `{"a":"\"","l":[{"b":1,"a":2}]}`, `{"content":[{"type":"text","text":"x"}],"structuredContent":{"list":["\"",1,true],"raw":[{"b":1,"a":2}]}}`},
		{"content", tool(anything, `content = '[{"type":"image","data":"AAAA","mimeType":"image/png"},{"type":"text","text":"{{upper .args.a}}"}]'`), `{"a":"x"}`, `{"content":[{"type":"image","data":"AAAA","mimeType":"image/png"},{"type":"text","text":"X"}]}`},
		{"pretty", tool(anything, `text = '{{pretty "l"}}'`), `{"l":[{"b":1}]}`, `{"content":[{"type":"text","text":"[\n  {\n    \"b\": 1\n  }\n]"}]}`},
		{"what the schema names", tool(`{"type":"object","properties":{"l":{"type":"array","items":{"type":"object","properties":{"b":{"type":"integer"},"c":{"type":"object"}}}}}}`, `text = '{{raw "l"}}'`), `{"l":[{"x":1,"b":2,"c":{"y":3}}]}`, `{"content":[{"type":"text","text":"[{\"b\":2,\"c\":{\"y\":3}}]"}]}`},
		{"numbers", tool(anything, `text = '{{add .args.n 1}} {{.args.l}}'`), `{"n":9007199254740993,"l":[1.5,1e400]}`, `{"content":[{"type":"text","text":"9007199254740994 [1.5 1.7976931348623157e+308]"}]}`},
		{"time", tool(anything, `text = '{{rfc3339 (ago "36h" .now)}} {{date "2006" .now}}'`), `{}`, `{"content":[{"type":"text","text":"2026-01-01T03:04:00Z 2026"}]}`},
		{"range", tool(anything, `text = '{{range $i, $p := people 2}}{{if $i}},{{end}}{{if $p.login}}x{{end}}{{end}}'`), `{}`, `{"content":[{"type":"text","text":"x,x"}]}`},
		{"fault", tool(anything, `fault = { kind = "rpc", code = -32001, message = "no {{.args.a}}" }`), `{"a":"x"}`, `rpc no x`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, n := openTOML(t, tt.file)
			a, err := h.Call(t.Context(), "s", &sdk.Call{Op: sdk.OpCall, Persona: "desk", Tool: "t", Args: sdk.RawJSON(tt.args), Now: time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)})
			if err != nil {
				t.Fatal(err)
			}
			got := string(a.Result)
			if a.Fault != nil {
				got = a.Fault.Kind + " " + a.Fault.Message
			}
			if got != tt.want || a.Guest != nil {
				t.Errorf("answer %s, want %s; %+v %q", got, tt.want, a.Guest, n.log)
			}
		})
	}
}

// What the file shows of the company is what placeholders show of it.
func TestTOMLWorld(t *testing.T) {
	h, n := openTOML(t, tool(anything, `text = '{{(person 3).email}} {{fake "email" 3}} {{org.name}} {{fake "org_name" 0}}|{{with index (tickets 1) 0}}{{.key}} {{.status}} {{(ticket .key).summary}}{{end}}|{{(index (repos 1) 0).full_name}}|{{len services}}|{{with repo "nope"}}found{{end}}{{with ticket "NO-1"}}found{{end}}{{with person "nobody"}}found{{end}}{{len (incidents 2)}}|{{number "x" 5 5}} {{len (hex "y" 9)}} {{pick "z" "only"}}'`))
	a, err := h.Call(t.Context(), "s", &sdk.Call{Op: sdk.OpCall, Persona: "desk", Tool: "t", Args: sdk.RawJSON(`{}`), Now: time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)})
	if err != nil || a.Guest != nil || a.Fault != nil {
		t.Fatalf("%v %+v %q", err, a.Guest, n.log)
	}
	var result struct{ Content []struct{ Text string } }
	if err := json.Unmarshal(a.Result, &result); err != nil {
		t.Fatal(err)
	}
	said := result.Content[0].Text
	words := strings.SplitN(strings.Split(said, "|")[0], " ", 3)
	if len(words) != 3 || words[0] != words[1] || !strings.Contains(words[0], "@") {
		t.Errorf("e-mail addresses %q", said)
	}
	if n := len(words[2]) / 2; words[2][:n] != words[2][n+1:] {
		t.Errorf("companies %q", words[2])
	}
	if strings.Contains(said, "<no value>") || strings.Contains(said, "{{") || strings.Contains(said, "found") {
		t.Errorf("said %q", said)
	}
}

func TestTOMLOperations(t *testing.T) {
	h, n := openTOML(t, `completions = true`+head+`
[[resource]]
uri = "desk://a"
name = "a"
mime = "text/plain"
text = "{{.uri}}"
[[resource]]
uri = "desk://b"
name = "b"
blob = "AAAA"
mime = "image/png"
[[resource_template]]
uri_template = "desk://t/{x}"
name = "t"
complete = { x = ["Apple", "apricot", "pear"] }
[[resource_template.answer]]
when = 'ne .vars.x "no"'
text = "{{.vars.x}}"
[[prompt]]
name = "p"
[[prompt.argument]]
name = "who"
required = true
[[prompt.answer]]
description = "for {{.args.who}}"
messages = [{ role = "user", text = "hello {{.args.who}}" }, { role = "assistant", content = { type = "text", text = "bye" } }]
[[tool]]
name = "count"
text = 'call {{get .state "n" 1}}'
state = '{"n": {{add (get .state "n" 1) 1}}}'
notes = { n = '{{get .state "n" 1}}' }
delay_ms = [5, 5]
notify = [{ after_ms = 1, progress = { progress = 1, total = 2 } }]
[[tool]]
name = "limited"
service = "db"
text = "ok"
[service.db]
latency_ms = 10
per_minute = 1
limited = "slow down for {{.retry_after}} s"
fails = { one_in = 1, text = "gone", delay_ms = 7 }
`)
	call := func(c *sdk.Call) string {
		t.Helper()
		c.Persona, c.Now = "desk", time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
		a, err := h.Call(t.Context(), "s", c)
		if err != nil {
			t.Fatal(err)
		}
		if a.Guest != nil {
			t.Fatalf("%s %q", a.Guest.Detail, n.log)
		}
		if a.Fault != nil {
			return a.Fault.Kind
		}
		return fmt.Sprint(string(a.Result), a.Delay, a.Notes, len(a.Notify))
	}
	var got []string
	for _, c := range []*sdk.Call{
		{Op: sdk.OpResource, URI: "desk://a"},
		{Op: sdk.OpResource, URI: "desk://b"},
		{Op: sdk.OpResource, URI: "desk://t/q", Template: "desk://t/{x}", Vars: sdk.RawJSON(`{"x":"q"}`)},
		{Op: sdk.OpResource, URI: "desk://t/no", Template: "desk://t/{x}", Vars: sdk.RawJSON(`{"x":"no"}`)},
		{Op: sdk.OpPrompt, Name: "p", Args: sdk.RawJSON(`{"who":"\"me\""}`)},
		{Op: sdk.OpComplete, Ref: sdk.RawJSON(`{"type":"ref/resource","uri":"desk://t/{x}"}`), Argument: sdk.RawJSON(`{"name":"x","value":"ap"}`)},
		{Op: sdk.OpComplete, Ref: sdk.RawJSON(`{"type":"ref/prompt","name":"nope"}`), Argument: sdk.RawJSON(`{"name":"x","value":"ap"}`)},
		{Op: sdk.OpCall, Tool: "count"},
		{Op: sdk.OpCall, Tool: "count"},
		{Op: sdk.OpCall, Tool: "limited"},
		{Op: sdk.OpCall, Tool: "limited"},
	} {
		got = append(got, call(c))
	}
	want := []string{
		`{"contents":[{"uri":"desk://a","mimeType":"text/plain","text":"desk://a"}]}0s map[] 0`,
		`{"contents":[{"uri":"desk://b","mimeType":"image/png","blob":"AAAA"}]}0s map[] 0`,
		`{"contents":[{"uri":"desk://t/q","text":"q"}]}0s map[] 0`,
		`unknown_resource`,
		`{"description":"for \"me\"","messages":[{"role":"user","content":{"type":"text","text":"hello \"me\""}},{"role":"assistant","content":{"text":"bye","type":"text"}}]}0s map[] 0`,
		`{"completion":{"values":["Apple","apricot"],"total":2,"hasMore":false}}0s map[] 0`,
		`{"completion":{"values":[],"total":0,"hasMore":false}}0s map[] 0`,
		`{"content":[{"type":"text","text":"call 1"}]}5ms map[n:1] 1`,
		`{"content":[{"type":"text","text":"call 2"}]}5ms map[n:2] 1`,
		`{"content":[{"type":"text","text":"gone"}],"isError":true}7ms map[] 0`,
	}
	if diff := cmp.Diff(want, got[:len(want)]); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if !strings.Contains(got[len(want)], "slow down for 55 s") {
		t.Errorf("the second call in a minute: %s", got[len(want)])
	}
}

func TestTOMLFaults(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"not TOML", "id = ", "p.toml:1: "},
		{"nothing", "", "p.toml:1: id is missing\np.toml:1: version is missing\np.toml:1: [server] with name and version is missing: what clients see"},
		{"unknown key", head + "[[tool]]\nname = \"t\"\nserivce = \"x\"\ntext = \"x\"", "p.toml:9: tool[0].serivce: unknown key, want one of"},
		{"unknown key at the top", "colour = 1" + head, "p.toml:1: colour: unknown key"},
		{"type", head + "[[tool]]\nname = 4\ntext = \"x\"", "p.toml:8: tool[0].name: want a text"},
		{"no answer", head + "[[tool]]\nname = \"t\"", "p.toml:7: tool[0]: the tool has no answer: give it a text, or [[tool.answer]]"},
		{"template", tool(anything, "text = '''\none\n{{if}}'''"), `p.toml:10: tool[0].text: line 2: missing value for if`},
		{"argument", tool(anything, `text = "{{.args.b}}"`), `there is no argument "b": it has a, n, l`},
		{"argument in a condition", tool(anything, "[[tool.answer]]\nwhen = 'eq .args.b 1'\ntext = 'x'\n[[tool.answer]]\ntext = 'y'"), `p.toml:11: tool[0].answer[0].when: line 1: there is no argument "b"`},
		{"argument in a table", tool(anything, `structured = { a = ["{{.args.b}}"] }`), `there is no argument "b"`},
		{"function", tool(anything, `text = "{{nope}}"`), `function "nope" not defined`},
		{"canary", tool(anything, `text = '{{canary "nope" "x"}}'`), `unknown kind "nope"`},
		{"canary in a description", head + "[[tool]]\nname = 't'\ndescription = '{{canary:nope:x}}'\ntext = 'x'", `unknown kind "nope"`},
		{"braces in a condition", tool(anything, "[[tool.answer]]\nwhen = '{{.args.a}}'\ntext = 'x'\n[[tool.answer]]\ntext = 'y'"), "without braces"},
		{"only conditions", tool(anything, "[[tool.answer]]\nwhen = 'true'\ntext = 'x'"), "the last answer has a condition"},
		{"dead answer", tool(anything, "[[tool.answer]]\ntext = 'x'\n[[tool.answer]]\ntext = 'y'"), "answer 1 has no condition: those behind it never count"},
		{"two bodies", tool(anything, "text = 'x'\ncontent = '[]'"), "an answer has one of text and content"},
		{"schema text", tool(`{"type":`, "text = 'x'"), "p.toml:9: tool[0].input: not JSON"},
		{"schema", tool(`{"type":"string"}`, "text = 'x'"), `p.toml:7: tool[0]: tools[0]: tool "t": inputSchema is not an object schema`},
		{"structured text", tool(anything, "structured = '{a}'"), "not JSON"},
		{"two tools", tool(anything, "text = 'x'") + "\n[[tool]]\nname = 't'\ntext = 'y'", `there is another tool "t"`},
		{"fault kind", tool(anything, `fault = { kind = "odd" }`), "tool[0].fault.kind: want one of"},
		{"delay", tool(anything, "text = 'x'\ndelay_ms = [5, 1]"), "want milliseconds up to 60000"},
		{"base64", head + "[[resource]]\nuri = 'a:b'\nname = 'x'\nblob = 'A'", "want padded base64"},
		{"limit without text", head + "[service.x]\nper_minute = 3", `needs "limited"`},
		{"id", strings.Replace(head, `"desk"`, `"A desk"`, 1), "p.toml:2: id: want 1 to 32 of a-z"},
		{"too deep", head + "x = " + strings.Repeat("[", 100) + strings.Repeat("]", 100), "p.toml:7: "},
		{"too large", strings.Repeat("#\n", MaxTOML), "at most 1048576"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseTOML("p.toml", []byte(tt.file))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// A template that cannot be rendered shows the client nothing of itself, and the
// operator why.
func TestTOMLBroken(t *testing.T) {
	h, n := openTOML(t, tool(anything, `text = '{{div 1 .args.n}}'`))
	a, err := h.Call(t.Context(), "s", &sdk.Call{Op: sdk.OpCall, Persona: "desk", Tool: "t", Args: sdk.RawJSON(`{"n":0}`)})
	if err != nil {
		t.Fatal(err)
	}
	if a.Guest == nil || a.Fault == nil || a.Fault.Message != fallbackText {
		t.Errorf("answer %+v", a)
	}
	if len(n.log) != 1 || !strings.Contains(n.log[0], "call t: text: line 1:") || !strings.Contains(n.log[0], "by zero") {
		t.Errorf("log %q", n.log)
	}
}

func FuzzTOML(f *testing.F) {
	for _, seed := range []string{
		"", head, tool(anything, `text = "{{.args.a}}"`), tool(anything, `structured = '{"a": {{json .args.a}}}'`),
		head + "[[prompt]]\nname='p'\n[[prompt.argument]]\nname='x'\n[[prompt.answer]]\nmessages=[{role='user',text='{{.args.x}}'}]", head + "[service.x]\nper_minute=1\nlimited='x'\n[routes]\n'/x'={a=1}",
	} {
		f.Add(seed, `{"a":"{{"}`)
	}
	f.Fuzz(func(t *testing.T, text, args string) {
		config, err := ParseTOML("p.toml", []byte(text))
		if err != nil {
			return
		}
		if !json.Valid(config) {
			t.Fatalf("the configuration is no JSON: %s", config)
		}
		n := newNative()
		g := Configured(n, config)
		if doc, err := askDescribe(t.Context(), g); err != nil || !json.Valid(doc) {
			t.Fatalf("describe: %v %s", err, doc)
		}
		var file toml.File
		if err := json.Unmarshal(config, &file); err != nil || !json.Valid([]byte(args)) {
			return
		}
		for name := range file.Tools {
			in, err := json.Marshal(map[string]any{"abi": 1, "op": "call", "persona": file.ID, "tool": name, "args": json.RawMessage(args), "seed": "1", "company": "2", "mark": "m", "now": "2026-01-02T15:04:05Z"})
			if err != nil {
				t.Fatal(err)
			}
			if reply, err := g.Call(t.Context(), wasm.Request{Input: in}); err == nil && !json.Valid(reply.Output) {
				t.Fatalf("tool %q answers %s", name, reply.Output)
			}
		}
	})
}
