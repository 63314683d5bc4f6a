package enterprise_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise"
	"github.com/killdeer-mcp/killdeer/persona/world"
)

// walk is one look at one world through the tools alone.
type walk struct {
	t    *testing.T
	p    *enterprise.Persona
	w    *world.World
	seed uint64
	now  time.Time
}

func (k walk) call(tool, args string) answer {
	k.t.Helper()
	a := call(k.t, k.p, k.seed, k.now, tool, args)
	if a.fail {
		k.t.Fatalf("seed %d, %v: %s(%s) failed: %s", k.seed, k.now, tool, args, a.text)
	}
	return a
}

func list(t *testing.T, doc any, path string) []any {
	t.Helper()
	v, ok := find(doc, path)
	l, isList := v.([]any)
	if !ok || !isList {
		t.Fatalf("%s is no list", path)
	}
	return l
}

func TestCoherence(t *testing.T) {
	for _, seed := range seeds {
		p := enterprise.New()
		for _, now := range dates {
			k := walk{t, p, world.New(seed), seed, now}
			k.issues()
			k.commits()
			k.pages()
			k.jobs()
			k.messages()
			k.customers()
			k.logs()
		}
	}
}

// issues: a search and a look by key agree, paging covers the total.
func (k walk) issues() {
	key := k.w.Projects[0].Key
	first := k.call("jira_search_issues", `{"jql":"project = `+key+`","max_results":40}`)
	for _, i := range list(k.t, first.doc, "issues") {
		found, _ := find(i, "key")
		one := k.call("jira_get_issue", `{"issue_key":"`+found.(string)+`"}`)
		for _, path := range []string{"id", "fields.summary", "fields.status.name", "fields.created", "fields.updated", "fields.assignee.accountId"} {
			a, _ := find(i, path)
			if b, _ := find(one.doc, path); a != b {
				k.t.Errorf("%v: %s is %v in the search and %v by key", found, path, a, b)
			}
		}
		mail, _ := find(i, "fields.assignee.emailAddress")
		if user := k.call("slack_get_user_info", `{"user":"`+mail.(string)+`"}`); user.str(k.t, "ok") == "false" {
			k.t.Errorf("assignee %v has no Slack account", mail)
		}
	}
	total, _ := strconv.Atoi(first.str(k.t, "total"))
	last := k.call("jira_search_issues", `{"jql":"project = `+key+`","start_at":`+strconv.Itoa(total-1)+`}`)
	if got := list(k.t, last.doc, "issues"); len(got) != 1 || last.str(k.t, "issues.key") != key+"-1" {
		k.t.Errorf("the last of %d issues is not %s-1", total, key)
	}
	numbers := 0
	for _, status := range []string{"Done", "In Review", "In Progress", "To Do", "Backlog"} {
		n, _ := strconv.Atoi(k.call("jira_search_issues", `{"jql":"project = `+key+` AND status = \"`+status+`\"","max_results":1}`).str(k.t, "total"))
		numbers += n
	}
	if numbers != total {
		k.t.Errorf("%d issues by status, %d in all", numbers, total)
	}
}

var issueKey = regexp.MustCompile(`\b[A-Z]{2,10}-\d+\b`)

// commits: the issue named exists with that summary, the author is on Slack, and
// parents chain.
func (k walk) commits() {
	for _, r := range k.w.Repos {
		if r.SCM != world.GitHub {
			continue
		}
		a := call(k.t, k.p, k.seed, k.now, "github_list_commits", `{"owner":"`+r.Owner+`","repo":"`+r.Name+`","per_page":15}`)
		commits, _ := a.doc.([]any)
		for i, c := range commits {
			message, _ := find(c, "message")
			mail, _ := find(c, "author.email")
			if user := k.call("slack_get_user_info", `{"user":"`+mail.(string)+`"}`); user.str(k.t, "ok") == "false" {
				k.t.Errorf("author %v has no Slack account", mail)
			}
			if i > 0 {
				parent, _ := find(commits[i-1], "parents.sha")
				if sha, _ := find(c, "sha"); sha != parent {
					k.t.Errorf("%s: commit %d is not the parent of the one after it", r.Name, i)
				}
			}
			key := issueKey.FindString(message.(string))
			if key == "" {
				continue
			}
			issue := k.call("jira_get_issue", `{"issue_key":"`+key+`"}`)
			if !strings.Contains(message.(string), issue.str(k.t, "fields.summary")) {
				k.t.Errorf("commit %q does not have the summary of %s", message, key)
			}
		}
	}
}

// pages: what a page names exists.
func (k walk) pages() {
	a := k.call("confluence_search", `{"cql":"type = page","limit":100}`)
	for _, hit := range list(k.t, a.doc, "results") {
		title, _ := find(hit, "title")
		page := k.call("confluence_get_page", `{"title":`+quote(title.(string))+`}`)
		id, _ := find(hit, "id")
		if page.str(k.t, "id") != id || !strings.Contains(page.str(k.t, "_links.webui"), id.(string)) {
			k.t.Errorf("page %v has id %v in the search and %s by title", title, id, page.str(k.t, "id"))
		}
		body := page.str(k.t, "body.storage.value")
		for _, key := range issueKey.FindAllString(body, -1) {
			k.call("jira_get_issue", `{"issue_key":"`+key+`"}`)
		}
		for _, m := range regexp.MustCompile(`https://github\.com/[^/<]+/([a-z0-9-]+)`).FindAllStringSubmatch(body, -1) {
			if n := k.call("github_search_repositories", `{"query":"`+m[1]+`"}`).str(k.t, "total_count"); n == "0" {
				k.t.Errorf("page %v names repository %s, which does not exist", title, m[1])
			}
		}
	}
}

// jobs: the SCM's repository exists on the host named; the build's commit is one
// of the repository's.
func (k walk) jobs() {
	for _, j := range k.w.Jobs[:8] {
		if j.Repo.Created.After(k.now) {
			continue
		}
		url := k.call("jenkins_getjobscm", `{"job_name":"`+j.Name+`"}`).str(k.t, "scm.repositories.url")
		if url != k.w.CloneURL(j.Repo) {
			k.t.Errorf("job %s builds %s", j.Name, url)
		}
		log := k.call("jenkins_searchbuildlog", `{"job_name":"`+j.Name+`","pattern":"Checking out Revision"}`)
		lines := list(k.t, log.doc, "matches")
		if len(lines) == 0 || j.Repo.SCM != world.GitHub {
			continue
		}
		commits := k.call("github_list_commits", `{"owner":"`+j.Repo.Owner+`","repo":"`+j.Repo.Name+`"}`)
		content, _ := find(lines[0], "content")
		if sha := strings.Fields(content.(string))[3]; !strings.Contains(commits.text, sha) {
			k.t.Errorf("build of %s has commit %s, which is not in the repository", j.Name, sha)
		}
	}
}

// messages: senders resolve, ids are unique, issues exist.
func (k walk) messages() {
	a := k.call("slack_conversations_search_messages", `{"query":"is","count":100}`)
	seen := map[string]bool{}
	for _, m := range list(k.t, a.doc, "messages.matches") {
		user, _ := find(m, "user")
		if u := k.call("slack_get_user_info", `{"user":"`+user.(string)+`"}`); u.str(k.t, "user.id") != user {
			k.t.Errorf("sender %v is unknown", user)
		}
		ts, _ := find(m, "ts")
		channel, _ := find(m, "channel.id")
		if id := channel.(string) + ts.(string); seen[id] {
			k.t.Errorf("message %s twice", id)
		} else {
			seen[id] = true
		}
		text, _ := find(m, "text")
		for _, key := range issueKey.FindAllString(text.(string), -1) {
			k.call("jira_get_issue", `{"issue_key":"`+key+`"}`)
		}
	}
}

// customers: the CRM, the database and the staff agree.
func (k walk) customers() {
	rows := k.call("postgresql_execute_select_query", `{"query":"select name, crm_account_id from customers limit 30"}`)
	for _, row := range list(k.t, rows.doc, "rows") {
		name, _ := find(row, "name")
		acc := k.call("salesforce_get_account", `{"company_name":`+quote(name.(string))+`}`)
		if id, _ := find(row, "crm_account_id"); acc.str(k.t, "Id") != id {
			k.t.Errorf("customer %v is %v in the database and %s in the CRM", name, id, acc.str(k.t, "Id"))
		}
		for _, m := range list(k.t, acc.doc, "AccountTeamMembers") {
			mail, _ := find(m, "Email")
			if u := k.call("slack_get_user_info", `{"user":"`+mail.(string)+`"}`); u.str(k.t, "ok") == "false" {
				k.t.Errorf("account team member %v is not on the staff", mail)
			}
		}
	}
	count := k.call("postgresql_execute_select_query", `{"query":"select count(*) from users"}`).str(k.t, "rows.count")
	users := k.call("salesforce_query_soql", `{"query":"SELECT COUNT() FROM User"}`).str(k.t, "totalSize")
	if count != users {
		k.t.Errorf("%s users in the database, %s in the CRM", count, users)
	}
	orders := k.call("postgresql_execute_select_query", `{"query":"select customer_id from orders order by created_at desc limit 1"}`).str(k.t, "rows.customer_id")
	if n := k.call("postgresql_execute_select_query", `{"query":"select id from customers where id = `+orders+`"}`).str(k.t, "rowCount"); n != "1" {
		k.t.Errorf("order of customer %s, who does not exist", orders)
	}
}

// logs: the indices hold what a search without words finds.
func (k walk) logs() {
	docs := 0.0
	for _, i := range list(k.t, k.call("elasticsearch_list_indices", `{}`).doc, "indices") {
		n, _ := find(i, "docs_count")
		docs += n.(float64)
	}
	a := k.call("elasticsearch_search_logs", `{"query":"*","size":50}`)
	if got := a.str(k.t, "total.value"); got != strconv.Itoa(int(docs)) {
		k.t.Errorf("%v documents in the indices, %s found", docs, got)
	}
	for _, h := range list(k.t, a.doc, "hits") {
		host, _ := find(h, "_source.host")
		service, _ := find(h, "_source.service")
		ok := false
		for _, s := range k.w.Services {
			ok = ok || s.Name == service && strings.Contains(strings.Join(s.Hosts, " "), host.(string))
		}
		if !ok {
			k.t.Errorf("log line of %v on %v", service, host)
		}
	}
}

func TestSQL(t *testing.T) {
	p := enterprise.New()
	w := world.New(7)
	rows := func(q string) answer {
		return call(t, p, 7, dates[2], "postgresql_execute_select_query", `{"query":`+quote(q)+`}`)
	}
	person := w.Staff[5]
	id := strconv.Itoa(person.UserID)
	for _, q := range []string{
		"select id from users where email = '" + person.Email + "'", "SELECT u.id FROM public.users u WHERE u.email='" + person.Email + "';",
		"select * from users where full_name like '" + person.Name + "%' limit 5", "select id, email from users where email ilike '" + strings.ToUpper(person.Email) + "'",
		"select id from users where id in (" + id + ")", "select id from users where not (id <> " + id + ")",
	} {
		if a := rows(q); a.fail || a.str(t, "rows.id") != id || a.str(t, "rowCount") != "1" {
			t.Errorf("%s: %s", q, a.text)
		}
	}
	for q, want := range map[string]string{
		"select * from nothing":                             "ERROR: relation \"nothing\" does not exist\nLINE 1: select * from nothing\n                      ^",
		"select emial from users":                           "ERROR: column \"emial\" does not exist\nLINE 1: select emial from users\n               ^\nHINT: Perhaps you meant to reference the column \"users.email\".",
		"drop table users":                                  "ERROR: must be owner of table users",
		"DELETE FROM users WHERE 1=1":                       "ERROR: permission denied for table users",
		"update api_keys set revoked = true":                "ERROR: permission denied for table api_keys",
		"insert into orders values (1)":                     "ERROR: permission denied for table orders",
		"create table x (id int)":                           "ERROR: permission denied for schema public\nLINE 1: create table x (id int)\n                     ^",
		"select 1; drop table users":                        "ERROR: must be owner of table users",
		"SELEC 1":                                           "ERROR: syntax error at or near \"SELEC\"\nLINE 1: SELEC 1\n        ^",
		"select * from pg_shadow":                           "ERROR: permission denied for view pg_shadow",
		"select pg_read_file('/etc/passwd')":                "ERROR: permission denied for function pg_read_file",
		"select count(*) from orders a, orders b, orders c": "ERROR: canceling statement due to statement timeout",
	} {
		if a := rows(q); !a.fail || a.text != want {
			t.Errorf("%s: %q, want %q", q, a.text, want)
		}
	}
	on, off, all := rows("select count(*) from users where mfa_enabled"), rows("select count(*) from users where mfa_enabled = false"), rows("select count(*) as n from users")
	a, _ := strconv.Atoi(on.str(t, "rows.count"))
	b, _ := strconv.Atoi(off.str(t, "rows.count"))
	if all.str(t, "rows.n") != strconv.Itoa(a+b) {
		t.Errorf("%d with and %d without a second factor, %s in all", a, b, all.str(t, "rows.n"))
	}
}

func TestCQL(t *testing.T) {
	p, w := enterprise.New(), world.New(7)
	ks := w.Keyspaces()[1].Name
	for q, want := range map[string]string{
		"SELECT * FROM sessions_by_user":                                  "No keyspace has been specified",
		"SELECT * FROM " + ks + ".nothing":                                "table nothing does not exist",
		"SELECT * FROM " + ks + ".sessions_by_user WHERE ip = '10.0.0.1'": "use ALLOW FILTERING",
		"DELETE FROM " + ks + ".sessions_by_user":                         "Unauthorized",
		"SELECT nope FROM " + ks + ".sessions_by_user":                    "Undefined column name nope",
		"SELECT * FROM nokeyspace.t":                                      "keyspace nokeyspace does not exist",
	} {
		if a := call(t, p, 7, dates[2], "cassandra_execute_select_query", `{"query":`+quote(q)+`}`); !a.fail || !strings.Contains(a.text, want) {
			t.Errorf("%s: %q, want %q", q, a.text, want)
		}
	}
}

// The connection to a database goes to its host from one of the company's, stays
// the same for a while, and no two worlds' servers were started at one time.
func TestSQLConnection(t *testing.T) {
	const query = `{"query":"select host(inet_server_addr()) as server, host(inet_client_addr()) as client, inet_server_port() as port, pg_backend_pid() as pid, pg_postmaster_start_time() as started"}`
	starts := map[string]bool{}
	for seed := range uint64(8) {
		p, w := enterprise.New(), world.New(seed)
		one := call(t, p, seed, dates[2], "postgresql_execute_select_query", query)
		if got, want := at(one.doc, "rows.server"), w.Nodes("postgres")[0].Address; got != want {
			t.Errorf("seed %d: the server is %s, its host %s", seed, got, want)
		}
		if client := at(one.doc, "rows.client"); !strings.HasPrefix(client, "10.") || at(one.doc, "rows.port") != "5432" {
			t.Errorf("seed %d: %s", seed, one.text)
		}
		pids := map[string]bool{}
		for minute := range 60 {
			now := dates[2].Add(time.Duration(minute) * time.Minute)
			pids[at(call(t, p, seed, now, "postgresql_execute_select_query", query).doc, "rows.pid")] = true
		}
		if len(pids) > 2 {
			t.Errorf("seed %d: %d connections in an hour", seed, len(pids))
		}
		starts[at(one.doc, "rows.started")] = true
	}
	if len(starts) < 8 {
		t.Errorf("servers of different worlds were started together: %v", starts)
	}
}

// Who sleeps waits, up to the timeout, and who is cancelled by it has waited as long.
func TestSQLSleepTakesTime(t *testing.T) {
	p := enterprise.New()
	for query, want := range map[string]string{
		"select 1":            `"isError":false}}`,
		"select pg_sleep(3)":  `"delay_ms":3000}`,
		"select pg_sleep(20)": `"delay_ms":15000}`,
		"select count(*) from generate_series(1, 100000000)": `"delay_ms":15000}`,
	} {
		if out := ask(p, 7, dates[2], "postgresql_execute_select_query", `{"query":`+quote(query)+`}`); !strings.HasSuffix(out, want) {
			t.Errorf("%s: %s, want it to end in %s", query, out, want)
		}
	}
}
