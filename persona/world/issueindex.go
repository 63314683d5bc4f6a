package world

import (
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Set is a set of ordinals.
type Set []uint64

// upTo is the set of [0, n).
func upTo(n int) Set {
	s := make(Set, (n+63)/64)
	for i := range s {
		s[i] = ^uint64(0)
	}
	if n%64 != 0 {
		s[len(s)-1] = 1<<(n%64) - 1
	}
	return s
}

// Add puts n into the set.
func (s *Set) Add(n int) {
	for n/64 >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[n/64] |= 1 << (n % 64)
}

// Len is how many ordinals there are.
func (s Set) Len() (n int) {
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// Join adds what is in both t and within.
func (s *Set) Join(t, within Set) {
	n := min(len(t), len(within))
	for len(*s) < n {
		*s = append(*s, 0)
	}
	for i := range n {
		(*s)[i] |= t[i] & within[i]
	}
}

// Without returns what is in s and not in t.
func (s Set) Without(t Set) Set {
	out := append(Set(nil), s...)
	for i := range min(len(s), len(t)) {
		out[i] &^= t[i]
	}
	return out
}

// Each calls f with the ordinals in rising order, or falling, until it is false.
func (s Set) Each(falling bool, f func(n int) bool) {
	for k := range s {
		if falling {
			k = len(s) - 1 - k
		}
		for word := s[k]; word != 0; {
			bit := bits.TrailingZeros64(word)
			if falling {
				bit = 63 - bits.LeadingZeros64(word)
			}
			word &^= 1 << bit
			if !f(k*64 + bit) {
				return
			}
		}
	}
}

// facet has, for each value a field can have, the issues that have it.
type facet[T any] struct {
	values []T
	sets   []Set
}

func facetOf[T any](values []T) facet[T] { return facet[T]{values, make([]Set, len(values))} }

// match joins the sets of the values that f takes.
func (a facet[T]) match(within Set, f func(T) bool) (out Set) {
	for i, v := range a.values {
		if len(a.sets[i]) > 0 && f(v) {
			out.Join(a.sets[i], within)
		}
	}
	return out
}

// issueIndex says which issues have what, without making them: an issue is put
// together from few phrases, and a search looks at the phrases.
type issueIndex struct {
	n          int // issues that are in it
	numbers    []int32
	refused    Set
	projects   facet[*Project]
	types      facet[string]
	priorities facet[string]
	components facet[*Repo]
	assignees  facet[*Person]
	reporters  facet[*Person]
	labels     facet[string]
	phrases    [6]facet[string] // lower case; symptoms, conditions, features, chores, details, asks
	customers  facet[*Account]
	about      facet[string] // how the description names a component, lower case
}

func (w *World) newIssueIndex() *issueIndex {
	x := &issueIndex{
		projects: facetOf(w.Projects), types: facetOf(issueTypes[:]), priorities: facetOf(priorities[:]), components: facetOf(w.Repos),
		assignees: facetOf(w.Staff), reporters: facetOf(w.Staff), labels: facetOf(w.words.labels), customers: facetOf(w.Accounts), about: facetOf(make([]string, len(w.Repos))),
	}
	for i, r := range w.Repos {
		x.about.values[i] = lower(w.affects(r))
	}
	v := &w.words
	for i, list := range [...][]string{v.symptoms, v.conditions, v.features, v.chores, v.details, v.asks} {
		x.phrases[i] = facetOf(make([]string, len(list)))
		for k, s := range list {
			x.phrases[i].values[k] = lower(s)
		}
	}
	return x
}

func (x *issueIndex) add(n int, d *issueDraw) {
	x.numbers = append(x.numbers, int32(d.number))
	x.projects.sets[d.project.Index].Add(n)
	x.types.sets[d.kind].Add(n)
	x.priorities.sets[d.priority].Add(n)
	x.components.sets[d.component.Index].Add(n)
	x.about.sets[d.component.Index].Add(n)
	x.assignees.sets[d.assignee.Index].Add(n)
	x.reporters.sets[d.reporter.Index].Add(n)
	x.labels.sets[d.label].Add(n)
	if d.second >= 0 {
		x.labels.sets[d.second].Add(n)
	}
	switch d.kind {
	case bug:
		x.phrases[0].sets[d.what].Add(n)
		x.phrases[1].sets[d.when].Add(n)
	case story:
		x.phrases[2].sets[d.what].Add(n)
	default:
		x.phrases[3].sets[d.what].Add(n)
	}
	x.phrases[4].sets[d.detail].Add(n)
	if d.ask >= 0 {
		x.phrases[5].sets[d.ask].Add(n)
	}
	if d.customer != nil {
		x.customers.sets[d.customer.Index].Add(n)
	}
	if d.refused {
		x.refused.Add(n)
	}
}

// IssueSearch finds issues among those there are at one moment.
type IssueSearch struct {
	w *World
	x *issueIndex
	n int
}

// IssueSearch returns the search over the issues there are at now.
func (w *World) IssueSearch(now time.Time) IssueSearch {
	n := w.issues.count(now.Unix())
	if w.cache.index == nil {
		w.cache.index = w.newIssueIndex()
	}
	x := w.cache.index
	for ; x.n < n; x.n++ {
		d := w.drawIssue(x.n)
		x.add(x.n, &d)
	}
	return IssueSearch{w, x, n}
}

// All is all issues of projects that are open to the integration; ordinals rise
// with creation.
func (s IssueSearch) All() Set {
	closed := s.x.projects.match(upTo(s.n), func(p *Project) bool { return p.Restricted })
	return upTo(s.n).Without(closed)
}

// Issue makes the issue of an ordinal.
func (s IssueSearch) Issue(n int) *Issue { return s.w.issue(n) }

// Times makes an issue of which nothing but its times and resolution are known.
func (s IssueSearch) Times(n int) *Issue {
	i := &Issue{resolution: "Done"}
	if n/64 < len(s.x.refused) && s.x.refused[n/64]>>(n%64)&1 != 0 {
		i.resolution = "Won't Do"
	}
	s.w.issueTimes(n, i)
	return i
}

// Key returns the ordinal of an issue by its key or decimal id.
func (s IssueSearch) Key(key string) (n int, ok bool) {
	if i := s.w.issueOrdinal(key, s.n); i >= 0 {
		return i, true
	}
	if n := ordinalOfID(key); n >= 0 && n < s.n {
		d := s.w.drawIssue(n)
		return n, d.hasID(key)
	}
	return 0, false
}

// Projects are the issues within a set whose project f takes.
func (s IssueSearch) Projects(within Set, f func(*Project) bool) Set {
	return s.x.projects.match(within, f)
}

// Types are those whose type f takes.
func (s IssueSearch) Types(within Set, f func(string) bool) Set { return s.x.types.match(within, f) }

// Priorities are those whose priority f takes.
func (s IssueSearch) Priorities(within Set, f func(string) bool) Set {
	return s.x.priorities.match(within, f)
}

// Components are those about a repository that f takes.
func (s IssueSearch) Components(within Set, f func(*Repo) bool) Set {
	return s.x.components.match(within, f)
}

// Assignees are those whose assignee f takes.
func (s IssueSearch) Assignees(within Set, f func(*Person) bool) Set {
	return s.x.assignees.match(within, f)
}

// Reporters are those whose reporter f takes.
func (s IssueSearch) Reporters(within Set, f func(*Person) bool) Set {
	return s.x.reporters.match(within, f)
}

// Labels are those with a label that f takes.
func (s IssueSearch) Labels(within Set, f func(string) bool) Set { return s.x.labels.match(within, f) }

// Text are the issues within a set whose [Issue.Text] holds a word in lower case.
// A word with spaces is looked up piece by piece, and then in the texts.
func (s IssueSearch) Text(within Set, word string) Set {
	if !strings.Contains(word, " ") {
		return s.piece(within, word)
	}
	if word == " " {
		return within
	}
	for piece := range strings.SplitSeq(word, " ") {
		if piece != "" {
			within = s.piece(within, piece)
		}
	}
	var out Set
	within.Each(false, func(n int) bool {
		if strings.Contains(s.Issue(n).Text(), word) {
			out.Add(n)
		}
		return true
	})
	return out
}

// piece is Text for a word without spaces: in an issue's text such a word stands
// within one of the strings looked at here.
func (s IssueSearch) piece(within Set, word string) Set {
	holds := func(text string) bool { return strings.Contains(text, word) }
	out := s.x.about.match(within, holds)
	for _, p := range s.x.phrases {
		out.Join(p.match(within, holds), within)
	}
	out.Join(s.x.customers.match(within, func(a *Account) bool { return holds(lower(reportedBy(a))) }), within)
	for kind, form := range s.w.words.titles {
		if holds(form.word) {
			out.Join(s.x.types.sets[kind], within)
		}
		inTitle := s.Components(within, func(r *Repo) bool { return holds(lower(form.pre + r.Name + form.post)) })
		out.Join(inTitle, s.x.types.sets[kind])
	}
	out.Join(s.keys(within, word), within)
	return out
}

// keys are the issues whose key, in lower case, holds a word.
func (s IssueSearch) keys(within Set, word string) (out Set) {
	left, right, dash := strings.Cut(word, "-")
	if !dash {
		out = s.Projects(within, func(p *Project) bool { return strings.Contains(lower(p.Key), word) })
		left, right = "", word
	} else {
		within = s.Projects(within, func(p *Project) bool { return strings.HasSuffix(lower(p.Key), left) })
	}
	if strings.Trim(right, "0123456789") != "" {
		return out
	}
	within.Each(false, func(n int) bool {
		digits := strconv.Itoa(int(s.x.numbers[n]))
		if dash && strings.HasPrefix(digits, right) || !dash && strings.Contains(digits, right) {
			out.Add(n)
		}
		return true
	})
	return out
}
