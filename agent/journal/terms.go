package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// maxTerm is the longest value that is indexed as it is. Clients choose most of
// these values: a longer one, or one with the separator in it, is hashed.
const maxTerm = 128

// field is the first byte of a term.
type field byte

const (
	fieldKind     field = 'k'
	fieldIP       field = 'i'
	fieldTool     field = 't'
	fieldMethod   field = 'm'
	fieldSession  field = 's'
	fieldRule     field = 'r'
	fieldSeverity field = 'v'
	fieldActor    field = 'a'
	fieldOutcome  field = 'o'
)

// term is the index's name for "this field has this value".
func term(f field, value string) string { return string(appendTerm(nil, f, value)) }

func appendTerm(b []byte, f field, value string) []byte {
	value = asStored(value)
	if len(value) <= maxTerm && strings.IndexByte(value, 0) < 0 {
		return append(append(b, byte(f), '='), value...)
	}
	return append(append(b, byte(f), '#'), digest(value)...)
}

// asStored returns s as it reads back from a record: JSON has no invalid UTF-8.
func asStored(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

func digest(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}

// eventTerms calls add with each term that ev is found by, valid until add returns: at
// most one for each field of the event and one for each field of its detection.
func eventTerms(ev *sdk.Event, add func(t []byte)) {
	buf := make([]byte, 0, maxTerm+len("k="))
	eventValues(ev, func(f field, value string) {
		buf = appendTerm(buf[:0], f, value)
		add(buf)
	})
}

// eventValues calls add with each field that ev is found by.
func eventValues(ev *sdk.Event, add func(f field, value string)) {
	one := func(f field, value string) {
		if value != "" {
			add(f, value)
		}
	}
	one(fieldKind, string(ev.Kind))
	one(fieldIP, ev.IP)
	one(fieldTool, ev.Tool)
	one(fieldMethod, ev.MCPMethod)
	one(fieldSession, ev.Session)
	one(fieldActor, ev.Actor)
	one(fieldOutcome, ev.Outcome)
	if d := ev.Detection; d != nil {
		one(fieldRule, d.RuleID)
		one(fieldSeverity, string(d.Severity))
		one(fieldIP, d.SourceIP)
		one(fieldTool, d.Tool)
		one(fieldMethod, d.MCPMethod)
		one(fieldSession, d.Session)
		one(fieldActor, d.Actor)
	}
}

// idKey is the key of an event id: the 16 bytes of a UUID, else its text.
func idKey(id string) []byte {
	id = asStored(id)
	if len(id) == 36 && strings.ToLower(id) == id { // the only form of a UUID that is read back as it was
		if u, err := uuid.Parse(id); err == nil {
			return u[:]
		}
	}
	if len(id) > maxTerm {
		return []byte("#" + digest(id))
	}
	return []byte("=" + id)
}
