package world

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Team is a group of people with one line of work.
type Team struct {
	Name    string
	Slug    string
	Builds  bool // writes code
	Members []*Person
	titles  []string
	busy    []*Person // members, each as often as they are busy
}

// Present are the members who had joined by now.
func (t *Team) Present(now time.Time) []*Person { return joined(t.Members, now) }

func joined(list []*Person, now time.Time) []*Person {
	var out []*Person
	for _, p := range list {
		if !p.Joined.After(now) {
			out = append(out, p)
		}
	}
	return out
}

// Person is one member of staff. The same person is the author of commits, the
// Slack user, the assignee and the row in the users table.
type Person struct {
	Index   int
	First   string
	Last    string
	Name    string
	Login   string // local part of the mail address
	Email   string
	GitHub  string
	SlackID string
	JiraID  string
	CRMID   string // Salesforce user id
	UserID  int    // id in the application's users table
	Title   string
	Phone   string
	Avatar  string // path of the Slack avatar
	Zone    string
	Team    *Team
	Joined  time.Time
	Admin   bool
	MFA     bool
	Busy    int // how much of what happens is this person's doing, from 1
	office  *calendar
}

// AtWork reports whether the person had joined by t and works at that hour.
func (p *Person) AtWork(t time.Time) bool { return p.there(t.Unix()) }

func (p *Person) there(t int64) bool { return p.Joined.Unix() <= t && p.office.open(t) }

type teamPlan struct {
	name   string
	builds bool
	titles []string
}

var coreTeams = []teamPlan{
	{"Platform", true, []string{"Engineering Manager", "Staff Engineer", "Platform Engineer", "Senior Platform Engineer", "Software Engineer"}},
	{"Site Reliability", true, []string{"SRE Lead", "Site Reliability Engineer", "Senior Site Reliability Engineer"}},
	{"Data", true, []string{"Head of Data", "Data Engineer", "Analytics Engineer", "Senior Data Engineer", "Data Scientist"}},
	{"Sales", false, []string{"VP Sales", "Account Executive", "Senior Account Executive", "Sales Engineer"}},
	{"Customer Success", false, []string{"Head of Customer Success", "Customer Success Manager", "Support Engineer", "Implementation Consultant"}},
	{"Finance", false, []string{"Chief Financial Officer", "Financial Controller", "Accounts Payable Specialist"}},
	{"People", false, []string{"Head of People", "People Partner", "Talent Acquisition Partner"}},
}

var moreTeams = []teamPlan{
	{"Security", true, []string{"Head of Security", "Security Engineer", "Application Security Engineer"}},
	{"IT", false, []string{"IT Manager", "Systems Administrator", "IT Support Specialist"}},
	{"Product", false, []string{"VP Product", "Product Manager", "Senior Product Manager", "Product Analyst"}},
	{"Design", false, []string{"Design Lead", "Product Designer", "UX Researcher"}},
	{"Marketing", false, []string{"Head of Marketing", "Content Strategist", "Demand Generation Manager"}},
	{"Legal", false, []string{"General Counsel", "Contracts Manager"}},
	{"Quality", true, []string{"QA Lead", "QA Engineer", "Test Automation Engineer"}},
}

var squadTitles = []string{"Engineering Manager", "Software Engineer", "Senior Software Engineer", "Staff Engineer", "Software Engineer", "Frontend Engineer"}

func (w *World) makeTeams() {
	r := w.sub("teams").at(0)
	for _, p := range w.Products {
		w.Teams = append(w.Teams, &Team{Name: p.Name, Slug: p.Code, Builds: true, titles: squadTitles})
	}
	plans := append([]teamPlan(nil), coreTeams...)
	for _, p := range moreTeams {
		if r.chance(55) {
			plans = append(plans, p)
		}
	}
	for _, p := range plans {
		slug := strings.ReplaceAll(strings.ToLower(p.name), " ", "-")
		w.Teams = append(w.Teams, &Team{Name: p.name, Slug: slug, Builds: p.builds, titles: p.titles})
	}
}

func (w *World) makeStaff() {
	r := w.sub("staff").at(0)
	n := max(r.between(34, 80), 3*len(w.Teams))
	loginStyle, hubStyle := r.below(3), r.below(4)
	seen, homes := map[string]bool{}, w.homes()
	for attempt := 0; len(w.Staff) < n; attempt++ {
		p := w.newPerson(attempt, len(w.Staff), homes, loginStyle, hubStyle)
		if seen[p.Name] || seen[p.Login] || seen[p.GitHub] {
			continue
		}
		p.Team.Members = append(p.Team.Members, p)
		seen[p.Name], seen[p.Login], seen[p.GitHub] = true, true, true
		w.Staff = append(w.Staff, p)
	}
	slices.SortStableFunc(w.Staff, func(a, b *Person) int { return a.Joined.Compare(b.Joined) })
	id := r.between(3, 9)
	for i, p := range w.Staff {
		p.Index, p.UserID = i, id
		id += r.between(1, 3)
		p.CRMID = salesforceID("005", w.crmPod(), 4200+i*17)
		for range p.Busy {
			w.busy, p.Team.busy = append(w.busy, p), append(p.Team.busy, p)
		}
	}
}

func (w *World) newPerson(attempt, i int, homes []zone, loginStyle, hubStyle int) *Person {
	r := w.dice.person.at(attempt)
	p := &Person{First: firstNames[r.below(len(firstNames))], Last: lastNames[r.below(len(lastNames))]}
	p.Name = p.First + " " + p.Last
	first, last := ascii(p.First), ascii(p.Last)
	p.Login = [...]string{first + "." + last, first[:1] + last, first + last[:1]}[loginStyle]
	p.Email = p.Login + "@" + w.Org.Domain
	p.GitHub = hubLogin(&r, first, last, w.Org.Slug, hubStyle)
	p.Team = w.Teams[i%len(w.Teams)]
	if r.chance(40) && i >= 2*len(w.Teams) { // squads are larger
		p.Team = w.Teams[r.below(len(w.Products)+2)]
	}
	p.Title = p.Team.titles[0]
	p.Joined = at(w.start - int64(r.between(9, 200))*week + int64(r.between(0, 1))*day + 9*3600 + int64(r.below(5400)))
	if len(p.Team.Members) > 0 {
		p.Title = r.pick(p.Team.titles[1:])
		p.Joined = w.joins(&r, p.Joined.Unix(), len(p.Team.Members))
	}
	p.Zone, p.office = w.Org.Zone, w.cal
	if len(p.Team.Members) > 0 && len(homes) > 0 && r.chance(28) {
		z := homes[r.below(len(homes))]
		p.Zone, p.office = z.name, w.calendar(z)
	}
	p.Busy = [...]int{1, 1, 1, 2, 2, 3, 4, 6, 9}[r.below(9)]
	p.SlackID, p.JiraID = r.slackID("U"), "712020:"+r.uuid()
	p.Phone = w.Org.Phone + " x" + strconv.Itoa(2000+i*3+r.below(3))
	p.Avatar = p.Joined.Format("2006-01-02") + "/" + strconv.Itoa(r.between(4_000_000, 6_999_999)) + pad(r.between(0, 999_999), 6) + "_" + r.hex(20)
	p.Admin, p.MFA = r.chance(6), r.chance(88)
	return p
}

// joins draws when somebody who does not lead the team joins it: the first few
// early, a part of the others years later. People start on Mondays and Tuesdays.
func (w *World) joins(r *roll, early int64, members int) time.Time {
	t := min(early+int64(r.between(0, 380))*day, start2024-7*day)
	if members > 1 && r.chance(35) {
		t = start2024 + int64(r.between(0, 1700))*day
	}
	t -= (t - start2024) % week
	if t < start2024 {
		t -= week
	}
	return at(t - w.Org.offset + int64(r.below(2))*day + 9*3600 + int64(r.below(5400)))
}

func hubLogin(r *roll, first, last, org string, style int) string {
	switch style {
	case 0:
		return first + last[:min(3, len(last))] + pad(r.below(100), 2)
	case 1:
		return first[:1] + last + "-" + strings.SplitN(org, "-", 2)[0]
	case 2:
		return last + first[:1] + r.pick([]string{"", "-dev", "1", "7"})
	}
	return first + "-" + last
}

// ascii lowers a name and drops what a login cannot hold.
func ascii(s string) string {
	b := make([]byte, 0, len(s))
	for _, c := range strings.ToLower(s) {
		switch {
		case c >= 'a' && c <= 'z':
			b = append(b, byte(c))
		case c == 'ö':
			b = append(b, 'o')
		}
	}
	return string(b)
}

// crmPod is the part of every Salesforce id that names the company's instance.
func (w *World) crmPod() string {
	if w.cache.crmPod == "" {
		r := w.sub("crm pod").at(0)
		w.cache.crmPod = r.text("45678", 1) + r.text("JKLMNPQRSTx", 1) + "0"
	}
	return w.cache.crmPod
}

// PersonBy finds a person by login, mail address, Slack id, GitHub login, Jira
// account or full name, without regard to case; nil if there is none.
func (w *World) PersonBy(key string) *Person {
	key = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(key), "@"))
	for _, p := range w.Staff {
		for _, k := range [...]string{p.Login, p.Email, p.SlackID, p.GitHub, p.JiraID, p.Name} {
			if strings.EqualFold(k, key) {
				return p
			}
		}
	}
	return nil
}

// team returns the team of that name, else the first.
func (w *World) team(name string) *Team {
	for _, t := range w.Teams {
		if t.Name == name {
			return t
		}
	}
	return w.Teams[0]
}

// anybody picks a member who had joined by t.
func (t *Team) anybody(r *roll, when int64) *Person {
	if p := t.busy[r.below(len(t.busy))]; p.Joined.Unix() <= when {
		return p
	}
	return t.Members[0]
}

// present picks somebody of the team who is at work at t, busy people more
// often. When nobody was found it is the lead, who works at the head office.
func (t *Team) present(r *roll, when int64) *Person {
	for range 3 {
		if p := t.busy[r.below(len(t.busy))]; p.there(when) {
			return p
		}
	}
	return t.Members[0]
}
