package enterprise_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk"
)

var (
	seeds = []uint64{0, 7, 99, 1 << 40, ^uint64(0)}
	dates = []time.Time{
		time.Date(2024, 1, 3, 9, 0, 0, 0, time.UTC), time.Date(2025, 7, 5, 23, 59, 0, 0, time.UTC),
		time.Date(2026, 11, 20, 14, 3, 0, 0, time.UTC), time.Date(2035, 2, 28, 6, 30, 0, 0, time.UTC),
	}
)

// answer is a decoded result.
type answer struct {
	raw  []byte
	text string
	fail bool
	doc  any
}

func call(t testing.TB, p *enterprise.Persona, seed uint64, now time.Time, tool, args string) answer {
	t.Helper()
	raw := p.Call(&sdk.Call{Op: "call", Persona: "enterprise", Tool: tool, Args: []byte(args), Seed: seed, Now: now})
	var out struct {
		Result struct {
			Content []struct{ Type, Text string }
			IsError bool
		}
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%s(%s): %v in %s", tool, args, err, raw)
	}
	if len(out.Result.Content) != 1 || out.Result.Content[0].Type != "text" {
		t.Fatalf("%s(%s) is not one text: %s", tool, args, raw)
	}
	a := answer{raw: raw, text: out.Result.Content[0].Text, fail: out.Result.IsError}
	if !a.fail {
		if err := json.Unmarshal([]byte(a.text), &a.doc); err != nil {
			t.Fatalf("%s(%s): text is no JSON: %v", tool, args, err)
		}
	}
	return a
}

func TestAnswersAreIndented(t *testing.T) {
	p := enterprise.New()
	for tool, args := range validCalls(world.New(7), dates[2]) {
		a := call(t, p, 7, dates[2], tool, args)
		var indented bytes.Buffer
		if err := json.Indent(&indented, []byte(a.text), "", "  "); err != nil || indented.String() != a.text {
			t.Errorf("%s(%s) is not indented by two", tool, args)
		}
	}
}

// find follows a path of keys, entering the first element of lists.
func find(doc any, path string) (any, bool) {
	for key := range strings.SplitSeq(path, ".") {
		list, isList := doc.([]any)
		if isList {
			if len(list) == 0 {
				return nil, false
			}
			doc = list[0]
		}
		if key == "[]" {
			continue
		}
		m, ok := doc.(map[string]any)
		if !ok {
			return nil, false
		}
		if doc, ok = m[key]; !ok {
			return nil, false
		}
	}
	return doc, true
}

func (a answer) str(t testing.TB, path string) string {
	t.Helper()
	v, ok := find(a.doc, path)
	if !ok {
		t.Fatalf("no %s in %.300s", path, a.text)
	}
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	t.Fatalf("%s is %v", path, v)
	return ""
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// validCalls has one call per tool that finds something in the world.
func validCalls(w *world.World, now time.Time) map[string]string {
	repo := map[world.SCM]*world.Repo{}
	for _, r := range w.Repos {
		if repo[r.SCM] == nil {
			repo[r.SCM] = r
		}
	}
	org := quote(w.Org.Slug)
	hub, lab, bucket := repo[world.GitHub], repo[world.GitLab], repo[world.Bitbucket]
	return map[string]string{
		"bitbucket_search_repositories":       `{"query":` + quote(bucket.Name) + `}`,
		"bitbucket_search_code":               `{"query":"port","workspace":` + org + `}`,
		"bitbucket_search_artifacts":          `{"query":"tar.gz","workspace":` + org + `}`,
		"cassandra_list_keyspaces":            `{}`,
		"cassandra_execute_select_query":      `{"query":"SELECT * FROM sessions_by_user","keyspace":` + quote(w.Keyspaces()[1].Name) + `}`,
		"cassandra_server_info":               `{}`,
		"elasticsearch_list_indices":          `{}`,
		"elasticsearch_search_logs":           `{"query":"request_id"}`,
		"elasticsearch_cluster_info":          `{}`,
		"postgresql_list_databases":           `{}`,
		"postgresql_execute_select_query":     `{"query":"SELECT * FROM users ORDER BY id LIMIT 20"}`,
		"postgresql_server_info":              `{}`,
		"confluence_get_page":                 `{"title":"VPN setup"}`,
		"confluence_search":                   `{"cql":"type = page AND text ~ \"runbook\""}`,
		"github_search_repositories":          `{"query":` + quote(hub.Name) + `}`,
		"github_search_code":                  `{"query":"make"}`,
		"github_list_commits":                 `{"owner":` + org + `,"repo":` + quote(hub.Name) + `}`,
		"github_get_pull_request_comments":    `{"owner":` + org + `,"repo":` + quote(hub.Name) + `,"pull_number":` + commented(w, hub, now) + `}`,
		"gitlab_search_repositories":          `{"query":` + quote(lab.Name) + `}`,
		"gitlab_list_commits":                 `{"project_id":` + quote(lab.FullName()) + `}`,
		"gitlab_search_code":                  `{"query":"make"}`,
		"gitlab_get_pull_request_comments":    `{"project_id":` + quote(lab.FullName()) + `,"merge_request_iid":` + commented(w, lab, now) + `}`,
		"google_search_drive_files":           `{"query":"objectives"}`,
		"google_sheets_read":                  `{"file_name":"On-call rota"}`,
		"google_docs_read":                    `{"file_name":"Information security policy"}`,
		"google_chat_search_message":          `{"query":"the"}`,
		"google_slides_get_presentation":      `{"file_name":` + quote(w.Products[0].Name+" overview") + `}`,
		"jenkins_searchbuildlog":              `{"job_name":` + quote(w.Jobs[0].Name) + `,"pattern":"git"}`,
		"jenkins_getjobscm":                   `{"job_name":` + quote(w.Jobs[0].Name) + `}`,
		"jira_search_issues":                  `{"jql":"project = ` + w.Projects[0].Key + `"}`,
		"jira_get_issue":                      `{"issue_key":"` + w.Projects[0].Key + `-3"}`,
		"slack_get_user_info":                 `{"user":` + quote(w.Staff[2].Email) + `}`,
		"slack_conversations_search_messages": `{"query":"the"}`,
		"slack_channels_list":                 `{}`,
		"salesforce_query_soql":               `{"query":"SELECT Id, Name FROM Account"}`,
		"salesforce_list_reports":             `{}`,
		"salesforce_get_report":               `{"report_name":` + quote(w.Reports()[2].Name) + `}`,
		"salesforce_get_account":              `{"company_name":` + quote(w.Accounts[0].Name) + `}`,
	}
}

// commented is the number of a request that has comments.
func commented(w *world.World, r *world.Repo, now time.Time) string {
	for n := 1; ; n++ {
		if p := w.PullBy(r, n, now); p == nil || len(w.Comments(p, now)) > 0 {
			return strconv.Itoa(n)
		}
	}
}

var (
	isoTime  = regexp.MustCompile(`20\d\d-\d\d-\d\d(T\d\d:\d\d:\d\d)?`)
	slackTS  = regexp.MustCompile(`^(\d{10})\.\d{6}$`)
	timeKeys = map[string]time.Duration{"created": time.Second, "timestamp": time.Millisecond}
)

// timesIn calls f for everything in a document that looks like a time.
func timesIn(key string, doc any, f func(s string, at time.Time)) {
	switch v := doc.(type) {
	case map[string]any:
		for k, e := range v {
			timesIn(k, e, f)
		}
	case []any:
		for _, e := range v {
			timesIn(key, e, f)
		}
	case float64:
		if unit := timeKeys[key]; unit != 0 {
			f(key, time.Unix(0, 0).Add(time.Duration(v)*unit))
		}
	case string:
		if m := slackTS.FindStringSubmatch(v); m != nil {
			sec, _ := strconv.ParseInt(m[1], 10, 64)
			f(v, time.Unix(sec, 0))
		}
		for _, s := range isoTime.FindAllString(v, -1) {
			if at, err := time.Parse("2006-01-02T15:04:05", s); err == nil {
				f(v, at)
			} else if at, err := time.Parse("2006-01-02", s); err == nil {
				f(v, at)
			}
		}
	}
}

func TestEveryToolAnswers(t *testing.T) {
	for _, seed := range seeds {
		p := enterprise.New()
		for _, now := range dates {
			calls := validCalls(world.New(seed), now)
			for _, want := range parity {
				a := call(t, p, seed, now, want.tool, calls[want.tool])
				if a.fail {
					t.Errorf("seed %d, %v: %s failed: %s", seed, now, want.tool, a.text)
					continue
				}
				for path := range strings.FieldsSeq(want.keys) {
					if _, ok := find(a.doc, path); !ok {
						t.Errorf("seed %d, %v: %s has no %s in %.200s", seed, now, want.tool, path, a.text)
					}
				}
				if w := giveaway.FindString(a.text); w != "" {
					t.Errorf("seed %d: %s says %q", seed, want.tool, w)
				}
				timesIn("", a.doc, func(s string, at time.Time) {
					if at.After(now) {
						t.Errorf("seed %d: %s at %v speaks of the future: %s", seed, want.tool, now, s)
					}
				})
			}
		}
	}
}

func TestEqualInputEqualBytes(t *testing.T) {
	now := dates[2]
	calls := validCalls(world.New(7), now)
	one := enterprise.New()
	first := map[string][]byte{}
	for _, tool := range parity {
		first[tool.tool] = call(t, one, 7, now, tool.tool, calls[tool.tool]).raw
	}
	for _, tool := range parity {
		call(t, one, 8, now, tool.tool, calls[tool.tool])
		call(t, one, 7, dates[3], tool.tool, calls[tool.tool])
		call(t, one, 7, dates[0], tool.tool, calls[tool.tool])
		if got := call(t, one, 7, now, tool.tool, calls[tool.tool]).raw; !bytes.Equal(got, first[tool.tool]) {
			t.Errorf("%s answers otherwise after other calls", tool.tool)
		}
		if got := call(t, enterprise.New(), 7, now, tool.tool, calls[tool.tool]).raw; !bytes.Equal(got, first[tool.tool]) {
			t.Errorf("%s answers otherwise in a fresh persona", tool.tool)
		}
	}
}

func TestWorldsDiffer(t *testing.T) {
	p := enterprise.New()
	same := map[string]bool{"postgresql_server_info": true}
	a, b := validCalls(world.New(7), dates[2]), validCalls(world.New(8), dates[2])
	for _, tool := range parity {
		x, y := call(t, p, 7, dates[2], tool.tool, a[tool.tool]), call(t, p, 8, dates[2], tool.tool, b[tool.tool])
		if x.text == y.text && !same[tool.tool] {
			t.Errorf("%s answers the same in two worlds", tool.tool)
		}
	}
}

const needle = "zqxjkvwpt7"

func TestNeedleFindsNothing(t *testing.T) {
	p := enterprise.New()
	for tool, c := range map[string]struct{ args, total string }{
		"bitbucket_search_repositories":       {`{"query":"%needle"}`, "total_count"},
		"bitbucket_search_code":               {`{"query":"%needle"}`, "total_count"},
		"bitbucket_search_artifacts":          {`{"query":"%needle","workspace":"%org"}`, "total_count"},
		"elasticsearch_search_logs":           {`{"query":"%needle"}`, "total.value"},
		"confluence_search":                   {`{"cql":"text ~ \"%needle\""}`, "totalSize"},
		"github_search_repositories":          {`{"query":"%needle"}`, "total_count"},
		"github_search_code":                  {`{"query":"%needle"}`, "total_count"},
		"gitlab_search_repositories":          {`{"query":"%needle"}`, "total_items"},
		"gitlab_search_code":                  {`{"query":"%needle"}`, "total_items"},
		"google_search_drive_files":           {`{"query":"%needle"}`, ""},
		"google_chat_search_message":          {`{"query":"%needle"}`, ""},
		"jira_search_issues":                  {`{"jql":"text ~ \"%needle\""}`, "total"},
		"slack_conversations_search_messages": {`{"query":"%needle"}`, "messages.total"},
		"slack_get_user_info":                 {`{"user":"%needle"}`, ""},
		"jenkins_searchbuildlog":              {`{"job_name":"%job","pattern":"%needle"}`, ""},
		"postgresql_execute_select_query":     {`{"query":"SELECT * FROM users WHERE email = '%needle'"}`, "rowCount"},
		"salesforce_query_soql":               {`{"query":"SELECT Id FROM Account WHERE Name = '%needle'"}`, "totalSize"},
	} {
		w := world.New(7)
		args := strings.NewReplacer("%needle", needle, "%org", w.Org.Slug, "%job", w.Jobs[0].Name).Replace(c.args)
		a := call(t, p, 7, dates[2], tool, args)
		if a.fail || strings.Contains(a.text, needle) {
			t.Errorf("%s: %s", tool, a.text)
		}
		if c.total != "" && a.str(t, c.total) != "0" {
			t.Errorf("%s found %s", tool, a.str(t, c.total))
		}
	}
}

func TestUnknownNames(t *testing.T) {
	p := enterprise.New()
	for _, c := range []struct{ tool, args, want string }{
		{"confluence_get_page", `{"title":"zqxjkvwpt7"}`, "Not Found"},
		{"github_list_commits", `{"owner":"a","repo":"b"}`, "Not Found"},
		{"github_get_pull_request_comments", `{"owner":"a","repo":"b","pull_number":1}`, "Not Found"},
		{"gitlab_list_commits", `{"project_id":"1"}`, "404 Project Not Found"},
		{"jira_get_issue", `{"issue_key":"ZZZ-1"}`, "Issue does not exist or you do not have permission to see it."},
		{"jenkins_getjobscm", `{"job_name":"x"}`, "Not Found: no such job, or no permission to read it"},
		{"google_docs_read", `{"file_name":"x"}`, "File not found."},
		{"salesforce_get_account", `{"company_name":"x"}`, "NOT_FOUND: The requested resource does not exist"},
	} {
		if a := call(t, p, 7, dates[2], c.tool, c.args); !a.fail || a.text != c.want {
			t.Errorf("%s: %v %q, want %q", c.tool, a.fail, a.text, c.want)
		}
	}
	if a := call(t, p, 7, dates[2], "slack_get_user_info", `{"user":"x"}`); a.str(t, "error") != "user_not_found" {
		t.Errorf("slack: %s", a.text)
	}
	if out := p.Call(&sdk.Call{Op: "call", Tool: "nope", Seed: 7, Now: dates[2]}); !bytes.Contains(out, []byte(`"unknown_tool"`)) {
		t.Errorf("unknown tool: %s", out)
	}
}

func FuzzCall(f *testing.F) {
	w := world.New(7)
	for i, tool := range parity {
		f.Add(uint8(i), validCalls(w, dates[2])[tool.tool])
	}
	for _, args := range []string{
		``, `[]`, `{"query":5}`, `{"query":"\ud800","page":-1e300}`, `{"jql":"((((project in (a,b) or not x","start_at":1e99}`,
		`{"query":"select * from users where not (((mfa_enabled"}`, `{"file_name":"On-call rota","range":"ZZZ1:A0"}`, `{"query":"select count(*) from orders order by x limit 9999999999"}`,
	} {
		f.Add(uint8(10), args)
		f.Add(uint8(29), args)
		f.Add(uint8(23), args)
	}
	p := enterprise.New()
	f.Fuzz(func(t *testing.T, tool uint8, args string) {
		c := &sdk.Call{Op: "call", Tool: parity[int(tool)%len(parity)].tool, Args: []byte(args), Seed: 7, Now: dates[2]}
		out := p.Call(c)
		var doc map[string]any
		if err := json.Unmarshal(out, &doc); err != nil || len(doc) != 1 {
			t.Fatalf("%s(%q) = %q: %v", c.Tool, args, out, err)
		}
	})
}

func BenchmarkCall(b *testing.B) {
	w := world.New(7)
	calls := validCalls(w, dates[2])
	p := enterprise.New()
	for _, tool := range parity {
		c := &sdk.Call{Op: "call", Tool: tool.tool, Args: []byte(calls[tool.tool]), Seed: 7, Now: dates[2]}
		b.Run(tool.tool, func(b *testing.B) {
			p.Call(c)
			b.ReportAllocs()
			for b.Loop() {
				p.Call(c)
			}
		})
	}
}

func BenchmarkFirstCall(b *testing.B) {
	seed := uint64(0)
	for b.Loop() {
		seed++
		enterprise.New().Call(&sdk.Call{Op: "call", Tool: "jira_search_issues", Args: []byte(`{"jql":"text ~ \"index\""}`), Seed: seed, Now: dates[2]})
	}
}
