package persona

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/tomltext"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// maxFaults is how many faults of a file are told.
const maxFaults = 20

// tomlReader reads the tables of a persona file and gathers what does not fit.
type tomlReader struct {
	file   string
	lines  map[string]int
	faults []tomlFault
}

type tomlFault struct {
	line int
	text string
}

func (r *tomlReader) add(at, format string, args ...any) {
	line := 0
	for path := at; line == 0 && path != ""; path = parentPath(path) {
		line = r.lines[path]
	}
	text := fmt.Sprintf(format, args...)
	if at != "" {
		text = clipText(at, 120) + ": " + text
	}
	for part := range strings.SplitSeq(text, "\n") {
		r.faults = append(r.faults, tomlFault{max(line, 1), part})
	}
}

// parentPath is the path of what holds a path.
func parentPath(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}

func clipText(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// err joins the faults in the order of their lines.
func (r *tomlReader) err() error {
	slices.SortStableFunc(r.faults, func(a, b tomlFault) int { return cmp.Compare(a.line, b.line) })
	var errs []error
	for _, f := range r.faults[:min(len(r.faults), maxFaults)] {
		errs = append(errs, fmt.Errorf("%s:%d: %s", r.file, f.line, f.text))
	}
	if more := len(r.faults) - maxFaults; more > 0 {
		errs = append(errs, fmt.Errorf("%s: %d more faults", r.file, more))
	}
	return errors.Join(errs...)
}

// tomlTable is one table of a file. Keys that nobody asked for are unknown ones.
type tomlTable struct {
	r     *tomlReader
	at    string
	in    map[string]any
	known []string
}

func (t *tomlTable) path(key string) string { return tomltext.JoinPath(t.at, key) }

func (t *tomlTable) fault(key, format string, args ...any) { t.r.add(t.path(key), format, args...) }

func (t *tomlTable) get(key string) (any, bool) {
	t.known = append(t.known, key)
	v, ok := t.in[key]
	return v, ok
}

// has reports whether one of the keys is there.
func (t *tomlTable) has(keys ...string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { _, ok := t.in[key]; return ok })
}

// done complains of keys that were not asked for.
func (t *tomlTable) done() {
	for _, key := range slices.Sorted(maps.Keys(t.in)) {
		if !slices.Contains(t.known, key) {
			t.fault(key, "unknown key, want one of %s", strings.Join(t.known, ", "))
		}
	}
}

func typed[T any](t *tomlTable, key, want string) (v T) {
	in, ok := t.get(key)
	if !ok {
		return v
	}
	if v, ok = in.(T); !ok {
		t.fault(key, "want %s", want)
	}
	return v
}

func (t *tomlTable) text(key string) string   { return typed[string](t, key, "a text") }
func (t *tomlTable) boolean(key string) bool  { return typed[bool](t, key, "true or false") }
func (t *tomlTable) integer(key string) int64 { return typed[int64](t, key, "a whole number") }

func (t *tomlTable) required(key string) string {
	s := t.text(key)
	if s == "" && !t.has(key) {
		t.r.add(t.at, "%s is missing", key)
	}
	return s
}

// milliseconds is a number, or two that rise, up to a minute; nil for none.
func (t *tomlTable) milliseconds(key string) []int64 {
	in, ok := t.get(key)
	if !ok {
		return nil
	}
	var span []int64
	switch v := in.(type) {
	case int64:
		span = []int64{v, v}
	case []any:
		for _, e := range v {
			n, whole := e.(int64)
			if !whole {
				n = -1
			}
			span = append(span, n)
		}
	}
	if len(span) != 2 || span[0] < 0 || span[1] < span[0] || span[1] > maxDelay.Milliseconds() {
		t.fault(key, "want milliseconds up to %d, or two rising numbers of them", maxDelay.Milliseconds())
		return nil
	}
	return span
}

func (t *tomlTable) texts(key string) []string {
	in, ok := t.get(key)
	if !ok {
		return nil
	}
	list, ok := in.([]any)
	var out []string
	for _, e := range list {
		s, isText := e.(string)
		ok = ok && isText
		out = append(out, s)
	}
	if !ok {
		t.fault(key, "want a list of texts")
	}
	return out
}

// table is a table inside this one, nil if it is not there.
func (t *tomlTable) table(key string) *tomlTable {
	in, ok := t.get(key)
	if !ok {
		return nil
	}
	m, ok := in.(map[string]any)
	if !ok {
		t.fault(key, "want a table")
		return nil
	}
	return &tomlTable{r: t.r, at: t.path(key), in: m}
}

// named are the tables in a table of tables, by name.
func (t *tomlTable) named(key string) (names []string, tables map[string]*tomlTable) {
	of := t.table(key)
	if of == nil {
		return nil, nil
	}
	tables = map[string]*tomlTable{}
	for _, name := range slices.Sorted(maps.Keys(of.in)) {
		if sub := of.table(name); sub != nil {
			names, tables[name] = append(names, name), sub
		}
	}
	return names, tables
}

// list is an array of tables.
func (t *tomlTable) list(key string) []*tomlTable {
	in, ok := t.get(key)
	if !ok {
		return nil
	}
	var maps []map[string]any
	switch v := in.(type) {
	case []map[string]any:
		maps = v
	case []any:
		for _, e := range v {
			m, isTable := e.(map[string]any)
			if !isTable {
				t.fault(key, "want tables, as [[%s]]", key)
				return nil
			}
			maps = append(maps, m)
		}
	default:
		t.fault(key, "want tables, as [[%s]]", key)
		return nil
	}
	out := make([]*tomlTable, len(maps))
	for i, m := range maps {
		out[i] = &tomlTable{r: t.r, at: tomltext.EntryPath(t.path(key), i), in: m}
	}
	return out
}

// json is a value that is JSON: written as JSON text, whose order is kept, or as a
// TOML table. It must begin with opening. Nil is for none.
func (t *tomlTable) json(key string, opening byte) sdk.RawJSON {
	in, ok := t.get(key)
	if !ok {
		return nil
	}
	raw := []byte(nil)
	if text, isText := in.(string); isText {
		raw = []byte(strings.TrimSpace(text))
		if err := checkJSON(raw); err != nil {
			t.fault(key, "not JSON: %v", err)
			return nil
		}
	} else {
		raw = appendTOML(in)
	}
	if raw[0] != opening {
		t.fault(key, "want JSON that begins with %q", opening)
		return nil
	}
	return raw
}

// checkJSON is as [json.Valid], with a reason and the ABI's depth.
func checkJSON(raw []byte) error {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	return guest.Members(append(append([]byte(`{"v":`), raw...), '}'), func(string, []byte) {})
}

// appendTOML writes a value as JSON, with sorted keys.
func appendTOML(v any) []byte {
	var w guest.Writer
	writeTOML(&w, v)
	return w.Bytes()
}

func writeTOML(w *guest.Writer, v any) {
	switch v := v.(type) {
	case string:
		w.Str(v)
	case int64:
		w.Int(v)
	case float64:
		b, err := json.Marshal(v)
		if err != nil { // nan and inf
			b = []byte("null")
		}
		w.Raw(b)
	case bool:
		w.Bool(v)
	case time.Time:
		w.Str(v.Format(time.RFC3339))
	case []any:
		w.Arr()
		for _, e := range v {
			writeTOML(w, e)
		}
		w.End()
	case []map[string]any:
		w.Arr()
		for _, e := range v {
			writeTOML(w, e)
		}
		w.End()
	case map[string]any:
		w.Obj()
		for _, key := range slices.Sorted(maps.Keys(v)) {
			writeTOML(w.Key(key), v[key])
		}
		w.End()
	default:
		w.Str(fmt.Sprint(v)) // local dates and times
	}
}
