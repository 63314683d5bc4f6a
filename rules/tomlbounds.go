package rules

import (
	"bytes"
	"fmt"
)

// Bounds of a rule file beside its size. The library that reads it needs a time
// that is quadratic in the parts of a key, and its stack grows with the nesting.
const (
	maxNesting  = 16
	maxKeyParts = 16
)

// checkBounds refuses a rule file that is nested too deep, or has a key of too
// many parts. It follows TOML as far as strings and comments need it; where the
// text is not TOML, the library stops too.
func checkBounds(file string, text []byte) error {
	depth, dots, line := 0, 0, 1
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case '"', '\'':
			end := stringEnds(text, i)
			line += bytes.Count(text[i:end], []byte{'\n'})
			i = end
			continue
		case '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
			continue
		case '[', '{':
			depth, dots = depth+1, 0
		case ']', '}':
			depth, dots = depth-1, 0
		case '.':
			dots++
		case '=', ',':
			dots = 0
		case '\n':
			dots = 0
			line++
		}
		if depth > maxNesting {
			return fmt.Errorf("%s:%d: nested deeper than %d", file, line, maxNesting)
		}
		if dots >= maxKeyParts {
			return fmt.Errorf("%s:%d: a key of more than %d parts", file, line, maxKeyParts)
		}
		i++
	}
	return nil
}

// stringEnds returns where the string that begins at i ends: the end of the text
// if it does not, that of the line if it should have.
func stringEnds(text []byte, i int) int {
	quote := text[i]
	if three := bytes.Repeat(text[i:i+1], 3); bytes.HasPrefix(text[i:], three) {
		for i += 3; i < len(text); i++ {
			switch {
			case text[i] == '\\' && quote == '"':
				i++
			case bytes.HasPrefix(text[i:], three):
				// Up to two quotes before the end are part of the string.
				for i += 3; i < len(text) && text[i] == quote; i++ {
				}
				return i
			}
		}
		return len(text)
	}
	for i++; i < len(text) && text[i] != '\n'; i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] == quote:
			return i + 1
		}
	}
	return min(i, len(text))
}
