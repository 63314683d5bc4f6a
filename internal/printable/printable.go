// Package printable shows hostile text: every character of what it returns prints,
// and does nothing else to a terminal or to the text around it.
//
// It knows no markup: who writes HTML or Markdown escapes that as well.
package printable

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Rune reports whether a terminal shows r and does nothing else.
func Rune(r rune) bool { return unicode.IsPrint(r) && !unicode.Is(unicode.Bidi_Control, r) }

// Text shows s with what does not print as \u{...}, cut behind limit characters. A
// limit of 0 cuts nothing.
func Text(s string, limit int) string { return show(s, limit, `\u{%x}`) }

// Points shows s with what does not print as ⟨U+...⟩, which has no meaning in
// Markdown, HTML or SARIF.
func Points(s string, limit int) string { return show(s, limit, "⟨U+%04X⟩") }

func show(s string, limit int, form string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if limit > 0 && n == limit {
			b.WriteRune('…')
			break
		}
		n++
		if Rune(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, form, r)
		}
	}
	return b.String()
}

// JSON writes v as JSON in which every character prints. Those that do not are in
// strings, where an escape is the same character.
func JSON(w io.Writer, v any, indent string) error {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	var b []byte
	for _, r := range text.String() {
		switch {
		case r == '\n' || Rune(r):
			b = utf8.AppendRune(b, r)
		case r > 0xffff: // RFC 8259 §7: as a surrogate pair
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	_, err := w.Write(b)
	return err
}
