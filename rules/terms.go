package rules

import (
	"fmt"
	"unicode/utf8"
	"unsafe"

	"github.com/killdeer-mcp/killdeer/rules/fold"
	"github.com/killdeer-mcp/killdeer/sdk"
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
	gates    ruleset // whose terms occur
}

// terms finds the terms of all rules of a pack in one pass over what a client
// wrote.
type terms struct {
	words *fold.Words
	out   []ruleset // of a state
	fires []bool    // whether out is not empty
}

// noTerms is for a look at the characters alone.
var noTerms = newTerms(nil)

// termList is a gate's terms, for building.
type termList struct {
	gate  int
	words []string
}

// newTerms builds the automaton of checked terms.
func newTerms(lists []termList) *terms {
	var words []string
	var owner []int
	for _, l := range lists {
		for _, w := range l.words {
			words, owner = append(words, w), append(owner, l.gate)
		}
	}
	t := &terms{words: fold.NewWords(words)}
	t.out, t.fires = make([]ruleset, t.words.States()), make([]bool, t.words.States())
	for state := range t.out {
		for _, word := range t.words.Ends(uint16(state)) {
			t.out[state].set(owner[word])
			t.fires[state] = true
		}
	}
	return t
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

// scan looks at what the client asks for, and remembers in the view what
// characters it saw.
func (t *terms) scan(v *view) ruleset {
	if v.textBy == t {
		return v.text.gates
	}
	var f textFacts
	ev := v.ev
	for _, s := range [...]string{ev.Tool, ev.URI, ev.Prompt} {
		t.read(s, false, &f)
	}
	f.run = 0 // of the arguments only
	if args := ev.Args; len(args) > 0 {
		t.read(unsafe.String(unsafe.SliceData(args), len(args)), true, &f) // a look, no copy
	}
	v.text, v.textBy = f, t
	return f.gates
}

// scanClient looks at how the client presents itself.
func (t *terms) scanClient(ev *sdk.Event) ruleset {
	var f textFacts
	t.read(ev.UA, false, &f)
	t.read(ev.Path, false, &f)
	if c := ev.Client; c != nil {
		t.read(c.Name, false, &f)
		t.read(c.Version, false, &f)
		t.read(c.Title, false, &f)
	}
	return f.gates
}

// chars are how many odd characters, and how long a run, the event has.
func (v *view) chars() *textFacts {
	if v.textBy == nil {
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
	state, run, blank := uint16(0), 0, false
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
				if !skip && !blank {
					blank = true
					state = t.words.Next(state, ' ')
					f.note(t, state)
				}
				continue
			}
			c = folded
		}
		i += n
		// A row of blanks is one.
		if space := c == ' ' || c >= '\t' && c <= '\r'; !space {
			blank = false
		} else if blank {
			continue
		} else {
			blank = true
		}
		if encoded[c] {
			run++
		} else {
			f.run, run = max(f.run, run), 0
		}
		state = t.words.Next(state, c)
		f.note(t, state)
	}
	f.run = max(f.run, run)
}

func (f *textFacts) note(t *terms, state uint16) {
	if t.fires[state] {
		f.gates.add(t.out[state])
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
