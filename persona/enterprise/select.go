package enterprise

import (
	"slices"
	"strconv"
	"strings"
)

// selection is the simple form of a SELECT that SQL, CQL and SOQL share: columns
// of one table, a condition, an order and a limit.
type selection struct {
	items  []item
	table  string // lower case, without schema
	schema string
	where  *condition
	order  []ordering
	limit  int // -1 for none
	offset int
	filter bool // ALLOW FILTERING
}

// item is one thing that is selected.
type item struct {
	name  string // lower case, without qualifier; "*" for all columns
	raw   string // as written
	alias string
	call  string // name of a function, "" for a column
	kind  byte   // of the lexeme
}

type ordering struct {
	field string
	desc  bool
}

// selects parses the tokens after the word SELECT. It reports false for whatever
// is beyond the simple form.
type selects struct {
	toks []lexeme
	pos  int
}

func (p *selects) peek() lexeme {
	if p.pos < len(p.toks) {
		return p.toks[p.pos]
	}
	return lexeme{}
}

func (p *selects) take(word string) bool {
	if p.peek().is(word) {
		p.pos++
		return true
	}
	return false
}

func parseSelect(toks []lexeme) (*selection, bool) {
	p := selects{toks: toks}
	s := &selection{limit: -1}
	if !p.take("select") || !p.items(s) {
		return nil, false
	}
	if p.pos == len(p.toks) {
		return s, true
	}
	if !p.take("from") || !p.from(s) {
		return nil, false
	}
	if p.take("where") && !p.where(s) {
		return nil, false
	}
	if p.take("order") && !(p.take("by") && p.orders(s)) {
		return nil, false
	}
	for p.pos < len(p.toks) {
		if !p.tail(s) {
			return nil, false
		}
	}
	return s, true
}

func (p *selects) items(s *selection) bool {
	for {
		t := p.peek()
		if t.kind != 'w' && t.kind != 'q' || t.is("distinct") || t.is("from") {
			return false
		}
		p.pos++
		it := item{name: unqualified(t.text), raw: t.text, kind: t.kind}
		if p.peek().kind == '(' && !p.call(&it) {
			return false
		}
		if p.take("as") || p.peek().kind == 'q' || p.peek().kind == 'w' && !p.peek().is("from") {
			it.alias = p.peek().text
			p.pos++
		}
		s.items = append(s.items, it)
		if p.peek().kind != ',' {
			return true
		}
		p.pos++
	}
}

// call reads the argument of a function: nothing, a star or one name.
func (p *selects) call(it *item) bool {
	it.call, it.name = it.name, ""
	p.pos++
	if t := p.peek(); t.kind == 'w' {
		it.name = unqualified(t.text)
		p.pos++
	}
	if p.peek().kind != ')' {
		return false
	}
	p.pos++
	return true
}

func (p *selects) from(s *selection) bool {
	t := p.peek()
	if t.kind != 'w' && t.kind != 'q' {
		return false
	}
	p.pos++
	s.table = strings.ToLower(t.text)
	if i := strings.LastIndexByte(s.table, '.'); i >= 0 {
		s.schema, s.table = s.table[:i], s.table[i+1:]
	}
	p.take("as")
	if t := p.peek(); t.kind == 'w' && !slices.ContainsFunc(clauses, t.is) {
		p.pos++ // an alias
	}
	return true
}

var clauses = []string{"where", "order", "limit", "offset", "allow", "group", "join", "inner", "left", "right", "full", "cross", "having", "union", "with", "for", "fetch", "using"}

func (p *selects) where(s *selection) bool {
	c := conditions{toks: p.toks, pos: p.pos, bare: true, end: func(l lexeme) bool {
		return l.kind == ';' || l.is("order") || l.is("limit") || l.is("offset") || l.is("allow") || l.is("group") || l.is("union")
	}}
	s.where = c.or()
	p.pos = c.pos
	return s.where != nil
}

func (p *selects) orders(s *selection) bool {
	for {
		t := p.peek()
		if t.kind != 'w' {
			return false
		}
		p.pos++
		o := ordering{field: unqualified(t.text)}
		if o.desc = p.take("desc"); !o.desc {
			p.take("asc")
		}
		if p.take("nulls") {
			p.pos++
		}
		s.order = append(s.order, o)
		if p.peek().kind != ',' {
			return true
		}
		p.pos++
	}
}

func (p *selects) tail(s *selection) bool {
	switch {
	case p.take("limit"):
		n, err := strconv.Atoi(p.peek().text)
		p.pos++
		s.limit = n
		return err == nil && n >= 0
	case p.take("offset"):
		n, err := strconv.Atoi(p.peek().text)
		p.pos++
		s.offset = n
		return err == nil && n >= 0
	case p.take("allow"):
		s.filter = p.take("filtering")
		return s.filter
	}
	return false
}

func unqualified(s string) string {
	s, _, _ = strings.Cut(strings.ToLower(s), "::")
	return s[strings.LastIndexByte(s, '.')+1:]
}

// counts reports whether the only thing selected is a count.
func (s *selection) counts() bool { return len(s.items) == 1 && s.items[0].call == "count" }

// matching returns the positions of the rows that the selection keeps, in its
// order, before limit and offset.
func (s *selection) matching(src *source) []int {
	var out []int
	for i := range src.n {
		if s.where == nil || s.where.eval(func(c *condition) bool { return src.test(i, c) }) {
			out = append(out, i)
		}
	}
	for i := len(s.order) - 1; i >= 0; i-- {
		if col := src.column(s.order[i].field); col >= 0 {
			src.sort(out, col, s.order[i].desc)
		}
	}
	return out
}

// window cuts limit and offset, with a limit of the service's own.
func (s *selection) window(rows []int, most int) []int {
	size := most
	if s.limit >= 0 {
		size = min(size, s.limit)
	}
	return page(rows, s.offset, size)
}

// check returns the first column the selection names that the source lacks.
func (s *selection) check(src *source) string {
	missing := ""
	look := func(name string) {
		if missing == "" && src.column(name) < 0 {
			missing = name
		}
	}
	for _, it := range s.items {
		if it.call == "" && it.name != "*" {
			look(it.name)
		}
	}
	_ = s.where.each(func(c *condition) error {
		look(unqualified(c.field))
		return nil
	})
	for _, o := range s.order {
		if !slices.ContainsFunc(s.items, func(it item) bool { return strings.EqualFold(it.alias, o.field) || it.call == o.field }) {
			look(o.field)
		}
	}
	return missing
}

// output is the list of columns that the selection gives, by position.
func (s *selection) output(src *source) (cols []int, names []string) {
	add := func(i int, name string) {
		if !slices.Contains(names, name) {
			cols, names = append(cols, i), append(names, name)
		}
	}
	for _, it := range s.items {
		if it.name == "*" {
			for i, c := range src.columns {
				add(i, c.Name)
			}
			continue
		}
		i := src.column(it.name)
		if i < 0 {
			continue
		}
		if it.alias != "" {
			add(i, it.alias)
		} else {
			add(i, src.columns[i].Name)
		}
	}
	return cols, names
}
