package toml

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// templateName is what text/template calls each of them in its errors.
const templateName = "template"

// maxCount bounds what a template may ask for by number.
const maxCount = 1000

// parseText reads a template. The functions are replaced by those of a request.
func parseText(text string) (*template.Template, error) {
	r := &request{call: &sdk.Call{}, persona: &Persona{}, offer: &Offer{}}
	t, err := template.New(templateName).Option("missingkey=error").Funcs(r.functions()).Parse(text)
	if err != nil {
		return nil, clean(err)
	}
	return t, nil
}

// functions are what templates may call beside those of text/template.
func (r *request) functions() template.FuncMap {
	all := template.FuncMap{
		"canary": r.canary,
		"fake":   func(kind string, n int) string { return guest.Fake(r.call, kind, uint32(max(n, 0))) },
		"pick":   r.pick,
		"number": r.number,
		"hex":    r.hex,
		"uuid":   func(label string) string { return uuid(r.draw("uuid", label)) },
		"raw":    r.raw,
		"pretty": r.pretty,
	}
	maps.Copy(all, r.worldFunctions())
	maps.Copy(all, textFunctions)
	return all
}

// textFunctions depend on nothing but what they are given.
var textFunctions = template.FuncMap{
	"json":      asJSON,
	"lower":     strings.ToLower,
	"upper":     strings.ToUpper,
	"trim":      strings.TrimSpace,
	"replace":   func(old, new, s string) string { return strings.ReplaceAll(s, old, new) },
	"split":     func(sep, s string) []string { return strings.Split(s, sep) },
	"join":      join,
	"contains":  func(part, s string) bool { return strings.Contains(s, part) },
	"hasPrefix": func(part, s string) bool { return strings.HasPrefix(s, part) },
	"hasSuffix": func(part, s string) bool { return strings.HasSuffix(s, part) },
	"matches":   matches,
	"is":        is,
	"cut":       cut,
	"base64":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"sha256":    func(s string) string { return hexOf(sha256.Sum256([]byte(s))) },
	"default":   orDefault,
	"get":       get,
	"list":      func(all ...any) []any { return all },
	"dict":      dict,
	"add":       whole(func(a, b int64) (int64, error) { return a + b, nil }),
	"sub":       whole(func(a, b int64) (int64, error) { return a - b, nil }),
	"mul":       whole(func(a, b int64) (int64, error) { return a * b, nil }),
	"div":       whole(divide),
	"first":     first,
	"date":      func(layout string, t time.Time) string { return t.UTC().Format(layout) },
	"rfc3339":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"unix":      func(t time.Time) int64 { return t.Unix() },
	"ago":       func(text string, t time.Time) (time.Time, error) { return shift(text, t, -1) },
	"ahead":     func(text string, t time.Time) (time.Time, error) { return shift(text, t, 1) },
}

func hexOf(sum [32]byte) string { return hex.EncodeToString(sum[:]) }

// asJSON writes a value as JSON; of a text that is a quoted string.
func asJSON(v any) (string, error) {
	if s, ok := v.(string); ok {
		return string(guest.Quote(s)), nil
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", fmt.Errorf("write JSON: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func join(sep string, list any) (string, error) {
	switch list := list.(type) {
	case []string:
		return strings.Join(list, sep), nil
	case []any:
		words := make([]string, len(list))
		for i, v := range list {
			words[i] = fmt.Sprint(v)
		}
		return strings.Join(words, sep), nil
	}
	return "", fmt.Errorf("join: want a list, got %T", list)
}

func matches(pattern, s string) (bool, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return false, fmt.Errorf("matches: %w", err)
	}
	return re.MatchString(s), nil
}

// is compares by what a value looks like, so that values of any kind can be.
func is(v any, want ...any) bool {
	return slices.ContainsFunc(want, func(w any) bool { return fmt.Sprint(w) == fmt.Sprint(v) })
}

// cut shortens a text to a number of characters.
func cut(n int, s string) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}

func orDefault(def, v any) any {
	if truth, _ := template.IsTrue(v); truth {
		return v
	}
	return def
}

// get is a member of a table, or else a default.
func get(table any, key string, def any) any {
	if m, ok := table.(map[string]any); ok && m[key] != nil {
		return m[key]
	}
	return def
}

func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict: want names and values in pairs")
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: want a name, got %T", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// whole is a function of two whole numbers, which templates have in several types.
func whole(f func(a, b int64) (int64, error)) func(a, b any) (int64, error) {
	return func(a, b any) (int64, error) {
		x, err := integer(a)
		if err != nil {
			return 0, err
		}
		y, err := integer(b)
		if err != nil {
			return 0, err
		}
		return f(x, y)
	}
}

func integer(v any) (int64, error) {
	switch v := v.(type) {
	case int:
		return int64(v), nil
	case int64:
		return v, nil
	case float64:
		return int64(v), nil
	}
	return 0, fmt.Errorf("want a number, got %T", v)
}

func divide(a, b int64) (int64, error) {
	if b == 0 {
		return 0, errors.New("div: by zero")
	}
	return a / b, nil
}

func first(n int, list []any) []any { return list[:max(0, min(n, len(list)))] }

func shift(text string, t time.Time, sign time.Duration) (time.Time, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return t, fmt.Errorf("want a duration such as 36h: %w", err)
	}
	return t.Add(sign * d), nil
}

// canary is a placeholder for a honeytoken; a third argument "deployment" makes it
// the same for everybody.
func (r *request) canary(kind, label string, scope ...string) (string, error) {
	switch {
	case len(scope) == 0:
		return guest.Canary(r.call, kind, label), nil
	case len(scope) == 1 && scope[0] == "deployment":
		return guest.Canary(r.call, kind, label+":deployment"), nil
	}
	return "", fmt.Errorf(`canary: the scope is "deployment" or nothing, got %q`, scope)
}

// raw is the JSON of an argument as the client wrote it, null where there is none.
// Members that the schema does not name are left out, as servers do that read what
// they know: with them the answer might not fit its own schema.
func (r *request) raw(name string) string {
	args, _ := guest.ParseObject(r.call.Args)
	v := args.Raw(name)
	if v == nil {
		return "null"
	}
	properties, _ := guest.ParseObject(r.offer.Schema)
	var w guest.Writer
	named(&w, v, properties.Object(name))
	return string(w.Bytes())
}

// named writes what a schema names of a value.
func named(w *guest.Writer, v []byte, schema guest.Object) {
	switch v[0] {
	case '{':
		properties := schema.Object("properties")
		if len(properties.Keys()) == 0 {
			w.Raw(v)
			return
		}
		w.Obj()
		_ = guest.Members(v, func(k string, v []byte) {
			if properties.Has(k) {
				named(w.Key(k), v, properties.Object(k))
			}
		})
		w.End()
	case '[':
		items := schema.Object("items")
		w.Arr()
		_ = guest.Elements(v, func(v []byte) { named(w, v, items) })
		w.End()
	default:
		w.Raw(v)
	}
}

// pretty is raw with two blanks for each level, as many servers print JSON.
func (r *request) pretty(name string) (string, error) {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(r.raw(name)), "", "  "); err != nil {
		return "", fmt.Errorf("pretty: %w", err)
	}
	return b.String(), nil
}

// stream is what is drawn for a name: equal for equal names in one deployment,
// and of one name nothing is learned about another.
type stream struct {
	key  [32]byte
	n    uint64
	left []byte
}

// draw returns the stream of a name.
func (r *request) draw(name ...string) *stream {
	mac := hmac.New(sha256.New, binary.BigEndian.AppendUint64([]byte("killdeer persona file "), r.call.Seed))
	for _, part := range name {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		mac.Write([]byte(part))
	}
	return &stream{key: [32]byte(mac.Sum(nil))}
}

func (s *stream) bytes(n int) []byte {
	for len(s.left) < n {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(s.key[:], s.n))
		s.n++
		s.left = append(s.left, sum[:]...)
	}
	out := s.left[:n]
	s.left = s.left[n:]
	return out
}

// below draws a number in [0, n).
func (s *stream) below(n int64) int64 {
	if n <= 1 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(s.bytes(8)) % uint64(n))
}

func (r *request) pick(label string, from ...any) (any, error) {
	if len(from) == 1 {
		if list, ok := from[0].([]any); ok {
			from = list
		}
	}
	if len(from) == 0 {
		return nil, errors.New("pick: there is nothing to pick from")
	}
	return from[r.draw("pick", label).below(int64(len(from)))], nil
}

func (r *request) number(label string, low, high int64) (int64, error) {
	if high < low || high-low < 0 {
		return 0, fmt.Errorf("number: %d is below %d", high, low)
	}
	return low + r.draw("number", label).below(high-low+1), nil
}

func (r *request) hex(label string, digits int) (string, error) {
	if digits < 0 || digits > maxCount {
		return "", fmt.Errorf("hex: want 0 to %d digits, got %d", maxCount, digits)
	}
	return hex.EncodeToString(r.draw("hex", label).bytes((digits + 1) / 2))[:digits], nil
}

// uuid is a version 4 UUID, RFC 9562.
func uuid(s *stream) string {
	b := s.bytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
