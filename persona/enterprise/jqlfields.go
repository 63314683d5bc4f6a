package enterprise

import (
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/persona/world"
)

// Operators that fields take.
const (
	opsEqual   = " = != in not_in is is_not "
	opsHistory = opsEqual + "was was_not was_in was_not_in changed "
	opsOrdered = opsEqual + "< <= > >= "
	opsDate    = " = != < <= > >= "
	opsText    = " ~ !~ is is_not "
)

// jqlFieldTable has the fields by the names that queries have for them: the kind,
// the operators and the names, in lower case. Of kind e are fields that no issue
// has a value in.
var jqlFieldTable = [...]struct {
	kind  byte
	ops   string
	names string // between bars
}{
	{'p', opsEqual, "|project|"},
	{'k', opsOrdered, "|key|issuekey|issue|id|"},
	{'s', opsHistory, "|status|"},
	{'c', opsEqual, "|statuscategory|"},
	{'r', opsHistory + "< <= > >= ", "|priority|"},
	{'t', opsEqual, "|type|issuetype|"},
	{'a', opsHistory, "|assignee|"},
	{'o', opsHistory, "|reporter|creator|"},
	{'l', opsEqual, "|labels|"},
	{'m', opsEqual, "|component|"},
	{'x', " ~ ", "|text|"},
	{'y', opsText, "|summary|"},
	{'d', opsText, "|description|"},
	{'R', opsHistory, "|resolution|"},
	{'C', opsOrdered, "|created|createddate|"},
	{'U', opsOrdered, "|updated|updateddate|"},
	{'D', opsOrdered, "|resolved|resolutiondate|"},
	{'S', opsEqual, "|sprint|"},
	{'e', opsOrdered, "|due|duedate|story points|"},
	{'e', opsHistory, "|fixversion|"},
	{'e', opsText, "|environment|"},
	{'e', " ~ !~ ", "|comment|"},
	{'e', opsEqual, "|affectedversion|parent|epic link|watcher|voter|level|worklogauthor|"},
	{'e', " is is_not ", "|attachments|"},
}

// jqlFieldOf finds a field by its name; the kind is 0 when there is none.
func jqlFieldOf(name string) (kind byte, ops string) {
	if strings.Contains(name, "|") || name == "" {
		return 0, ""
	}
	name = "|" + strings.ToLower(name) + "|"
	for i := range jqlFieldTable {
		if f := &jqlFieldTable[i]; strings.Contains(f.names, name) {
			return f.kind, f.ops
		}
	}
	return 0, ""
}

func jqlKind(name string) byte {
	kind, _ := jqlFieldOf(name)
	return kind
}

// issueFinder evaluates JQL over the issues there are at one moment.
type issueFinder struct {
	world.IssueSearch
	v      *view
	budget *ql.Budget
}

func (v *view) issueSearch() issueFinder {
	budget := ql.DefaultBudget
	return issueFinder{v.IssueSearch(v.now), v, &budget}
}

// issue makes an issue once: it never changes.
func (f issueFinder) issue(n int) *world.Issue {
	i := f.v.issues[n]
	if i == nil {
		if f.v.issues == nil || len(f.v.issues) >= maxKept {
			f.v.issues = map[int]*world.Issue{}
		}
		i = f.Issue(n)
		f.v.issues[n] = i
	}
	return i
}

// maxKept bounds how many issues with their texts are kept.
const maxKept = 4096

// times is an issue of which nothing but the times are known.
func (f issueFinder) times(n int) *world.Issue {
	for len(f.v.times) <= n {
		f.v.times = append(f.v.times, f.Times(len(f.v.times)))
	}
	return f.v.times[n]
}

func unknownField(name string) string {
	return say("Field '%' does not exist or you do not have permission to view it.", name)
}

func unknownValue(value, field string) string {
	return say("The value '%' does not exist for the field '%'.", value, field)
}

// check reports everything that Jira finds wrong with the names in a query.
func (f issueFinder) check(q *ql.JQL) error {
	var faults []string
	add := func(fault string) {
		if fault != "" && !strings.Contains(strings.Join(faults, "\n"), fault) {
			faults = append(faults, fault)
		}
	}
	_ = q.Where.Each(func(c *ql.Clause) error {
		add(f.fault(c))
		return nil
	})
	for _, o := range q.Order {
		switch jqlKind(o.Field) {
		case 0:
			add(unknownField(o.Field))
		case 'x':
			add(say("Not able to sort using field '%'.", o.Field))
		}
	}
	if len(faults) > 0 {
		return refusal(strings.Join(faults, "\n"))
	}
	return nil
}

// fault says what is wrong with a clause, "" for nothing.
func (f issueFinder) fault(c *ql.Clause) string {
	kind, ops := jqlFieldOf(c.Field)
	if kind == 0 {
		return unknownField(c.Field)
	}
	if !strings.Contains(ops, say(" % ", strings.ReplaceAll(c.Cmp, " ", "_"))) {
		return say("The operator '%' is not supported by the '%' field.", strings.ToUpper(c.Cmp), c.Field)
	}
	for _, a := range c.Args {
		if fault := f.valueFault(c, kind, a); fault != "" {
			return fault
		}
	}
	for _, p := range c.With {
		for _, a := range p.Args {
			if _, ok := f.v.jqlTime(a); !ok && (p.Name == "after" || p.Name == "before" || p.Name == "on" || p.Name == "during") {
				return badDate(a.Text, c.Field)
			}
		}
	}
	return ""
}

func isEmpty(a ql.Arg) bool {
	return !a.Quoted && (strings.EqualFold(a.Text, "empty") || strings.EqualFold(a.Text, "null"))
}

func badDate(value, field string) string {
	return say("Date value '%' for field '%' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'.", value, field)
}

func (f issueFinder) valueFault(c *ql.Clause, kind byte, a ql.Arg) string {
	if isEmpty(a) {
		if c.Cmp != "=" && c.Cmp != "!=" && !strings.HasPrefix(c.Cmp, "is") && !strings.HasSuffix(c.Cmp, "in") && !strings.HasPrefix(c.Cmp, "was") {
			return say("The operator '%' does not support searching for EMPTY values.", strings.ToUpper(c.Cmp))
		}
		return ""
	}
	if strings.HasPrefix(c.Cmp, "is") {
		return say("Operator '%' does not support the value '%'; only EMPTY or NULL.", strings.ToUpper(c.Cmp), a.Text)
	}
	if a.Call && strings.IndexByte("CUDe", kind) < 0 {
		return f.callFault(c, a)
	}
	switch kind {
	case 'C', 'U', 'D':
		if _, ok := f.v.jqlTime(a); !ok {
			if a.Call {
				return say("Unable to find JQL function '%(%)'.", a.Text, strings.Join(a.Args, ", "))
			}
			return badDate(a.Text, c.Field)
		}
	case 'x', 'y', 'd':
		return textFault(c, a)
	case 'k':
		if n, ok := f.Key(a.Text); !ok || f.issue(n).Restricted() {
			return say("An issue with key '%' does not exist for field '%'.", a.Text, c.Field)
		}
	case 'e', 'l':
		return ""
	default:
		if !f.known(kind, a.Text) {
			return unknownValue(a.Text, c.Field)
		}
	}
	return ""
}

func textFault(c *ql.Clause, a ql.Arg) string {
	switch {
	case strings.TrimSpace(a.Text) == "":
		return say("The field '%' does not support searching for an empty string.", c.Field)
	case a.Text[0] == '*' || a.Text[0] == '?':
		return say("The text query '%' for field '%' is not allowed to start with character '%'.", a.Text, c.Field, a.Text[:1])
	}
	if c.Terms == nil {
		c.Terms = textTerms(a.Text)
	}
	return ""
}

// textTerms splits the value of a text search: its words all have to occur, those
// in quotes as they follow each other.
func textTerms(text string) ql.Terms {
	box := ql.Box{Words: " and or not "}
	return box.Parse(strings.ReplaceAll(text, "~", "")).Words
}

// callFault says what is wrong with a function.
func (f issueFinder) callFault(c *ql.Clause, a ql.Arg) string {
	switch strings.ToLower(a.Text) {
	case "currentuser", "opensprints", "closedsprints", "futuresprints", "standardissuetypes", "subtaskissuetypes", "votedissues", "watchedissues", "issuehistory":
		return ""
	case "membersof":
		if len(a.Args) == 1 && f.group(a.Args[0]) == nil {
			return say("Function 'membersOf' can not generate a list of usernames for group '%'; the group does not exist.", a.Args[0])
		}
		if len(a.Args) == 1 {
			return ""
		}
		return say("Function 'membersOf' expected '1' arguments but received '%'.", digit(len(a.Args)))
	}
	return say("Unable to find JQL function '%(%)'.", a.Text, strings.Join(a.Args, ", "))
}

func digit(n int) string { return string(rune('0' + min(n, 9))) }

// group returns the members of a group: a team by its name.
func (f issueFinder) group(name string) []*world.Person {
	for _, t := range f.v.Teams {
		if strings.EqualFold(t.Name, name) || strings.EqualFold(t.Slug, name) {
			return t.Members
		}
	}
	if strings.EqualFold(name, "jira-software-users") || strings.EqualFold(name, "jira-users") {
		return f.v.Staff
	}
	return nil
}

// known reports whether a field has a value of that name.
func (f issueFinder) known(kind byte, name string) bool {
	c := ql.Clause{Args: []ql.Arg{{Text: name}}}
	found := false
	look := func(names ...string) bool {
		found = found || c.Among(names...)
		return false
	}
	switch kind {
	case 'p':
		for _, p := range f.v.Projects {
			if !p.Restricted {
				look(p.Key, p.Name)
			}
		}
	case 's':
		look("Backlog", "To Do", "In Progress", "In Review", "Done")
	case 'c':
		look("To Do", "In Progress", "Done", "new", "indeterminate")
	case 'R':
		look("Done", "Won't Do", "Unresolved")
	case 'r':
		look(priorityNames[:]...)
	case 't':
		f.Types(f.All(), func(t string) bool { return look(t) })
	case 'm':
		f.Components(f.All(), func(r *world.Repo) bool { return look(r.Name) })
	case 'a', 'o':
		for _, p := range f.v.Staff {
			if !p.Joined.After(f.v.now) {
				look(names(p)...)
			}
		}
	}
	return found
}

// priorityNames are the priorities, the lowest first.
var priorityNames = [...]string{"Lowest", "Low", "Medium", "High", "Highest"}

// jqlTime reads a date, a distance from now, or a function such as startOfDay(-1d).
func (v *view) jqlTime(a ql.Arg) (time.Time, bool) {
	if !a.Call {
		if t, _, ok := ql.Date(a.Text); ok {
			return t, true
		}
		return ql.Shift(v.now, a.Text, "yMwdhm")
	}
	return calendar(strings.ToLower(a.Text), a.Args, v.now)
}

// calendar computes now(), startOfDay() and their like, moved by an argument: a
// distance, or a number of the function's own unit.
func calendar(name string, args []string, now time.Time) (time.Time, bool) {
	shift := ""
	if len(args) > 1 {
		return now, false
	}
	if len(args) == 1 {
		shift = args[0]
	}
	var unit ql.Unit
	from, isStart := strings.CutPrefix(name, "startof")
	to, isEnd := strings.CutPrefix(name, "endof")
	switch {
	case name == "now":
		if shift == "" {
			return now, true
		}
		return ql.Shift(now, shift, "yMwdhm")
	case isStart:
		unit = calendarUnit(from)
	case isEnd:
		unit = calendarUnit(to)
	}
	if unit == 0 {
		return now, false
	}
	at := unit.Start(now)
	if isEnd {
		at = unit.Add(at, 1).Add(-time.Second)
	}
	if shift == "" {
		return at, true
	}
	if last := shift[len(shift)-1]; last >= '0' && last <= '9' {
		shift += string(rune(unit))
	}
	return ql.Shift(at, shift, "yMwdhm")
}

func calendarUnit(name string) ql.Unit {
	switch name {
	case "day":
		return 'd'
	case "week":
		return 'w'
	case "month":
		return 'M'
	case "year":
		return 'y'
	}
	return 0
}
