package world

import (
	"testing"
	"time"
)

// The company's clock is that of its city: work is done between eight and seven
// there, from Monday to Friday, and no hour has more than a third of it.
func TestCompaniesWorkByTheirCitysClock(t *testing.T) {
	now := time.Date(2026, 11, 20, 20, 0, 0, 0, time.UTC)
	seen := map[string]bool{}
	for seed := uint64(0); seed < 200 && len(seen) < len(zones); seed++ {
		w := New(seed)
		if seen[w.Org.Zone] {
			continue
		}
		seen[w.Org.Zone] = true
		city, err := time.LoadLocation(w.Org.Zone)
		if err != nil {
			t.Skipf("the zone database is not on this machine: %v", err)
		}
		var created, merged [24]int
		all := 0
		for _, i := range w.Issues(now)[200:] {
			if i.Reporter.Zone == w.Org.Zone {
				when := i.Created.In(city)
				if day := when.Weekday(); day == time.Saturday || day == time.Sunday || when.Hour() < 8 || when.Hour() > 18 {
					t.Fatalf("seed %d: %s is of %v", seed, i.Key, when)
				}
				created[when.Hour()]++
			}
		}
		for _, r := range w.Repos {
			for _, p := range w.Commits(r, 40, now) {
				merged[at(p.merged).In(city).Hour()]++
				all++
			}
		}
		for hour := range 24 {
			if merged[hour] > all/3 || created[hour] > len(w.Issues(now))/3 {
				t.Errorf("seed %d, %s: issues by hour %v, merges %v", seed, w.Org.Zone, created, merged)
				break
			}
		}
	}
	if len(seen) < len(zones) {
		t.Errorf("only %d zones in 200 worlds", len(seen))
	}
}

// What people do they do at work: in the hours of their own zone, on their own
// working days, after they joined.
func TestPeopleWorkInTheirHours(t *testing.T) {
	now := time.Date(2027, 1, 20, 15, 4, 0, 0, time.UTC)
	for seed := range uint64(12) {
		w := New(seed*7919 + 1)
		did := func(what string, p *Person, at time.Time) {
			t.Helper()
			if !p.AtWork(at) {
				d, sec := p.office.dayOf(at.Unix())
				t.Errorf("seed %d: %s by %s (%s) at %v, second %d of day %d", seed, what, p.Name, p.Zone, at, sec, d%7)
			}
		}
		for _, i := range w.Issues(now)[200:] {
			did("issue reported", i.Reporter, i.Created)
		}
		for _, i := range w.Issues(now)[400:500] {
			for _, c := range w.IssueComments(i, now) {
				did("comment on "+i.Key, c.Author, c.Created)
			}
		}
		for _, m := range w.Messages(now) {
			if m.Channel.kind != "incidents" { // whoever is on call is woken
				did("message in "+m.Channel.Name, m.Author, m.Time)
			}
		}
		for _, r := range w.Repos {
			for _, p := range w.Commits(r, 40, now) {
				did("request", p.Author, p.Created)
				did("merge", p.Merger, at(p.merged))
				for _, c := range w.Comments(p, now) {
					did("review", c.Author, c.Created)
				}
			}
		}
		for _, p := range w.Pages(now) {
			did("page "+p.Title, p.Author, p.Created)
		}
		zones := map[string]int{}
		for _, p := range w.Staff {
			zones[p.Zone]++
		}
		if len(zones) < 2 {
			t.Errorf("seed %d: everybody is in %v", seed, zones)
		}
		if t.Failed() {
			return
		}
	}
}

// Nothing happens in offices on Christmas Day, and little in the week after it.
func TestHolidaysAreQuiet(t *testing.T) {
	w := New(3)
	perDay := map[string]int{}
	for _, i := range w.Issues(time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)) {
		perDay[i.Created.Add(time.Duration(w.Org.offset)*time.Second).Format("01-02")]++
	}
	if n := perDay["12-25"]; n != 0 {
		t.Errorf("%d issues on Christmas Days", n)
	}
	if n, usual := perDay["12-28"]+perDay["12-29"], perDay["11-10"]+perDay["11-11"]; n >= usual {
		t.Errorf("%d issues between the years, %d in November", n, usual)
	}
}

// A few people, projects and repositories make most of what happens.
func TestActivityIsSkewed(t *testing.T) {
	w := New(11)
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	by := map[*Person]int{}
	all := w.Issues(now)
	for _, i := range all {
		by[i.Assignee]++
	}
	most := 0
	for _, n := range by {
		most = max(most, n)
	}
	if mean := len(all) / len(by); most < 3*mean {
		t.Errorf("the busiest assignee has %d issues, the mean is %d", most, mean)
	}
	weeks := map[int64]int{}
	for _, i := range w.incidentsBy(now.Unix()) {
		weeks[i.Started.Unix()/week]++
	}
	kinds := map[int]bool{}
	for _, n := range weeks {
		kinds[n] = true
	}
	if len(kinds) < 2 {
		t.Error("incidents come as regularly as the clock")
	}
}
