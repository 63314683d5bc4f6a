package world

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Space is a Confluence space.
type Space struct {
	Key  string
	Name string
	Team *Team
	// Restricted spaces are closed to the integration.
	Restricted bool
}

// Page is a wiki page. It is edited now and then; Version tells by when.
type Page struct {
	ID      int
	Title   string
	Space   *Space
	Author  *Person
	Labels  []string
	Body    string // storage format
	Created time.Time
	edits   rhythm
	lines   []string // the body's paragraphs
	lower   string
}

// Text is what a search looks at, lower case.
func (p *Page) Text() string {
	if p.lower == "" {
		p.lower = lower(slices.Concat([]string{p.Title}, p.lines, p.Labels)...)
	}
	return p.lower
}

// Version is the number and time of the last edit by now.
func (p *Page) Version(now time.Time) (int, time.Time) {
	n, when := p.edits.last(now)
	return n + 1, when
}

func (w *World) makeSpaces() {
	short := strings.ToUpper(w.Org.Slug[:2])
	add := func(key, name, team string) {
		w.Spaces = append(w.Spaces, &Space{Key: key, Name: name, Team: w.team(team)})
	}
	add(short+"ENG", "Engineering", "Platform")
	add(short+"SRE", "Operations", "Site Reliability")
	add(short+"PEOPLE", "People and Office", "People")
	add(short+"SALES", "Sales and Customers", "Sales")
	add(short+"DATA", "Data", "Data")
	add(short+"FIN", "Finance", "Finance")
	w.Spaces[len(w.Spaces)-1].Restricted = true
}

// SpaceBy finds a space by key or name; nil if there is none.
func (w *World) SpaceBy(key string) *Space {
	for _, s := range w.Spaces {
		if strings.EqualFold(s.Key, key) || strings.EqualFold(s.Name, key) {
			return s
		}
	}
	return nil
}

type pagePlan struct {
	space  int
	title  string
	labels []string
	body   []string // paragraphs; "# " starts a heading, "- " a list item
	after  int64    // when what it is about came to be
}

// Pages returns all pages there are at now, oldest first.
func (w *World) Pages(now time.Time) []*Page {
	t := now.Unix()
	incidents := w.incidentsBy(t)
	for n := len(w.cache.postMortems); n < len(incidents); n++ {
		w.cache.postMortems = append(w.cache.postMortems, w.postMortemOf(incidents[n]))
	}
	for m := len(w.cache.reviews); m < 12*120 && w.month(m) <= t; m++ {
		w.cache.reviews = append(w.cache.reviews, w.review(m))
	}
	var out []*Page
	for _, list := range [...][]*Page{w.basePages(), w.cache.postMortems, w.cache.reviews} {
		for _, p := range list {
			if p != nil && p.Created.Unix() <= t {
				out = append(out, p)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *Page) int { return a.Created.Compare(b.Created) })
	return out
}

// basePages are the pages that are not about something that happened.
func (w *World) basePages() []*Page {
	if w.cache.pages == nil {
		for i, plan := range w.pagePlans() {
			r := w.sub("page").at(i)
			created := w.start + int64(i+1)*11*3600 + int64(r.below(6*3600))
			w.cache.pages = append(w.cache.pages, w.page(&r, plan, i%128, max(created, plan.after+2*day)))
		}
	}
	return w.cache.pages
}

// postMortemOf is the page about an incident, nil for a small one.
func (w *World) postMortemOf(i *Incident) *Page {
	if i.Severity <= 2 && i.page == nil {
		i.page = w.postMortem(i)
	}
	return i.page
}

func (w *World) postMortem(i *Incident) *Page {
	r := w.sub("post-mortem").at(i.slot)
	created := w.cal.inHours(i.Resolved.Unix() + int64(r.between(day, 3*day)))
	return w.page(&r, w.findings(i, created), 128+i.Number%128, created)
}

// page makes a page; the serial keeps ids of one minute apart.
func (w *World) page(r *roll, plan pagePlan, serial int, created int64) *Page {
	s := w.Spaces[plan.space]
	created = w.cal.inHours(created)
	p := &Page{Title: plan.title, Space: s, Labels: plan.labels, Created: at(created), lines: plan.body, Body: storage(plan.body)}
	p.ID = 131_072 + int(created-w.start)/60*256 + serial
	p.Author = s.Team.present(r, created)
	p.edits = rhythm{cal: w.cal, from: created}
	if r.chance(70) {
		p.edits.every, p.edits.most = int64(r.between(12, 200))*day+int64(r.below(8*3600)), r.between(1, 24)
	}
	return p
}

// storage renders paragraphs in Confluence's storage format.
func storage(body []string) string {
	var b strings.Builder
	list := false
	for _, line := range body {
		text, isItem := strings.CutPrefix(line, "- ")
		if isItem != list {
			b.WriteString(map[bool]string{true: "<ul>", false: "</ul>"}[isItem])
			list = isItem
		}
		open, end := "<p>", "</p>"
		if isItem {
			open, end = "<li>", "</li>"
		} else if h, ok := strings.CutPrefix(text, "# "); ok {
			text, open, end = h, "<h2>", "</h2>"
		}
		b.WriteString(open + text + end)
	}
	if list {
		b.WriteString("</ul>")
	}
	return b.String()
}

// WikiBase is the address that paths of pages are below.
func (w *World) WikiBase() string { return "https://" + w.Org.Slug + ".atlassian.net/wiki" }

// PageURL is the path of a page under the wiki's base, as in _links.webui.
func (p *Page) PageURL() string {
	return "/spaces/" + p.Space.Key + "/pages/" + strconv.Itoa(p.ID) + "/" + strings.ReplaceAll(p.Title, " ", "+")
}
