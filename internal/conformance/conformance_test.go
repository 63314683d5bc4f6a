package conformance_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/internal/conformance"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// handle answers an envelope as the guest does.
func handle(members string) []byte {
	envelope := `{"abi":1,"persona":"conformance","seed":"7","now":"2026-08-01T10:00:00Z",` + members + `}`
	return guest.PersonaHandler("conformance", "1.0.0", conformance.New())([]byte(envelope))
}

// catalog is what the tests need of the describe document.
type catalog struct {
	Tools             []struct{ Name, Description string }
	Resources         []struct{ URI string }
	ResourceTemplates []struct{ URITemplate string } `json:"resource_templates"`
	Prompts           []struct{ Name string }
}

func described(t *testing.T) catalog {
	t.Helper()
	var d struct{ Personas []catalog }
	if err := json.Unmarshal(handle(`"op":"describe"`), &d); err != nil {
		t.Fatal(err)
	}
	return d.Personas[0]
}

// Everything that is described is answered: with a result, a question, or the
// tool's own error.
func TestDescribed(t *testing.T) {
	var calls []string
	d := described(t)
	for _, tool := range d.Tools {
		if tool.Description == "" {
			t.Errorf("tool %s has no description", tool.Name)
		}
		calls = append(calls, fmt.Sprintf(`"op":"call","tool":%q,"args":{}`, tool.Name))
	}
	for _, r := range d.Resources {
		calls = append(calls, fmt.Sprintf(`"op":"resource","uri":%q`, r.URI))
	}
	for _, r := range d.ResourceTemplates {
		uri := strings.ReplaceAll(r.URITemplate, "{id}", "9")
		calls = append(calls, fmt.Sprintf(`"op":"resource","uri":%q,"template":%q,"vars":{"id":"9"}`, uri, r.URITemplate))
	}
	for _, p := range d.Prompts {
		calls = append(calls, fmt.Sprintf(`"op":"prompt","name":%q,"args":{}`, p.Name))
	}
	if len(calls) != 28+3+1+5 {
		t.Errorf("%d fixtures are described", len(calls))
	}
	for _, call := range calls {
		checkOutcome(t, call, handle(call))
	}
}

func checkOutcome(t *testing.T, call string, out []byte) {
	t.Helper()
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Errorf("%s: %v: %s", call, err, out)
		return
	}
	if (doc["result"] == nil) == (doc["input_required"] == nil) || doc["error"] != nil {
		t.Errorf("%s is answered %s", call, out)
	}
}

// calls are the turns of which the golden file holds the answers.
var calls = []struct{ name, envelope string }{
	{"text", `"op":"call","tool":"test_simple_text","args":{}`},
	{"image", `"op":"call","tool":"test_image_content","args":{}`},
	{"audio", `"op":"call","tool":"test_audio_content","args":{}`},
	{"resource", `"op":"call","tool":"test_embedded_resource","args":{}`},
	{"mixed", `"op":"call","tool":"test_multiple_content_types","args":{}`},
	{"logging", `"op":"call","tool":"test_tool_with_logging","args":{}`},
	{"progress", `"op":"call","tool":"test_tool_with_progress","args":{}`},
	{"error", `"op":"call","tool":"test_error_handling","args":{}`},
	{"reconnection", `"op":"call","tool":"test_reconnection","args":{}`},
	{"schema", `"op":"call","tool":"json_schema_2020_12_tool","args":{"name":"\u003cb\u003e","phone":"1"}`},
	{"header", `"op":"call","tool":"test_x_mcp_header","args":{"region":"us-east1"}`},
	{"header absent", `"op":"call","tool":"test_x_mcp_header","args":{"level":1}`},
	{"log once", `"op":"call","tool":"test_logging_tool","args":{}`},
	{"tools change", `"op":"call","tool":"test_trigger_tool_change","args":{}`},
	{"prompts change", `"op":"call","tool":"test_trigger_prompt_change","args":{}`},
	{"no such tool", `"op":"call","tool":"test_nothing","args":{}`},

	{"sample", `"op":"call","tool":"test_sampling","args":{"prompt":"Say it"}`},
	{"sampled", `"op":"call","tool":"test_sampling","args":{"prompt":"Say it"},"inputs":{"sample":{"role":"assistant","content":{"type":"text","text":"it"},"model":"m"}},"round":1`},
	{"sampled with tools", `"op":"call","tool":"test_sampling","args":{"prompt":"Say it"},"inputs":{"sample":{"role":"assistant","content":[{"type":"text","text":"it"},{"type":"text","text":"that"}],"model":"m"}},"round":1`},
	{"sample refused", `"op":"call","tool":"test_sampling","args":{"prompt":"Say it"},"inputs":{},"refused":{"sample":{"code":-1,"message":"no model"}},"round":1`},
	{"elicit", `"op":"call","tool":"test_elicitation","args":{"message":"Who?"}`},
	{"elicited", `"op":"call","tool":"test_elicitation","args":{"message":"Who?"},"inputs":{"form":{"action":"accept","content":{"username":"u"}}},"round":1`},
	{"declined", `"op":"call","tool":"test_elicitation","args":{"message":"Who?"},"inputs":{"form":{"action":"decline"}},"round":1`},
	{"defaults", `"op":"call","tool":"test_elicitation_sep1034_defaults","args":{}`},
	{"enums", `"op":"call","tool":"test_elicitation_sep1330_enums","args":{}`},
	{"capability missing", `"op":"call","tool":"test_missing_capability","args":{},"can":[]`},
	{"capability there", `"op":"call","tool":"test_missing_capability","args":{},"can":["sampling"]`},
	{"stream", `"op":"call","tool":"test_streaming_elicitation","args":{},"can":["elicitation.form"]`},
	{"stream to nobody", `"op":"call","tool":"test_streaming_elicitation","args":{},"can":[]`},

	{"name", `"op":"call","tool":"test_input_required_result_elicitation","args":{}`},
	{"named", `"op":"call","tool":"test_input_required_result_elicitation","args":{},"inputs":{"other":{},"user_name":{"action":"accept","content":{"name":"Alice"}}},"round":1`},
	{"other key", `"op":"call","tool":"test_input_required_result_elicitation","args":{},"inputs":{"other":{"action":"accept","content":{"name":"Alice"}}},"round":1`},
	{"other shape", `"op":"call","tool":"test_input_required_result_elicitation","args":{},"inputs":{"user_name":12345},"round":1`},
	{"capital", `"op":"call","tool":"test_input_required_result_sampling","args":{},"inputs":{"capital_question":{"role":"assistant","content":{"type":"text","text":"Paris"},"model":"m"}},"round":1`},
	{"roots", `"op":"call","tool":"test_input_required_result_list_roots","args":{}`},
	{"rooted", `"op":"call","tool":"test_input_required_result_list_roots","args":{},"inputs":{"client_roots":{"roots":[{"uri":"file:///a"},{"uri":"file:///b"}]}},"round":1`},
	{"confirm", `"op":"call","tool":"test_input_required_result_request_state","args":{}`},
	{"confirmed", `"op":"call","tool":"test_input_required_result_request_state","args":{},"inputs":{"confirm":{"action":"accept","content":{"ok":true}}},"resume":{"asked":"confirm"},"round":1`},
	{"confirmed without state", `"op":"call","tool":"test_input_required_result_request_state","args":{},"inputs":{"confirm":{"action":"accept","content":{"ok":true}}},"round":1`},
	{"three", `"op":"call","tool":"test_input_required_result_multiple_inputs","args":{}`},
	{"three given", `"op":"call","tool":"test_input_required_result_multiple_inputs","args":{},"inputs":{"user_name":{"action":"accept","content":{"name":"Alice"}},"greeting":{"role":"assistant","content":{"type":"text","text":"Hello"}},"client_roots":{"roots":[]}},"resume":{"asked":"three"},"round":1`},
	{"first", `"op":"call","tool":"test_input_required_result_multi_round","args":{}`},
	{"second", `"op":"call","tool":"test_input_required_result_multi_round","args":{},"inputs":{"step1":{"action":"accept","content":{"name":"A \"quoted\" name"}}},"resume":{"step":1},"round":1`},
	{"third", `"op":"call","tool":"test_input_required_result_multi_round","args":{},"inputs":{"step2":{"action":"accept","content":{"color":"blue"}}},"resume":{"step":2,"name":"Alice"},"round":2`},
	{"nothing possible", `"op":"call","tool":"test_input_required_result_capabilities","args":{},"can":[]`},
	{"all possible", `"op":"call","tool":"test_input_required_result_capabilities","args":{},"can":["elicitation.form","elicitation.url","roots","sampling"]`},
	{"possible given", `"op":"call","tool":"test_input_required_result_capabilities","args":{},"can":["sampling"],"inputs":{"greeting":{}},"round":1`},

	{"static text", `"op":"resource","uri":"test://static-text"`},
	{"static binary", `"op":"resource","uri":"test://static-binary"`},
	{"watched", `"op":"resource","uri":"test://watched-resource"`},
	{"template", `"op":"resource","uri":"test://template/1%22/data","template":"test://template/{id}/data","vars":{"id":"1\""}`},
	{"no such resource", `"op":"resource","uri":"test://nothing"`},

	{"prompt", `"op":"prompt","name":"test_simple_prompt","args":{}`},
	{"prompt with arguments", `"op":"prompt","name":"test_prompt_with_arguments","args":{"arg1":"one","arg2":"two"}`},
	{"prompt with resource", `"op":"prompt","name":"test_prompt_with_embedded_resource","args":{"resourceUri":"test://example"}`},
	{"prompt with image", `"op":"prompt","name":"test_prompt_with_image","args":{}`},
	{"prompt asks", `"op":"prompt","name":"test_input_required_result_prompt","args":{}`},
	{"prompt was told", `"op":"prompt","name":"test_input_required_result_prompt","args":{},"inputs":{"user_context":{"action":"accept","content":{"context":"here"}}},"round":1`},
	{"prompt was refused", `"op":"prompt","name":"test_input_required_result_prompt","args":{},"inputs":{},"refused":{"user_context":{"code":-1,"message":"no"}},"round":1`},
	{"no such prompt", `"op":"prompt","name":"nothing","args":{}`},

	{"complete", `"op":"complete","ref":{"type":"ref/prompt","name":"test_prompt_with_arguments"},"argument":{"name":"arg1","value":"test-"}`},
	{"complete nothing", `"op":"complete","ref":{"type":"ref/resource","uri":"test://template/{id}/data"},"argument":{"name":"id","value":"x"}`},
}

func TestAnswers(t *testing.T) {
	var got bytes.Buffer
	for _, c := range calls {
		out := handle(c.envelope)
		if !json.Valid(out) {
			t.Errorf("%s: not JSON: %s", c.name, out)
		}
		fmt.Fprintf(&got, "%s: %s\n", c.name, out)
	}
	golden := filepath.Join("testdata", "answers.golden")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("answers (-want +got), -update to accept:\n%s", diff)
	}
}

// The files are what their names say, down to the last byte.
func TestFiles(t *testing.T) {
	b, err := os.ReadFile("pixel.png")
	if err != nil {
		t.Fatal(err)
	}
	if img, err := png.Decode(bytes.NewReader(b)); err != nil || img.Bounds().Dx() != 1 || img.Bounds().Dy() != 1 {
		t.Errorf("pixel.png: %v", err)
	}
	b, err = os.ReadFile("silence.wav")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(b[:4], []byte("RIFF")) || int(b[4]) != len(b)-8 || int(b[40]) != len(b)-44 {
		t.Errorf("silence.wav has %d bytes, its header says otherwise", len(b))
	}
}
