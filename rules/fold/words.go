package fold

// Words finds many words in one pass over folded text: an Aho-Corasick automaton.
// It takes as much memory as it has states, one for each byte of the words, times
// the number of different characters in them, times two bytes.
type Words struct {
	class [256]uint8
	width int
	next  []uint16
	ends  [][]uint16
	fires []bool // whether ends is not empty
}

// NewWords builds the automaton of ASCII words, together fewer than 65536 bytes.
// Letters match in either case.
func NewWords(words []string) *Words {
	w := &Words{width: 1}
	for _, word := range words {
		for i := range len(word) {
			if c := ASCII(word[i]); w.class[c] == 0 {
				w.class[c] = uint8(w.width)
				w.width++
			}
		}
	}
	for c := range w.class {
		w.class[c] = w.class[ASCII(byte(c))]
	}
	w.grow(words)
	w.link()
	w.fires = make([]bool, len(w.ends))
	for state, ends := range w.ends {
		w.fires[state] = len(ends) > 0
	}
	return w
}

// Next returns the state after one more byte. The first state is 0.
func (w *Words) Next(state uint16, c byte) uint16 {
	return w.next[int(state)*w.width+int(w.class[c])]
}

// Ends are the words, by number, that end in a state.
func (w *Words) Ends(state uint16) []uint16 { return w.ends[state] }

// Fires reports whether some word ends in a state.
func (w *Words) Fires(state uint16) bool { return w.fires[state] }

// States is how many there are.
func (w *Words) States() int { return len(w.ends) }

// grow builds the tree of words; next holds it until link completes it.
func (w *Words) grow(words []string) {
	w.add()
	for n, word := range words {
		s := 0
		for i := range len(word) {
			at := s*w.width + int(w.class[word[i]])
			if w.next[at] == 0 {
				w.next[at] = uint16(len(w.ends))
				w.add()
			}
			s = int(w.next[at])
		}
		w.ends[s] = append(w.ends[s], uint16(n))
	}
}

func (w *Words) add() {
	w.next = append(w.next, make([]uint16, w.width)...)
	w.ends = append(w.ends, nil)
}

// link gives every state all its transitions, breadth first, so that the state to
// fall back to is complete when it is read.
func (w *Words) link() {
	back := make([]uint16, len(w.ends))
	queue := []uint16{0}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for c := range w.width {
			at, fall := int(s)*w.width+c, w.next[int(back[s])*w.width+c]
			child := w.next[at]
			if child == 0 {
				w.next[at] = fall
				continue
			}
			if s != 0 {
				back[child] = fall
				w.ends[child] = append(w.ends[child], w.ends[fall]...)
			}
			queue = append(queue, child)
		}
	}
}
