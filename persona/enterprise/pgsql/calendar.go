package pgsql

import (
	"math"
	"strconv"
	"strings"
)

// Times are microseconds and dates are days since 2000-01-01.
const (
	second = int64(1_000_000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour

	infinite      = math.MaxInt64
	minusInfinite = math.MinInt64
	infiniteDay   = math.MaxInt32
	minusInfDay   = math.MinInt32

	unixEpochDays = 10957
	// minDay and maxStampDay are the first and last day of a timestamp.
	minDay      = -2451545 // 4714-11-24 BC
	maxStampDay = 106751991
	maxDay      = 2145031948
)

// civil is a moment in parts.
type civil struct {
	year, month, day int
	clock            int64 // microseconds of the day
}

// days counts the days from 2000-01-01 to a date of the Gregorian calendar.
func days(year, month, dayOf int) int64 {
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	of := int64(year - era*400)
	shifted := int64((month + 9) % 12)
	n := of*365 + of/4 - of/100 + (153*shifted+2)/5 + int64(dayOf) - 1
	return int64(era)*146097 + n - 730425
}

func fromDays(n int64) (year, month, dayOf int) {
	z := n + 730425
	era := z / 146097
	if z < 0 {
		era = (z - 146096) / 146097
	}
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	dayOf = int(doy - (153*mp+2)/5 + 1)
	month = int((mp+2)%12 + 1)
	year = int(yoe + era*400)
	if month <= 2 {
		year++
	}
	return year, month, dayOf
}

//go:noinline
func toCivil(us int64) civil {
	d := us / day
	if us%day < 0 {
		d--
	}
	c := civil{clock: us - d*day}
	c.year, c.month, c.day = fromDays(d)
	return c
}

//go:noinline
func (c civil) stamp() int64 { return days(c.year, c.month, c.day)*day + c.clock }

func monthDays(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// checkStamp refuses what a timestamp cannot hold.
func checkStamp(us int64) int64 {
	if us < minDay*day || us/day >= maxStampDay {
		fail(codeTimeRange, "timestamp out of range")
	}
	return us
}

//go:noinline
func two(b []byte, n int) []byte { return append(b, '0'+byte(n/10%10), '0'+byte(n%10)) }

func appendDate(b []byte, year, month, dayOf int) []byte {
	shown := year
	if year <= 0 {
		shown = 1 - year
	}
	s := strconv.Itoa(shown)
	for n := len(s); n < 4; n++ {
		b = append(b, '0')
	}
	b = append(append(b, s...), '-')
	return two(append(two(b, month), '-'), dayOf)
}

// appendClock writes a time of day, with a fraction if there is one.
func appendClock(b []byte, us int64) []byte {
	b = two(b, int(us/hour))
	b = two(append(b, ':'), int(us/minute%60))
	b = two(append(b, ':'), int(us/second%60))
	return appendFraction(b, us%second)
}

func appendFraction(b []byte, us int64) []byte {
	if us == 0 {
		return b
	}
	s := strconv.Itoa(int(1_000_000 + us))
	return append(append(b, '.'), strings.TrimRight(s[1:], "0")...)
}

func formatDate(n int64) string {
	switch n {
	case infiniteDay:
		return "infinity"
	case minusInfDay:
		return "-infinity"
	}
	y, m, d := fromDays(n)
	return string(appendEra(appendDate(nil, y, m, d), y))
}

func appendEra(b []byte, year int) []byte {
	if year <= 0 {
		b = append(b, " BC"...)
	}
	return b
}

func formatStamp(us int64, zone bool) string {
	switch us {
	case infinite:
		return "infinity"
	case minusInfinite:
		return "-infinity"
	}
	c := toCivil(us)
	b := append(appendDate(make([]byte, 0, 32), c.year, c.month, c.day), ' ')
	b = appendClock(b, c.clock)
	if zone {
		b = append(b, "+00"...)
	}
	return string(appendEra(b, c.year))
}

// formatZone writes an offset in seconds east of UTC.
func formatZone(seconds int) string {
	b := []byte{'+'}
	if seconds < 0 {
		b[0], seconds = '-', -seconds
	}
	b = two(b, seconds/3600)
	if seconds%3600 != 0 {
		b = two(append(b, ':'), seconds/60%60)
	}
	if seconds%60 != 0 {
		b = two(append(b, ':'), seconds%60)
	}
	return string(b)
}

// A timetz keeps its clock in n and its offset in s as decimal seconds.
func timetzValue(us int64, zone int) Value {
	return Value{ok: true, n: us, s: strconv.Itoa(zone)}
}

func (v Value) zone() int {
	n, _ := strconv.Atoi(v.s)
	return n
}

func compareTimetz(a, b Value) int {
	x, y := a.n-int64(a.zone())*second, b.n-int64(b.zone())*second
	if c := compareInts(x, y); c != 0 {
		return c
	}
	return compareInts(int64(-a.zone()), int64(-b.zone()))
}

// isoWeek is the week of ISO 8601 and the year it belongs to.
func isoWeek(n int64) (year, week int) {
	weekday := (n + 5) % 7 // Monday is 0; 2000-01-01 was a Saturday
	if weekday < 0 {
		weekday += 7
	}
	thursday := n - weekday + 3
	year, _, _ = fromDays(thursday)
	return year, int(thursday-days(year, 1, 1))/7 + 1
}

// weekday counts from Sunday.
func weekday(n int64) int { return int(((n+6)%7 + 7) % 7) }

var monthNames = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}

var dayNames = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
