package enterprise

import (
	"slices"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	errNoIssue  = refusal("Issue does not exist or you do not have permission to see it.")
	jqlOperator = "The valid operators are '=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'."
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
	c, oldest, err := parseJQL(a.text("jql"))
	if err != nil {
		return err
	}
	limit, start := a.limit("max_results", 50, 100), a.offset("start_at")
	fields := guest.Strings(a.o.Raw("fields"))
	issues := v.IssueSearch(v.now)
	found := v.issueSet(issues, c, issues.All())
	w.Obj().Key("startAt").Int(int64(start)).Key("maxResults").Int(int64(limit)).Key("issues").Arr()
	n := 0
	found.Each(!oldest, func(ordinal int) bool {
		if n >= start {
			w.Obj()
			writeIssue(w, v, issues.Issue(ordinal), fields)
			w.End()
		}
		n++
		return n < start+limit
	})
	w.End().Key("total").Int(int64(found.Len())).End()
	return nil
}

// parseJQL parses the condition, nil for all issues, and tells whether the
// oldest come first: creation is the one order there is.
func parseJQL(jql string) (c *condition, oldest bool, err error) {
	toks, ok := lex(jql)
	if !ok {
		return nil, false, refusal("Error in the JQL Query: The quoted string has not been completed.")
	}
	p := conditions{toks: toks, end: func(l lexeme) bool { return l.is("order") }}
	if p.peek().kind == 0 {
		return nil, ascending(toks), nil
	}
	if c = p.or(); c == nil {
		return nil, false, refusal("Error in the JQL Query: Expecting operator before the end of the query. " + jqlOperator)
	}
	if t := p.peek(); t.kind != 0 {
		return nil, false, refusal("Error in the JQL Query: Expecting either 'OR' or 'AND'. (line 1, character " + strconv.Itoa(t.at+1) + ")")
	}
	return c, ascending(toks), c.each(knownField)
}

// ascending tells whether an ORDER BY ends in an ascending order by creation.
func ascending(toks []lexeme) bool {
	for i, t := range toks {
		if t.is("order") && i+2 < len(toks) && toks[i+1].is("by") {
			field, last := toks[i+2], toks[len(toks)-1]
			return (field.is("created") || field.is("key") || field.is("id") || field.is("createddate")) && !last.is("desc")
		}
	}
	return false
}

func knownField(c *condition) error {
	switch c.field {
	case "project", "key", "issuekey", "issue", "id", "status", "statuscategory", "priority", "type", "issuetype", "assignee", "reporter", "creator",
		"labels", "component", "resolution", "text", "summary", "description", "created", "updated", "resolved", "createddate", "updateddate":
		return nil
	}
	return refusal("This field does not exist or you do not have permission to view it.")
}

// issueSet returns the issues within a set that meet a condition.
func (v *view) issueSet(s world.IssueSearch, c *condition, within world.Set) world.Set {
	switch {
	case c == nil:
		return within
	case c.op == "and":
		for _, k := range c.kids {
			within = v.issueSet(s, k, within)
		}
		return within
	case c.op == "or":
		var out world.Set
		for _, k := range c.kids {
			out.Join(v.issueSet(s, k, within), within)
		}
		return out
	case c.op == "not":
		return within.Without(v.issueSet(s, c.kids[0], within))
	}
	return v.issuesWith(s, c, within)
}

// issuesWith returns the issues within a set that meet a comparison.
func (v *view) issuesWith(s world.IssueSearch, c *condition, within world.Set) world.Set {
	var found world.Set
	switch c.field {
	case "project":
		found = s.Projects(within, func(p *world.Project) bool { return c.names(p.Key, p.Name) })
	case "key", "issuekey", "issue", "id":
		for _, key := range c.values {
			if n, ok := s.Key(key); ok {
				found.Add(n)
			}
		}
	case "priority":
		found = s.Priorities(within, func(p string) bool { return c.names(p) })
	case "type", "issuetype":
		found = s.Types(within, func(t string) bool { return c.names(t) })
	case "assignee":
		found = s.Assignees(within, func(p *world.Person) bool { return c.names(names(p)...) })
	case "reporter", "creator":
		found = s.Reporters(within, func(p *world.Person) bool { return c.names(names(p)...) })
	case "labels":
		found = s.Labels(within, func(l string) bool { return c.names(l) })
	case "component":
		found = s.Components(within, func(r *world.Repo) bool { return c.names(r.Name) })
	case "text", "summary", "description":
		found = within
		for _, word := range c.searched() {
			found = s.Text(found, word)
		}
		if !strings.HasPrefix(c.cmp, "!") {
			return found
		}
		return within.Without(found)
	default:
		return v.issuesByTime(s, c, within)
	}
	if c.negated() {
		return within.Without(found)
	}
	var out world.Set
	out.Join(found, within)
	return out
}

// issuesByTime tests what depends on an issue's times, one by one.
func (v *view) issuesByTime(s world.IssueSearch, c *condition, within world.Set) (out world.Set) {
	within.Each(false, func(n int) bool {
		if v.issueMatches(s.Times(n), c) {
			out.Add(n)
		}
		return true
	})
	return out
}

func (v *view) issueMatches(i *world.Issue, c *condition) bool {
	switch c.field {
	case "status":
		return c.among(i.Status(v.now))
	case "statuscategory":
		return c.among(category(i.Status(v.now)))
	case "resolution":
		name, _ := i.Resolution(v.now)
		if name == "" {
			name = "Unresolved"
		}
		return c.amongOrEmpty(name, name == "Unresolved")
	case "created", "createddate":
		return c.timed(i.Created, v.now)
	case "updated", "updateddate":
		return c.timed(i.Updated(v.now), v.now)
	case "resolved":
		name, when := i.Resolution(v.now)
		return name != "" && c.timed(when, v.now)
	}
	return false
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

// amongOrEmpty also understands IS EMPTY and IS NOT EMPTY.
func (c *condition) amongOrEmpty(have string, empty bool) bool {
	if strings.HasPrefix(c.cmp, "is") {
		return empty != (c.cmp == "is not")
	}
	return c.among(have)
}
