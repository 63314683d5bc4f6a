package world

import (
	"strconv"
	"strings"
	"time"
)

// Retention is how long chat messages are kept.
const Retention = 90 * day * time.Second

// Channel is a Slack channel, or a Google Chat space.
type Channel struct {
	Index   int
	ID      string
	Name    string
	Topic   string
	Private bool
	Created time.Time
	Creator *Person
	Members []*Person
	kind    string // general, deploys, incidents, team, help
	team    *Team
}

// Message is one message in a channel.
type Message struct {
	Channel *Channel
	Author  *Person
	Text    string
	Time    time.Time
	Micro   int    // microseconds, unique in the channel's second
	ID      string // of Google Chat
	lower   string
}

// Lower is what a search looks at: the text in lower case.
func (m *Message) Lower() string {
	if m.lower == "" {
		m.lower = lower(m.Text)
	}
	return m.lower
}

func (w *World) makeChannels() {
	add := func(name, topic, kind string, team *Team) {
		r := w.sub("channel").at(len(w.Channels))
		c := &Channel{Index: len(w.Channels), ID: r.slackID("C"), Name: name, Topic: topic, kind: kind, team: team, Members: w.Staff}
		if team != nil {
			c.Members = team.Members
		}
		c.Creator, c.Private = c.Members[0], kind == "private"
		c.Created = at(w.start - int64(r.between(day, 40*day)))
		w.Channels = append(w.Channels, c)
	}
	add("general", "Company news", "general", nil)
	add("engineering", "Everything about building", "general", nil)
	add("deploys", "What goes out", "deploys", nil)
	add("incidents", "Open incidents only", "incidents", nil)
	add("help-it", "Laptops, accounts, access", "help", nil)
	for _, t := range w.Teams {
		add("team-"+t.Slug, t.Name, "team", t)
	}
	add("leads", "Planning, please keep it here", "private", w.Teams[len(w.Products)])
	for i, t := range w.Teams {
		if i%2 == 0 {
			r := w.sub("room").at(i)
			w.Rooms = append(w.Rooms, &Channel{Index: len(w.Rooms), ID: r.text(base62, 11), Name: t.Name, kind: "team", team: t, Members: t.Members, Creator: t.Members[0], Created: at(w.start - day)})
		}
	}
}

// ChannelBy finds a Slack channel by name or id; nil if there is none.
func (w *World) ChannelBy(name string) *Channel { return channelIn(w.Channels, name) }

// RoomBy finds a Chat space by display name or id; nil if there is none.
func (w *World) RoomBy(name string) *Channel {
	return channelIn(w.Rooms, strings.TrimPrefix(name, "spaces/"))
}

func channelIn(list []*Channel, name string) *Channel {
	name = strings.TrimPrefix(name, "#")
	for _, c := range list {
		if strings.EqualFold(c.Name, name) || c.ID == name {
			return c
		}
	}
	return nil
}

// Messages returns the Slack messages kept at now, oldest first.
func (w *World) Messages(now time.Time) []*Message {
	return w.messagesOf(w.messages, w.Channels, 0, now)
}

// ChatMessages returns the Google Chat messages kept at now, oldest first.
func (w *World) ChatMessages(now time.Time) []*Message {
	return w.messagesOf(w.chats, w.Rooms, 1, now)
}

func (w *World) messagesOf(s *stream, channels []*Channel, which int, now time.Time) []*Message {
	from, to := s.count(now.Add(-Retention).Unix()), s.count(now.Unix())
	out := make([]*Message, 0, to-from)
	for n := from; n < to; n++ {
		out = append(out, w.cache.messages[which].get(n, maxMessages, func() *Message {
			owner, _ := s.of(n)
			return w.makeMessage(s, channels[owner], n, which)
		}))
	}
	return out
}

var smallTalk = []string{
	"Running five minutes late, please start without me.", "Thanks, that worked.", "Can somebody look at the build before lunch?",
	"I am out tomorrow, back on the day after.", "Moved the review to the afternoon.", "The numbers for the weekly are in the sheet.",
	"Who has context on the partner call?", "Please keep the thread for the details.", "Coffee machine on the second floor is fixed.",
	"Good catch, I will take it.", "Let's talk about it in the stand-up.", "Notes are in the wiki.", "Anyone else getting logged out of the VPN?",
	"Reminder: time sheets are due on Friday.", "Shipping this after the freeze.", "I would rather wait for the second approval.",
}

var requests = []string{
	"Need read access to the reporting database, reason is month-end.", "My second factor is on the old phone, can somebody reset it?",
	"VPN profile expired, portal says pending.", "Please add me to the vault group of my team.", "Laptop battery is swelling, who takes it?",
	"Cannot reach Jenkins from the office network.", "Is there a service account for the importer or do I need a new one?",
}

func (w *World) makeMessage(s *stream, c *Channel, n, which int) *Message {
	r := w.dice.message.at(n<<1 | which)
	t := s.time(n)
	m := &Message{Channel: c, Time: at(t), Micro: (n*7919 + 100_019) % 1_000_000, Author: c.Members[r.below(len(c.Members))]}
	if m.Author.Joined.Unix() > t {
		m.Author = c.Members[0]
	}
	m.ID = r.text(base62, 11)
	switch c.kind {
	case "deploys":
		w.deployMessage(&r, m)
	case "incidents":
		w.incidentMessage(&r, m)
	case "help":
		m.Text = r.pick(requests)
	default:
		w.teamMessage(&r, m, c.team)
	}
	return m
}

func (w *World) deployMessage(r *roll, m *Message) {
	j := w.Jobs[r.below(len(w.Jobs))]
	for !j.Deploy {
		j = w.Jobs[(j.Index+1)%len(w.Jobs)]
	}
	number := w.BuildCount(j, m.Time)
	if number == 0 {
		m.Text = "Nothing to deploy today."
		return
	}
	b := w.run(j, number)
	state := map[string]string{"SUCCESS": " is out (", "FAILURE": " failed, rolling back (", "IN_PROGRESS": " is going out ("}[b.Result(m.Time)]
	m.Text = j.Repo.Name + " " + b.Version + state + j.Name + " #" + strconv.Itoa(b.Number) + ")"
	if head := w.merges(j.Repo, 1, b.Started.Unix()); len(head) > 0 {
		sha := w.dice.pull.at(head[0].n)
		m.Text += ", head " + sha.hex(8)
	}
}

func (w *World) incidentMessage(r *roll, m *Message) {
	list := w.Incidents(1, m.Time)
	if len(list) == 0 {
		m.Text = "Quiet night."
		return
	}
	i := list[0]
	m.Author = i.Commander
	switch {
	case i.Open(m.Time):
		m.Text = "Sev " + strconv.Itoa(i.Severity) + ": " + i.Service.Name + " " + i.Symptom + ", first seen on " + i.Host + ". Looking into it."
	case m.Time.Sub(i.Resolved) < day*time.Second:
		m.Text = i.Title() + ": over since " + i.Resolved.Format("15:04") + " UTC, we " + i.Fix + "."
	default:
		m.Text = r.pick([]string{"Following up on ", "Action items of ", "For the record, "}) + i.Title() + ": cause was that " + i.Cause + "."
	}
}

func (w *World) teamMessage(r *roll, m *Message, team *Team) {
	if r.chance(45) {
		m.Text = r.pick(smallTalk)
		return
	}
	p := w.Projects[r.below(len(w.Projects))]
	for _, own := range w.Projects {
		if own.Team == team {
			p = own
		}
	}
	num := w.issues.countOf(p.Index, m.Time.Unix()) - 1 - r.below(12)
	if num < 0 {
		m.Text = r.pick(smallTalk)
		return
	}
	n := w.issues.nth(p.Index, num)
	d, i := w.drawIssue(n), Issue{}
	w.issueTimes(n, &i)
	key, summary := d.key(), d.summary()
	switch i.Status(m.Time) {
	case "Done":
		m.Text = key + " is done: " + summary
	case "In Review":
		m.Text = key + " is up for review: " + summary
	case "In Progress":
		m.Text = d.assignee.First + " is on " + key + " (" + summary + ")"
	default:
		m.Text = "Still open: " + key + " " + summary + ". Priority is " + priorities[d.priority] + "."
	}
}
