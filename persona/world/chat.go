package world

import (
	"slices"
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
	// Restricted channels do not show to the integration, which is no member.
	Restricted bool
	Created    time.Time
	Creator    *Person
	Members    []*Person
	kind       string // general, deploys, incidents, team, help
	team       *Team
	quiet      bool // has no talk but what happens elsewhere brings
}

// Message is one message in a channel.
type Message struct {
	Channel *Channel
	Author  *Person
	Text    string
	Time    time.Time
	Micro   int      // microseconds, unique in the channel's second
	Thread  *Message // the message that this one answers, nil for none
	ID      string   // of Google Chat
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
	add := func(name, topic, kind string, team *Team) *Channel {
		r := w.sub("channel").at(len(w.Channels))
		c := &Channel{Index: len(w.Channels), ID: r.slackID("C"), Name: name, Topic: topic, kind: kind, team: team, Members: w.Staff}
		if team != nil {
			c.Members = team.Members
		}
		c.Creator, c.Private = c.Members[0], kind == "private"
		c.Created = at(w.start - int64(r.between(day, 40*day)))
		w.Channels = append(w.Channels, c)
		return c
	}
	add("general", "Company news", "general", nil)
	add("engineering", "Everything about building", "general", nil)
	add("deploys", "What goes out", "deploys", nil)
	add("incidents", "Open incidents only", "incidents", nil).quiet = true
	add("help-it", "Laptops, accounts, access", "help", nil)
	for _, t := range w.Teams {
		add("team-"+t.Slug, t.Name, "team", t)
	}
	add("leads", "Planning, please keep it here", "private", w.Teams[len(w.Products)])
	add("people-private", "", "private", w.team("People")).Restricted = true
	add("board-prep", "", "private", w.team("Finance")).Restricted = true
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
	out := w.talksAt(w.messages, w.Channels, 0, now)
	for _, i := range w.incidentsBy(now.Unix()) {
		if now.Sub(i.Started) < Retention+incidentTail {
			out = append(out, w.incidentThread(i)...)
		}
	}
	return kept(out, now)
}

// ChatMessages returns the Google Chat messages kept at now, oldest first.
func (w *World) ChatMessages(now time.Time) []*Message {
	return kept(w.talksAt(w.chats, w.Rooms, 1, now), now)
}

// talksAt returns the messages of the conversations that began within retention.
func (w *World) talksAt(s *stream, channels []*Channel, which int, now time.Time) []*Message {
	from, to := s.count(now.Add(-Retention).Unix()), s.count(now.Unix())
	out := make([]*Message, 0, 3*(to-from))
	for n := from; n < to; n++ {
		out = append(out, w.cache.talks[which].get(n, maxTalks, func() *talk {
			owner, _ := s.of(n)
			return w.makeTalk(s, channels[owner], n, which)
		}).msgs...)
	}
	return out
}

// kept drops what lies after now or before what is kept, and sorts by time.
func kept(list []*Message, now time.Time) []*Message {
	first := now.Add(-Retention)
	list = slices.DeleteFunc(list, func(m *Message) bool { return m.Time.After(now) || m.Time.Before(first) })
	slices.SortStableFunc(list, func(a, b *Message) int { return a.Time.Compare(b.Time) })
	return list
}

// Present are the members who had joined the company by now.
func (c *Channel) Present(now time.Time) []*Person { return joined(c.Members, now) }
