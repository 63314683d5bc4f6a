package persona

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// Placeholders stand in a guest's texts as {{fake:KIND:N}} and {{canary:KIND:LABEL}}.
// What the attacker sends must never act as one, whatever a guest does with it:
// before a call every such opening in his text gets the mark after its first
// brace, and after expansion the marks go again.
const (
	mark           = "\uF8FE"
	maxPlaceholder = 128
)

var openings = []string{"{{canary:", "{{fake:"}

// escapeAttacker marks openings in all strings of a JSON value, keys included.
// Most requests have none and come back as they are.
func escapeAttacker(raw []byte) []byte {
	if !bytes.Contains(raw, []byte("{{")) && !bytes.Contains(raw, []byte(mark)) && !bytes.Contains(raw, []byte(`\u`)) {
		return raw
	}
	var out []byte
	for i := 0; i < len(raw); {
		if raw[i] != '"' {
			out = append(out, raw[i])
			i++
			continue
		}
		end := stringEnd(raw, i)
		token := raw[i:end]
		if text := guest.String(token); needsMark(text) {
			token = guest.Quote(markText(text))
		}
		out = append(out, token...)
		i = end
	}
	return out
}

// stringEnd returns the index after the string token at i of valid JSON.
func stringEnd(raw []byte, i int) int {
	for j := i + 1; j < len(raw); j++ {
		switch raw[j] {
		case '\\':
			j++
		case '"':
			return j + 1
		}
	}
	return len(raw)
}

func needsMark(s string) bool {
	if strings.Contains(s, mark) {
		return true
	}
	for _, o := range openings {
		if strings.Contains(s, o) {
			return true
		}
	}
	return false
}

func markText(s string) string {
	s = strings.ReplaceAll(s, mark, mark+mark)
	for _, o := range openings {
		s = strings.ReplaceAll(s, o, "{"+mark+o[1:])
	}
	return s
}

// unescapeAttacker takes the marks out again: a doubled one was the attacker's
// own, a single one was ours.
func unescapeAttacker(b []byte) []byte {
	if !bytes.Contains(b, []byte(mark)) {
		return b
	}
	out := make([]byte, 0, len(b))
	for {
		i := bytes.Index(b, []byte(mark))
		if i < 0 {
			return append(out, b...)
		}
		out = append(out, b[:i]...)
		b = b[i+len(mark):]
		if bytes.HasPrefix(b, []byte(mark)) {
			out = append(out, mark...)
			b = b[len(mark):]
		}
	}
}

// rawMarks spells escaped marks of valid JSON as the character itself, for the
// guests whose encoders write nothing beyond ASCII.
func rawMarks(raw []byte) []byte {
	if !bytes.Contains(raw, []byte(`\uf8fe`)) && !bytes.Contains(raw, []byte(`\uF8FE`)) {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		switch {
		case raw[i] != '\\' || i+1 == len(raw):
			out = append(out, raw[i])
		case i+6 <= len(raw) && bytes.EqualFold(raw[i:i+6], []byte(`\uf8fe`)):
			out = append(out, mark...)
			i += 5
		default:
			out = append(out, raw[i], raw[i+1])
			i++
		}
	}
	return out
}

// isPlain reports whether expand would give back what it got.
func isPlain(raw []byte) bool {
	return !bytes.Contains(raw, []byte("{{")) && !bytes.Contains(raw, []byte(mark))
}

// expand replaces the placeholders in the strings of a JSON value and takes the
// marks out. Values are plain words, so that they need no escape at any level of
// nesting.
func expand(raw []byte, seed uint64) []byte {
	if bytes.Contains(raw, []byte("{{")) {
		raw = expandText(string(raw), seed)
	}
	return unescapeAttacker(raw)
}

func expandText(s string, seed uint64) []byte {
	var out []byte
	for {
		i := strings.Index(s, "{{")
		if i < 0 {
			return append(out, s...)
		}
		out = append(out, s[:i]...)
		s = s[i:]
		end := strings.Index(s[:min(len(s), maxPlaceholder)], "}}")
		if value, ok := "", end > 0; ok {
			if value, ok = placeholder(s[2:end], seed); ok {
				out = append(out, value...)
				s = s[end+2:]
				continue
			}
		}
		out = append(out, s[:2]...)
		s = s[2:]
	}
}

// placeholder returns the value of kind:what, and whether it is one of ours.
func placeholder(body string, seed uint64) (string, bool) {
	form, rest, ok := strings.Cut(body, ":")
	if !ok || (form != "fake" && form != "canary") {
		return "", false
	}
	kind, label, ok := strings.Cut(rest, ":")
	if !ok || !plainWord(kind) || !plainWord(label) {
		return "", false
	}
	if form == "fake" {
		n, err := strconv.ParseUint(label, 10, 32)
		if err != nil {
			return "", false
		}
		if v, known := world.Fake(seed, kind, uint32(n)); known && jsonPlain(v) {
			return v, true
		}
	}
	return opaque(seed, body), true
}

// opaque is a word for a placeholder of unknown kind: better a strange value
// than the placeholder itself.
func opaque(seed uint64, body string) string {
	mac := hmac.New(sha256.New, binary.BigEndian.AppendUint64(nil, seed))
	mac.Write([]byte("placeholder " + body))
	return hex.EncodeToString(mac.Sum(nil)[:10])
}

func plainWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && c != '.' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// jsonPlain reports whether s stands for itself inside a JSON string.
func jsonPlain(s string) bool { return len(guest.Quote(s)) == len(s)+2 }

// expandServer fills in the catalog's own identity in a persona's routes.
func expandServer(body []byte, s sdk.ServerInfo) []byte {
	r := strings.NewReplacer(
		"{{server:name}}", inner(s.Name), "{{server:title}}", inner(s.Title), "{{server:version}}", inner(s.Version),
		"{{server:protocol}}", newestHandshake,
	)
	return []byte(r.Replace(string(body)))
}

// newestHandshake is the revision that a persona's own pages name: the newest
// one that every client can negotiate.
const newestHandshake = "2025-11-25"

func inner(s string) string {
	q := guest.Quote(s)
	return string(q[1 : len(q)-1])
}
