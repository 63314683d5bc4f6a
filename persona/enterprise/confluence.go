package enterprise

import (
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const errCQL = refusal("Could not parse cql")

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

func confluenceSearch(v *view, a args, w *guest.Writer) error {
	toks, ok := lex(a.text("cql"))
	if !ok {
		return errCQL
	}
	p := conditions{toks: toks, end: func(l lexeme) bool { return l.is("order") }}
	c := p.or()
	if c == nil || p.peek().kind != 0 {
		return errCQL
	}
	if err := c.each(knownCQL); err != nil {
		return err
	}
	limit, total := a.limit("limit", 25, 100), 0
	all := v.allPages()
	w.Obj().Key("results").Arr()
	for i := len(all) - 1; i >= 0; i-- {
		if !c.eval(func(c *condition) bool { return v.pageMatches(all[i], c) }) {
			continue
		}
		if total < limit {
			writePageHit(w, v, all[i])
		}
		total++
	}
	w.End().Key("totalSize").Int(int64(total)).Key("start").Int(0).Key("limit").Int(int64(limit)).End()
	return nil
}

func knownCQL(c *condition) error {
	switch c.field {
	case "space", "space.key", "space.title", "title", "text", "sitesearch", "type", "label", "id", "content", "creator", "contributor", "created", "lastmodified":
		return nil
	}
	return errCQL
}

func (v *view) pageMatches(p *world.Page, c *condition) bool {
	switch c.field {
	case "space", "space.key", "space.title":
		return c.among(p.Space.Key, p.Space.Name)
	case "title":
		if strings.HasSuffix(c.cmp, "~") {
			return c.contains(strings.ToLower(p.Title))
		}
		return c.among(p.Title)
	case "text", "sitesearch":
		return c.contains(p.Text())
	case "type":
		return c.among("page")
	case "label":
		return c.among(p.Labels...)
	case "id", "content":
		return c.among(strconv.Itoa(p.ID))
	case "creator", "contributor":
		return c.among(names(p.Author)...)
	case "created":
		return c.timed(p.Created, v.now)
	case "lastmodified":
		_, when := p.Version(v.now)
		return c.timed(when, v.now)
	}
	return false
}

const maxExcerpt = 160

func writePageHit(w *guest.Writer, v *view, p *world.Page) {
	_, when := p.Version(v.now)
	w.Obj().Key("id").Str(strconv.Itoa(p.ID)).Key("title").Str(p.Title).Key("space").Obj().Key("key").Str(p.Space.Key).Key("name").Str(p.Space.Name).End()
	w.Key("excerpt").Str(excerpt(p.Body))
	stamp(w, "lastModified", when, milliTime)
	w.Key("url").Str(p.PageURL()).End()
}

// excerpt is the beginning of a page without its markup.
func excerpt(body string) string {
	out := make([]byte, 0, maxExcerpt+4)
	tag := false
	for i := 0; i < len(body) && len(out) < maxExcerpt; i++ {
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
	return strings.ToValidUTF8(strings.TrimSpace(string(out)), "")
}
