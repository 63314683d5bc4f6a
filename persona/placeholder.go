package persona

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/canary"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// Placeholders stand in a guest's texts: {{fake:KIND:N}} and
// {{canary:KIND:LABEL}} in what describe says, which no client can touch, and
// {{MARK:fake:KIND:N}} in what answers a request, where MARK is a word of the
// request's own. A client can guess the form of a placeholder and find a guest
// that copies, joins or computes what he sends; the mark of a request that he has
// not made yet he cannot know.
const (
	maxPlaceholder = 160
	markBytes      = 8
	maxNested      = 8 // JSON texts inside one another that are looked into
)

// The scopes of a canary.
const (
	scopeSession    = "session"    // a value of its own for each session that sees it
	scopeDeployment = "deployment" // one value for everybody
)

// opening begins a placeholder; mark is "" for those of describe.
func opening(mark string) string {
	if mark == "" {
		return "{{"
	}
	return "{{" + mark + ":"
}

// isPlain reports whether expanding would give back what it got.
func isPlain(raw []byte, mark string) bool { return !bytes.Contains(raw, []byte(opening(mark))) }

// placeholder is one that was parsed: fake of a kind and number, or canary of a
// kind, label and scope.
type placeholder struct {
	form, kind, label, scope string
}

// parsePlaceholder reads what stands between the opening and the closing braces,
// and reports whether it is a placeholder at all.
func parsePlaceholder(body string) (p placeholder, ok bool) {
	parts := strings.Split(body, ":")
	if len(parts) < 3 || !plainWord(parts[1]) || !plainWord(parts[2]) {
		return p, false
	}
	p = placeholder{form: parts[0], kind: parts[1], label: parts[2]}
	switch {
	case p.form == "fake" && len(parts) == 3:
		_, err := strconv.ParseUint(p.label, 10, 32)
		return p, err == nil
	case p.form == "canary" && len(parts) == 3:
		p.scope = scopeSession
		return p, true
	case p.form == "canary" && len(parts) == 4:
		p.scope = parts[3]
		return p, p.scope == scopeSession || p.scope == scopeDeployment
	}
	return p, false
}

// replace puts value's results in the place of the placeholders of a text.
func replace(text []byte, open string, value func(placeholder) string) []byte {
	var out []byte
	for {
		i := bytes.Index(text, []byte(open))
		if i < 0 {
			if out == nil {
				return text
			}
			return append(out, text...)
		}
		out = append(out, text[:i]...)
		text = text[i:]
		end := bytes.Index(text[:min(len(text), maxPlaceholder)], []byte("}}"))
		if end > 0 {
			if p, ok := parsePlaceholder(string(text[len(open):end])); ok {
				out = append(out, value(p)...)
				text = text[end+2:]
				continue
			}
		}
		out = append(out, text[:len(open)]...)
		text = text[len(open):]
	}
}

// checkPlaceholders refuses canaries of unknown kinds: whoever reads the answer
// must not see them.
func checkPlaceholders(text []byte, mark string) (err error) {
	replace(text, opening(mark), func(p placeholder) string {
		if p.form == "canary" && !canary.Known(p.kind) {
			err = fmt.Errorf("canary %q is of an unknown kind %q", p.label, p.kind)
		}
		return ""
	})
	return err
}

// expander replaces the placeholders of one document and keeps what it minted.
type expander struct {
	open   string
	seed   uint64
	fakes  *fakes
	mint   *mint
	holder string // whose the canaries of session scope are; "" in describe
	minted []sdk.Canary
}

func (p *loaded) expander(mark, holder string) *expander {
	values := p.fakes
	if values == nil { // the persona is in no host
		values = &fakes{seed: p.company}
	}
	return &expander{open: opening(mark), seed: p.company, fakes: values, mint: p.mint, holder: holder}
}

// text expands a text.
func (e *expander) text(s string) string { return string(replace([]byte(s), e.open, e.value)) }

// json expands the strings of a JSON value. Most values are plain words, which
// need no escape however deep the string is nested in others; those of several
// lines are put in where the string they belong to is decoded.
func (e *expander) json(raw []byte) []byte {
	if !bytes.Contains(raw, []byte(e.open)) {
		return raw
	}
	if e.hasLines(raw) {
		raw = e.nested(raw, maxNested)
	}
	return replace(raw, e.open, e.value)
}

func (e *expander) hasLines(raw []byte) (found bool) {
	replace(raw, e.open, func(p placeholder) string {
		found = found || p.form == "canary" && canary.Multiline(p.kind)
		return ""
	})
	return found
}

// nested expands inside each string of a JSON text, and in strings that are JSON
// texts themselves likewise. What stands between the strings is kept.
func (e *expander) nested(raw []byte, deep int) []byte {
	var out []byte
	for i := 0; i < len(raw); {
		start := bytes.IndexByte(raw[i:], '"')
		if start < 0 {
			return append(out, raw[i:]...)
		}
		start += i
		end := stringEnd(raw, start)
		out = append(out, raw[i:start]...)
		out = append(out, e.quoted(raw[start:end], deep)...)
		i = end
	}
	return out
}

// quoted expands one JSON string.
func (e *expander) quoted(s []byte, deep int) []byte {
	if !bytes.Contains(s, []byte(e.open)) {
		return s
	}
	text := []byte(guest.String(s))
	if t := bytes.TrimSpace(text); deep > 0 && len(t) > 0 && (t[0] == '{' || t[0] == '[') && json.Valid(t) {
		return guest.Quote(string(e.nested(text, deep-1)))
	}
	return guest.Quote(string(replace(text, e.open, e.value)))
}

// stringEnd is where the JSON string that begins at start is over.
func stringEnd(raw []byte, start int) int {
	for i := start + 1; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(raw)
}

// value is what a placeholder stands for.
func (e *expander) value(p placeholder) string {
	if p.form == "fake" {
		n, _ := strconv.ParseUint(p.label, 10, 32) // as parsed
		if v, known := e.fakes.value(p.kind, uint32(n)); known && jsonPlain(v) {
			return v
		}
		return opaque(e.seed, p.form+":"+p.kind+":"+p.label)
	}
	holder := e.holder
	if p.scope == scopeDeployment || holder == "" {
		p.scope, holder = scopeDeployment, ""
	}
	c := e.mint.canary(p, holder)
	for _, other := range e.minted {
		if other.ID == c.ID {
			return c.Value
		}
	}
	e.minted = append(e.minted, c)
	return c.Value
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
