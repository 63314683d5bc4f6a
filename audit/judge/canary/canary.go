// Package canary finds planted values in what an audited server sends, writes and
// answers, whatever it wrapped them in: it knows the usual encodings,
// compressions and invisible characters, and parts of values.
//
// It plants nothing and judges nothing. A cipher or an encoding that it does not
// know hides a value from it.
package canary

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// minRun is how many characters of a value in a row count as the value: fewer are
// found by chance, and a value is often cut.
const minRun = 12

// maxForms bounds the forms of all values together, which are known before a
// server runs.
const maxForms = 4 << 20

// Match is a planted value that was found.
type Match struct {
	ID       string // of the canary
	Encoding string // raw, base64, hex, gzip+raw, ...: the outermost first
}

// Matcher finds a fixed set of values. It may be used by several goroutines, unless its
// work is bounded.
type Matcher struct {
	windows map[int]*windows // by their length
	sizes   []int
	forms   []form
	work    *Work
	known   map[[sha256.Size]byte][]Match // what texts hold, of bounded work
}

// windows are where the windows of one length begin, by their hash. Nearly every
// text that is looked at is refused by the filter: one bit of the hash's top.
type windows struct {
	filter [1 << (filterBits - 6)]uint64
	places map[uint64][]place
}

const filterBits = 20

func (w *windows) put(h uint64, p place) {
	top := h >> (64 - filterBits)
	w.filter[top/64] |= 1 << (top % 64)
	w.places[h] = append(w.places[h], p)
}

func (w *windows) get(h uint64) []place {
	top := h >> (64 - filterBits)
	if w.filter[top/64]&(1<<(top%64)) == 0 {
		return nil
	}
	return w.places[h]
}

// form is one spelling of one value.
type form struct {
	id, encoding string
	text         []byte
}

// place is where a window of a form begins.
type place struct{ form, at int32 }

// New returns a matcher for all values of the canaries that are long enough to be
// told from chance: 12 bytes. What every value of its kind begins with, such as
// the first line of a key file, must not be part of a value.
func New(canaries []evidence.Canary) *Matcher {
	m := &Matcher{windows: map[int]*windows{}}
	size := 0
	for _, c := range canaries {
		for _, v := range c.Values {
			for _, s := range spellings([]byte(v)) {
				if size += len(s.text); size > maxForms {
					return m
				}
				m.add(form{c.ID, s.encoding, s.text}, s.window)
			}
		}
	}
	return m
}

func (m *Matcher) add(f form, window int) {
	if len(f.text) < window {
		return
	}
	if m.windows[window] == nil {
		m.windows[window] = &windows{places: map[uint64][]place{}}
		m.sizes = append(m.sizes, window)
		slices.Sort(m.sizes)
	}
	n := int32(len(m.forms))
	m.forms = append(m.forms, f)
	r := newRolling(window)
	for i, c := range f.text {
		if h, full := r.push(c, f.text, i); full {
			m.windows[window].put(h, place{n, int32(i + 1 - window)})
		}
	}
}

// Within bounds the work of m by w, which others may share. Equal texts are looked at
// once, and beyond w texts only as they are.
func (m *Matcher) Within(w *Work) *Matcher {
	m.work, m.known = w, map[[sha256.Size]byte][]Match{}
	return m
}

// Find returns which values are in b, each once with the encoding that was found
// first, in the order of their ids.
func (m *Matcher) Find(b []byte) []Match {
	if m.known == nil {
		return m.find(b)
	}
	sum := sha256.Sum256(b)
	found, ok := m.known[sum]
	if !ok {
		found = m.find(b)
		m.known[sum] = found
	}
	return found
}

func (m *Matcher) find(b []byte) []Match {
	found := map[string]string{}
	unwrap(b, m.work, func(layer string, inner []byte) { m.scan(layer, inner, found) })
	return sorted(found)
}

// FindNames does the same for DNS names, as a series of questions: what stands in
// labels may go on in the next name, and case says nothing.
func (m *Matcher) FindNames(names []string) []Match {
	found := map[string]string{}
	for _, text := range joinNames(names) {
		m.scan("", []byte(text), found)
		m.scan("", bytes.ToUpper([]byte(text)), found)
		m.scan("", bytes.ToLower([]byte(text)), found)
	}
	return sorted(found)
}

// joinNames returns the texts that values are sought in: each name without its
// dots, the first labels of all names in a row, and all but their common end.
func joinNames(names []string) []string {
	var firsts, all strings.Builder
	texts := make([]string, 0, len(names)+2)
	for _, n := range names {
		n = strings.TrimSuffix(n, ".")
		texts = append(texts, strings.ReplaceAll(n, ".", ""))
		first, _, _ := strings.Cut(n, ".")
		firsts.WriteString(first)
		all.WriteString(strings.ReplaceAll(strings.TrimSuffix(n, commonEnd(names)), ".", ""))
	}
	return append(texts, firsts.String(), all.String())
}

// commonEnd returns the labels that all names end in, dots included.
func commonEnd(names []string) string {
	if len(names) == 0 {
		return ""
	}
	end := strings.TrimSuffix(names[0], ".")
	for _, n := range names[1:] {
		n = strings.TrimSuffix(n, ".")
		for end != "" && !strings.HasSuffix(n, end) {
			_, rest, ok := strings.Cut(end[1:], ".")
			if !ok {
				return ""
			}
			end = "." + rest
		}
	}
	if i := strings.IndexByte(end, '.'); i > 0 { // a whole name is no common end
		end = end[i:]
	}
	return end
}

// scan notes the forms in one text.
func (m *Matcher) scan(layer string, text []byte, found map[string]string) {
	for _, size := range m.sizes {
		windows := m.windows[size]
		r := newRolling(size)
		for i, c := range text {
			h, full := r.push(c, text, i)
			if !full {
				continue
			}
			for _, p := range windows.get(h) {
				f := &m.forms[p.form]
				if _, known := found[f.id]; known || !bytes.Equal(text[i+1-size:i+1], f.text[p.at:int(p.at)+size]) {
					continue
				}
				found[f.id] = layer + f.encoding
			}
		}
	}
}

func sorted(found map[string]string) []Match {
	all := make([]Match, 0, len(found))
	for id, encoding := range found {
		all = append(all, Match{id, encoding})
	}
	slices.SortFunc(all, func(a, b Match) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// rolling is a polynomial hash of the last bytes of a text (Karp and Rabin 1987).
// Collisions cost a comparison.
type rolling struct {
	size int
	hash uint64
	drop uint64 // base to the power of size
}

const base = 1099511628211

func newRolling(size int) rolling {
	r := rolling{size: size, drop: 1}
	for range size {
		r.drop *= base
	}
	return r
}

// push takes in byte i of text, and returns the hash of the last size bytes once
// there are so many.
func (r *rolling) push(c byte, text []byte, i int) (hash uint64, full bool) {
	r.hash = r.hash*base + uint64(c) + 1
	if i >= r.size {
		r.hash -= (uint64(text[i-r.size]) + 1) * r.drop
	}
	return r.hash, i+1 >= r.size
}
