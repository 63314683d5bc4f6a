package synth

import (
	"maps"
	"slices"
)

const maxHops = 32 // references and combinators on the way to one value

// flatten makes one schema without references and combinators of a schema: it
// follows references, merges allOf, and takes one branch of anyOf, oneOf and
// if. It reports false if nothing can fit or the schema is too tangled.
func (g *generator) flatten(s any, hops int) (map[string]any, bool) {
	if g.steps++; g.steps > maxSteps || hops > maxHops {
		return nil, false
	}
	switch v := s.(type) {
	case bool:
		return map[string]any{}, v
	case map[string]any:
		return g.flattenObject(v, hops)
	}
	return map[string]any{}, true
}

func (g *generator) flattenObject(s map[string]any, hops int) (map[string]any, bool) {
	out := map[string]any{}
	for key, v := range s {
		if !slices.Contains(combinators, key) {
			out[key] = v
		}
	}
	for _, inner := range g.branches(s) {
		flat, ok := g.flatten(inner, hops+1)
		if !ok {
			return nil, false
		}
		merge(out, flat)
	}
	return out, true
}

var combinators = []string{"$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "if", "then", "else"}

// branches lists the schemas that apply to the value itself, one of each choice.
func (g *generator) branches(s map[string]any) []any {
	var out []any
	for _, key := range combinators[:3] {
		if ref := text(s, key); ref != "" {
			out = append(out, resolve(g.root, ref))
		}
	}
	out = append(out, list(s, "allOf")...)
	for _, key := range []string{"anyOf", "oneOf"} {
		if of := list(s, key); len(of) > 0 {
			out = append(out, of[g.choose(len(of))])
		}
	}
	if cond, ok := s["if"]; ok {
		if g.attempt%2 == 0 {
			out = append(out, cond, s["then"])
		} else {
			out = append(out, s["else"])
		}
	}
	return slices.DeleteFunc(out, func(v any) bool { return v == nil })
}

// merge adds what one schema asks to what another does.
func merge(into, from map[string]any) {
	for key, v := range from {
		old, both := into[key]
		if !both {
			into[key] = v
			continue
		}
		into[key] = mergeKey(key, old, v)
	}
}

func mergeKey(key string, a, b any) any {
	switch key {
	case "properties", "patternProperties":
		return mergeProperties(a, b)
	case "required":
		return union(a, b)
	case "enum", "type":
		return intersect(a, b)
	case "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains":
		return further(key, a, b, 1)
	case "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains":
		return further(key, a, b, -1)
	case "items", "additionalProperties", "contains", "propertyNames":
		return both(a, b)
	}
	return a
}

func mergeProperties(a, b any) any {
	x, okX := a.(map[string]any)
	y, okY := b.(map[string]any)
	if !okX || !okY {
		return a
	}
	out := map[string]any{}
	maps.Copy(out, x)
	for name, s := range y {
		if old, ok := out[name]; ok {
			s = both(old, s)
		}
		out[name] = s
	}
	return out
}

func both(a, b any) any {
	if a == false || b == false {
		return false
	}
	return map[string]any{"allOf": []any{a, b}}
}

func union(a, b any) any {
	x, _ := a.([]any)
	y, _ := b.([]any)
	out := slices.Clone(x)
	for _, v := range y {
		if !slices.ContainsFunc(out, func(w any) bool { return equal(v, w) }) {
			out = append(out, v)
		}
	}
	return out
}

// intersect keeps what both lists hold; a type may also be a single word.
func intersect(a, b any) any {
	x, y := asList(a), asList(b)
	out := []any{}
	for _, v := range x {
		if slices.ContainsFunc(y, func(w any) bool { return equal(v, w) || v == "integer" && w == "number" }) {
			out = append(out, v)
		} else if v == "number" && slices.Contains(y, any("integer")) {
			out = append(out, any("integer"))
		}
	}
	return out
}

func asList(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

// further is the stricter of two bounds: the larger one for sign 1.
func further(key string, a, b any, sign float64) any {
	x, okX := number(map[string]any{key: a}, key)
	y, okY := number(map[string]any{key: b}, key)
	if okX && okY && sign*y > sign*x || !okX {
		return b
	}
	return a
}
