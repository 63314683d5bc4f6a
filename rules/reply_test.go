package rules

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/sdk"
)

func testPack(t testing.TB) *pack {
	t.Helper()
	p, err := parseDescription("p", []byte(goodDescribe))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParseReply(t *testing.T) {
	cases := []struct{ name, reply, want string }{
		{"none", `{"hits":[]}`, ""},
		{"one", `{"hits":[{"rule":"A","reason":"r"}],"state":{"a":1}}`, ""},
		{"empty", ``, "decode reply"},
		{"not JSON", `hits`, "decode reply"},
		{"two values", `{"hits":[]}{}`, "decode reply"},
		{"array", `[]`, "decode reply"},
		{"no hits", `{}`, "reply has no hits"},
		{"null hits", `{"hits":null}`, "reply has no hits"},
		{"error", `{"error":{"kind":"internal","message":"m"}}`, `guest answered with an error: "internal": "m"`},
		{"hits of another type", `{"hits":{"rule":"A"}}`, "decode reply"},
		{"rule of another type", `{"hits":[{"rule":1}]}`, "decode reply"},
		{"count of another type", `{"hits":[{"rule":"A","count":"1"}]}`, "decode reply"},
		{"count no integer", `{"hits":[{"rule":"A","count":1.5}]}`, "decode reply"},
		{"evidence of another type", `{"hits":[{"rule":"A","evidence":"x"}]}`, "decode reply"},
		{"unknown rule", `{"hits":[{"rule":"A"},{"rule":"B"}]}`, `hit 1: unknown rule "B"`},
		{"no rule", `{"hits":[{}]}`, `hit 0: unknown rule ""`},
		{"null hit", `{"hits":[null]}`, `hit 0: unknown rule ""`},
		{"severity", `{"hits":[{"rule":"A","severity":"fatal"}]}`, `hit 0: severity is "fatal"`},
		{"confidence", `{"hits":[{"rule":"A","confidence":"HIGH"}]}`, `hit 0: confidence is "HIGH"`},
		{"negative count", `{"hits":[{"rule":"A","count":-1}]}`, "hit 0: count is -1"},
		{"huge count", `{"hits":[{"rule":"A","count":9007199254740993}]}`, "hit 0: count is"},
		{"too many", `{"hits":[` + strings.Repeat(`{"rule":"A"},`, maxHits) + `{"rule":"A"}]}`, "65 hits, at most 64"},
		{"too large", `{"hits":[{"rule":"A","reason":"` + strings.Repeat("x", maxReply) + `"}]}`, "reply of"},
		{"too deep", `{"hits":[],"x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, "decode reply"},
	}
	p := testPack(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := p.parseReply([]byte(c.reply))
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestHitIsCompleted(t *testing.T) {
	long := strings.Repeat("é", 1000)
	hits, err := testPack(t).parseReply([]byte(`{"hits":[{"rule":"A","reason":"` + long + `","subject":"` + long +
		`","evidence":{"path":"` + long + `","snippet":"` + long + `"}},{"rule":"A","severity":"low","confidence":"high","count":7}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []sdk.Hit{
		{
			Rule: "A", Severity: "high", Confidence: "medium", Count: 1, Reason: strings.Repeat("é", 256), Subject: strings.Repeat("é", 128),
			Evidence: &sdk.Evidence{Path: strings.Repeat("é", 128), Snippet: strings.Repeat("é", 256) /* yet to be redacted and cut */},
		},
		{Rule: "A", Severity: "low", Confidence: "high", Count: 7},
	}
	if diff := cmp.Diff(want, hits); diff != "" {
		t.Errorf("hits (-want +got):\n%s", diff)
	}
}

// FuzzReply holds that what a guest answers is refused or kept within limits.
func FuzzReply(f *testing.F) {
	for _, s := range []string{
		`{"hits":[{"rule":"A","severity":"low","confidence":"low","subject":"s","reason":"r","count":3,"evidence":{"path":"args.q","snippet":"x"}}]}`,
		`{"hits":[{"rule":"A","reason":"\ud800","evidence":null}]}`, `{"HITS":[{"RULE":"A"}]}`, `{"error":{}}`, `null`, `{"hits":[[]]}`,
	} {
		f.Add([]byte(s))
	}
	p := testPack(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		hits, err := p.parseReply(b)
		if err != nil {
			return
		}
		for _, h := range hits {
			if h.Rule != "A" || h.Count < 1 || len(h.Subject) > maxSubject || len(h.Reason) > maxReason || !utf8.ValidString(h.Reason) {
				t.Errorf("accepted %+v of %q", h, b)
			}
			if e := h.Evidence; e != nil && (len(e.Snippet) > maxRaw || !utf8.ValidString(e.Snippet)) {
				t.Errorf("accepted evidence %+v of %q", e, b)
			}
		}
	})
}
