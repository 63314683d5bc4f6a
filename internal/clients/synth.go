package clients

import (
	_ "embed"
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	maxDepth  = 8
	maxItems  = 8
	maxLength = 4096
)

//go:embed words.json
var wordsJSON []byte

// vocabulary is the strings that arguments are made of.
type vocabulary struct {
	Formats    map[string]string `json:"formats"`
	Candidates []string          `json:"candidates"` // tried in order against a pattern
}

var words = sync.OnceValue(func() (v vocabulary) {
	if err := json.Unmarshal(wordsJSON, &v); err != nil {
		panic("words.json: " + err.Error()) // part of the source, so not input
	}
	return v
})

// schema is a JSON schema as encoding/json decodes it.
type schema = map[string]any

// synth makes a value that the schema should accept, or nil where it cannot
// tell. The same rules are written in synth.mjs and synth.py;
// testdata/synth.json holds all three to them.
func synth(root any) any {
	top, _ := root.(schema)
	return maker{top}.value(top, 0)
}

// maker makes values for parts of one schema document.
type maker struct{ root schema }

func (m maker) value(at any, depth int) any {
	s, ok := at.(schema)
	if !ok || depth > maxDepth {
		return nil
	}
	if ref, ok := s["$ref"].(string); ok {
		return m.value(m.resolve(ref), depth+1)
	}
	for _, key := range []string{"const", "default"} {
		if v, ok := s[key]; ok {
			return v
		}
	}
	for _, key := range []string{"enum", "examples"} {
		if list, _ := s[key].([]any); len(list) > 0 {
			return list[0]
		}
	}
	for _, key := range []string{"oneOf", "anyOf", "allOf"} {
		if list, _ := s[key].([]any); len(list) > 0 {
			return m.value(list[0], depth+1)
		}
	}
	return m.typed(s, depth)
}

func (m maker) typed(s schema, depth int) any {
	switch typeOf(s) {
	case "object":
		return m.object(s, depth)
	case "array":
		return m.array(s, depth)
	case "string":
		return text(s)
	case "integer":
		return number(s, true)
	case "number":
		return number(s, false)
	case "boolean":
		return false
	default:
		return nil
	}
}

// resolve follows a reference into the schema itself; nothing is fetched.
func (m maker) resolve(ref string) any {
	path, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil
	}
	var at any = m.root
	for part := range strings.SplitSeq(path, "/") {
		s, _ := at.(schema)
		at = s[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	return at
}

func typeOf(s schema) string {
	kinds, ok := s["type"].([]any)
	if !ok {
		kinds = []any{s["type"]}
	}
	for _, kind := range kinds {
		if name, _ := kind.(string); name != "" && name != "null" {
			return name
		}
	}
	for _, hint := range [][2]string{{"properties", "object"}, {"items", "array"}, {"pattern", "string"}, {"format", "string"}} {
		if s[hint[0]] != nil {
			return hint[1]
		}
	}
	return ""
}

func (m maker) object(s schema, depth int) any {
	out := map[string]any{}
	properties, _ := s["properties"].(schema)
	for name, property := range properties {
		if v := m.value(property, depth+1); v != nil {
			out[name] = v
		}
	}
	return out
}

func (m maker) array(s schema, depth int) any {
	item := m.value(s["items"], depth+1)
	if item == nil {
		return []any{}
	}
	out := make([]any, within(s, "minItems", 1, 1, maxItems))
	for i := range out {
		out[i] = item
	}
	return out
}

func text(s schema) string {
	format, _ := s["format"].(string)
	if v, ok := words().Formats[format]; ok {
		return v
	}
	first := words().Candidates[0]
	low := within(s, "minLength", 0, 0, maxLength)
	high := within(s, "maxLength", maxLength, 0, maxLength)
	pattern, ok := s["pattern"].(string)
	if !ok {
		padded := first + strings.Repeat("x", max(0, min(low, high)-len(first)))
		return padded[:min(len(padded), high)]
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return first
	}
	for _, candidate := range words().Candidates {
		if n := utf8.RuneCountInString(candidate); n >= low && n <= high && re.MatchString(candidate) {
			return candidate
		}
	}
	return first
}

func number(s schema, whole bool) float64 {
	multiple := bound(s, "multipleOf", 0)
	unit := 1.0
	if multiple > 0 {
		unit = multiple
	}
	low := max(bound(s, "minimum", math.Inf(-1)), bound(s, "exclusiveMinimum", math.Inf(-1))+unit)
	high := min(bound(s, "maximum", math.Inf(1)), bound(s, "exclusiveMaximum", math.Inf(1))-unit)
	v := min(max(unit, low), high)
	if whole || multiple > 0 {
		v = math.Ceil(v/unit) * unit
	}
	return v
}

// bound reads a numeric keyword of a schema.
func bound(s schema, key string, otherwise float64) float64 {
	if v, ok := s[key].(float64); ok {
		return v
	}
	return otherwise
}

// within reads a keyword that is a length, and keeps it between low and high.
func within(s schema, key string, otherwise, low, high float64) int {
	return int(min(max(bound(s, key, otherwise), low), high))
}
