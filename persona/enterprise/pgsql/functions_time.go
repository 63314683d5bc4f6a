package pgsql

import (
	"math"
	"strconv"
	"strings"
	"time"
)

var timeFunctions = []entry[impl]{
	{"now", func(c *env, _ []Value) Value { return intValue(c.x.now) }},
	{"transaction_timestamp", func(c *env, _ []Value) Value { return intValue(c.x.now) }},
	{"statement_timestamp", func(c *env, _ []Value) Value { return intValue(c.x.now) }},
	{"clock_timestamp", func(c *env, _ []Value) Value { return intValue(c.x.now) }},
	{"timeofday", func(c *env, _ []Value) Value {
		return textValue(c.x.db.Now.UTC().Format("Mon Jan 02 15:04:05.000000 2006 UTC"))
	}},
	{"age", ageFunction},
	{"date_trunc", dateTrunc},
	{"date_part", func(c *env, v []Value) Value { return floatValue(extract(c, v).dec().float()) }},
	{"extract", extract},
	{"make_date", func(_ *env, v []Value) Value {
		if v[1].n < 1 || v[1].n > 12 || v[2].n < 1 || v[2].n > int64(monthDays(int(v[0].n), int(v[1].n))) {
			fail(codeTimeRange, "date field value out of range: "+intText(v[0].n)+"-"+pad2(v[1].n)+"-"+pad2(v[2].n))
		}
		return intValue(days(int(v[0].n), int(v[1].n), int(v[2].n)))
	}},
	{"make_timestamp", makeStamp},
	{"make_timestamptz", makeStamp},
	{"make_time", func(_ *env, v []Value) Value { return intValue(v[0].n*hour + v[1].n*minute + int64(v[2].float()*1e6)) }},
	{"make_interval", func(_ *env, v []Value) Value {
		return intervalValue(v[0].n*12+v[1].n, v[2].n*7+v[3].n, v[4].n*hour+v[5].n*minute+int64(math.Round(v[6].float()*1e6)))
	}},
	{"to_char", toChar},
	{"to_timestamp", toTimestamp},
	{"to_date", func(c *env, v []Value) Value { return stampDate(toTimestamp(c, v).n) }},
	{"to_number", toNumber},
	{"timezone", timezone},
	{"justify_days", func(_ *env, v []Value) Value {
		i := v[0].span()
		return intervalValue(int64(i.months)+int64(i.days)/30, int64(i.days)%30, i.us)
	}},
	{"justify_hours", func(_ *env, v []Value) Value {
		i := v[0].span()
		return intervalValue(int64(i.months), int64(i.days)+i.us/day, i.us%day)
	}},
	{"justify_interval", func(_ *env, v []Value) Value {
		i := v[0].span()
		d := int64(i.days) + i.us/day
		return intervalValue(int64(i.months)+d/30, d%30, i.us%day)
	}},
	{"isfinite", func(c *env, v []Value) Value {
		return boolValue(c.types[0] == tInterval || v[0].n != infinite && v[0].n != minusInfinite && (c.types[0] != tDate || v[0].n != infiniteDay && v[0].n != minusInfDay))
	}},
	{"date_bin", func(_ *env, v []Value) Value {
		i := v[0].span()
		step := int64(i.days)*day + i.us
		if i.months != 0 {
			fail(codeUnsupported, "timestamps cannot be binned into intervals containing months or years")
		}
		if step <= 0 {
			fail(codeTimeRange, "stride must be greater than zero")
		}
		return intValue(v[2].n + (v[1].n - v[2].n - mod(v[1].n-v[2].n, step)))
	}},
	{"pg_sleep", func(c *env, v []Value) Value {
		c.x.sleep(time.Duration(min(max(v[0].float(), 0), 3600) * 1e9))
		return Value{ok: true}
	}},
	{"pg_sleep_for", func(c *env, v []Value) Value {
		c.x.sleep(time.Duration(min(max(v[0].span().span(), 0), hour)) * time.Microsecond)
		return Value{ok: true}
	}},
}

// sleep counts time that the session would have slept, up to the timeout.
func (x *exec) sleep(d time.Duration) {
	if x.slept += d; x.db.Timeout > 0 && x.slept > x.db.Timeout {
		fail(codeCanceled, "canceling statement due to statement timeout")
	}
}

func pad2(n int64) string {
	if n >= 0 && n < 10 {
		return "0" + intText(n)
	}
	return intText(n)
}

func makeStamp(_ *env, v []Value) Value {
	c := civil{int(v[0].n), int(v[1].n), int(v[2].n), v[3].n*hour + v[4].n*minute + int64(math.Round(v[5].float()*1e6))}
	if c.month < 1 || c.month > 12 || c.day < 1 || c.day > monthDays(c.year, c.month) {
		fail(codeTimeRange, "date field value out of range: "+intText(v[0].n)+"-"+pad2(v[1].n)+"-"+pad2(v[2].n))
	}
	if v[3].n < 0 || v[3].n > 24 || v[4].n < 0 || v[4].n > 59 || v[5].float() < 0 || v[5].float() > 60 {
		fail(codeTimeRange, "time field value out of range: "+intText(v[3].n)+":"+pad2(v[4].n)+":"+formatG(v[5].float(), 6))
	}
	return intValue(c.stamp())
}

// ageFunction is the difference in years, months and days.
func ageFunction(c *env, v []Value) Value {
	if c.types[0] == tXid {
		return intValue(1234567)
	}
	a, b := v[0].n, int64(0)
	if len(v) == 1 {
		a, b = c.x.now-mod(c.x.now, day), v[0].n
	} else {
		b = v[1].n
	}
	sign := int64(1)
	if a < b {
		a, b, sign = b, a, -1
	}
	x, y := toCivil(a), toCivil(b)
	us := x.clock - y.clock
	d := int64(x.day - y.day)
	months := int64(x.year-y.year)*12 + int64(x.month-y.month)
	if us < 0 {
		us += day
		d--
	}
	if d < 0 {
		d += int64(monthDays(y.year, y.month))
		months--
	}
	return intervalValue(sign*months, sign*d, sign*us)
}

func badUnit(t *Type, unit string) {
	fail(codeBadArgument, `unit "`+unit+`" not recognized for type `+t.SQL)
}

func dateTrunc(c *env, v []Value) Value {
	unit := strings.TrimSuffix(strings.ToLower(v[0].s), "s")
	if c.types[1] == tInterval {
		return truncSpan(unit, v[1].span())
	}
	if v[1].n == infinite || v[1].n == minusInfinite {
		return v[1]
	}
	if len(v) == 3 {
		z, ok := findZone(v[2].s)
		if !ok {
			fail(codeBadArgument, `time zone "`+v[2].s+`" not recognized`)
		}
		local := dateTrunc(c, []Value{v[0], intValue(v[1].n + int64(z.at(v[1].n))*second)})
		return intValue(local.n - int64(z.local(local.n))*second)
	}
	p := toCivil(v[1].n)
	switch unit {
	case "millennium":
		p = civil{year: (p.year-1)/1000*1000 + 1, month: 1, day: 1}
	case "century":
		p = civil{year: (p.year-1)/100*100 + 1, month: 1, day: 1}
	case "decade":
		p = civil{year: p.year / 10 * 10, month: 1, day: 1}
	case "year":
		p = civil{year: p.year, month: 1, day: 1}
	case "quarter":
		p = civil{year: p.year, month: (p.month-1)/3*3 + 1, day: 1}
	case "month":
		p = civil{year: p.year, month: p.month, day: 1}
	case "week":
		n := days(p.year, p.month, p.day)
		return intValue((n - int64((weekday(n)+6)%7)) * day)
	case "day":
		p.clock = 0
	case "hour":
		p.clock -= p.clock % hour
	case "minute":
		p.clock -= p.clock % minute
	case "second":
		p.clock -= p.clock % second
	case "millisecond":
		p.clock -= p.clock % 1000
	case "microsecond":
	default:
		badUnit(c.types[1], strings.ToLower(v[0].s))
	}
	return intValue(p.stamp())
}

func truncSpan(unit string, i *interval) Value {
	out := *i
	switch unit {
	case "year":
		out = interval{months: i.months / 12 * 12}
	case "month":
		out = interval{months: i.months}
	case "day":
		out.us = 0
	case "hour":
		out.us -= out.us % hour
	case "minute":
		out.us -= out.us % minute
	case "second":
		out.us -= out.us % second
	default:
		badUnit(tInterval, unit)
	}
	return Value{ok: true, x: &out}
}

// extract gives a field of a date, time or interval as numeric.
func extract(c *env, v []Value) Value {
	unit, t := strings.ToLower(v[0].s), c.types[1]
	if u := strings.TrimSuffix(unit, "s"); u != unit && u != "centurie" && u != "millennium" {
		unit = u
	}
	if t == tInterval {
		return extractSpan(unit, v[1].span())
	}
	us := v[1].n
	if t == tDate {
		us = dateStamp(us)
	}
	if t == tTime || t == tTimetz {
		return extractClock(c, unit, us)
	}
	if us == infinite || us == minusInfinite {
		return decValue(&decimal{kind: 'i', neg: us < 0})
	}
	p := toCivil(us)
	n := days(p.year, p.month, p.day)
	year, week := isoWeek(n)
	switch unit {
	case "millennium":
		return decValue(decInt(int64((p.year + 999) / 1000)))
	case "century":
		return decValue(decInt(int64((p.year + 99) / 100)))
	case "decade":
		return decValue(decInt(int64(floorDiv(p.year, 10))))
	case "year":
		return decValue(decInt(int64(p.year)))
	case "quarter":
		return decValue(decInt(int64((p.month-1)/3 + 1)))
	case "month":
		return decValue(decInt(int64(p.month)))
	case "week":
		return decValue(decInt(int64(week)))
	case "isoyear":
		return decValue(decInt(int64(year)))
	case "day":
		return decValue(decInt(int64(p.day)))
	case "dow":
		return decValue(decInt(int64(weekday(n))))
	case "isodow":
		return decValue(decInt(int64((weekday(n)+6)%7 + 1)))
	case "doy":
		return decValue(decInt(n - days(p.year, 1, 1) + 1))
	case "julian":
		if t == tDate {
			return decValue(decInt(n + 2451545))
		}
		return decValue(decInt(n + 2451545).add(decInt(p.clock).div(decInt(day))))
	case "epoch":
		if t == tDate {
			return decValue(decInt((n + unixEpochDays) * 86400))
		}
		return decValue(micro(us + unixEpochDays*day))
	case "timezone", "timezone_hour", "timezone_minute":
		if t == tTimestamptz {
			return decValue(&decimal{})
		}
		fail(codeUnsupported, `unit "`+unit+`" not supported for type `+t.SQL)
	}
	if t == tDate {
		switch unit {
		case "hour", "minute", "second", "millisecond", "microsecond":
			fail(codeUnsupported, `unit "`+v[0].s+`" not supported for type date`)
		}
		badUnit(t, v[0].s)
	}
	return extractClock(c, unit, p.clock)
}

// micro is microseconds as seconds with six digits.
func micro(us int64) *decimal {
	d := decInt(us)
	d.scale = 6
	return d
}

//go:noinline
func extractClock(c *env, unit string, us int64) Value {
	switch unit {
	case "hour":
		return decValue(decInt(us / hour))
	case "minute":
		return decValue(decInt(us / minute % 60))
	case "second":
		return decValue(micro(us % minute))
	case "millisecond":
		d := decInt(us % minute)
		d.scale = 3
		return decValue(d)
	case "microsecond":
		return decValue(decInt(us % minute))
	case "epoch":
		return decValue(micro(us))
	}
	badUnit(c.types[1], unit)
	return Value{}
}

func extractSpan(unit string, i *interval) Value {
	switch unit {
	case "millennium":
		return decValue(decInt(int64(i.months / 12000)))
	case "century":
		return decValue(decInt(int64(i.months / 1200)))
	case "decade":
		return decValue(decInt(int64(i.months / 120)))
	case "year":
		return decValue(decInt(int64(i.months / 12)))
	case "quarter":
		return decValue(decInt(int64(i.months%12/3 + 1)))
	case "month":
		return decValue(decInt(int64(i.months % 12)))
	case "day":
		return decValue(decInt(int64(i.days)))
	case "epoch":
		years, rest := int64(i.months/12), int64(i.months%12)
		return decValue(micro(years*31557600*second + (rest*30+int64(i.days))*day + i.us))
	}
	return extractClock(&env{types: []*Type{tText, tInterval}}, unit, i.us)
}

func toTimestamp(c *env, v []Value) Value {
	if len(v) == 1 {
		f := v[0].float()
		if math.IsInf(f, 1) {
			return intValue(infinite)
		}
		if math.IsNaN(f) || math.Abs(f) > 9e12 {
			fail(codeTimeRange, `timestamp out of range: "`+formatG(f, 6)+`"`)
		}
		return intValue(checkStamp(int64(math.RoundToEven(f*1e6)) - unixEpochDays*day))
	}
	return scanStamp(v[0].s, v[1].s)
}

func timezone(c *env, v []Value) Value {
	z := zone{}
	if c.types[0] == tInterval {
		z.offset = int(v[0].span().us / second)
	} else {
		ok := false
		if z, ok = findZone(v[0].s); !ok {
			fail(codeBadArgument, `time zone "`+v[0].s+`" not recognized`)
		}
		if strings.HasPrefix(v[0].s, "+") || strings.HasPrefix(v[0].s, "-") {
			z.offset = -z.offset // POSIX counts west of Greenwich
		}
	}
	switch c.types[1] {
	case tTimestamp:
		return intValue(v[1].n - int64(z.local(v[1].n))*second)
	case tTimetz:
		sec := z.at(c.x.now)
		return timetzValue(mod(v[1].n+int64(sec-v[1].zone())*second, day), sec)
	}
	return intValue(v[1].n + int64(z.at(v[1].n))*second)
}

func toNumber(_ *env, v []Value) Value {
	clean := strings.Map(func(r rune) rune {
		if r == ',' || r == '$' || r == ' ' {
			return -1
		}
		return r
	}, v[0].s)
	d, ok := parseDecimal(clean)
	if !ok {
		fail(codeBadText, `invalid input syntax for type numeric: "`+v[0].s+`"`)
	}
	return decValue(d)
}

func number2(n int, width int) string {
	s := strconv.Itoa(n)
	for len(s) < width {
		s = "0" + s
	}
	return s
}
