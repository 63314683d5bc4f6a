package synth

import "regexp"

// maxCost bounds the schemas that a validator would have to ask of one value:
// fifty lines of allOf that each name the next twice ask for 2^50.
const maxCost = 200_000

// costs counts what validating a value takes, without validating it.
type costs struct {
	root any
	left int
}

// value reports whether the count stays within bounds. Hops guards against
// references in a circle at one value.
func (c *costs) value(s, v any, hops int) bool {
	m, ok := s.(map[string]any)
	if !ok {
		return true
	}
	if c.left--; c.left < 0 || hops > maxDepth {
		return false
	}
	return c.inPlace(m, v, hops) && c.inside(m, v)
}

// inPlace follows what applies to the same value.
func (c *costs) inPlace(m map[string]any, v any, hops int) bool {
	for _, key := range []string{"$ref", "$dynamicRef", "$recursiveRef"} {
		if ref := text(m, key); ref != "" && !c.value(resolve(c.root, ref), v, hops+1) {
			return false
		}
	}
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		for _, inner := range list(m, key) {
			if !c.value(inner, v, hops+1) {
				return false
			}
		}
	}
	for _, key := range []string{"not", "if", "then", "else"} {
		if !c.value(m[key], v, hops+1) {
			return false
		}
	}
	for _, inner := range object(m, "dependentSchemas") {
		if !c.value(inner, v, hops+1) {
			return false
		}
	}
	return true
}

// inside follows what applies to the members of a value.
func (c *costs) inside(m map[string]any, v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return c.members(m, v)
	case []any:
		return c.elements(m, v)
	}
	return true
}

func (c *costs) members(m, v map[string]any) bool {
	properties, patterns := object(m, "properties"), object(m, "patternProperties")
	for name, inner := range v {
		if !c.value(properties[name], inner, 0) {
			return false
		}
		for pattern, s := range patterns {
			c.left -= 20 // compiling is dear
			if re, err := regexp.Compile(pattern); err == nil && re.MatchString(name) && !c.value(s, inner, 0) {
				return false
			}
		}
		for _, key := range []string{"additionalProperties", "unevaluatedProperties"} {
			if !c.value(m[key], inner, 0) {
				return false
			}
		}
		if !c.value(m["propertyNames"], name, 0) {
			return false
		}
	}
	return true
}

func (c *costs) elements(m map[string]any, v []any) bool {
	for i, inner := range v {
		for _, key := range []string{"prefixItems", "items"} {
			if l := list(m, key); i < len(l) && !c.value(l[i], inner, 0) {
				return false
			}
		}
		for _, key := range []string{"items", "additionalItems", "unevaluatedItems", "contains"} {
			if !c.value(m[key], inner, 0) {
				return false
			}
		}
	}
	return true
}
