package enterprise

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
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

var (
	slackBox = ql.Box{Quals: " from in on before after during has is to with ", Words: " and ", Starts: true}
	chatBox  = ql.Box{Quals: " from in before after ", Words: " and ", Starts: true}
)

// messageFilter is what a message search asks for.
type messageFilter struct {
	*ql.Search
	tests []func(m *world.Message) bool
}

func (v *view) messageFilter(box *ql.Box, text string) messageFilter {
	f := messageFilter{Search: box.Parse(text)}
	for _, q := range f.Quals {
		test := v.modifier(q)
		f.tests = append(f.tests, func(m *world.Message) bool { return test(m) != q.Not })
	}
	return f
}

// modifier is the test of one modifier of a search. One that names nobody and
// nothing finds nothing.
func (v *view) modifier(q ql.Qualifier) func(m *world.Message) bool {
	switch q.Name {
	case "from", "with":
		p := v.PersonBy(strings.Trim(q.Value, "@<>"))
		return func(m *world.Message) bool { return p != nil && m.Author == p }
	case "in":
		c := v.ChannelBy(strings.Trim(q.Value, "#<>"))
		return func(m *world.Message) bool { return c != nil && m.Channel == c }
	case "has":
		return func(m *world.Message) bool {
			return strings.EqualFold(q.Value, "link") && strings.Contains(m.Text, "https://")
		}
	case "on", "before", "after", "during":
		r, ok := v.slackDate(q.Value)
		return func(m *world.Message) bool {
			sign := r.Compare(m.Time)
			return ok && (q.Name == "before" && sign < 0 || q.Name == "after" && sign > 0 || (q.Name == "on" || q.Name == "during") && sign == 0)
		}
	}
	return func(*world.Message) bool { return false } // to: and is: are about the caller, who has no messages
}

var monthNames = [...]string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}

// slackDate reads a date, today, yesterday, a month or a year.
func (v *view) slackDate(s string) (ql.Range, bool) {
	s = strings.ToLower(s)
	if t, span, ok := ql.Date(s); ok && span == oneDay {
		return ql.Range{From: t, To: t.Add(span)}, true
	}
	if r, ok := ql.Stretch(s, v.now); ok {
		return r, true
	}
	month := ql.Unit('M')
	switch s {
	case "week", "month", "year":
		r, ok := ql.Stretch("this_"+s, v.now)
		return r, ok
	}
	for i, name := range monthNames {
		if s == name || s == name[:3] {
			back := (int(v.now.Month()) - 1 - i + 12) % 12
			from := month.Add(month.Start(v.now), -back)
			return ql.Range{From: from, To: month.Add(from, 1)}, true
		}
	}
	if from, _, ok := ql.Date(s + "-01"); ok && len(s) == 7 {
		return ql.Range{From: from, To: month.Add(from, 1)}, true
	}
	from, _, ok := ql.Date(s + "-01-01")
	return ql.Range{From: from, To: ql.Unit('y').Add(from, 1)}, ok && len(s) == 4
}

// match decides everything but the words that have to occur.
func (f *messageFilter) match(m *world.Message) bool {
	for _, test := range f.tests {
		if !test(m) {
			return false
		}
	}
	return f.Free(m.Lower())
}

// messagesFor returns the places of the messages that match from one place of the
// result up to another, and how many there are; false if the budget was not enough
// to tell. Best means the best match first,
// else the latest.
func (v *view) messagesFor(all []*world.Message, f *messageFilter, keep func(*world.Message) bool, best bool, from, to int) ([]int, int, bool) {
	rank := ql.Rank(f.Words, true)
	defer v.spent(&rank.Budget)
	var list []int
	for i, m := range all {
		if rank.Budget.Spend(f.Without.Cost(len(m.Text))) && keep(m) && f.match(m) && rank.Add(i, m.Lower()) {
			list = append(list, i)
		}
	}
	if best && len(f.Words) > 0 {
		return rank.Top(from, to), len(list), !rank.Budget.Gone()
	}
	slices.Reverse(list)
	return ql.Window(list, from, to-from), len(list), !rank.Budget.Gone()
}

func slackMessages(v *view, a args, w *guest.Writer) error {
	if a.text("query") == "" {
		return slackError(w, "no_query")
	}
	f := v.messageFilter(&slackBox, a.text("query"))
	keep := func(m *world.Message) bool { return !m.Channel.Restricted }
	if name := a.text("channel"); name != "" {
		in := v.ChannelBy(strings.TrimPrefix(name, "#"))
		keep = func(m *world.Message) bool { return in != nil && m.Channel == in && !in.Restricted }
	}
	count, n := a.limit("count", 20, maxPerPage), a.limit("page", 1, maxPerPage)
	all := v.slackMessages()
	list, total, ok := v.messagesFor(all, &f, keep, true, (n-1)*count, n*count)
	if !ok {
		return slackError(w, "request_timeout")
	}
	w.Obj().Key("ok").Bool(true).Key("messages").Obj().Key("matches").Arr()
	for _, i := range list {
		writeMessage(w, v, all[i])
	}
	w.End().Key("total").Int(int64(total)).Key("pagination").Obj().Key("total_count").Int(int64(total)).Key("page").Int(int64(n)).Key("per_page").Int(int64(count))
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

// channelTypes are the types of conversations that may be asked for.
var channelTypes = map[string]bool{"public_channel": true, "private_channel": true, "mpim": true, "im": true}

func slackChannels(v *view, a args, w *guest.Writer) error {
	types := a.text("types")
	if types == "" {
		types = "public_channel"
	}
	wanted := map[string]bool{}
	for t := range strings.SplitSeq(types, ",") {
		if t = strings.TrimSpace(t); !channelTypes[t] {
			return slackError(w, "invalid_types")
		}
		wanted[t] = true
	}
	limit := a.offsetOr("limit", 100)
	if limit < 1 || limit > 1000 {
		return slackError(w, "invalid_limit")
	}
	var list []*world.Channel
	for _, c := range v.Channels {
		kind := "public_channel"
		if c.Private {
			kind = "private_channel"
		}
		if !c.Created.After(v.now) && !c.Restricted && wanted[kind] { // a restricted one has not the integration for a member
			list = append(list, c)
		}
	}
	start, ok := fromCursor(list, a.text("cursor"))
	if !ok {
		return slackError(w, "invalid_cursor")
	}
	w.Obj().Key("ok").Bool(true).Key("channels").Arr()
	for _, c := range ql.Window(list, start, limit) {
		w.Obj().Key("id").Str(c.ID).Key("name").Str(c.Name).Key("topic").Str(c.Topic).Key("creator").Str(c.Creator.SlackID)
		w.Key("is_private").Bool(c.Private).Key("is_archived").Bool(false).Key("num_members").Int(int64(len(c.Present(v.now)))).Key("created").Int(c.Created.Unix()).End()
	}
	cursor := ""
	if start+limit < len(list) {
		cursor = channelCursor(list[start+limit])
	}
	w.End().Key("response_metadata").Obj().Key("next_cursor").Str(cursor).End().End()
	return nil
}

// channelCursor names the channel that comes next, as Slack's cursors do.
func channelCursor(c *world.Channel) string {
	return base64.StdEncoding.EncodeToString([]byte("team:" + c.ID))
}

// fromCursor is the place of the channel that a cursor names.
func fromCursor(list []*world.Channel, cursor string) (int, bool) {
	if cursor == "" {
		return 0, true
	}
	i := slices.IndexFunc(list, func(c *world.Channel) bool { return channelCursor(c) == cursor })
	return i, i >= 0
}
