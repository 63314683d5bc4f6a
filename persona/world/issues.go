package world

import (
	"strconv"
	"strings"
	"time"
)

// Issue is a Jira issue. The fields are fixed at creation; what it is by now is
// told by Status, Updated and Done.
type Issue struct {
	ID          int
	Project     *Project
	Number      int // from 1, dense
	Key         string
	Type        string
	Summary     string
	Description string
	Priority    string
	Labels      []string
	Component   *Repo
	Reporter    *Person
	Assignee    *Person
	Customer    *Account // who reported it, nil for most
	Created     time.Time

	started, review, done int64 // 0: never
	resolution            string
	lower                 string
}

type issuePlan struct{ created, started, review, done int64 }

// plan is when issue n moves; it draws little, so that others can ask cheaply.
func (w *World) plan(n int) issuePlan {
	r := w.dice.issueTimes.at(n)
	p := issuePlan{created: w.issues.time(n)}
	if r.chance(9) {
		return p // stays in the backlog
	}
	p.started = w.cal.inHours(p.created + int64(r.between(20*60, 2*day)))
	p.review = w.cal.inHours(p.started + int64(r.between(2*3600, 4*day)))
	p.done = w.cal.inHours(p.review + int64(r.between(3600, 3*day)))
	return p
}

var (
	issueTypes = [...]string{"Bug", "Story", "Task"}
	priorities = [...]string{"Low", "Medium", "High", "Highest"}
)

const (
	bug = iota
	story
	task
)

// issueDraw is what the dice say of an issue, by number where there is a table.
type issueDraw struct {
	id, number         int
	project            *Project
	created            int64
	component          *Repo
	kind, what, when   int // when is of a bug
	priority           int
	reporter, assignee *Person
	label, second      int // second is -1 when there is none
	detail, ask        int // ask is -1 when there is none
	customer           *Account
	refused            bool
}

func (w *World) drawIssue(n int) issueDraw {
	owner, num := w.issues.of(n)
	r := w.dice.issue.at(n)
	d := issueDraw{project: w.Projects[owner], number: num + 1, created: w.issues.time(n), second: -1, ask: -1}
	d.id = 10_000 + n*3 + r.below(3)
	d.component = w.componentOf(&r, d.project, d.created)
	switch k := r.below(10); {
	case k < 4:
		d.kind, d.what, d.when = bug, r.below(len(w.words.symptoms)), r.below(len(w.words.conditions))
	case k < 7:
		d.kind, d.what = story, r.below(len(w.words.features))
	default:
		d.kind, d.what = task, r.below(len(w.words.chores))
	}
	d.priority = [...]int{0, 1, 1, 1, 2, 2, 3}[r.below(7)]
	if d.reporter = w.busy[r.below(len(w.busy))]; !d.reporter.there(d.created) {
		d.reporter = d.project.Lead
	}
	d.assignee = d.project.Team.present(&r, d.created)
	d.label = r.below(len(w.words.labels))
	if second := r.below(len(w.words.labels)); second != d.label && r.chance(40) {
		d.second = second
	}
	if d.detail = r.below(detailsPerKind); d.kind != bug {
		d.detail += detailsPerKind
	}
	if r.chance(55) {
		d.ask = r.below(len(w.words.asks))
	}
	if known := w.AccountsAt(at(d.created)); d.kind == bug && r.chance(25) {
		d.customer = known[r.below(len(known))]
	}
	d.refused = r.chance(6)
	return d
}

func (d *issueDraw) key() string { return d.project.Key + "-" + strconv.Itoa(d.number) }

func (d *issueDraw) summary(v *words) string {
	text := ""
	switch d.kind {
	case bug:
		text = v.symptoms[d.what] + " " + v.conditions[d.when]
	case story:
		text = v.features[d.what]
	default:
		text = v.chores[d.what]
	}
	return v.titles[d.kind].title(text, d.component.Name)
}

func (d *issueDraw) description(w *World) string {
	s := w.words.details[d.detail]
	if d.customer != nil {
		s += " " + reportedBy(d.customer)
	}
	if d.ask >= 0 {
		s += " " + w.words.asks[d.ask]
	}
	return s + " " + w.affects(d.component)
}

// reportedBy is how a description names the customer that an issue came from.
func reportedBy(a *Account) string { return "Reported by " + a.Name + "." }

func (d *issueDraw) hasID(id string) bool { return strconv.Itoa(d.id) == id }

// ordinalOfID returns which issue an id can be of, -1 for none.
func ordinalOfID(id string) int {
	if v, err := strconv.Atoi(id); err == nil && v >= 10_000 {
		return (v - 10_000) / 3
	}
	return -1
}

func (w *World) makeIssue(n int) *Issue {
	d := w.drawIssue(n)
	is := &Issue{ID: d.id, Project: d.project, Number: d.number, Key: d.key(), Component: d.component}
	w.issueTimes(n, is)
	is.Type, is.Summary = issueTypes[d.kind], d.summary(&w.words)
	is.Priority, is.Reporter, is.Assignee = priorities[d.priority], d.reporter, d.assignee
	is.Labels = append(is.Labels, w.words.labels[d.label])
	if d.second >= 0 {
		is.Labels = append(is.Labels, w.words.labels[d.second])
	}
	is.Description, is.Customer = d.description(w), d.customer
	is.resolution = "Done"
	if d.refused {
		is.resolution = "Won't Do"
	}
	return is
}

// affects is the end of an issue's description.
func (w *World) affects(r *Repo) string {
	return w.words.affects[0] + r.Name + " (" + w.productOf(r) + ")" + w.words.affects[1]
}

func (w *World) issueTimes(n int, is *Issue) {
	plan := w.plan(n)
	is.Created, is.started, is.review, is.done = at(plan.created), plan.started, plan.review, plan.done
}

// componentOf picks a repository of the project that was there at t. The first
// one always is.
func (w *World) componentOf(r *roll, p *Project, t int64) *Repo {
	if repo := p.repos[r.below(len(p.repos))]; repo.Created.Unix() <= t {
		return repo
	}
	return p.repos[0]
}

// Text is what a search looks at, lower case.
func (i *Issue) Text() string {
	if i.lower == "" {
		i.lower = lower(i.Key, i.Summary, i.Description)
	}
	return i.lower
}

// Status returns the name of the workflow state at now.
func (i *Issue) Status(now time.Time) string {
	t := now.Unix()
	switch {
	case i.done != 0 && i.done <= t:
		return "Done"
	case i.review != 0 && i.review <= t:
		return "In Review"
	case i.started != 0 && i.started <= t:
		return "In Progress"
	case i.started == 0:
		return "Backlog"
	}
	return "To Do"
}

// Resolution returns the resolution and when it was set, "" while it is open.
func (i *Issue) Resolution(now time.Time) (string, time.Time) {
	if i.done == 0 || i.done > now.Unix() {
		return "", time.Time{}
	}
	return i.resolution, at(i.done)
}

// Updated is the last move of the issue that is not after now.
func (i *Issue) Updated(now time.Time) time.Time {
	last := i.Created.Unix()
	for _, t := range [...]int64{i.started, i.review, i.done} {
		if t != 0 && t <= now.Unix() {
			last = t
		}
	}
	return at(last)
}

// Issues returns all issues there are at now, oldest first. The slice is the
// world's own.
func (w *World) Issues(now time.Time) []*Issue {
	n := w.issues.count(now.Unix())
	for i := len(w.cache.issues); i < n; i++ {
		w.cache.issues = append(w.cache.issues, w.makeIssue(i))
	}
	return w.cache.issues[:n]
}

// IssueBy finds an issue by its key; nil if there is none at now.
func (w *World) IssueBy(key string, now time.Time) *Issue {
	if n := w.issueOrdinal(key, w.issues.count(now.Unix())); n >= 0 {
		return w.issue(n)
	}
	return nil
}

// issueOrdinal finds one of the first count issues by its key, -1 for none.
func (w *World) issueOrdinal(key string, count int) int {
	dash := strings.LastIndexByte(key, '-')
	if dash < 0 || dash+1 == len(key) || len(key)-dash > 10 || key[dash+1] < '1' || key[dash+1] > '9' {
		return -1
	}
	p := w.projectByKey(strings.ToUpper(key[:dash]))
	num, err := strconv.Atoi(key[dash+1:])
	if p == nil || err != nil {
		return -1
	}
	if n := w.issues.nth(p.Index, num-1); n < count {
		return n
	}
	return -1
}

// Restricted reports whether the issue is closed to the integration.
func (i *Issue) Restricted() bool { return i.Project.Restricted }

func (w *World) projectByKey(key string) *Project {
	for _, p := range w.Projects {
		if p.Key == key {
			return p
		}
	}
	return nil
}

func (w *World) issue(n int) *Issue {
	if n < len(w.cache.issues) {
		return w.cache.issues[n]
	}
	return w.makeIssue(n)
}
