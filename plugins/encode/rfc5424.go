package encode

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The lengths of header fields and names, RFC 5424 §6.
const (
	maxHost   = 255
	maxApp    = 48
	maxProcID = 128
	maxMsgID  = 32
	maxSDName = 32
)

// bom begins a text that is UTF-8 and not only ASCII, RFC 5424 §6.4.
const bom = "\ufeff"

// Message is one RFC 5424 message. Append makes a valid one of any content.
type Message struct {
	Facility int // 0 to 23
	Severity int // 0 to 7
	Time     time.Time
	Host     string
	App      string
	ProcID   string
	MsgID    string
	Data     []Element
	Text     string
	NoBOM    bool // of a text that is a format of its own
}

// Element is one element of structured data. ID is name@enterprise-number.
type Element struct {
	ID     string
	Params []Param
}

// Param is one parameter of an [Element].
type Param struct{ Name, Value string }

// Append appends m to dst, without a line end or other framing. Header fields are
// printable ASCII within the lengths of the RFC; what is hidden in values and
// text is escaped as [Visible] does.
func (m *Message) Append(dst []byte) []byte {
	dst = append(dst, '<')
	dst = strconv.AppendInt(dst, int64(m.Facility*8+m.Severity), 10)
	dst = append(dst, ">1 "...)
	dst = appendTime(dst, m.Time)
	for _, field := range []struct {
		text  string
		limit int
	}{{m.Host, maxHost}, {m.App, maxApp}, {m.ProcID, maxProcID}, {m.MsgID, maxMsgID}} {
		dst = append(dst, ' ')
		dst = appendName(dst, field.text, field.limit, "")
	}
	dst = append(dst, ' ')
	dst = appendData(dst, m.Data)
	if m.Text == "" {
		return dst
	}
	dst = append(dst, ' ')
	text := Visible(m.Text, len(m.Text)*maxEscape)
	if !m.NoBOM && !ascii(text) {
		dst = append(dst, bom...)
	}
	return append(dst, text...)
}

// maxEscape is how many bytes one byte can become: \u000a of a line feed.
const maxEscape = 6

func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	if t.IsZero() || t.Year() < 0 || t.Year() > 9999 {
		return append(dst, '-')
	}
	return t.AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
}

func appendData(dst []byte, data []Element) []byte {
	if len(data) == 0 {
		return append(dst, '-')
	}
	for _, e := range data {
		dst = append(dst, '[')
		dst = appendName(dst, e.ID, maxSDName, `=]"`)
		for _, p := range e.Params {
			dst = append(dst, ' ')
			dst = appendName(dst, p.Name, maxSDName, `=]"`)
			dst = append(dst, '=', '"')
			dst = appendValue(dst, p.Value)
			dst = append(dst, '"')
		}
		dst = append(dst, ']')
	}
	return dst
}

// appendName appends a header field or a name: printable ASCII without spaces and
// without what is in not; "-" if nothing is left.
func appendName(dst []byte, s string, limit int, not string) []byte {
	if s == "" {
		return append(dst, '-')
	}
	if len(s) > limit {
		s = s[:limit]
	}
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(not, c) >= 0 {
			c = '_'
		}
		dst = append(dst, c)
	}
	return dst
}

// appendValue escapes what ends a value, RFC 5424 §6.3.3.
func appendValue(dst []byte, s string) []byte {
	s = Visible(s, len(s)*maxEscape)
	for i := range len(s) {
		if c := s[i]; c == '"' || c == '\\' || c == ']' {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return dst
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
