package synth

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	maxSteps   = 20_000 // schemas that are looked at for one candidate
	maxValues  = 2000   // values in one candidate
	deepOption = 5      // below this depth only what is required is made
	maxNesting = 24     // of a candidate
	maxMade    = 16     // elements and members that are made beyond those required
)

// generator makes one candidate.
type generator struct {
	root         any
	want         Want
	attempt      int
	rand         *rand.Rand
	steps        int
	values       int
	placed       int
	alternatives int
}

// choose takes one of n branches: the wanted one first, others in later attempts.
func (g *generator) choose(n int) int {
	g.alternatives = max(g.alternatives, n)
	switch {
	case g.attempt < attempts/2:
		return (g.want.Branch + g.attempt) % n
	default:
		return g.rand.IntN(n)
	}
}

// value makes a value for a schema, false if it cannot. The key is the name of
// the property that it is for.
func (g *generator) value(s any, key string, depth int) (any, bool) {
	flat, ok := g.flatten(s, 0)
	if g.values++; !ok || g.values > maxValues || depth > maxNesting {
		return nil, false
	}
	if v, ok := g.fixed(flat); ok {
		return v, true
	}
	switch g.kind(flat) {
	case "object":
		return g.object(flat, depth)
	case "array":
		return g.array(flat, key, depth)
	case "string":
		return g.text(flat, key)
	case "integer":
		return g.number(flat, true), true
	case "number":
		return g.number(flat, false), true
	case "boolean":
		return g.choose(2) == 0, true
	case "null":
		return nil, true
	}
	return nil, false
}

// fixed is a value that the schema itself names.
func (g *generator) fixed(flat map[string]any) (any, bool) {
	if v, ok := flat["const"]; ok {
		return v, true
	}
	if v, ok := flat["enum"].([]any); ok && len(v) > 0 {
		return v[g.choose(len(v))], true
	}
	// When invented values do not fit, those of the schema's author may.
	if g.want.Case == Defaults || g.attempt >= attempts-2 {
		if v, ok := flat["default"]; ok {
			return v, true
		}
		if v := list(flat, "examples"); len(v) > 0 {
			return v[0], true
		}
	}
	return nil, false
}

// kind is the type to make, guessed from the keywords where none is named.
func (g *generator) kind(flat map[string]any) string {
	if named := words(asList(flat["type"])); len(named) > 0 {
		solid := slices.DeleteFunc(slices.Clone(named), func(t string) bool { return t == "null" })
		if len(solid) == 0 {
			return "null"
		}
		return solid[g.choose(len(solid))]
	}
	if _, none := flat["type"].([]any); none {
		return "" // what was left of types that exclude each other
	}
	for _, guess := range guesses {
		if _, ok := flat[guess.keyword]; ok {
			return guess.kind
		}
	}
	return "string"
}

var guesses = []struct{ keyword, kind string }{
	{"properties", "object"},
	{"required", "object"},
	{"additionalProperties", "object"},
	{"patternProperties", "object"},
	{"minProperties", "object"},
	{"propertyNames", "object"},
	{"items", "array"},
	{"prefixItems", "array"},
	{"minItems", "array"},
	{"contains", "array"},
	{"uniqueItems", "array"},
	{"pattern", "string"},
	{"format", "string"},
	{"minLength", "string"},
	{"maxLength", "string"},
	{"multipleOf", "number"},
	{"minimum", "number"},
	{"maximum", "number"},
	{"exclusiveMinimum", "number"},
	{"exclusiveMaximum", "number"},
}

func (g *generator) object(flat map[string]any, depth int) (any, bool) {
	out := map[string]any{}
	properties := object(flat, "properties")
	for _, name := range g.names(flat, properties, depth) {
		if given, ok := g.want.Given[name]; ok && depth == 0 && g.attempt == 0 {
			out[name] = given
			g.placed++
			continue
		}
		v, ok := g.value(propertySchema(flat, name), name, depth+1)
		if ok {
			out[name] = v
		} else if slices.Contains(words(list(flat, "required")), name) {
			return nil, false
		}
	}
	g.pad(flat, out, depth)
	return out, true
}

// names are the properties to make, sorted.
func (g *generator) names(flat, properties map[string]any, depth int) []string {
	names := words(list(flat, "required"))
	for name, s := range properties {
		if g.optional(s, name, depth) {
			names = append(names, name)
		}
	}
	// dependencies is the older spelling, where it holds lists.
	for _, key := range []string{"dependentRequired", "dependencies"} {
		depends := object(flat, key)
		for i := 0; i < len(names) && len(names) < maxValues; i++ {
			for _, also := range words(asList(depends[names[i]])) {
				if !slices.Contains(names, also) {
					names = append(names, also)
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// optional reports whether a property that need not be there is made.
func (g *generator) optional(s any, name string, depth int) bool {
	if _, given := g.want.Given[name]; given && depth == 0 {
		return true
	}
	if depth > deepOption || g.values > maxValues/2 || g.want.Case == Minimal {
		return false
	}
	if g.want.Case == Defaults {
		flat, ok := g.flatten(s, 0)
		_, has := flat["default"]
		return ok && has
	}
	return true
}

// propertySchema is what applies to a property of a name, whether it is listed or
// not.
func propertySchema(flat map[string]any, name string) any {
	var of []any
	if s, ok := object(flat, "properties")[name]; ok {
		of = append(of, s)
	}
	patterns := object(flat, "patternProperties")
	for _, p := range sortedKeys(patterns) {
		if re, err := regexp.Compile(p); err == nil && re.MatchString(name) {
			of = append(of, patterns[p])
		}
	}
	switch more, ok := flat["additionalProperties"]; {
	case len(of) == 1:
		return of[0]
	case len(of) > 1:
		return map[string]any{"allOf": of}
	case ok:
		return more
	}
	return true
}

// pad adds members, of made-up names if need be: as many as minProperties asks
// for, and one for a map, which has no names of its own.
func (g *generator) pad(flat, out map[string]any, depth int) {
	least, properties := count(flat, "minProperties", 0), object(flat, "properties")
	_, isMap := flat["additionalProperties"].(map[string]any)
	if isMap && len(properties) == 0 && g.want.Case == Full && depth <= deepOption {
		least = max(least, 1)
	}
	for _, name := range sortedKeys(properties) {
		if _, ok := out[name]; ok || len(out) >= least {
			continue
		}
		if v, ok := g.value(propertySchema(flat, name), name, depth+1); ok {
			out[name] = v
		}
	}
	for i := 1; len(out) < least && i <= maxMade; i++ {
		name := "key" + strconv.Itoa(i)
		if s, ok := flat["propertyNames"]; ok {
			if made, ok := g.value(s, name, depth+1); ok {
				name, _ = made.(string)
			}
		}
		if v, ok := g.value(propertySchema(flat, name), name, depth+1); ok {
			out[name] = v
		}
	}
}

func (g *generator) array(flat map[string]any, key string, depth int) (any, bool) {
	out := []any{}
	least, most := count(flat, "minItems", 0), min(count(flat, "maxItems", maxMade), maxValues)
	size := g.size(flat, least, most, depth)
	first := append(list(flat, "prefixItems"), list(flat, "items")...)
	for i := range size {
		v, ok := g.value(elementSchema(flat, first, i), key, depth+1)
		if !ok {
			break
		}
		if flat["uniqueItems"] == true {
			v = differ(v, out, i)
		}
		out = append(out, v)
	}
	return out, len(out) >= least
}

// size is how many elements to make: one where it is known of what, else none.
func (g *generator) size(flat map[string]any, least, most, depth int) int {
	n := least
	_, known := flat["items"].(map[string]any)
	if known && g.want.Case != Minimal && depth <= deepOption {
		n = max(n, 1)
	}
	if depth <= deepOption {
		n = max(n, len(list(flat, "prefixItems")), len(list(flat, "items")))
	}
	if _, ok := flat["contains"]; ok {
		n = max(n, count(flat, "minContains", 1))
	}
	if g.want.Case == Boundary && depth <= deepOption && flat["maxItems"] != nil {
		n = max(n, min(most, maxMade))
	}
	return min(n, max(most, 0))
}

func elementSchema(flat map[string]any, first []any, i int) any {
	of := []any{}
	if _, ok := flat["contains"]; ok && i < count(flat, "minContains", 1) {
		of = append(of, flat["contains"])
	}
	switch {
	case i < len(first):
		of = append(of, first[i])
	case flat["items"] != nil && len(list(flat, "items")) == 0:
		of = append(of, flat["items"])
	case flat["additionalItems"] != nil:
		of = append(of, flat["additionalItems"])
	}
	if len(of) == 1 {
		return of[0]
	}
	return map[string]any{"allOf": of}
}

// differ changes a value that is there already.
func differ(v any, from []any, i int) any {
	if !slices.ContainsFunc(from, func(w any) bool { return equal(v, w) }) {
		return v
	}
	switch old := v.(type) {
	case string:
		return old + strconv.Itoa(i)
	case json.Number:
		if f, err := old.Float64(); err == nil {
			return written(f+float64(i), f == math.Trunc(f))
		}
	case bool:
		return !old
	}
	return v
}

// number is 1 where that is within the range, else the nearest that is; the ends
// of the range for the case about them.
func (g *generator) number(flat map[string]any, whole bool) json.Number {
	lo, hi := span(flat, whole)
	f := min(max(1, lo), hi)
	if g.want.Case == Boundary {
		switch {
		case !math.IsInf(lo, 0):
			f = lo
		case !math.IsInf(hi, 0):
			f = hi
		default:
			f = 0
		}
	}
	if g.attempt > 0 && g.attempt%3 == 2 && !math.IsInf(hi, 0) {
		f = hi
	}
	if of, ok := number(flat, "multipleOf"); ok && of > 0 {
		if f = math.Ceil(f/of) * of; f > hi {
			f = math.Floor(hi/of) * of
		}
	}
	return written(f, whole)
}

// span is the range of a number, both ends within.
func span(flat map[string]any, whole bool) (lo, hi float64) {
	lo, hi = math.Inf(-1), math.Inf(1)
	step := func(f float64) float64 {
		if whole {
			return 1
		}
		return max(1e-6, math.Abs(f)*1e-6)
	}
	if f, ok := number(flat, "minimum"); ok {
		lo = f
	}
	if f, ok := number(flat, "exclusiveMinimum"); ok && f+step(f) > lo {
		lo = f + step(f)
	}
	if f, ok := number(flat, "maximum"); ok {
		hi = f
	}
	if f, ok := number(flat, "exclusiveMaximum"); ok && f-step(f) < hi {
		hi = f - step(f)
	}
	if whole {
		lo, hi = math.Ceil(lo), math.Floor(hi)
	}
	return lo, hi
}

// written spells a number as JSON does.
func written(f float64, whole bool) json.Number {
	switch {
	case math.IsInf(f, 0) || math.IsNaN(f):
		return "0"
	case whole && math.Abs(f) < 1<<53:
		return json.Number(strconv.FormatInt(int64(f), 10))
	}
	b, err := json.Marshal(f)
	if err != nil {
		return "0"
	}
	return json.Number(strings.TrimSpace(string(b)))
}
