package guest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// echo keeps a deep copy of what it is given.
type echo struct{ last *[]byte }

func (echo) Info() sdk.RuleInfo { return sdk.RuleInfo{ID: "ECHO"} }

func (e echo) Evaluate(in *sdk.Evaluation) []sdk.Hit {
	*e.last, _ = json.Marshal(in)
	return nil
}

// What a rule is given is what encoding/json would have read.
func TestEvaluationIsRead(t *testing.T) {
	want := sdk.Evaluation{
		Now: time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC),
		Event: &sdk.Event{
			V: 1, Seq: 7, ID: "i", Kind: sdk.KindAccess, Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), IP: "192.0.2.1",
			Tool: "a\"\\\n\u2028ü", Args: sdk.RawJSON(`{"q":[1,{"a":"}]\""}]}`), RPCID: sdk.RawJSON(`"x"`), Status: 200, ResultBytes: 3,
			LatencyMS: 1.5, Client: &sdk.ClientInfo{Name: "c"}, Notes: map[string]string{"k": "v"}, Outcome: "result",
		},
		Windows: map[string]sdk.WindowValue{"w": {N: 2, Sum: 1.5, Values: []string{"a", "b\\"}}, "v": {N: 300, Values: []string{}}},
	}
	in, err := json.Marshal(map[string]any{
		"abi": 1, "op": "evaluate", "now": want.Now, "event": want.Event, "windows": want.Windows,
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	handle := RulesHandler("p", "1", echo{&got})
	// What an earlier call was given must not show in a later one.
	handle([]byte(`{"op":"evaluate","event":{"ip":"z","session_id":"z","args":1},"windows":{"z":{"n":1}}}`))
	if out := string(handle(in)); out != `{"hits":[]}` {
		t.Errorf("answer %s", out)
	}
	wantJSON, _ := json.Marshal(want)
	var a, b any
	if json.Unmarshal(wantJSON, &a) != nil || json.Unmarshal(got, &b) != nil {
		t.Fatalf("not JSON: %s", got)
	}
	values := func(x any) { // nil and empty are the same to a rule
		for _, w := range x.(map[string]any)["Windows"].(map[string]any) {
			if m := w.(map[string]any); m["values"] == nil {
				m["values"] = []any{}
			}
		}
	}
	values(a)
	values(b)
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("evaluation (-want +got):\n%s", diff)
	}
}

// FuzzEnvelope holds that no envelope makes the glue panic or answer no JSON.
func FuzzEnvelope(f *testing.F) {
	for _, s := range []string{
		`{"op":"evaluate","event":{"kind":"access","args":{"q":"\\"}},"windows":{"w":{"n":1,"sum":2.5,"values":["a"]}}}`,
		`{"op":"describe"}`, `{"\u006fp":"describe"}`, `{"event":null}`, `{"event":{"`, `{"windows":{"w":{"values":[`, `{"now":"`, `{}`, `{"windows":{"w":{"n":-5,"values":["x"]}}}`,
	} {
		f.Add([]byte(s))
	}
	var got []byte
	handle := RulesHandler("p", "1", echo{&got})
	f.Fuzz(func(t *testing.T, in []byte) {
		if out := handle(in); !json.Valid(out) {
			t.Errorf("answer %q to %q", out, in)
		}
	})
}
