package world

import (
	"sort"
	"strconv"
	"strings"
	"time"
)

// Account is a customer in Salesforce and a row of the customers table.
type Account struct {
	Index      int
	ID         string
	CustomerID int
	Name       string
	Industry   string
	Phone      string
	Website    string
	Street     string
	City       string
	PostalCode string
	Country    string
	Revenue    int
	Employees  int
	Plan       string
	Owner      *Person
	Team       []*Person
	Contacts   []Contact
	Created    time.Time
}

// Contact is a person at a customer.
type Contact struct {
	ID, First, Last, Name, Title, Email, Phone string
	Created                                    time.Time
}

// Opportunity is a deal with an account.
type Opportunity struct {
	ID      string
	Account *Account
	Name    string
	Amount  int
	Owner   *Person
	Created time.Time
	moves   [4]int64
	won     bool
}

// Case is a support case.
type Case struct {
	ID       string
	Number   string
	Account  *Account
	Contact  Contact
	Subject  string
	Priority string
	Origin   string
	Owner    *Person
	Created  time.Time
	closed   int64
}

func (w *World) makeAccounts() {
	r := w.sub("accounts").at(0)
	n := r.between(110, 150)
	seen := map[string]bool{}
	id := r.between(100, 900)
	for attempt := 0; len(w.Accounts) < n; attempt++ {
		a := w.newAccount(attempt, len(w.Accounts))
		if seen[a.Name] {
			continue
		}
		seen[a.Name] = true
		id += r.between(1, 9)
		a.CustomerID = id
		w.Accounts = append(w.Accounts, a)
	}
}

func (w *World) newAccount(attempt, i int) *Account {
	r := w.dice.account.at(attempt)
	a := &Account{Index: i, Name: companyName(&r), Industry: industries[r.below(len(industries))]}
	a.Created = at(w.cal.inHours(w.start - 600*day + int64(i)*17*day + int64(r.below(16*day))))
	a.ID = salesforceID("001", w.crmPod(), w.crmSerial(a.Created.Unix()))
	site := slug(a.Name, 24)
	a.Website = "www." + site + r.pick([]string{".com", ".net", ".eu", ".biz"})
	place := strings.SplitN(cities[r.below(len(cities))], "|", 2)
	a.City, a.Country = place[0], place[1]
	a.Street = strconv.Itoa(r.between(1, 480)) + " " + capital(nouns[r.below(len(nouns))]) + " " + r.pick([]string{"Street", "Road", "Avenue", "Way", "Lane"})
	a.PostalCode = pad(r.between(10_000, 99_899), 5)
	a.Phone = "+1 " + strconv.Itoa(r.between(201, 989)) + " 555 01" + pad(r.below(100), 2)
	a.Employees = r.between(20, 900) * r.between(1, 9)
	a.Revenue = a.Employees * r.between(60, 320) * 1000
	a.Plan = r.pick([]string{"starter", "business", "business", "enterprise"})
	a.Owner = w.team("Sales").anybody(&r, a.Created.Unix())
	a.Team = []*Person{a.Owner, w.team("Customer Success").anybody(&r, a.Created.Unix())}
	for k := range r.between(1, 4) {
		a.Contacts = append(a.Contacts, w.newContact(&r, a, site, k))
	}
	return a
}

func companyName(r *roll) string {
	switch r.below(5) {
	case 0:
		return lastNames[r.below(len(lastNames))] + " & " + lastNames[r.below(len(lastNames))] + " " + trades[r.below(len(trades))]
	case 1:
		return lastNames[r.below(len(lastNames))] + " " + capital(nouns[r.below(len(nouns))]) + " " + trades[r.below(len(trades))]
	}
	return capital(coin(r, r.between(1, 2))) + " " + trades[r.below(len(trades))]
}

func (w *World) newContact(r *roll, a *Account, site string, k int) Contact {
	c := Contact{First: firstNames[r.below(len(firstNames))], Last: lastNames[r.below(len(lastNames))]}
	c.Name = c.First + " " + c.Last
	c.Title = r.pick([]string{"Head of Operations", "IT Director", "Procurement Manager", "Finance Manager", "Systems Analyst", "Chief Operating Officer"})
	c.Email = ascii(c.First) + "." + ascii(c.Last) + "@" + strings.TrimPrefix(a.Website, "www.")
	c.Phone = a.Phone + " x" + strconv.Itoa(100+k*11)
	c.Created = a.Created.Add(time.Duration(k*9+1) * 24 * time.Hour)
	c.ID = salesforceID("003", w.crmPod(), w.crmSerial(c.Created.Unix())+k)
	return c
}

// crmSerial makes serials that rise with time.
func (w *World) crmSerial(t int64) int { return 20_000 + max(0, int(t-w.start+2000*day))/7 }

// AccountsAt are those that are there at now, oldest first.
func (w *World) AccountsAt(now time.Time) []*Account {
	return w.Accounts[:sort.Search(len(w.Accounts), func(i int) bool { return w.Accounts[i].Created.After(now) })]
}

// AccountBy finds an account by name or id; nil if there is none at now.
func (w *World) AccountBy(name string, now time.Time) *Account {
	for _, a := range w.AccountsAt(now) {
		if strings.EqualFold(a.Name, name) || a.ID == name {
			return a
		}
	}
	return nil
}

// Opportunities returns the account's deals at now, oldest first. The slice is
// the world's own.
func (w *World) Opportunities(a *Account, now time.Time) []*Opportunity {
	if w.cache.deals == nil {
		w.cache.deals = make([][]*Opportunity, len(w.Accounts))
	}
	list := w.cache.deals[a.Index]
	for len(list) == 0 || !list[len(list)-1].Created.After(now) && len(list) < maxDeals {
		list = append(list, w.makeOpportunity(a, len(list)))
	}
	w.cache.deals[a.Index] = list
	n := len(list)
	for n > 0 && list[n-1].Created.After(now) {
		n--
	}
	return list[:n]
}

// maxDeals bounds how far an account's deals are followed.
const maxDeals = 200

func (w *World) makeOpportunity(a *Account, k int) *Opportunity {
	r := w.sub("opportunity").at(a.Index*maxDeals + k)
	created := a.Created.Unix() + int64(k)*260*day + int64(r.between(2*day, 200*day))
	created = w.cal.inHours(created)
	o := &Opportunity{Account: a, Owner: a.Owner, Created: at(created), Amount: r.between(8, 240) * 1000, won: r.chance(58)}
	o.ID = salesforceID("006", w.crmPod(), w.crmSerial(created))
	o.Name = a.Name + " - " + w.Products[r.below(len(w.Products))].Name + r.pick([]string{" renewal", " expansion", " new seats", " pilot"}) + " " + o.Created.Format("2006-01")
	t := created
	for i := range o.moves {
		t = w.cal.inHours(t + int64(r.between(2*day, 12*day))*int64(r.between(1, 4)))
		o.moves[i] = t
	}
	return o
}

// Stage returns the stage at now and the day it was reached.
func (o *Opportunity) Stage(now time.Time) (string, time.Time) {
	stage, since := "Prospecting", o.Created
	last := "Closed Lost"
	if o.won {
		last = "Closed Won"
	}
	for i, name := range [...]string{"Qualification", "Proposal/Price Quote", "Negotiation/Review", last} {
		if o.moves[i] <= now.Unix() {
			stage, since = name, at(o.moves[i])
		}
	}
	return stage, since
}

var caseSubjects = []string{
	"Export stops at 10,000 rows", "Invoice shows the wrong address", "User cannot sign in after password change", "Webhook deliveries are late",
	"Need a copy of the data processing agreement", "Totals differ between report and dashboard", "How do we add a second region?",
	"Import rejects valid file", "Please raise our rate limit", "Notification mails go to spam", "Duplicate records after sync", "API answers 502 since Monday",
	"Please delete the data of a former employee", "Single sign-on certificate expires", "Where is the audit log?", "Currency shown wrong on one screen",
	"Cannot remove an old user", "Report is empty for last month", "Mobile app asks to log in every day", "Need invoice in PDF", "Time zone of schedules is wrong",
	"Second administrator needed", "Test system is out of date", "Question about retention of backups", "Search does not find new entries",
	"Change of the billing contact", "Slow page load in the morning", "Need IP ranges for our firewall", "Status of the feature we asked for", "Wrong VAT on the last invoice",
	"Password policy too strict for our devices", "Import stuck at 99 percent", "Please enable the beta for us", "Attachment cannot be opened", "Access for our auditor",
}

// Cases returns all cases there are at now, oldest first. The slice is the
// world's own.
func (w *World) Cases(now time.Time) []*Case {
	n := w.cases.count(now.Unix())
	for i := len(w.cache.cases); i < n; i++ {
		w.cache.cases = append(w.cache.cases, w.makeCase(i))
	}
	return w.cache.cases[:n]
}

func (w *World) makeCase(n int) *Case {
	owner, _ := w.cases.of(n)
	r := w.sub("case").at(n)
	a, t := w.Accounts[owner], w.cases.time(n)
	c := &Case{Account: a, Number: pad(1001+n, 8), Created: at(t), Subject: r.pick(caseSubjects), Origin: r.pick([]string{"Email", "Web", "Phone"})}
	c.Priority = r.pick([]string{"Low", "Medium", "Medium", "High"})
	c.ID = salesforceID("500", w.crmPod(), 50_000+n*13+r.below(13))
	c.Contact = a.Contacts[0]
	c.Owner = w.team("Customer Success").present(&r, t)
	c.closed = w.cal.inHours(t + int64(r.between(3*3600, 3*day))*int64(r.between(1, 4)))
	return c
}

// CasesOf returns the newest limit cases of an account at now, newest first.
func (w *World) CasesOf(a *Account, limit int, now time.Time) []*Case {
	var out []*Case
	for num := w.cases.countOf(a.Index, now.Unix()) - 1; num >= 0 && len(out) < limit; num-- {
		out = append(out, w.makeCase(w.cases.nth(a.Index, num)))
	}
	return out
}

// Closed returns when the case was closed, and whether it is by now.
func (c *Case) Closed(now time.Time) (time.Time, bool) { return at(c.closed), c.closed <= now.Unix() }

// Status is the case's status at now.
func (c *Case) Status(now time.Time) string {
	switch {
	case c.closed <= now.Unix():
		return "Closed"
	case now.Sub(c.Created) < time.Hour:
		return "New"
	}
	return "Working"
}

// Report is a saved Salesforce report.
type Report struct {
	ID, Name, Folder, Format, Type string
	Kind                           string // opportunities, accounts or cases
	Created                        time.Time
	Restricted                     bool // not shared with the integration's user
	every                          int64
}

// LastRun is when the report was last run by now.
func (r *Report) LastRun(now time.Time) time.Time { return lastTick(r.Created, r.every, now) }

// Reports returns the saved reports.
func (w *World) Reports() []*Report {
	plans := [...][4]string{
		{"Open pipeline", "Sales", "Opportunities", "opportunities"},
		{"Closed won by owner", "Sales", "Opportunities", "opportunities"},
		{"Accounts by plan", "Customer Success", "Accounts", "accounts"},
		{"Key accounts", "Sales", "Accounts", "accounts"},
		{"Open cases", "Support", "Cases", "cases"},
		{"Cases this month", "Support", "Cases", "cases"},
		{"Account owners", "Operations", "Accounts", "accounts"},
		{"Commission by owner", "Finance", "Opportunities", "opportunities"},
	}
	var out []*Report
	for i, p := range plans {
		r := w.sub("report").at(i)
		rep := &Report{Name: p[0], Folder: p[1], Type: p[2], Kind: p[3], Format: "TABULAR", Restricted: p[1] == "Finance"}
		rep.Created = at(w.start + int64(r.between(0, 40*day)))
		rep.ID = salesforceID("00O", w.crmPod(), 900+i*7)
		rep.every = int64(r.between(20*3600, 8*day))
		out = append(out, rep)
	}
	return out
}

// lastTick is the last of the moments from, from+every, ... that is not after now.
func lastTick(from time.Time, every int64, now time.Time) time.Time {
	since := now.Unix() - from.Unix()
	if since < 0 || every <= 0 {
		return from
	}
	return at(from.Unix() + since/every*every)
}
