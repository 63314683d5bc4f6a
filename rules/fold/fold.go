// Package fold maps characters to the ASCII ones that they can pass for, so that
// a word is found however it is spelled. The host's first look at a text and the
// rules that look closely use the same mapping: what a rule would find, the first
// look finds too.
//
// It is no Unicode normalisation: it knows the look-alikes that occur in attacks
// and leaves every other character alone.
package fold

import (
	"strings"
	"unicode/utf8"
)

// lookalikes are pairs of a character and the ASCII one that it looks like.
const lookalikes = "аaеeоoрpсcхxуyкkіiјjѕsԁdһhԛqԝwбbвbмmнhтtгrпn" + // Cyrillic
	"АaЕeОoРpСcХxУyКkІiЈjЅsВbМmНhТt" +
	"αaεeοoρpιiκkνvτtυuχxγyηnωwΑaΒbΕeΖzΗhΙiΚkΜmΝnΟoΡpΤtΥyΧx" + // Greek
	"ſsKkıiɑaɡgⅰiⅼlⅽcⅾdⅿmﬀf" +
	"‘'’'‚'“\"”\"„\"′'″\"＇'＂\"‐-‑-‒-–-—-―-−-⁃-" +
	"∕/⁄/⧸/․.‥.…."

var alike = readPairs(lookalikes)

func readPairs(s string) map[rune]byte {
	m := map[rune]byte{}
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		m[r] = s[n]
		s = s[n+1:]
	}
	return m
}

// Rune returns the lower-case ASCII character that r passes for, 0 when there is
// none, and skip when r shows as nothing. White space becomes a space.
func Rune(r rune) (c byte, skip bool) {
	switch {
	case r < utf8.RuneSelf:
		return ASCII(byte(r)), false
	case r >= 0xFF01 && r <= 0xFF5E: // fullwidth forms
		return ASCII(byte(r - 0xFF01 + '!')), false
	case Invisible(r):
		return 0, true
	case r == 0x85, r == 0xA0, r == 0x1680, r >= 0x2000 && r <= 0x200A, r == 0x2028, r == 0x2029, r == 0x202F, r == 0x205F, r == 0x3000:
		return ' ', false
	case r >= 0x1D400 && r <= 0x1D6A3: // mathematical alphabets, 26 capitals and 26 small letters each
		return byte('a' + (r-0x1D400)%26), false
	case r >= 0x1D7CE && r <= 0x1D7FF: // mathematical digits
		return byte('0' + (r-0x1D7CE)%10), false
	case r >= 0x24B6 && r <= 0x24E9: // circled letters
		return byte('a' + (r-0x24B6)%26), false
	}
	return alike[r], false
}

// ASCII returns c in lower case, and a space for white space.
func ASCII(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c + 'a' - 'A'
	case c >= '\t' && c <= '\r':
		return ' '
	}
	return c
}

// Invisible reports whether r shows as nothing: zero width, direction marks, soft
// hyphens, tags and variation selectors.
func Invisible(r rune) bool {
	switch {
	case r == 0xAD, r == 0x34F, r == 0x61C, r == 0x115F, r == 0x1160, r == 0x17B4, r == 0x17B5, r >= 0x180B && r <= 0x180E:
		return true
	case r >= 0x200B && r <= 0x200F, r >= 0x202A && r <= 0x202E, r >= 0x2060 && r <= 0x206F:
		return true
	case r >= 0xFE00 && r <= 0xFE0F, r == 0xFEFF, r == 0xFFA0, r >= 0xE0000 && r <= 0xE0FFF:
		return true
	}
	return false
}

// Odd reports whether a character is worth a close look: it shows as nothing, or
// it is a letter that passes for an ASCII one.
func Odd(r rune) bool {
	if r < utf8.RuneSelf || r >= 0xFE00 && r <= 0xFE0F {
		return false
	}
	c, skip := Rune(r)
	return skip || c >= 'a' && c <= 'z'
}

// Text folds a whole text. What passes for no ASCII character stays.
func Text(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch c, skip := Rune(r); {
		case skip:
		case c != 0:
			b.WriteByte(c)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
