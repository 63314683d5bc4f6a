package wording

import (
	"strings"
	"unicode"

	"github.com/killdeer-mcp/killdeer/rules/fold"
)

var (
	pairs   = strings.NewReplacer("rn", "m", "vv", "w", "cl", "d")
	singles = strings.NewReplacer("0", "o", "1", "l", "i", "l", "|", "l", "5", "s", "-", "_", ".", "_", " ", "_")
)

// Shape is what a name looks like: names of one shape are easily taken for each
// other.
func Shape(name string) string { return pairs.Replace(singles.Replace(fold.Text(name))) }

// Mixed reports whether a name has letters of Latin and of another script that
// look like them.
func Mixed(name string) bool {
	latin, alike := false, false
	for _, r := range name {
		switch {
		case r < 0x80 && unicode.IsLetter(r):
			latin = true
		case r >= 0x80 && unicode.IsLetter(r):
			if c, _ := fold.Rune(r); c >= 'a' && c <= 'z' && !unicode.Is(unicode.Latin, r) {
				alike = true
			}
		}
	}
	return latin && alike
}

// Refers reports whether a text tells to use something else in place of the tool
// of that name, or what to do with it.
func Refers(text, name string) bool {
	if len(name) < 4 {
		return false
	}
	folded := blanks(fold.Text(cut(text)))
	name = fold.Text(name)
	for at := 0; ; {
		i := strings.Index(folded[at:], name)
		if i < 0 {
			return false
		}
		i += at
		at = i + len(name)
		if !whole(folded, i, at) {
			continue
		}
		near := folded[max(0, i-80):min(len(folded), at+80)]
		for _, w := range []string{"instead of", "rather than", "replaces", "supersedes", "deprecated", "do not use", "don't use", "never use", "before using", "when using", "when calling", "whenever", "before calling", "must", "always", "preferred over"} {
			if strings.Contains(near, w) {
				return true
			}
		}
	}
}

func whole(s string, from, to int) bool {
	part := func(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
	return (from == 0 || !part(s[from-1])) && (to == len(s) || !part(s[to]))
}
