package pgsql

import (
	"math"
	"strconv"
	"strings"
)

// interval is a value of type interval.
type interval struct {
	months, days int32
	us           int64
}

func intervalValue(months, days int64, us int64) Value {
	if months != int64(int32(months)) || days != int64(int32(days)) {
		fail(codeTimeRange, "interval out of range")
	}
	return Value{ok: true, x: &interval{int32(months), int32(days), us}}
}

// span is the length that the server compares intervals by: months of 30 days. It
// saturates, where the server counts in 128 bits.
func (i *interval) span() int64 {
	d := int64(i.months)*30 + int64(i.days)
	if d > math.MaxInt64/day-2 || d < math.MinInt64/day+2 {
		return d / 2 * (math.MaxInt64 / 40_000_000_000)
	}
	return d*day + i.us
}

func (i *interval) cmp(j *interval) int { return compareInts(i.span(), j.span()) }

func (i *interval) neg() Value { return intervalValue(-int64(i.months), -int64(i.days), -i.us) }

func (i *interval) add(j *interval) Value {
	return intervalValue(int64(i.months)+int64(j.months), int64(i.days)+int64(j.days), addExact(i.us, j.us))
}

func addExact(a, b int64) int64 {
	c := a + b
	if (c > a) != (b > 0) && b != 0 {
		fail(codeTimeRange, "interval out of range")
	}
	return c
}

// scaled multiplies; fractions of a month become days, of a day time.
func (i *interval) scaled(f float64) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		fail(codeTimeRange, "interval out of range")
	}
	months := float64(i.months) * f
	days := float64(i.days) * f
	if math.Abs(months) > math.MaxInt32 || math.Abs(days) > math.MaxInt32 || math.Abs(float64(i.us)*f) > math.MaxInt64 {
		fail(codeTimeRange, "interval out of range")
	}
	rest := roundMicro((months - math.Trunc(months)) * 30)
	sec := (days - math.Trunc(days) + rest - math.Trunc(rest)) * 86400
	sec = roundMicro(sec)
	wholeDays := int64(days) + int64(rest)
	if math.Abs(sec) >= 86400 {
		wholeDays += int64(sec / 86400)
		sec -= math.Trunc(sec/86400) * 86400
	}
	return intervalValue(int64(months), wholeDays, int64(math.RoundToEven(float64(i.us)*f+sec*float64(second))))
}

func roundMicro(f float64) float64 { return math.RoundToEven(f*1e6) / 1e6 }

// String writes the interval in the server's own style.
func (i *interval) String() string {
	var b []byte
	before := false // whether a part was negative
	part := func(n int64, name string) {
		if n == 0 {
			return
		}
		if len(b) > 0 {
			b = append(b, ' ')
		}
		if before && n > 0 {
			b = append(b, '+')
		}
		b = strconv.AppendInt(b, n, 10)
		b = append(append(b, ' '), name...)
		if n != 1 {
			b = append(b, 's')
		}
		before = n < 0
	}
	part(int64(i.months/12), "year")
	part(int64(i.months%12), "mon")
	part(int64(i.days), "day")
	if i.us == 0 && len(b) > 0 {
		return string(b)
	}
	if len(b) > 0 {
		b = append(b, ' ')
	}
	us := i.us
	if us < 0 {
		b = append(b, '-')
		us = -us
	} else if before {
		b = append(b, '+')
	}
	return string(appendSpan(b, us))
}

// appendSpan is appendClock with any number of hours.
func appendSpan(b []byte, us int64) []byte {
	h := strconv.FormatInt(us/hour, 10)
	if len(h) < 2 {
		b = append(b, '0')
	}
	b = append(b, h...)
	b = two(append(b, ':'), int(us/minute%60))
	b = two(append(b, ':'), int(us/second%60))
	return appendFraction(b, us%second)
}

// unit is a unit of time as an interval has it.
type unit struct {
	months, days, us int64
}

func unitOf(name string) (unit, bool) {
	switch strings.ToLower(name) {
	case "us", "usec", "usecs", "useconds", "microsecond", "microseconds", "microsecon":
		return unit{us: 1}, true
	case "ms", "msec", "msecs", "mseconds", "millisecond", "milliseconds", "millisecon":
		return unit{us: 1000}, true
	case "s", "sec", "secs", "second", "seconds":
		return unit{us: second}, true
	case "m", "min", "mins", "minute", "minutes":
		return unit{us: minute}, true
	case "h", "hr", "hrs", "hour", "hours":
		return unit{us: hour}, true
	case "d", "day", "days":
		return unit{days: 1}, true
	case "w", "week", "weeks":
		return unit{days: 7}, true
	case "mon", "mons", "month", "months":
		return unit{months: 1}, true
	case "y", "yr", "yrs", "year", "years":
		return unit{months: 12}, true
	case "dec", "decs", "decade", "decades":
		return unit{months: 120}, true
	case "c", "cent", "century", "centuries":
		return unit{months: 1200}, true
	case "mil", "mils", "millennium", "millennia":
		return unit{months: 12000}, true
	}
	return unit{}, false
}

// sum gathers the parts of an interval text.
type sum struct {
	months, days float64
	us           float64
}

func (t *sum) add(n float64, u unit) {
	whole, frac := math.Modf(n * float64(u.months))
	t.months += whole
	d := frac*30 + n*float64(u.days)
	whole, frac = math.Modf(d)
	t.days += whole
	t.us += math.RoundToEven(frac*float64(day)) + math.RoundToEven(n*float64(u.us))
}

func (t *sum) value() Value {
	if math.Abs(t.us) > 9.2e18 || math.Abs(t.months) > math.MaxInt32 || math.Abs(t.days) > math.MaxInt32 {
		fail(codeTimeRange, "interval field value out of range")
	}
	return intervalValue(int64(t.months), int64(t.days), int64(t.us))
}

// parseInterval reads the usual, the SQL and the ISO 8601 form. A bare number
// counts in the given unit.
func parseInterval(s string, bare string) Value {
	var t sum
	words := intervalWords(s)
	ago := len(words) > 0 && strings.EqualFold(words[len(words)-1], "ago")
	if ago {
		words = words[:len(words)-1]
	}
	ok := len(words) > 0
	if ok && (words[0][0] == 'P' || words[0][0] == 'p') && len(words) == 1 {
		ok = t.iso(words[0][1:])
		words = nil
	}
	for i := 0; i < len(words) && ok; i++ {
		w := words[i]
		if w == "@" {
			continue
		}
		next := ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		used := 0
		used, ok = t.word(w, next, bare)
		i += used
	}
	if !ok {
		fail(codeBadTime, `invalid input syntax for type interval: "`+s+`"`)
	}
	v := t.value()
	if ago {
		return v.span().neg()
	}
	return v
}

// intervalWords splits at white space and between digits and letters.
func intervalWords(s string) []string {
	var out []string
	for f := range strings.FieldsSeq(s) {
		if f[0] == 'P' || f[0] == 'p' {
			out = append(out, f)
			continue
		}
		for f != "" {
			end := strings.IndexFunc(f, isLetter)
			if end == 0 {
				end = strings.IndexFunc(f, func(r rune) bool { return !isLetter(r) })
			}
			if end < 0 {
				end = len(f)
			}
			out, f = append(out, f[:end]), f[end:]
		}
	}
	return out
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// word adds one number with its unit, or a clock; it returns how many more words
// it took.
func (t *sum) word(w, next, bare string) (int, bool) {
	if strings.ContainsRune(w, ':') {
		return 0, t.clock(w)
	}
	if y, m, ok := strings.Cut(strings.TrimLeft(w, "+-"), "-"); ok {
		return 0, t.yearMonth(y, m, w[0] == '-')
	}
	n, err := strconv.ParseFloat(w, 64)
	if err != nil {
		return 0, false
	}
	if u, ok := unitOf(next); ok {
		t.add(n, u)
		return 1, true
	}
	if next != "" && !strings.ContainsRune(next, ':') {
		return 0, false
	}
	if next != "" {
		bare = "day"
	}
	u, _ := unitOf(bare)
	t.add(n, u)
	return 0, true
}

func (t *sum) yearMonth(y, m string, neg bool) bool {
	years, err1 := strconv.Atoi(y)
	months, err2 := strconv.Atoi(m)
	n := float64(years*12 + months)
	if neg {
		n = -n
	}
	t.months += n
	return err1 == nil && err2 == nil && months < 12
}

func (t *sum) clock(w string) bool {
	body := strings.TrimLeft(w, "+-")
	parts := strings.Split(body, ":")
	if len(parts) > 3 || len(w)-len(body) > 1 {
		return false
	}
	us := 0.0
	for i, p := range parts {
		n, err := strconv.ParseFloat(p, 64)
		if err != nil || n < 0 || i > 0 && n >= 60 && i < 2 {
			return false
		}
		us += n * float64([...]int64{hour, minute, second}[i])
	}
	if len(parts) == 2 && strings.ContainsRune(parts[1], '.') {
		us /= 60
	}
	if w[0] == '-' {
		us = -us
	}
	t.us += math.RoundToEven(us)
	return true
}

func (t *sum) iso(s string) bool {
	clock := false
	for s != "" {
		if s[0] == 'T' || s[0] == 't' {
			clock, s = true, s[1:]
			continue
		}
		end := strings.IndexFunc(s, isLetter)
		if end < 1 {
			return false
		}
		n, err := strconv.ParseFloat(s[:end], 64)
		name := strings.ToLower(s[end : end+1])
		if !clock && name == "m" {
			name = "mon"
		}
		u, ok := unitOf(name)
		if err != nil || !ok {
			return false
		}
		t.add(n, u)
		s = s[end+1:]
	}
	return true
}

// addMonths moves a timestamp by months, to the month's last day at most.
func addMonths(us, months int64) int64 {
	c := toCivil(us)
	n := int64(c.year)*12 + int64(c.month-1) + months
	c.year, c.month = int(n/12), int(n%12)+1
	if n%12 < 0 {
		c.year, c.month = int(n/12)-1, int(n%12)+13
	}
	if c.year > 294276 || c.year < -4713 {
		fail(codeTimeRange, "timestamp out of range")
	}
	c.day = min(c.day, monthDays(c.year, c.month))
	return c.stamp()
}

func addInterval(us int64, i *interval) int64 {
	if us == infinite || us == minusInfinite {
		return us
	}
	if i.months != 0 {
		us = addMonths(us, int64(i.months))
	}
	if d := int64(i.days); d > maxStampDay || d < -maxStampDay {
		fail(codeTimeRange, "timestamp out of range")
	}
	return checkStamp(checkStamp(us+int64(i.days)*day) + i.us)
}
