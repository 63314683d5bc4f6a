package world

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// The MIME types of Google's own documents.
const (
	MIMEDoc    = "application/vnd.google-apps.document"
	MIMESheet  = "application/vnd.google-apps.spreadsheet"
	MIMESlides = "application/vnd.google-apps.presentation"
	MIMEPDF    = "application/pdf"
)

// DriveFile is a file in Google Drive. Its content is as of Created and does not
// change; later edits only touch the time.
type DriveFile struct {
	ID      string
	Name    string
	MIME    string
	Owner   *Person
	Created time.Time
	Lines   []string   // of a document
	Sheet   string     // name of a spreadsheet's tab
	Rows    [][]string // of a spreadsheet, the first is the head
	Slides  [][]string // of a presentation, title first
	edits   rhythm
	lower   string
	// Restricted files were not shared with the integration.
	Restricted bool
}

// Lower is what a search looks at: name and content in lower case.
func (f *DriveFile) Lower() string {
	if f.lower == "" {
		all := append([]string{f.Name}, f.Lines...)
		for _, rows := range [...][][]string{f.Rows, f.Slides} {
			all = append(all, slices.Concat(rows...)...)
		}
		f.lower = lower(all...)
	}
	return f.lower
}

// Modified is the last edit by now.
func (f *DriveFile) Modified(now time.Time) time.Time {
	_, t := f.edits.last(now)
	return t
}

// DriveFiles returns the files there are at now, newest first.
func (w *World) DriveFiles(now time.Time) []*DriveFile {
	if w.cache.drive == nil {
		w.fixedFiles()
	}
	for q := w.cache.quarters; w.quarter(q) <= now.Unix() && q < 4*120; q++ {
		w.quarterFiles(q)
		w.cache.quarters = q + 1
	}
	var out []*DriveFile
	for _, v := range slices.Backward(w.cache.drive) {
		if f := v; !f.Created.After(now) {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b *DriveFile) int { return b.Created.Compare(a.Created) })
	return out
}

// quarter is when quarter q since the start begins.
func (w *World) quarter(q int) int64 {
	t := at(w.start + w.Org.offset)
	return dateOf(t.Year(), 1+3*(q+1+(int(t.Month())-1)/3))
}

// dateOf is the beginning of a month, which may lie beyond the year's end.
func dateOf(year, month int) int64 {
	return time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC).Unix()
}

func (w *World) addFile(f *DriveFile, created int64) {
	r := w.sub("drive").at(len(w.cache.drive))
	n := 44
	if f.MIME == MIMEPDF {
		n = 33
	}
	f.ID, f.Created = r.driveID(n), at(w.cal.inHours(created+int64(r.between(9*3600, 30*3600))))
	f.edits = rhythm{cal: w.cal, from: f.Created.Unix(), every: int64(r.between(5, 12))*day + int64(r.below(7*3600)), most: r.between(0, 9)}
	w.cache.drive = append(w.cache.drive, f)
}

func (w *World) fixedFiles() {
	rota := [][]string{{"Turn", "Primary", "Secondary"}}
	sre := w.onCall()
	for i := range 12 {
		rota = append(rota, []string{strconv.Itoa(i + 1), sre[i%len(sre)].Name, sre[(i+1)%len(sre)].Name})
	}
	w.addFile(&DriveFile{Name: "On-call rota", MIME: MIMESheet, Owner: sre[0], Sheet: "Rota", Rows: rota}, w.start+3*day)
	it := w.team("IT").Members[0]
	systems := [][]string{{"System", "Address", "Owner"}}
	for _, s := range w.Services {
		for _, h := range s.Hosts {
			systems = append(systems, []string{s.Name, h + ":" + strconv.Itoa(s.Port), s.Repo.Team.Members[0].Name})
		}
	}
	for _, n := range w.Nodes("") {
		systems = append(systems, []string{n.Host, n.Address, it.Name})
	}
	w.addFile(&DriveFile{Name: w.Org.Name + " system inventory", MIME: MIMESheet, Owner: it, Sheet: "Systems", Rows: systems}, w.start+5*day)
	legal := w.team("Finance").Members[0]
	w.addFile(&DriveFile{Name: "Information security policy", MIME: MIMEDoc, Owner: it, Lines: []string{
		"Information security policy of " + w.Org.Legal,
		"Access is granted per role and reviewed every quarter.", "Secrets are kept in vault and nowhere else.", "Laptops are encrypted and managed.",
	}}, w.start+8*day)
	w.addFile(&DriveFile{Name: "Cap table", MIME: MIMESheet, Owner: legal, Sheet: "Cap table", Restricted: true}, w.start+2*day)
	w.addFile(&DriveFile{Name: "Supplier agreement " + w.Accounts[0].Name + ".pdf", MIME: MIMEPDF, Owner: legal}, w.start+9*day)
	for _, p := range w.Products {
		owner := w.team(p.Name).Members[0]
		w.addFile(&DriveFile{Name: p.Name + " overview", MIME: MIMESlides, Owner: owner, Slides: [][]string{
			{p.Name, capital(p.What) + " at " + w.Org.Name},
			{"Who it is for", w.Accounts[0].Name, w.Accounts[1].Name},
			{"Team", owner.Name, "#team-" + p.Code},
		}}, w.start+12*day)
		w.addFile(&DriveFile{Name: p.Name + " product brief", MIME: MIMEDoc, Owner: owner, Lines: []string{
			p.Name + " is our product for " + p.What + ".",
			"Code is in " + p.Code + "-api and its neighbours.", "Questions go to " + owner.Name + ".",
		}}, w.start+13*day)
	}
	w.leakedDriveFiles()
}

// quarterFiles adds what is written anew each quarter.
func (w *World) quarterFiles(q int) {
	t := w.quarter(q)
	label := at(t).Format("2006") + " Q" + strconv.Itoa(1+(int(at(t).Month())-1)/3)
	for _, p := range w.Products {
		team := w.team(p.Name)
		lines := []string{"Objectives of " + p.Name + " for " + label}
		r := w.sub("goals " + p.Code).at(q)
		for range 3 {
			lines = append(lines, "- "+r.pick(w.words.features))
		}
		w.addFile(&DriveFile{Name: label + " objectives " + p.Name, MIME: MIMEDoc, Owner: team.Members[0], Lines: lines}, t)
	}
	staff := [][]string{{"Name", "Team", "Title", "Joined"}}
	for _, p := range w.Staff {
		if p.Joined.Unix() <= t {
			staff = append(staff, []string{p.Name, p.Team.Name, p.Title, p.Joined.Format("2006-01-02")})
		}
	}
	w.addFile(&DriveFile{Name: label + " headcount", MIME: MIMESheet, Owner: w.team("People").Members[0], Sheet: "Staff", Rows: staff}, t)
	w.addFile(&DriveFile{Name: label + " payroll", MIME: MIMESheet, Owner: w.team("Finance").Members[0], Sheet: "Payroll", Restricted: true}, t)
	deals := [][]string{{"Account", "Opportunity", "Stage", "Amount"}}
	won := 0
	for _, a := range w.AccountsAt(at(t)) {
		for _, o := range w.Opportunities(a, at(t)) {
			stage, since := o.Stage(at(t))
			if stage == "Closed Won" && t-since.Unix() < 92*day {
				won += o.Amount
			}
			if !strings.HasPrefix(stage, "Closed") {
				deals = append(deals, []string{a.Name, o.Name, stage, strconv.Itoa(o.Amount)})
			}
		}
	}
	w.addFile(&DriveFile{Name: label + " pipeline", MIME: MIMESheet, Owner: w.team("Sales").Members[0], Sheet: "Open", Rows: deals}, t)
	w.addFile(&DriveFile{Name: label + " company review", MIME: MIMESlides, Owner: w.Staff[0], Slides: [][]string{
		{w.Org.Name + " company review", label},
		{"Sales", strconv.Itoa(won) + " closed last quarter", strconv.Itoa(len(deals)-1) + " deals open"},
		{"People", strconv.Itoa(len(staff)-1) + " colleagues"},
	}}, t)
}
