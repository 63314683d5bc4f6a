package config

import (
	"encoding"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/internal/tomltext"
)

// An Explanation is what the shipped configuration says of one key.
type Explanation struct {
	Key   string // dotted; without the number of a table in an array
	Value string // as TOML
	Text  string // what the comment above it says
}

// Explanations reads the comments of a configuration that has one for every key, or
// for keys that stand together. Lines that are commented out without a blank after
// their "#" count as keys.
func Explanations(text string) []Explanation {
	var list []Explanation
	var comment []string
	table, fresh := "", false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if words, ok := strings.CutPrefix(line, "# "); ok || line == "#" {
			if !fresh {
				comment = nil
			}
			comment, fresh = append(comment, words), true
			continue
		}
		line = strings.TrimPrefix(line, "#")
		key, value, isKey := strings.Cut(line, " = ")
		switch {
		case strings.HasPrefix(line, "["):
			table, comment = strings.Trim(line, "[]"), nil
		case isKey && !has(list, tomltext.JoinPath(table, key)):
			list = append(list, Explanation{tomltext.JoinPath(table, key), value, strings.Join(comment, "\n")})
		}
		fresh = false
	}
	return list
}

func has(list []Explanation, key string) bool {
	return slices.ContainsFunc(list, func(e Explanation) bool { return e.Key == key })
}

// A Setting is one key of a configuration that was read.
type Setting struct {
	Key     string `json:"key"`               // dotted, with the number of a table in an array that there is
	Value   string `json:"value"`             // as TOML; secrets are left out
	Default string `json:"default,omitempty"` // as TOML
	Line    int    `json:"line,omitempty"`    // that sets it; 0: it is the default
	Reload  bool   `json:"reload"`            // a running sensor takes up a change
	Text    string `json:"text"`              // what it means
}

// Begins reports whether the key begins with a text, in which an array's tables need
// no number.
func (s Setting) Begins(text string) bool {
	return strings.HasPrefix(s.Key, text) || strings.HasPrefix(entry.ReplaceAllString(s.Key, ""), text)
}

// Explain reads the file at path as [Load] does, and lists every setting in it, in
// the order of the shipped file, whose text says what they mean.
func Explain(path, shipped string) ([]Setting, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find configuration %q: %w", path, err)
	}
	data, err := readFile(abs)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	cfg, lines, err := parse(path, data, filepath.Dir(abs))
	if err != nil {
		return nil, err
	}
	return explain(cfg, lines, shipped), nil
}

// ExplainDefaults lists every setting as it is without a file.
func ExplainDefaults(shipped string) []Setting { return explain(blank(), nil, shipped) }

func explain(cfg *Config, lines map[string]int, shipped string) []Setting {
	e := explainer{lines: lines, texts: map[string]string{}}
	for _, x := range Explanations(shipped) {
		e.texts[x.Key] = x.Text
	}
	e.table("", reflect.ValueOf(*cfg), reflect.ValueOf(*blank()))
	return e.settings
}

// An explainer gathers settings.
type explainer struct {
	lines    map[string]int
	texts    map[string]string
	settings []Setting
}

func (e *explainer) table(path string, v, standard reflect.Value) {
	for i := range v.NumField() {
		key := tomltext.JoinPath(path, v.Type().Field(i).Tag.Get("toml"))
		field, def := v.Field(i), standard.Field(i)
		switch {
		case field.Kind() == reflect.Struct:
			e.table(key, field, def)
		case field.Type() == reflect.TypeFor[[]Sink]():
			e.sinks(key, field)
		case field.Kind() == reflect.Map:
			e.opaque(key, field.Interface().(map[string]any))
		default:
			e.add(key, shownValue(key, field), shownValue(key, def))
		}
	}
}

// sinks lists the settings of every sink, and where there is none those that one
// would have.
func (e *explainer) sinks(key string, list reflect.Value) {
	standard := reflect.ValueOf(blankSink())
	for n := range list.Len() {
		e.table(tomltext.EntryPath(key, n), list.Index(n), standard)
	}
	if list.Len() == 0 {
		e.table(key, standard, standard)
	}
}

func (e *explainer) add(key, value, standard string) {
	plain := entry.ReplaceAllString(key, "")
	e.settings = append(e.settings, Setting{
		Key: key, Value: value, Default: standard, Line: e.lines[key], Reload: isLive(key), Text: e.texts[plain],
	})
}

// opaque lists a plugin's own table. Whether a text in it is a secret only the
// plugin knows.
func (e *explainer) opaque(path string, table map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(table)) {
		value := "(set)"
		if s, ok := table[key].(string); ok && isReference(s) {
			value = strconv.Quote(s)
		}
		e.settings = append(e.settings, Setting{
			Key: tomltext.JoinPath(path, key), Value: value, Line: e.lines[tomltext.JoinPath(path, key)],
			Reload: isLive(path), Text: "The plugin's own setting.",
		})
	}
}

// isReference reports whether a text only says where a secret is.
func isReference(s string) bool {
	kind, _, ok := strings.Cut(s, ":")
	return ok && slices.Contains([]string{"cred", "file", "env"}, kind)
}

// shownValue is a value as TOML has it.
func shownValue(key string, v reflect.Value) string {
	switch x := v.Interface().(type) {
	case fmt.Stringer:
		return strconv.Quote(x.String())
	case encoding.TextMarshaler:
		text, _ := x.MarshalText() // never fails: it was read from text
		return strconv.Quote(string(text))
	case string:
		return strconv.Quote(x)
	case []string:
		words := make([]string, len(x))
		for i, s := range x {
			words[i] = strconv.Quote(withoutSecret(key, s))
		}
		return "[" + strings.Join(words, ", ") + "]"
	}
	return fmt.Sprint(v.Interface())
}

// withoutSecret leaves the value out of a header that marks the operator's traffic.
func withoutSecret(key, s string) string {
	if name, ok := strings.CutPrefix(s, "header:"); ok && key == "rules.operator" {
		name, _, _ = strings.Cut(name, ":")
		return "header:" + name + ": (set)"
	}
	return s
}
