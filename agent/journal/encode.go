package journal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// encoder appends an access event to b as encoding/json would write it, members in
// the order of the struct and without "seq". Nearly all events are such; what else
// there is, and what this cannot write, is for encoding/json: then unfit is set.
type encoder struct {
	b     []byte
	unfit bool
}

// appendAccess appends ev to dst. It reports false, and dst is as it was, where
// encoding/json has to be asked.
func appendAccess(dst []byte, ev *sdk.Event) ([]byte, bool) {
	if ev.Kind != sdk.KindAccess || len(ev.CanariesMinted)+len(ev.CanariesSeen) > 0 || carries(ev) {
		return dst, false
	}
	e := encoder{b: dst}
	e.b = strconv.AppendInt(append(e.b, `{"v":`...), int64(ev.V), 10)
	e.b = appendString(append(e.b, `,"id":`...), ev.ID)
	e.b = appendString(append(e.b, `,"kind":`...), string(ev.Kind))
	e.time(`,"time":`, ev.Time)
	e.source(ev)
	e.request(ev)
	e.message(ev)
	e.outcome(ev)
	if e.unfit {
		return dst, false
	}
	return append(e.b, '}'), true
}

// carries reports whether an event has a part that belongs to another kind.
func carries(ev *sdk.Event) bool {
	return ev.Detection != nil || ev.Gap != nil || ev.Guest != nil || ev.Clock != nil || ev.Canary != nil ||
		ev.Pack != nil || ev.Health != nil || ev.Heartbeat != nil
}

func (e *encoder) source(ev *sdk.Event) {
	e.text(`,"sensor":`, ev.Sensor)
	e.text(`,"ip":`, ev.IP)
	e.text(`,"peer":`, ev.Peer)
	e.text(`,"actor":`, ev.Actor)
	e.text(`,"session_id":`, ev.Session)
	e.text(`,"transport":`, ev.Transport)
	e.text(`,"event":`, ev.Event)
}

func (e *encoder) request(ev *sdk.Event) {
	e.text(`,"method":`, ev.Method)
	e.text(`,"path":`, ev.Path)
	e.text(`,"ua":`, ev.UA)
	e.text(`,"head":`, ev.Head)
	if b := ev.Body; b != nil {
		e.b = strconv.AppendInt(append(e.b, `,"body":{"size":`...), int64(b.Size), 10)
		e.b = appendString(append(e.b, `,"sha256":`...), b.SHA256)
		e.text(`,"text":`, b.Text)
		e.text(`,"base64":`, b.Base64)
		e.flag(`,"cut":true`, b.Cut)
		e.b = append(e.b, '}')
	}
	if len(ev.HeadB64) > 0 {
		e.b = base64.StdEncoding.AppendEncode(append(e.b, `,"head_base64":"`...), ev.HeadB64)
		e.b = append(e.b, '"')
	}
}

func (e *encoder) message(ev *sdk.Event) {
	e.text(`,"era":`, ev.Era)
	e.text(`,"protocol":`, ev.Protocol)
	e.raw(`,"rpc_id":`, ev.RPCID)
	e.text(`,"mcp_method":`, ev.MCPMethod)
	e.text(`,"tool":`, ev.Tool)
	e.text(`,"service":`, ev.Service)
	e.text(`,"class":`, ev.Class)
	e.text(`,"category":`, ev.Category)
	e.raw(`,"args":`, ev.Args)
	e.flag(`,"args_cut":true`, ev.ArgsCut)
	e.text(`,"uri":`, ev.URI)
	e.text(`,"prompt":`, ev.Prompt)
	if c := ev.Client; c != nil {
		e.b = append(e.b, `,"client":{`...)
		at := len(e.b)
		e.text(`,"name":`, c.Name)
		e.text(`,"version":`, c.Version)
		e.text(`,"title":`, c.Title)
		e.first(at)
		e.b = append(e.b, '}')
	}
	e.text(`,"operator":`, ev.Operator)
	e.flag(`,"demo":true`, ev.Demo)
}

func (e *encoder) outcome(ev *sdk.Event) {
	e.text(`,"persona":`, ev.Persona)
	e.text(`,"profile":`, ev.Profile)
	e.text(`,"outcome":`, ev.Outcome)
	e.number(`,"status":`, ev.Status)
	e.float(`,"latency_ms":`, ev.LatencyMS)
	e.number(`,"result_bytes":`, ev.ResultBytes)
	e.text(`,"error":`, ev.Error)
	if len(ev.Notes) > 0 {
		e.b = append(e.b, `,"notes":{`...)
		at := len(e.b)
		for _, k := range slices.Sorted(maps.Keys(ev.Notes)) {
			e.unfit = e.unfit || !utf8.ValidString(k) // two of them may become one
			e.b = append(appendString(append(e.b, ','), k), ':')
			e.b = appendString(e.b, ev.Notes[k])
		}
		e.first(at)
		e.b = append(e.b, '}')
	}
	e.text(`,"justification":`, ev.Justification)
}

// first takes away the comma before the first member of an object.
func (e *encoder) first(at int) {
	if len(e.b) > at {
		e.b = slices.Delete(e.b, at, at+1)
	}
}

func (e *encoder) text(key, s string) {
	if s != "" {
		e.b = appendString(append(e.b, key...), s)
	}
}

func (e *encoder) flag(member string, set bool) {
	if set {
		e.b = append(e.b, member...)
	}
}

func (e *encoder) number(key string, n int) {
	if n != 0 {
		e.b = strconv.AppendInt(append(e.b, key...), int64(n), 10)
	}
}

// float writes what needs no exponent.
func (e *encoder) float(key string, f float64) {
	if f == 0 {
		return
	}
	if abs := math.Abs(f); !(abs >= 1e-6 && abs < 1e21) {
		e.unfit = true
		return
	}
	e.b = strconv.AppendFloat(append(e.b, key...), f, 'f', -1, 64)
}

// time writes a time that RFC 3339 has.
func (e *encoder) time(key string, t time.Time) {
	if y := t.Year(); t.Location() != time.UTC || y < 0 || y > 9999 {
		e.unfit = true
		return
	}
	e.b = t.AppendFormat(append(e.b, key+`"`...), time.RFC3339Nano)
	e.b = append(e.b, '"')
}

// raw writes JSON without the blanks between its parts.
func (e *encoder) raw(key string, v sdk.RawJSON) {
	if len(v) == 0 {
		return
	}
	if guest.Valid(v, guest.MaxDepth) {
		e.b = appendPacked(append(e.b, key...), v)
		return
	}
	buf := bytes.NewBuffer(append(e.b, key...))
	if json.Compact(buf, v) != nil {
		e.unfit = true
		return
	}
	e.b = buf.Bytes()
}

// appendPacked appends valid JSON without the blanks between its parts.
func appendPacked(b []byte, v sdk.RawJSON) []byte {
	done := 0
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '"':
			for i++; v[i] != '"'; i++ {
				if v[i] == '\\' {
					i++
				}
			}
		case ' ', '\t', '\r', '\n':
			b = append(b, v[done:i]...)
			done = i + 1
		}
	}
	return append(b, v[done:]...)
}

const hexDigits = "0123456789abcdef"

// special returns the index of the first byte from i on that does not stand for itself
// in a JSON string, or is not ASCII; len(s) when there is none. It looks at eight bytes
// at a time: strings are most of a record.
func special(s string, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(s); i += 8 {
		b := s[i : i+8]
		w := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		quote, backslash := w^ones*'"', w^ones*'\\'
		if m := ((w-ones*' ')&^w | (quote-ones)&^quote | (backslash-ones)&^backslash | w) & tops; m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for i < len(s) && s[i] >= ' ' && s[i] < utf8.RuneSelf && s[i] != '"' && s[i] != '\\' {
		i++
	}
	return i
}

// appendString appends s as a JSON string. Invalid UTF-8 becomes U+FFFD, and what
// ends a line in JavaScript is escaped.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	done := 0
	for i := special(s, 0); i < len(s); i = special(s, i) {
		c, n := rune(s[i]), 1
		if c >= utf8.RuneSelf {
			c, n = utf8.DecodeRuneInString(s[i:])
			if (c != utf8.RuneError || n > 1) && c != '\u2028' && c != '\u2029' {
				i += n
				continue
			}
		}
		b = appendEscape(append(b, s[done:i]...), c)
		i += n
		done = i
	}
	return append(append(b, s[done:]...), '"')
}

func appendEscape(b []byte, c rune) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', byte(c))
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', hexDigits[c>>12&15], hexDigits[c>>8&15], hexDigits[c>>4&15], hexDigits[c&15])
}
