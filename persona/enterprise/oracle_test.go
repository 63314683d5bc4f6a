package enterprise_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise"
	"github.com/killdeer-mcp/killdeer/persona/world"
)

// The tests in this file hold what the tools find against what a loop over the
// world's own lists finds. They share no code with the evaluators.

// wordPattern is what words of a text are.
var wordPattern = regexp.MustCompile(`[0-9A-Za-z_\x{80}-\x{10FFFF}]+`)

// says reports whether a text has the words of a phrase one after the other.
func says(text, phrase string) bool {
	have, want := wordPattern.FindAllString(strings.ToLower(text), -1), wordPattern.FindAllString(strings.ToLower(phrase), -1)
	for i := range have {
		if len(want) <= len(have)-i && slices.Equal(have[i:i+len(want)], want) {
			return true
		}
	}
	return false
}

// pager says how a tool is asked for the page after an answer.
type pager struct {
	tool, arg string // of the query
	list, id  string // paths of the hits and of what tells them apart
	total     string // path of the count, "" for none
	size      string // argument that sets the size of a page
	next      func(a answer, n int) (arg string, value any)
}

var pagers = map[string]pager{
	"jira":       {tool: "jira_search_issues", arg: "jql", list: "issues", id: "key", total: "total", size: "max_results", next: byOffset("start_at")},
	"confluence": {tool: "confluence_search", arg: "cql", list: "results", id: "id", total: "totalSize", size: "limit", next: byOffset("start")},
	"slack":      {tool: "slack_conversations_search_messages", arg: "query", list: "messages.matches", id: "channel.id ts", total: "messages.total", size: "count", next: byNumber},
	"chat":       {tool: "google_chat_search_message", arg: "query", list: "messages", id: "name", size: "page_size", next: byToken("nextPageToken", "page_token")},
	"drive":      {tool: "google_search_drive_files", arg: "query", list: "files", id: "id", size: "page_size", next: byToken("nextPageToken", "page_token")},
	"elastic":    {tool: "elasticsearch_search_logs", arg: "query", list: "hits", id: "_id", total: "total.value", size: "size", next: byOffset("from")},
	"github":     {tool: "github_search_repositories", arg: "query", list: "items", id: "full_name", total: "total_count", size: "per_page", next: byNumber},
	"code":       {tool: "github_search_code", arg: "query", list: "items", id: "html_url", total: "total_count", size: "per_page", next: byNumber},
	"gitlab":     {tool: "gitlab_search_code", arg: "query", list: "items", id: "project_id path", total: "total_items", size: "per_page", next: byNumber},
	"bitbucket":  {tool: "bitbucket_search_code", arg: "query", list: "results", id: "file.links.self.href", total: "total_count", size: "pagelen", next: byNumber},
	"cassandra":  {tool: "cassandra_execute_select_query", arg: "query", list: "rows", id: "*", next: byToken("paging_state", "paging_state")},
	"soql":       {tool: "salesforce_query_soql", arg: "query", list: "records", id: "Id", total: "totalSize", next: byToken("nextRecordsUrl", "next_records_url")},
}

func byOffset(arg string) func(a answer, n int) (string, any) {
	return func(_ answer, n int) (string, any) { return arg, n }
}

func byNumber(_ answer, n int) (string, any) { return "page", n }

func byToken(key, arg string) func(a answer, n int) (string, any) {
	return func(a answer, _ int) (string, any) {
		v, _ := find(a.doc, key)
		return arg, v
	}
}

// collect walks through all pages of a search and returns what was found, in order.
func collect(t *testing.T, p *enterprise.Persona, seed uint64, now time.Time, lang, text string, size int) []string {
	t.Helper()
	g := pagers[lang]
	args := map[string]any{g.arg: text}
	if size > 0 && g.size != "" {
		args[g.size] = size
	}
	var out []string
	for n := 1; ; n++ {
		raw, _ := json.Marshal(args)
		a := call(t, p, seed, now, g.tool, string(raw))
		if a.fail && n > 1 && a.text == "Invalid page" {
			return out
		}
		if a.fail {
			t.Fatalf("%s %q: %s", lang, text, a.text)
		}
		hits := list(t, a.doc, g.list)
		for _, h := range hits {
			out = append(out, identity(h, g.id))
		}
		arg, value := g.next(a, n+1)
		if g.size != "" && arg != "page" && g.total != "" {
			value = len(out)
		}
		args[arg] = value
		token, isToken := value.(string)
		if isToken && token == "" || value == nil || !isToken && len(hits) == 0 {
			if g.total != "" && lang != "soql" {
				if n, _ := strconv.Atoi(a.str(t, g.total)); n != len(out) {
					t.Errorf("%s %q: %d in all, %d on the pages", lang, text, n, len(out))
				}
			}
			return out
		}
	}
}

func identity(hit any, paths string) string {
	if paths == "*" {
		b, _ := json.Marshal(hit)
		return string(b)
	}
	var id []string
	for path := range strings.FieldsSeq(paths) {
		v, _ := find(hit, path)
		b, _ := json.Marshal(v)
		id = append(id, strings.Trim(string(b), `"`))
	}
	return strings.Join(id, " ")
}

// same compares sets.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Clone(got), slices.Clone(want)
	slices.Sort(got)
	slices.Sort(want)
	if len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Errorf("%s: something is found twice", what)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: %d found, want %d\n%.300v\n%.300v", what, len(got), len(want), got, want)
	}
}

func TestJQLOracle(t *testing.T) {
	p, w, now := enterprise.New(), world.New(7), dates[2]
	all := w.Issues(now)
	one := all[len(all)/2]
	day := now.Truncate(24 * time.Hour)
	resolved := func(i *world.Issue) string { r, _ := i.Resolution(now); return r }
	has := func(i *world.Issue, l string) bool { return slices.Contains(i.Labels, l) }
	for jql, keep := range map[string]func(i *world.Issue) bool{
		"project = " + one.Project.Key + " and status = Done":     func(i *world.Issue) bool { return i.Project == one.Project && i.Status(now) == "Done" },
		"project not in (" + one.Project.Key + ") && type != Bug": func(i *world.Issue) bool { return i.Project != one.Project && i.Type != "Bug" },
		"priority >= High": func(i *world.Issue) bool { return i.Priority == "High" || i.Priority == "Highest" },
		"priority < Medium or labels in (security, infra)":               func(i *world.Issue) bool { return i.Priority == "Low" || has(i, "security") || has(i, "infra") },
		"assignee = '" + one.Assignee.Name + "' and resolution is empty": func(i *world.Issue) bool { return i.Assignee == one.Assignee && resolved(i) == "" },
		"assignee in membersOf('" + one.Assignee.Team.Name + "') and statusCategory = 'In Progress'": func(i *world.Issue) bool {
			return i.Assignee.Team == one.Assignee.Team && (i.Status(now) == "In Progress" || i.Status(now) == "In Review")
		},
		"assignee = currentUser()": func(*world.Issue) bool { return false },
		"assignee is empty":        func(*world.Issue) bool { return false },
		"resolution = Done and resolved >= startOfMonth(-1)": func(i *world.Issue) bool {
			r, at := i.Resolution(now)
			return r == "Done" && !at.Before(day.AddDate(0, -1, 1-day.Day()))
		},
		"created >= startOfDay(-7d) and created < now()": func(i *world.Issue) bool { return !i.Created.Before(day.AddDate(0, 0, -7)) && i.Created.Before(now) },
		"updated > '2026-11-01 12:00' and not (status = Done)": func(i *world.Issue) bool {
			return i.Updated(now).After(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)) && i.Status(now) != "Done"
		},
		"created >= -1w 2d":                                         nil,
		"created >= '-1w 2d'":                                       func(i *world.Issue) bool { return !i.Created.Before(now.AddDate(0, 0, -9)) },
		"status was 'In Review' and status = Done":                  func(i *world.Issue) bool { return i.Status(now) == "Done" },
		"status changed to Done after -14d":                         func(i *world.Issue) bool { _, at := i.Resolution(now); return at.After(now.AddDate(0, 0, -14)) },
		"status was not 'In Progress'":                              func(i *world.Issue) bool { return i.Status(now) == "Backlog" || i.Status(now) == "To Do" },
		"sprint in openSprints()":                                   func(i *world.Issue) bool { return i.Status(now) != "Done" && i.Status(now) != "Backlog" },
		"fixVersion is empty and component = " + one.Component.Name: func(i *world.Issue) bool { return i.Component == one.Component },
		"text ~ backoff":                                            func(i *world.Issue) bool { return says(i.Summary+" "+i.Description, "backoff") },
		`summary ~ "queue full" and type = Bug`: func(i *world.Issue) bool {
			return says(i.Summary, "queue") && says(i.Summary, "full") && i.Type == "Bug"
		},
		`text ~ "\"queue is full\""`: func(i *world.Issue) bool { return says(i.Summary+" "+i.Description, "queue is full") },
		`summary !~ endpoint and description ~ "metr*"`: func(i *world.Issue) bool {
			return !says(i.Summary, "endpoint") && strings.Contains(strings.ToLower(i.Description), "metr")
		},
		"text ~ zqxjkvwpt7":                            func(*world.Issue) bool { return false },
		"key in (" + one.Key + ", " + all[3].Key + ")": func(i *world.Issue) bool { return i == one || i == all[3] },
		"key > " + one.Key:                             func(i *world.Issue) bool { return i.Project == one.Project && i.Number > one.Number },
		"reporter = " + one.Reporter.Login + " or creator != '" + one.Reporter.JiraID + "' and priority is not null": nil,
	} {
		if keep == nil {
			continue
		}
		var want []string
		for _, i := range all {
			if keep(i) && !i.Restricted() {
				want = append(want, i.Key)
			}
		}
		same(t, jql, collect(t, p, 7, now, "jira", jql, 100), want)
	}
}

// TestJQLOrder holds orders by several fields.
func TestJQLOrder(t *testing.T) {
	p, w, now := enterprise.New(), world.New(7), dates[2]
	all := w.Issues(now)
	rank := map[string]int{"Lowest": 0, "Low": 1, "Medium": 2, "High": 3, "Highest": 4}
	for order, compare := range map[string]func(a, b *world.Issue) int{
		"priority desc, created asc": func(a, b *world.Issue) int {
			return 2*(rank[b.Priority]-rank[a.Priority]) + a.Created.Compare(b.Created)
		},
		"assignee, updated desc": func(a, b *world.Issue) int {
			return 2*strings.Compare(a.Assignee.Name, b.Assignee.Name) + b.Updated(now).Compare(a.Updated(now))
		},
		"key asc": func(a, b *world.Issue) int {
			return 1_000_000*strings.Compare(a.Project.Key, b.Project.Key) + a.Number - b.Number
		},
		"summary, key desc": func(a, b *world.Issue) int {
			return strings.Compare(strings.ToLower(a.Summary), strings.ToLower(b.Summary))
		},
		"project desc, type, component, labels": func(a, b *world.Issue) int {
			return 9*strings.Compare(b.Project.Key, a.Project.Key) + 3*strings.Compare(a.Type, b.Type) + strings.Compare(a.Component.Name, b.Component.Name)
		},
		"created": func(a, b *world.Issue) int { return b.Created.Compare(a.Created) },
	} {
		got := collect(t, p, 7, now, "jira", "type in (Bug, Task) order by "+order, 100)
		for i := 1; i < len(got); i++ {
			if a, b := w.IssueBy(got[i-1], now), w.IssueBy(got[i], now); compare(a, b) > 0 {
				t.Errorf("order by %s: %s comes before %s", order, a.Key, b.Key)
				break
			}
		}
		if len(got) == 0 || len(got) >= len(all) {
			t.Errorf("order by %s: %d issues", order, len(got))
		}
	}
}

func TestConfluenceOracle(t *testing.T) {
	p, w, now := enterprise.New(), world.New(7), dates[2]
	one := w.Pages(now)[100]
	modified := func(p *world.Page) time.Time { _, at := p.Version(now); return at }
	for cql, keep := range map[string]func(p *world.Page) bool{
		"type = page":                                       func(*world.Page) bool { return true },
		"type != page or type = blogpost":                   func(*world.Page) bool { return false },
		"space = " + one.Space.Key + " and label = runbook": func(p *world.Page) bool { return p.Space == one.Space && slices.Contains(p.Labels, "runbook") },
		"space in ('" + w.Spaces[0].Key + "', '" + w.Spaces[2].Key + "') and not label in (design)": func(p *world.Page) bool {
			return (p.Space == w.Spaces[0] || p.Space == w.Spaces[2]) && !slices.Contains(p.Labels, "design")
		},
		"title = '" + one.Title + "'": func(p *world.Page) bool { return p.Title == one.Title },
		`title ~ "runbook"`:           func(p *world.Page) bool { return says(p.Title, "runbook") },
		`text ~ "error rate" and creator = "` + one.Author.Email + `"`: func(p *world.Page) bool {
			return says(p.Text(), "error") && says(p.Text(), "rate") && p.Author == one.Author
		},
		`text ~ "\"error rate\"" or text ~ "vpn"`: func(p *world.Page) bool { return says(p.Text(), "error rate") || says(p.Text(), "vpn") },
		"created > now('-90d') and lastmodified <= '2026-11-19'": func(p *world.Page) bool {
			return p.Created.After(now.AddDate(0, 0, -90)) && !modified(p).After(time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC))
		},
		"created >= startOfYear() order by created desc": func(p *world.Page) bool { return p.Created.Year() >= now.Year() },
		"text ~ zqxjkvwpt7":       func(*world.Page) bool { return false },
		"mention = currentUser()": func(*world.Page) bool { return false },
	} {
		var want []string
		for _, p := range w.Pages(now) {
			if keep(p) && !p.Space.Restricted {
				want = append(want, strconv.Itoa(p.ID))
			}
		}
		same(t, cql, collect(t, p, 7, now, "confluence", cql, 50), want)
	}
}

// begins reports whether a word of a text begins with another.
func begins(text, start string) bool {
	return slices.ContainsFunc(wordPattern.FindAllString(strings.ToLower(text), -1), func(s string) bool { return strings.HasPrefix(s, start) })
}

func TestMessagesOracle(t *testing.T) {
	p, w, now := enterprise.New(), world.New(7), dates[2]
	all := w.Messages(now)
	one := all[len(all)/3]
	day := func(m *world.Message) string { return m.Time.Format("2006-01-02") }
	for text, keep := range map[string]func(m *world.Message) bool{
		"deploy": func(m *world.Message) bool { return begins(m.Text, "deploy") },
		"is done from:@" + one.Author.Login: func(m *world.Message) bool {
			return says(m.Text, "is") && begins(m.Text, "done") && m.Author == one.Author
		},
		`"is done" -in:#` + one.Channel.Name: func(m *world.Message) bool { return says(m.Text, "is done") && m.Channel != one.Channel },
		"on:" + day(one):                     func(m *world.Message) bool { return day(m) == day(one) },
		"the before:2026-10-01":              func(m *world.Message) bool { return says(m.Text, "the") && day(m) < "2026-10-01" },
		"the after:2026-11-10 -build": func(m *world.Message) bool {
			return says(m.Text, "the") && day(m) > "2026-11-10" && !says(m.Text, "build")
		},
		"during:october has:link": func(m *world.Message) bool {
			return strings.HasPrefix(day(m), "2026-10") && strings.Contains(m.Text, "https://")
		},
		"from:@nobody the": func(*world.Message) bool { return false },
		"quot*":            func(m *world.Message) bool { return begins(m.Text, "quot") },
		"depl":             func(m *world.Message) bool { return begins(m.Text, "depl") },
	} {
		var want []string
		for _, m := range all {
			if !m.Channel.Restricted && keep(m) {
				want = append(want, m.Channel.ID+" "+strconv.FormatInt(m.Time.Unix(), 10)+"."+strconv.Itoa(1_000_000 + m.Micro)[1:])
			}
		}
		got := collect(t, p, 7, now, "slack", text, 100)
		same(t, text, got, want)
	}
	for text, keep := range map[string]func(m *world.Message) bool{
		"the": func(m *world.Message) bool { return says(m.Text, "the") },
		"":    func(*world.Message) bool { return true },
	} {
		var want []string
		for _, m := range w.ChatMessages(now) {
			if keep(m) {
				want = append(want, "spaces/"+m.Channel.ID+"/messages/"+m.ID+"."+m.ID)
			}
		}
		got := collect(t, p, 7, now, "chat", text, 37)
		slices.Reverse(want) // latest first
		if !slices.Equal(got, want) {
			t.Errorf("chat %q: %d found, want %d, latest first", text, len(got), len(want))
		}
	}
}

func TestDriveOracle(t *testing.T) {
	p, w, now := enterprise.New(), world.New(7), dates[2]
	one := w.DriveFiles(now)[5]
	for text, keep := range map[string]func(f *world.DriveFile) bool{
		"objectives":                           func(f *world.DriveFile) bool { return says(f.Lower(), "objectives") },
		"fullText contains 'objectives'":       func(f *world.DriveFile) bool { return says(f.Lower(), "objectives") },
		"mimeType = '" + world.MIMESheet + "'": func(f *world.DriveFile) bool { return f.MIME == world.MIMESheet },
		"mimeType != '" + world.MIMESheet + "' and '" + one.Owner.Email + "' in owners and trashed = false": func(f *world.DriveFile) bool {
			return f.MIME != world.MIMESheet && f.Owner == one.Owner
		},
		"not name contains 'over' or modifiedTime > '2026-11-01T00:00:00'": func(f *world.DriveFile) bool {
			over := slices.ContainsFunc(wordPattern.FindAllString(strings.ToLower(f.Name), -1), func(s string) bool { return strings.HasPrefix(s, "over") })
			return !over || f.Modified(now).After(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
		},
		"name = '" + one.Name + "'": func(f *world.DriveFile) bool { return f.Name == one.Name },
		"starred = true":            func(*world.DriveFile) bool { return false },
		"":                          func(*world.DriveFile) bool { return true },
	} {
		var want []string
		for _, f := range w.DriveFiles(now) {
			if keep(f) && !f.Restricted {
				want = append(want, f.ID)
			}
		}
		same(t, text, collect(t, p, 7, now, "drive", text, 7), want)
	}
}

func TestLogsOracle(t *testing.T) {
	p, w, now := enterprise.New(), world.New(7), dates[2]
	from, to := w.LogRange(now)
	one := w.Log(from + 700)
	is := func(l *world.LogLine, levels ...string) bool { return slices.Contains(levels, l.Level) }
	for text, keep := range map[string]func(l *world.LogLine) bool{
		"*":           func(*world.LogLine) bool { return true },
		"level:error": func(l *world.LogLine) bool { return is(l, "ERROR") },
		"level:(ERROR OR WARN) AND service:" + one.Service: func(l *world.LogLine) bool { return is(l, "ERROR", "WARN") && l.Service == one.Service },
		"-level:info +message:retry":                       func(l *world.LogLine) bool { return !is(l, "INFO") && says(l.Message, "retry") },
		`message:"could not acquire lock"`:                 func(l *world.LogLine) bool { return says(l.Message, "could not acquire lock") },
		"host:" + one.Host[:9] + "* NOT level:INFO":        func(l *world.LogLine) bool { return strings.HasPrefix(l.Host, one.Host[:9]) && !is(l, "INFO") },
		"@timestamp:[now-1d TO now]":                       func(l *world.LogLine) bool { return !l.Time.Before(now.AddDate(0, 0, -1)) && !l.Time.After(now) },
		"@timestamp:>=now-1d/d && level:WARN": func(l *world.LogLine) bool {
			return !l.Time.Before(now.Truncate(24*time.Hour).AddDate(0, 0, -1)) && is(l, "WARN")
		},
		"@timestamp:2026-11-18": func(l *world.LogLine) bool { return l.Time.Format("2006-01-02") == "2026-11-18" },
		"timeout || lock":       func(l *world.LogLine) bool { return says(l.Text(), "timeout") || says(l.Text(), "lock") },
		"_exists_:nothing":      func(*world.LogLine) bool { return false },
		"nothing:*":             func(*world.LogLine) bool { return false },
		"zqxjkvwpt7":            func(*world.LogLine) bool { return false },
		"_id:" + one.ID():       func(l *world.LogLine) bool { return l.ID() == one.ID() },
	} {
		var want []string
		for n := to - 1; n >= from; n-- {
			if l := w.Log(n); keep(l) {
				want = append(want, l.ID())
			}
		}
		if got := collect(t, p, 7, now, "elastic", text, 500); !slices.Equal(got, want) {
			t.Errorf("%s: %d lines, want %d, latest first", text, len(got), len(want))
		}
	}
}

func TestCodeOracle(t *testing.T) {
	p, w, now := enterprise.New(), world.New(7), dates[2]
	repo := map[world.SCM]*world.Repo{}
	for _, r := range w.Repos {
		if repo[r.SCM] == nil && !r.Restricted {
			repo[r.SCM] = r
		}
	}
	hub := repo[world.GitHub]
	type file struct {
		r *world.Repo
		f *world.File
	}
	host := map[string]world.SCM{"code": world.GitHub, "gitlab": world.GitLab, "bitbucket": world.Bitbucket}
	for _, c := range []struct {
		lang, text string
		keep       func(x file) bool
	}{
		{"code", "port", func(x file) bool { return begins(x.f.Text(), "port") }},
		{"code", "port repo:" + hub.FullName(), func(x file) bool { return begins(x.f.Text(), "port") && x.r == hub }},
		{"code", "filename:Jenkinsfile", func(x file) bool { return strings.HasSuffix(x.f.Path, "Jenkinsfile") }},
		{"code", "make NOT go -path:deploy", func(x file) bool {
			return begins(x.f.Text(), "make") && !says(x.f.Text(), "go") && !strings.Contains(x.f.Path, "deploy")
		}},
		{"code", "extension:yaml port language:Go", func(x file) bool {
			return strings.HasSuffix(x.f.Path, ".yaml") && begins(x.f.Text(), "port") && x.r.Language == "Go"
		}},
		{"code", `"run as root"`, func(x file) bool { return says(x.f.Text(), "run as root") }},
		{"gitlab", "filename:readme", func(x file) bool { return strings.HasSuffix(x.f.Path, "README.md") }},
		{"gitlab", "port", func(x file) bool { return begins(x.f.Text(), "port") }},
		{"bitbucket", "ext:md", func(x file) bool { return strings.HasSuffix(x.f.Path, ".md") }},
		{"bitbucket", "port repo:" + repo[world.Bitbucket].Name, func(x file) bool { return begins(x.f.Text(), "port") && x.r == repo[world.Bitbucket] }},
		{"bitbucket", "make NOT lang:go", func(x file) bool { return begins(x.f.Text(), "make") && x.r.Language != "Go" }},
	} {
		n := 0
		for _, r := range w.Repos {
			files := w.Files(r)
			for i := range files {
				if r.SCM == host[c.lang] && !r.Restricted && !r.Created.After(now) && c.keep(file{r, &files[i]}) {
					n++
				}
			}
		}
		got := collect(t, p, 7, now, c.lang, c.text, 13)
		if len(got) != n || n == 0 && c.text != `"run as root"` {
			t.Errorf("%s %q: %d files, want %d", c.lang, c.text, len(got), n)
		}
	}
}

func TestRepositoriesOracle(t *testing.T) {
	p, w, now := enterprise.New(), world.New(7), dates[2]
	words := func(r *world.Repo) string {
		return r.FullName() + " " + r.Description + " " + strings.Join(r.Topics, " ")
	}
	code := w.Products[0].Code
	for text, keep := range map[string]func(r *world.Repo) bool{
		code:                                 func(r *world.Repo) bool { return says(words(r), code) },
		"org:" + w.Org.Slug + " language:go": func(r *world.Repo) bool { return r.Language == "Go" },
		"stars:>2 " + code:                   func(r *world.Repo) bool { return r.Stars > 2 && says(words(r), code) },
		"-language:go topic:service":         func(r *world.Repo) bool { return r.Language != "Go" && slices.Contains(r.Topics, "service") },
		code + " in:description":             func(r *world.Repo) bool { return says(r.Description, code) },
		"is:private created:<2024-01-01":     func(r *world.Repo) bool { return r.Private && r.Created.Year() < 2024 },
		"zqxjkvwpt7":                         func(*world.Repo) bool { return false },
	} {
		var want []string
		for _, r := range w.Repos {
			if r.SCM == world.GitHub && !r.Restricted && !r.Created.After(now) && keep(r) {
				want = append(want, r.FullName())
			}
		}
		same(t, text, collect(t, p, 7, now, "github", text, 4), want)
	}
}
