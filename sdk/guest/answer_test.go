package guest_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

func TestAnswer(t *testing.T) {
	bytes := []byte{0xfb, 0xff}
	tests := []struct {
		name  string
		build func(a *guest.Answer)
		want  string
	}{
		{"nothing", func(*guest.Answer) {}, `{"result":{"content":[]}}`},
		{"text", func(a *guest.Answer) { a.Text("a\"b").Text("") }, `{"result":{"content":[{"type":"text","text":"a\"b"},{"type":"text","text":""}]}}`},
		{"image", func(a *guest.Answer) { a.Image("image/png", bytes) }, `{"result":{"content":[{"type":"image","data":"+/8=","mimeType":"image/png"}]}}`},
		{"audio", func(a *guest.Answer) { a.Audio("audio/wav", nil) }, `{"result":{"content":[{"type":"audio","data":"","mimeType":"audio/wav"}]}}`},
		{"link", func(a *guest.Answer) { a.Link("x://y", "n", "") }, `{"result":{"content":[{"type":"resource_link","uri":"x://y","name":"n"}]}}`},
		{"embed", func(a *guest.Answer) { a.Embed("x://y", "a/b", "t").EmbedBlob("x://z", "", bytes) }, `{"result":{"content":[{"type":"resource","resource":{"uri":"x://y","mimeType":"a/b","text":"t"}},{"type":"resource","resource":{"uri":"x://z","blob":"+/8="}}]}}`},
		{"structured", func(a *guest.Answer) { a.Structured([]byte(`{"n":1}`)).Text(`{"n":1}`) }, `{"result":{"content":[{"type":"text","text":"{\"n\":1}"}],"structuredContent":{"n":1}}}`},
		{"failed", func(a *guest.Answer) { a.Failed().Text("no") }, `{"result":{"content":[{"type":"text","text":"no"}],"isError":true}}`},
		{"prompt", func(a *guest.Answer) {
			a.Message("user").Text("q").Description("d").Message("assistant").Image("image/png", nil)
		}, `{"result":{"description":"d","messages":[{"role":"user","content":{"type":"text","text":"q"}},{"role":"assistant","content":{"type":"image","data":"","mimeType":"image/png"}}]}}`},
		{"resource", func(a *guest.Answer) { a.Contents("x://y", "a/b", "t").Blob("x://y", "", bytes) }, `{"result":{"contents":[{"uri":"x://y","mimeType":"a/b","text":"t"},{"uri":"x://y","blob":"+/8="}]}}`},
		{"beside", func(a *guest.Answer) {
			a.Note("a", "1").Delay(1500*time.Millisecond).State([]byte(`[1]`)).Note("b", "2")
		}, `{"result":{"content":[]},"delay_ms":1500,"state":[1],"notes":{"a":"1","b":"2"}}`},
		{"questions", func(a *guest.Answer) {
			a.Roots("r").Sample("s", "why?", 50).ElicitURL("u", "m", "https://x.example").Elicit("e", "m", []byte(`{}`)).Resume([]byte(`{"n":1}`))
		}, `{"input_required":{"requests":{"r":{"method":"roots/list"},"s":{"method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"why?"}}],"maxTokens":50}},` +
			`"u":{"method":"elicitation/create","params":{"mode":"url","message":"m","url":"https://x.example"}},"e":{"method":"elicitation/create","params":{"message":"m","requestedSchema":{}}}},"resume":{"n":1}}}`},
		{"resume alone", func(a *guest.Answer) { a.Resume([]byte(`1`)) }, `{"input_required":{"resume":1}}`},
		{"notices", func(a *guest.Answer) {
			a.Progress(0.5, 0, "m").After(time.Second).Log("info", "", []byte(`{}`)).Changed("tools").After(2 * time.Second).Updated("x://y").Retry(time.Second)
		}, `{"result":{"content":[]},"notify":[{"progress":{"progress":0.5,"message":"m"}},{"after_ms":1000,"log":{"level":"info","data":{}}},{"changed":"tools"},{"after_ms":2000,"updated":"x://y"},{"retry_ms":1000}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var a guest.Answer
			tt.build(&a)
			if diff := cmp.Diff(tt.want, string(a.Bytes())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDocuments(t *testing.T) {
	for _, tt := range []struct {
		got  []byte
		want string
	}{
		{guest.Text("x"), `{"result":{"content":[{"type":"text","text":"x"}]}}`},
		{guest.Completion([]string{"a", "b"}, 5), `{"result":{"completion":{"values":["a","b"],"total":5,"hasMore":true}}}`},
		{guest.Completion(nil, 0), `{"result":{"completion":{"values":[],"total":0,"hasMore":false}}}`},
		{guest.Error(sdk.FaultUnknownResource, "x"), `{"error":{"kind":"unknown_resource","message":"x"}}`},
		{guest.RPCError(-32001, "x"), `{"error":{"kind":"rpc","message":"x","data":{"code":-32001}}}`},
	} {
		if string(tt.got) != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
}

func TestInput(t *testing.T) {
	c := &sdk.Call{Inputs: []byte(`{"a":{"action":"accept"},"n":null}`)}
	if in, ok := guest.Input(c, "a"); !ok || in.Str("action") != "accept" {
		t.Errorf("Input(a) = %v, %v", in, ok)
	}
	for _, c := range []*sdk.Call{c, {}} {
		for _, key := range []string{"n", "absent"} {
			if _, ok := guest.Input(c, key); ok {
				t.Errorf("Input(%s) is there", key)
			}
		}
	}
}

// keeper remembers what it was asked.
type keeper struct{ got *sdk.Call }

func (keeper) Describe() []byte { return []byte(`{"id":"p"}`) }

func (k keeper) Call(c *sdk.Call) []byte {
	*k.got = *c
	return guest.Text("")
}

// Every member of an envelope reaches the persona, null as nothing.
func TestEnvelopeIsRead(t *testing.T) {
	const head = `{"abi":1,"persona":"p","seed":"7","now":"2026-01-02T03:04:05Z",`
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		in   string
		want sdk.Call
	}{
		{`"op":"call","state":null,"can":[],"tool":"t","args":{"a":1}}`, sdk.Call{Op: "call", Tool: "t", Args: sdk.RawJSON(`{"a":1}`)}},
		{`"op":"resource","state":{"n":1},"can":["roots","sampling"],"uri":"x://y/\u00e9","template":"x://y/{z}","vars":{"z":"1"}}`, sdk.Call{
			Op: "resource", State: sdk.RawJSON(`{"n":1}`), Can: []string{"roots", "sampling"}, URI: "x://y/é", Template: "x://y/{z}", Vars: sdk.RawJSON(`{"z":"1"}`),
		}},
		{`"op":"prompt","name":"n","args":{},"inputs":{},"refused":{"k":{}},"resume":[1],"round":3,"later":{}}`, sdk.Call{
			Op: "prompt", Name: "n", Args: sdk.RawJSON(`{}`), Inputs: sdk.RawJSON(`{}`), Refused: sdk.RawJSON(`{"k":{}}`), Resume: sdk.RawJSON(`[1]`), Round: 3,
		}},
		{`"op":"complete","ref":{"type":"x"},"argument":{"name":"a","value":""},"context":null}`, sdk.Call{
			Op: "complete", Ref: sdk.RawJSON(`{"type":"x"}`), Argument: sdk.RawJSON(`{"name":"a","value":""}`),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.want.Op, func(t *testing.T) {
			var got sdk.Call
			out := guest.PersonaHandler("m", "1", keeper{&got})([]byte(head + tt.in))
			tt.want.Persona, tt.want.Seed, tt.want.Now = "p", 7, now
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s\n%s", out, diff)
			}
		})
	}
}
