package pgsql

import "strings"

// formatFunction is format(): %s, %I, %L with positions.
func formatFunction(c *env, v []Value) Value {
	if !v[0].ok {
		return Value{}
	}
	var b buffer
	next, s := 1, v[0].s
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.char(s[i])
			continue
		}
		if i++; i < len(s) && s[i] == '%' {
			b.char('%')
			continue
		}
		start := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		if i < len(s) && s[i] == '$' {
			next, _ = digits(s[start:i])
			i++
		}
		if i >= len(s) {
			panic(&Error{Severity: "ERROR", Code: codeBadArgument, Message: "unterminated format() type specifier", Hint: `For a single "%" use "%%".`})
		}
		if strings.IndexByte("sIL", s[i]) < 0 {
			panic(&Error{Severity: "ERROR", Code: codeBadArgument, Message: `unrecognized format() type specifier "` + s[i:i+1] + `"`, Hint: `For a single "%" use "%%".`})
		}
		if next >= len(v) || next < 1 {
			fail(codeBadArgument, "too few arguments for format()")
		}
		b.put(formatted(c, s[i], c.types[next], v[next]))
		next++
	}
	return textValue(b.String())
}

func formatted(c *env, verb byte, t *Type, v Value) string {
	switch {
	case !v.ok && verb == 'L':
		return "NULL"
	case !v.ok && verb == 'I':
		fail("22004", "null values cannot be formatted as an SQL identifier")
	case !v.ok:
		return ""
	}
	text := c.x.output(t, v)
	switch verb {
	case 'I':
		return quoteIdent(text)
	case 'L':
		return quoteLiteral(text)
	}
	return text
}

func encode(_ *env, v []Value) Value {
	switch strings.ToLower(v[1].s) {
	case "hex":
		return textValue(hexText(v[0].s))
	case "base64":
		return textValue(base64Lines(v[0].s))
	case "escape":
		return textValue(escapeBytes(v[0].s))
	}
	fail(codeBadArgument, `unrecognized encoding: "`+v[1].s+`"`)
	return Value{}
}

func decode(_ *env, v []Value) Value {
	switch strings.ToLower(v[1].s) {
	case "hex":
		out, bad := unhex(v[0].s)
		if bad != "" {
			fail(codeBadArgument, bad)
		}
		return textValue(out)
	case "base64":
		return textValue(unbase64(v[0].s))
	case "escape":
		return inputBytes(v[0].s)
	}
	fail(codeBadArgument, `unrecognized encoding: "`+v[1].s+`"`)
	return Value{}
}

func escapeBytes(s string) string {
	var b buffer
	for i := range len(s) {
		switch c := s[i]; {
		case c == 0 || c >= 0x80:
			b.put(`\` + string([]byte{'0' + c>>6, '0' + c>>3&7, '0' + c&7}))
		case c == '\\':
			b.put(`\\`)
		default:
			b.char(c)
		}
	}
	return b.String()
}

func splitText(v []Value) []Value {
	var parts []string
	switch {
	case v[0].s == "":
		return nil
	case !v[1].ok:
		parts = strings.Split(v[0].s, "")
	case v[1].s == "":
		parts = []string{v[0].s}
	default:
		parts = strings.Split(v[0].s, v[1].s)
	}
	var out []Value
	for _, p := range parts {
		if len(v) > 2 && v[2].ok && p == v[2].s {
			out = append(out, Value{})
			continue
		}
		out = append(out, textValue(p))
	}
	return out
}
