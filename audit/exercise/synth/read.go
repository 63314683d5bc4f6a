package synth

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	maxSchema = 1 << 20 // bytes of a schema
	maxDepth  = 128     // of its nesting
	maxArgs   = 1 << 20 // bytes of arguments
)

// decode reads a schema; a missing one allows everything.
func decode(raw []byte) (any, error) {
	if len(bytes.TrimSpace(raw)) == 0 || string(raw) == "null" {
		return nil, errors.New("there is no schema")
	}
	if len(raw) > maxSchema {
		return nil, errors.New("the schema is larger than 1 MiB")
	}
	if tooDeep(raw) {
		return nil, errors.New("the schema is nested too deeply")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var root any
	if err := d.Decode(&root); err != nil {
		return nil, errors.New("the schema is not JSON")
	}
	if _, ok := root.(map[string]any); !ok {
		return nil, errors.New("the schema is not an object")
	}
	return root, nil
}

func tooDeep(raw []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// Where schemas stand in schemas.
var (
	schemaMaps  = []string{"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
	schemaLists = []string{"allOf", "anyOf", "oneOf", "prefixItems", "items"}
	schemaOnes  = []string{
		"items", "additionalItems", "additionalProperties", "unevaluatedItems", "unevaluatedProperties",
		"not", "if", "then", "else", "contains", "propertyNames",
	}
)

// subschemas calls visit with each schema directly within one.
func subschemas(s map[string]any, visit func(any)) {
	for _, key := range schemaMaps {
		inner, _ := s[key].(map[string]any)
		for _, name := range sortedKeys(inner) {
			visit(inner[name])
		}
	}
	for _, key := range schemaLists {
		list, _ := s[key].([]any)
		for _, one := range list {
			visit(one)
		}
	}
	for _, key := range schemaOnes {
		if _, ok := s[key].(map[string]any); ok {
			visit(s[key])
		}
	}
}

// loosen takes out of a schema what cannot be held to here: references to other
// documents, and patterns in a dialect that Go does not know. It says so.
func loosen(s any) string {
	m, ok := s.(map[string]any)
	if !ok {
		return ""
	}
	odd := ""
	for _, key := range []string{"$ref", "$dynamicRef", "$recursiveRef"} {
		if to, ok := m[key].(string); ok && !strings.HasPrefix(to, "#") {
			delete(m, key)
			odd = "the schema refers to another document"
		}
	}
	if p, ok := m["pattern"].(string); ok && !compiles(p) {
		delete(m, "pattern")
		odd = "a pattern of the schema is in an unknown dialect"
	}
	if patterns, ok := m["patternProperties"].(map[string]any); ok {
		for p := range patterns {
			if !compiles(p) {
				delete(patterns, p)
				odd = "a pattern of the schema is in an unknown dialect"
			}
		}
	}
	subschemas(m, func(inner any) {
		if said := loosen(inner); said != "" {
			odd = said
		}
	})
	return odd
}

func compiles(pattern string) bool {
	_, err := regexp.Compile(pattern)
	return err == nil
}

// resolve finds what a reference within the document points to (RFC 6901, and
// $anchor), nil if nothing.
func resolve(root any, ref string) any {
	at, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil
	}
	if at == "" {
		return root
	}
	if !strings.HasPrefix(at, "/") {
		return anchored(root, at)
	}
	here := root
	for part := range strings.SplitSeq(at[1:], "/") {
		if decoded, err := url.PathUnescape(part); err == nil {
			part = decoded
		}
		here = step(here, strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~"))
	}
	return here
}

func step(from any, part string) any {
	switch v := from.(type) {
	case map[string]any:
		return v[part]
	case []any:
		if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(v) {
			return v[i]
		}
	}
	return nil
}

func anchored(s any, name string) any {
	m, ok := s.(map[string]any)
	if !ok {
		return nil
	}
	if m["$anchor"] == name || m["$dynamicAnchor"] == name {
		return m
	}
	var found any
	subschemas(m, func(inner any) {
		if found == nil {
			found = anchored(inner, name)
		}
	})
	return found
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// equal compares two JSON values by their text.
func equal(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func list(m map[string]any, key string) []any {
	l, _ := m[key].([]any)
	return l
}

func object(m map[string]any, key string) map[string]any {
	o, _ := m[key].(map[string]any)
	return o
}

// strings of a list, what is none left out.
func words(l []any) []string {
	var out []string
	for _, v := range l {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// number reads a number of a schema.
func number(m map[string]any, key string) (float64, bool) {
	switch v := m[key].(type) {
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	case float64:
		return v, true
	}
	return 0, false
}

// count reads a length of a schema, otherwise when there is none.
func count(m map[string]any, key string, otherwise int) int {
	f, ok := number(m, key)
	if !ok || f < 0 || f > 1<<30 {
		return otherwise
	}
	return int(f)
}
