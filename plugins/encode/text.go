package encode

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cutMark stands at the end of what was too long.
const cutMark = "..."

// Visible returns s with everything that is not seen, or that changes how its
// neighbours are seen, written as an escape: control characters as \u000a,
// direction marks, zero-width and other invisible characters likewise, those
// beyond the first plane as \U000e0041. Bytes that are not UTF-8 become U+FFFD. The
// result has at most limit bytes; what was cut ends with "...", and neither a
// character nor an escape is ever cut in two.
func Visible(s string, limit int) string {
	return shown(s, limit, hidden)
}

// atom is Visible for text that stands between words of ours in a sentence: what
// could be taken for our own punctuation is escaped too, spaces included.
func atom(s string, limit int) string {
	return shown(s, limit, func(r rune) bool {
		return hidden(r) || unicode.IsSpace(r) || strings.ContainsRune(`"'\[]<>={}|;`+"`", r)
	})
}

// shown writes out s, each rune for which escape holds as an escape.
func shown(s string, limit int, escape func(rune) bool) string {
	if len(s) <= limit && plain(s, escape) {
		return s
	}
	var b strings.Builder
	whole := 0 // how much of b fits with the mark behind it
	for _, r := range s {
		if escape(r) {
			b.WriteString(escaped(r))
		} else {
			b.WriteRune(r) // a byte that is not UTF-8 arrives here as U+FFFD
		}
		if b.Len() > limit {
			return cutAt(b.String(), whole, limit)
		}
		if b.Len()+len(cutMark) <= limit {
			whole = b.Len()
		}
	}
	return b.String()
}

func cutAt(s string, whole, limit int) string {
	if limit < len(cutMark) {
		return ""
	}
	return s[:whole] + cutMark
}

func plain(s string, escape func(rune) bool) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if escape(r) {
			return false
		}
	}
	return true
}

func escaped(r rune) string {
	if r > 0xffff {
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// invisible are the tables of runes that show nothing, or change what others show.
var invisible = []*unicode.RangeTable{
	unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co,
	unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Noncharacter_Code_Point,
}

func hidden(r rune) bool {
	if r >= ' ' && r < 0x7f {
		return false
	}
	return r < ' ' || r == 0x7f || unicode.In(r, invisible...)
}

// appendJSON appends v as one line of JSON. Invisible characters are written as
// JSON's own escapes: nothing is lost, and no reader that splits lines at U+0085 or
// U+2028 finds one.
func appendJSON(dst []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return appendASCII(dst, text), nil
}

// appendASCII appends JSON text with its invisible characters escaped. Outside
// strings JSON has none but spaces, so that only strings change.
func appendASCII(dst, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(dst, `\ufffd`...)
		case r > 0xffff && hidden(r):
			high, low := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
		case hidden(r):
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = append(dst, text[:size]...)
		}
		text = text[size:]
	}
	return dst
}
