package rules

import (
	"fmt"
	"unicode/utf8"
	"unsafe"

	"github.com/killdeer-mcp/killdeer/rules/fold"
)

// Limits on the terms of a pack. They bound the automaton, which has a row for
// each byte of a term and a cell for each of the 69 folded ASCII characters.
const (
	maxTerm      = 64
	maxTermBytes = 16 << 10 // of all terms of a pack
)

// textFacts are what one pass over a text tells.
type textFacts struct {
	odd, run int
	rules    ruleset // whose terms occur
}

// terms finds the terms of all rules of a pack in one pass over what a client
// wrote: an Aho-Corasick automaton over folded characters.
type terms struct {
	class [256]uint8
	width int
	next  []uint16
	out   []ruleset // of a state
	fires []bool    // whether out is not empty
}

// noTerms is for a look at the characters alone.
var noTerms = newTerms(nil)

// termList is a rule's terms, for building.
type termList struct {
	rule  int
	words []string
}

// newTerms builds the automaton of checked terms.
func newTerms(lists []termList) *terms {
	t := &terms{width: 1}
	for _, l := range lists {
		for _, w := range l.words {
			for i := range len(w) {
				if c := fold.ASCII(w[i]); t.class[c] == 0 {
					t.class[c] = uint8(t.width)
					t.width++
				}
			}
		}
	}
	for c := range t.class {
		t.class[c] = t.class[fold.ASCII(byte(c))]
	}
	t.grow(lists)
	t.link()
	return t
}

// grow builds the tree of terms; next holds it until link completes it.
func (t *terms) grow(lists []termList) {
	t.addState()
	for _, l := range lists {
		for _, w := range l.words {
			s := 0
			for i := range len(w) {
				at := s*t.width + int(t.class[w[i]])
				if t.next[at] == 0 {
					t.next[at] = uint16(t.addState())
				}
				s = int(t.next[at])
			}
			t.out[s].set(l.rule)
			t.fires[s] = true
		}
	}
}

func (t *terms) addState() int {
	t.next = append(t.next, make([]uint16, t.width)...)
	t.out, t.fires = append(t.out, ruleset{}), append(t.fires, false)
	return len(t.out) - 1
}

// link gives every state all its transitions, breadth first, so that the state to
// fall back to is complete when it is read.
func (t *terms) link() {
	back := make([]uint16, len(t.out))
	queue := []uint16{0}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for c := range t.width {
			at, fall := int(s)*t.width+c, t.next[int(back[s])*t.width+c]
			child := t.next[at]
			if child == 0 {
				t.next[at] = fall
				continue
			}
			if s != 0 {
				back[child] = fall
				t.out[child].add(t.out[fall])
				t.fires[child] = t.fires[child] || t.fires[fall]
			}
			queue = append(queue, child)
		}
	}
}

// checkTerms says what is wrong with a rule's terms.
func checkTerms(words []string) error {
	for _, w := range words {
		if w == "" || len(w) > maxTerm {
			return fmt.Errorf("terms: %q has %d bytes, want 1 to %d", cut(w, maxTitle), len(w), maxTerm)
		}
		for i := range len(w) {
			if w[i] >= utf8.RuneSelf || w[i] < ' ' {
				return fmt.Errorf("terms: %q: printable ASCII only; look-alikes are found by it", cut(w, maxTitle))
			}
		}
	}
	return nil
}

// checkAllTerms says whether a pack's terms fit the automaton.
func checkAllTerms(lists []termList) error {
	total := 0
	for _, l := range lists {
		for _, w := range l.words {
			total += len(w)
		}
	}
	if total > maxTermBytes {
		return fmt.Errorf("terms of %d bytes in all, at most %d", total, maxTermBytes)
	}
	return nil
}

// scan looks at what the client wrote, and remembers in the view what it saw.
func (t *terms) scan(v *view) ruleset {
	var f textFacts
	ev := v.ev
	for _, s := range [...]string{ev.UA, ev.Tool, ev.URI, ev.Prompt, ev.Path} {
		t.read(s, false, &f)
	}
	if c := ev.Client; c != nil {
		t.read(c.Name, false, &f)
		t.read(c.Version, false, &f)
		t.read(c.Title, false, &f)
	}
	f.run = 0 // of the arguments only
	if args := ev.Args; len(args) > 0 {
		t.read(unsafe.String(unsafe.SliceData(args), len(args)), true, &f) // a look, no copy
	}
	v.text, v.textRead = f, true
	return f.rules
}

// chars are how many odd characters, and how long a run, the event has.
func (v *view) chars() *textFacts {
	if !v.textRead {
		noTerms.scan(v)
	}
	return &v.text
}

// encoded are the characters that base64 of either alphabet and hex are made of.
var encoded = func() (set [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=" {
		set[c] = true
	}
	return set
}()

// read takes in one text: JSON as it is spelled, with its escapes, or plain.
func (t *terms) read(s string, json bool, f *textFacts) {
	state, run := 0, 0
	for i := 0; i < len(s); {
		c, n := s[i], 1
		if c >= utf8.RuneSelf || c == '\\' && json {
			var r rune
			r, n = character(s[i:], json)
			if fold.Odd(r) {
				f.odd++
			}
			folded, skip := fold.Rune(r)
			if skip || r == '\n' || r == '\r' && json {
				i += n
				if !skip {
					state = int(t.next[state*t.width+int(t.class[' '])])
					f.note(t, state)
				}
				continue
			}
			c = folded
		}
		i += n
		if encoded[c] {
			run++
		} else {
			f.run, run = max(f.run, run), 0
		}
		state = int(t.next[state*t.width+int(t.class[c])])
		if t.fires[state] {
			f.rules.add(t.out[state])
		}
	}
	f.run = max(f.run, run)
}

func (f *textFacts) note(t *terms, state int) {
	if t.fires[state] {
		f.rules.add(t.out[state])
	}
}

// character reads one escaped or multi-byte character.
func character(s string, json bool) (rune, int) {
	if s[0] != '\\' || !json {
		return utf8.DecodeRuneInString(s)
	}
	if len(s) < 2 {
		return '\\', 1
	}
	switch s[1] {
	case 'n', 'r', 't', 'b', 'f':
		return rune("\n\r\t\b\f"[indexByte("nrtbf", s[1])]), 2
	case 'u':
		return escape(s)
	}
	return rune(s[1]), 2
}

func indexByte(s string, c byte) int {
	for i := range len(s) {
		if s[i] == c {
			return i
		}
	}
	return -1
}
