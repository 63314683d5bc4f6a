package enterprise_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/persona/enterprise"
	"github.com/killdeer-mcp/killdeer/persona/world"
)

// total calls a search and returns the number it reports.
func total(t *testing.T, p *enterprise.Persona, tool, args, path string) int {
	t.Helper()
	a := call(t, p, 7, dates[2], tool, args)
	if a.fail {
		t.Fatalf("%s(%s): %s", tool, args, a.text)
	}
	n, err := strconv.Atoi(a.str(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestJQL(t *testing.T) {
	p, w, now := enterprise.New(), world.New(7), dates[2]
	count := func(jql string) int {
		return total(t, p, "jira_search_issues", `{"max_results":1,"jql":`+quote(jql)+`}`, "total")
	}
	want := func(keep func(i *world.Issue) bool) int {
		n := 0
		for _, i := range w.Issues(now) {
			if keep(i) && !i.Restricted() {
				n++
			}
		}
		return n
	}
	one := w.Issues(now)[50]
	for jql, n := range map[string]int{
		"":                      want(func(*world.Issue) bool { return true }),
		"order by created desc": want(func(*world.Issue) bool { return true }),
		"key = " + one.Key:      1,
		`summary ~ "` + one.Summary + `" AND key = ` + one.Key: 1,
		"assignee = '" + one.Assignee.Email + "'":              want(func(i *world.Issue) bool { return i.Assignee == one.Assignee }),
		"reporter in ('" + one.Reporter.Name + "')":            want(func(i *world.Issue) bool { return i.Reporter == one.Reporter }),
		"type = Bug or type = Task":                            want(func(i *world.Issue) bool { return i.Type != "Story" }),
		"type not in (Story)":                                  want(func(i *world.Issue) bool { return i.Type != "Story" }),
		"resolution is empty":                                  want(func(i *world.Issue) bool { r, _ := i.Resolution(now); return r == "" }),
		"resolution = Unresolved":                              want(func(i *world.Issue) bool { r, _ := i.Resolution(now); return r == "" }),
		"statusCategory != Done":                               want(func(i *world.Issue) bool { return i.Status(now) != "Done" }),
		"created >= -7d":                                       want(func(i *world.Issue) bool { return !i.Created.Before(now.AddDate(0, 0, -7)) }),
		"created < 2023-01-01":                                 want(func(i *world.Issue) bool { return i.Created.Year() < 2023 }),
		"not (priority = High and labels = security)": want(func(i *world.Issue) bool {
			return i.Priority != "High" || !strings.Contains(strings.Join(i.Labels, " "), "security")
		}),
	} {
		if got := count(jql); got != n {
			t.Errorf("%s: %d issues, want %d", jql, got, n)
		}
	}
	for _, bad := range []string{"password", "a = ", "a = b", "project = X foo", `text ~ "open`, strings.Repeat("(", 40), "project in ("} {
		if a := call(t, p, 7, now, "jira_search_issues", `{"jql":`+quote(bad)+`}`); !a.fail || strings.Contains(a.text, "password") {
			t.Errorf("%s: %s", bad, a.text)
		}
	}
	a := call(t, p, 7, now, "jira_search_issues", `{"jql":"order by created asc","max_results":1,"fields":["summary"]}`)
	if _, ok := find(a.doc, "issues.fields.status"); ok || a.str(t, "issues.key") != w.Issues(now)[0].Key {
		t.Errorf("oldest issue with one field: %s", a.text)
	}
}

func TestSearchQualifiers(t *testing.T) {
	p, w := enterprise.New(), world.New(7)
	hub := w.Repos[0]
	author := w.Messages(dates[2])[0].Author
	for _, c := range []struct {
		tool, path    string
		narrow, broad string
	}{
		{"github_search_code", "total_count", `{"query":"make repo:` + hub.FullName() + `"}`, `{"query":"make"}`},
		{"github_search_code", "total_count", `{"query":"make path:Jenkinsfile"}`, `{"query":"make"}`},
		{"github_search_repositories", "total_count", `{"query":"org:` + w.Org.Slug + ` language:go"}`, `{"query":"org:` + w.Org.Slug + `"}`},
		{"slack_conversations_search_messages", "messages.total", `{"query":"from:@` + author.Login + ` a"}`, `{"query":"a"}`},
		{"slack_conversations_search_messages", "messages.total", `{"query":"a in:#general"}`, `{"query":"a"}`},
		{"slack_conversations_search_messages", "messages.total", `{"query":"a","channel":"general"}`, `{"query":"a"}`},
		{"elasticsearch_search_logs", "total.value", `{"query":"level:error"}`, `{"query":"*"}`},
		{"elasticsearch_search_logs", "total.value", `{"query":"service:` + w.Services[0].Name + ` AND level:INFO"}`, `{"query":"level:INFO"}`},
		{"elasticsearch_search_logs", "total.value", `{"query":"*","index":"logs-*-2026.11.19-*"}`, `{"query":"*","index":"logs-*"}`},
		{"confluence_search", "totalSize", `{"cql":"space = ` + w.Spaces[1].Key + ` and label = runbook"}`, `{"cql":"label in (runbook, design)"}`},
		{"confluence_search", "totalSize", `{"cql":"title ~ \"post-mortem\" and created > -365d"}`, `{"cql":"title ~ \"post-mortem\""}`},
	} {
		narrow, broad := total(t, p, c.tool, c.narrow, c.path), total(t, p, c.tool, c.broad, c.path)
		if narrow == 0 || narrow >= broad {
			t.Errorf("%s: %s finds %d, %s finds %d", c.tool, c.narrow, narrow, c.broad, broad)
		}
	}
}

func TestDriveQueryAndRange(t *testing.T) {
	p := enterprise.New()
	a := call(t, p, 7, dates[2], "google_search_drive_files", `{"query":"name contains 'headcount' and mimeType = '`+world.MIMESheet+`'","page_size":100}`)
	for _, f := range list(t, a.doc, "files") {
		if m, _ := find(f, "mimeType"); m != world.MIMESheet {
			t.Errorf("found a %v", m)
		}
	}
	for cells, shape := range map[string][2]int{"": {13, 3}, "A1": {1, 1}, "A1:B2": {2, 2}, "Rota!B2:C99": {12, 2}, "A:A": {13, 1}, "2:3": {2, 3}} {
		a := call(t, p, 7, dates[2], "google_sheets_read", `{"file_name":"On-call rota","range":"`+cells+`"}`)
		rows := list(t, a.doc, "values")
		if len(rows) != shape[0] || len(rows[0].([]any)) != shape[1] {
			t.Errorf("%q: %d rows: %s", cells, len(rows), a.text)
		}
	}
	for _, cells := range []string{"B2:A1", "Nope!A1", "A0", "!!", "A1:"} {
		if a := call(t, p, 7, dates[2], "google_sheets_read", `{"file_name":"On-call rota","range":"`+cells+`"}`); !a.fail {
			t.Errorf("%q was read", cells)
		}
	}
}

func TestSOQL(t *testing.T) {
	p, w, now := enterprise.New(), world.New(7), dates[2]
	size := func(q string) int {
		return total(t, p, "salesforce_query_soql", `{"query":`+quote(q)+`}`, "totalSize")
	}
	deals := 0
	for _, a := range w.Accounts {
		deals += len(w.Opportunities(a, now))
	}
	acc := w.Accounts[0]
	for q, n := range map[string]int{
		"SELECT Id, Name FROM Account":                                                                       len(w.Accounts),
		"SELECT Id FROM Account LIMIT 3":                                                                     3,
		"SELECT COUNT() FROM Opportunity":                                                                    deals,
		"SELECT Id FROM Contact WHERE Account.Name = '" + acc.Name + "'":                                     len(acc.Contacts),
		"SELECT Id, StageName FROM Opportunity WHERE AccountId = '" + acc.ID + "'":                           len(w.Opportunities(acc, now)),
		"SELECT CaseNumber, Owner.Name FROM Case WHERE Status != 'Closed' ORDER BY CreatedDate DESC LIMIT 0": 0,
		"SELECT COUNT() FROM Case":                                                                           len(w.Cases(now)),
		"SELECT Id FROM User WHERE Name = '" + w.Staff[3].Name + "'":                                         1,
	} {
		if got := size(q); got != n {
			t.Errorf("%s: %d, want %d", q, got, n)
		}
	}
	for q, want := range map[string]string{
		"SELECT * FROM Account":               "MALFORMED_QUERY",
		"SELECT Id FROM Nothing":              "INVALID_TYPE",
		"SELECT Nope FROM Account":            "INVALID_FIELD",
		"DELETE FROM Account":                 "MALFORMED_QUERY",
		"SELECT Id FROM Case GROUP BY Status": "MALFORMED_QUERY",
	} {
		if a := call(t, p, 7, now, "salesforce_query_soql", `{"query":`+quote(q)+`}`); !a.fail || !strings.Contains(a.text, want) {
			t.Errorf("%s: %s, want %s", q, a.text, want)
		}
	}
}

func TestSQLCatalogAndConstants(t *testing.T) {
	p, w := enterprise.New(), world.New(7)
	get := func(q, path string) string {
		return call(t, p, 7, dates[2], "postgresql_execute_select_query", `{"query":`+quote(q)+`}`).str(t, path)
	}
	for q, c := range map[string]struct{ path, want string }{
		"select current_user":             {"rows.current_user", "reporting_ro"},
		"select current_database() as db": {"rows.db", w.Databases()[0].Name},
		"select 1":                        {"columns.name", "?column?"},
		"select count(*) from information_schema.tables where table_schema = 'public'":                                {"rows.count", strconv.Itoa(len(w.Databases()[0].Tables) - 1)}, // one is closed
		"select tablename from pg_catalog.pg_tables where tablename = 'orders'":                                       {"rows.tablename", "orders"},
		"select data_type from information_schema.columns where table_name = 'users' and column_name = 'mfa_enabled'": {"rows.data_type", "boolean"},
		"select count(*) from pg_database where not datistemplate":                                                    {"rows.count", strconv.Itoa(len(w.Databases()))},
	} {
		if got := get(q, c.path); got != c.want {
			t.Errorf("%s: %q, want %q", q, got, c.want)
		}
	}
	if v := get("select version()", "rows.version"); !strings.HasPrefix(v, "PostgreSQL 15.18 ") {
		t.Errorf("version() = %q", v)
	}
	a := call(t, p, 7, dates[2], "postgresql_execute_select_query", `{"query":"select 1","database":"nope"}`)
	if want := `FATAL: database "nope" does not exist`; !a.fail || a.text != want {
		t.Errorf("unknown database: %s", a.text)
	}
}
