package core

import (
	"unicode/utf8"

	"github.com/killdeer-mcp/killdeer/rules/fold"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// text is a decoded string, folded for the matcher. Invisible characters are
// left out, so at says where in the original each folded character stood.
type text struct {
	raw    string
	folded []byte
	at     []int32
}

// reset folds s, reusing the buffers.
func (t *text) reset(s string) {
	t.raw, t.folded, t.at = s, t.folded[:0], t.at[:0]
	for i := 0; i < len(s); {
		c, n, skip := s[i], 1, false
		if c >= utf8.RuneSelf {
			var r rune
			r, n = utf8.DecodeRuneInString(s[i:])
			c, skip = fold.Rune(r)
		}
		if !skip {
			t.folded = append(t.folded, foldASCII(c))
			t.at = append(t.at, int32(i))
		}
		i += n
	}
}

// match is one term inside a text.
type match struct {
	term       string
	start      int // byte offset in the original
	confidence sdk.Confidence
}

// search returns the text's most telling term.
func (t *text) search() (best match, ok bool) {
	state := uint8(0)
	for i, c := range t.folded {
		if state = matcher.step(state, matcher.class[c]); state < firstHit {
			continue
		}
		term := &terms[state-firstHit]
		state = matcher.after[state-firstHit]
		start := i + 1 - len(term.text)
		conf := t.judge(term, start, i+1)
		if conf == "" || (ok && conf != sdk.ConfidenceHigh) {
			continue
		}
		best, ok = match{term.text, int(t.at[start]), conf}, true
		if conf == sdk.ConfidenceHigh {
			break
		}
	}
	return best, ok
}

// judge says how much the term at [p,q) tells, "" for nothing.
func (t *text) judge(term *term, p, q int) sdk.Confidence {
	switch {
	case term.text == dotEnv:
		if q < len(t.folded) && isAlnum(t.folded[q]) {
			return "" // .environment, .env2
		}
		if p > 0 && isAlnum(t.folded[p-1]) {
			return sdk.ConfidenceMedium // process.env, prod.env
		}
		return sdk.ConfidenceHigh
	case term.loose:
		if !t.wordEnds(q) || (term.text == tokenTerm && t.counts(p)) {
			return "" // secretary, tokenizer, pageToken
		}
		return sdk.ConfidenceMedium
	case t.wordStarts(p) && t.wordEnds(q):
		return sdk.ConfidenceHigh
	}
	return sdk.ConfidenceMedium
}

// wordStarts reports whether a word starts at p: after no letter, or where camel
// case starts one.
func (t *text) wordStarts(p int) bool {
	if p == 0 || !isLetter(t.folded[p-1]) {
		return true
	}
	return t.upper(p) && (!t.upper(p-1) || !t.upper(p+1))
}

// wordEnds reports whether a word, or its plural, ends before q.
func (t *text) wordEnds(q int) bool {
	if q < len(t.folded) && t.folded[q] == 's' && t.upper(q) == t.upper(q-1) {
		q++
	}
	return q >= len(t.folded) || !isLetter(t.folded[q]) || (t.upper(q) && !t.upper(q-1))
}

func (t *text) upper(i int) bool {
	if i >= len(t.at) {
		return false
	}
	c := t.raw[t.at[i]]
	return c >= 'A' && c <= 'Z'
}

// counting are the words before "token" that make it a cursor or a quantity.
var counting = [...]string{"page", "next", "continuation", "sync", "max", "input", "output", "total"}

func (t *text) counts(p int) bool {
	if p > 0 && t.folded[p-1] == '_' {
		p--
	}
	for _, w := range counting {
		if p >= len(w) && string(t.folded[p-len(w):p]) == w {
			return true
		}
	}
	return false
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' }

func isAlnum(c byte) bool { return isLetter(c) || (c >= '0' && c <= '9') }
