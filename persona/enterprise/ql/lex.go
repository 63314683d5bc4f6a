package ql

import (
	"strings"
	"unicode/utf8"
)

// kind says what a lexeme is. A mark's kind is its character.
type kind byte

const (
	end      kind = 0
	word     kind = 'w' // bare text: names, numbers, dates
	quoted   kind = 'q' // a string
	ident    kind = 'i' // a quoted name
	operator kind = 'o'
)

// lexeme is one token. Text of strings and names is without quotes and escapes.
type lexeme struct {
	kind    kind
	text    string
	pos, to int // where it stands in the query
}

// is reports whether the lexeme is a bare word, without regard to case.
func (l *lexeme) is(w string) bool { return l.kind == word && strings.EqualFold(l.text, w) }

// mark reports whether the lexeme is a mark or an operator.
func (l *lexeme) mark(s string) bool { return l.kind != quoted && l.kind != ident && l.text == s }

// dialect is how a language is split.
type dialect struct {
	strings string   // quotes of strings
	ident   byte     // the quote of names, 0 for none
	marks   string   // characters that stand alone
	ops     []string // longer ones first
	doubled bool     // a doubled quote stands for itself
	escapes string   // what may follow a backslash in a string, "" for no escapes; u is four digits
	comment bool     // -- and // to the end of the line, /* */
}

// fault is why a text could not be split.
type fault struct {
	why  byte // 'q' a string without an end, 'e' an escape that is none, 'n' too many tokens
	pos  int
	text string
}

// split cuts a query into lexemes.
func (d *dialect) split(s string) ([]lexeme, *fault) {
	var out []lexeme
	for i := 0; i < len(s); {
		if i = d.blank(s, i); i >= len(s) {
			break
		}
		if len(out) == maxTokens {
			return nil, &fault{'n', i, ""}
		}
		l, f := d.next(s, i)
		if f != nil {
			return nil, f
		}
		out = append(out, l)
		i = l.to
	}
	return out, nil
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// blank skips white space and comments.
func (d *dialect) blank(s string, i int) int {
	for i < len(s) {
		rest := s[i:]
		switch {
		case isSpace(s[i]):
			i++
		case d.comment && (strings.HasPrefix(rest, "--") || strings.HasPrefix(rest, "//")):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				return len(s)
			}
			i += n
		case d.comment && strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest, "*/")
			if n < 0 {
				return len(s)
			}
			i += n + 2
		default:
			return i
		}
	}
	return i
}

func (d *dialect) next(s string, i int) (lexeme, *fault) {
	c := s[i]
	switch {
	case strings.IndexByte(d.strings, c) >= 0:
		return d.quotedText(s, i, quoted)
	case c == d.ident && c != 0:
		return d.quotedText(s, i, ident)
	case strings.IndexByte(d.marks, c) >= 0:
		return lexeme{kind(c), s[i : i+1], i, i + 1}, nil
	}
	if op := d.operator(s[i:]); op != "" {
		return lexeme{operator, op, i, i + len(op)}, nil
	}
	to := i + 1
	for to < len(s) && !isSpace(s[to]) && strings.IndexByte(d.strings, s[to]) < 0 && strings.IndexByte(d.marks, s[to]) < 0 && d.operator(s[to:]) == "" {
		to++
	}
	return lexeme{word, s[i:to], i, to}, nil
}

func (d *dialect) operator(s string) string {
	for _, op := range d.ops {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	return ""
}

func (d *dialect) quotedText(s string, start int, k kind) (lexeme, *fault) {
	quote := s[start]
	var b strings.Builder
	for i := start + 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote && d.doubled && i+1 < len(s) && s[i+1] == quote:
			b.WriteByte(c)
			i++
		case c == quote:
			return lexeme{k, b.String(), start, i + 1}, nil
		case c == '\\' && d.escapes != "" && i+1 < len(s):
			n, ok := d.escape(&b, s[i+1:])
			if !ok {
				_, size := utf8.DecodeRuneInString(s[i+1:])
				return lexeme{}, &fault{'e', i, s[i : i+1+size]}
			}
			i += n
		default:
			b.WriteByte(c)
		}
	}
	return lexeme{}, &fault{'q', start, b.String()}
}

// escape writes what the text after a backslash stands for, and returns how much
// of it that was.
func (d *dialect) escape(b *strings.Builder, s string) (int, bool) {
	if strings.IndexByte(d.escapes, s[0]) < 0 {
		return 0, false
	}
	switch s[0] {
	case 'n':
		b.WriteByte('\n')
	case 't':
		b.WriteByte('\t')
	case 'r':
		b.WriteByte('\r')
	case 'b', 'f':
		b.WriteByte(' ')
	case '%', '_': // for the pattern to see
		b.WriteByte('\\')
		b.WriteByte(s[0])
	case 'u':
		r, ok := hex4(s[1:])
		if !ok {
			return 0, false
		}
		b.WriteRune(r)
		return 5, true
	default:
		b.WriteByte(s[0])
	}
	return 1, true
}

func hex4(s string) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for i := range 4 {
		n := strings.IndexByte("0123456789abcdef", s[i]|0x20)
		if n < 0 {
			return 0, false
		}
		r = r<<4 | rune(n)
	}
	return r, true
}

// cursor walks over lexemes. The last one is of kind end. Its methods are called
// in a thousand places and are not inlined: a guest's size matters more.
type cursor struct {
	text  string
	toks  []lexeme
	pos   int
	depth int
}

// start splits the text.
func (c *cursor) start(d *dialect) *fault {
	toks, f := d.split(c.text)
	c.toks = append(toks, lexeme{pos: len(c.text), to: len(c.text)})
	return f
}

// stop ends the walk.
func (c *cursor) stop() { c.pos = len(c.toks) - 1 }

//go:noinline
func (c *cursor) peek() *lexeme { return &c.toks[c.pos] }

func (c *cursor) ahead(n int) *lexeme { return &c.toks[min(c.pos+n, len(c.toks)-1)] }

//go:noinline
func (c *cursor) next() *lexeme {
	l := &c.toks[c.pos]
	c.pos = min(c.pos+1, len(c.toks)-1)
	return l
}

// last is the lexeme before the current one.
func (c *cursor) last() *lexeme { return &c.toks[max(c.pos-1, 0)] }

// shown is a lexeme as it is written.
func (c *cursor) shown(l *lexeme) string { return c.text[l.pos:l.to] }

// take consumes words, written with spaces between them: all or none.
func (c *cursor) take(words string) bool {
	n := 0
	for w := range strings.FieldsSeq(words) {
		if !c.ahead(n).is(w) {
			return false
		}
		n++
	}
	c.pos += n
	return true
}

// takeMark consumes a mark or an operator.
func (c *cursor) takeMark(s string) bool {
	if l := c.peek(); l.kind != end && l.mark(s) {
		c.pos++
		return true
	}
	return false
}

// clip bounds a query without cutting a character in two.
func clip(s string) string {
	if len(s) <= MaxText {
		return s
	}
	return strings.ToValidUTF8(s[:MaxText], "")
}

// Say fills each % of a text with the next argument. Sums of strings are large in
// a guest, and the services' errors are many.
//
//go:noinline
func Say(text string, args ...string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(text, "%")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		b.WriteString(args[0])
		text, args = after, args[1:]
	}
}
