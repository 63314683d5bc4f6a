package synth

import (
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxRepeat bounds how often a repetition is repeated beyond what it must be.
const maxRepeat = 64

// matching is a string that matches a pattern and has a length within bounds:
// one of the given ones, or one that is made of the pattern.
func (g *generator) matching(pattern string, candidates []string, least, most int) (any, bool) {
	for _, s := range candidates {
		if s = stretch(s, least, most); g.attempt == 0 && fits(s, pattern, least, most) {
			return s, true
		}
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, false
	}
	re = re.Simplify()
	for _, extra := range []int{0, 1, 2, 3, 7, 15, 31, maxRepeat} {
		w := patternWriter{g: g, extra: extra}
		w.walk(re)
		made := w.out.String()
		if fits(made, pattern, least, most) {
			return made, true
		}
		// Patterns without anchors match within a longer string.
		if made = stretch(made, least, most); fits(made, pattern, least, most) {
			return made, true
		}
	}
	return nil, false
}

// patternWriter writes a string that a parsed expression may match.
type patternWriter struct {
	g     *generator
	extra int // repetitions beyond the fewest
	out   strings.Builder
}

func (w *patternWriter) walk(re *syntax.Regexp) {
	if w.out.Len() > maxText {
		return
	}
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			w.out.WriteRune(r)
		}
	case syntax.OpCharClass:
		w.out.WriteRune(w.member(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		w.out.WriteByte('a')
	case syntax.OpAlternate:
		w.walk(re.Sub[w.g.choose(len(re.Sub))])
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range re.Sub {
			w.walk(sub)
		}
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		w.repeat(re)
	}
}

func (w *patternWriter) repeat(re *syntax.Regexp) {
	times := w.extra
	switch re.Op {
	case syntax.OpPlus:
		times++
	case syntax.OpQuest:
		times = min(times, 1)
	}
	for range times {
		w.walk(re.Sub[0])
	}
}

// member is a character of a class: a plain one if there is any.
func (w *patternWriter) member(ranges []rune) rune {
	for _, want := range "a1A-_ " {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= want && want <= ranges[i+1] {
				return want
			}
		}
	}
	for i := 0; i+1 < len(ranges); i += 2 {
		for r := ranges[i]; r <= min(ranges[i+1], ranges[i]+256); r++ {
			if unicode.IsPrint(r) && utf8.ValidRune(r) {
				return r
			}
		}
	}
	if len(ranges) > 0 {
		return ranges[0]
	}
	return 'a'
}
