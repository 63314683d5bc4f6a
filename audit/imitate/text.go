package imitate

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

func (im *imitation) line(key, value string) { fmt.Fprintf(&im.out, "%s = %s\n", key, value) }

func (im *imitation) set(key, text string) { im.line(key, literal(text)) }

// literal writes a text as it stands where TOML lets it, for whoever edits the file.
func literal(text string) string {
	lines := strings.Contains(text, "\n")
	raw := !strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r == 0x7f || r == unicode.ReplacementChar) })
	switch {
	case raw && !lines && !strings.Contains(text, "'"):
		return "'" + text + "'"
	case raw && (lines || len(text) > 60) && !strings.Contains(text, "'''") && !strings.HasSuffix(text, "'"):
		return "'''\n" + text + "'''"
	}
	return quoted(text)
}

// quoted writes a text as a TOML string in one line.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// printable is text that stays in its comment.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// rewrite changes the strings of a JSON value, and keeps the order of everything.
func rewrite(raw []byte, change func(string) string) []byte {
	var w guest.Writer
	rewriteTo(&w, raw, change)
	return w.Bytes()
}

func rewriteTo(w *guest.Writer, raw []byte, change func(string) string) {
	switch raw[0] {
	case '{':
		w.Obj()
		_ = guest.Members(raw, func(k string, v []byte) { rewriteTo(w.Key(k), v, change) })
		w.End()
	case '[':
		w.Arr()
		_ = guest.Elements(raw, func(v []byte) { rewriteTo(w, v, change) })
		w.End()
	case '"':
		w.Str(change(guest.String(raw)))
	default:
		w.Raw(raw)
	}
}

// placeholder is a honeytoken as describe has it, and as a template.
func (s secret) placeholder() string {
	return "{{canary:" + s.kind + ":" + s.label + ":deployment}}"
}

func (s secret) template() string {
	return "{{canary " + strconv.Quote(s.kind) + " " + strconv.Quote(s.label) + "}}"
}
