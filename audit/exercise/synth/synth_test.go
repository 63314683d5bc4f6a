package synth_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/audit/exercise/synth"
	"github.com/killdeer-mcp/killdeer/internal/schema"
)

var words = synth.Words{
	Text: "harbor", Path: "/home/audit/work/notes.txt", Dir: "/home/audit/work",
	URL: "http://example.com/", Host: "example.com", Email: "probe@example.com",
}

func want(c synth.Case) synth.Want { return synth.Want{Case: c, Words: words, Seed: 7} }

// The order of the base case: enum, format, name, type.
func TestFull(t *testing.T) {
	tests := []struct{ name, schema, want string }{
		{"enum first", `{"enum":["b","a"],"format":"uri"}`, `"b"`},
		{"format", `{"type":"string","format":"date-time"}`, `"2026-01-01T00:00:00Z"`},
		{"uuid", `{"type":"string","format":"uuid"}`, `"00000000-0000-0000-0000-000000000000"`},
		{"string", `{"type":"string"}`, `"harbor"`},
		{"integer", `{"type":"integer"}`, `1`},
		{"number", `{"type":"number"}`, `1`},
		{"boolean", `{"type":"boolean"}`, `true`},
		{"null", `{"type":"null"}`, `null`},
		{"array", `{"type":"array"}`, `[]`},
		{"object", `{"type":"object"}`, `{}`},
		{"type array", `{"type":["boolean","string"]}`, `true`},
		{"type array with null", `{"type":["null","integer"]}`, `1`},
		{"no type", `{}`, `"harbor"`},
		{"no schema but true", `true`, `"harbor"`},
		{"const", `{"const":{"a":1}}`, `{"a":1}`},
		{"range", `{"type":"integer","minimum":10,"maximum":20}`, `10`},
		{"exclusive", `{"type":"integer","exclusiveMinimum":10}`, `11`},
		{"multiple", `{"type":"integer","multipleOf":7}`, `7`},
		{"below one", `{"type":"number","maximum":-2.5}`, `-2.5`},
		{"short", `{"type":"string","maxLength":3}`, `"har"`},
		{"long", `{"type":"string","minLength":8}`, `"harborxx"`},
		{"pattern", `{"type":"string","pattern":"^[A-Z]{3}-\\d+$"}`, `"AAA-1"`},
		{"pattern that a word fits", `{"type":"string","pattern":"^[a-z]+$"}`, `"harbor"`},
		{"pattern and length", `{"type":"string","pattern":"^[0-9]*$","minLength":5}`, `"1111111"`},
		{"alternation", `{"type":"string","pattern":"^(red|blue)$"}`, `"red"`},
		{"items", `{"type":"array","items":{"type":"integer"}}`, `[1]`},
		{"unique", `{"type":"array","items":{"type":"string"},"minItems":3,"uniqueItems":true}`, `["harbor","harbor1","harbor2"]`},
		{"prefix", `{"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":false}`, `[1,"harbor"]`},
		{"contains", `{"type":"array","contains":{"const":"x"}}`, `["x"]`},
		{"map", `{"type":"object","additionalProperties":{"type":"integer"}}`, `{"key1":1}`},
		{"ref", `{"$ref":"#/$defs/n"}`, `5`},
		{"allOf", `{"allOf":[{"type":"integer","minimum":3},{"minimum":4}]}`, `4`},
		{"anyOf", `{"anyOf":[{"type":"integer"},{"type":"string"}]}`, `1`},
		{"oneOf", `{"oneOf":[{"const":"a"},{"const":"b"}]}`, `"a"`},
		{"number and integer", `{"allOf":[{"type":"number"},{"type":"integer"}]}`, `1`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc := fmt.Sprintf(`{"type":"object","properties":{"x":%s},"$defs":{"n":{"const":5}}}`, tt.schema)
			got := synth.New([]byte(doc)).Make(want(synth.Full))
			if string(got.JSON) != `{"x":`+tt.want+`}` || got.Fallback != "" {
				t.Errorf("%s: %s (fall back %q), want %s", doc, got.JSON, got.Fallback, tt.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	const doc = `{"type":"object","properties":{"repoPath":{"type":"string"},"fileName":{},"outDir":{"type":"string"},
		"callbackUrl":{"type":"string"},"userEmail":{"type":"string"},"hostname":{"type":"string"},"query":{"type":"string"}}}`
	got := synth.New([]byte(doc)).Make(want(synth.Full))
	const expect = `{"callbackUrl":"http://example.com/","fileName":"/home/audit/work/notes.txt","hostname":"example.com",` +
		`"outDir":"/home/audit/work","query":"harbor","repoPath":"/home/audit/work/notes.txt","userEmail":"probe@example.com"}`
	if string(got.JSON) != expect {
		t.Errorf("got  %s\nwant %s", got.JSON, expect)
	}
}

func TestCases(t *testing.T) {
	const doc = `{"type":"object","required":["path","mode"],"properties":{
		"path":{"type":"string"},"mode":{"enum":["read","write"]},"note":{"type":"string","maxLength":200},
		"lines":{"type":"integer","minimum":2,"maximum":9,"default":4},"homepage_url":{"type":"string","format":"uri"},
		"exact":{"type":"boolean"},"code":{"type":"string","pattern":"^[a-z]{2}$"}}}`
	m := synth.New([]byte(doc))
	tests := []struct {
		name   string
		want   synth.Want
		holds  []string
		lacks  []string
		placed int
	}{
		{"minimal", want(synth.Minimal), []string{`{"mode":"read","path":"/home`}, []string{`"note"`, "lines"}, 0},
		{"defaults", want(synth.Defaults), []string{`"lines":4`}, []string{`"note"`}, 0},
		{"boundary", want(synth.Boundary), []string{`"lines":2`, `"note":"harbor` + strings.Repeat("x", 194) + `"`}, nil, 0},
		{"branch", synth.Want{Case: synth.Full, Words: words, Branch: 1}, []string{`"mode":"write"`, `"exact":false`}, nil, 0},
		{
			"path",
			synth.Want{Case: synth.CanaryPath, Words: words, Place: "/w/.env"},
			[]string{`"path":"/w/.env"`, `"note":"harbor"`},
			nil, 2,
		},
		{
			"url",
			synth.Want{Case: synth.SinkURL, Words: words, Place: "http://probe.example/x"},
			[]string{`"homepage_url":"http://probe.example/x"`, `"path":"/home`},
			nil, 1,
		},
		{
			"probe",
			synth.Want{Case: synth.Probe, Words: words, Place: "$(touch /tmp/m)"},
			[]string{`"note":"$(touch /tmp/m)"`, `"path":"$(touch /tmp/m)"`, `"mode":"read"`, `"code":"aa"`},
			nil, 2,
		},
		{
			"given",
			synth.Want{Case: synth.Chained, Words: words, Given: map[string]any{"path": "n-1", "lines": 100}},
			[]string{`"path":"n-1"`},
			[]string{"100"},
			1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := m.Make(tt.want)
			for _, s := range tt.holds {
				if !strings.Contains(string(got.JSON), s) {
					t.Errorf("%s lacks %s", got.JSON, s)
				}
			}
			for _, s := range tt.lacks {
				if strings.Contains(string(got.JSON), s) {
					t.Errorf("%s holds %s", got.JSON, s)
				}
			}
			if got.Fallback != "" || got.Placed != tt.placed {
				t.Errorf("%s: placed %d, want %d; fall back %q", got.JSON, got.Placed, tt.placed, got.Fallback)
			}
		})
	}
}

// What fits is found although the first guess does not.
func TestSearch(t *testing.T) {
	tests := []struct{ name, schema string }{
		{"either or", `{"type":"object","properties":{"id":{"type":"string"},"name":{"type":"string"}},
			"oneOf":[{"required":["id"],"not":{"required":["name"]}},{"required":["name"],"not":{"required":["id"]}}]}`},
		{"at most one", `{"type":"object","maxProperties":1,"properties":{"a":{},"b":{},"c":{}}}`},
		{"dependent", `{"type":"object","required":["a"],"properties":{"a":{"type":"string"}},"dependentRequired":{"a":["b"]}}`},
		{"old dependencies", `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","required":["a"],"dependencies":{"a":["b"]}}`},
		{"if", `{"type":"object","required":["kind"],"properties":{"kind":{"enum":["x","y"]}},
			"if":{"properties":{"kind":{"const":"x"}}},"then":{"required":["more"]}}`},
		{"recursion", `{"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","required":["name"],
			"properties":{"name":{"type":"string"},"left":{"$ref":"#/$defs/tree"},"right":{"$ref":"#/$defs/tree"}}}}}`},
		{"anchor", `{"$ref":"#it","$defs":{"a":{"$anchor":"it","type":"object","required":["x"],"properties":{"x":{"type":"integer"}}}}}`},
		{"escaped pointer", `{"type":"object","required":["x"],"properties":{"x":{"$ref":"#/$defs/a~1b%20c"}},"$defs":{"a/b c":{"const":3}}}`},
		{"union of objects", `{"type":"object","anyOf":[{"properties":{"a":{"const":1}},"required":["a"]},{"required":["b"]}]}`},
		{"not", `{"type":"object","required":["s"],"properties":{"s":{"type":"string","not":{"const":"harbor"},"default":"other"}}}`},
		{"min properties", `{"type":"object","minProperties":3}`},
		{"pattern properties", `{"type":"object","required":["x-a"],"patternProperties":{"^x-":{"type":"integer"}},"additionalProperties":false}`},
		{"property names", `{"type":"object","minProperties":1,"propertyNames":{"pattern":"^[A-Z]+$"}}`},
		{"tuple of draft 7", `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","required":["t"],
			"properties":{"t":{"type":"array","minItems":2,"items":[{"type":"integer"},{"type":"boolean"}]}}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := synth.New([]byte(tt.schema))
			for _, c := range []synth.Case{synth.Full, synth.Minimal, synth.Defaults, synth.Boundary} {
				got := m.Make(want(c))
				if got.Fallback != "" {
					t.Errorf("%s: %s, %s", c, got.JSON, got.Fallback)
				}
				mustFit(t, tt.schema, got)
			}
		})
	}
}

// An odd schema ends in marked arguments, soon.
func TestOdd(t *testing.T) {
	doubling := `{"type":"object","allOf":[{"$ref":"#/$defs/d0"}],"$defs":{"d40":{"type":"object"}`
	for i := range 40 {
		doubling += fmt.Sprintf(`,"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]}`, i, i+1, i+1)
	}
	tests := []struct{ name, schema string }{
		{"none", ``},
		{"null", `null`},
		{"no JSON", `{"type":`},
		{"a list", `[]`},
		{"unknown type", `{"type":"strange"}`},
		{"keywords of wrong types", `{"type":5,"properties":[],"required":"x","enum":{},"allOf":7}`},
		{"remote", `{"type":"object","required":["x"],"properties":{"x":{"$ref":"http://127.0.0.1:1/s.json"}}}`},
		{"file", `{"$ref":"file:///etc/passwd"}`},
		{"nowhere", `{"type":"object","properties":{"x":{"$ref":"#/nowhere"}}}`},
		{"circle", `{"$ref":"#"}`},
		{"circle of two", `{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`},
		{"endless", `{"$ref":"#/$defs/a","$defs":{"a":{"type":"object","required":["n"],"properties":{"n":{"$ref":"#/$defs/a"}}}}}`},
		{"impossible", `{"type":"object","required":["x"],"properties":{"x":false}}`},
		{"contradiction", `{"type":"object","required":["x"],"properties":{"x":{"type":"integer","minimum":5,"maximum":4}}}`},
		{"not an object", `{"type":"string"}`},
		{"dialect", `{"type":"object","required":["p"],"properties":{"p":{"type":"string","pattern":"^(?=a)b\\uD83D$"}}}`},
		{"deep", strings.Repeat(`{"not":`, 5000) + `{}` + strings.Repeat(`}`, 5000)},
		{"doubling", doubling + "}}"},
		{"huge length", `{"type":"object","required":["s"],"properties":{"s":{"type":"string","minLength":999999999}}}`},
		{"huge array", `{"type":"object","required":["s"],"properties":{"s":{"type":"array","minItems":999999999}}}`},
		{"huge number", `{"type":"object","required":["n"],"properties":{"n":{"type":"integer","minimum":1e999999}}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := synth.New([]byte(tt.schema))
			for _, c := range []synth.Case{synth.Full, synth.Minimal, synth.Defaults, synth.Boundary, synth.Probe} {
				got := m.Make(want(c))
				if got.Fallback == "" {
					t.Errorf("%s: %s is not marked", c, got.JSON)
				}
				if err := json.Unmarshal(got.JSON, &map[string]any{}); err != nil {
					t.Errorf("%s: %s is no object", c, got.JSON)
				}
			}
		})
	}
}

// Whatever a random schema asks, what is made fits it or is marked, and making it
// again gives the same.
func TestProperty(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	marked := 0
	const rounds = 800
	for range rounds {
		doc, err := json.Marshal(randomObject(r, 3))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []synth.Case{synth.Full, synth.Minimal, synth.Boundary} {
			got := synth.New(doc).Make(want(c))
			if again := synth.New(doc).Make(want(c)); string(again.JSON) != string(got.JSON) {
				t.Fatalf("%s: %s, then %s", doc, got.JSON, again.JSON)
			}
			if got.Fallback != "" {
				marked++
				continue
			}
			mustFit(t, string(doc), got)
		}
	}
	if marked > rounds*3/10 {
		t.Errorf("%d of %d candidates fit nothing", marked, rounds*3)
	}
}

func mustFit(t *testing.T, doc string, got synth.Args) {
	t.Helper()
	s, err := schema.Compile([]byte(doc))
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	if problems, err := s.Problems(got.JSON); err != nil || len(problems) > 0 {
		t.Errorf("%s does not fit %s: %v %v", got.JSON, doc, problems, err)
	}
}

func randomObject(r *rand.Rand, depth int) map[string]any {
	properties, required := map[string]any{}, []string{}
	for i := range r.IntN(4) {
		name := string(rune('a' + i))
		properties[name] = randomSchema(r, depth-1)
		if r.IntN(2) == 0 {
			required = append(required, name)
		}
	}
	s := map[string]any{"type": "object", "properties": properties, "required": required}
	if r.IntN(3) == 0 {
		s["additionalProperties"] = false
	}
	if r.IntN(6) == 0 {
		s["minProperties"] = r.IntN(3)
	}
	return s
}

func randomSchema(r *rand.Rand, depth int) any {
	if depth <= 0 {
		return map[string]any{"type": []string{"string", "integer", "boolean", "null"}[r.IntN(4)]}
	}
	switch r.IntN(9) {
	case 0:
		return randomObject(r, depth)
	case 1:
		return map[string]any{"type": "array", "items": randomSchema(r, depth-1), "minItems": r.IntN(3), "uniqueItems": r.IntN(4) == 0}
	case 2:
		lo := r.IntN(200) - 100
		return map[string]any{"type": "integer", "minimum": lo, "maximum": lo + r.IntN(20), "multipleOf": 1 + r.IntN(4)}
	case 3:
		least := r.IntN(10)
		return map[string]any{"type": "string", "minLength": least, "maxLength": least + r.IntN(10)}
	case 4:
		return map[string]any{"type": "string", "pattern": []string{`^[a-f]{2,4}$`, `\d+`, `^(x|y)-[^a]+$`, `^\w+@\w+\.[a-z]{2,}$`}[r.IntN(4)]}
	case 5:
		return map[string]any{"anyOf": []any{randomSchema(r, depth-1), randomSchema(r, depth-1)}}
	case 6:
		return map[string]any{"oneOf": []any{randomSchema(r, depth-1), randomSchema(r, depth-1)}}
	case 7:
		return map[string]any{"allOf": []any{randomSchema(r, depth-1), map[string]any{"description": "x"}}}
	}
	return map[string]any{"enum": []any{1, "two", nil, 4.5}[:1+r.IntN(4)]}
}

func FuzzMake(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"type":"integer","minimum":3}},"required":["a"]}`, uint64(1), 0)
	f.Add(`{"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"$ref":"#"},{"type":"object"}]}}}`, uint64(2), 1)
	f.Add(`{"type":"object","patternProperties":{"^(a+)+$":{"not":{}}},"minProperties":2}`, uint64(3), 2)
	f.Add(`{"type":["object","null"],"dependentRequired":{"a":["b"]},"required":["a"],"propertyNames":{"maxLength":1}}`, uint64(4), 0)
	f.Add(`{"allOf":[{"required":["x"]},{"properties":{"x":{"type":"array","contains":{"const":1},"maxItems":1}}}]}`, uint64(5), 3)
	f.Fuzz(func(t *testing.T, doc string, seed uint64, branch int) {
		if branch < 0 {
			branch = 0
		}
		m := synth.New([]byte(doc))
		for _, c := range []synth.Case{synth.Full, synth.Minimal, synth.Defaults, synth.Boundary, synth.CanaryPath, synth.SinkURL, synth.Probe} {
			w := synth.Want{Case: c, Words: words, Seed: seed, Branch: branch, Place: "http://x.example/p"}
			got := m.Make(w)
			if err := json.Unmarshal(got.JSON, &map[string]any{}); err != nil {
				t.Fatalf("%s: %s is no object", doc, got.JSON)
			}
			if got.Fallback != "" {
				continue
			}
			if s, err := schema.Compile([]byte(doc)); err == nil {
				if problems, err := s.Problems(got.JSON); err == nil && len(problems) > 0 {
					t.Fatalf("%s does not fit %s: %v", got.JSON, doc, problems)
				}
			}
		}
	})
}

// Lists of tools that are known to work.
func TestRecorded(t *testing.T) {
	for _, file := range []string{"persona/enterprise/describe.json", "internal/conformance/describe.json"} {
		doc, err := os.ReadFile(filepath.Join("..", "..", "..", filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			Tools []struct {
				Name        string          `json:"name"`
				InputSchema json.RawMessage `json:"inputSchema"`
			} `json:"tools"`
		}
		if err := json.Unmarshal(doc, &list); err != nil || len(list.Tools) < 10 {
			t.Fatalf("%s: %d tools, %v", file, len(list.Tools), err)
		}
		for _, tool := range list.Tools {
			m := synth.New(tool.InputSchema)
			for _, c := range []synth.Case{synth.Full, synth.Minimal, synth.Defaults, synth.Boundary, synth.Probe} {
				got := m.Make(synth.Want{Case: c, Words: words, Place: "$(touch /tmp/m)"})
				if got.Fallback != "" {
					t.Errorf("%s, %s: %s, %s", tool.Name, c, got.JSON, got.Fallback)
				}
				mustFit(t, string(tool.InputSchema), got)
			}
		}
	}
}
