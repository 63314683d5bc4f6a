package pgsql

import (
	"strconv"
	"strings"
)

// toChar writes times and numbers by a template.
func toChar(c *env, v []Value) Value {
	t := c.types[0]
	switch {
	case t == tInterval:
		i := v[0].span()
		p := civil{year: int(i.months / 12), month: int(i.months % 12), day: int(i.days), clock: i.us}
		return textValue(formatTime(p, v[1].s, true))
	case t.timeLike():
		if v[0].n == infinite || v[0].n == minusInfinite {
			return Value{}
		}
		return textValue(formatTime(toCivil(v[0].n), v[1].s, false))
	}
	return textValue(formatNumber(c, v[0], v[1].s))
}

// timeFields are the patterns of time templates, longer ones first.
var timeFields = []string{
	"HH24", "HH12", "HH", "MI", "SSSS", "SS", "MS", "US", "AM", "PM", "am", "pm", "A.M.", "P.M.", "YYYY", "YYY", "YY", "Y,YYY", "IYYY", "MONTH", "Month", "month",
	"MON", "Mon", "mon", "MM", "DAY", "Day", "day", "DY", "Dy", "dy", "DDD", "DD", "ID", "D", "IW", "WW", "W", "CC", "Q", "TZH", "TZ", "tz", "OF", "J", "Y",
	"FF1", "FF2", "FF3", "FF4", "FF5", "FF6",
}

func timeField(s string) string {
	for _, f := range timeFields {
		if strings.HasPrefix(s, f) {
			return f
		}
	}
	for _, f := range timeFields {
		if len(s) >= len(f) && strings.EqualFold(s[:len(f)], f) && strings.ToUpper(f) == f && f != "D" && f != "Y" && f != "J" && f != "W" && f != "Q" {
			return f
		}
	}
	if s != "" && strings.IndexByte("dyjwq", s[0]) >= 0 {
		return strings.ToUpper(s[:1])
	}
	return ""
}

func formatTime(p civil, template string, span bool) string {
	var b buffer
	for s := template; s != ""; {
		if s[0] == '"' {
			text, rest, _ := strings.Cut(s[1:], `"`)
			b.put(text)
			s = rest
			continue
		}
		trim := strings.HasPrefix(s, "FM") || strings.HasPrefix(s, "fm")
		if trim {
			s = s[2:]
		}
		f := timeField(s)
		if f == "" {
			if s != "" {
				b.char(s[0])
				s = s[1:]
			}
			continue
		}
		text := p.field(f, span)
		s = s[len(f):]
		if trim {
			text = strings.TrimRight(strings.TrimLeft(text, "0"), " ")
			if text == "" {
				text = "0"
			}
		}
		if len(s) >= 2 && strings.EqualFold(s[:2], "th") && text != "" {
			if suffix := ordinalSuffix(text); s[0] == 'T' {
				text += strings.ToUpper(suffix)
			} else {
				text += suffix
			}
			s = s[2:]
		}
		b.put(text)
	}
	return b.String()
}

func ordinalSuffix(n string) string {
	if len(n) > 1 && n[len(n)-2] == '1' {
		return "th"
	}
	switch n[len(n)-1] {
	case '1':
		return "st"
	case '2':
		return "nd"
	case '3':
		return "rd"
	}
	return "th"
}

func (p civil) field(f string, span bool) string {
	h := int(p.clock / hour)
	n := days(p.year, max(p.month, 1), max(p.day, 1))
	switch f {
	case "HH24":
		return number2(h, 2)
	case "HH12", "HH":
		if span {
			return number2(h%12, 2)
		}
		return number2((h+11)%12+1, 2)
	case "MI":
		return number2(int(p.clock/minute%60), 2)
	case "SS":
		return number2(int(p.clock/second%60), 2)
	case "SSSS":
		return strconv.Itoa(int(p.clock / second))
	case "MS":
		return number2(int(p.clock%second/1000), 3)
	case "US":
		return number2(int(p.clock%second), 6)
	case "AM", "PM":
		return [2]string{"AM", "PM"}[h/12%2]
	case "am", "pm":
		return [2]string{"am", "pm"}[h/12%2]
	case "A.M.", "P.M.":
		return [2]string{"A.M.", "P.M."}[h/12%2]
	case "YYYY":
		return number2(p.year, 4)
	case "YYY":
		return number2(p.year%1000, 3)
	case "YY":
		return number2(p.year%100, 2)
	case "Y":
		return strconv.Itoa(p.year % 10)
	case "Y,YYY":
		return strconv.Itoa(p.year/1000) + "," + number2(p.year%1000, 3)
	case "MM":
		return number2(p.month, 2)
	case "DD":
		return number2(p.day, 2)
	case "DDD":
		return number2(int(n-days(p.year, 1, 1)+1), 3)
	case "D":
		return strconv.Itoa(weekday(n) + 1)
	case "ID":
		return strconv.Itoa((weekday(n)+6)%7 + 1)
	case "Q":
		return strconv.Itoa((p.month-1)/3 + 1)
	case "W":
		return strconv.Itoa((p.day-1)/7 + 1)
	case "WW":
		return number2(int(n-days(p.year, 1, 1))/7+1, 2)
	case "CC":
		return number2((p.year+99)/100, 2)
	case "J":
		return intText(n + 2451545)
	case "TZ":
		return "UTC"
	case "tz":
		return "utc"
	case "OF", "TZH":
		return "+00"
	}
	return p.named(f, n)
}

func (p civil) named(f string, n int64) string {
	year, week := isoWeek(n)
	switch f {
	case "IW":
		return number2(week, 2)
	case "IYYY":
		return number2(year, 4)
	}
	if strings.HasPrefix(f, "FF") {
		return number2(int(p.clock%second), 6)[:f[2]-'0']
	}
	name, width := "", 0
	if strings.EqualFold(f[:1], "m") {
		name, width = monthNames[max(p.month, 1)-1], 9
	} else {
		name, width = dayNames[weekday(n)], 9
	}
	if len(f) <= 3 && !strings.EqualFold(f, "day") {
		name, width = name[:3], 3
	}
	switch {
	case f == strings.ToUpper(f):
		name = strings.ToUpper(name)
	case f == strings.ToLower(f):
		name = strings.ToLower(name)
	}
	return name + strings.Repeat(" ", width-len(name))
}

// scanStamp reads a text by a template.
func scanStamp(s, template string) Value {
	p := civil{month: 1, day: 1}
	pm := -1
	for t := template; t != "" && s != ""; {
		f := timeField(t)
		if f == "" {
			if isLetter(rune(t[0])) || s[0] == t[0] || !isDigit(s[0]) && !isLetter(rune(s[0])) {
				s = s[1:]
			}
			t = t[1:]
			continue
		}
		t = t[len(f):]
		s = strings.TrimLeft(s, " ")
		if isLetter(rune(f[0])) && (strings.EqualFold(f, "mon") || strings.EqualFold(f, "month") || strings.EqualFold(f, "am") || strings.EqualFold(f, "pm")) {
			s = p.scanName(s, f, &pm)
			continue
		}
		width := map[string]int{"YYYY": 4, "US": 6, "MS": 3, "DDD": 3}[f]
		if width == 0 {
			width = 2
		}
		n := 0
		for n < len(s) && n < width && isDigit(s[n]) {
			n++
		}
		if n == 0 {
			failDetail(codeBadTime, `invalid value "`+s[:min(width, len(s))]+`" for "`+f+`"`, "Value must be an integer.")
		}
		num, _ := digits(s[:n])
		s = s[n:]
		p.scan(f, num, n)
	}
	if pm == 1 && p.clock < 12*hour {
		p.clock += 12 * hour
	}
	if p.month < 1 || p.month > 12 || p.day < 1 || p.day > monthDays(p.year, p.month) {
		fail(codeTimeRange, `date/time field value out of range: "`+s+`"`)
	}
	return intValue(p.stamp())
}

func (p *civil) scan(f string, n, width int) {
	switch f {
	case "YYYY":
		p.year = n
	case "YY":
		p.year = 2000 + n
		if n >= 70 {
			p.year -= 100
		}
	case "MM":
		p.month = n
	case "DD":
		p.day = n
	case "HH24", "HH12", "HH":
		p.clock += int64(n) * hour
	case "MI":
		p.clock += int64(n) * minute
	case "SS":
		p.clock += int64(n) * second
	case "MS":
		p.clock += int64(n) * int64(pow10[6-width])
	case "US":
		p.clock += int64(n) * int64(pow10[6-width])
	}
}

func (p *civil) scanName(s, f string, pm *int) string {
	if strings.EqualFold(f, "am") || strings.EqualFold(f, "pm") {
		if len(s) >= 2 {
			*pm = 0
			if strings.EqualFold(s[:2], "pm") {
				*pm = 1
			}
			return s[2:]
		}
		return ""
	}
	for i, m := range monthNames {
		if len(s) >= len(m) && strings.EqualFold(s[:len(m)], m) {
			p.month = i + 1
			return s[len(m):]
		}
	}
	for i, m := range monthNames {
		if len(s) >= 3 && strings.EqualFold(s[:3], m[:3]) {
			p.month = i + 1
			return s[3:]
		}
	}
	failDetail(codeBadTime, `invalid value "`+s[:min(len(f), len(s))]+`" for "`+f+`"`, "The given value did not match any of the allowed values for this field.")
	return ""
}
