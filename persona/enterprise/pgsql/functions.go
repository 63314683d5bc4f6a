package pgsql

import (
	"math"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// entry is one line of a catalogue. Lists, unlike maps, need no code to be made.
type entry[T any] struct {
	name string
	work T
}

func byName[T any](lists ...[]entry[T]) map[string]T {
	m := map[string]T{}
	for _, list := range lists {
		for _, e := range list {
			m[e.name] = e.work
		}
	}
	return m
}

// functions are the implementations by name; their signatures are facts. One
// implementation serves all overloads.
var functions = sync.OnceValue(func() map[string]impl {
	return byName(textFunctions, mathFunctions, timeFunctions, jsonFunctions, systemFunctions, arrayFunctions, patternFunctions)
})

var (
	setFunctions = sync.OnceValue(func() map[string]setImpl { return byName(setFunctionList) })
	aggregates   = sync.OnceValue(func() map[string]func(*env) accumulator { return byName(aggregateList) })
)

var textFunctions = []entry[impl]{
	{"length", func(c *env, v []Value) Value { return intValue(int64(textLength(c, v[0]))) }},
	{"char_length", func(c *env, v []Value) Value { return intValue(int64(textLength(c, v[0]))) }},
	{"character_length", func(c *env, v []Value) Value { return intValue(int64(textLength(c, v[0]))) }},
	{"octet_length", func(_ *env, v []Value) Value { return intValue(int64(len(v[0].s))) }},
	{"bit_length", func(_ *env, v []Value) Value { return intValue(int64(len(v[0].s)) * 8) }},
	{"lower", func(_ *env, v []Value) Value { return textValue(strings.ToLower(v[0].s)) }},
	{"upper", func(_ *env, v []Value) Value { return textValue(strings.ToUpper(v[0].s)) }},
	{"initcap", func(_ *env, v []Value) Value { return textValue(initcap(v[0].s)) }},
	{"btrim", func(_ *env, v []Value) Value { return textValue(strings.Trim(v[0].s, trimSet(v))) }},
	{"ltrim", func(_ *env, v []Value) Value { return textValue(strings.TrimLeft(v[0].s, trimSet(v))) }},
	{"rtrim", func(_ *env, v []Value) Value { return textValue(strings.TrimRight(v[0].s, trimSet(v))) }},
	{"substr", substr},
	{"substring", substr},
	{"left", func(_ *env, v []Value) Value { return textValue(left(v[0].s, v[1].n)) }},
	{"right", func(_ *env, v []Value) Value { return textValue(right(v[0].s, v[1].n)) }},
	{"strpos", func(_ *env, v []Value) Value { return strpos(v[0].s, v[1].s) }},
	{"position", func(_ *env, v []Value) Value { return strpos(v[0].s, v[1].s) }},
	{"replace", func(c *env, v []Value) Value {
		if v[1].s == "" {
			return v[0]
		}
		c.x.room(int64(len(v[0].s)) + int64(strings.Count(v[0].s, v[1].s)*len(v[2].s)))
		return textValue(strings.ReplaceAll(v[0].s, v[1].s, v[2].s))
	}},
	{"translate", func(_ *env, v []Value) Value { return textValue(translate(v[0].s, []rune(v[1].s), []rune(v[2].s))) }},
	{"repeat", func(c *env, v []Value) Value {
		n := max(v[1].n, 0)
		if len(v[0].s) == 0 {
			return v[0]
		}
		c.x.room(n * int64(len(v[0].s)))
		return textValue(strings.Repeat(v[0].s, int(n)))
	}},
	{"reverse", func(_ *env, v []Value) Value {
		r := []rune(v[0].s)
		slices.Reverse(r)
		return textValue(string(r))
	}},
	{"lpad", func(c *env, v []Value) Value { return pad(c, v, true) }},
	{"rpad", func(c *env, v []Value) Value { return pad(c, v, false) }},
	{"split_part", splitPart},
	{"ascii", func(_ *env, v []Value) Value {
		r, n := utf8.DecodeRuneInString(v[0].s)
		if n == 0 {
			r = 0
		}
		return intValue(int64(r))
	}},
	{"chr", chr},
	{"concat", func(c *env, v []Value) Value { return concatAll(c, v, "") }},
	{"concat_ws", func(c *env, v []Value) Value { return concatWS(c, v) }},
	{"starts_with", func(_ *env, v []Value) Value { return boolValue(strings.HasPrefix(v[0].s, v[1].s)) }},
	{"md5", func(_ *env, v []Value) Value { return textValue(md5Text(v[0].s)) }},
	{"to_hex", toHex},
	{"quote_ident", func(_ *env, v []Value) Value { return textValue(quoteIdent(v[0].s)) }},
	{"quote_literal", func(c *env, v []Value) Value { return textValue(quoteLiteral(c.x.shown(c.types[0], v[0]))) }},
	{"quote_nullable", quoteNullable},
	{"overlay", overlay},
	{"format", formatFunction},
	{"encode", encode},
	{"decode", decode},
	{"text", func(c *env, v []Value) Value { return textValue(c.x.shown(c.types[0], v[0])) }},
	{"normalize", func(_ *env, v []Value) Value { return v[0] }},
	{"string_to_array", func(c *env, v []Value) Value {
		if !v[0].ok {
			return Value{}
		}
		return arrayValue(tText, splitText(v))
	}},
}

func textLength(c *env, v Value) int {
	switch c.types[0] {
	case tBytea:
		return len(v.s)
	case tBpchar:
		return utf8.RuneCountInString(trimSpaces(v.s))
	}
	return utf8.RuneCountInString(v.s)
}

func trimSet(v []Value) string {
	if len(v) > 1 {
		return v[1].s
	}
	return " "
}

func initcap(s string) string {
	var b buffer
	inside := false
	for _, r := range s {
		if inside {
			b.put(strings.ToLower(string(r)))
		} else {
			b.put(strings.ToUpper(string(r)))
		}
		inside = isWord(r) && r != '_'
	}
	return b.String()
}

func substr(c *env, v []Value) Value {
	if c.types[1].Cat == 'S' {
		return substringRegex(c, v)
	}
	from, to := v[1].n, int64(math.MaxInt32)
	if len(v) > 2 {
		if v[2].n < 0 {
			fail("22011", "negative substring length not allowed")
		}
		to = from + v[2].n
	}
	from = max(from, 1)
	if to <= from {
		return textValue("")
	}
	if c.types[0] == tBytea {
		n := int64(len(v[0].s))
		return textValue(v[0].s[min(from-1, n):min(to-1, n)])
	}
	start := byteOffset(v[0].s, int(min(from-1, 1<<30)))
	rest := v[0].s[start:]
	return textValue(rest[:byteOffset(rest, int(min(to-from, 1<<30)))])
}

func left(s string, n int64) string {
	if n < 0 {
		n = max(int64(utf8.RuneCountInString(s))+n, 0)
	}
	return s[:byteOffset(s, int(min(n, 1<<30)))]
}

func right(s string, n int64) string {
	have := int64(utf8.RuneCountInString(s))
	if n < 0 {
		return s[byteOffset(s, int(min(-n, have))):]
	}
	return s[byteOffset(s, int(max(have-n, 0))):]
}

func strpos(s, sub string) Value {
	before, _, ok := strings.Cut(s, sub)
	if !ok {
		return intValue(0)
	}
	return intValue(int64(utf8.RuneCountInString(before) + 1))
}

func translate(s string, from, to []rune) string {
	return strings.Map(func(r rune) rune {
		i := slices.Index(from, r)
		switch {
		case i < 0:
			return r
		case i < len(to):
			return to[i]
		}
		return -1
	}, s)
}

func pad(c *env, v []Value, before bool) Value {
	fill := " "
	if len(v) > 2 {
		fill = v[2].s
	}
	n := v[1].n
	c.x.room(n)
	have := int64(utf8.RuneCountInString(v[0].s))
	if have >= n || fill == "" {
		return textValue(left(v[0].s, max(min(n, have), 0)))
	}
	need := int(n - have)
	size := utf8.RuneCountInString(fill)
	padding := left(strings.Repeat(fill, need/size+1), int64(need))
	if before {
		return textValue(padding + v[0].s)
	}
	return textValue(v[0].s + padding)
}

func splitPart(_ *env, v []Value) Value {
	n := v[2].n
	if n == 0 {
		fail(codeBadArgument, "field position must not be zero")
	}
	parts := []string{v[0].s}
	if v[1].s != "" {
		parts = strings.Split(v[0].s, v[1].s)
	}
	if n < 0 {
		n += int64(len(parts)) + 1
	}
	if v[0].s == "" || n < 1 || n > int64(len(parts)) {
		return textValue("")
	}
	return textValue(parts[n-1])
}

func chr(_ *env, v []Value) Value {
	switch n := v[0].n; {
	case n == 0:
		fail(codeTooLarge, "null character not permitted")
	case n < 0:
		fail(codeTooLarge, "character number must be positive")
	case n > utf8.MaxRune || !utf8.ValidRune(rune(n)):
		fail(codeTooLarge, "requested character too large for encoding: "+intText(n))
	}
	return textValue(string(rune(v[0].n)))
}

func concatAll(c *env, v []Value, sep string) Value {
	var b buffer
	first := true
	for i, item := range v {
		if !item.ok {
			continue
		}
		if !first {
			b.put(sep)
		}
		first = false
		b.put(c.x.output(c.types[i], item))
	}
	c.x.room(int64(b.Len()))
	return textValue(b.String())
}

func concatWS(c *env, v []Value) Value {
	if !v[0].ok {
		return Value{}
	}
	rest := *c
	rest.types = c.types[1:]
	return concatAll(&rest, v[1:], v[0].s)
}

func toHex(c *env, v []Value) Value {
	n := uint64(v[0].n)
	if c.types[0] == tInt4 {
		n = uint64(uint32(n))
	}
	if n == 0 {
		return textValue("0")
	}
	s := ""
	for ; n > 0; n >>= 4 {
		s = hexAlphabet[n&15:n&15+1] + s
	}
	return textValue(s)
}

// quoteIdent quotes a name where it has to be.
func quoteIdent(s string) string {
	plain := s != "" && (s[0] == '_' || s[0] >= 'a' && s[0] <= 'z')
	for i := range len(s) {
		c := s[i]
		plain = plain && (c == '_' || c >= 'a' && c <= 'z' || isDigit(c))
	}
	if plain && !inWords(reserved, s) && !inWords(typeWords, s) && !inWords(columnWords, s) {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

func quoteLiteral(s string) string {
	q := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return "E" + strings.ReplaceAll(q, `\`, `\\`)
	}
	return q
}

func quoteNullable(c *env, v []Value) Value {
	if !v[0].ok {
		return textValue("NULL")
	}
	return textValue(quoteLiteral(c.x.shown(c.types[0], v[0])))
}

func overlay(_ *env, v []Value) Value {
	n := int64(utf8.RuneCountInString(v[1].s))
	if len(v) > 3 {
		n = v[3].n
	}
	if v[2].n <= 0 {
		fail("22011", "negative substring length not allowed")
	}
	return textValue(left(v[0].s, v[2].n-1) + v[1].s + v[0].s[byteOffset(v[0].s, int(min(max(v[2].n-1+n, 0), 1<<30))):])
}
