package world

import (
	"strconv"
	"strings"
)

// talk is a conversation: a message and what was answered to it.
type talk struct{ msgs []*Message }

// teller makes up one conversation.
type teller struct {
	w     *World
	r     roll
	c     *Channel
	first int64
	who   *Person // who began
	talk
}

func (w *World) makeTalk(s *stream, c *Channel, n, which int) *talk {
	if c.quiet || c.Restricted {
		return &talk{}
	}
	t := &teller{w: w, r: w.dice.message.at(n<<1 | which), c: c, first: s.time(n)}
	if text := w.pasted(c, n); text != "" { // nobody comments on it
		t.say(t.someone(t.first), t.first, text)
		return &t.talk
	}
	switch c.kind {
	case "deploys":
		t.deploy()
	case "help":
		t.help()
	default:
		t.team()
	}
	return &t.talk
}

// someone picks a person of the channel who is at work.
func (t *teller) someone(at int64) *Person {
	if t.c.team != nil {
		return t.c.team.present(&t.r, at)
	}
	if p := t.w.busy[t.r.below(len(t.w.busy))]; p.there(at) {
		return p
	}
	return t.w.Teams[t.r.below(len(t.w.Teams))].Members[0]
}

// another picks somebody who has not spoken last, if that can be had.
func (t *teller) another(at int64) *Person {
	p := t.someone(at)
	for range 2 {
		if p != t.msgs[len(t.msgs)-1].Author {
			break
		}
		p = t.someone(at)
	}
	return p
}

func (t *teller) say(who *Person, when int64, text string) {
	m := &Message{Channel: t.c, Author: who, Text: text, Time: at(when), Micro: t.r.below(999_990), ID: t.r.text(base62, 11)}
	if len(t.msgs) > 0 {
		m.Thread = t.msgs[0]
	}
	t.msgs = append(t.msgs, m)
}

// open says the first thing, a phrase.
func (t *teller) open(phrase string) {
	t.who = t.someone(t.first)
	t.say(t.who, t.first, t.fill(phrase, t.first))
}

// answer lets somebody answer after a while: mostly minutes, now and then hours.
func (t *teller) answer(who *Person, text string) {
	last := t.msgs[len(t.msgs)-1].Time.Unix()
	gap := int64(t.r.between(12, 140)) * int64(t.r.between(1, 9))
	if t.r.chance(15) {
		gap *= int64(t.r.between(4, 40))
	}
	when := t.w.cal.inHours(last + gap)
	if who == nil {
		who = t.another(when)
	} else if !who.there(when) {
		when = who.office.inHours(when)
	}
	t.say(who, when, text)
}

// chance of so many answers: most things get none or one.
func (t *teller) replies() int { return [...]int{0, 0, 0, 0, 1, 1, 1, 2, 2, 3}[t.r.below(10)] }

// builds tells whether the channel is one of people who build software.
func (t *teller) builds() bool {
	return t.c.team != nil && t.c.team.Builds || t.c.Name == "engineering"
}

func (t *teller) smallTalk() {
	from := t.w.words.topics[0]
	if t.builds() {
		from = t.w.words.topics[1]
	}
	t.chatter(from)
}

func (t *teller) team() {
	k := t.r.below(100)
	if !t.builds() {
		switch {
		case k < 68 || t.c.team == nil && k < 85:
			t.smallTalk()
		case k < 92:
			t.customer()
		default:
			t.reading()
		}
		return
	}
	switch {
	case k < 42:
		t.smallTalk()
	case k < 68:
		t.ticket()
	case k < 80:
		t.review()
	case k < 88:
		t.customer()
	case k < 94:
		t.reading()
	default:
		t.build()
	}
}

func (t *teller) chatter(from []topic) {
	about := from[t.r.below(len(from))]
	t.open(t.r.pick(about.open))
	next := t.r.below(len(about.replies))
	for i := range t.replies() { // nobody repeats another
		t.answer(nil, t.fill(about.replies[(next+i)%len(about.replies)], t.first))
	}
}

func (t *teller) help() {
	about := requests[t.r.below(len(requests))]
	t.open(t.r.pick(about.open))
	it := t.w.team("IT").Members[0]
	if len(t.w.team("IT").busy) > 0 {
		it = t.w.team("IT").present(&t.r, t.first)
	}
	if t.r.chance(85) {
		t.answer(it, t.fill(t.r.pick(about.replies), t.first))
	}
	if len(t.msgs) > 1 && t.r.chance(45) {
		t.answer(t.msgs[0].Author, t.r.pick([]string{"Thanks!", "Works, thank you.", "Great, thanks.", ":pray:", "Still the same for me.", "Now it works."}))
	}
}

// fill puts things of the world into a phrase.
func (t *teller) fill(phrase string, when int64) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(phrase, '%')
		if i < 0 || i+1 == len(phrase) {
			b.WriteString(phrase)
			return b.String()
		}
		b.WriteString(phrase[:i])
		b.WriteString(t.value(phrase[i+1], when))
		phrase = phrase[i+2:]
	}
}

func (t *teller) value(code byte, when int64) string {
	w, r := t.w, &t.r
	switch code {
	case 'p':
		p := t.someone(when)
		for range 4 {
			if p != t.who {
				break
			}
			p = t.someone(when)
		}
		if p == t.who {
			p = t.w.Teams[t.r.below(len(t.w.Teams))].Members[0]
		}
		return p.First
	case 'd':
		return r.pick([]string{"tomorrow", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "tomorrow"})
	case 'h':
		return strconv.Itoa(r.between(9, 17)) + r.pick([]string{":00", ":30", ":15", ":45", ":00"})
	case 'n':
		return strconv.Itoa(2 + r.below(9)*r.between(1, 4))
	case 'r':
		return w.repoAt(r, t.c.team, when).Name
	case 'm':
		return nouns[w.roll("rooms", r.below(5)).below(len(nouns))]
	case 's':
		return w.serviceAt(r, when).Name
	case 'a':
		known := w.AccountsAt(at(when))
		return known[r.below(len(known))].Name
	case 't':
		return t.who.Team.Name
	case 'q':
		return r.pick(reasons)
	}
	return "%"
}

// roll starts the draws of item i of a label.
func (w *World) roll(label string, i int) *roll {
	r := w.sub(label).at(i)
	return &r
}

// projectFor is the project of a team, else any that is open to all.
func (w *World) projectFor(r *roll, team *Team) *Project {
	p := w.Projects[r.below(len(w.Projects))]
	for _, own := range w.Projects {
		if own.Team == team || p.Restricted && !own.Restricted {
			p = own
		}
	}
	return p
}

// repoAt picks a repository that was there, of the team's if it has any.
func (w *World) repoAt(r *roll, team *Team, when int64) *Repo {
	p := w.projectFor(r, team)
	if len(p.repos) == 0 {
		p = w.Projects[0]
	}
	return w.componentOf(r, p, when)
}

// serviceAt picks a service that ran; the first few are the talk of the house.
func (w *World) serviceAt(r *roll, when int64) *Service {
	n := len(w.Services)
	if s := w.Services[r.below(n)*r.below(n)/n]; s.Repo.Created.Unix() <= when {
		return s
	}
	return w.Services[0]
}

func (t *teller) ticket() {
	w := t.w
	p := w.projectFor(&t.r, t.c.team)
	num := w.issues.countOf(p.Index, t.first) - 1 - t.r.below(9)
	if num < 0 {
		t.smallTalk()
		return
	}
	n := w.issues.nth(p.Index, num)
	d, i := w.drawIssue(n), Issue{}
	w.issueTimes(n, &i)
	key, summary, who := d.key(), d.summary(&w.words), d.assignee
	switch i.Status(at(t.first)) {
	case "Done":
		t.open(t.r.pick([]string{key + " is done: ", "Closed " + key + ", ", "Out of the way: " + key + " "}) + summary)
		t.maybe(35, nil, []string{"Nice.", ":tada:", "Thanks!", "Already in production?", "Great, telling " + who.First + " thanks."})
	case "In Review":
		t.open(t.r.pick([]string{key + " is up for review: ", "Can somebody review " + key + "? ", "Waiting for a second pair of eyes: " + key + ", "}) + summary)
		t.maybe(60, nil, []string{"On it.", "After lunch.", "Left comments.", "Looks good to me.", "I'd rather have " + w.someoneOf(&t.r, d.project, t.first).First + " look at it."})
	case "In Progress":
		t.open(t.r.pick([]string{who.First + " is on " + key + " (" + summary + ")", key + " turns out bigger than expected: " + summary, "Anything new on " + key + "? " + summary}))
		t.maybe(60, who, []string{"Half way.", "Should be up for review tomorrow.", "Blocked by staging, otherwise done.", "Yes, found the cause.", "Pushed a first version."})
	default:
		t.open(t.r.pick([]string{"Still open: " + key + " " + summary, "Who takes " + key + "? " + summary, key + " came up again: " + summary}) + ". Priority is " + priorities[d.priority] + ".")
		t.maybe(50, nil, []string{"I can take it.", "Next week.", "Not before the release.", "Is it still a thing?", who.First + " has it on the list."})
	}
	if len(t.msgs) > 1 && t.r.chance(30) {
		t.answer(nil, t.r.pick([]string{"ok", "Thanks.", "+1", "Then let us close it in the refinement.", "Please write that into " + key + "."}))
	}
}

func (w *World) someoneOf(r *roll, p *Project, when int64) *Person { return p.Team.present(r, when) }

// maybe lets somebody answer in percent of cases.
func (t *teller) maybe(percent int, who *Person, phrases []string) {
	if t.r.chance(percent) {
		t.answer(who, t.r.pick(phrases))
	}
}

func (t *teller) review() {
	w := t.w
	repo := w.repoAt(&t.r, t.c.team, t.first)
	n := w.pulls.countOf(repo.Index, t.first) - t.r.below(3)
	if n < 1 || repo.Restricted {
		t.smallTalk()
		return
	}
	p := w.pull(w.pulls.nth(repo.Index, n-1))
	url := w.PullURL(p)
	merged := p.merged != 0 && p.merged <= t.first
	ask := t.r.pick([]string{"Review please: ", "Small one: ", "Could somebody look at this? ", "Ready: "})
	if merged {
		ask = t.r.pick([]string{"Merged: ", "That one is in: ", "For the record: "})
	}
	t.say(p.Author, t.first, ask+url)
	if !p.Author.there(t.first) {
		t.msgs[0].Author = t.someone(t.first)
	}
	t.maybe(70, nil, []string{"Looking.", "Approved.", "One question in the comments.", "lgtm", "Can this wait until tomorrow?", "Tests are red?"})
}

// PullURL is the page of a request.
func (w *World) PullURL(p *Pull) string {
	part := "/pull/"
	switch p.Repo.SCM {
	case GitLab:
		part = "/-/merge_requests/"
	case Bitbucket:
		part = "/pull-requests/"
	}
	return w.WebURL(p.Repo) + part + strconv.Itoa(p.Number)
}

func (t *teller) customer() {
	w := t.w
	known := w.AccountsAt(at(t.first))
	a := known[t.r.below(len(known))]
	for range 4 { // those who have cases are spoken of
		if w.cases.countOf(a.Index, t.first) > 0 {
			break
		}
		a = known[t.r.below(len(known))]
	}
	num := w.cases.countOf(a.Index, t.first) - 1
	if num < 0 {
		t.open(t.r.pick([]string{a.Name + " asks for a date.", "Renewal of " + a.Name + " is coming up, anything open?", "Who knows the setup of " + a.Name + "?"}))
		t.maybe(50, a.Owner, []string{"I do.", "Nothing from my side.", "Call me.", "All in Salesforce."})
		return
	}
	c := w.makeCase(w.cases.nth(a.Index, num))
	t.open(t.r.pick([]string{a.Name + " again, case ", "Need help with a case of " + a.Name + ": ", "Case from " + a.Name + ", "}) + c.Number + ": " + c.Subject)
	t.maybe(65, nil, []string{"Is there a ticket?", "Known, workaround is in the runbook.", "Can you get me the request id?", "Looking at the logs.", "That is how it works, sorry."})
	t.maybe(30, c.Owner, []string{"Told them.", "They are happy.", "Waiting for their answer.", "Closing it then."})
}

func (t *teller) reading() {
	var p *Page
	if list := t.w.basePages(); len(list) > 0 {
		p = list[t.r.below(len(list))]
	}
	if p == nil || p.Created.Unix() > t.first || p.Space.Restricted {
		t.smallTalk()
		return
	}
	link := t.w.WikiBase() + p.PageURL()
	t.open(t.r.pick([]string{"Updated \"" + p.Title + "\": ", "It is all here: ", "Please read: ", "For whoever asked about this: "}) + link)
	t.maybe(40, nil, []string{"Thanks.", "Bookmarked.", "The second part is out of date.", ":eyes:", "Very helpful."})
}
