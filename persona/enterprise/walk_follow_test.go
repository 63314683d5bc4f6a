package enterprise_test

import (
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/world"
)

// resolvers say, for each kind of reference, in which other tools it has to be
// found. They are filled in here, since they lead to one another.
var resolvers map[string]func(k *walker, r ref)

func init() {
	resolvers = map[string]func(k *walker, r ref){
		"person": func(k *walker, r ref) {
			user := k.want(r, "user.id", "slack_get_user_info", `{"user":`+quote(r.id)+`}`)
			mail := at(user.doc, "user.profile.email")
			k.want(r, "rowCount", "postgresql_execute_select_query", `{"query":`+quote("SELECT * FROM users WHERE email = '"+mail+"'")+`}`)
			k.want(r, "totalSize", "salesforce_query_soql", `{"query":`+quote("SELECT Id, Name, Username, Email, Title, CreatedDate FROM User WHERE Email = '"+mail+"'")+`}`)
			k.must(r, "jira_search_issues", `{"jql":`+quote("assignee = \""+r.id+"\"")+`,"max_results":3}`)
		},
		"sender": (*walker).user, "hub": (*walker).user, "requestlogin": (*walker).user,
		"issue": func(k *walker, r ref) {
			if i := k.w.IssueBy(r.id, k.now); i != nil && i.Restricted() {
				if a := k.look("jira_get_issue", `{"issue_key":"`+r.id+`"}`); a.text != noIssue {
					k.t.Errorf("%s should be closed: %s", r.id, a.text)
				}
				return
			}
			k.must(r, "jira_get_issue", `{"issue_key":"`+r.id+`"}`)
			k.want(r, "total", "jira_search_issues", `{"jql":"key = `+r.id+`"}`)
		},
		"page": func(k *walker, r ref) {
			k.want(r, "totalSize", "confluence_search", `{"cql":"id = `+r.id+`"}`)
			k.page(r, k.facts["page "+r.id+" title"].value)
		},
		"pagepath": func(k *walker, r ref) {
			parts := strings.Split(r.id, "/")
			a := k.page(r, strings.ReplaceAll(parts[5], "+", " "))
			if !a.fail && (at(a.doc, "id") != parts[4] || at(a.doc, "space.key") != parts[2]) {
				k.t.Errorf("%s leads to page %s", r.id, at(a.doc, "id"))
			}
		},
		"title": func(k *walker, r ref) { k.page(r, r.id) },
		"incident": func(k *walker, r ref) {
			a := k.page(r, "Post-mortem: "+r.id)
			service := strings.Fields(r.id)[1]
			if !a.fail {
				k.want(r, "id", "confluence_get_page", `{"title":`+quote("Runbook: "+service)+`}`)
			}
		},
		"repo": func(k *walker, r ref) { k.repo(r, r.id, k.facts["repo "+r.id+" clone"].value) },
		"clone": func(k *walker, r ref) {
			parts := strings.Split(strings.TrimPrefix(r.id, "https://"), "/")
			k.repo(r, parts[1]+"/"+parts[2], r.id)
		},
		"commit":  func(*walker, ref) {}, // found in lists only; facts are compared
		"message": func(*walker, ref) {},
		"line": func(k *walker, r ref) {
			k.want(r, "total.value", "elasticsearch_search_logs", `{"query":"*","index":"`+k.facts["line "+r.id+" index"].value+`","size":1}`)
		},
		"pull": (*walker).pull,
		"job": func(k *walker, r ref) {
			a := k.must(r, "jenkins_getjobscm", `{"job_name":"`+r.id+`"}`)
			k.refer(ref{"clone", strings.TrimSuffix(at(a.doc, "scm.repositories.url"), ".git")})
		},
		"run": func(k *walker, r ref) {
			job, n, _ := strings.Cut(r.id, " #")
			k.must(r, "jenkins_searchbuildlog", `{"job_name":"`+job+`","pattern":"Revision","build_number":`+n+`}`)
		},
		"build": func(k *walker, r ref) {
			job, n := k.facts["build "+r.id+" job"].value, k.facts["build "+r.id+" number"].value
			a := k.must(r, "jenkins_searchbuildlog", `{"job_name":"`+job+`","pattern":"Revision","build_number":`+n+`}`)
			if !strings.HasSuffix(r.id, "/"+n+"/") || !strings.Contains(r.id, strings.ReplaceAll(job, "/", "/job/")) {
				k.t.Errorf("build %s of %s has the address %s", n, job, r.id)
			}
			if line := at(a.doc, "matches.content"); strings.Contains(line, "Revision") {
				k.committed(r, job, strings.Fields(line)[3])
			}
		},
		"account": func(k *walker, r ref) {
			acc := k.must(r, "salesforce_get_account", `{"company_name":`+quote(r.id)+`}`)
			k.want(r, "rowCount", "postgresql_execute_select_query", `{"query":`+quote("SELECT * FROM customers WHERE crm_account_id = '"+at(acc.doc, "Id")+"'")+`}`)
			k.want(r, "totalSize", "salesforce_query_soql", `{"query":`+quote("SELECT Id, Name, Industry, Phone, Website, Owner.Name, CreatedDate FROM Account WHERE Id = '"+at(acc.doc, "Id")+"'")+`}`)
		},
		"case": func(k *walker, r ref) { k.kase(r) }, "casenumber": func(k *walker, r ref) { k.kase(r) },
		"file": func(k *walker, r ref) {
			name := k.facts["file "+r.id+" name"].value
			k.want(r, "files.id", "google_search_drive_files", `{"query":`+quote(name)+`,"page_size":50}`)
		},
		"channel": func(k *walker, r ref) { k.channel(r, "channels.id", r.id) },
		"channelname": func(k *walker, r ref) {
			k.channel(r, "channels.name", r.id)
		},
		"report": func(k *walker, r ref) {
			k.must(r, "salesforce_get_report", `{"report_name":"`+k.facts["report "+r.id+" name"].value+`"}`)
		},
		"host":    func(k *walker, r ref) { k.inventory(r, r.id) },
		"node":    func(k *walker, r ref) { k.inventory(r, r.id) },
		"address": func(k *walker, r ref) { k.address(r) },
		"database": func(k *walker, r ref) {
			k.want(r, "rowCount", "postgresql_execute_select_query", `{"query":"select current_database()","database":"`+r.id+`"}`)
		},
		"keyspace": func(k *walker, r ref) {
			k.must(r, "cassandra_execute_select_query", `{"query":"select * from system_schema.tables"}`)
		},
		"index": func(k *walker, r ref) {
			k.want(r, "total.value", "elasticsearch_search_logs", `{"query":"*","index":"`+r.id+`","size":1}`)
		},
	}
}

const noIssue = "Issue does not exist or you do not have permission to see it."

func (k *walker) user(r ref) {
	a := k.want(r, "user.id", "slack_get_user_info", `{"user":"`+r.id+`"}`)
	k.refer(ref{"person", at(a.doc, "user.real_name")})
}

// page opens a page by its title; a closed one has to say that it is.
func (k *walker) page(r ref, title string) answer {
	k.t.Helper()
	a := k.look("confluence_get_page", `{"title":`+quote(title)+`}`)
	if a.fail && !strings.Contains(a.text, "not permitted") {
		k.t.Errorf("seed %d, %v: %s %q is a dead end: %s", k.seed, k.now, r.kind, r.id, a.text)
	}
	return a
}

// repo finds a repository on the host of an address, by search and by commits.
func (k *walker) repo(r ref, full, url string) {
	owner, name, _ := strings.Cut(full, "/")
	for _, x := range k.w.Repos {
		if x.FullName() == full && x.Restricted {
			k.t.Errorf("%s shows, but is closed", full)
		}
	}
	switch {
	case strings.Contains(url, "github.com"):
		k.want(r, "total_count", "github_search_repositories", `{"query":"`+name+`"}`)
		k.must(r, "github_list_commits", `{"owner":"`+owner+`","repo":"`+name+`","per_page":5}`)
	case strings.Contains(url, "bitbucket.org"):
		k.want(r, "total_count", "bitbucket_search_repositories", `{"query":"`+name+`","workspace":"`+owner+`"}`)
	default:
		a := k.want(r, "total_items", "gitlab_search_repositories", `{"query":"`+name+`"}`)
		k.must(r, "gitlab_list_commits", `{"project_id":"`+full+`","per_page":5}`)
		k.must(r, "gitlab_list_commits", `{"project_id":"`+at(a.doc, "items.id")+`","per_page":1}`)
	}
}

// committed looks for a commit in the list of its repository.
func (k *walker) committed(r ref, job, sha string) {
	j := k.w.JobBy(job)
	if j == nil || strings.Trim(sha, "0") == "" {
		return
	}
	var a answer
	switch j.Repo.SCM {
	case world.GitHub:
		a = k.must(r, "github_list_commits", `{"owner":"`+j.Repo.Owner+`","repo":"`+j.Repo.Name+`","per_page":60}`)
	case world.GitLab:
		a = k.must(r, "gitlab_list_commits", `{"project_id":"`+j.Repo.FullName()+`","per_page":60}`)
	default:
		return
	}
	if list, _ := a.doc.([]any); !strings.Contains(a.text, sha) && len(list) < 60 {
		k.t.Errorf("seed %d, %v: %s has commit %s, which is not in the repository", k.seed, k.now, r.id, sha)
	}
}

func (k *walker) pull(r ref) {
	parts := strings.Split(strings.TrimPrefix(r.id, "https://"), "/")
	owner, name, n := parts[1], parts[2], parts[len(parts)-1]
	for _, x := range k.w.Repos {
		if x.FullName() == owner+"/"+name && x.Restricted { // what people say of closed things is not closed
			if a := k.look("gitlab_get_pull_request_comments", `{"project_id":"`+owner+"/"+name+`","merge_request_iid":`+n+`}`); !a.fail {
				k.t.Errorf("%s should be closed: %s", r.id, a.text)
			}
			return
		}
	}
	switch {
	case strings.HasPrefix(r.id, "https://github.com/"):
		k.must(r, "github_get_pull_request_comments", `{"owner":"`+owner+`","repo":"`+name+`","pull_number":`+n+`}`)
	case strings.Contains(r.id, "/-/merge_requests/"):
		k.must(r, "gitlab_get_pull_request_comments", `{"project_id":"`+owner+"/"+name+`","merge_request_iid":`+n+`}`)
	default:
		k.repo(r, owner+"/"+name, r.id)
	}
}

func (k *walker) kase(r ref) {
	a := k.want(r, "totalSize", "salesforce_query_soql", `{"query":"SELECT Id, CaseNumber, Subject, Status, CreatedDate, Account.Name FROM Case WHERE CaseNumber = '`+r.id+`'"}`)
	if name := at(a.doc, "records.Account.Name"); name != "" {
		k.must(r, "salesforce_get_account", `{"company_name":`+quote(name)+`}`)
	}
}

func (k *walker) channel(r ref, path, want string) {
	a := k.must(r, "slack_channels_list", `{"types":"public_channel,private_channel","limit":1000}`)
	field := path[strings.IndexByte(path, '.')+1:]
	for _, c := range list(k.t, a.doc, "channels") {
		if at(c, field) == want {
			return
		}
	}
	if k.w.RoomBy(want) == nil {
		k.t.Errorf("seed %d, %v: channel %s is not in the list", k.seed, k.now, want)
	}
}

// inventory finds a machine in the sheet of all systems and in the wiki.
func (k *walker) inventory(r ref, host string) {
	a := k.must(r, "google_sheets_read", `{"file_name":`+quote(k.w.Org.Name+" system inventory")+`}`)
	if !strings.Contains(a.text, host) {
		k.t.Errorf("seed %d, %v: %s %q is not in the inventory", k.seed, k.now, r.kind, host)
	}
	k.want(r, "totalSize", "confluence_search", `{"cql":`+quote(`text ~ "`+host+`"`)+`}`)
}

// address is a machine's, or one that somebody works from.
func (k *walker) address(r ref) {
	if a := k.look("google_sheets_read", `{"file_name":`+quote(k.w.Org.Name+" system inventory")+`}`); strings.Contains(a.text, r.id) {
		return
	}
	for i, p := range k.w.Staff {
		if k.w.Address("client", i) != r.id {
			continue
		}
		if p.Joined.After(k.now) {
			k.t.Errorf("%s is the address of %s, who joins later", r.id, p.Name)
		}
		if p.Joined.Before(k.now.Add(-60 * 24 * time.Hour)) {
			k.want(r, "rows.user_id", "cassandra_execute_select_query", `{"query":"select * from sessions_by_user where user_id = `+strconv.Itoa(p.UserID)+`","keyspace":"`+k.w.Keyspaces()[1].Name+`"}`)
		}
		return
	}
	k.t.Errorf("seed %d, %v: nobody has the address %s", k.seed, k.now, r.id)
}
