package enterprise

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const maxPages = 100 // of one answer

func confluencePage(v *view, a args, w *guest.Writer) error {
	title, space := a.text("title"), a.text("space_key")
	for _, p := range v.allPages() {
		if strings.EqualFold(p.Title, title) && (space == "" || strings.EqualFold(space, p.Space.Key)) {
			writePage(w, v, p)
			return nil
		}
	}
	if v.closedPage(title, space) {
		return errPageClosed
	}
	return errNotFound
}

func writePage(w *guest.Writer, v *view, p *world.Page) {
	number, when := p.Version(v.now)
	w.Obj().Key("id").Str(strconv.Itoa(p.ID)).Key("type").Str("page").Key("status").Str("current").Key("title").Str(p.Title)
	w.Key("space").Obj().Key("key").Str(p.Space.Key).Key("name").Str(p.Space.Name).End()
	w.Key("history").Obj().Key("createdBy").Obj().Key("accountId").Str(p.Author.JiraID).Key("displayName").Str(p.Author.Name).End()
	stamp(w, "createdDate", p.Created, milliTime).End()
	w.Key("version").Obj().Key("number").Int(int64(number))
	stamp(w, "when", when, milliTime).End()
	w.Key("labels").Arr()
	for _, l := range p.Labels {
		w.Obj().Key("name").Str(l).End()
	}
	w.End().Key("body").Obj().Key("storage").Obj().Key("value").Str(p.Body).Key("representation").Str("storage").End().End()
	w.Key("_links").Obj().Key("webui").Str(p.PageURL()).Key("base").Str("https://" + v.Org.Slug + ".atlassian.net/wiki").End().End()
}

// cqlOps are the operators that Confluence's fields take, by the field's name in
// lower case.
var cqlOps = map[string]string{
	"space": opsEqual, "space.key": opsEqual, "space.title": opsEqual + "~ !~ ", "space.type": opsEqual, "title": opsEqual + "~ !~ ",
	"text": " ~ !~ ", "sitesearch": " ~ !~ ", "type": opsEqual, "content.type": opsEqual, "label": opsEqual, "id": opsEqual, "content": opsEqual,
	"creator": opsEqual, "contributor": opsEqual, "creator.fullname": " ~ !~ ", "contributor.fullname": " ~ !~ ", "mention": opsEqual, "watcher": opsEqual, "favourite": opsEqual, "favorite": opsEqual,
	"created": opsDate, "lastmodified": opsDate, "ancestor": opsEqual, "parent": opsEqual, "macro": opsEqual, "container": opsEqual,
}

func confluenceSearch(v *view, a args, w *guest.Writer) error {
	q, err := ql.ParseCQL(a.text("cql"))
	if err != nil {
		return err
	}
	if err := v.checkCQL(q, a.text("cql")); err != nil {
		return err
	}
	limit, start := a.limit("limit", 25, maxPages), a.offset("start")
	found, total, terms, err := v.pagesFor(q, start, start+limit)
	if err != nil {
		return err
	}
	w.Obj().Key("results").Arr()
	for _, p := range found {
		writePageHit(w, v, p, terms)
	}
	w.End().Key("start").Int(int64(start)).Key("limit").Int(int64(limit)).Key("size").Int(int64(len(found))).Key("totalSize").Int(int64(total)).End()
	return nil
}

// checkCQL refuses unknown fields, operators and dates. Confluence says the same
// of all of them.
func (v *view) checkCQL(q *ql.JQL, text string) error {
	bad := refusal("Could not parse cql : " + text)
	for _, o := range q.Order {
		if !slices.Contains([]string{"created", "lastmodified", "title", "space", "creator", "type", "id"}, strings.ToLower(o.Field)) {
			return bad
		}
	}
	return q.Where.Each(func(c *ql.Clause) error {
		field := strings.ToLower(c.Field)
		ops, ok := cqlOps[field]
		if !ok || !strings.Contains(ops, " "+strings.ReplaceAll(c.Cmp, " ", "_")+" ") || strings.HasPrefix(c.Cmp, "is") {
			return bad
		}
		for _, a := range c.Args {
			if _, ok := v.jqlTime(a); !ok && (field == "created" || field == "lastmodified") {
				return bad
			}
			if a.Call && !cqlCalls[strings.ToLower(a.Text)] && field != "created" && field != "lastmodified" {
				return bad
			}
		}
		if strings.HasSuffix(c.Cmp, "~") {
			c.Terms = textTerms(c.Value())
		}
		return nil
	})
}

// cqlCalls are the functions for other fields than dates; all of them are about
// the account that asks, which has written and watched nothing.
var cqlCalls = map[string]bool{
	"currentuser": true, "currentspace": true, "currentcontent": true, "favouritespaces": true, "favoritespaces": true, "recentlyviewedspaces": true, "recentlyviewedcontent": true,
}

// pagesFor evaluates a query: the pages from place from up to place to, how many
// there are, and the terms that were looked for. Without an order the best match
// comes first.
func (v *view) pagesFor(q *ql.JQL, from, to int) ([]*world.Page, int, ql.Terms, error) {
	var terms ql.Terms
	q.Where.Positive(func(c *ql.Clause) {
		if strings.HasSuffix(c.Cmp, "~") && !c.Negated() {
			terms = append(terms, c.Terms...)
		}
	})
	all := v.allPages()
	rank := ql.Rank(terms, false)
	defer v.spent(&rank.Budget)
	var list []int
	for i, p := range all {
		if q.Where.Eval(func(c *ql.Clause) bool { return rank.Budget.Spend(0) && v.pageMeets(p, c, &rank.Budget) }) {
			rank.Add(i, p.Text())
			list = append(list, i)
		}
	}
	if rank.Budget.Gone() {
		return nil, 0, nil, refusal("There was a problem with your search request: it took too long to complete.")
	}
	if len(q.Order) > 0 {
		best := ql.Best(len(list), to, func(a, b int) int {
			if sign := v.comparePages(all[list[a]], all[list[b]], q.Order); sign != 0 {
				return sign
			}
			return b - a
		})
		for k, b := range best {
			best[k] = list[b]
		}
		list = ql.Window(best, from, to-from)
	} else {
		list = rank.Top(from, to)
	}
	var out []*world.Page
	for _, i := range list {
		out = append(out, all[i])
	}
	return out, rank.Len(), terms, nil
}

func (v *view) comparePages(a, b *world.Page, order []ql.Order) int {
	for _, o := range order {
		sign := 0
		switch strings.ToLower(o.Field) {
		case "created":
			sign = a.Created.Compare(b.Created)
		case "lastmodified":
			_, x := a.Version(v.now)
			_, y := b.Version(v.now)
			sign = x.Compare(y)
		case "title":
			sign = strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title))
		case "space":
			sign = strings.Compare(a.Space.Key, b.Space.Key)
		case "creator":
			sign = strings.Compare(a.Author.Name, b.Author.Name)
		case "id":
			sign = cmp.Compare(a.ID, b.ID)
		}
		if o.Desc {
			sign = -sign
		}
		if sign != 0 {
			return sign
		}
	}
	return 0
}

func (v *view) pageMeets(p *world.Page, c *ql.Clause, budget *ql.Budget) bool {
	switch field := strings.ToLower(c.Field); field {
	case "space", "space.key":
		return c.Among(p.Space.Key, p.Space.Name) != c.Negated()
	case "space.title":
		return matches(c, strings.ToLower(p.Space.Name), budget)
	case "space.type":
		return c.Among("global") != c.Negated()
	case "title":
		return matches(c, strings.ToLower(p.Title), budget)
	case "text", "sitesearch":
		return matches(c, p.Text(), budget)
	case "type", "content.type":
		return c.Among("page") != c.Negated()
	case "label":
		return c.Among(p.Labels...) != c.Negated()
	case "id", "content":
		return c.Among(strconv.Itoa(p.ID)) != c.Negated()
	case "creator", "contributor":
		return c.Among(names(p.Author)...) != c.Negated()
	case "creator.fullname", "contributor.fullname":
		return matches(c, strings.ToLower(p.Author.Name), budget)
	case "created", "lastmodified":
		when := p.Created
		if field == "lastmodified" {
			_, when = p.Version(v.now)
		}
		return v.dated(c, when)
	}
	return c.Negated() // nothing has a value there
}

// matches tests text: by its words for ~, as a whole for =.
func matches(c *ql.Clause, lower string, budget *ql.Budget) bool {
	if strings.HasSuffix(c.Cmp, "~") {
		return budget.Spend(c.Terms.Cost(len(lower))) && c.Terms.In(lower) != c.Negated()
	}
	return c.Among(lower) != c.Negated()
}

// dated compares a time with a date. A date without a time of day stands for its
// whole day where days are compared for being the same.
func (v *view) dated(c *ql.Clause, have time.Time) bool {
	at, _ := v.jqlTime(c.Args[0])
	if _, span, ok := ql.Date(c.Value()); ok && span == oneDay && strings.HasSuffix(c.Cmp, "=") && c.Cmp[0] != '<' && c.Cmp[0] != '>' {
		day := ql.Range{From: at, To: at.Add(oneDay)}
		return ql.Compares(c.Cmp, day.Compare(have))
	}
	return ql.Compares(c.Cmp, have.Compare(at))
}

const maxExcerpt = 160

func writePageHit(w *guest.Writer, v *view, p *world.Page, terms ql.Terms) {
	_, when := p.Version(v.now)
	w.Obj().Key("id").Str(strconv.Itoa(p.ID)).Key("title").Str(p.Title).Key("space").Obj().Key("key").Str(p.Space.Key).Key("name").Str(p.Space.Name).End()
	w.Key("excerpt").Str(excerpt(p.Body, terms))
	stamp(w, "lastModified", when, milliTime)
	w.Key("url").Str(p.PageURL()).End()
}

// excerpt is a piece of a page without its markup: around the first term that
// occurs, with the term marked as Confluence marks it, or the beginning.
func excerpt(body string, terms ql.Terms) string {
	text := plain(body)
	from, to, start := 0, 0, 0
	for i := range terms {
		if at, end := terms[i].Find(strings.ToLower(text), 0); at >= 0 && end <= len(text) {
			from, to = at, end
			start = max(0, from-maxExcerpt/2)
			break
		}
	}
	if start > 0 {
		if i := strings.IndexByte(text[start:from], ' '); i >= 0 {
			start += i + 1
		}
	}
	stop := min(len(text), max(start+maxExcerpt, to))
	if to == 0 {
		return strings.ToValidUTF8(text[start:stop], "")
	}
	return strings.ToValidUTF8(text[start:from]+"@@@hl@@@"+text[from:to]+"@@@endhl@@@"+text[to:stop], "")
}

// plain takes the tags out of a page.
func plain(body string) string {
	out := make([]byte, 0, len(body))
	tag := false
	for i := range len(body) {
		switch c := body[i]; {
		case c == '<':
			tag = true
		case c == '>':
			tag = false
			if len(out) > 0 && out[len(out)-1] != ' ' {
				out = append(out, ' ')
			}
		case !tag:
			out = append(out, c)
		}
	}
	return strings.TrimSpace(string(out))
}
