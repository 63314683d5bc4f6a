package ql

import (
	"strconv"
	"strings"
	"time"
)

const oneDay = 24 * time.Hour

// number reads digits of a known count.
func number(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && s != "" && s[0] >= '0' && s[0] <= '9'
}

// Date reads a date with or without a time of day: 2026-01-31, 2026/01/31,
// 2026-01-31 14:05, 2026-01-31T14:05:06.789Z, with an offset or not. It also tells
// how long the span is that the text names: a day, an hour, a minute, a second or
// a millisecond. What is not exact is read as UTC.
func Date(s string) (t time.Time, span time.Duration, ok bool) {
	if len(s) < 10 || len(s) > 40 {
		return t, 0, false
	}
	year, ok1 := number(s[:4])
	month, ok2 := number(s[5:7])
	day, ok3 := number(s[8:10])
	sep := s[4]
	if !ok1 || !ok2 || !ok3 || sep != '-' && sep != '/' || s[7] != sep {
		return t, 0, false
	}
	t = time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if t.Day() != day || int(t.Month()) != month {
		return t, 0, false
	}
	if len(s) == 10 {
		return t, oneDay, true
	}
	if s[10] != ' ' && s[10] != 'T' {
		return t, 0, false
	}
	past, span, rest, ok := clock(s[11:])
	shift, ok2 := offset(rest)
	return t.Add(past - shift), span, ok && ok2
}

// clock reads hours, minutes, seconds and a fraction, and returns what follows.
func clock(s string) (past, span time.Duration, rest string, ok bool) {
	span = time.Hour
	for i, unit := range [...]time.Duration{time.Hour, time.Minute, time.Second} {
		if i > 0 {
			if s == "" || s[0] != ':' {
				return past, span, s, true
			}
			s = s[1:]
		}
		if len(s) < 2 {
			return 0, 0, s, false
		}
		n, good := number(s[:2])
		if !good || n > 59 || i == 0 && n > 23 {
			return 0, 0, s, false
		}
		past, span, s = past+time.Duration(n)*unit, unit, s[2:]
	}
	if s == "" || s[0] != '.' {
		return past, span, s, true
	}
	digits := 1
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	n, good := number((s[1:digits] + "000000000")[:9])
	return past + time.Duration(n), time.Millisecond, s[digits:], good && digits > 1
}

// offset reads Z, +0100, +01:00 or nothing.
func offset(s string) (time.Duration, bool) {
	if s == "" || s == "Z" {
		return 0, true
	}
	s = strings.Replace(s, ":", "", 1)
	if len(s) != 5 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	h, ok1 := number(s[1:3])
	m, ok2 := number(s[3:5])
	d := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	if s[0] == '-' {
		d = -d
	}
	return d, ok1 && ok2 && h < 24 && m < 60
}

// Unit is a stretch of the calendar, by the letter that languages have for it.
type Unit byte

// Start is the beginning of the unit that t is in; weeks begin on Sunday.
func (u Unit) Start(t time.Time) time.Time {
	t = t.UTC()
	switch day := t.Truncate(oneDay); u {
	case 'y':
		return day.AddDate(0, 0, 1-day.YearDay())
	case 'q':
		first := day.AddDate(0, 0, 1-day.Day())
		return first.AddDate(0, -int(first.Month()-1)%3, 0)
	case 'M':
		return day.AddDate(0, 0, 1-day.Day())
	case 'w':
		return day.AddDate(0, 0, -int(day.Weekday()))
	case 'd':
		return day
	case 'h', 'H':
		return t.Truncate(time.Hour)
	case 'm':
		return t.Truncate(time.Minute)
	case 's':
		return t.Truncate(time.Second)
	}
	return t
}

// Add moves t by n units.
func (u Unit) Add(t time.Time, n int) time.Time {
	switch u {
	case 'y':
		return t.AddDate(n, 0, 0)
	case 'q':
		return t.AddDate(0, 3*n, 0)
	case 'M':
		return t.AddDate(0, n, 0)
	case 'w':
		return t.AddDate(0, 0, 7*n)
	case 'd':
		return t.AddDate(0, 0, n)
	case 'h', 'H':
		return t.Add(time.Duration(n) * time.Hour)
	case 'm':
		return t.Add(time.Duration(n) * time.Minute)
	case 's':
		return t.Add(time.Duration(n) * time.Second)
	}
	return t
}

const maxShift = 20_000 // units, either way

// Shift moves t by a distance such as -7d, 4w 2d or -1h: units of known letters.
func Shift(t time.Time, s, letters string) (time.Time, bool) {
	sign := 1
	s = strings.TrimSpace(s)
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		sign, s = -1, rest
	} else {
		s = strings.TrimPrefix(s, "+")
	}
	if s == "" || len(s) > 40 {
		return t, false
	}
	for s != "" {
		i := 0
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		n, ok := number(s[:i])
		if !ok || i == len(s) || n > maxShift || strings.IndexByte(letters, s[i]) < 0 {
			return t, false
		}
		t = Unit(s[i]).Add(t, sign*n)
		s = strings.TrimLeft(s[i+1:], " ")
	}
	return t, true
}
