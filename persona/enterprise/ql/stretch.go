package ql

import (
	"strings"
	"time"
)

var zeroTime time.Time

// Range is a stretch of time: from its first instant up to, and without, its last.
type Range struct{ From, To time.Time }

// Compare tells where a time lies: -1 before the stretch, 0 in it, 1 after it.
func (r Range) Compare(t time.Time) int {
	switch {
	case t.Before(r.From):
		return -1
	case t.Before(r.To):
		return 0
	}
	return 1
}

// stretches are SOQL's date literals: the unit, and from which to which unit from
// the current one on.
var stretches = map[string]struct {
	unit     Unit
	from, to int
}{
	"yesterday": {'d', -1, 0}, "today": {'d', 0, 1}, "tomorrow": {'d', 1, 2},
	"last_week": {'w', -1, 0}, "this_week": {'w', 0, 1}, "next_week": {'w', 1, 2},
	"last_month": {'M', -1, 0}, "this_month": {'M', 0, 1}, "next_month": {'M', 1, 2},
	"last_90_days": {'d', -90, 1}, "next_90_days": {'d', 1, 91},
	"last_quarter": {'q', -1, 0}, "this_quarter": {'q', 0, 1}, "next_quarter": {'q', 1, 2},
	"last_year": {'y', -1, 0}, "this_year": {'y', 0, 1}, "next_year": {'y', 1, 2},
	"last_fiscal_quarter": {'q', -1, 0}, "this_fiscal_quarter": {'q', 0, 1}, "next_fiscal_quarter": {'q', 1, 2},
	"last_fiscal_year": {'y', -1, 0}, "this_fiscal_year": {'y', 0, 1}, "next_fiscal_year": {'y', 1, 2},
}

// units are the names of units in literals with a number.
var units = map[string]Unit{
	"days": 'd', "weeks": 'w', "months": 'M', "quarters": 'q', "years": 'y', "fiscal_quarters": 'q', "fiscal_years": 'y',
}

// Stretch reads a date literal of SOQL: TODAY, LAST_N_DAYS:30, N_WEEKS_AGO:2.
// LAST_N_DAYS has today in it, the other LAST_N only whole units before this one.
func Stretch(literal string, now time.Time) (Range, bool) {
	name, digits, counted := strings.Cut(strings.ToLower(literal), ":")
	if !counted {
		s, ok := stretches[name]
		if !ok {
			return Range{}, false
		}
		return stretch(s.unit, s.from, s.to, now), true
	}
	n, ok := number(digits)
	if !ok || n > maxShift {
		return Range{}, false
	}
	if unit, ok := units[strings.TrimPrefix(name, "last_n_")]; ok && strings.HasPrefix(name, "last_n_") {
		if unit == 'd' {
			return stretch(unit, -n, 1, now), true
		}
		return stretch(unit, -n, 0, now), true
	}
	if unit, ok := units[strings.TrimPrefix(name, "next_n_")]; ok && strings.HasPrefix(name, "next_n_") {
		return stretch(unit, 1, n+1, now), true
	}
	if mid, ok := strings.CutPrefix(name, "n_"); ok {
		if unit, ok := units[strings.TrimSuffix(mid, "_ago")]; ok && strings.HasSuffix(mid, "_ago") {
			return stretch(unit, -n, 1-n, now), true
		}
	}
	return Range{}, false
}

func stretch(u Unit, from, to int, now time.Time) Range {
	start := u.Start(now)
	return Range{u.Add(start, from), u.Add(start, to)}
}
