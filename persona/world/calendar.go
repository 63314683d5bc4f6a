package world

import (
	"strconv"
	"strings"
)

// calendar knows the working days of one office. Its clock is the office's own,
// summer time included; a day is counted from start, which is a Monday. A year is
// made when a day of it is asked for.
type calendar struct {
	start   int64 // unix time of the first day's midnight in standard time
	country string
	first   int      // the day of 1970 that is day 0
	off     []uint64 // a bit for each day on which nobody works
	summer  []uint64 // a bit for each day of summer time
	made    []bool   // by year, from 1970
}

func newCalendar(start int64, country string) *calendar {
	return &calendar{start: start, country: country, first: int((start + day/2) / day)}
}

// everyDay is a calendar without holidays and summer time, for what never rests.
func everyDay(start int64) *calendar { return newCalendar(start, "") }

const (
	// pastDays is how far calendars reach back before streams begin.
	pastDays = 520 * 7
	// maxDays bounds how far a calendar is made, about a century.
	maxDays = maxWeeks*7 + pastDays
)

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
	if d < 0 || d >= maxDays || c.country == "" {
		return false
	}
	if year := yearOf(c.first + d); year-1970 >= len(c.made) || !c.made[year-1970] {
		c.makeYear(year)
	}
	return (*set)[d/64]>>(d%64)&1 != 0
}

func (c *calendar) makeYear(year int) {
	for len(c.made) <= year-1970 {
		c.made = append(c.made, false)
	}
	c.made[year-1970] = true
	from, to := civil(year, 1, 1)-c.first, civil(year+1, 1, 1)-c.first
	for len(c.off)*64 < to {
		c.off, c.summer = append(c.off, 0), append(c.summer, 0)
	}
	for d := max(from, 0); d < to; d++ {
		if d%7 >= 5 {
			c.off[d/64] |= 1 << (d % 64)
		}
	}
	for _, h := range holidays(c.country, year) {
		if d := h - c.first; d >= max(from, 0) && d < to {
			c.off[d/64] |= 1 << (d % 64)
		}
	}
	begins, ends := summerTime(c.country, year)
	for d := max(begins-c.first, 0); d < ends-c.first; d++ {
		c.summer[d/64] |= 1 << (d % 64)
	}
}

// civil is the number of a date, counted from 1970-01-01.
func civil(year, month, date int) int {
	if month <= 2 {
		year, month = year-1, month+12
	}
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + date - 719_469
}

// yearOf is the year that a day counted from 1970-01-01 is in.
func yearOf(d int) int {
	year := 1970 + d*400/146_097
	if d < civil(year, 1, 1) {
		return year - 1
	}
	if d >= civil(year+1, 1, 1) {
		return year + 1
	}
	return year
}

// The days of the week, as weekday counts them.
const (
	monday, thursday, saturday, sunday = 0, 3, 5, 6
)

func weekday(d int) int { return (d + 3) % 7 }

// summerTime returns the days from which and to which clocks are an hour ahead.
func summerTime(country string, year int) (from, to int) {
	switch country {
	case "US", "CA":
		return nthDay(year, 3, sunday, 2), nthDay(year, 11, sunday, 1)
	case "IN":
		return 0, 0
	}
	return nthDay(year, 3, sunday, -1), nthDay(year, 10, sunday, -1)
}

// nthDay is the nth such weekday of a month, the last one for -1.
func nthDay(year, month, which, n int) int {
	if n < 0 {
		last := civil(year, month+1, 1) - 1
		return last - (weekday(last)-which+7)%7
	}
	first := civil(year, month, 1)
	return first + (which-weekday(first)+7)%7 + 7*(n-1)
}

// easter is Easter Sunday, by the anonymous Gregorian algorithm.
func easter(year int) int {
	a, b, c := year%19, year/100, year%100
	h := (19*a + b - b/4 - (b-(b+8)/25+1)/3 + 15) % 30
	l := (32 + 2*(b%4) + 2*(c/4) - h - c%4) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return civil(year, n/31, n%31+1)
}

// holidayRules are the days on which a country's offices are closed: MM-DD, a
// distance from Easter (E-2), or the nth Monday (MM/n, MM/-1 the last) or
// Thursday (MM\n) of a month. A leading * moves one on a weekend to the weekday
// beside it.
func holidayRules(country string) string {
	switch country {
	case "US":
		return `*01-01 01/3 05/-1 *06-19 *07-04 09/1 11\4 *12-25 12-24`
	case "CA":
		return `*01-01 02/3 E-2 05/-2 *07-01 08/1 09/1 10/2 *12-25 12-26`
	case "GB":
		return `*01-01 E-2 E+1 05/1 05/-1 08/-1 *12-25 *12-26`
	case "IE":
		return `*01-01 02/1 *03-17 E+1 05/1 06/1 08/1 10/-1 *12-25 *12-26`
	case "NL":
		return `01-01 E+1 04-27 E+39 E+50 12-25 12-26`
	case "DE":
		return `01-01 E-2 E+1 05-01 E+39 E+50 10-03 12-24 12-25 12-26 12-31`
	case "SE":
		return `01-01 01-06 E-2 E+1 05-01 E+39 06-06 12-24 12-25 12-26 12-31`
	case "ES":
		return `01-01 01-06 E-2 05-01 08-15 10-12 11-01 12-06 12-08 12-25`
	case "PL":
		return `01-01 01-06 E+1 05-01 05-03 E+60 08-15 11-01 11-11 12-25 12-26`
	}
	return `01-26 08-15 10-02 12-25`
}

func holidays(country string, year int) []int {
	var out []int
	for rule := range strings.SplitSeq(holidayRules(country), " ") {
		rule, moves := strings.CutPrefix(rule, "*")
		d := holiday(rule, year)
		if moves {
			d = observed(d, country, rule)
		}
		out = append(out, d)
		if rule == `11\4` { // the bridge to the weekend
			out = append(out, d+1)
		}
	}
	return out
}

// observed moves a holiday on a weekend.
func observed(d int, country, rule string) int {
	switch {
	case weekday(d) == saturday && country == "US":
		return d - 1
	case weekday(d) == saturday, weekday(d) == sunday && rule == "12-26":
		return d + 2
	case weekday(d) == sunday:
		return d + 1
	}
	return d
}

func holiday(rule string, year int) int {
	if rule[0] == 'E' {
		n, _ := strconv.Atoi(rule[1:])
		return easter(year) + n
	}
	month, _ := strconv.Atoi(rule[:2])
	n, _ := strconv.Atoi(rule[3:])
	switch {
	case rule[2] == '\\':
		return nthDay(year, month, thursday, n)
	case rule[2] == '/' && n == -2: // the Monday before the 25th of May
		d := civil(year, month, 24)
		return d - weekday(d)
	case rule[2] == '/':
		return nthDay(year, month, monday, n)
	}
	return civil(year, month, n)
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
