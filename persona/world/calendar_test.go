package world

import (
	"slices"
	"testing"
	"time"
)

func TestHolidays(t *testing.T) {
	for _, tt := range []struct {
		country string
		year    int
		want    string
	}{
		{"US", 2026, "01-01 01-19 05-25 06-19 07-03 09-07 11-26 11-27 12-25 12-24"},
		{"US", 2027, "01-01 01-18 05-31 06-18 07-05 09-06 11-25 11-26 12-24 12-24"},
		{"CA", 2026, "01-01 02-16 04-03 05-18 07-01 08-03 09-07 10-12 12-25 12-26"},
		{"GB", 2026, "01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28"},
		{"GB", 2027, "01-01 03-26 03-29 05-03 05-31 08-30 12-27 12-28"},
		{"IE", 2026, "01-01 02-02 03-17 04-06 05-04 06-01 08-03 10-26 12-25 12-28"},
		{"NL", 2026, "01-01 04-06 04-27 05-14 05-25 12-25 12-26"},
		{"DE", 2025, "01-01 04-18 04-21 05-01 05-29 06-09 10-03 12-24 12-25 12-26 12-31"},
		{"PL", 2026, "01-01 01-06 04-06 05-01 05-03 06-04 08-15 11-01 11-11 12-25 12-26"},
	} {
		var got string
		for _, d := range holidays(tt.country, tt.year) {
			got += " " + at(int64(d)*day).Format("01-02")
		}
		if got != " "+tt.want {
			t.Errorf("%s %d:%s, want %s", tt.country, tt.year, got, tt.want)
		}
	}
}

// zonesOf are all zones that somebody of the made-up companies lives in.
func zonesOf() []zone { return append(slices.Clone(zones[:]), remotes[:]...) }

// A calendar's clock is that of the zone database, at every hour of offices.
func TestClockIsTheZones(t *testing.T) {
	for _, z := range zonesOf() {
		loc, err := time.LoadLocation(z.name)
		if err != nil {
			t.Skipf("the zone database is not on this machine: %v", err)
		}
		c := newCalendar(start2024-52*week-z.offset, z.country)
		for d := range 365 * 12 {
			for _, sec := range []int64{8 * 3600, 13*3600 + 7, 18*3600 + 3599} {
				unix := c.midnight(d) + sec
				local := time.Unix(unix, 0).In(loc)
				if got := int64(local.Hour()*3600 + local.Minute()*60 + local.Second()); got != sec {
					t.Fatalf("%s: second %d of day %d is %v there", z.name, sec, d, local)
				}
				if day, s := c.dayOf(unix); day != d || s != sec {
					t.Fatalf("%s: dayOf is %d %d, want %d %d", z.name, day, s, d, sec)
				}
			}
			if weekend := c.midnight(d)+day/2 >= 0 && d%7 >= 5; weekend && c.works(d) {
				t.Fatalf("%s works on day %d", z.name, d)
			}
		}
	}
}

func TestInHours(t *testing.T) {
	for _, z := range zonesOf() {
		c := newCalendar(start2024-z.offset, z.country)
		last := int64(0)
		for sec := int64(0); sec < 150*week; sec += 9770 {
			in := start2024 - z.offset + sec
			got := c.inHours(in)
			if d, s := c.dayOf(got); got < in || !c.works(d) || s < 8*3600 || s >= 19*3600 || got-in > 6*day {
				t.Fatalf("%s: inHours(%d) is %d later, at second %d of day %d", z.name, in, got-in, s, d)
			}
			if got < last-7200 { // the first hours of a morning are spread
				t.Fatalf("%s: inHours falls at %d", z.name, in)
			}
			last = got
		}
	}
}

// What happens in office hours happens on working days, more of it in busy weeks.
func TestTempo(t *testing.T) {
	d := newDice(5)
	p := &tempo{d: d, cal: newCalendar(start2024+5*3600, "US"), office: true}
	s := newStream(d.sub("x"), p, []int{40})
	var weeks []int
	for n := range 40 * blockWeeks * 5 {
		at := s.time(n)
		day, sec := p.cal.dayOf(at)
		if !p.cal.works(day) || sec < 8*3600 || sec > 19*3600 {
			t.Fatalf("item %d happens at second %d of day %d", n, sec, day)
		}
		for len(weeks) <= day/7 {
			weeks = append(weeks, 0)
		}
		weeks[day/7]++
	}
	if lo, hi := slices.Min(weeks), slices.Max(weeks); lo > 25 || hi < 52 {
		t.Errorf("between %d and %d items a week: too regular", lo, hi)
	}
}
