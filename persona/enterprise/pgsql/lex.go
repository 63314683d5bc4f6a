package pgsql

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// tokenKind tells tokens apart.
type tokenKind byte

const (
	tokEnd    tokenKind = iota
	tokWord             // an identifier or keyword, folded to lower case
	tokQuoted           // a quoted identifier
	tokString
	tokNumber
	tokOp // an operator or punctuation
	tokParam
	tokBits
)

type token struct {
	kind tokenKind
	text string // decoded
	at   int    // offset of the first byte
	end  int
}

// Limits of a text.
const (
	maxText   = 64 << 10
	maxTokens = 8192
)

// lexer splits a text into tokens as the server's scanner does.
type lexer struct {
	src string
	pos int
	out []token
}

func lex(src string) []token {
	l := lexer{src: src}
	if len(src) > maxText {
		fail(codeMemory, "out of memory")
	}
	if found := strings.Contains(src, "\x00"); found || !utf8.ValidString(src) {
		fail("22021", `invalid byte sequence for encoding "UTF8": 0x`+badBytes(src))
	}
	for l.next() {
		if len(l.out) > maxTokens {
			fail(codeTooComplex, "stack depth limit exceeded")
		}
	}
	return append(l.out, token{at: len(src), end: len(src)})
}

func badBytes(s string) string {
	for i, r := range s {
		if r == 0 {
			return "00"
		}
		if r == utf8.RuneError {
			return hexText(s[i : i+1])
		}
	}
	return "00"
}

//go:noinline
func (l *lexer) add(kind tokenKind, text string, at int) {
	l.out = append(l.out, token{kind, text, at, l.pos})
}

func (l *lexer) bad(what string, at int) {
	failAt(at, codeSyntax, what+` at or near "`+l.src[at:]+`"`)
}

//go:noinline
func wordStart(c byte) bool {
	return c == '_' || c >= utf8.RuneSelf || c|0x20 >= 'a' && c|0x20 <= 'z'
}

//go:noinline
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func wordPart(c byte) bool { return wordStart(c) || isDigit(c) || c == '$' }

//go:noinline
func (l *lexer) peek(n int) byte {
	if l.pos+n < len(l.src) {
		return l.src[l.pos+n]
	}
	return 0
}

func (l *lexer) next() bool {
	l.blank()
	if l.pos >= len(l.src) {
		return false
	}
	at, c := l.pos, l.src[l.pos]
	switch {
	case (c|0x20 == 'e' || c|0x20 == 'n') && l.peek(1) == '\'':
		l.pos++
		l.str(at, c|0x20 == 'e')
	case (c|0x20 == 'b' || c|0x20 == 'x') && l.peek(1) == '\'':
		l.pos++
		l.str(at, false)
		l.out[len(l.out)-1].kind = tokBits
	case wordStart(c):
		for l.pos < len(l.src) && wordPart(l.src[l.pos]) {
			l.pos++
		}
		l.add(tokWord, clip(strings.ToLower(l.src[at:l.pos])), at)
	case c == '"':
		l.quoted(at)
	case c == '\'':
		l.str(at, false)
	case c == '$':
		l.dollar(at)
	case isDigit(c) || c == '.' && isDigit(l.peek(1)):
		l.number(at)
	default:
		l.operator(at)
	}
	return true
}

// clip cuts a name to what the server keeps of it.
func clip(name string) string {
	if len(name) <= 63 {
		return name
	}
	return strings.ToValidUTF8(name[:63], "")
}

// blank skips white space and comments, which nest.
func (l *lexer) blank() {
	for l.pos < len(l.src) {
		switch {
		case strings.IndexByte(" \t\n\r\f\v", l.src[l.pos]) >= 0:
			l.pos++
		case strings.HasPrefix(l.src[l.pos:], "--"):
			end := strings.IndexByte(l.src[l.pos:], '\n')
			if end < 0 {
				end = len(l.src) - l.pos
			}
			l.pos += end
		case strings.HasPrefix(l.src[l.pos:], "/*"):
			l.comment()
		default:
			return
		}
	}
}

func (l *lexer) comment() {
	start, depth := l.pos, 0
	for l.pos < len(l.src) {
		switch {
		case strings.HasPrefix(l.src[l.pos:], "/*"):
			depth++
			l.pos += 2
		case strings.HasPrefix(l.src[l.pos:], "*/"):
			depth--
			if l.pos += 2; depth == 0 {
				return
			}
		default:
			l.pos++
		}
	}
	l.bad("unterminated /* comment", start)
}

func (l *lexer) quoted(at int) {
	var b buffer
	for l.pos++; ; l.pos++ {
		switch {
		case l.pos >= len(l.src):
			l.bad("unterminated quoted identifier", at)
		case l.src[l.pos] != '"':
			b.char(l.src[l.pos])
			continue
		case l.peek(1) == '"':
			b.char('"')
			l.pos++
			continue
		}
		l.pos++
		if b.Len() == 0 {
			l.bad("zero-length delimited identifier", at)
		}
		l.add(tokQuoted, clip(b.String()), at)
		return
	}
}

// str reads a string; two that are apart by a line break are one.
func (l *lexer) str(at int, escapes bool) {
	var b buffer
	for l.pos++; ; l.pos++ {
		if l.pos >= len(l.src) {
			l.bad("unterminated quoted string", at)
		}
		c := l.src[l.pos]
		switch {
		case escapes && c == '\\' && l.pos+1 < len(l.src):
			l.escape(&b)
			continue
		case c != '\'':
			b.char(c)
			continue
		case l.peek(1) == '\'':
			b.char('\'')
			l.pos++
			continue
		}
		l.pos++
		save := l.pos
		l.blank()
		if l.pos < len(l.src) && l.src[l.pos] == '\'' && strings.Contains(l.src[save:l.pos], "\n") {
			continue
		}
		l.pos = save
		l.add(tokString, b.String(), at)
		return
	}
}

func (l *lexer) escape(b *buffer) {
	l.pos++
	c := l.src[l.pos]
	if i := strings.IndexByte("bfnrt", c); i >= 0 {
		b.char("\b\f\n\r\t"[i])
		return
	}
	size, base := 0, 16
	switch {
	case c == 'x':
		size = l.run(2, "0123456789abcdefABCDEF", 1)
	case c == 'u':
		size = 4
	case c == 'U':
		size = 8
	case c >= '0' && c <= '7':
		size, base = l.run(3, "01234567", 0), 8
		l.pos--
	}
	if size == 0 || l.pos+1+size > len(l.src) {
		b.char(c)
		return
	}
	n, err := strconv.ParseUint(l.src[l.pos+1:l.pos+1+size], base, 32)
	if err != nil || n == 0 {
		failAt(l.pos-1, "22025", "invalid Unicode escape")
	}
	l.pos += size
	switch {
	case c == 'u' || c == 'U':
		b.rune(rune(n))
	case n < utf8.RuneSelf:
		b.char(byte(n))
	default:
		fail("22021", `invalid byte sequence for encoding "UTF8": 0x`+strconv.FormatUint(n, 16))
	}
}

// run counts characters of a set, from offset on, most at most.
func (l *lexer) run(most int, set string, offset int) int {
	n := 0
	for n < most && l.pos+offset+n < len(l.src) && strings.IndexByte(set, l.src[l.pos+offset+n]) >= 0 {
		n++
	}
	return n
}

// dollar reads $1, $$text$$ or $tag$text$tag$.
func (l *lexer) dollar(at int) {
	end := l.pos + 1
	for end < len(l.src) && wordPart(l.src[end]) && l.src[end] != '$' {
		end++
	}
	if end > l.pos+1 && isDigit(l.src[l.pos+1]) {
		l.pos = end
		l.add(tokParam, l.src[at+1:end], at)
		return
	}
	if end >= len(l.src) || l.src[end] != '$' {
		l.bad("syntax error", at)
	}
	tag := l.src[at : end+1]
	body, _, ok := strings.Cut(l.src[end+1:], tag)
	if !ok {
		l.bad("unterminated dollar-quoted string", at)
	}
	l.pos = end + 1 + len(body) + len(tag)
	l.add(tokString, body, at)
}

func (l *lexer) number(at int) {
	for isDigit(l.peek(0)) {
		l.pos++
	}
	if l.peek(0) == '.' && l.peek(1) != '.' {
		for l.pos++; isDigit(l.peek(0)); {
			l.pos++
		}
	}
	if c := l.peek(0); c|0x20 == 'e' {
		sign := 1
		if l.peek(1) == '+' || l.peek(1) == '-' {
			sign = 2
		}
		if isDigit(l.peek(sign)) {
			for l.pos += sign; isDigit(l.peek(0)); {
				l.pos++
			}
		}
	}
	if wordStart(l.peek(0)) {
		end := l.pos
		for end < len(l.src) && wordPart(l.src[end]) {
			end++
		}
		failAt(at, codeSyntax, `trailing junk after numeric literal at or near "`+l.src[at:end]+`"`)
	}
	l.add(tokNumber, l.src[at:l.pos], at)
}

const opChars = "+-*/<>=~!@#%^&|`?"

func (l *lexer) operator(at int) {
	c := l.src[at]
	if strings.IndexByte(opChars, c) < 0 {
		l.pos++
		if c == ':' && (l.peek(0) == ':' || l.peek(0) == '=') || c == '.' && l.peek(0) == '.' {
			l.pos++
		}
		if strings.IndexByte("()[],;.:", c) < 0 {
			failAt(at, codeSyntax, `syntax error at or near "`+l.src[at:l.pos]+`"`)
		}
		l.add(tokOp, l.src[at:l.pos], at)
		return
	}
	end := at
	for end < len(l.src) && strings.IndexByte(opChars, l.src[end]) >= 0 && !strings.HasPrefix(l.src[end:], "--") && !strings.HasPrefix(l.src[end:], "/*") {
		end++
	}
	// A sign at the end belongs to what follows, unless the operator is unusual.
	for end > at+1 && (l.src[end-1] == '+' || l.src[end-1] == '-') && !strings.ContainsAny(l.src[at:end-1], "~!@#%^&|`?") {
		end--
	}
	l.pos = end
	op := l.src[at:end]
	if op == "!=" {
		op = "<>"
	}
	l.add(tokOp, op, at)
}
