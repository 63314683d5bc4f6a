package ql

import "strings"

// Search is what somebody types into a search box: words and phrases that have to
// occur, some that must not, and qualifiers such as repo:name.
type Search struct {
	Words   Terms
	Without Terms
	Quals   []Qualifier
	Error   bool // a word that binds stands where nothing is bound, or a quote is open
}

// Qualifier is one name:value.
type Qualifier struct {
	Name  string // lower case
	Value string // as written, without quotes
	Not   bool
}

// Box is what a search box understands beside words and quotes.
type Box struct {
	Quals  string // names of qualifiers, lower case, between spaces; an unknown one is words
	Words  string // words that mean nothing, lower case, between spaces, as "and"
	Not    string // the word that negates what follows, "" for none
	Strict bool   // an open quote is an error, and not words
	Starts bool   // a word that is not negated or in quotes, nor too short, stands for all that begin with it
}

// minStart is how many characters of a word find it; shorter ones would find too much.
const minStart = 4

// Parse splits a text. Nothing is ever refused; see Error for what the service may
// refuse.
func (b *Box) Parse(text string) *Search {
	s := &Search{}
	text = clip(text)
	negate := false
	for i := 0; i < len(text) && len(s.Words)+len(s.Without)+len(s.Quals) < maxTerms; {
		if isSpace(text[i]) || text[i] == ',' {
			i++
			continue
		}
		to, open := tokenEnd(text, i)
		s.Error = s.Error || open && b.Strict
		token := text[i:to]
		i = to
		switch {
		case b.Not != "" && token == b.Not:
			s.Error = s.Error || negate
			negate = true
			continue
		case b.Words != "" && oneOf(b.Words, token):
			continue
		}
		b.take(s, token, negate)
		negate = false
	}
	s.Error = s.Error || negate
	return s
}

// tokenEnd finds the white space that is not inside double quotes.
func tokenEnd(s string, i int) (to int, open bool) {
	for ; i < len(s); i++ {
		switch {
		case s[i] == '"':
			open = !open
		case isSpace(s[i]) && !open:
			return i, false
		}
	}
	return i, open
}

// take adds one token to a search.
func (b *Box) take(s *Search, token string, negate bool) {
	if rest, ok := strings.CutPrefix(token, "-"); ok && rest != "" {
		negate, token = true, rest
	}
	if name, value, ok := strings.Cut(token, ":"); ok && value != "" && oneOf(b.Quals, name) {
		s.Quals = append(s.Quals, Qualifier{strings.ToLower(name), strings.Trim(value, `"'`), negate})
		return
	}
	t, ok := Phrase(strings.Trim(token, `"'()`))
	t.prefix = t.prefix || b.Starts && !negate && t.wild == "" && len(token) >= minStart && !strings.Contains(token, `"`)
	switch {
	case !ok:
	case negate:
		s.Without = append(s.Without, t)
	default:
		s.Words = append(s.Words, t)
	}
}

// Free reports whether a text has none of the words that must not occur.
func (s *Search) Free(lower string) bool {
	for i := range s.Without {
		if at, _ := s.Without[i].Find(lower, 0); at >= 0 {
			return false
		}
	}
	return true
}

// Empty reports whether nothing was asked for.
func (s *Search) Empty() bool { return len(s.Words)+len(s.Without)+len(s.Quals) == 0 }

// Size reads the value of a qualifier that compares numbers, such as stars:>10,
// stars:10..20, stars:*..5, and tells whether a number fits. The second result is
// false for a value that says nothing.
func Size(value string, n int) (fits, ok bool) {
	if low, high, ok := strings.Cut(value, ".."); ok {
		l, ok1 := bound(low)
		h, ok2 := bound(high)
		return (low == "*" || n >= l) && (high == "*" || n <= h), ok1 && ok2
	}
	op := value[:len(value)-len(strings.TrimLeft(value, "<>="))]
	x, ok := number(value[len(op):])
	if op == "" {
		op = "="
	}
	return Compares(op, n-x), ok && len(op) <= 2
}

func bound(s string) (int, bool) {
	if s == "*" {
		return 0, true
	}
	return number(s)
}
