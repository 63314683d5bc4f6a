package guest

import "math/bits"

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
	for _, c := range b {
		if c == '\\' {
			return true
		}
	}
	return false
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
