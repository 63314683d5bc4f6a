package config

import (
	"encoding"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/tomltext"
)

// maxEntries bounds every list.
const maxEntries = 1024

// A decoder copies a tree of TOML values into a [Config], and collects what
// does not fit instead of stopping at it.
type decoder struct{ *collector }

func (d *decoder) decode(tree map[string]any, cfg *Config) {
	d.table("", tree, reflect.ValueOf(cfg).Elem())
}

func (d *decoder) table(path string, in map[string]any, out reflect.Value) {
	for _, key := range slices.Sorted(maps.Keys(in)) {
		if field, ok := fieldOf(out, key); ok {
			d.value(tomltext.JoinPath(path, key), in[key], field)
		} else {
			d.unknown(path, key, in[key])
		}
	}
}

// fieldOf finds the field of a struct that has the given key.
func fieldOf(out reflect.Value, key string) (reflect.Value, bool) {
	for i := range out.NumField() {
		if out.Type().Field(i).Tag.Get("toml") == key {
			return out.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func (d *decoder) value(path string, in any, out reflect.Value) {
	switch v := out.Addr().Interface().(type) {
	case *Size:
		d.size(path, in, v)
	case encoding.TextUnmarshaler:
		d.text(path, in, v, `a duration such as "5ms"`)
	case *string:
		set(d, path, in, v, "a string")
	case *bool:
		set(d, path, in, v, "true or false")
	case *int:
		d.integer(path, in, v)
	case *[]string:
		d.list(path, in, v)
	case *[]Sink:
		d.sinks(path, in, v)
	case *map[string]any:
		d.opaque(path, in, v)
	default:
		var tree map[string]any
		if set(d, path, in, &tree, "a table") {
			d.table(path, tree, out)
		}
	}
}

// set stores a value whose Go type is exactly that of out.
func set[T any](d *decoder, path string, in any, out *T, want string) bool {
	v, ok := in.(T)
	if !ok {
		d.add(path, "want %s, got %s", want, kindOf(in))
		return false
	}
	*out = v
	return true
}

func (d *decoder) size(path string, in any, out *Size) {
	n, ok := in.(int64)
	switch {
	case !ok:
		d.text(path, in, out, `a size such as "64KiB"`)
	case n < 0:
		d.add(path, "want a size, got the negative number %d", n)
	default:
		*out = Size(n)
	}
}

func (d *decoder) text(path string, in any, out encoding.TextUnmarshaler, want string) {
	var s string
	if !set(d, path, in, &s, want) {
		return
	}
	if err := out.UnmarshalText([]byte(s)); err != nil {
		d.add(path, "%v", err)
	}
}

func (d *decoder) integer(path string, in any, out *int) {
	var n int64
	if !set(d, path, in, &n, "an integer") {
		return
	}
	// Every limit is far below this; int has 32 bits on some machines.
	if n < math.MinInt32 || n > math.MaxInt32 {
		d.add(path, "%d is out of range", n)
		return
	}
	*out = int(n)
}

func (d *decoder) list(path string, in any, out *[]string) {
	var entries []any
	if !set(d, path, in, &entries, "an array of strings") {
		return
	}
	if len(entries) > maxEntries {
		d.add(path, "has %d entries, want at most %d", len(entries), maxEntries)
		return
	}
	list := make([]string, 0, len(entries))
	for i, e := range entries {
		s, ok := e.(string)
		if !ok {
			d.addEntry(path, i, "want a string, got %s", kindOf(e))
			continue
		}
		list = append(list, s)
	}
	// A list with holes would number the entries of later faults wrongly.
	if len(list) == len(entries) {
		*out = list
	}
}

// kindOf names the TOML type of a value.
func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case bool:
		return "a boolean"
	case time.Time:
		return "a date or time"
	case []any:
		return "an array"
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "an array of tables"
	}
	return fmt.Sprintf("a %T", v)
}

// unknown reports a key that its table does not have, with the best guess at
// what was meant.
func (d *decoder) unknown(path, key string, in any) {
	what := "unknown key"
	_, isTable := in.(map[string]any)
	if isTable {
		what = "unknown table"
	}
	line, shownPath := d.lines[tomltext.JoinPath(path, key)], tomltext.JoinPath(path, clip(key))
	known := keysByTable(reflect.TypeFor[Config](), "")
	if hint := homes(known, key); len(hint) > 0 {
		d.addAt(line, shownPath, "%s, %q is a key of %s", what, key, strings.Join(hint, " and "))
		return
	}
	near := nearest(key, known[entry.ReplaceAllString(path, "")])
	switch {
	case near == "":
		d.addAt(line, shownPath, "%s", what)
	case isTable:
		d.addAt(line, shownPath, "%s, did you mean [%s]?", what, tomltext.JoinPath(path, near))
	default:
		d.addAt(line, shownPath, "%s, did you mean %q?", what, near)
	}
}

// entry is what tells the tables of an array apart.
var entry = regexp.MustCompile(`\[[0-9]+\]`)

// homes are the tables that have the key.
func homes(known map[string][]string, key string) []string {
	var tables []string
	for _, table := range slices.Sorted(maps.Keys(known)) {
		if !slices.Contains(known[table], key) {
			continue
		}
		if table == "" {
			tables = append(tables, "the top level")
		} else {
			tables = append(tables, "["+table+"]")
		}
	}
	return tables
}

// keysByTable lists the keys of a struct type and of those inside it.
func keysByTable(t reflect.Type, path string) map[string][]string {
	known := map[string][]string{path: {}}
	for f := range t.Fields() {
		key := f.Tag.Get("toml")
		known[path] = append(known[path], key)
		inner := f.Type
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			maps.Copy(known, keysByTable(inner, tomltext.JoinPath(path, key)))
		}
	}
	return known
}
