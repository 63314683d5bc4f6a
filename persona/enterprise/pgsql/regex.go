package pgsql

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// regex is a compiled regular expression. It is run as a set of threads over the
// text, so that no pattern takes more than its size times the text's length. Back
// references are not supported.
type regex struct {
	prog   []inst
	groups int
	short  bool // the shortest match is wanted
	fold   bool
	lines  bool // ^ and $ match at line breaks
	dotAll bool
}

// inst is one instruction. Kinds: 'c' a character, '.' any, '[' a class, 's' split,
// 'j' jump, '(' save, '^', '$', 'b', 'B', '<', '>', 'A', 'Z' assertions, '=' and '!'
// lookahead, 'm' match.
type inst struct {
	kind  byte
	r     rune
	class *charClass
	a, b  int
	sub   *regex
}

type charClass struct {
	not    bool
	ranges [][2]rune
	named  []func(rune) bool
}

func (c *charClass) has(r rune, fold bool) bool {
	hit := c.in(r)
	if !hit && fold {
		hit = c.in(unicode.ToLower(r)) || c.in(unicode.ToUpper(r))
	}
	return hit != c.not
}

func (c *charClass) in(r rune) bool {
	for _, g := range c.ranges {
		if r >= g[0] && r <= g[1] {
			return true
		}
	}
	for _, f := range c.named {
		if f(r) {
			return true
		}
	}
	return false
}

// thread is a position in the program with the groups found so far.
type thread struct {
	pc   int
	caps []int
}

type threads struct {
	list []thread
	seen []int
	gen  int
}

// find returns the positions of the leftmost match and its groups, nil for none.
func (re *regex) find(x *exec, s string, from int) []int {
	for start := from; start <= len(s); {
		if m := re.matchAt(x, s, start); m != nil {
			return m
		}
		_, n := utf8.DecodeRuneInString(s[start:])
		start += max(n, 1)
	}
	return nil
}

func (re *regex) matchAt(x *exec, s string, start int) []int {
	cur, next := &threads{seen: make([]int, len(re.prog))}, &threads{seen: make([]int, len(re.prog))}
	caps := make([]int, 2*(re.groups+1))
	for i := range caps {
		caps[i] = -1
	}
	caps[0] = start
	var best []int
	cur.gen++
	re.add(x, cur, s, start, 0, caps, 0)
	for pos := start; len(cur.list) > 0; {
		r, n := utf8.DecodeRuneInString(s[pos:])
		next.list, next.gen = next.list[:0], next.gen+1
		for _, t := range cur.list {
			x.spend(1)
			in := &re.prog[t.pc]
			if in.kind == 'm' {
				if best == nil || pos > best[1] {
					best = append([]int(nil), t.caps...)
					best[1] = pos
				}
				if re.short {
					return best
				}
				continue
			}
			if n > 0 && re.accepts(in, r) {
				re.add(x, next, s, pos+n, t.pc+1, t.caps, 0)
			}
		}
		cur, next = next, cur
		if n == 0 {
			break
		}
		pos += n
	}
	return best
}

func (re *regex) accepts(in *inst, r rune) bool {
	switch in.kind {
	case 'c':
		return in.r == r || re.fold && unicode.ToLower(in.r) == unicode.ToLower(r)
	case '.':
		return re.dotAll || r != '\n'
	}
	return in.kind == '[' && in.class.has(r, re.fold)
}

// add follows everything that takes no character.
func (re *regex) add(x *exec, ts *threads, s string, pos, pc int, caps []int, depth int) {
	x.spend(1)
	if ts.seen[pc] == ts.gen {
		return
	}
	ts.seen[pc] = ts.gen
	switch in := &re.prog[pc]; in.kind {
	case 'j':
		re.add(x, ts, s, pos, in.a, caps, depth+1)
	case 's':
		re.add(x, ts, s, pos, in.a, caps, depth+1)
		re.add(x, ts, s, pos, in.b, caps, depth+1)
	case '(':
		c := append([]int(nil), caps...)
		c[in.a] = pos
		re.add(x, ts, s, pos, pc+1, c, depth+1)
	case 'c', '.', '[', 'm':
		ts.list = append(ts.list, thread{pc, caps})
	default:
		if re.holds(x, in, s, pos) {
			re.add(x, ts, s, pos, pc+1, caps, depth+1)
		}
	}
}

func (re *regex) holds(x *exec, in *inst, s string, pos int) bool {
	before, after := wordBefore(s, pos), wordAfter(s, pos)
	switch in.kind {
	case '^':
		return pos == 0 || re.lines && s[pos-1] == '\n'
	case '$':
		return pos == len(s) || re.lines && s[pos] == '\n'
	case 'A':
		return pos == 0
	case 'Z':
		return pos == len(s)
	case 'b':
		return before != after
	case 'B':
		return before == after
	case '<':
		return !before && after
	case '>':
		return before && !after
	}
	return (in.sub.matchAt(x, s, pos) != nil) == (in.kind == '=')
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

func wordBefore(s string, pos int) bool {
	r, n := utf8.DecodeLastRuneInString(s[:pos])
	return n > 0 && isWord(r)
}

func wordAfter(s string, pos int) bool {
	r, n := utf8.DecodeRuneInString(s[pos:])
	return n > 0 && isWord(r)
}

// groupText is group i of a match.
func groupText(s string, m []int, i int) Value {
	if 2*i+1 >= len(m) || m[2*i] < 0 || m[2*i+1] < 0 {
		return Value{}
	}
	return textValue(s[m[2*i]:m[2*i+1]])
}

func compileRegex(pattern, flags string) *regex {
	c := &regexCompiler{src: pattern, re: &regex{dotAll: true}}
	for _, f := range flags {
		switch f {
		case 'i':
			c.re.fold = true
		case 'n', 'm':
			c.re.lines, c.re.dotAll = true, false
		case 'x':
			c.extended = true
		case 'q':
			c.plain = true
		case 'g', 'c', 's', 'p', 'w', 'e', 'b', 't':
		default:
			fail(codeBadArgument, `invalid regular expression option: "`+string(f)+`"`)
		}
	}
	c.options()
	if c.plain {
		for _, r := range c.src {
			c.emit(inst{kind: 'c', r: r})
		}
	} else {
		c.alternatives(0)
		if c.pos < len(c.src) {
			c.bad("parentheses () not balanced")
		}
	}
	c.emit(inst{kind: 'm'})
	c.re.short = c.lazy
	return c.re
}

// options reads (?i) and ***= at the start.
func (c *regexCompiler) options() {
	if rest, ok := strings.CutPrefix(c.src, "***="); ok {
		c.src, c.plain = rest, true
		return
	}
	if strings.HasPrefix(c.src, "(?") && len(c.src) > 2 && c.src[2] >= 'a' && c.src[2] <= 'z' {
		if end := strings.IndexByte(c.src, ')'); end > 0 {
			c.re.fold = c.re.fold || strings.Contains(c.src[2:end], "i")
			c.re.lines = c.re.lines || strings.ContainsAny(c.src[2:end], "nm")
			c.src = c.src[end+1:]
		}
	}
}
