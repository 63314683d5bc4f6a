package world_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/world"
)

var (
	seeds = []uint64{0, 1, 7, 1 << 40, ^uint64(0)}
	dates = []time.Time{
		time.Date(2024, 1, 3, 9, 0, 0, 0, time.UTC), time.Date(2025, 7, 5, 23, 59, 0, 0, time.UTC),
		time.Date(2026, 11, 20, 14, 3, 0, 0, time.UTC), time.Date(2035, 2, 28, 6, 30, 0, 0, time.UTC),
	}
)

func names(w *world.World) map[string]bool {
	out := map[string]bool{}
	for _, p := range w.Staff {
		out[p.Name] = true
	}
	for _, r := range w.Repos {
		out[r.Name] = true
	}
	for _, a := range w.Accounts {
		out[a.Name] = true
	}
	return out
}

func TestWorldsShareFewNames(t *testing.T) {
	const worlds = 24
	var all []map[string]bool
	for s := range worlds {
		all = append(all, names(world.New(uint64(s)*0x9e3779b97f4a7c15+3)))
	}
	for i := range all {
		for j := range i {
			shared := 0
			for n := range all[i] {
				if all[j][n] {
					shared++
				}
			}
			if limit := len(all[i]) * 2 / 100; shared > limit {
				t.Errorf("worlds %d and %d share %d of %d names", i, j, shared, len(all[i]))
			}
		}
	}
}

func TestShape(t *testing.T) {
	for s := range uint64(200) {
		w := world.New(s)
		if n := len(w.Staff); n < 30 || n > 80 {
			t.Errorf("seed %d: %d staff", s, n)
		}
		if n := len(w.Repos); n < 20 || n > 60 {
			t.Errorf("seed %d: %d repositories", s, n)
		}
		if !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(w.Org.Slug) {
			t.Errorf("seed %d: slug %q", s, w.Org.Slug)
		}
		keys := map[string]bool{}
		for _, p := range w.Projects {
			if keys[p.Key] || !regexp.MustCompile(`^[A-Z]{2,10}$`).MatchString(p.Key) {
				t.Errorf("seed %d: project key %q", s, p.Key)
			}
			keys[p.Key] = true
		}
		hosts := map[world.SCM]int{}
		for _, r := range w.Repos {
			hosts[r.SCM]++
		}
		if len(hosts) != 3 {
			t.Errorf("seed %d: code hosts %v", s, hosts)
		}
	}
}

func TestPeopleAreUnique(t *testing.T) {
	for _, s := range seeds {
		seen := map[string]bool{}
		for _, p := range world.New(s).Staff {
			for _, k := range []string{p.Name, p.Login, p.Email, p.GitHub, p.SlackID, p.JiraID, p.CRMID} {
				if seen[k] && k != p.GitHub {
					t.Errorf("seed %d: %q twice", s, k)
				}
				seen[k] = true
			}
		}
	}
}

func TestIDForms(t *testing.T) {
	forms := map[string]*regexp.Regexp{
		"slack":   regexp.MustCompile(`^[UC][A-Z0-9]{8,10}$`),
		"jira":    regexp.MustCompile(`^712020:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`),
		"sha":     regexp.MustCompile(`^[0-9a-f]{40}$`),
		"drive":   regexp.MustCompile(`^1([A-Za-z0-9_-]{43}|[A-Za-z0-9_-]{32})$`),
		"account": regexp.MustCompile(`^001[A-Za-z0-9]{15}$`),
		"case":    regexp.MustCompile(`^500[A-Za-z0-9]{15}$`),
	}
	check := func(kind, id string) {
		t.Helper()
		if !forms[kind].MatchString(id) {
			t.Errorf("%s id %q", kind, id)
		}
		if kind == "account" || kind == "case" {
			if world.SalesforceChecksum(id[:15]) != id[15:] {
				t.Errorf("%s id %q has a wrong checksum", kind, id)
			}
		}
	}
	for _, s := range seeds {
		w, now := world.New(s), dates[2]
		for _, p := range w.Staff {
			check("slack", p.SlackID)
			check("jira", p.JiraID)
		}
		for _, c := range w.Channels {
			check("slack", c.ID)
		}
		for _, c := range w.Commits(w.Repos[0], 20, now) {
			check("sha", c.SHA)
		}
		for _, f := range w.DriveFiles(now) {
			check("drive", f.ID)
		}
		for _, a := range w.Accounts {
			check("account", a.ID)
		}
		for _, c := range w.Cases(now) {
			check("case", c.ID)
		}
	}
}

func TestSalesforceChecksum(t *testing.T) {
	if got := world.SalesforceChecksum("001D000000IRFma"); got != "IAH" {
		t.Errorf("SalesforceChecksum = %q, want IAH", got)
	}
}

// What is there at one time is there later, too, and the same.
func TestNothingMoves(t *testing.T) {
	for _, s := range seeds {
		early, late := world.New(s), world.New(s)
		later := dates[2]
		late.Issues(later)
		for _, now := range dates[:2] {
			a, b := early.Issues(now), late.Issues(later)
			for i := range a {
				if a[i].Key != b[i].Key || a[i].Summary != b[i].Summary || a[i].Created != b[i].Created || a[i].Status(now) != b[i].Status(now) {
					t.Fatalf("seed %d: issue %s at %v became %s", s, a[i].Key, now, b[i].Key)
				}
				if a[i].Updated(now).After(now) || a[i].Updated(now).Before(a[i].Created) {
					t.Fatalf("seed %d: issue %s updated %v", s, a[i].Key, a[i].Updated(now))
				}
			}
			samePages(t, early.Pages(now), late.Pages(later))
			sameCommits(t, early, late, now, later)
		}
	}
}

func samePages(t *testing.T, a, b []*world.Page) {
	t.Helper()
	byID := map[int]*world.Page{}
	for _, p := range b {
		if byID[p.ID] != nil {
			t.Fatalf("page id %d twice: %q and %q", p.ID, p.Title, byID[p.ID].Title)
		}
		byID[p.ID] = p
	}
	for _, p := range a {
		if q := byID[p.ID]; q == nil || q.Title != p.Title || q.Body != p.Body {
			t.Fatalf("page %d %q changed", p.ID, p.Title)
		}
	}
}

func sameCommits(t *testing.T, early, late *world.World, now, later time.Time) {
	t.Helper()
	for i, r := range early.Repos {
		known := map[string]string{}
		for _, c := range late.Commits(late.Repos[i], 1<<20, later) {
			known[c.SHA] = c.Message()
		}
		for _, c := range early.Commits(r, 50, now) {
			if known[c.SHA] != c.Message() {
				t.Fatalf("commit %s of %s changed", c.SHA, r.Name)
			}
		}
	}
}

func TestCommitsAreOrderedAndComplete(t *testing.T) {
	for _, s := range seeds {
		w := world.New(s)
		for _, r := range w.Repos[:5] {
			all, some := w.Commits(r, 1<<20, dates[1]), w.Commits(r, 10, dates[1])
			for i, c := range some {
				if all[i] != c {
					t.Fatalf("seed %d: commit %d of %s differs between a short and a full list", s, i, r.Name)
				}
			}
			for i := 1; i < len(all); i++ {
				a, _ := all[i-1].Merged(dates[1])
				if b, ok := all[i].Merged(dates[1]); !ok || b.After(a) {
					t.Fatalf("seed %d: commits of %s are not in order", s, r.Name)
				}
			}
		}
	}
}

func TestLookupsInvert(t *testing.T) {
	w, now := world.New(7), dates[2]
	for _, i := range w.Issues(now) {
		if w.IssueBy(i.Key, now) != i {
			t.Fatalf("IssueBy(%s) is another issue", i.Key)
		}
	}
	for _, key := range []string{"", "X-1", w.Projects[0].Key + "-0", w.Projects[0].Key + "-999999", w.Projects[0].Key + "-01", w.Projects[0].Key + "-", "-1"} {
		if w.IssueBy(key, now) != nil {
			t.Errorf("IssueBy(%q) found something", key)
		}
	}
	for _, p := range w.Staff {
		for _, k := range []string{p.Login, p.Email, p.SlackID, p.GitHub, p.JiraID, p.Name, "@" + p.Login} {
			if w.PersonBy(k) != p {
				t.Errorf("PersonBy(%q) is not %s", k, p.Name)
			}
		}
	}
	for _, r := range w.Repos {
		n := w.PullCount(r, now)
		if p := w.PullBy(r, n, now); p == nil || p.Number != n {
			t.Errorf("PullBy(%s, %d) = %v", r.Name, n, p)
		}
		if w.PullBy(r, n+1, now) != nil || w.PullBy(r, 0, now) != nil {
			t.Errorf("%s has requests beyond its last", r.Name)
		}
	}
}

func TestEdges(t *testing.T) {
	for _, s := range seeds {
		w, now := world.New(s), dates[2]
		keyed := 0
		for _, r := range w.Repos {
			for _, c := range w.Commits(r, 40, now) {
				if c.Issue == nil {
					continue
				}
				keyed++
				i := w.IssueBy(c.Issue.Key, now)
				if i == nil || !strings.HasPrefix(c.Title, i.Key+" "+i.Summary) || i.Assignee != c.Author || i.Created.After(c.Created) {
					t.Fatalf("seed %d: commit %q does not fit its issue", s, c.Title)
				}
			}
		}
		if keyed == 0 {
			t.Errorf("seed %d: no commit names an issue", s)
		}
		for _, p := range w.Pages(now) {
			for _, key := range regexp.MustCompile(`\b[A-Z]{2,10}-\d+\b`).FindAllString(p.Body, -1) {
				if w.IssueBy(key, now) == nil {
					t.Errorf("seed %d: page %q names %s, which does not exist", s, p.Title, key)
				}
			}
		}
	}
}

func TestFake(t *testing.T) {
	w := world.New(42)
	want := map[string]string{
		"org_name": w.Org.Name, "org_slug": w.Org.Slug, "org_domain": w.Org.Domain, "person_name": w.Staff[0].Name,
		"login": w.Staff[0].Login, "email": w.Staff[0].Email, "repo": w.Repos[0].Name, "hostname": w.Services[0].Hosts[0],
	}
	for kind, v := range want {
		if got, ok := world.Fake(42, kind, 0); !ok || got != v {
			t.Errorf("Fake(42, %s, 0) = %q, %v, want %q", kind, got, ok, v)
		}
	}
	for _, kind := range []string{"uuid", "ip", "org_slug", "org_domain"} {
		for _, n := range []uint32{1, 77, ^uint32(0)} {
			if got, ok := w.Fake(kind, n); !ok || got == "" {
				t.Errorf("Fake(%s, %d) = %q, %v", kind, n, got, ok)
			}
		}
	}
	if _, ok := w.Fake("password", 0); ok {
		t.Error("Fake knows a kind it does not have")
	}
}

// A clock that is far off must not hurt.
func TestOddTimes(t *testing.T) {
	w := world.New(3)
	for _, now := range []time.Time{{}, time.Unix(0, 0), time.Date(2021, 6, 1, 0, 0, 0, 0, time.UTC), time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC)} {
		w.Issues(now)
		w.Pages(now)
		w.Messages(now)
		w.DriveFiles(now)
		w.Commits(w.Repos[0], 5, now)
		w.Build(w.Jobs[0], w.BuildCount(w.Jobs[0], now), now)
		for _, db := range w.Databases() {
			for _, table := range db.Tables {
				if n := table.Len(now); n > 0 {
					table.Row(n-1, now)
				}
			}
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for i := range b.N {
		world.New(uint64(i))
	}
}
