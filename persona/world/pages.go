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
	if w.cache.pages == nil {
		for i, plan := range w.pagePlans() {
			r := w.sub("page").at(i)
			created := w.start + int64(i+1)*11*3600 + int64(r.below(6*3600))
			w.cache.pages = append(w.cache.pages, w.page(&r, plan, i%128, max(created, plan.after+2*day)))
		}
	}
	incidents := w.incidentsBy(t)
	for n := len(w.cache.postMortems); n < len(incidents); n++ {
		w.cache.postMortems = append(w.cache.postMortems, w.postMortem(incidents[n]))
	}
	var out []*Page
	for _, list := range [...][]*Page{w.cache.pages, w.cache.postMortems} {
		for _, p := range list {
			if p != nil && p.Created.Unix() <= t {
				out = append(out, p)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *Page) int { return a.Created.Compare(b.Created) })
	return out
}

// postMortem is the page about an incident, nil for a small one.
func (w *World) postMortem(i *Incident) *Page {
	if i.Severity > 2 {
		return nil
	}
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

func (w *World) pagePlans() []pagePlan {
	plans := w.officePages()
	for _, s := range w.Services {
		plans = append(plans, w.runbook(s), w.design(s))
	}
	for _, t := range w.Teams {
		body := []string{t.Name + " is " + strconv.Itoa(len(t.Members)) + " people, led by " + t.Members[0].Name + ".", "Find us in #team-" + t.Slug + ".", "# Who"}
		for _, p := range t.Members {
			body = append(body, "- "+p.Name+", "+p.Title+" ("+p.Email+")")
		}
		plans = append(plans, pagePlan{2, "Team charter: " + t.Name, []string{"team", t.Slug}, body, 0})
	}
	return plans
}

func (w *World) officePages() []pagePlan {
	it, sec := w.team("IT").Members[0], w.team("Security").Members[0]
	dom, inner := w.Org.Domain, w.internalDomain()
	return []pagePlan{
		{2, "Onboarding at " + w.Org.Name, []string{"onboarding"}, []string{
			"Welcome. In your first week you get a laptop, a mail account and single sign-on.", "# First day",
			"- Enrol a second factor at https://sso." + dom, "- Join #general and the channel of your team", "- Ask " + it.Name + " (" + it.Email + ") if something is missing",
		}, 0},
		{1, "VPN setup", []string{"vpn", "access"}, []string{
			"The VPN gateway is vpn." + inner + ". Profiles are handed out through the self-service portal.",
			"Access to production subnets needs the group prod-access, granted by " + sec.Name + ".",
		}, 0},
		{1, "Access requests", []string{"access"}, []string{
			"Requests go to #help-it with the name of the system and the reason.", "# Systems",
			"- Database read access: role reporting_ro, approved by the data team", "- Jenkins: jenkins." + dom, "- Vault: https://vault." + inner + ", one role per service",
		}, 0},
		{1, "Incident response process", []string{"incident", "on-call"}, []string{
			"Severity 1: customers cannot work. Severity 2: a part is degraded. Severity 3: nobody outside notices.",
			"The commander opens a thread in #incidents and writes the post-mortem within three days.",
		}, 0},
		{0, "Release process", []string{"release"}, []string{
			"Everything merged to the main branch is built by Jenkins and can be deployed on working days until 16:00.",
			"Deploys are announced in #deploys. Roll back with the job's previous build number.",
		}, 0},
		{0, "Service accounts and tokens", []string{"security", "access"}, []string{
			"Service accounts are created by " + sec.Name + ". Tokens live in vault under secret/PRODUCT/SERVICE and are rotated every 90 days.",
			"Never paste tokens into tickets or chat. Report a leaked token to security@" + dom + ".",
		}, 0},
		{3, "Renewal playbook", []string{"sales"}, []string{"Start 90 days before the end of term. The account team owns the plan; finance approves discounts over 15 percent."}, 0},
		{4, "Warehouse access", []string{"data"}, []string{"The warehouse is pg-analytics." + inner + ", database analytics. Dashboards read with reporting_ro."}, 0},
	}
}

func (w *World) runbook(s *Service) pagePlan {
	body := []string{
		s.Repo.Description + ".", "# Facts", "- Repository: " + w.WebURL(s.Repo), "- Tickets: project " + s.Repo.Project.Key,
		"- Owner: " + s.Repo.Team.Members[0].Name, "- Port: " + strconv.Itoa(s.Port), "- Database: " + s.Database,
	}
	for _, h := range s.Hosts {
		body = append(body, "- Host: "+h)
	}
	body = append(body, "# If it pages", "Check the error rate first, then the queue. Restart one instance at a time: systemctl restart "+s.Name+".",
		"Database credentials are read from /run/secrets/db_password; see vault path secret/"+w.productOf(s.Repo)+"/"+s.Name+".")
	return pagePlan{1, "Runbook: " + s.Name, []string{"runbook", s.Name}, body, s.Repo.Created.Unix()}
}

func (w *World) design(s *Service) pagePlan {
	r := w.sub("design").at(s.Repo.Index)
	why := r.pick([]string{"one deployment per region", "a queue between intake and processing", "a read replica for reports", "events instead of nightly files", "a cache in front of the rule engine"})
	return pagePlan{0, "Design: " + s.Name, []string{"design", w.productOf(s.Repo)}, []string{
		s.Repo.Description + ".", "# Decision", "We chose " + why + ".",
		"# Consequences", "- More moving parts, watched by the alerts repository", "- Work is tracked in " + s.Repo.Project.Name + " (" + s.Repo.Project.Key + ")", "Code: " + w.WebURL(s.Repo),
	}, s.Repo.Created.Unix()}
}

func (w *World) findings(i *Incident, created int64) pagePlan {
	body := []string{
		"Severity " + strconv.Itoa(i.Severity) + ". Commander: " + i.Commander.Name + ".", "# What happened",
		"At " + i.Started.Format("15:04") + " UTC " + i.Service.Name + " showed " + i.Symptom + ", first on " + i.Host + ". Cause: " + i.Cause + ".",
		"At " + i.Resolved.Format("15:04") + " UTC it was over: we " + i.Fix + ".",
	}
	repo := i.Service.Repo
	if c := w.Commits(repo, 1, i.Started); len(c) > 0 {
		body = append(body, "Last change before: "+c[0].SHA[:8]+" ("+c[0].Title+").")
	}
	if n := w.issues.countOf(repo.Project.Index, created); n > 0 {
		body = append(body, "# Follow-up", "- "+w.issue(w.issues.nth(repo.Project.Index, n-1)).Key)
	}
	return pagePlan{1, "Post-mortem: " + i.Title(), []string{"post-mortem", i.Service.Name}, body, 0}
}

// PageURL is the path of a page under the wiki's base, as in _links.webui.
func (p *Page) PageURL() string {
	return "/spaces/" + p.Space.Key + "/pages/" + strconv.Itoa(p.ID) + "/" + strings.ReplaceAll(p.Title, " ", "+")
}
