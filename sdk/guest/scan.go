package guest

import (
	"math/bits"
	"slices"
)

// stringEnd returns the index after the string that starts at b[i], -1 when it
// does not end. It looks at eight bytes at a time: under a deadline, a jump costs
// a guest far more than arithmetic.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); {
		if i+8 <= len(b) {
			w := load8((*[8]byte)(b[i:]))
			m := matches(w, '"') | matches(w, '\\')
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) / 8
		}
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
		i++
	}
	return -1
}

// escaped reports whether there is a backslash in b.
func escaped(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if matches(load8((*[8]byte)(b)), '\\') != 0 {
			return true
		}
	}
	return slices.Contains(b, '\\')
}

func load8(p *[8]byte) uint64 {
	return uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16 | uint64(p[3])<<24 |
		uint64(p[4])<<32 | uint64(p[5])<<40 | uint64(p[6])<<48 | uint64(p[7])<<56
}

// matches marks the bytes of w that are c, the lowest of them exactly.
func matches(w uint64, c byte) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	w ^= ones * uint64(c)
	return (w - ones) &^ w & tops
}

// special returns the index of the first byte from i on that does not stand for
// itself inside a JSON string or is not ASCII, len(s) when there is none.
func special(s string, i int) int {
	for ; i+8 <= len(s); i += 8 {
		if m := specials(load8s(s, i)); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	if i < len(s) && len(s) >= 8 {
		// The last eight bytes; spaces take the place of those that were looked at.
		done := 8 * (i + 8 - len(s))
		return i + min(bits.TrailingZeros64(specials(load8s(s, len(s)-8)>>done|0x2020202020202020<<(64-done)))/8, len(s)-i)
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x80 {
			break
		}
	}
	return i
}

// specials marks the bytes of w that special looks for, the lowest of them exactly.
func specials(w uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	control := (w - ones*0x20) &^ w & tops
	return control | matches(w, '"') | matches(w, '\\') | w&tops
}

func load8s(s string, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
