package enterprise

import (
	"slices"
	"strconv"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	errNoIssue  = refusal("Issue does not exist or you do not have permission to see it.")
	errJiraTime = refusal("The search request took too long to complete. Try a more specific query.")
	maxIssues   = 100 // of one answer; Jira gives no more, whatever is asked for
)

func jiraIssue(v *view, a args, w *guest.Writer) error {
	i := v.IssueBy(a.text("issue_key"), v.now)
	if i == nil || i.Restricted() {
		return errNoIssue
	}
	w.Obj()
	writeIssue(w, v, i, nil, v.IssueComments(i, v.now)...)
	w.Key("transitions").Arr()
	for _, t := range [...][2]string{{"11", "To Do"}, {"21", "In Progress"}, {"31", "In Review"}, {"41", "Done"}} {
		if t[1] != i.Status(v.now) {
			w.Obj().Key("id").Str(t[0]).Key("name").Str(t[1]).End()
		}
	}
	w.End().End()
	return nil
}

// writeIssue writes an issue's members, with all fields when none are named.
func writeIssue(w *guest.Writer, v *view, i *world.Issue, fields []string, comments ...world.IssueComment) {
	id := strconv.Itoa(i.ID)
	site := v.Org.Slug + ".atlassian.net"
	wants := func(name string) bool {
		return len(fields) == 0 || slices.Contains(fields, name) || slices.Contains(fields, "*all")
	}
	w.Key("id").Str(id).Key("key").Str(i.Key).Key("self").Str("https://" + site + "/rest/api/2/issue/" + id).Key("fields").Obj()
	if wants("summary") {
		w.Key("summary").Str(i.Summary)
	}
	if wants("description") {
		w.Key("description").Str(i.Description)
	}
	named := [...][2]string{{"issuetype", i.Type}, {"status", i.Status(v.now)}, {"priority", i.Priority}}
	for _, f := range named {
		if wants(f[0]) {
			w.Key(f[0]).Obj().Key("name").Str(f[1]).End()
		}
	}
	if wants("project") {
		w.Key("project").Obj().Key("key").Str(i.Project.Key).Key("name").Str(i.Project.Name).End()
	}
	writeIssuePeople(w, i, wants)
	if wants("labels") {
		w.Key("labels").Arr()
		for _, l := range i.Labels {
			w.Str(l)
		}
		w.End()
	}
	if wants("components") {
		w.Key("components").Arr().Obj().Key("name").Str(i.Component.Name).End().End()
	}
	writeIssueTimes(w, v, i, wants)
	if comments != nil {
		writeIssueComments(w, comments)
	}
	w.End()
}

func writeIssueComments(w *guest.Writer, comments []world.IssueComment) {
	w.Key("comment").Obj().Key("comments").Arr()
	for _, c := range comments {
		w.Obj().Key("id").Str(strconv.Itoa(c.ID)).Key("author").Obj().Key("accountId").Str(c.Author.JiraID).Key("displayName").Str(c.Author.Name).End()
		w.Key("body").Str(c.Body)
		stamp(w, "created", c.Created, jiraTime)
		stamp(w, "updated", c.Created, jiraTime).End()
	}
	w.End().Key("maxResults").Int(int64(len(comments))).Key("total").Int(int64(len(comments))).Key("startAt").Int(0).End()
}

func writeIssuePeople(w *guest.Writer, i *world.Issue, wants func(string) bool) {
	for _, f := range [...]struct {
		name string
		who  *world.Person
	}{{"assignee", i.Assignee}, {"reporter", i.Reporter}} {
		if wants(f.name) {
			w.Key(f.name).Obj().Key("accountId").Str(f.who.JiraID).Key("displayName").Str(f.who.Name).Key("emailAddress").Str(f.who.Email).End()
		}
	}
}

func writeIssueTimes(w *guest.Writer, v *view, i *world.Issue, wants func(string) bool) {
	if wants("created") {
		stamp(w, "created", i.Created, jiraTime)
	}
	if wants("updated") {
		stamp(w, "updated", i.Updated(v.now), jiraTime)
	}
	name, when := i.Resolution(v.now)
	if name != "" && wants("resolution") {
		w.Key("resolution").Obj().Key("name").Str(name).End()
		stamp(w, "resolutiondate", when, jiraTime)
	}
}

func jiraSearch(v *view, a args, w *guest.Writer) error {
	q, err := ql.ParseJQL(a.text("jql"))
	if err != nil {
		return err
	}
	search := v.issueSearch()
	defer v.spent(search.budget)
	if err := search.check(q); err != nil {
		return err
	}
	found := search.set(q.Where, search.All())
	if search.budget.Gone() {
		return errJiraTime
	}
	limit, start := a.limit("max_results", 50, maxIssues), a.offset("start_at")
	fields := guest.Strings(a.o.Raw("fields"))
	w.Obj().Key("startAt").Int(int64(start)).Key("maxResults").Int(int64(limit)).Key("issues").Arr()
	search.each(found, q.Order, start, limit, func(n int) {
		w.Obj()
		writeIssue(w, v, search.issue(n), fields)
		w.End()
	})
	w.End().Key("total").Int(int64(found.Len())).End()
	return nil
}

func category(status string) string {
	switch status {
	case "Done":
		return "Done"
	case "To Do", "Backlog":
		return "To Do"
	}
	return "In Progress"
}

func names(p *world.Person) []string { return []string{p.JiraID, p.Name, p.Email, p.Login} }
