package enterprise

import (
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// slackError writes Slack's form of a failure, which is a result to the caller.
func slackError(w *guest.Writer, word string) error {
	w.Obj().Key("ok").Bool(false).Key("error").Str(word).End()
	return nil
}

func slackUser(v *view, a args, w *guest.Writer) error {
	p := v.PersonBy(a.text("user"))
	if p == nil || p.Joined.After(v.now) {
		return slackError(w, "user_not_found")
	}
	w.Obj().Key("ok").Bool(true).Key("user").Obj().Key("id").Str(p.SlackID).Key("name").Str(p.Login).Key("real_name").Str(p.Name)
	w.Key("tz").Str(p.Zone).Key("profile").Obj().Key("email").Str(p.Email).Key("display_name").Str(p.First).Key("real_name").Str(p.Name)
	w.Key("title").Str(p.Title).Key("image_192").Str("https://avatars.slack-edge.com/" + p.Avatar + "_192.png").Key("phone").Str(p.Phone).End()
	w.Key("is_admin").Bool(p.Admin).Key("is_bot").Bool(false).Key("has_2fa").Bool(p.MFA).Key("deleted").Bool(false).End().End()
	return nil
}

// messageFilter is what a message search asks for.
type messageFilter struct {
	ws   words
	from *world.Person
	in   *world.Channel
	none bool // a modifier names nobody
}

func (v *view) messageFilter(query, channel string) messageFilter {
	var f messageFilter
	f.ws = parseWords(query, func(name, value string) bool {
		switch name {
		case "from":
			f.from = v.PersonBy(value)
			f.none = f.none || f.from == nil
		case "in":
			f.in = v.ChannelBy(value)
			f.none = f.none || f.in == nil
		default:
			return false
		}
		return true
	})
	if channel != "" {
		f.in = v.ChannelBy(channel)
		f.none = f.none || f.in == nil
	}
	return f
}

func (f *messageFilter) match(m *world.Message) bool {
	return !f.none && !m.Channel.Restricted && (f.from == nil || f.from == m.Author) && (f.in == nil || f.in == m.Channel) && f.ws.in(m.Lower())
}

func slackMessages(v *view, a args, w *guest.Writer) error {
	if a.text("query") == "" {
		return slackError(w, "no_query")
	}
	f := v.messageFilter(a.text("query"), a.text("channel"))
	count, total := a.limit("count", 20, 100), 0
	all := v.slackMessages()
	w.Obj().Key("ok").Bool(true).Key("messages").Obj().Key("matches").Arr()
	for i := len(all) - 1; i >= 0; i-- {
		if !f.match(all[i]) {
			continue
		}
		if total < count {
			writeMessage(w, v, all[i])
		}
		total++
	}
	w.End().Key("total").Int(int64(total)).Key("pagination").Obj().Key("total_count").Int(int64(total)).Key("page").Int(1).Key("per_page").Int(int64(count))
	w.Key("page_count").Int(pages(total, count)).End().End().End()
	return nil
}

func writeMessage(w *guest.Writer, v *view, m *world.Message) {
	micro := strconv.Itoa(1_000_000 + m.Micro)[1:]
	unix := strconv.FormatInt(m.Time.Unix(), 10)
	w.Obj().Key("type").Str("message").Key("channel").Obj().Key("id").Str(m.Channel.ID).Key("name").Str(m.Channel.Name).End()
	w.Key("user").Str(m.Author.SlackID).Key("username").Str(m.Author.Login).Key("text").Str(m.Text).Key("ts").Str(unix + "." + micro)
	link := "https://" + v.Org.Slug + ".slack.com/archives/" + m.Channel.ID + "/p" + unix + micro
	if root := m.Thread; root != nil {
		thread := strconv.FormatInt(root.Time.Unix(), 10) + "." + strconv.Itoa(1_000_000 + root.Micro)[1:]
		w.Key("thread_ts").Str(thread)
		link += "?thread_ts=" + thread + "&cid=" + m.Channel.ID
	}
	w.Key("permalink").Str(link).End()
}

func slackChannels(v *view, a args, w *guest.Writer) error {
	types := a.text("types")
	var list []*world.Channel
	for _, c := range v.Channels {
		kind := "public_channel"
		if c.Private {
			kind = "private_channel"
		}
		if c.Created.After(v.now) || types != "" && !strings.Contains(types, kind) || types == "" && c.Private {
			continue
		}
		if c.Restricted {
			continue // the integration is no member
		}
		list = append(list, c)
	}
	w.Obj().Key("ok").Bool(true).Key("channels").Arr()
	limit := a.limit("limit", 100, 1000)
	for _, c := range page(list, 0, limit) {
		w.Obj().Key("id").Str(c.ID).Key("name").Str(c.Name).Key("topic").Str(c.Topic).Key("creator").Str(c.Creator.SlackID)
		w.Key("is_private").Bool(c.Private).Key("is_archived").Bool(false).Key("num_members").Int(int64(len(c.Present(v.now)))).Key("created").Int(c.Created.Unix()).End()
	}
	cursor := ""
	if len(list) > limit {
		cursor = "dGVhbTp" + list[limit].ID + "="
	}
	w.End().Key("response_metadata").Obj().Key("next_cursor").Str(cursor).End().End()
	return nil
}
