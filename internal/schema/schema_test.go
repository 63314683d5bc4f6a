package schema_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/internal/schema"
)

func TestProblems(t *testing.T) {
	const form = `{"type":"object","additionalProperties":false,"required":["name"],"properties":{
		"name":{"type":"string","pattern":"^[a-z]+$","maxLength":5},"n":{"type":"integer","minimum":1},
		"kind":{"enum":["a","b"]},"deep":{"type":"object","properties":{"x":{"type":"boolean"}}}}}`
	s, err := schema.Compile([]byte(form))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ value, want string }{
		{`{"name":"abc","n":2,"kind":"a","deep":{"x":true}}`, ""},
		{`{}`, "name: required"},
		{`{"name":5}`, "name: expected string, received number"},
		{`{"name":"ABC"}`, "name: does not match the expected pattern"},
		{`{"name":"abcdef"}`, "name: too large"},
		{`{"name":"a","n":0}`, "n: too small"},
		{`{"name":"a","kind":"secret-value"}`, "kind: not one of the allowed values"},
		{`{"name":"a","deep":{"x":1}}`, "deep.x: expected boolean, received number"},
		{`{"name":"a","more":1}`, "unexpected property"},
		{`[]`, "expected object, received array"},
		{`{"name":"a","n":1e999999}`, "too large"},
		{`{"name":"a","n":` + strings.Repeat("9", 200) + `}`, "too large"},
		{`{`, "not valid JSON"},
	}
	for _, tt := range tests {
		problems, err := s.Problems([]byte(tt.value))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(problems, "; "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.value, got, tt.want)
		}
	}
}

// Nothing outside a schema is read, and a schema that cannot be is an error.
func TestCompileRefuses(t *testing.T) {
	for _, doc := range []string{
		`{"$ref":"file:///etc/passwd"}`, `{"$ref":"http://127.0.0.1:1/"}`, `{"$ref":"#/nowhere"}`,
		`{"type":"strange"}`, `{"minimum":1e999999999}`, `nonsense`,
	} {
		if _, err := schema.Compile([]byte(doc)); err == nil {
			t.Errorf("%s was compiled", doc)
		}
	}
}

func FuzzProblems(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"type":"integer"}}}`, `{"a":1e5}`)
	f.Add(`{"$defs":{"n":{"items":{"$ref":"#/$defs/n"}}},"$ref":"#/$defs/n"}`, `[[[[]]]]`)
	f.Add(`{"multipleOf":0.0001}`, `123456789.1234`)
	f.Add(`{"pattern":"(a+)+$"}`, `"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"`)
	f.Fuzz(func(t *testing.T, doc, value string) {
		s, err := schema.Compile([]byte(doc))
		if err != nil {
			return
		}
		problems, err := s.Problems([]byte(value))
		if err == nil && problems == nil && !json.Valid([]byte(value)) {
			t.Errorf("%s fits %s", value, doc)
		}
	})
}
