package pgsql

import (
	"strconv"
	"strings"
)

// timeText is a date, a time or both in the course of being read.
type timeText struct {
	civil
	zone              int // seconds east
	date, time, zoned bool
	bc                bool
	special           string
	nums              []string // parts of a date without a fixed order
	word              int      // where a month's name stands among nums, from 1
}

// parseTime reads the text of a date, time or timestamp. Only shapes are checked
// here; kind names the type in the error.
func parseTime(s, kind string) *timeText {
	var t timeText
	if t.iso(s) {
		t.check(s)
		return &t
	}
	t = timeText{}
	for _, w := range timeWords(s) {
		if !t.field(w) {
			badTime(s, kind)
		}
	}
	if t.special == "" && !t.date && len(t.nums) > 0 && !t.order() {
		badTime(s, kind)
	}
	if t.special == "" && !t.date && !t.time {
		badTime(s, kind)
	}
	t.check(s)
	return &t
}

func badTime(s, kind string) {
	kind = strings.TrimSuffix(kind, " without time zone")
	fail(codeBadTime, `invalid input syntax for type `+kind+`: "`+s+`"`)
}

// check refuses impossible dates and times.
func (t *timeText) check(s string) {
	if t.date && (t.month < 1 || t.month > 12 || t.day < 1 || t.day > monthDays(t.year, t.month) || t.year == 0 && !t.bc) {
		hint := ""
		if t.month < 1 || t.month > 12 || t.day < 1 || t.day > 31 {
			hint = `Perhaps you need a different "datestyle" setting.`
		}
		panic(&Error{Severity: "ERROR", Code: codeTimeRange, Message: `date/time field value out of range: "` + s + `"`, Hint: hint})
	}
	if t.time && (t.clock < 0 || t.clock > day) {
		fail(codeTimeRange, `date/time field value out of range: "`+s+`"`)
	}
	if t.bc {
		t.year = 1 - t.year
	}
}

// iso reads what nearly every text is: 2006-01-02, with T or a space 15:04:05, a
// fraction and a zone.
func (t *timeText) iso(s string) bool {
	s = strings.Trim(s, " ")
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return false
	}
	y, ok1 := digits(s[:4])
	m, ok2 := digits(s[5:7])
	d, ok3 := digits(s[8:10])
	if !ok1 || !ok2 || !ok3 {
		return false
	}
	t.year, t.month, t.day, t.date = y, m, d, true
	if s = s[10:]; s == "" {
		return true
	}
	return (s[0] == ' ' || s[0] == 'T') && len(s) > 1 && s[1] >= '0' && s[1] <= '9' && t.clockAndZone(s[1:])
}

func digits(s string) (int, bool) {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || n > 1<<24 {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, s != ""
}

func (t *timeText) clockAndZone(s string) bool {
	end := strings.IndexAny(s, "+-Zz ")
	zone := ""
	if end >= 0 {
		s, zone = s[:end], strings.TrimSpace(s[end:])
	}
	return t.clockText(s) && (zone == "" || t.zoneText(zone))
}

func (t *timeText) clockText(s string) bool {
	parts := strings.Split(s, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return false
	}
	h, ok1 := digits(parts[0])
	m, ok2 := digits(parts[1])
	t.time, t.clock = true, int64(h)*hour+int64(m)*minute
	if len(parts) == 3 {
		whole, frac, _ := strings.Cut(parts[2], ".")
		sec, ok := digits(whole)
		ok2 = ok2 && ok
		if sec > 60 {
			t.clock = -day
		}
		t.clock += int64(sec)*second + microseconds(frac)
	}
	if m > 59 || h > 24 {
		t.clock = -1
	}
	return ok1 && ok2
}

// microseconds reads a fraction, rounding the seventh digit.
func microseconds(frac string) int64 {
	if frac == "" {
		return 0
	}
	f, err := strconv.ParseFloat("0."+frac, 64)
	if err != nil {
		return 0
	}
	return int64(f*1e6 + 0.5)
}

func (t *timeText) zoneText(s string) bool {
	sec, ok := zoneOffset(s)
	t.zone, t.zoned = sec, true
	return ok
}

// zones are the abbreviations the server knows that matter.
var zones = map[string]int{
	"utc": 0, "gmt": 0, "z": 0, "zulu": 0, "etc/utc": 0, "etc/gmt": 0, "uct": 0, "wet": 0,
	"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7,
	"cet": 1, "cest": 2, "bst": 1, "eet": 2, "eest": 3, "msk": 3, "jst": 9, "ist": 2,
}

// zoneOffset is the offset of a zone in seconds east of UTC.
func zoneOffset(s string) (int, bool) {
	if h, ok := zones[strings.ToLower(s)]; ok {
		return h * 3600, true
	}
	if s == "" || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	body := strings.Split(s[1:], ":")
	if len(body) == 1 && len(body[0]) == 4 {
		body = []string{body[0][:2], body[0][2:]}
	}
	sec, scale := 0, 3600
	for _, p := range body {
		n, ok := digits(p)
		if !ok || n > 59 || scale == 0 {
			return 0, false
		}
		sec += n * scale
		scale /= 60
	}
	if s[0] == '-' {
		sec = -sec
	}
	return sec, sec <= 16*3600 && sec >= -16*3600
}

func timeWords(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\n' })
}

func (t *timeText) field(w string) bool {
	lower := strings.ToLower(w)
	switch lower {
	case "now", "today", "tomorrow", "yesterday", "epoch", "infinity", "-infinity":
		t.special = lower
		return true
	case "bc":
		t.bc = true
		return t.date || len(t.nums) == 3
	case "ad", "at", "on":
		return true
	case "am", "pm":
		return t.halfDay(lower)
	}
	switch {
	case strings.ContainsRune(w, ':'):
		return t.clockAndZone(w)
	case (w[0] == '+' || w[0] == '-') && t.time:
		return t.zoneText(w)
	case isLetter(rune(w[0])):
		return t.name(lower)
	case t.date:
		return false
	case len(w) == 8 && len(t.nums) == 0:
		y, ok := digits(w)
		t.year, t.month, t.day, t.date = y/10000, y/100%100, y%100, true
		return ok
	}
	return t.numbers(w)
}

func (t *timeText) halfDay(w string) bool {
	h := t.clock / hour
	if w == "pm" && h < 12 {
		t.clock += 12 * hour
	}
	if w == "am" && h == 12 {
		t.clock -= 12 * hour
	}
	return t.time && h <= 12
}

// name takes a month, a weekday or a zone.
func (t *timeText) name(lower string) bool {
	for i, m := range monthNames {
		if m = strings.ToLower(m); lower == m || lower == m[:3] {
			t.nums = append(t.nums, strconv.Itoa(i+1))
			t.word = len(t.nums)
			return true
		}
	}
	for _, d := range dayNames {
		if d = strings.ToLower(d); lower == d || lower == d[:3] {
			return true
		}
	}
	return t.zoneText(lower)
}

// numbers takes a part of a date such as 11/20/2026 or 20-Nov-2026.
func (t *timeText) numbers(w string) bool {
	for _, p := range strings.FieldsFunc(w, func(r rune) bool { return r == '/' || r == '-' || r == '.' }) {
		if isLetter(rune(p[0])) {
			if !t.name(strings.ToLower(p)) || t.word == 0 {
				return false
			}
			continue
		}
		if _, ok := digits(p); !ok {
			return false
		}
		t.nums = append(t.nums, p)
	}
	return len(t.nums) <= 3
}

// order decides which number is what: a year of four digits, else month first.
func (t *timeText) order() bool {
	if len(t.nums) != 3 {
		return false
	}
	var n [3]int
	for i, s := range t.nums {
		n[i], _ = digits(s)
	}
	switch {
	case len(t.nums[0]) >= 3 && t.word <= 2:
		t.year, t.month, t.day = n[0], n[1], n[2]
	case t.word == 2:
		t.day, t.month, t.year = n[0], n[1], n[2]
	default:
		t.month, t.day, t.year = n[0], n[1], n[2]
	}
	if len(t.nums[2]) == 2 && t.year < 100 {
		t.year += 1900
		if t.year < 1970 {
			t.year += 100
		}
	}
	t.date = true
	return true
}

// stamp is the moment that was read, as microseconds. now stands for what is
// relative.
func (t *timeText) moment(now int64, zoned bool) int64 {
	switch t.special {
	case "infinity":
		return infinite
	case "-infinity":
		return minusInfinite
	case "epoch":
		return -unixEpochDays * day
	case "now":
		return now
	case "today":
		return now - mod(now, day) + t.clock
	case "tomorrow":
		return now - mod(now, day) + day + t.clock
	case "yesterday":
		return now - mod(now, day) - day + t.clock
	}
	us := t.stamp()
	if zoned {
		us -= int64(t.zone) * second
	}
	return us
}

func mod(a, b int64) int64 { return (a%b + b) % b }
