// Package wording reads what an MCP server says: it finds characters that a person
// does not see, instructions that are meant for a model, names that look like
// others, and the scopes that a text claims.
//
// It knows no server, no observation and no severity, and it does not understand
// language: its patterns take the spellings that are used, in English, and a text
// that says the same in other words passes.
package wording

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxText is how many bytes of one text are read. What follows is ignored.
const MaxText = 1 << 20

// Hit is a place in a text.
type Hit struct {
	What  string // in words
	Quote string // as it may be shown: cut, with code points for what is invisible
}

// Hidden returns what is in a text that a person does not see, one hit for each
// sort. Joiners and marks that writing and emoji need are none of it.
func Hidden(s string) []Hit {
	runes := []rune(cut(s))
	found := map[string]int{}
	var order []string
	for i, r := range runes {
		what := hidden(runes, i, r)
		if what == "" {
			continue
		}
		if found[what] == 0 {
			order = append(order, what)
		}
		found[what]++
	}
	var hits []Hit
	for _, what := range order {
		n := found[what]
		if what == joiner && n < fewJoiners {
			continue // stray joiners are typing errors
		}
		hits = append(hits, Hit{fmt.Sprintf("%s (%d)", what, n), Visible(snippet(runes, what))})
	}
	return hits
}

const (
	joiner     = "zero-width characters"
	fewJoiners = 3 // one may have been pasted
	maxQuote   = 160
)

// hidden names the sort of a character that hides something, "" for others.
func hidden(runes []rune, i int, r rune) string {
	switch {
	case r >= 0xe0000 && r <= 0xe007f:
		if inFlag(runes, i) {
			return ""
		}
		return "tag characters"
	case r >= 0xe0100 && r <= 0xe01ef:
		if i > 0 && unicode.Is(unicode.Han, runes[i-1]) { // ideographic variation
			return ""
		}
		return "variation selectors"
	case r >= 0xfe00 && r <= 0xfe0e:
		if i > 0 && isSelector(runes[i-1]) {
			return "variation selectors"
		}
		return ""
	case r == 0xfe0f:
		if i > 0 && isSelector(runes[i-1]) {
			return "variation selectors"
		}
		return ""
	case r == 0x202d || r == 0x202e:
		return "bidirectional overrides"
	case r >= 0x202a && r <= 0x202c, r >= 0x2066 && r <= 0x2069:
		if rightToLeft(runes) {
			return ""
		}
		return "bidirectional controls"
	case r == 0x200b, r == 0x2060, r == 0x180e, r == 0xfeff && i > 0, r >= 0x2061 && r <= 0x2064, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0:
		return joiner
	case r == 0x200c || r == 0x200d:
		if joins(runes, i) {
			return ""
		}
		return joiner
	case r == 0x1b, r == 0x9b:
		return "terminal escapes"
	case r < 0x20 && r != '\n' && r != '\r' && r != '\t', r == 0x7f:
		return "control characters"
	}
	return ""
}

func isSelector(r rune) bool { return r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0100 && r <= 0xe01ef }

// inFlag reports whether a tag character belongs to a flag emoji (UTS #51): a
// black flag, few tags, and the cancel tag.
func inFlag(runes []rune, i int) bool {
	start := i
	for start > 0 && runes[start] >= 0xe0000 && runes[start] <= 0xe007f {
		start--
	}
	end := i
	for end < len(runes) && runes[end] >= 0xe0020 && runes[end] < 0xe007f {
		end++
	}
	return runes[start] == 0x1f3f4 && end < len(runes) && runes[end] == 0xe007f && end-start <= 8
}

// joins reports whether a joiner stands where writing needs one: between emoji, or
// inside a word of a script that uses them.
func joins(runes []rune, i int) bool {
	if i == 0 || i+1 == len(runes) {
		return false
	}
	before, after := runes[i-1], runes[i+1]
	if isSelector(before) || before >= 0x1f3fb && before <= 0x1f3ff {
		before = after
	}
	return usesJoiners(before) && usesJoiners(after)
}

func usesJoiners(r rune) bool {
	return unicode.Is(unicode.So, r) || r >= 0x2190 && r <= 0x2bff || r >= 0x1f000 && r <= 0x1faff ||
		unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Nko) || r >= 0x0900 && r <= 0x0dff || // Indic
		unicode.In(r, unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Thai)
}

func rightToLeft(runes []rune) bool {
	for _, r := range runes {
		if unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana) {
			return true
		}
	}
	return false
}

// snippet is the part of a text around the first character of a sort.
func snippet(runes []rune, what string) string {
	for i, r := range runes {
		if hidden(runes, i, r) == what {
			return string(runes[max(0, i-20):min(len(runes), i+40)])
		}
	}
	return ""
}

// Visible returns a text with code points in place of what is invisible or moves
// a terminal's cursor, cut to what a quote takes.
func Visible(s string) string {
	var out strings.Builder
	for _, r := range s {
		if out.Len() >= maxQuote {
			out.WriteString("...")
			break
		}
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			out.WriteByte(' ')
		case r == utf8.RuneError || !unicode.IsPrint(r) || isSelector(r):
			fmt.Fprintf(&out, "<U+%04X>", r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

func cut(s string) string {
	if len(s) <= MaxText {
		return s
	}
	return strings.ToValidUTF8(s[:MaxText], "")
}
