package enterprise

import (
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	maxQuery = 8 << 10   // bytes of a query that are looked at
	maxBytes = 800 << 10 // of an answer's document; a guest may give a megabyte in all
)

// args reads arguments that the host has checked against the schema, and takes
// anything else for absent.
type args struct{ o guest.Object }

func (a args) text(key string) string {
	s := strings.TrimSpace(a.o.Str(key))
	return s[:min(len(s), maxQuery)]
}

// limit is a count between lo and hi, def when absent or not positive.
func (a args) limit(key string, def, hi int) int {
	n := a.o.Int(key, int64(def))
	if n < 1 {
		return def
	}
	return int(min(n, int64(hi)))
}

// offsetOr is an offset, def when it is absent.
func (a args) offsetOr(key string, def int) int {
	if !a.o.Has(key) {
		return def
	}
	return a.offset(key)
}

// offset is a number from 0 that is small enough to add to.
func (a args) offset(key string) int { return int(min(max(a.o.Int(key, 0), 0), 1<<30)) }

// Times as the services write them.
const (
	githubTime = "2006-01-02T15:04:05Z"
	gitlabTime = "2006-01-02T15:04:05.000+00:00"
	bitTime    = "2006-01-02T15:04:05.000000+00:00"
	jiraTime   = "2006-01-02T15:04:05.000+0000"
	milliTime  = "2006-01-02T15:04:05.000Z"
)

func stamp(w *guest.Writer, key string, t time.Time, layout string) *guest.Writer {
	return w.Key(key).Str(format(t, layout))
}

// format is t.Format for the layouts above, which it need not take apart: a date,
// a time, a fraction of a second if they have one, and an end.
func format(t time.Time, layout string) string {
	const seconds = "2006-01-02T15:04:05"
	end, ok := strings.CutPrefix(layout, seconds)
	if year := t.Year(); !ok || year < 0 || year > 9999 {
		return t.Format(layout)
	}
	var buf [len(bitTime)]byte
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b := append(buf[:0], seconds...)
	two(b[0:], year/100)
	two(b[2:], year%100)
	two(b[5:], int(month))
	two(b[8:], day)
	two(b[11:], hour)
	two(b[14:], minute)
	two(b[17:], second)
	if digits := strings.TrimLeft(strings.TrimPrefix(end, "."), "0"); strings.HasPrefix(end, ".") {
		b = append(b, strconv.Itoa(1_000_000_000 + t.Nanosecond())[:len(end)-len(digits)]...)
		b[len(seconds)], end = '.', digits
	}
	return string(append(b, end...))
}

// two writes a number in two digits.
func two(b []byte, n int) { b[0], b[1] = '0'+byte(n/10), '0'+byte(n%10) }

// say fills each % of a text with the next argument.
//
//go:noinline
func say(text string, args ...string) string { return ql.Say(text, args...) }
