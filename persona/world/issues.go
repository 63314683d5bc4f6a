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

var symptoms = []string{
	"returns 500", "times out", "loses the last page", "shows stale totals", "retries without backoff", "drops the trace header",
	"duplicates entries", "ignores the locale", "logs the full payload", "leaks connections", "rejects valid postcodes", "rounds amounts twice",
	"deadlocks", "serves an expired certificate", "misreports latency", "keeps sessions after logout", "fails health checks", "sorts by the wrong column",
}

var conditions = []string{
	"when the queue is full", "after failover", "for accounts without a billing address", "on large exports", "when two updates race",
	"behind the new proxy", "after the nightly restart", "for users with two roles", "when the cache is cold", "under month-end load",
	"with an empty filter", "on retried requests", "for archived records", "when the upstream is slow", "after a schema change", "on the second attempt",
}

var features = []string{
	"Add rate limits per client", "Support bulk import", "Rotate service credentials automatically", "Expose queue depth as a metric",
	"Add audit trail for role changes", "Paginate the list endpoint", "Accept signed webhooks", "Add dry-run to the importer",
	"Show last sync time", "Allow CSV export", "Add retry budget", "Introduce idempotency keys", "Add regional failover", "Support custom fields",
	"Add soft delete", "Cache permission checks", "Send digest mails", "Validate bank details", "Add search by reference", "Track consent changes",
}

var chores = []string{
	"Upgrade base image", "Move secrets to the vault", "Remove the legacy endpoint", "Split the deploy pipeline", "Raise test coverage of billing paths",
	"Delete unused feature flags", "Document the restore procedure", "Tune connection pool", "Replace the deprecated client", "Add alerts for replication lag",
	"Review access of service accounts", "Archive old partitions", "Migrate cron jobs to the scheduler", "Enable structured logs", "Pin build dependencies",
	"Rehearse the failover runbook",
}

var details = []string{
	"Seen by support twice this week.", "Customer success asked for this before the next review.", "Found while on call.",
	"Blocks the rollout to the second region.", "There is a workaround, but it needs manual steps.", "Came out of the last retrospective.",
	"Metrics show it about 40 times a day.", "Agreed with the product owner.", "The runbook needs an update once this is in.",
}

var issueLabels = []string{"tech-debt", "customer", "security", "performance", "observability", "compliance", "quick-win", "regression", "infra", "api"}

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
	detail             int
	refused            bool
}

func (w *World) drawIssue(n int) issueDraw {
	owner, num := w.issues.of(n)
	r := w.dice.issue.at(n)
	d := issueDraw{project: w.Projects[owner], number: num + 1, created: w.issues.time(n), second: -1}
	d.id = 10_000 + n*3 + r.below(3)
	d.component = w.componentOf(&r, d.project, d.created)
	switch k := r.below(10); {
	case k < 4:
		d.kind, d.what, d.when = bug, r.below(len(symptoms)), r.below(len(conditions))
	case k < 7:
		d.kind, d.what = story, r.below(len(features))
	default:
		d.kind, d.what = task, r.below(len(chores))
	}
	d.priority = [...]int{0, 1, 1, 1, 2, 2, 3}[r.below(7)]
	if d.reporter = w.busy[r.below(len(w.busy))]; !d.reporter.there(d.created) {
		d.reporter = d.project.Lead
	}
	d.assignee = d.project.Team.present(&r, d.created)
	d.label = r.below(len(issueLabels))
	if second := r.below(len(issueLabels)); second != d.label && r.chance(40) {
		d.second = second
	}
	d.detail = r.below(len(details))
	d.refused = r.chance(6)
	return d
}

func (d *issueDraw) key() string { return d.project.Key + "-" + strconv.Itoa(d.number) }

func (d *issueDraw) summary() string {
	name := d.component.Name
	switch d.kind {
	case bug:
		return name + " " + symptoms[d.what] + " " + conditions[d.when]
	case story:
		return features[d.what] + " in " + name
	}
	return chores[d.what] + " (" + name + ")"
}

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
	is.Type, is.Summary = issueTypes[d.kind], d.summary()
	is.Priority, is.Reporter, is.Assignee = priorities[d.priority], d.reporter, d.assignee
	is.Labels = append(is.Labels, issueLabels[d.label])
	if d.second >= 0 {
		is.Labels = append(is.Labels, issueLabels[d.second])
	}
	is.Description = details[d.detail] + " " + w.affects(is.Component)
	is.resolution = "Done"
	if d.refused {
		is.resolution = "Won't Do"
	}
	return is
}

// affects is the end of an issue's description.
func (w *World) affects(r *Repo) string { return "Affects " + r.Name + " (" + w.productOf(r) + ")." }

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
