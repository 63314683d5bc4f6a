package enterprise

import (
	"strconv"
	"strings"
	"time"
)

// timed compares a time with a date ("2026-01-31", with a time of day or not), a
// distance ("-7d") or startOfDay() and its like.
func (c *condition) timed(have, now time.Time) bool {
	if len(c.values) == 0 {
		return false
	}
	want, ok := moment(c.values[0], now)
	if !ok {
		return false
	}
	return compares(c.cmp, have.Compare(want))
}

// compares tells what an operator makes of a comparison's sign.
func compares(op string, sign int) bool {
	switch op {
	case "<":
		return sign < 0
	case "<=":
		return sign <= 0
	case ">":
		return sign > 0
	case ">=":
		return sign >= 0
	case "=", "==":
		return sign == 0
	case "!=":
		return sign != 0
	}
	return false
}

func moment(s string, now time.Time) (time.Time, bool) {
	day := now.Truncate(24 * time.Hour)
	switch strings.ToLower(s) {
	case "now()":
		return now, true
	case "startofday()":
		return day, true
	case "startofweek()":
		return day.AddDate(0, 0, -int(day.Weekday())), true
	case "startofmonth()":
		return day.AddDate(0, 0, 1-day.Day()), true
	case "startofyear()":
		return day.AddDate(0, 0, 1-day.YearDay()), true
	}
	for _, layout := range [...]string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02", "2006/01/02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return distance(s, now)
}

func distance(s string, now time.Time) (time.Time, bool) {
	if len(s) < 2 || len(s) > 8 {
		return time.Time{}, false
	}
	unit := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}[s[len(s)-1]]
	n, err := strconv.Atoi(s[:len(s)-1])
	if err != nil || unit == 0 || n > 100_000 || n < -100_000 {
		return time.Time{}, false
	}
	return now.Add(time.Duration(n) * unit), true
}
