package enterprise_test

import (
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/persona/enterprise"
	"github.com/killdeer-mcp/killdeer/persona/world"
)

// closedObject is something that the integration may not read: the refusal of
// whoever asks for it by name, and words that no list and no search may show.
type closedObject struct {
	tool, args, refusal string
	hidden              []string
}

func closedObjects(w *world.World) []closedObject {
	var out []closedObject
	for _, r := range w.Repos {
		if !r.Restricted {
			continue
		}
		switch r.SCM {
		case world.GitHub:
			out = append(out,
				closedObject{"github_list_commits", `{"owner":"` + r.Owner + `","repo":"` + r.Name + `"}`, "Not Found", []string{r.Name}},
				closedObject{"github_get_pull_request_comments", `{"owner":"` + r.Owner + `","repo":"` + r.Name + `","pull_number":1}`, "Not Found", nil})
		case world.GitLab:
			out = append(out, closedObject{"gitlab_list_commits", `{"project_id":"` + r.FullName() + `"}`, "404 Project Not Found", []string{r.Name}})
		default:
			out = append(out, closedObject{"bitbucket_search_code", `{"query":"port","repository":"` + r.Name + `"}`, "You may not have access", []string{r.Name}})
		}
		for _, j := range w.Jobs {
			if j.Repo == r {
				out = append(out,
					closedObject{"jenkins_getjobscm", `{"job_name":"` + j.Name + `"}`, "is missing the Job/Read permission", nil},
					closedObject{"jenkins_searchbuildlog", `{"job_name":"` + j.Name + `","pattern":"git"}`, "is missing the Job/Read permission", nil})
			}
		}
	}
	for _, s := range w.Spaces {
		if s.Restricted {
			out = append(out, closedObject{"confluence_get_page", `{"title":"Salary bands","space_key":"` + s.Key + `"}`, "PermissionException", []string{"Salary bands", "Bank signatories"}})
		}
	}
	for _, f := range w.DriveFiles(dates[2]) {
		if f.Restricted {
			out = append(out, closedObject{"google_sheets_read", `{"file_name":"` + f.Name + `"}`, "The caller does not have permission", []string{f.Name, f.ID}})
		}
	}
	for _, t := range w.Databases()[0].Tables {
		if t.Denied {
			out = append(out, closedObject{"postgresql_execute_select_query", `{"query":"select * from ` + t.Name + `"}`, "ERROR: permission denied for table " + t.Name, nil})
		}
	}
	for _, k := range w.Keyspaces() {
		for _, t := range k.Tables {
			if t.Denied {
				out = append(out, closedObject{"cassandra_execute_select_query", `{"query":"select * from ` + k.Name + "." + t.Name + `"}`, "has no SELECT permission on <table " + k.Name + "." + t.Name, nil})
			}
		}
	}
	for _, r := range w.Reports() {
		if r.Restricted {
			out = append(out, closedObject{"salesforce_get_report", `{"report_name":"` + r.Name + `"}`, "FORBIDDEN", []string{r.Name}})
		}
	}
	for _, p := range w.Projects {
		if p.Restricted {
			out = append(out, closedObject{"jira_get_issue", `{"issue_key":"` + p.Key + `-1"}`, noIssue, []string{`"` + p.Key + "-"}})
		}
	}
	return append(out, closedObject{"elasticsearch_search_logs", `{"query":"*","index":"logs-audit-default"}`, "security_exception", []string{"logs-audit"}})
}

// What is closed is refused by name as the service refuses, and left out of every
// list and search.
func TestClosedObjects(t *testing.T) {
	for _, seed := range seeds {
		p, w := enterprise.New(), world.New(seed)
		var hidden []string
		for _, o := range closedObjects(w) {
			if a := call(t, p, seed, dates[2], o.tool, o.args); !a.fail || !strings.Contains(a.text, o.refusal) {
				t.Errorf("seed %d: %s(%s): %.200s", seed, o.tool, o.args, a.text)
			}
			hidden = append(hidden, o.hidden...)
		}
		short, _, _ := strings.Cut(w.Org.Slug, "-")
		for tool, args := range map[string]string{
			"github_search_repositories": `{"query":"` + short + `","per_page":100}`, "gitlab_search_repositories": `{"query":"` + short + `","per_page":100}`,
			"bitbucket_search_repositories": `{"query":"` + short + `"}`, "github_search_code": `{"query":"@","per_page":100}`, "gitlab_search_code": `{"query":"@"}`,
			"confluence_search": `{"cql":"type = page","limit":100}`, "google_search_drive_files": `{"query":"a","page_size":100}`, "jira_search_issues": `{"jql":"","max_results":100}`,
			"salesforce_list_reports": `{"limit":100}`, "elasticsearch_list_indices": `{}`, "slack_channels_list": `{"types":"public_channel,private_channel"}`,
			"slack_conversations_search_messages": `{"query":"a","count":100}`,
		} {
			a := call(t, p, seed, dates[2], tool, args)
			for _, word := range append(hidden, "people-private", "board-prep") {
				// What people say of closed things is not closed.
				if strings.HasPrefix(tool, "slack_conv") && !strings.HasSuffix(word, "-private") || strings.HasPrefix(tool, "jira") && !strings.HasSuffix(word, "-") {
					continue
				}
				if strings.Contains(a.text, word) {
					t.Errorf("seed %d: %s shows %q", seed, tool, word)
				}
			}
		}
	}
}

// A part of everything is closed, neither nothing nor most of it.
func TestClosedShare(t *testing.T) {
	for seed := range uint64(40) {
		w := world.New(seed)
		closed, all := 0, 0
		count := func(restricted bool) {
			if all++; restricted {
				closed++
			}
		}
		for _, r := range w.Repos {
			count(r.Restricted)
		}
		for _, p := range w.Pages(dates[2]) {
			count(p.Space.Restricted)
		}
		for _, f := range w.DriveFiles(dates[2]) {
			count(f.Restricted)
		}
		for _, c := range w.Channels {
			count(c.Restricted)
		}
		for _, r := range w.Reports() {
			count(r.Restricted)
		}
		for _, d := range w.Databases() {
			for _, table := range d.Tables {
				count(table.Denied)
			}
		}
		if share := 100 * closed / all; share < 5 || share > 15 {
			t.Errorf("seed %d: %d of %d objects are closed", seed, closed, all)
		}
	}
}
