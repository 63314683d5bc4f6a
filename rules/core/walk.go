package core

import (
	"strconv"
	"unicode/utf8"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	maxSubject = 256 // bytes of a subject
	maxPath    = 256 // bytes of an evidence path
	maxSnippet = 256 // bytes of an evidence snippet
	lead       = 96  // bytes of a snippet before the match
	maxKey     = 64  // bytes of one key in a path

	// maxWalk is how much of a document is looked at closely. A guest has a
	// deadline, and a client must not make it miss that by sending more.
	maxWalk = 48 << 10
	// vicinity is what is looked at of a document beyond that, on either side of
	// the first term.
	vicinity = 256
)

// finding is the most telling term of a JSON document and where it stands.
type finding struct {
	term, path, snippet string
	confidence          sdk.Confidence
}

// walker reads a JSON document token by token, in one pass and without recursion,
// and remembers only the way from the top to where it is.
type walker struct {
	stack [guest.MaxDepth]level
	depth int
	text  text
}

type level struct {
	object bool
	value  bool   // in an object: the key was read, its value is due
	key    []byte // as it is spelled
	index  int
}

// findSecret returns the first term of high confidence, or else the first of
// medium. Object keys count like strings. Malformed JSON ends the search.
func findSecret(b []byte) (f finding, found bool) {
	near := firstTerm(b)
	if near < 0 {
		return f, false
	}
	if len(b) > maxWalk {
		return findNear(b, near), true
	}
	return findClosely(b)
}

// findNear looks around the first term of a document that is too large to be
// walked. What looks harmless there still counts a little, because it may have
// been put there to hide the rest.
func findNear(b []byte, near int) finding {
	var t text
	t.reset(string(b[max(0, near-vicinity):min(len(b), near+vicinity)]))
	m, ok := t.search()
	if !ok {
		return finding{term: "among much text", path: "args", confidence: sdk.ConfidenceMedium}
	}
	return finding{m.term, "args", snippet(t.raw, m.start), m.confidence}
}

func findClosely(b []byte) (f finding, found bool) {
	var w walker
	for i := 0; i < len(b); {
		if b[i] != '"' {
			if !w.structure(b[i]) {
				break
			}
			i++
			continue
		}
		end := stringEnd(b, i)
		if end < 0 {
			break
		}
		w.key(b[i:end])
		w.text.reset(guest.String(b[i:end]))
		if m, ok := w.text.search(); ok && (!found || m.confidence == sdk.ConfidenceHigh) {
			f = finding{m.term, w.path(), snippet(w.text.raw, m.start), m.confidence}
			found = true
			if m.confidence == sdk.ConfidenceHigh {
				break
			}
		}
		i = end
	}
	return f, found
}

// structure follows a character outside strings; false ends the walk.
func (w *walker) structure(c byte) bool {
	switch c {
	case '{', '[':
		if w.depth == len(w.stack) {
			return false
		}
		w.stack[w.depth] = level{object: c == '{'}
		w.depth++
	case '}', ']':
		if w.depth == 0 {
			return false
		}
		w.depth--
	case ':':
		if w.depth > 0 {
			w.stack[w.depth-1].value = true
		}
	case ',':
		if w.depth > 0 {
			w.stack[w.depth-1].value = false
			w.stack[w.depth-1].index++
		}
	}
	return true
}

// key notes the string token as the current key, if that is what is due.
func (w *walker) key(token []byte) {
	if w.depth == 0 {
		return
	}
	if l := &w.stack[w.depth-1]; l.object && !l.value {
		l.key = token
	}
}

// path names the place of the walk inside the event, as args.filter.0.name.
func (w *walker) path() string { return w.pathIn("args") }

func (w *walker) pathIn(p string) string {
	for _, l := range w.stack[:w.depth] {
		if l.object {
			p += "." + cut(guest.String(l.key), maxKey)
		} else {
			p += "." + strconv.Itoa(l.index)
		}
	}
	return cut(p, maxPath)
}

func stringEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// snippet returns what surrounds the match, cut between characters.
func snippet(s string, at int) string {
	start := max(0, at-lead)
	for start < at && !utf8.RuneStart(s[start]) {
		start++
	}
	return cut(s[start:], maxSnippet)
}

// cut shortens s to at most n bytes without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
