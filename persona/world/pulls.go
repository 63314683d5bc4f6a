package world

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// Pull is a pull or merge request. Once merged it is one commit on the
// repository's branch, as with squash merges.
type Pull struct {
	Repo    *Repo
	ID      int
	Number  int // from 1, dense
	Title   string
	Issue   *Issue // nil for housekeeping
	Author  *Person
	Merger  *Person
	Head    string // branch
	SHA     string // of the commit, once merged
	Created time.Time

	merged, closed int64 // 0: never
	files          []string
	rest           roll // draws the files
}

// Comment is a review comment on a line of a pull request.
type Comment struct {
	ID      int
	Author  *Person
	Body    string
	Path    string
	Line    int // 0: on the request as a whole
	Created time.Time
}

// maxMergeDelay bounds how long a merge can follow its request.
const maxMergeDelay = 14 * day

func (w *World) pull(n int) *Pull {
	if p := w.cache.pulls[n]; p != nil {
		return p
	}
	if len(w.cache.pulls) >= maxPulls {
		clear(w.cache.pulls)
	}
	p := w.makePull(n)
	w.cache.pulls[n] = p
	return p
}

func (w *World) makePull(n int) *Pull {
	owner, num := w.pulls.of(n)
	repo := w.Repos[owner]
	r := w.dice.pull.at(n)
	created := w.pulls.time(n)
	p := &Pull{Repo: repo, Number: num + 1, Created: at(created), SHA: r.hex(40)}
	p.ID = requestID(repo.SCM, created, n)
	if end, merged := w.pullEnd(&r, created); merged {
		p.merged = end
	} else {
		p.closed = end
	}
	p.Issue = w.issueFor(&r, repo, created, p.merged)
	if p.Issue != nil {
		p.Title, p.Author = p.Issue.Key+" "+p.Issue.Summary, p.Issue.Assignee
		p.Head = p.Issue.Key + "-" + slug(p.Issue.Summary, 40)
	} else {
		p.Title, p.Author = r.pick(w.words.upkeep), repo.Team.present(&r, created)
		p.Head = "chore/" + slug(p.Title, 40)
	}
	for range 3 { // whoever merges is mostly not the author
		if p.Merger = repo.Team.present(&r, max(p.merged, p.closed)); p.Merger != p.Author {
			break
		}
	}
	p.rest = r
	return p
}

// requestID is an id that the host hands out in turn.
func requestID(host SCM, created int64, n int) int {
	if host == GitHub { // some 1.4 billion in early 2022
		return 1_440_000_000 + int(created-1_640_995_200)*4 + n%4
	}
	return 12_000 + n*2
}

// touched returns the paths of the files that the request changes.
func (w *World) touched(p *Pull) []string {
	if p.files != nil {
		return p.files
	}
	r, files := p.rest, w.Files(p.Repo)
	for range r.between(1, 3) {
		if f := files[r.below(len(files))].Path; !slices.Contains(p.files, f) {
			p.files = append(p.files, f)
		}
	}
	return p.files
}

// shaWords is how many words of an item's dice its hash takes.
const shaWords = 3

// pullEnd draws when a request was merged or closed; only the hash comes before.
func (w *World) pullEnd(r *roll, created int64) (end int64, merged bool) {
	ready := created + int64(r.between(1500, day))*int64(r.between(1, 4))
	if end = w.cal.inHours(ready); end != ready { // not all of them in the morning
		end += ready % 7200 * (ready / 7200 % 3)
	}
	return end, r.chance(92)
}

// merge is a request that was merged, as far as the order of commits needs it.
type merge struct {
	n, number int
	at        int64
}

// merges returns at least the newest n merges of a repository by t, if there are
// so many, newest first. It draws little of each request.
func (w *World) merges(repo *Repo, n int, t int64) []merge {
	var found []merge
	oldest := int64(1 << 62)
	for num := w.pulls.countOf(repo.Index, t) - 1; num >= 0; num-- {
		m := merge{n: w.pulls.nth(repo.Index, num), number: num + 1}
		created := w.pulls.time(m.n)
		if len(found) >= n && created+maxMergeDelay < oldest {
			break // whatever is older was merged earlier, too
		}
		r := w.dice.pull.at(m.n)
		r.n = shaWords
		merged := false
		if m.at, merged = w.pullEnd(&r, created); !merged || m.at > t {
			continue
		}
		found = append(found, m)
		if len(found) <= n {
			oldest = min(oldest, m.at)
		}
	}
	slices.SortFunc(found, func(a, b merge) int { return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(b.number, a.number)) })
	return found
}

// issueFor finds an issue that was being worked on when the request was made, if
// possible one about the repository.
func (w *World) issueFor(r *roll, repo *Repo, created, merged int64) *Issue {
	p := repo.Project
	var other *Issue
	num := w.issues.countOf(p.Index, created) - 1
	for range 14 {
		if num < 0 {
			break
		}
		n := w.issues.nth(p.Index, num)
		if plan := w.plan(n); plan.started != 0 && plan.started <= created && plan.done >= max(created, merged) {
			switch i := w.issue(n); {
			case !i.Assignee.there(created):
			case i.Component == repo:
				return i
			default:
				other = i
			}
		}
		num--
	}
	if r.chance(40) {
		return other
	}
	return nil
}

func slug(s string, limit int) string {
	b := make([]byte, 0, limit)
	for i := 0; i < len(s) && len(b) < limit; i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			b = append(b, c)
		case c >= 'A' && c <= 'Z':
			b = append(b, c+32)
		case len(b) > 0 && b[len(b)-1] != '-':
			b = append(b, '-')
		}
	}
	for len(b) > 0 && b[len(b)-1] == '-' {
		b = b[:len(b)-1]
	}
	return string(b)
}

// Merged returns when the request was merged, and whether it is by now.
func (p *Pull) Merged(now time.Time) (time.Time, bool) {
	return at(p.merged), p.merged != 0 && p.merged <= now.Unix()
}

// Message is the message of the commit that the request became.
func (p *Pull) Message() string {
	if p.Repo.SCM == GitLab {
		return p.Title + "\n\nSee merge request " + p.Repo.FullName() + "!" + strconv.Itoa(p.Number)
	}
	return p.Title + " (#" + strconv.Itoa(p.Number) + ")"
}

// PullBy finds a request by its number; nil if there is none at now.
func (w *World) PullBy(repo *Repo, number int, now time.Time) *Pull {
	if number < 1 || number > w.pulls.countOf(repo.Index, now.Unix()) {
		return nil
	}
	return w.pull(w.pulls.nth(repo.Index, number-1))
}

// PullCount is how many requests the repository has had by now.
func (w *World) PullCount(repo *Repo, now time.Time) int {
	return w.pulls.countOf(repo.Index, now.Unix())
}

// Commits returns the newest n commits of the repository's branch, newest first.
func (w *World) Commits(repo *Repo, n int, now time.Time) []*Pull {
	found := w.merges(repo, n, now.Unix())
	out := make([]*Pull, min(n, len(found)))
	for i := range out {
		out[i] = w.pull(found[i].n)
	}
	return out
}

// Pushed is when the repository last changed.
func (w *World) Pushed(repo *Repo, now time.Time) time.Time {
	if head := w.merges(repo, 1, now.Unix()); len(head) > 0 {
		return at(head[0].at)
	}
	return repo.Created
}

// Comments returns the review comments of a request, oldest first.
func (w *World) Comments(p *Pull, now time.Time) []Comment {
	r := w.sub("comments").at(p.Repo.Index<<20 | p.Number)
	end := max(p.merged, p.closed)
	span := int(end - p.Created.Unix())
	n := r.between(0, 6)
	times := make([]int64, n)
	for i := range times {
		times[i] = min(end, w.cal.inHours(p.Created.Unix()+int64(span*i/n)+int64(r.below(max(1, span/n)))))
	}
	slices.Sort(times)
	files := w.touched(p)
	var out []Comment
	for i, t := range times {
		c := Comment{ID: p.ID + 1000 + i*7 + r.below(7), Author: p.Repo.Team.present(&r, t), Body: r.pick(w.words.remarks), Created: at(t)}
		if f := w.file(p.Repo, files[r.below(len(files))]); r.chance(80) && f != nil {
			c.Path, c.Line = f.Path, r.between(1, max(1, f.Lines()))
		}
		c.Body = w.leakedRemark(c.ID, c.Body)
		if i == 1 && n > 2 && p.Author.there(t) {
			c.Author = p.Author
		}
		if t <= now.Unix() {
			out = append(out, c)
		}
	}
	return out
}
