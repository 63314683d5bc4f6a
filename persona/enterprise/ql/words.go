package ql

import (
	"math/bits"
	"strings"
)

// Term is a word, or a phrase of words that follow each other. Words are runs of
// letters, digits, underscores and everything beyond ASCII, in lower case.
type Term struct {
	words  []string
	prefix bool // the last word may go on
	wild   string
}

// Terms are words and phrases that all have to occur.
type Terms []Term

// wordByte marks what words consist of.
var wordByte = func() (t [256]bool) {
	for c := range 256 {
		t[c] = c >= 0x80 || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	return t
}()

// Split returns the words of a text.
func Split(s string) []string {
	var out []string
	for i := 0; i < len(s); {
		for i < len(s) && !wordByte[s[i]] {
			i++
		}
		from := i
		for i < len(s) && wordByte[s[i]] {
			i++
		}
		if i > from {
			out = append(out, s[from:i])
		}
	}
	return out
}

// Phrase is the term of a text: its words in their order. It reports false for a
// text without words. A star at the end lets the last word go on; stars and
// question marks inside a single word make a pattern of it.
func Phrase(s string) (Term, bool) {
	s = strings.ToLower(s)
	body := strings.TrimRight(s, "*")
	if strings.ContainsAny(body, "*?") && !strings.ContainsAny(body, " \t\n") {
		return Term{wild: s}, strings.Trim(s, "*?") != "" || body != ""
	}
	t := Term{words: Split(s), prefix: len(body) < len(s)}
	if len(t.words) > maxTerms {
		t.words = t.words[:maxTerms]
	}
	return t, len(t.words) > 0
}

// Find returns where the term first occurs in a lower-case text at or after from,
// and where it ends; -1 when it does not.
func (t *Term) Find(s string, from int) (int, int) {
	if t.wild != "" {
		return t.findPattern(s, from)
	}
	for {
		i := indexWord(s, t.words[0], from, len(t.words) > 1 || !t.prefix)
		if i < 0 {
			return -1, -1
		}
		if to := t.rest(s, i+len(t.words[0])); to >= 0 {
			return i, to
		}
		from = i + 1
	}
}

// rest matches the words after the first, and returns where the last one ends.
func (t *Term) rest(s string, i int) int {
	for k, w := range t.words[1:] {
		for i < len(s) && !wordByte[s[i]] {
			i++
		}
		if !strings.HasPrefix(s[i:], w) {
			return -1
		}
		i += len(w)
		last := k == len(t.words)-2
		if i < len(s) && wordByte[s[i]] && !(last && t.prefix) {
			return -1
		}
	}
	if t.prefix {
		for i < len(s) && wordByte[s[i]] {
			i++
		}
	}
	return i
}

// findPattern looks at each run between white space.
func (t *Term) findPattern(s string, from int) (int, int) {
	for i := from; i < len(s); {
		for i < len(s) && !wordByte[s[i]] {
			i++
		}
		to := i
		for to < len(s) && wordByte[s[to]] {
			to++
		}
		if to > i && Like(s[i:to], t.wild, '*', '?', 0) {
			return i, to
		}
		i = to + 1
	}
	return -1, -1
}

// Count is how often the term occurs, up to a few.
func (t *Term) Count(s string) int {
	const most = 4
	n := 0
	for from := 0; n < most; n++ {
		_, to := t.Find(s, from)
		if to < 0 {
			break
		}
		from = max(to, from+1)
	}
	return n
}

// In reports whether all terms occur in a lower-case text.
func (ts Terms) In(s string) bool {
	for i := range ts {
		if at, _ := ts[i].Find(s, 0); at < 0 {
			return false
		}
	}
	return true
}

// String returns the words of a term, for tests and error texts.
func (t *Term) String() string {
	if t.wild != "" {
		return t.wild
	}
	s := strings.Join(t.words, " ")
	if t.prefix {
		s += "*"
	}
	return s
}

// indexWord finds a word at or after from; whole asks that it ends there, too.
//
// It looks at eight places at a time, and tests those at which both the first and
// the last byte stand: under a deadline, a jump costs a guest far more than
// arithmetic.
func indexWord(s, w string, from int, whole bool) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	n := len(w)
	first, last := ones*uint64(w[0]), ones*uint64(w[n-1])
	i := from
	for ; i+n+7 <= len(s); i += 8 {
		a, b := load8(s, i)^first, load8(s, i+n-1)^last
		marks := (a - ones) &^ a & (b - ones) &^ b & tops
		for ; marks != 0; marks &= marks - 1 {
			if k := i + bits.TrailingZeros64(marks)/8; wordAt(s, w, k, whole) {
				return k
			}
		}
	}
	for ; i+n <= len(s); i++ {
		if s[i] == w[0] && wordAt(s, w, i, whole) {
			return i
		}
	}
	return -1
}

// wordAt reports whether the word stands at k.
func wordAt(s, w string, k int, whole bool) bool {
	to := k + len(w)
	return to <= len(s) && s[k:to] == w && (k == 0 || !wordByte[s[k-1]]) && (!whole || to == len(s) || !wordByte[s[to]])
}

func load8(s string, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
