package rules

import (
	"strings"
	"testing"
)

const goodDescribe = `{"abi":1,"kind":"rules","id":"p","version":"1.0.0",
	"rules":[{"id":"A","title":"a","severity":"high","when":{"mcp_method":"tools/call"},"fields":["tool"],"dedup":{"by":"ip","over":"5m"}}],
	"windows":[{"name":"w","by":"ip","over":"5m","distinct":"tool","where":{"outcome":"result"}}]}`

func TestParseDescription(t *testing.T) {
	cases := []struct {
		name     string
		old, new string
		want     string // part of the error, "" for none
	}{
		{"good", "", "", ""},
		{"unknown members are left alone", `"kind"`, `"later":1,"kind"`, ""},
		{"no windows", `"windows":[`, `"widows":[`, ""},
		{"null state", `"kind"`, `"state":null,"kind"`, ""},
		{"default dedup", `,"dedup":{"by":"ip","over":"5m"}`, ``, ""},

		{"not JSON", `{"abi"`, `{abi`, "decode describe document"},
		{"more than one value", `{"abi":1`, `{} {"abi":1`, "decode describe document"},
		{"wrong type", `"abi":1`, `"abi":"1"`, "decode describe document"},
		{"abi", `"abi":1`, `"abi":2`, "abi is 2, this host speaks 1"},
		{"kind", `"kind":"rules"`, `"kind":"persona"`, `kind is "persona"`},
		{"pack id", `"id":"p"`, `"id":"../p"`, `id "../p" does not match`},
		{"version", `"1.0.0"`, `"1 0"`, `version "1 0" does not match`},
		{"no rules", `"rules":[{`, `"x":[{`, "0 rules, want 1 to 256"},
		{"state", `"kind"`, `"state":{"by":"session"},"kind"`, "state is declared"},
		{"rule id", `"id":"A"`, `"id":"a"`, `rule 0: id "a" does not match`},
		{"rule id length", `"id":"A"`, `"id":"` + strings.Repeat("A", 65) + `"`, `does not match`},
		{"rule twice", `"rules":[`, `"rules":[{"id":"A","title":"a","severity":"low"},`, "rule A: declared twice"},
		{"title", `"title":"a"`, `"title":""`, "rule A: title of 0 bytes"},
		{"severity", `"high"`, `"High"`, `rule A: severity is "High"`},
		{"severity missing", `"severity":"high",`, ``, `severity is ""`},
		{"confidence", `"severity"`, `"confidence":"sure","severity"`, `rule A: confidence is "sure"`},
		{"techniques", `"severity"`, `"attack":[""],"severity"`, "rule A: attack: at most"},
		{"dedup by", `"dedup":{"by":"ip"`, `"dedup":{"by":"tool"`, `rule A: dedup: by is "tool"`},
		{"dedup over", `"by":"ip","over":"5m"}}`, `"by":"ip","over":"25h"}}`, "rule A: dedup: over is 25h0m0s"},
		{"dedup unit", `"by":"ip","over":"5m"}}`, `"by":"ip","over":"5"}}`, "rule A: dedup: over: time: missing unit"},
		{"when", `"mcp_method"`, `"body"`, `rule A: when: events have no field "body"`},
		{"fields", `["tool"]`, `["head"]`, `rule A: fields: events have no field "head"`},
		{"window name", `"name":"w"`, `"name":"W"`, `window 0: name "W" does not match`},
		{"window twice", `"windows":[`, `"windows":[{"name":"w","by":"ip","over":"1m","count":true},`, "window w: declared twice"},
		{"window by", `"by":"ip","over":"5m","distinct"`, `"by":"status","over":"5m","distinct"`, `window w: by is "status"`},
		{"window over", `"over":"5m","distinct"`, `"over":"24h1s","distinct"`, "window w: over is 24h0m1s"},
		{"window over zero", `"over":"5m","distinct"`, `"over":"0s","distinct"`, "window w: over is 0s"},
		{"no aggregate", `"distinct":"tool"`, `"distnct":"tool"`, "window w: 0 of count, distinct, sum, last, first and steps"},
		{"two aggregates", `"distinct":"tool"`, `"distinct":"tool","count":true`, "window w: 2 of count"},
		{"aggregate field", `"distinct":"tool"`, `"distinct":"tol"`, `window w: events have no field "tol"`},
		{"sum of text", `"distinct":"tool"`, `"sum":"tool"`, "window w: sum: field tool is no number"},
		{"where", `{"outcome"`, `{"outcom"`, `window w: where: events have no field "outcom"`},
		{"where type", `{"outcome":"result"}`, `{"outcome":1}`, "decode describe document"},
		{"too large", `"kind"`, `"x":"` + strings.Repeat("x", maxDescribe) + `","kind"`, "describe document of"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			doc := strings.Replace(goodDescribe, c.old, c.new, 1)
			if c.old != "" && doc == goodDescribe {
				t.Fatalf("%q does not occur", c.old)
			}
			p, err := parseDescription("p", []byte(doc))
			switch {
			case c.want == "" && err != nil:
				t.Errorf("parseDescription: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want %q in it", err, c.want)
			case c.want == "" && (len(p.rules) != 1 || p.rules["A"].over <= 0):
				t.Errorf("pack %+v", p)
			}
		})
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	_, err := parseDescription("p", []byte(`{"abi":1,"kind":"rules","id":"P","version":"1","rules":[{"id":"a"},{"id":"B"}],"windows":[{"name":"w"}]}`))
	for _, want := range []string{`id "P"`, `rule 0`, `rule B: title`, `severity is ""`, `by is ""`, `over: time`, `0 of count`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}

func TestTooMany(t *testing.T) {
	rules := strings.Repeat(`{"id":"x"},`, maxRules) + `{"id":"x"}`
	_, err := parseDescription("p", []byte(`{"abi":1,"kind":"rules","id":"p","version":"1","rules":[`+rules+`]}`))
	if err == nil || err.Error() != "257 rules, want 1 to 256" {
		t.Errorf("error %.200v", err)
	}
}

// FuzzDescription holds that no document makes the host panic.
func FuzzDescription(f *testing.F) {
	f.Add([]byte(goodDescribe))
	f.Add([]byte(`{"rules":[null,{"dedup":{}}],"windows":[null,{"over":"-1h","where":{"":""}}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		if p, err := parseDescription("p", doc); err == nil && (len(p.rules) == 0 || !packID.MatchString(p.info.ID)) {
			t.Errorf("accepted %s", doc)
		}
	})
}
