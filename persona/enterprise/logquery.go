package enterprise

import (
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/persona/world"
)

// logFields are the fields of a log document by the names that the index maps: k
// for keywords, t for text, d for the date.
var logFields = map[string]byte{
	"": 't', "message": 't', "service": 'k', "service.name": 'k', "service.keyword": 'k', "host": 'k', "host.name": 'k', "host.keyword": 'k',
	"level": 'k', "log.level": 'k', "level.keyword": 'k', "_index": 'k', "_id": 'k', "@timestamp": 'd',
}

// logTest is what a clause of a query string asks for, as far as it does not depend
// on the line.
type logTest struct {
	kind   byte
	field  string // of a keyword, without what follows its first name
	plain  string // what a keyword has to be, "" when there are other ways to match
	bounds [2]time.Time
}

// checkLogQuery refuses dates that are none, and notes what the clauses stand for.
func (v *view) checkLogQuery(e *ql.Expr) error {
	return e.Each(func(c *ql.Clause) error {
		t := &logTest{kind: logFields[c.Field], field: strings.TrimSuffix(strings.TrimSuffix(c.Field, ".keyword"), ".name")}
		c.Cache = t
		if c.Cmp == "~" && c.Value() == "*" && t.kind != 0 {
			t.kind = '*'
		}
		if c.Cmp == "~" && (c.Args[0].Quoted || !strings.ContainsAny(c.Value(), "*?")) {
			t.plain = c.Value()
		}
		if t.kind != 'd' {
			return nil
		}
		t.bounds = v.logBounds(c)
		for _, a := range c.Args {
			if _, ok := v.mathDate(a.Text, false); !ok && a.Text != "*" {
				return refusal(say("search_phase_execution_exception\n\tRoot causes:\n\t\tparse_exception: failed to parse date field [%] with format [strict_date_optional_time||epoch_millis]", a.Text))
			}
		}
		return nil
	})
}

// logMeets tests a clause of a query string. Fields that the index does not map
// match nothing.
func (v *view) logMeets(l *world.LogLine, index string, c *ql.Clause) bool {
	if c.Field == "_exists_" {
		return logFields[c.Value()] != 0
	}
	if c.Field == "*" {
		return c.Value() == "*"
	}
	switch t := c.Cache.(*logTest); t.kind {
	case '*':
		return true
	case 't':
		text := l.Text()
		if c.Field == "message" {
			text = text[:len(l.Message)]
		}
		return c.Cmp == "~" && c.Terms != nil && c.Terms.In(text)
	case 'k':
		have := logKeyword(l, index, t.field)
		if t.plain != "" {
			return len(have) == len(t.plain) && strings.EqualFold(have, t.plain)
		}
		return keyword(c, have)
	case 'd':
		return inTime(l.Time, c, t.bounds)
	}
	return false
}

func logKeyword(l *world.LogLine, index, field string) string {
	switch field {
	case "service":
		return l.Service
	case "host":
		return l.Host
	case "_index":
		return index
	case "_id":
		return l.ID()
	}
	return l.Level
}

// keyword compares a keyword, which this index has in any case, with a value, a
// pattern or a range.
func keyword(c *ql.Clause, have string) bool {
	if c.Cmp != "~" {
		return inside(c, func(end int) int { return strings.Compare(strings.ToLower(have), strings.ToLower(c.Args[end].Text)) })
	}
	want := c.Value()
	if strings.ContainsAny(want, "*?") && !c.Args[0].Quoted {
		return ql.Like(strings.ToLower(have), strings.ToLower(want), '*', '?', 0)
	}
	return len(have) == len(want) && strings.EqualFold(have, want)
}

// inside tests a range or a single bound with a function that compares the value
// with an end: the low one is 0, the high one 1. A star is no bound.
func inside(c *ql.Clause, compare func(end int) int) bool {
	test := func(op string, end int) bool {
		return c.Args[end].Text == "*" || ql.Compares(op, compare(end))
	}
	if len(c.Args) == 1 {
		return test(c.Cmp, 0)
	}
	low, high := ">=", "<="
	if c.Cmp[0] == '{' {
		low = ">"
	}
	if c.Cmp[1] == '}' {
		high = "<"
	}
	return test(low, 0) && test(high, 1)
}

// logBounds are the instants that a clause compares with. What is named without a
// time of day stands for all of it: an end is rounded so that a closed range has
// it and an open one has not.
func (v *view) logBounds(c *ql.Clause) (at [2]time.Time) {
	if c.Cmp == "~" {
		at[0], _ = v.mathDate(c.Value(), false)
		at[1], _ = v.mathDate(c.Value(), true)
		return at
	}
	for end, a := range c.Args {
		up := c.Cmp == ">" || c.Cmp == "<="
		if len(c.Args) == 2 {
			up = end == 0 && c.Cmp[0] == '{' || end == 1 && c.Cmp[1] == ']'
		}
		at[end], _ = v.mathDate(a.Text, up)
	}
	return at
}

// inTime tests a date.
func inTime(have time.Time, c *ql.Clause, at [2]time.Time) bool {
	if c.Cmp == "~" {
		return !have.Before(at[0]) && !have.After(at[1])
	}
	return inside(c, func(end int) int { return have.Compare(at[end]) })
}

// mathDate reads a date, milliseconds since 1970, or date math such as now-1h/d
// and 2026-01-31||+1M. Up takes the last instant of what is rounded or left out.
func (v *view) mathDate(s string, up bool) (time.Time, bool) {
	at, math := v.now, ""
	if rest, ok := strings.CutPrefix(s, "now"); ok {
		math = rest
	} else {
		date, after, _ := strings.Cut(s, "||")
		t, span, ok := ql.Date(date)
		if !ok {
			return epochMillis(date)
		}
		if at, math = t, after; up && math == "" {
			at = at.Add(span - time.Millisecond)
		}
	}
	for math != "" {
		if unit, ok := strings.CutPrefix(math, "/"); ok && unit != "" {
			u := ql.Unit(unit[0])
			if strings.IndexByte("yMwdhHms", unit[0]) < 0 {
				return at, false
			}
			if at, math = u.Start(at), unit[1:]; up {
				at = u.Add(at, 1).Add(-time.Millisecond)
			}
			continue
		}
		end := 1 + strings.IndexAny(math[1:]+"/", "+-/")
		var ok bool
		if math[0] != '+' && math[0] != '-' {
			return at, false
		}
		if at, ok = ql.Shift(at, math[:end], "yMwdhHms"); !ok {
			return at, false
		}
		math = math[end:]
	}
	return at, true
}

func epochMillis(s string) (time.Time, bool) {
	n := int64(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || i >= 15 {
			return time.Time{}, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return time.UnixMilli(n), len(s) >= 4
}
