package pgsql

import "strings"

// namedZones are the zones that people name most: minutes east of UTC in winter, and
// whose summer time they keep ('e' the European Union's, 'u' that of the USA). Both
// rules are today's, whatever the year.
const namedZones = " europe/london 0e europe/dublin 0e europe/lisbon 0e europe/berlin 60e europe/paris 60e europe/madrid 60e europe/rome 60e europe/amsterdam 60e europe/brussels 60e " +
	"europe/vienna 60e europe/zurich 60e europe/stockholm 60e europe/oslo 60e europe/copenhagen 60e europe/prague 60e europe/warsaw 60e europe/budapest 60e europe/athens 120e " +
	"europe/helsinki 120e europe/bucharest 120e europe/sofia 120e europe/kiev 120e europe/kyiv 120e europe/istanbul 180 europe/moscow 180 america/new_york -300u america/toronto -300u " +
	"america/detroit -300u america/chicago -360u america/denver -420u america/phoenix -420 america/los_angeles -480u america/vancouver -480u america/anchorage -540u america/sao_paulo -180 " +
	"america/bogota -300 america/mexico_city -360 us/eastern -300u us/central -360u us/mountain -420u us/pacific -480u est5edt -300u cst6cdt -360u mst7mdt -420u pst8pdt -480u " +
	"asia/tokyo 540 asia/seoul 540 asia/shanghai 480 asia/hong_kong 480 asia/singapore 480 asia/kolkata 330 asia/calcutta 330 asia/dubai 240 asia/bangkok 420 asia/jakarta 420 " +
	"asia/manila 480 asia/karachi 300 australia/perth 480 australia/brisbane 600 africa/lagos 60 africa/johannesburg 120 africa/nairobi 180 japan 540 singapore 480 "

// zone is a time zone with or without summer time.
type zone struct {
	offset int  // seconds east of UTC in winter
	rule   byte // 0 for no summer time
}

// findZone finds a zone by name, abbreviation or offset.
func findZone(name string) (zone, bool) {
	if sec, ok := zoneOffset(name); ok {
		return zone{offset: sec}, true
	}
	_, rest, ok := strings.Cut(namedZones, " "+strings.ToLower(name)+" ")
	if !ok || name == "" || strings.Contains(name, " ") {
		return zone{}, false
	}
	text, _, _ := strings.Cut(rest, " ")
	var z zone
	if last := text[len(text)-1]; last > '9' {
		z.rule, text = last, text[:len(text)-1]
	}
	minutes, ok := digits(strings.TrimPrefix(text, "-"))
	if text[0] == '-' {
		minutes = -minutes
	}
	z.offset = minutes * 60
	return z, ok
}

// at is the offset at a moment.
func (z zone) at(us int64) int {
	if z.rule == 0 {
		return z.offset
	}
	year := toCivil(us).year
	from, to := lastSunday(year, 3)+hour, lastSunday(year, 10)+hour
	if z.rule == 'u' {
		first := func(month int) int64 { return (days(year, month, 1) + int64(7-weekday(days(year, month, 1)))%7) * day }
		from, to = first(3)+7*day+2*hour-int64(z.offset)*second, first(11)+hour-int64(z.offset)*second
	}
	if us >= from && us < to {
		return z.offset + 3600
	}
	return z.offset
}

// lastSunday is the first moment of a month's last Sunday, in UTC.
func lastSunday(year, month int) int64 {
	last := days(year, month, 31)
	return (last - int64(weekday(last))) * day
}

// local is the offset at what a clock on the wall shows. What is shown twice is
// winter time, and so is what is skipped.
func (z zone) local(us int64) int {
	summer := z.offset + 3600
	if z.at(us-int64(z.offset)*second) != z.offset && z.at(us-int64(summer)*second) == summer {
		return summer
	}
	return z.offset
}
