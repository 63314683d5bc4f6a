package enterprise_test

import (
	"regexp"
	"strconv"
	"strings"
)

// ref is something that an answer names and that other tools know, too.
type ref struct{ kind, id string }

// at returns the text or number at a path of keys, "" when there is none.
func at(doc any, path string) string {
	v, _ := find(doc, path)
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return number(v)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// shape says what an object with some keys tells of an entity. The first path is
// its identity, and a fact whose name begins with ! changes over time.
type shape struct {
	kind  string
	needs string            // paths that have to be there, with =value, !value or ^prefix
	facts map[string]string // name of the fact -> path
}

// shapes of the objects in answers. A person is known by name, which is unique.
var shapes = []shape{
	{"person", "displayName accountId", map[string]string{"jira": "accountId", "mail": "emailAddress"}},
	{"person", "displayName emailAddress", map[string]string{"mail": "emailAddress"}},
	{"person", "displayName type", nil},
	{"person", "name email!noreply@github.com date", map[string]string{"mail": "email"}},
	{"person", "real_name profile.email id", map[string]string{"mail": "profile.email", "slack": "id", "login": "name", "title": "profile.title", "phone": "profile.phone", "zone": "tz"}},
	{"person", "name username", map[string]string{"hub": "username"}},
	{"person", "full_name email mfa_enabled", map[string]string{"mail": "email", "user": "id", "team": "team", "joined": "created_at"}},
	{"person", "Name Email UserId", map[string]string{"mail": "Email", "crm": "UserId"}},
	{"person", "Name Username Title", map[string]string{"mail": "Email", "crm": "Id", "title": "Title", "joined": "CreatedDate"}},
	{"sender", "user username ts", map[string]string{"login": "username"}},
	{"hub", "login type=User", nil},
	{"issue", "key fields.summary", map[string]string{
		"summary": "fields.summary", "id": "id", "created": "fields.created", "assignee": "fields.assignee.displayName", "reporter": "fields.reporter.displayName",
		"!status": "fields.status.name", "!updated": "fields.updated", "type": "fields.issuetype.name", "text": "fields.description",
	}},
	{"page", "id title space.key", map[string]string{"title": "title", "space": "space.key", "!edited": "lastModified"}},
	{"page", "id title version.when", map[string]string{"title": "title", "space": "space.key", "!edited": "version.when"}},
	{"repo", "full_name clone_url", map[string]string{"id": "id", "about": "description", "branch": "default_branch", "clone": "clone_url", "created": "created_at", "!pushed": "pushed_at"}},
	{"commit", "sha message", map[string]string{"message": "message", "author": "author.name", "date": "author.date"}},
	{"account", "Name Industry Website", map[string]string{"id": "Id", "industry": "Industry", "phone": "Phone", "created": "CreatedDate", "owner": "Owner.Name"}},
	{"account", "name crm_account_id", map[string]string{"id": "crm_account_id", "customer": "id"}},
	{"case", "CaseNumber Subject", map[string]string{"subject": "Subject", "id": "Id", "!status": "Status", "created": "CreatedDate"}},
	{"file", "id name mimeType", map[string]string{"name": "name", "!modified": "modifiedTime", "owner": "owners.displayName"}},
	{"file", "documentId title", map[string]string{"name": "title", "!modified": "lastModifiedTime", "owner": "owners.displayName"}},
	{"file", "spreadsheetId title", map[string]string{"name": "title"}},
	{"file", "presentationId title", map[string]string{"name": "title"}},
	{"build", "build_url build_number", map[string]string{"job": "job", "number": "build_number", "started": "timestamp", "!status": "build_status"}},
	{"channel", "id^C num_members", map[string]string{"name": "name", "created": "created"}},
	{"channel", "id^C0 name", map[string]string{"name": "name"}},
	{"report", "id folder lastRunDate", map[string]string{"name": "name"}},
	{"report", "reportMetadata.id", map[string]string{"name": "reportMetadata.name"}},
	{"line", "_id _source.host", map[string]string{"message": "_source.message", "host": "_source.host", "service": "_source.service", "time": "_source.@timestamp", "index": "_index"}},
	{"host", "host service", map[string]string{"service": "service"}},
	{"node", "address rack", nil},
	{"message", "permalink ts", map[string]string{"text": "text", "by": "user", "in": "channel.id"}},
	{"database", "name encoding", map[string]string{"owner": "owner"}},
	{"keyspace", "name durable_writes", nil},
	{"index", "name docs_count", nil},
}

// textRefs finds what free text refers to. The first group is the reference.
var textRefs = []struct {
	kind string
	at   *regexp.Regexp
}{
	{"issue", regexp.MustCompile(`\b([A-Z]{2,10}-\d+)\b`)},
	{"channelname", regexp.MustCompile(`(?:^|[\s'"(])#([a-z][a-z0-9-]+)`)},
	{"hub", regexp.MustCompile(`(?m)^\* @([A-Za-z0-9-]+)`)},
	{"pull", regexp.MustCompile(`(https://[a-z0-9.-]+/[A-Za-z0-9_./-]+/(?:pull|merge_requests|pull-requests)/\d+)`)},
	{"pagepath", regexp.MustCompile(`(/spaces/[A-Z]+/pages/\d+/[^\s<"]+)`)},
	{"job", regexp.MustCompile(`\b([a-z][a-z0-9-]*/[a-z][a-z0-9-]*) #\d+`)},
	{"run", regexp.MustCompile(`\b([a-z][a-z0-9-]*/[a-z][a-z0-9-]* #\d+)\b`)},
	{"casenumber", regexp.MustCompile(`(?i)\bcase\b[^0-9]{1,60}(\d{8})\b`)},
	{"incident", regexp.MustCompile(`\bPost-mortem: (\d{4}-\d\d-\d\d [^<"]+)`)},
	{"title", regexp.MustCompile(`(Runbook: [a-z0-9-]+)`)},
	{"title", regexp.MustCompile(`(?:Updated "|Runbook in ")([^"]+)"`)},
	{"clone", regexp.MustCompile(`(https://(?:github\.com|gitlab\.[a-z0-9.-]+|bitbucket\.org)/[a-z0-9-]+/[a-z0-9-]+)(?:\.git|[<\s"]|$)`)},
	{"address", regexp.MustCompile(`\b(10\.\d+\.\d+\.\d+)\b`)},
	{"requestlogin", regexp.MustCompile(`\buser=([a-z.]+)`)},
}

// read walks a document and hands every object and every string on.
func read(doc any, object func(map[string]any), text func(string)) {
	switch v := doc.(type) {
	case map[string]any:
		object(v)
		for _, e := range v {
			read(e, object, text)
		}
	case []any:
		for _, e := range v {
			read(e, object, text)
		}
	case string:
		text(v)
	}
}

// matches tells whether an object has all the keys of a shape.
func (s *shape) matches(o map[string]any) bool {
	for need := range strings.FieldsSeq(s.needs) {
		path, value, op := condition(need)
		have := at(o, path)
		if have == "" || op == '=' && have != value || op == '!' && have == value || op == '^' && !strings.HasPrefix(have, value) {
			return false
		}
	}
	return true
}

func condition(need string) (path, value string, op byte) {
	if i := strings.IndexAny(need, "=!^"); i >= 0 {
		return need[:i], need[i+1:], need[i]
	}
	return need, "", 0
}

// id is the entity's identity, the first path.
func (s *shape) id(o map[string]any) string {
	first, _, _ := strings.Cut(s.needs, " ")
	path, _, _ := condition(first)
	return at(o, path)
}
