package world

import (
	"strings"
	"time"
)

// World is one company. Its base (people, repositories, channels, ...) is fixed;
// see the methods for what happens in it over time.
type World struct {
	Org      Org
	Teams    []*Team
	Staff    []*Person // in the order they joined
	Products []Product
	Projects []*Project
	Repos    []*Repo
	Services []*Service
	Jobs     []*Job
	Channels []*Channel
	Rooms    []*Channel // Google Chat spaces
	Spaces   []*Space
	Accounts []*Account

	words words
	d     dice
	dice  struct { // those that are drawn from often
		issue, issueTimes, pull, message, log, logID, person, account dice
	}
	start     int64     // where the streams begin
	cal       *calendar // of the head office
	office    *tempo
	clock     *tempo
	busy      []*Person // staff, each as often as they are busy
	issues    *stream
	pulls     *stream
	builds    *stream
	messages  *stream
	chats     *stream
	incidents *stream
	logs      *stream
	orders    *stream
	cases     *stream
	cache     cache
}

// cache holds pure values that are costly to make again.
type cache struct {
	dice      map[string]dice
	crmPod    string
	secrets   []Secret
	leaks     map[string][]leak // by kind
	internal  string            // domain
	incidents []*Incident
	slots     int // of the incidents' stream that were looked at
	calendars map[string]*calendar
	deals     [][]*Opportunity // by account
	issues    []*Issue
	index     *issueIndex
	pulls     map[int]*Pull
	talks     [2]window[talk] // of Slack and of Google Chat
	logs      window[LogLine]
	pages     []*Page
	cases     []*Case
	drive     []*DriveFile
	quarters  int // of drive files made
	databases []*Database
	keyspaces []*Keyspace
	nodes     []Node
	// postMortems has the page of each incident, nil for none.
	postMortems []*Page
	reviews     []*Page
}

// window keeps neighbouring items of a stream.
type window[T any] struct {
	from  int
	items []*T
}

// get returns item n, made if need be. A window that is full, or that n would
// leave a gap in, is emptied.
func (c *window[T]) get(n, most int, make func() *T) *T {
	if i := n - c.from; i >= 0 && i < len(c.items) {
		return c.items[i]
	}
	if n != c.from+len(c.items) || len(c.items) >= most {
		c.from, c.items = n, nil
	}
	item := make()
	c.items = append(c.items, item)
	return item
}

// limits of the caches, in items; a cache that is full is emptied.
const (
	maxPulls = 4096
	maxTalks = 16384
	maxLogs  = 16384
)

// Org is the company itself.
type Org struct {
	Name     string // as people say it
	Legal    string // with its legal form
	Slug     string // [a-z0-9-]+
	Domain   string
	Industry string
	City     string
	Country  string
	Zone     string // IANA name of the head office
	Founded  time.Time
	Phone    string
	offset   int64 // seconds east of UTC
}

// New returns the world of a seed.
func New(seed uint64) *World {
	w := &World{d: newDice(seed)}
	w.cache.dice, w.cache.pulls, w.cache.calendars = map[string]dice{}, map[int]*Pull{}, map[string]*calendar{}
	d := &w.dice
	d.issue, d.issueTimes, d.pull = w.d.sub("issue"), w.d.sub("issue times"), w.d.sub("pull")
	d.message, d.log, d.logID = w.d.sub("message"), w.d.sub("log"), w.d.sub("log id")
	d.person, d.account = w.d.sub("person"), w.d.sub("account")
	w.makeOrg()
	w.makeWords()
	w.makeProducts()
	w.makeTeams()
	w.makeStaff()
	w.makeProjects()
	w.makeRepos()
	w.makeServices()
	w.makeChannels()
	w.makeSpaces()
	w.makeAccounts()
	w.makeStreams()
	return w
}

// sub derives the function of a label, once. Labels are few: whatever has many
// names or numbers draws by number.
func (w *World) sub(label string) dice {
	d, ok := w.cache.dice[label]
	if !ok {
		d = w.d.sub(label)
		w.cache.dice[label] = d
	}
	return d
}

// start2024 is Monday 2024-01-01: by then every world has a past.
const start2024 = 1704067200

type zone struct {
	name, city, country, dial string
	offset                    int64
}

// remotes are zones that people work from, beside those of the offices.
var remotes = [...]zone{
	{name: "Europe/Madrid", country: "ES", offset: 3600}, {name: "Europe/Warsaw", country: "PL", offset: 3600}, {name: "Asia/Kolkata", country: "IN", offset: 19800},
}

// homes are the zones from which people can work for the head office: those
// whose days overlap by half or more.
func (w *World) homes() []zone {
	var out []zone
	for _, list := range [...][]zone{zones[:], remotes[:]} {
		for _, z := range list {
			if apart := z.offset - w.Org.offset; z.name != w.Org.Zone && apart >= -3*3600 && apart <= 6*3600-1800 {
				out = append(out, z)
			}
		}
	}
	return out
}

// calendar returns the calendar of a zone.
func (w *World) calendar(z zone) *calendar {
	c := w.cache.calendars[z.name]
	if c == nil {
		c = newCalendar(w.start-pastDays*day+w.Org.offset-z.offset, z.country)
		w.cache.calendars[z.name] = c
	}
	return c
}

var zones = [...]zone{
	{"America/Los_Angeles", "San Mateo", "US", "+1 650 555 01", -8 * 3600},
	{"America/Denver", "Boulder", "US", "+1 303 555 01", -7 * 3600},
	{"America/Chicago", "Minneapolis", "US", "+1 612 555 01", -6 * 3600},
	{"America/New_York", "Stamford", "US", "+1 203 555 01", -5 * 3600},
	{"America/Toronto", "Waterloo", "CA", "+1 519 555 01", -5 * 3600},
	{"Europe/London", "Reading", "GB", "+44 118 496 0", 0},
	{"Europe/Dublin", "Dublin", "IE", "+353 20 913 0", 0},
	{"Europe/Amsterdam", "Haarlem", "NL", "+31 85 555 01", 3600},
	{"Europe/Berlin", "Potsdam", "DE", "+49 30 23125 0", 3600},
	{"Europe/Stockholm", "Uppsala", "SE", "+46 8 465 004 ", 3600},
}

var industries = [...]string{
	"Freight logistics", "Payments", "Clinical software", "Property management", "Energy trading", "Insurance", "Field service",
	"Retail analytics", "Travel booking", "Payroll", "Wholesale ordering", "Fleet telematics", "Warehouse automation", "Lending",
	"Laboratory information", "Ticketing", "Subscription billing", "Procurement", "Building automation", "Customs brokerage",
	"Credit control", "Food distribution", "Pharmacy supply", "Event management",
}

func (w *World) makeOrg() {
	r := w.sub("org").at(0)
	z := zones[r.below(len(zones))]
	name := capital(coin(&r, 2))
	o := Org{Name: name, Zone: z.name, City: z.city, Country: z.country, offset: z.offset}
	o.Slug = strings.ToLower(name)
	switch r.below(4) {
	case 0:
		second := trades[r.below(len(trades))]
		o.Name = name + " " + second
		o.Slug += "-" + strings.ToLower(second)
	case 1:
		o.Slug += r.pick([]string{"hq", "-group", "-tech", "-eng", "corp"})
	}
	o.Legal = o.Name + " " + r.pick(legalForms(z.country))
	o.Domain = strings.ReplaceAll(o.Slug, "-", r.pick([]string{"", "-"})) + r.pick([]string{".io", ".com", ".net", ".co", ".cloud", ".systems"})
	o.Industry = industries[r.below(len(industries))]
	w.start = start2024 - int64(r.between(54, 150))*week - z.offset
	w.Org.offset = z.offset // calendars are made by it
	w.cal = w.calendar(z)
	w.office = &tempo{d: w.sub("office tempo"), cal: w.cal, first: pastDays, office: true}
	w.clock = &tempo{d: w.sub("clock tempo"), cal: everyDay(w.start)}
	o.Founded = at(w.start - int64(r.between(400, 3000))*day)
	o.Phone = z.dial + pad(r.between(10, 90), 2)
	w.Org = o
}

func legalForms(country string) []string {
	switch country {
	case "GB", "IE":
		return []string{"Ltd", "Limited", "plc"}
	case "NL":
		return []string{"B.V."}
	case "DE":
		return []string{"GmbH"}
	case "SE":
		return []string{"AB"}
	}
	return []string{"Inc.", "LLC", "Corp."}
}

// coin makes a word of n syllables and an ending.
func coin(r *roll, n int) string {
	var word strings.Builder
	word.WriteString(heads[r.below(len(heads))])
	for range n - 1 {
		word.WriteString(joint(r, word.String()) + heads[r.below(len(heads))])
	}
	return word.String() + tails[r.below(len(tails))]
}

// joint is now and then a consonant between a vowel and the next syllable.
func joint(r *roll, word string) string {
	if strings.ContainsRune("aeiou", rune(word[len(word)-1])) && r.chance(40) {
		return middles[r.below(len(middles))]
	}
	return ""
}

func capital(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-32) + s[1:]
}

// Product is one of the things the company makes, known by a code name.
type Product struct {
	Code string // lower case
	Name string
	What string
}

var purposes = [...]string{
	"order intake", "billing", "scheduling", "document exchange", "pricing", "customer portal", "inventory", "notifications", "settlement",
	"partner integrations", "claims", "reporting", "identity", "routing", "forecasting", "onboarding", "risk scoring", "contract management",
}

func (w *World) makeProducts() {
	r := w.sub("products").at(0)
	what := append([]string(nil), purposes[:]...)
	r.shuffle(len(what), func(i, j int) { what[i], what[j] = what[j], what[i] })
	seen := map[string]bool{}
	for i, n := 0, r.between(4, 7); i < n; {
		code := coin(&r, r.between(1, 2))
		if seen[code] || seen[code[:2]] || len(code) < 5 || len(code) > 10 {
			continue
		}
		seen[code], seen[code[:2]] = true, true
		w.Products = append(w.Products, Product{Code: code, Name: capital(code), What: what[i]})
		i++
	}
}

// makeStreams fixes how much happens in a week.
func (w *World) makeStreams() {
	r := w.sub("quota").at(0)
	issues := quotas(&r, len(w.Projects), 1, 1, 1, 2, 2, 3, 5)
	issues[0], issues[len(issues)-1] = 3, 1 // the main product; people and payroll
	w.issues = newStream(w.sub("issues"), w.office, issues)
	w.pulls = newStream(w.sub("pulls"), w.office, quotas(&r, len(w.Repos), 1, 1, 1, 1, 2, 2, 3, 4, 6))
	for i, repo := range w.Repos {
		w.pulls.from[i] = repo.from
	}
	w.builds = newStream(w.sub("builds"), w.office, quotas(&r, len(w.Jobs), 1, 2, 2, 3, 4, 6, 9, 14))
	for i, job := range w.Jobs {
		w.builds.from[i] = job.Repo.from
	}
	w.messages = newStream(w.sub("messages"), w.office, quotas(&r, len(w.Channels), 1, 2, 3, 4, 6, 9))
	w.chats = newStream(w.sub("chats"), w.office, quotas(&r, len(w.Rooms), 1, 2, 4, 7))
	w.incidents = newStream(w.sub("incidents"), w.clock, []int{incidentSlots})
	w.logs = newStream(w.sub("logs"), w.clock, []int{r.between(1500, 2300)})
	w.orders = newStream(w.sub("orders"), w.office, []int{r.between(40, 90)})
	w.cases = newStream(w.sub("cases"), w.office, caseQuotas(&r, len(w.Accounts)))
	for i, a := range w.Accounts {
		w.cases.from[i] = (max(0, int(a.Created.Unix()-w.start))/(blockWeeks*week) + 1) * blockWeeks
	}
	w.cases.from[0] = 0
}

// quotas draws how busy each of n owners is; few are very busy.
func quotas(r *roll, n int, from ...int) []int {
	q := make([]int, n)
	for i := range q {
		q[i] = from[r.below(len(from))]
	}
	return q
}

// caseQuotas gives a case a week to the accounts that keep support busy.
func caseQuotas(r *roll, n int) []int {
	q := make([]int, n)
	for i := range q {
		if i == 0 || r.chance(22) {
			q[i] = 1
		}
	}
	return q
}
