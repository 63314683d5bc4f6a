package guest

import (
	"math/bits"
	"unicode/utf8"
)

// Valid reports whether b is one JSON value (RFC 8259) in valid UTF-8 whose objects and
// arrays nest at most depth deep. The other functions here take such text for granted:
// what comes from a host is.
func Valid(b []byte, depth int) bool {
	i, ok := validValue(b, space(b, 0), depth)
	return ok && space(b, i) == len(b)
}

// validValue returns the index after the value at b[i]; ok is false when there is none.
func validValue(b []byte, i, depth int) (end int, ok bool) {
	if i >= len(b) {
		return 0, false
	}
	switch b[i] {
	case '"':
		return validString(b, i)
	case '{', '[':
		if depth <= 0 {
			return 0, false
		}
		return validNested(b, i, depth)
	case 't':
		return validWord(b, i, "true")
	case 'f':
		return validWord(b, i, "false")
	case 'n':
		return validWord(b, i, "null")
	}
	return validNumber(b, i)
}

func validWord(b []byte, i int, word string) (end int, ok bool) {
	end = i + len(word)
	return end, end <= len(b) && string(b[i:end]) == word
}

// validNested reads the object or array at b[i].
func validNested(b []byte, i, depth int) (end int, ok bool) {
	object, closing := b[i] == '{', b[i]+2 // as ASCII has them
	i = space(b, i+1)
	if i < len(b) && b[i] == closing {
		return i + 1, true
	}
	for {
		if object {
			if i, ok = validKey(b, i); !ok {
				return 0, false
			}
		}
		if i, ok = validValue(b, i, depth-1); !ok {
			return 0, false
		}
		i = space(b, i)
		if i >= len(b) || b[i] != ',' && b[i] != closing {
			return 0, false
		}
		if b[i] == closing {
			return i + 1, true
		}
		i = space(b, i+1)
	}
}

// validKey reads a member's key and the colon, and returns the index of its value.
func validKey(b []byte, i int) (at int, ok bool) {
	if i >= len(b) || b[i] != '"' {
		return 0, false
	}
	if i, ok = validString(b, i); !ok {
		return 0, false
	}
	i = space(b, i)
	if i >= len(b) || b[i] != ':' {
		return 0, false
	}
	return space(b, i+1), true
}

func validString(b []byte, i int) (end int, ok bool) {
	for i++; i < len(b); {
		if i+8 <= len(b) {
			m := specials(load8((*[8]byte)(b[i:])))
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) / 8
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, true
		case c < 0x20:
			return 0, false
		case c == '\\':
			n := escapeLen(b[i:])
			if n == 0 {
				return 0, false
			}
			i += n
		case c < utf8.RuneSelf:
			i++
		default:
			_, n := utf8.DecodeRune(b[i:])
			if n == 1 {
				return 0, false
			}
			i += n
		}
	}
	return 0, false
}

// escapeLen returns the length of the escape that b begins with, 0 when it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) >= 6 && isHex(b[2]) && isHex(b[3]) && isHex(b[4]) && isHex(b[5]) {
			return 6
		}
	}
	return 0
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func validNumber(b []byte, i int) (end int, ok bool) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	default:
		if i, ok = digits(b, i); !ok {
			return 0, false
		}
	}
	if i < len(b) && b[i] == '.' {
		if i, ok = digits(b, i+1); !ok {
			return 0, false
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return digits(b, i)
	}
	return i, true
}

// digits returns the index after the digits at b[i], of which there is at least one.
func digits(b []byte, i int) (end int, ok bool) {
	from := i
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i, i > from
}
