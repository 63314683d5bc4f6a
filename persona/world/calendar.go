package world

import (
	"strconv"
	"strings"
	"time"
)

// calendar knows the working days of one office. Its clock is the office's own,
// summer time included; a day is counted from start, which is a Monday.
type calendar struct {
	start   int64 // unix time of the first day's midnight in standard time
	country string
	off     []uint64 // a bit for each day on which nobody works
	summer  []uint64 // a bit for each day of summer time
	known   int      // days that are in both
}

func newCalendar(start int64, country string) *calendar {
	return &calendar{start: start, country: country}
}

// everyDay is a calendar without holidays and summer time, for what never rests.
func everyDay(start int64) *calendar { return &calendar{start: start, known: maxDays} }

// maxDays bounds how far a calendar is made, about a century.
const maxDays = maxWeeks * 7

// dayOf returns the day of a moment and the seconds since that day's midnight.
// Before start it is a negative day.
func (c *calendar) dayOf(t int64) (day_ int, sec int64) {
	since := t - c.start
	d := int(since / day)
	if since < 0 {
		return -1, since
	}
	if c.bit(&c.summer, d) {
		since += 3600
		d = int(since / day)
	}
	return d, since % day
}

// midnight is when a day begins.
func (c *calendar) midnight(d int) int64 {
	t := c.start + int64(d)*day
	if c.bit(&c.summer, d) {
		t -= 3600
	}
	return t
}

// works reports whether a day is a working day.
func (c *calendar) works(d int) bool { return d >= 0 && !c.bit(&c.off, d) }

// open reports whether people are at work, early and late ones included.
func (c *calendar) open(t int64) bool {
	d, sec := c.dayOf(t)
	return sec >= 8*3600 && sec < 19*3600 && c.works(d)
}

func (c *calendar) bit(set *[]uint64, d int) bool {
	if d < 0 || d >= maxDays {
		return false
	}
	if d >= c.known {
		c.extend(d)
	}
	return d/64 < len(*set) && (*set)[d/64]>>(d%64)&1 != 0
}

// extend makes the days up to the end of the year that day d is in.
func (c *calendar) extend(d int) {
	for c.known <= d {
		first := at(c.start + int64(c.known)*day + day/2)
		year := first.Year()
		end := c.known + int(time.Date(year+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()-first.Unix())/day + 1
		for len(c.off)*64 < end {
			c.off, c.summer = append(c.off, 0), append(c.summer, 0)
		}
		for ; c.known < end; c.known++ {
			if c.known%7 >= 5 {
				c.off[c.known/64] |= 1 << (c.known % 64)
			}
		}
		c.markYear(year)
	}
}

// markYear adds a year's holidays and summer time.
func (c *calendar) markYear(year int) {
	mark := func(set []uint64, t time.Time) {
		if d := int((t.Unix() + day/2 - c.start) / day); t.Unix() >= c.start && d < c.known {
			set[d/64] |= 1 << (d % 64)
		}
	}
	for _, t := range holidays(c.country, year) {
		mark(c.off, t)
	}
	from, to := summerTime(c.country, year)
	for t := from; t.Before(to); t = t.AddDate(0, 0, 1) {
		mark(c.summer, t)
	}
}

// summerTime returns the days from which and to which clocks are an hour ahead.
func summerTime(country string, year int) (from, to time.Time) {
	switch country {
	case "US", "CA":
		return weekdayOf(year, time.March, time.Sunday, 2), weekdayOf(year, time.November, time.Sunday, 1)
	case "IN":
		return from, to
	}
	return weekdayOf(year, time.March, time.Sunday, -1), weekdayOf(year, time.October, time.Sunday, -1)
}

// weekdayOf is the nth such weekday of a month, the last one for -1.
func weekdayOf(year int, month time.Month, weekday time.Weekday, n int) time.Time {
	if n < 0 {
		last := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC)
		return last.AddDate(0, 0, -int((last.Weekday()-weekday+7)%7))
	}
	first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	return first.AddDate(0, 0, int((weekday-first.Weekday()+7)%7)+7*(n-1))
}

// easter is Easter Sunday, by the anonymous Gregorian algorithm.
func easter(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	h := (19*a + b - b/4 - (b-(b+8)/25+1)/3 + 15) % 30
	l := (32 + 2*(b%4) + 2*(c/4) - h - c%4) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return time.Date(year, time.Month(n/31), n%31+1, 0, 0, 0, 0, time.UTC)
}

// holidayRules are the days on which a country's offices are closed: MM-DD, a
// distance from Easter (E-2), or the nth Monday (MM/n, MM/-1 the last) or
// Thursday (MM\n) of a month. A leading * moves one on a weekend to the weekday
// beside it.
var holidayRules = map[string]string{
	"US": `*01-01 01/3 05/-1 *06-19 *07-04 09/1 11\4 *12-25 12-24`,
	"CA": `*01-01 02/3 E-2 05/-2 *07-01 08/1 09/1 10/2 *12-25 12-26`,
	"GB": `*01-01 E-2 E+1 05/1 05/-1 08/-1 *12-25 *12-26`,
	"IE": `*01-01 02/1 *03-17 E+1 05/1 06/1 08/1 10/-1 *12-25 *12-26`,
	"NL": `01-01 E+1 04-27 E+39 E+50 12-25 12-26`,
	"DE": `01-01 E-2 E+1 05-01 E+39 E+50 10-03 12-24 12-25 12-26 12-31`,
	"SE": `01-01 01-06 E-2 E+1 05-01 E+39 06-06 12-24 12-25 12-26 12-31`,
	"ES": `01-01 01-06 E-2 05-01 08-15 10-12 11-01 12-06 12-08 12-25`,
	"PL": `01-01 01-06 E+1 05-01 05-03 E+60 08-15 11-01 11-11 12-25 12-26`,
	"IN": `01-26 08-15 10-02 12-25`,
}

func holidays(country string, year int) []time.Time {
	var out []time.Time
	for _, rule := range strings.Fields(holidayRules[country]) {
		rule, moves := strings.CutPrefix(rule, "*")
		t := holiday(rule, year)
		switch {
		case !moves:
		case t.Weekday() == time.Saturday && country == "US":
			t = t.AddDate(0, 0, -1)
		case t.Weekday() == time.Saturday:
			t = t.AddDate(0, 0, 2)
		case t.Weekday() == time.Sunday && country != "US" && rule == "12-26":
			t = t.AddDate(0, 0, 2)
		case t.Weekday() == time.Sunday:
			t = t.AddDate(0, 0, 1)
		}
		out = append(out, t)
		if rule == `11\4` { // the bridge to the weekend
			out = append(out, t.AddDate(0, 0, 1))
		}
	}
	return out
}

func holiday(rule string, year int) time.Time {
	if rule[0] == 'E' {
		n, _ := strconv.Atoi(rule[1:])
		return easter(year).AddDate(0, 0, n)
	}
	month, _ := strconv.Atoi(rule[:2])
	n, _ := strconv.Atoi(rule[3:])
	switch {
	case rule[2] == '\\':
		return weekdayOf(year, time.Month(month), time.Thursday, n)
	case rule[2] == '/' && n == -2: // the Monday before the 25th of May
		t := time.Date(year, time.Month(month), 24, 0, 0, 0, 0, time.UTC)
		return t.AddDate(0, 0, -int((t.Weekday()+6)%7))
	case rule[2] == '/':
		return weekdayOf(year, time.Month(month), time.Monday, n)
	}
	return time.Date(year, time.Month(month), n, 0, 0, 0, 0, time.UTC)
}

// inHours moves a time outside working hours to the next morning of work.
func (c *calendar) inHours(t int64) int64 {
	const opens, closes = 8*3600 + 2700, 18*3600 + 2700
	d, sec := c.dayOf(t)
	if d < 0 {
		return t
	}
	if sec > closes {
		d, sec = d+1, 0
	}
	for ; !c.works(d) && d < maxDays; d++ {
		sec = 0
	}
	if sec < opens {
		sec = 9*3600 + t%7200
	}
	return c.midnight(d) + sec
}
