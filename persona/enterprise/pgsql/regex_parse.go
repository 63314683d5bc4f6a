package pgsql

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a regular expression.
const (
	maxProgram = 20_000
	maxRepeat  = 255
	maxGroups  = 60
)

// regexCompiler writes the program of a regular expression.
type regexCompiler struct {
	src      string
	pos      int
	re       *regex
	extended bool
	plain    bool
	lazy     bool // the first quantifier is not greedy
	decided  bool
}

func (c *regexCompiler) bad(what string) {
	fail("2201B", "invalid regular expression: "+what)
}

func (c *regexCompiler) emit(in inst) int {
	if len(c.re.prog) >= maxProgram {
		c.bad("regular expression is too complex")
	}
	c.re.prog = append(c.re.prog, in)
	return len(c.re.prog) - 1
}

func (c *regexCompiler) peek() byte {
	if c.pos < len(c.src) {
		return c.src[c.pos]
	}
	return 0
}

func (c *regexCompiler) alternatives(depth int) {
	if depth > 100 {
		c.bad("regular expression is too complex")
	}
	start := len(c.re.prog)
	c.branch(depth)
	var ends []int
	for c.peek() == '|' && c.pos < len(c.src) {
		c.pos++
		c.insert(start, inst{kind: 's', a: start + 1})
		ends = append(ends, c.emit(inst{kind: 'j'}))
		c.re.prog[start].b = len(c.re.prog)
		start = len(c.re.prog)
		c.branch(depth)
	}
	for _, e := range ends {
		c.re.prog[e].a = len(c.re.prog)
	}
}

// insert makes room for an instruction; jumps behind it move along.
func (c *regexCompiler) insert(at int, in inst) {
	c.emit(inst{})
	p := c.re.prog
	copy(p[at+1:], p[at:])
	for i := at + 1; i < len(p); i++ {
		if p[i].kind == 's' || p[i].kind == 'j' {
			if p[i].a >= at {
				p[i].a++
			}
			if p[i].b >= at && p[i].kind == 's' {
				p[i].b++
			}
		}
	}
	p[at] = in
}

func (c *regexCompiler) branch(depth int) {
	for c.pos < len(c.src) && c.peek() != '|' && c.peek() != ')' {
		start := len(c.re.prog)
		c.atom(depth)
		c.quantifiers(start)
	}
}

func (c *regexCompiler) quantifiers(start int) {
	if len(c.re.prog) == start {
		return
	}
	lo, hi := 0, -1
	switch ch := c.peek(); {
	case c.pos >= len(c.src):
		return
	case ch == '*':
	case ch == '+':
		lo = 1
	case ch == '?':
		hi = 1
	case ch == '{' && c.pos+1 < len(c.src) && isDigit(c.src[c.pos+1]):
		lo, hi = c.bounds()
	default:
		return
	}
	c.pos++
	greedy := true
	if c.peek() == '?' && c.pos < len(c.src) {
		greedy = false
		c.pos++
	}
	if !c.decided {
		c.decided, c.lazy = true, !greedy
	}
	if ch := c.peek(); c.pos < len(c.src) && (ch == '*' || ch == '+' || ch == '?') {
		c.bad("quantifier operand invalid")
	}
	c.repeat(start, lo, hi, greedy)
}

func (c *regexCompiler) bounds() (lo, hi int) {
	end := strings.IndexByte(c.src[c.pos:], '}')
	if end < 0 {
		c.bad("braces {} not balanced")
	}
	a, b, ranged := strings.Cut(c.src[c.pos+1:c.pos+end], ",")
	c.pos += end
	lo, err := strconv.Atoi(a)
	hi = lo
	if ranged {
		hi = -1
		if b != "" {
			var err2 error
			if hi, err2 = strconv.Atoi(b); err2 != nil {
				err = err2
			}
		}
	}
	if err != nil || lo > maxRepeat || hi > maxRepeat || hi >= 0 && hi < lo {
		c.bad("invalid repetition count(s)")
	}
	return lo, hi
}

// repeat turns the piece from start on into lo to hi copies of itself.
func (c *regexCompiler) repeat(start, lo, hi int, greedy bool) {
	piece := append([]inst(nil), c.re.prog[start:]...)
	c.re.prog = c.re.prog[:start]
	for range lo {
		c.copy(piece, start)
	}
	switch {
	case hi < 0:
		split := c.emit(inst{kind: 's'})
		c.copy(piece, start)
		c.emit(inst{kind: 'j', a: split})
		c.split(split, greedy)
	default:
		var splits []int
		for range hi - lo {
			splits = append(splits, c.emit(inst{kind: 's'}))
			c.copy(piece, start)
		}
		for _, s := range splits {
			c.split(s, greedy)
		}
	}
}

func (c *regexCompiler) split(at int, greedy bool) {
	a, b := at+1, len(c.re.prog)
	if !greedy {
		a, b = b, a
	}
	c.re.prog[at].a, c.re.prog[at].b = a, b
}

// copy appends a piece that stood at start, with its jumps moved.
func (c *regexCompiler) copy(piece []inst, start int) {
	by := len(c.re.prog) - start
	for _, in := range piece {
		if in.kind == 's' || in.kind == 'j' {
			in.a, in.b = in.a+by, in.b+by
		}
		c.emit(in)
	}
}

func (c *regexCompiler) atom(depth int) {
	r, n := utf8.DecodeRuneInString(c.src[c.pos:])
	c.pos += n
	switch r {
	case '(':
		c.group(depth)
	case '[':
		c.emit(inst{kind: '[', class: c.class()})
	case '.':
		c.emit(inst{kind: '.'})
	case '^':
		c.emit(inst{kind: '^'})
	case '$':
		c.emit(inst{kind: '$'})
	case '*', '+', '?':
		c.bad("quantifier operand invalid")
	case '\\':
		c.escape()
	default:
		if c.extended && (r == ' ' || r == '\t' || r == '\n') {
			return
		}
		c.emit(inst{kind: 'c', r: r})
	}
}

func (c *regexCompiler) group(depth int) {
	kind := byte('(')
	switch rest := c.src[c.pos:]; {
	case strings.HasPrefix(rest, "?:"), strings.HasPrefix(rest, "?="), strings.HasPrefix(rest, "?!"):
		kind = rest[1]
		c.pos += 2
	case c.peek() == '?':
		c.bad("quantifier operand invalid")
	}
	if kind == '=' || kind == '!' {
		c.lookahead(kind, depth)
		return
	}
	n := 0
	if kind == '(' {
		c.re.groups++
		if n = c.re.groups; n > maxGroups {
			c.bad("regular expression is too complex")
		}
		c.emit(inst{kind: '(', a: 2 * n})
	}
	c.alternatives(depth + 1)
	c.close()
	if kind == '(' {
		c.emit(inst{kind: '(', a: 2*n + 1})
	}
}

func (c *regexCompiler) close() {
	if c.peek() != ')' || c.pos >= len(c.src) {
		c.bad("parentheses () not balanced")
	}
	c.pos++
}

func (c *regexCompiler) lookahead(kind byte, depth int) {
	sub := &regexCompiler{src: c.src, pos: c.pos, re: &regex{fold: c.re.fold, lines: c.re.lines, dotAll: c.re.dotAll}}
	sub.alternatives(depth + 1)
	sub.close()
	sub.emit(inst{kind: 'm'})
	c.pos = sub.pos
	c.emit(inst{kind: kind, sub: sub.re})
}

var escapes = map[byte]byte{'m': '<', 'M': '>', 'y': 'b', 'Y': 'B', 'A': 'A', 'Z': 'Z'}

func shorthand(ch byte) *charClass {
	c := &charClass{not: ch < 'a'}
	switch ch | 0x20 {
	case 'd':
		c.named = append(c.named, unicode.IsDigit)
	case 's':
		c.named = append(c.named, unicode.IsSpace)
	case 'w':
		c.named = append(c.named, isWord)
	default:
		return nil
	}
	return c
}

func (c *regexCompiler) escape() {
	if c.pos >= len(c.src) {
		c.bad(`invalid escape \ sequence`)
	}
	ch := c.src[c.pos]
	if class := shorthand(ch); class != nil {
		c.pos++
		c.emit(inst{kind: '[', class: class})
		return
	}
	if kind, ok := escapes[ch]; ok {
		c.pos++
		c.emit(inst{kind: kind})
		return
	}
	if ch >= '1' && ch <= '9' {
		fail(codeUnsupported, "back references are not supported")
	}
	c.emit(inst{kind: 'c', r: c.escaped()})
}

// escaped reads the character that an escape stands for.
func (c *regexCompiler) escaped() rune {
	r, n := utf8.DecodeRuneInString(c.src[c.pos:])
	c.pos += n
	switch r {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'f':
		return '\f'
	case 'v':
		return '\v'
	case 'e':
		return 27
	}
	if isLetter(r) {
		c.bad(`invalid escape \ sequence`)
	}
	return r
}

var classNames = map[string]func(rune) bool{
	"alpha": unicode.IsLetter, "digit": unicode.IsDigit, "space": unicode.IsSpace, "upper": unicode.IsUpper, "lower": unicode.IsLower,
	"alnum": func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }, "punct": unicode.IsPunct, "cntrl": unicode.IsControl,
	"xdigit": func(r rune) bool { return strings.ContainsRune("0123456789abcdefABCDEF", r) }, "blank": func(r rune) bool { return r == ' ' || r == '\t' },
	"print": unicode.IsPrint, "graph": unicode.IsGraphic,
}

func (c *regexCompiler) class() *charClass {
	out := &charClass{}
	if c.peek() == '^' {
		out.not = true
		c.pos++
	}
	for first := true; ; first = false {
		if c.pos >= len(c.src) {
			c.bad("brackets [] not balanced")
		}
		if c.peek() == ']' && !first {
			c.pos++
			return out
		}
		if rest, ok := strings.CutPrefix(c.src[c.pos:], "[:"); ok {
			name, _, _ := strings.Cut(rest, ":]")
			f := classNames[name]
			if f == nil {
				c.bad("invalid character class")
			}
			out.named = append(out.named, f)
			c.pos += len(name) + 4
			continue
		}
		c.classRange(out)
	}
}

func (c *regexCompiler) classRange(out *charClass) {
	lo, class := c.classChar()
	if class != nil {
		out.named = append(out.named, func(r rune) bool { return class.has(r, false) })
		return
	}
	hi := lo
	if c.peek() == '-' && c.pos+1 < len(c.src) && c.src[c.pos+1] != ']' {
		c.pos++
		if hi, class = c.classChar(); class != nil || hi < lo {
			c.bad("invalid character range")
		}
	}
	out.ranges = append(out.ranges, [2]rune{lo, hi})
}

func (c *regexCompiler) classChar() (rune, *charClass) {
	r, n := utf8.DecodeRuneInString(c.src[c.pos:])
	c.pos += n
	if r != '\\' || c.pos >= len(c.src) {
		return r, nil
	}
	if class := shorthand(c.src[c.pos]); class != nil {
		c.pos++
		return 0, class
	}
	return c.escaped(), nil
}
