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

// Placeholders stand in a guest's texts: {{fake:KIND:N}} and {{canary:KIND:LABEL}}
// in what describe says, which no client can touch, and {{MARK:fake:KIND:N}} in
// what answers a request, where MARK is a word of the request's own. A client can
// guess the form of a placeholder and find a guest that copies, joins or computes
// what he sends; the mark of a request that he has not made yet he cannot know.
const (
	maxPlaceholder = 160
	markBytes      = 8
)

// opening begins a placeholder; mark is "" for those of describe.
func opening(mark string) string {
	if mark == "" {
		return "{{"
	}
	return "{{" + mark + ":"
}

// isPlain reports whether expand would give back what it got.
func isPlain(raw []byte, mark string) bool { return !bytes.Contains(raw, []byte(opening(mark))) }

// expand replaces the placeholders in the strings of a JSON value. Values are
// plain words, so that they need no escape at any level of nesting.
func expand(raw []byte, seed uint64, mark string) []byte {
	open := []byte(opening(mark))
	if !bytes.Contains(raw, open) {
		return raw
	}
	var out []byte
	for {
		i := bytes.Index(raw, open)
		if i < 0 {
			return append(out, raw...)
		}
		out = append(out, raw[:i]...)
		raw = raw[i:]
		end := bytes.Index(raw[:min(len(raw), maxPlaceholder)], []byte("}}"))
		if value, ok := "", end > 0; ok {
			if value, ok = placeholder(string(raw[len(open):end]), seed); ok {
				out = append(out, value...)
				raw = raw[end+2:]
				continue
			}
		}
		out = append(out, raw[:len(open)]...)
		raw = raw[len(open):]
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
