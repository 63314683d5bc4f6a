// Package synth makes arguments for tools out of their JSON Schemas: plausible
// ones, the fewest, all defaults, bounds, paths, URLs and payloads. Whatever it
// makes is held to the schema; what could not be is marked.
//
// A schema is hostile: nothing outside of it is loaded, its size, depth and
// branching are bounded, and an odd one gives an empty object instead of an
// error. The package calls no tool and knows nothing of MCP. Equal schemas,
// wishes and seeds give equal arguments.
package synth

import (
	"encoding/json"
	"hash/fnv"
	"math/rand/v2"

	"github.com/killdeer-mcp/killdeer/internal/schema"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Case is what arguments are to try.
type Case string

// The cases.
const (
	Full       Case = "full"        // every property, with ordinary values
	Minimal    Case = "minimal"     // only what is required
	Defaults   Case = "defaults"    // what is required or has a default, with the defaults and examples
	Boundary   Case = "boundary"    // the ends of ranges and lengths
	CanaryPath Case = "canary-path" // Want.Place where a path belongs
	SinkURL    Case = "sink-url"    // Want.Place where a URL or a host belongs
	Probe      Case = "probe"       // Want.Place wherever any text may stand
	Chained    Case = "chained"     // as full, with Want.Given
)

// Words are the ordinary values of the strings whose name or format says what
// they are.
type Words struct {
	Text, Path, Dir, URL, Host, Email string
}

// Want says what to make.
type Want struct {
	Case   Case
	Words  Words
	Seed   uint64
	Place  string         // what canary-path, sink-url and probe are about
	Branch int            // which alternative to take of enums, types, anyOf and oneOf; 0 is the first
	Given  map[string]any // values of properties at the top, kept if the schema takes them
}

// Args are arguments that were made.
type Args struct {
	JSON sdk.RawJSON // an object, its keys sorted
	// Fallback is why the schema does not vouch for them; empty when they fit it.
	Fallback string
	// Placed is how many values are Want.Place or stem from Want.Given.
	Placed int
	// Alternatives is the largest number of branches that a choice had.
	Alternatives int
}

// attempts bounds the candidates that are made until one fits.
const attempts = 12

// Maker makes arguments for one schema. Use it from one goroutine at a time.
type Maker struct {
	root  any
	check *schema.Schema // nil: nothing can be checked
	odd   string         // why not, or what had to be left out of the schema
}

// New reads a schema. There is no error: of an odd one the maker makes what it
// can, and marks it.
func New(raw []byte) *Maker {
	root, err := decode(raw)
	if err != nil {
		return &Maker{root: map[string]any{}, odd: err.Error()}
	}
	m := &Maker{root: root}
	m.odd = loosen(root)
	doc, err := json.Marshal(root)
	if err != nil {
		m.odd = "the schema cannot be written again"
		return m
	}
	check, err := schema.Compile(doc)
	if err != nil {
		m.odd = "the schema does not compile"
		return m
	}
	m.check = check
	return m
}

// Make makes arguments. The first candidate that fits the schema is taken; when
// the first does not, the fewest properties that fit are added to one by one.
func (m *Maker) Make(want Want) Args {
	why := "nothing was found that fits the schema"
	for attempt := range attempts {
		value, args := m.candidate(want, attempt)
		if value == nil {
			continue
		}
		refused := m.refuses(value, args.JSON)
		if refused == "" {
			args.Fallback = m.odd
			return args
		}
		why = refused
		if attempt == 0 {
			if grown, ok := m.grow(want, value, args); ok {
				return grown
			}
		}
	}
	return m.fallback(why)
}

// fallback is an empty object, which few schemas refuse.
func (m *Maker) fallback(why string) Args {
	args := Args{JSON: sdk.RawJSON("{}"), Fallback: m.odd}
	if m.odd == "" && m.refuses(map[string]any{}, args.JSON) != "" {
		args.Fallback = why
	}
	return args
}

// candidate makes one object, nil if it cannot.
func (m *Maker) candidate(want Want, attempt int) (map[string]any, Args) {
	g := m.generator(want, attempt)
	made, ok := g.value(m.root, "", 0)
	value, isObject := made.(map[string]any)
	if !ok || !isObject {
		return nil, Args{}
	}
	doc, err := json.Marshal(value)
	if err != nil || len(doc) > maxArgs {
		return nil, Args{}
	}
	return value, Args{JSON: doc, Placed: g.placed, Alternatives: g.alternatives}
}

func (m *Maker) generator(want Want, attempt int) *generator {
	h := fnv.New64a()
	h.Write([]byte(want.Case))
	return &generator{
		root: m.root, want: want, attempt: attempt,
		rand: rand.New(rand.NewPCG(want.Seed, h.Sum64()+uint64(attempt))),
	}
}

// refuses says why a value does not fit, empty when it does or nobody can tell.
func (m *Maker) refuses(value map[string]any, doc []byte) string {
	if m.check == nil {
		return ""
	}
	walk := costs{root: m.root, left: maxCost}
	if !walk.value(m.root, value, 0) {
		return "the schema branches too much to be checked"
	}
	problems, err := m.check.Problems(doc)
	if err != nil {
		return "the schema cannot be applied"
	}
	if len(problems) > 0 {
		return problems[0]
	}
	return ""
}

// grow begins with the fewest properties that fit and adds those of a candidate
// that did not, one by one, as long as the whole fits: properties that exclude
// each other need no search.
func (m *Maker) grow(want Want, full map[string]any, of Args) (Args, bool) {
	fewest := want
	fewest.Case, fewest.Given = Minimal, nil
	base, args := m.candidate(fewest, 0)
	if base == nil || m.refuses(base, args.JSON) != "" {
		return Args{}, false
	}
	for _, name := range sortedKeys(full) {
		old, had := base[name]
		base[name] = full[name]
		doc, err := json.Marshal(base)
		if err == nil && m.refuses(base, doc) == "" {
			args.JSON = doc
			continue
		}
		delete(base, name)
		if had {
			base[name] = old
		}
	}
	args.Placed, args.Alternatives, args.Fallback = placed(want, base), of.Alternatives, m.odd
	return args, true
}

// placed counts what of a wish is left in a value.
func placed(want Want, value any) int {
	n := 0
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			if given, ok := want.Given[name]; ok && equal(given, inner) {
				n++
			}
			n += placed(Want{Place: want.Place}, inner)
		}
	case []any:
		for _, inner := range v {
			n += placed(want, inner)
		}
	case string:
		if want.Place != "" && placeable(v, want.Place) {
			n++
		}
	}
	return n
}
