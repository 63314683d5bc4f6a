package enterprise

import "math/bits"

// contains is strings.Contains with few jumps: under a deadline, a jump costs a
// guest far more than arithmetic. It compares where both the first and the last
// byte of sub stand at their places, and looks at eight places at a time.
func contains(s, sub string) bool {
	n := len(sub)
	if n < 2 || len(s) < n+7 {
		return containsShort(s, sub)
	}
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	first, last := ones*uint64(sub[0]), ones*uint64(sub[n-1])
	final := len(s) - n - 7 // where the last eight places begin
	// The body is places, twice: a call costs as much as all of it.
	for i := 0; i < final; i += 16 {
		j := min(i+8, final)
		a, b := load8(s, i)^first, load8(s, i+n-1)^last
		c, d := load8(s, j)^first, load8(s, j+n-1)^last
		p, q := (a-ones)&^a&(b-ones)&^b&tops, (c-ones)&^c&(d-ones)&^d&tops
		if p|q != 0 && (at(s, sub, i, p) || at(s, sub, j, q)) {
			return true
		}
	}
	return at(s, sub, final, places(s, final, n, first, last))
}

// places marks the eight places from i on at which a string of n bytes may be,
// the lowest of them exactly.
func places(s string, i, n int, first, last uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	a, b := load8(s, i)^first, load8(s, i+n-1)^last
	return (a - ones) &^ a & (b - ones) &^ b & tops
}

// at reports whether sub is at one of the marked places.
func at(s, sub string, i int, marks uint64) bool {
	for ; marks != 0; marks &= marks - 1 {
		k := i + bits.TrailingZeros64(marks)/8
		if s[k:k+len(sub)] == sub {
			return true
		}
	}
	return false
}

func containsShort(s, sub string) bool {
	for i := 0; i+len(sub) <= len(s); i++ {
		if s[i:i+len(sub)] == sub {
			return true
		}
	}
	return false
}

func load8(s string, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
