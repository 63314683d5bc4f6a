package pgsql

import (
	"strings"
	"unicode/utf8"
)

// like resolves LIKE, ILIKE and SIMILAR TO.
func (s *scope) like(e *like) *typed {
	if e.similarTo {
		pat := expr(&call{at: e.at, name: []string{"similar_to_escape"}, args: present(e.pat, e.escape)})
		op := "~"
		if e.not {
			op = "!~"
		}
		return s.operator(op, e.where(), s.expr(e.x), s.expr(pat))
	}
	op := e.op
	if e.not {
		op = "!" + op
	}
	pat := s.expr(e.pat)
	if e.escape != nil {
		esc := s.coerce(s.known(s.expr(e.escape)), tText, noMod, false)
		pat = s.reescaped(s.known(pat), esc)
	}
	return s.operator(op, e.where(), s.expr(e.x), pat)
}

// reescaped turns the escape character of a pattern into a backslash.
func (s *scope) reescaped(pat, esc *typed) *typed {
	out := merge(&typed{t: tText, mod: noMod}, pat, esc)
	out.eval = func(f *frame) Value {
		p, c := pat.eval(f), esc.eval(f)
		if !p.ok || !c.ok {
			return Value{}
		}
		if utf8.RuneCountInString(c.s) > 1 {
			panic(&Error{Severity: "ERROR", Code: "22019", Message: "invalid escape string", Hint: "Escape string must be empty or one character."})
		}
		text := p.s
		if c.s != `\` {
			text = strings.ReplaceAll(text, `\`, `\\`)
			if c.s != "" {
				text = replaceEscapes(text, c.s)
			}
		}
		return textValue(text)
	}
	return out
}

func replaceEscapes(text, esc string) string {
	var b buffer
	for text != "" {
		if rest, ok := strings.CutPrefix(text, esc); ok && rest != "" {
			_, n := utf8.DecodeRuneInString(rest)
			b.put(`\` + rest[:n])
			text = rest[n:]
			continue
		}
		b.char(text[0])
		text = text[1:]
	}
	return b.String()
}

func (x *exec) likeOperator(op string) apply {
	want := op[0] != '!'
	fold := strings.HasSuffix(op, "*")
	return func(a, b Value) Value {
		s, p := a.s, b.s
		if fold {
			s, p = strings.ToLower(s), strings.ToLower(p)
		}
		x.spend(len(s)/16 + 1)
		return boolValue(x.likeMatch(s, p) == want)
	}
}

// likeMatch matches with % and _; going back is only ever needed to the last %.
func (x *exec) likeMatch(s, p string) bool {
	back, mark := -1, 0
	i, j := 0, 0
	for i < len(s) || j < len(p) {
		if j < len(p) {
			switch c := p[j]; {
			case c == '%':
				back, mark = j, i
				j++
				continue
			case i < len(s) && c == '_':
				_, n := utf8.DecodeRuneInString(s[i:])
				i, j = i+n, j+1
				continue
			case c == '\\' && j+1 == len(p):
				fail("22025", "LIKE pattern must not end with escape character")
			case c == '\\' && i < len(s) && p[j+1] == s[i]:
				i, j = i+1, j+2
				continue
			case c != '\\' && c != '_' && i < len(s) && c == s[i]:
				i, j = i+1, j+1
				continue
			}
		}
		if back < 0 || mark >= len(s) {
			return false
		}
		x.spend(1)
		mark++
		i, j = mark, back+1
	}
	return true
}

func (x *exec) matchOperator(op string) apply {
	want := op[0] != '!'
	flags := ""
	if strings.HasSuffix(op, "*") {
		flags = "i"
	}
	cache := regexCache{}
	return func(a, b Value) Value {
		re := cache.get(b.s, flags)
		return boolValue((re.find(x, a.s, 0) != nil) == want)
	}
}

// regexCache keeps the last expression.
type regexCache struct {
	key string
	re  *regex
}

func (c *regexCache) get(pattern, flags string) *regex {
	if key := flags + "/" + pattern; c.re == nil || c.key != key {
		c.key, c.re = key, compileRegex(pattern, flags)
	}
	return c.re
}

// similarPattern turns a pattern of SIMILAR TO into a regular expression.
func similarPattern(p string, esc string) string {
	var b buffer
	b.put("^(?:")
	inClass := false
	for p != "" {
		if rest, ok := strings.CutPrefix(p, esc); ok && esc != "" && rest != "" {
			_, n := utf8.DecodeRuneInString(rest)
			b.put(`\` + rest[:n])
			p = rest[n:]
			continue
		}
		switch c := p[0]; {
		case inClass:
			b.char(c)
			inClass = c != ']'
		case c == '[':
			inClass = true
			b.char(c)
		case c == '%':
			b.put(".*")
		case c == '_':
			b.char('.')
		case c == '(':
			b.put("(?:")
		case c == '\\' || c == '.' || c == '^' || c == '$':
			b.put(`\` + p[:1])
		default:
			b.char(c)
		}
		p = p[1:]
	}
	b.put(")$")
	return b.String()
}
