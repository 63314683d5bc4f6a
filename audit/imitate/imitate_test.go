package imitate_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/imitate"
	"github.com/killdeer-mcp/killdeer/persona"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

var update = flag.Bool("update", false, "write what is made into testdata")

func raw(list ...string) (out []sdk.RawJSON) {
	for _, l := range list {
		out = append(out, sdk.RawJSON(l))
	}
	return out
}

func call(kind, name, variant, args, outcome, result string) *evidence.Call {
	return &evidence.Call{Kind: kind, Name: name, Case: variant, Args: sdk.RawJSON(args), Outcome: outcome, Result: sdk.RawJSON(result), From: 1, To: 12e6}
}

// pass is a server that does a little of everything, some of it against whoever
// writes a file of it.
func pass() *evidence.Pass {
	text := func(s string) string { return `{"content":[{"type":"text","text":` + s + `}]}` }
	return &evidence.Pass{
		Server:       sdk.RawJSON(`{"name":"Note Keeper","version":"1.2","title":"Notes","websiteUrl":"https://example.com"}`),
		Capabilities: sdk.RawJSON(`{"tools":{"listChanged":true},"resources":{"subscribe":true},"prompts":{},"completions":{},"logging":{},"tasks":{}}`),
		Instructions: "It's for notes.\nKey: AKIAIOSFODNN7EXAMPLE",
		Catalog: []evidence.Catalog{{
			Tools: raw(
				`{"name":"echo","description":"Says {{it}} again","inputSchema":{"type":"object","properties":{"message":{"type":"string"},"a-b":{"type":"string"}}},"annotations":{"readOnlyHint":true}}`,
				`{"name":"level","inputSchema":{"type":"object","properties":{"level":{"type":"string"},"n":{"type":"integer"}}}}`,
				`{"name":"store","inputSchema":{"type":"object","properties":{"items":{"type":"array"}}},"outputSchema":{"type":"object"}}`,
				`{"name":"leak","inputSchema":{"type":"object"}}`,
				`{"name":"hangs","inputSchema":{"type":"object"}}`,
				`{"name":"refuses","inputSchema":{"type":"object"}}`),
			Resources: raw(`{"uri":"notes://all","name":"all","mimeType":"text/plain"}`, `{"uri":"notes://gone","name":"gone"}`),
			Templates: raw(`{"uriTemplate":"notes://{id}/text","name":"one"}`),
			Prompts:   raw(`{"name":"sum","arguments":[{"name":"topic","required":true}]}`),
		}},
		Calls: []*evidence.Call{
			call("tool", "echo", "full", `{"message":"release-7","a-b":"other-8"}`, "ok", text(`"Echo: release-7 and other-8 {{x}} '''"`)),
			call("tool", "echo", "repeat-2", `{"message":"release-9","a-b":"other-9"}`, "ok", text(`"Echo: release-9 and other-9 {{x}} '''"`)),
			call("tool", "level", "full", `{"level":"debug","n":1}`, "ok", text(`"\u0007 fine"`)),
			call("tool", "level", "branch-2", `{"level":"error","n":1}`, "tool_error", `{"content":[{"type":"text","text":"bad"}],"isError":true}`),
			call("tool", "level", "repeat-2", `{"level":"debug","n":1}`, "ok", text(`"12:31:07"`)),
			call("tool", "store", "full", `{"items":[{"name":"x1","tags":["a"]}]}`, "ok", `{"content":[{"type":"text","text":"[\n {\"name\":\"x1\",\"tags\":[\"a\"]}]"}],"structuredContent":{"items":[{"tags":["a"],"name":"x1"}],"count":1},"_meta":{"a":1}}`),
			call("tool", "leak", "minimal", `{}`, "ok", `{"content":[{"type":"text","text":"GITHUB_TOKEN=ghp_abcdefghijklmnopqrstuvwxyz0123456789 \"password\": \"hunter2hunter2\" db=postgres://app:s3cr3t@db:5432/x\nplanted-value-1\n`+"-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY-----"+`"},{"type":"image","data":"AAAA","mimeType":"image/png"}]}`),
			call("tool", "hangs", "full", `{}`, "timeout", ``),
			{Kind: "tool", Name: "refuses", Case: "full", Args: sdk.RawJSON(`{}`), Outcome: "rpc_error", Error: "-32050: not \"here\"", From: 1, To: 2},
			call("resource", "notes://all", "plain", `{"uri":"notes://all"}`, "ok", `{"contents":[{"uri":"notes://all","mimeType":"text/plain","text":"ab"}]}`),
			call("template", "notes://{id}/text", "plain", `{"uri":"notes://n-17/text"}`, "ok", `{"contents":[{"uri":"notes://n-17/text","text":"note n-17"}]}`),
			call("prompt", "sum", "full", `{"topic":"deploys"}`, "ok", `{"description":"About deploys","messages":[{"role":"user","content":{"type":"text","text":"Sum up deploys"}}]}`),
			call("completion", "sum", "plain", `{"argument":{"name":"topic","value":""},"ref":{"name":"sum","type":"ref/prompt"}}`, "ok", `{"completion":{"values":["deploys","incidents"]}}`),
		},
		Requests: []evidence.Request{{Method: "sampling/createMessage"}},
	}
}

func TestWrite(t *testing.T) {
	withAbilities := &evidence.Pass{Catalog: []evidence.Catalog{{Tools: raw(`{"name":"ask"}`)}}}
	got, err := imitate.Write(pass(), []*evidence.Pass{withAbilities}, imitate.Options{
		From: " (here).", Planted: []evidence.Canary{{Kind: "env", Values: []string{"planted-value-1"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	text := string(got.File) + "\n# Missing:\n# " + strings.Join(got.Missing, "\n# ") + "\n"
	const golden = "testdata/notes.toml"
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
	if _, err := persona.ParseTOML("notes.toml", got.File); err != nil {
		t.Errorf("the file is refused: %v", err)
	}
	for _, secret := range []string{"AKIAIOSFODNN7EXAMPLE", "ghp_abc", "hunter2", "s3cr3t", "planted-value", "MIIE"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s is in the file", secret)
		}
	}
}

func TestNothing(t *testing.T) {
	_, err := imitate.Write(&evidence.Pass{Faults: []string{"initialize: no reply"}}, nil, imitate.Options{})
	if err == nil || !strings.Contains(err.Error(), "initialize: no reply") {
		t.Errorf("error %v", err)
	}
}

// Whatever a server says, what is written is a persona file, or the server cannot be
// listed by a sensor either.
func FuzzWrite(f *testing.F) {
	f.Add("name", "text {{ ''' \" \\ \x00 \u2028", `{"a":"text"}`, `{"x":["{{raw \"a\"}}","text"]}`)
	f.Add("n'''", "line\r\nline'", `{"k-1":"value"}`, `{"y":{"z":null}}`)
	f.Fuzz(func(t *testing.T, title, text, args, structured string) {
		p := pass()
		quoted := func(s string) string { return string(jsonString(s)) }
		p.Catalog = []evidence.Catalog{{Tools: raw(`{"name":"t","title":` + quoted(title) + `,"description":` + quoted(text) + `,"inputSchema":{"type":"object"}}`)}}
		if !jsonObject(args) || !jsonObject(structured) {
			return
		}
		p.Calls = []*evidence.Call{call("tool", "t", "full", args, "ok", `{"content":[{"type":"text","text":`+quoted(text)+`}],"structuredContent":`+structured+`}`)}
		got, err := imitate.Write(p, nil, imitate.Options{})
		if err != nil {
			return
		}
		if _, err := persona.ParseTOML("t.toml", got.File); err != nil {
			t.Errorf("%v\n%s", err, got.File)
		}
	})
}

func jsonString(s string) []byte { return guest.Quote(strings.ToValidUTF8(s, "?")) }

func jsonObject(s string) bool {
	_, err := guest.ParseObject([]byte(s))
	return err == nil && json.Valid([]byte(s)) && utf8.ValidString(s)
}
