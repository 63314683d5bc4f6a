package core

import (
	"unicode/utf8"

	"github.com/killdeer-mcp/killdeer/rules/fold"
)

// term is one expression that people type who look for secrets. In the text '_'
// stands for an underscore, a hyphen or a space.
type term struct {
	text  string
	loose bool // common in innocent text too: medium confidence at most
}

var terms = [...]term{
	{text: dotEnv},
	{text: "password"},
	{text: "passwd"},
	{text: "credential"},
	{text: "api_key"},
	{text: "apikey"},
	{text: "private_key"},
	{text: "privatekey"},
	{text: "access_key"},
	{text: "accesskey"},
	{text: "secret", loose: true},
	{text: tokenTerm, loose: true},
}

const (
	dotEnv    = ".env"
	tokenTerm = "token"
)

// The matcher is an Aho-Corasick automaton over the few characters that occur in
// terms. State firstHit+i means that term i has ended; the automaton stays there.
// No term is part of another, so that one state ends one term.
const (
	firstHit   = 128
	classBits  = 5
	maxClasses = 1 << classBits
	special    = 0x80 // class of bytes that do not stand for themselves in JSON
)

type automaton struct {
	class [256]uint8
	next  [256 << classBits]uint8
	after [len(terms)]uint8 // where to go on after a hit
}

var matcher = newAutomaton()

func newAutomaton() *automaton {
	a := &automaton{}
	trie := a.addTerms()
	// Breadth first, so that the state to fall back to is complete when it is read.
	fallback := [256]uint8{}
	queue := []uint8{0}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for c := range maxClasses {
			at, back := int(s)<<classBits|c, a.next[int(fallback[s])<<classBits|c]
			child := trie[at]
			switch {
			case s >= firstHit:
				a.next[at] = s
			case child == 0:
				a.next[at] = back
			default:
				if s != 0 {
					fallback[child] = back
				}
				a.next[at] = child
				queue = append(queue, child)
			}
		}
	}
	copy(a.after[:], fallback[firstHit:])
	return a
}

// addTerms numbers the characters and builds the tree of terms.
func (a *automaton) addTerms() *[256 << classBits]uint8 {
	var trie [256 << classBits]uint8
	classes, states := uint8(0), uint8(0)
	for i, t := range terms {
		s := uint8(0)
		for j := range len(t.text) {
			c := t.text[j]
			if a.class[c] == 0 {
				classes++
				a.class[c] = classes
			}
			child := &trie[int(s)<<classBits|int(a.class[c])]
			switch {
			case j == len(t.text)-1:
				*child = uint8(firstHit + i)
			case *child == 0:
				states++
				*child = states
			}
			s = *child
		}
	}
	for c := range a.class {
		if f := foldASCII(byte(c)); f != byte(c) {
			a.class[c] = a.class[f]
		}
		if c == '\\' || c >= utf8.RuneSelf {
			a.class[c] = special
		}
	}
	return &trie
}

// step takes a class.
func (a *automaton) step(state, class uint8) uint8 {
	return a.next[int(state)<<classBits|int(class&(maxClasses-1))]
}

// foldASCII is as [fold.ASCII], with one character for the three that part words.
func foldASCII(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c + 'a' - 'A'
	case c == '-' || c == ' ':
		return '_'
	}
	return c
}

// firstTerm returns an index shortly after the first term in a JSON text, escapes
// decoded, and -1 when there is none. It reads each byte once and settles nearly
// every event.
func firstTerm(b []byte) int {
	state := uint8(0)
	for i := 0; i < len(b); {
		n := 1
		if i+8 <= len(b) {
			state, n = matcher.eight(state, (*[8]byte)(b[i:]))
		}
		if n != 8 {
			state, n = matcher.few(state, b[i:])
		}
		i += n
		if state >= firstHit {
			return i
		}
	}
	return -1
}

// eight takes eight plain bytes, or none when one of them is special. It is
// written out because a jump costs a guest more than the work itself.
func (a *automaton) eight(s uint8, p *[8]byte) (state uint8, n int) {
	c0, c1, c2, c3 := a.class[p[0]], a.class[p[1]], a.class[p[2]], a.class[p[3]]
	c4, c5, c6, c7 := a.class[p[4]], a.class[p[5]], a.class[p[6]], a.class[p[7]]
	if (c0|c1|c2|c3|c4|c5|c6|c7)&special != 0 {
		return s, 0
	}
	s = a.step(s, c0)
	s = a.step(s, c1)
	s = a.step(s, c2)
	s = a.step(s, c3)
	s = a.step(s, c4)
	s = a.step(s, c5)
	s = a.step(s, c6)
	return a.step(s, c7), 8
}

// few takes up to eight characters of any kind.
func (a *automaton) few(s uint8, b []byte) (state uint8, n int) {
	for k := 0; k < 8 && n < len(b); k++ {
		c, size := b[n], 1
		if a.class[c] == special {
			var r rune
			var skip bool
			r, size = character(b[n:])
			if c, skip = fold.Rune(r); skip {
				n += size
				continue
			}
		}
		s = a.step(s, a.class[c])
		n += size
	}
	return s, n
}

// character reads one escaped or multi-byte character of a JSON string.
func character(b []byte) (rune, int) {
	if b[0] != '\\' {
		return utf8.DecodeRune(b)
	}
	if len(b) < 2 {
		return 0, 1
	}
	if b[1] == '/' {
		return '/', 2
	}
	if b[1] != 'u' || len(b) < 6 {
		return 0, 2
	}
	r := rune(0)
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, 2
		}
	}
	return r, 6
}
