package world

import (
	"slices"
	"strconv"
	"time"
)

// IssueComment is a comment on an issue.
type IssueComment struct {
	ID      int
	Author  *Person
	Body    string
	Created time.Time
}

// IssueComments returns the comments that the issue has at now, oldest first: who
// took it, the requests that changed code for it, and what became of them.
func (w *World) IssueComments(i *Issue, now time.Time) []IssueComment {
	r := w.sub("issue comments").at(i.ID)
	var all []IssueComment
	add := func(who *Person, t int64, body string) {
		if !who.there(t) {
			t = who.office.inHours(t)
		}
		all = append(all, IssueComment{Author: who, Body: body, Created: at(t)})
	}
	if num := w.caseBefore(i); num >= 0 {
		c := w.makeCase(num)
		add(i.Reporter, w.cal.inHours(i.Created.Unix()+int64(r.between(60, 900))), "Case "+c.Number+" of "+i.Customer.Name+": "+c.Subject)
	}
	if i.started != 0 && r.chance(65) {
		add(i.Assignee, i.started, r.pick([]string{"Picking this up.", "Starting on this today.", "On it.", "I'll have a look.", "Taking it, should fit into this sprint."}))
	}
	for _, p := range w.pullsOf(i) {
		add(p.Author, p.Created.Unix()+int64(r.between(20, 200)), r.pick([]string{"Up for review: ", "Request is open: ", "First version: ", "Code is here: "})+w.PullURL(p))
		if p.merged != 0 {
			add(p.Merger, p.merged+int64(r.between(20, 200)), r.pick([]string{"Merged as ", "In: ", "Landed as "})+p.SHA[:8])
			w.deployed(&r, p, add)
		}
	}
	if i.done != 0 && r.chance(30) {
		body := r.pick([]string{"Confirmed in production.", "Works, closing.", "Checked with the reporter, closing.", "Numbers look good since then."})
		if i.resolution != "Done" {
			body = r.pick([]string{"Not worth it any more.", "We decided against it.", "Solved by other means.", "Nobody asked again, closing."})
		}
		add(i.Assignee, i.done, body)
	}
	slices.SortStableFunc(all, func(a, b IssueComment) int { return a.Created.Compare(b.Created) })
	all = slices.DeleteFunc(all, func(c IssueComment) bool { return c.Created.After(now) })
	for k := range all {
		all[k].ID = 20_000 + i.ID*8 + k
	}
	return all
}

// caseBefore is the ordinal of the customer's last case before the issue, -1 for
// none.
func (w *World) caseBefore(i *Issue) int {
	if i.Customer == nil {
		return -1
	}
	n := w.cases.countOf(i.Customer.Index, i.Created.Unix())
	if n == 0 {
		return -1
	}
	return w.cases.nth(i.Customer.Index, n-1)
}

// pullsOf returns the requests that were made for an issue, by repository.
func (w *World) pullsOf(i *Issue) []*Pull {
	var out []*Pull
	if i.started == 0 {
		return nil
	}
	for _, repo := range i.Project.repos {
		for num := w.pulls.countOf(repo.Index, i.started-1); num < w.pulls.countOf(repo.Index, i.done); num++ {
			if p := w.pull(w.pulls.nth(repo.Index, num)); p.Issue != nil && p.Issue.ID == i.ID {
				out = append(out, p)
			}
		}
	}
	return out
}

// deployed adds the first successful deployment after a merge.
func (w *World) deployed(r *roll, p *Pull, add func(*Person, int64, string)) {
	for _, j := range w.Jobs {
		if j.Repo != p.Repo || !j.Deploy {
			continue
		}
		b := w.run(j, w.builds.countOf(j.Index, p.merged)+1)
		if end := b.Started.Add(b.Duration).Unix(); !b.Failed && r.chance(60) {
			add(p.Merger, w.cal.inHours(end+int64(r.between(30, 400))), "Deployed with "+j.Name+" #"+strconv.Itoa(b.Number)+", version "+b.Version)
		}
	}
}
