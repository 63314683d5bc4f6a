package guest

import (
	"errors"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

var errJSON = errors.New("not one JSON value")

// Object is a JSON object, read member by member without building a tree. The
// values are slices of the input.
type Object struct{ members []member }

// member is one of an object: its key as it is spelled, quotes included, and its value.
type member struct{ key, value []byte }

// is reports whether the member has a key. Escapes only make a spelling longer.
func (m member) is(key string) bool {
	spelled := m.key[1 : len(m.key)-1]
	if len(spelled) <= len(key) {
		return string(spelled) == key && !escaped(spelled)
	}
	return escaped(spelled) && String(m.key) == key
}

// ParseObject splits a JSON object into its members. Of a repeated key the last
// one counts. Nesting beyond [MaxDepth] is an error.
func ParseObject(b []byte) (Object, error) {
	const few = 4 // members, of most objects
	o := Object{members: make([]member, 0, few)}
	err := members(b, func(k, v []byte) { o.members = append(o.members, member{k, v}) })
	return o, err
}

// Has reports whether the member is there and not null.
func (o Object) Has(key string) bool {
	v := o.Raw(key)
	return v != nil && v[0] != 'n'
}

// Raw returns the member's value as it stands, nil when it is absent.
func (o Object) Raw(key string) []byte {
	for _, m := range slices.Backward(o.members) {
		if m.is(key) {
			return m.value
		}
	}
	return nil
}

// Str returns the member's string, "" when it is absent or no string.
func (o Object) Str(key string) string { return String(o.Raw(key)) }

// Int returns the member's number truncated to an integer, def when it is
// absent or no number. Numbers beyond int64 saturate.
func (o Object) Int(key string, def int64) int64 { return integer(o.Raw(key), def) }

func integer(v []byte, def int64) int64 {
	if len(v) == 0 || (v[0] != '-' && (v[0] < '0' || v[0] > '9')) {
		return def
	}
	if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
		return n
	}
	f, err := strconv.ParseFloat(string(v), 64)
	switch {
	case err != nil && f == 0:
		return def
	case f >= 1<<63:
		return 1<<63 - 1
	case f <= -1<<63:
		return -1 << 63
	}
	return int64(f)
}

// Bool returns the member's boolean, false when it is absent or no boolean.
func (o Object) Bool(key string) bool {
	v := o.Raw(key)
	return len(v) > 0 && v[0] == 't'
}

// Object returns the member as an object, empty when it is absent or none.
func (o Object) Object(key string) Object {
	sub, err := ParseObject(o.Raw(key))
	if err != nil {
		return Object{}
	}
	return sub
}

// Keys returns the names of the members in the order they were written.
func (o Object) Keys() []string {
	keys := make([]string, len(o.members))
	for i, m := range o.members {
		keys[i] = String(m.key)
	}
	return keys
}

// Members calls f for each member of the JSON object b.
func Members(b []byte, f func(key string, value []byte)) error {
	return members(b, func(k, v []byte) { f(String(k), v) })
}

// members is Members with the keys as they are spelled, quotes included, for
// callers to whom an allocation per key matters.
func members(b []byte, f func(key, value []byte)) error {
	i, err := walk(b, space(b, 0), func(key []byte, i int) (int, error) {
		j, err := skip(b, i, 1)
		if err == nil {
			f(key, b[i:j])
		}
		return j, err
	})
	if err != nil {
		return err
	}
	return end(b, i)
}

// walk reads the object at b[i] and returns the index after it. It calls f with
// each key as it is spelled and with the index of its value; f returns the index
// after the value. So an f that walks on reads the value once, not twice.
func walk(b []byte, i int, f func(key []byte, i int) (int, error)) (int, error) {
	if i >= len(b) || b[i] != '{' {
		return 0, errJSON
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return 0, errJSON
		}
		k := stringEnd(b, i)
		if k < 0 {
			return 0, errJSON
		}
		key := b[i:k]
		i = space(b, k)
		if i >= len(b) || b[i] != ':' {
			return 0, errJSON
		}
		j, err := f(key, space(b, i+1))
		if err != nil {
			return 0, err
		}
		i = space(b, j)
		if i >= len(b) || (b[i] != ',' && b[i] != '}') {
			return 0, errJSON
		}
		if b[i] == '}' {
			return i + 1, nil
		}
		i = space(b, i+1)
	}
}

// Elements calls f for each element of the JSON array b.
func Elements(b []byte, f func(value []byte)) error {
	i := space(b, 0)
	if i >= len(b) || b[i] != '[' {
		return errJSON
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return end(b, i+1)
	}
	for {
		j, err := skip(b, i, 1)
		if err != nil {
			return err
		}
		f(b[i:j])
		i = space(b, j)
		if i >= len(b) || (b[i] != ',' && b[i] != ']') {
			return errJSON
		}
		if b[i] == ']' {
			return end(b, i+1)
		}
		i = space(b, i+1)
	}
}

// Strings returns the strings of a JSON array, others left out.
func Strings(b []byte) []string {
	var out []string
	_ = Elements(b, func(v []byte) {
		if len(v) > 0 && v[0] == '"' {
			out = append(out, String(v))
		}
	})
	return out
}

func end(b []byte, i int) error {
	if space(b, i) != len(b) {
		return errJSON
	}
	return nil
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skip returns the index after the value that starts at i. It checks structure,
// not the spelling of literals: the host has validated the document.
func skip(b []byte, i, depth int) (int, error) {
	if i >= len(b) || depth > MaxDepth {
		return 0, errJSON
	}
	switch b[i] {
	case '"':
		if j := stringEnd(b, i); j > 0 {
			return j, nil
		}
		return 0, errJSON
	case '{', '[':
		return skipNested(b, i, depth)
	}
	j := i
	for j < len(b) && b[j] > ' ' && b[j] != ',' && b[j] != '}' && b[j] != ']' && b[j] != ':' {
		j++
	}
	if j == i {
		return 0, errJSON
	}
	return j, nil
}

func skipNested(b []byte, i, depth int) (int, error) {
	open, closing := 0, 0
	for j := i; j < len(b); j++ {
		switch b[j] {
		case '"':
			k, err := skip(b, j, depth)
			if err != nil {
				return 0, err
			}
			j = k - 1
		case '{', '[':
			if open++; depth+open-closing > MaxDepth {
				return 0, errJSON
			}
		case '}', ']':
			closing++
		}
		if open == closing {
			return j + 1, nil
		}
	}
	return 0, errJSON
}

// String decodes a JSON string; anything else gives "". A lone surrogate
// becomes U+FFFD.
func String(v []byte) string {
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		return ""
	}
	v = v[1 : len(v)-1]
	for i, c := range v {
		if c == '\\' {
			return unescape(v, i)
		}
	}
	return string(v)
}

func unescape(v []byte, i int) string {
	out := append(make([]byte, 0, len(v)), v[:i]...)
	for i < len(v) {
		c := v[i]
		i++
		if c != '\\' || i >= len(v) {
			out = append(out, c)
			continue
		}
		c = v[i]
		i++
		switch c {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			r := hex4(v, i)
			i += 4
			if utf16.IsSurrogate(r) {
				low := rune(utf8.RuneError)
				if i+1 < len(v) && v[i] == '\\' && v[i+1] == 'u' {
					low = hex4(v, i+2)
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

func hex4(v []byte, i int) rune {
	if i+4 > len(v) {
		return utf8.RuneError
	}
	n, err := strconv.ParseUint(string(v[i:i+4]), 16, 32)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}
