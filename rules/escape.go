package rules

import "unicode/utf16"

// escape reads \uXXXX, and a pair of them that is one character.
func escape(s string) (rune, int) {
	r := hex4(s)
	if r < 0 {
		return 'u', 2
	}
	if utf16.IsSurrogate(r) && len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if low := hex4(s[6:]); low >= 0 {
			return utf16.DecodeRune(r, low), 12
		}
	}
	return r, 6
}

// hex4 reads the four digits of \uXXXX, -1 when they are not there.
func hex4(s string) rune {
	if len(s) < 6 {
		return -1
	}
	r := rune(0)
	for i := 2; i < 6; i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}
