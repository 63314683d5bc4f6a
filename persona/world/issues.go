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
	r := w.sub("issue times").at(n)
	p := issuePlan{created: w.issues.time(n)}
	if r.chance(9) {
		return p // stays in the backlog
	}
	p.started = inHours(w.start, p.created+int64(r.between(20*60, 2*day)))
	p.review = inHours(w.start, p.started+int64(r.between(2*3600, 4*day)))
	p.done = inHours(w.start, p.review+int64(r.between(3600, 3*day)))
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

func (w *World) makeIssue(n int) *Issue {
	owner, num := w.issues.of(n)
	project := w.Projects[owner]
	plan := w.plan(n)
	r := w.sub("issue").at(n)
	is := &Issue{ID: 10_000 + n*3 + r.below(3), Project: project, Number: num + 1, Key: project.Key + "-" + strconv.Itoa(num+1), Created: at(plan.created)}
	is.started, is.review, is.done = plan.started, plan.review, plan.done
	is.Component = w.componentOf(&r, project, plan.created)
	name := is.Component.Name
	switch k := r.below(10); {
	case k < 4:
		is.Type, is.Summary = "Bug", name+" "+r.pick(symptoms)+" "+r.pick(conditions)
	case k < 7:
		is.Type, is.Summary = "Story", r.pick(features)+" in "+name
	default:
		is.Type, is.Summary = "Task", r.pick(chores)+" ("+name+")"
	}
	is.Priority = [...]string{"Low", "Medium", "Medium", "Medium", "High", "High", "Highest"}[r.below(7)]
	is.Reporter = w.Staff[r.below(len(w.Staff))]
	if is.Reporter.Joined.Unix() > plan.created {
		is.Reporter = w.Staff[0]
	}
	is.Assignee = project.Team.present(&r, plan.created)
	is.Labels = append(is.Labels, r.pick(issueLabels))
	if second := r.pick(issueLabels); second != is.Labels[0] && r.chance(40) {
		is.Labels = append(is.Labels, second)
	}
	is.Description = r.pick(details) + " Affects " + name + " (" + w.productOf(is.Component) + ")."
	is.resolution = "Done"
	if r.chance(6) {
		is.resolution = "Won't Do"
	}
	return is
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
	dash := strings.LastIndexByte(key, '-')
	if dash < 0 {
		return nil
	}
	p := w.projectByKey(strings.ToUpper(key[:dash]))
	num, err := strconv.Atoi(key[dash+1:])
	if p == nil || err != nil || num < 1 || num > w.issues.countOf(p.Index, now.Unix()) || key[dash+1] == '0' || key[dash+1] == '+' {
		return nil
	}
	return w.issue(w.issues.nth(p.Index, num-1))
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
