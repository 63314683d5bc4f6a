package exercise

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/exercise/synth"
)

const (
	maxHarvest = 256 << 10 // bytes of a result that are searched for values
	maxPool    = 500       // names
	maxValue   = 512       // bytes of a value
	maxLeaves  = 2000      // values of a result that are looked at
)

// pool holds values that results named, by the name in lower case without
// separators: what one tool makes, another may be asked for.
type pool struct{ values map[string]any }

func newPool() *pool { return &pool{map[string]any{}} }

// harvest takes values out of the result of a call.
func (p *pool) harvest(c *evidence.Call) {
	if c.Outcome != okay || len(c.Result) > maxHarvest {
		return
	}
	var r struct {
		Structured any `json:"structuredContent"`
		Content    []struct {
			Text string `json:"text"`
		} `json:"content"`
	}
	if json.Unmarshal(c.Result, &r) != nil {
		return
	}
	entity := noun(c.Name)
	left := maxLeaves
	for _, part := range r.Content {
		var v any
		if json.Unmarshal([]byte(part.Text), &v) == nil {
			p.walk(v, "", entity, &left)
			continue
		}
		for _, m := range named.FindAllStringSubmatch(part.Text, maxPool) {
			p.add(m[1], m[2], entity)
		}
	}
	p.walk(r.Structured, "", entity, &left)
}

// named is how a sentence names a value: `created note with id: n-17`.
var named = regexp.MustCompile(`(?i)\b(id|uuid|key|name|path|token|handle|slug|number|ref)\b["']?\s*(?:[:=#]|\bis\b)?\s*["'` + "`" + `]?([\w./-]{1,64}\w)`)

func (p *pool) walk(v any, key, entity string, left *int) {
	if *left--; *left < 0 {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			p.walk(v[name], name, cmp.Or(noun(key), entity), left)
		}
	case []any:
		for _, inner := range v {
			p.walk(inner, key, entity, left)
		}
	case string:
		if len(v) <= maxValue {
			p.add(key, v, entity)
		}
	case float64:
		p.add(key, v, entity)
	}
}

// add keeps a value under its name, and an id under the name of what it is of.
func (p *pool) add(key string, v any, entity string) {
	key = plainName(key)
	if key == "" || v == "" || len(p.values) >= maxPool {
		return
	}
	p.values[key] = v
	if entity != "" && (key == "id" || key == "name" || key == "key" || key == "path" || key == "uuid") {
		p.values[entity+key] = v
	}
}

// text is a value of a name as text, the other one if there is none.
func (p *pool) text(name, otherwise string) string {
	switch v := p.values[plainName(name)].(type) {
	case string:
		return v
	case float64:
		return string(encoded(v))
	}
	return otherwise
}

// given are the values that fit the arguments of a tool by name.
func (p *pool) given(t tool) map[string]any {
	var schema struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if json.Unmarshal(t.Schema, &schema) != nil {
		return nil
	}
	given := map[string]any{}
	entity := noun(t.Name)
	for name := range schema.Properties {
		key := plainName(name)
		if v, ok := p.values[entity+key]; ok {
			given[name] = v
		} else if v, ok := p.values[key]; ok && linking(key) {
			given[name] = v
		}
	}
	return given
}

// linking reports whether a name ties things together, unlike words such as text.
func linking(key string) bool {
	for _, end := range []string{"id", "ids", "key", "uuid", "token", "handle", "slug", "ref", "name", "path", "number", "uri", "cursor"} {
		if strings.HasSuffix(key, end) {
			return true
		}
	}
	return false
}

// chain calls the tools again that take what others have made, in the order in
// which things live.
func (s *Session) chain(ctx context.Context) {
	tools := slices.Clone(s.catalog.tools[:min(len(s.catalog.tools), maxTools)])
	slices.SortStableFunc(tools, func(a, b tool) int { return cmp.Compare(stage(a.Name), stage(b.Name)) })
	left, last := s.opts.MaxCalls/4, 0
	for _, t := range tools {
		if left == 0 || s.stop != nil || ctx.Err() != nil {
			return
		}
		if s.asked("tool", t.Name) {
			continue
		}
		want := s.want(synth.Chained)
		if want.Given = s.pool.given(t); len(want.Given) == 0 && stage(t.Name) != 0 || s.slow(t.Name) || s.opts.ReadOnly && !t.Hints.ReadOnly {
			continue
		}
		args := synth.New(t.Schema).Make(want)
		if args.Placed == 0 && (stage(t.Name) != 0 || len(s.pool.values) == 0) {
			continue
		}
		if last > 0 {
			s.settle(ctx, last, s.opts.Gap)
		}
		left--
		c := &evidence.Call{Kind: "tool", Name: t.Name, Case: string(synth.Chained), Args: args.JSON, Unchecked: args.Fallback}
		s.invoke(ctx, c, &tally{calls: 1})
		last = c.N
	}
	if last > 0 {
		s.settle(ctx, last, s.opts.Drain)
	}
}

// slow reports whether a tool has let a call wait for nothing.
func (s *Session) slow(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.pass.Calls, func(c *evidence.Call) bool { return c.Name == name && c.Outcome == timeout })
}

// stages are verbs in the order in which things live.
var stages = [][]string{
	{"create", "add", "new", "insert", "open", "start", "store", "upload", "register", "init"},
	{"list", "search", "find", "query"},
	{"get", "read", "fetch", "show", "describe", "view"},
	{"update", "edit", "set", "modify", "append", "move", "rename", "write"},
	{"close", "stop", "end"},
	{"delete", "remove", "destroy", "drop", "clear"},
}

// stage is where a tool's verb stands; unknown ones stand with reading.
func stage(name string) int {
	parts := split(name)
	for i, verbs := range stages {
		if slices.ContainsFunc(parts, func(p string) bool { return slices.Contains(verbs, p) }) {
			return i
		}
	}
	return 2
}

// noun is what a tool's name is about: create_note and listNotes are about note.
func noun(name string) string {
	for _, p := range slices.Backward(split(name)) {
		if !slices.ContainsFunc(stages, func(verbs []string) bool { return slices.Contains(verbs, p) }) {
			return strings.TrimSuffix(p, "s")
		}
	}
	return ""
}

var wordEnd = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// split takes a name apart at separators and capitals.
func split(name string) []string {
	name = strings.ToLower(wordEnd.ReplaceAllString(cut(name, maxValue), "$1 $2"))
	return strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' || r == ' ' || r == '.' || r == '/' })
}

func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(cut(name, maxValue)))
}
