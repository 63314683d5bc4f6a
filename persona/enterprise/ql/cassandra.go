package ql

import (
	"strconv"
	"strings"
)

// CQL is a statement of Cassandra's query language.
type CQL struct {
	Verb     string // lower case: select, insert, create table, ...
	Items    []Item
	Distinct bool
	JSON     bool
	Keyspace string // "" when the table has none
	Table    string
	Where    []*Clause
	Order    []Order
	Limit    int // -1 for none
	Each     int // PER PARTITION LIMIT, -1 for none
	Filter   bool
}

// Item is a selected column, or a function of columns. Column "*" is all.
type Item struct {
	Func   string
	Column string
	Alias  string
}

var cqlDialect = dialect{
	strings: "'", ident: '"', marks: "(),;*[]{}", doubled: true, comment: true,
	ops: []string{"!=", "<=", ">=", "=", "<", ">"},
}

type cqlParser struct {
	cursor
	err error
}

// ParseCassandra parses a statement. Of statements that are no SELECT it reads
// the verb and what it is about. Errors have Cassandra's texts as cqlsh shows them.
func ParseCassandra(text string) (*CQL, error) {
	p := cqlParser{cursor: cursor{text: clip(text)}}
	if f := p.start(&cqlDialect); f != nil {
		line, col := p.place(len(p.text))
		return nil, syntaxError(Say("line %:% mismatched character '<EOF>' expecting '%'", line, col, p.text[f.pos:min(f.pos+1, len(p.text))]))
	}
	q := p.statement()
	p.takeMark(";")
	if p.err == nil && q.Verb == "select" && p.peek().kind != end {
		p.fail("missing EOF at")
	}
	if p.err != nil {
		return nil, p.err
	}
	return q, nil
}

func syntaxError(message string) Error {
	return Error(`SyntaxException: <Error from server: code=2000 [Syntax error in CQL query] message="` + message + `">`)
}

func (p *cqlParser) place(pos int) (line, col string) {
	before := p.text[:pos]
	return strconv.Itoa(strings.Count(before, "\n") + 1), strconv.Itoa(pos - strings.LastIndexByte(before, '\n') - 1)
}

// snippet is how many lexemes before the place Cassandra shows.
const snippet = 6

// fail refuses the current lexeme as the server's parser does: where, what, and
// the text around it with the lexeme in brackets.
func (p *cqlParser) fail(what string) {
	if p.err != nil {
		return
	}
	t := p.peek()
	line, col := p.place(t.pos)
	if t.kind == end {
		p.err = syntaxError(Say("line %:% % '<EOF>'", line, col, what))
		return
	}
	shown := p.shown(t)
	from, before := 0, ""
	if p.pos > snippet {
		from, before = p.toks[p.pos-snippet].pos, "..."
	}
	p.err = syntaxError(Say("line %:% % '%' (%%[%]...)", line, col, what, shown, before, p.text[from:t.pos], shown))
	p.stop()
}

const noAlternative = "no viable alternative at input"

// name reads a name; bare ones are in lower case.
func (p *cqlParser) name() string {
	t := p.peek()
	switch {
	case t.kind == ident:
		p.next()
		return t.text
	case t.kind == word && !oneOf(" select from where order limit allow and or ", t.text):
		p.next()
		return strings.ToLower(t.text)
	}
	p.fail(noAlternative)
	return ""
}

// table reads [keyspace.]table.
func (p *cqlParser) table(q *CQL) {
	q.Table = p.name()
	if k, t, ok := strings.Cut(q.Table, "."); ok && k != "" && t != "" {
		q.Keyspace, q.Table = k, t
	} else if ok && k != "" && p.peek().kind == ident { // keyspace."Table"
		q.Keyspace, q.Table = k, p.name()
	} else if !ok && p.peek().kind == word && p.peek().text[0] == '.' { // "Keyspace".table
		q.Keyspace, q.Table = q.Table, strings.ToLower(p.next().text[1:])
	}
}

func (p *cqlParser) statement() *CQL {
	q := &CQL{Limit: -1, Each: -1}
	first := p.peek()
	if first.kind != word || !oneOf(" select insert update delete truncate create alter drop grant revoke list begin use describe desc ", first.text) {
		p.fail(noAlternative)
		return q
	}
	q.Verb = strings.ToLower(p.next().text)
	switch q.Verb {
	case "select":
		p.selection(q)
	case "insert":
		p.into(q, "into")
	case "update", "use":
		p.table(q)
	case "delete":
		for p.peek().kind != end && !p.peek().is("from") {
			p.next()
		}
		p.into(q, "from")
	case "truncate":
		p.take("table")
		p.table(q)
	case "create", "alter", "drop":
		p.schema(q)
	}
	return q
}

func (p *cqlParser) into(q *CQL, w string) {
	if !p.take(w) {
		p.fail("mismatched input")
		return
	}
	p.table(q)
}

// schema reads what is made, changed or dropped, and its name.
func (p *cqlParser) schema(q *CQL) {
	p.take("or replace")
	t := p.next()
	if t.kind != word || !oneOf(" keyspace table columnfamily index custom type role user function aggregate materialized trigger ", t.text) {
		if t.kind != end {
			p.pos--
		}
		p.fail(noAlternative)
		return
	}
	q.Verb += " " + strings.ToLower(t.text)
	p.take("view")
	p.take("index")
	if !p.take("if not exists") {
		p.take("if exists")
	}
	p.table(q)
	if strings.HasSuffix(q.Verb, " index") || strings.HasSuffix(q.Verb, " custom") {
		if p.take("on") {
			p.table(q)
		}
	}
}

func (p *cqlParser) selection(q *CQL) {
	q.JSON = p.take("json")
	q.Distinct = p.take("distinct")
	for p.err == nil {
		q.Items = append(q.Items, p.item())
		if !p.takeMark(",") {
			break
		}
	}
	if p.err == nil && !p.take("from") {
		p.fail("mismatched input")
	}
	if p.err != nil {
		return
	}
	p.table(q)
	if p.take("where") {
		p.relations(q)
	}
	p.tail(q)
}

func (p *cqlParser) item() Item {
	if p.takeMark("*") {
		return Item{Column: "*"}
	}
	it := Item{Column: p.name()}
	if p.err == nil && p.takeMark("(") {
		it.Func, it.Column = it.Column, ""
		switch {
		case p.takeMark("*"):
			it.Column = "*"
		case !p.peek().mark(")"):
			it.Column = p.name()
			for p.takeMark(",") {
				it.Column += ", " + p.name()
			}
		}
		if !p.takeMark(")") {
			p.fail(noAlternative)
		}
	}
	if p.err == nil && p.take("as") {
		it.Alias = p.name()
	}
	return it
}

func (p *cqlParser) relations(q *CQL) {
	for p.err == nil {
		q.Where = append(q.Where, p.relation())
		if !p.take("and") {
			return
		}
	}
}

// relation reads one condition. A field token(a, b) has that as its name.
func (p *cqlParser) relation() *Clause {
	c := &Clause{Pos: p.peek().pos, Field: p.name()}
	if p.err != nil {
		return c
	}
	if c.Field == "token" && p.takeMark("(") {
		c.Field = "token(" + p.name()
		for p.takeMark(",") {
			c.Field += ", " + p.name()
		}
		c.Field += ")"
		if !p.takeMark(")") {
			p.fail(noAlternative)
		}
	}
	switch t := p.peek(); {
	case t.kind == operator:
		c.Cmp = p.next().text
	case p.take("in"):
		c.Cmp = "in"
		p.list(c)
		return c
	case p.take("contains key"), p.take("contains"):
		c.Cmp = "contains"
	case p.take("like"):
		c.Cmp = "like"
	case p.take("is not"):
		c.Cmp = "is not"
	default:
		p.fail(noAlternative)
		return c
	}
	c.Args = []Arg{p.term()}
	return c
}

func (p *cqlParser) list(c *Clause) {
	if !p.takeMark("(") {
		p.fail(noAlternative)
		return
	}
	c.List = true
	for p.err == nil && !p.takeMark(")") {
		c.Args = append(c.Args, p.term())
		if !p.takeMark(",") && !p.peek().mark(")") {
			p.fail(noAlternative)
		}
	}
}

// term reads a constant or a function of constants.
func (p *cqlParser) term() Arg {
	t := p.peek()
	switch {
	case t.kind == quoted:
		p.next()
		return Arg{Text: t.text, Quoted: true, Pos: t.pos}
	case t.kind != word || oneOf(" and or order limit allow per ", t.text):
		p.fail(noAlternative)
		return Arg{}
	}
	p.next()
	a := Arg{Text: t.text, Pos: t.pos}
	if !p.takeMark("(") {
		if c := t.text[0]; !oneOf(" true false null nan infinity ", t.text) && c != '-' && (c < '0' || c > '9') && !isUUID(t.text) {
			p.pos--
			p.fail(noAlternative)
		}
		return a
	}
	a.Call, a.Text = true, strings.ToLower(a.Text)
	for p.err == nil && !p.takeMark(")") {
		a.Args = append(a.Args, p.term().Text)
		if !p.takeMark(",") && !p.peek().mark(")") {
			p.fail(noAlternative)
		}
	}
	return a
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && strings.IndexByte("0123456789abcdefABCDEF", s[i]) < 0 {
			return false
		}
	}
	return true
}

func (p *cqlParser) tail(q *CQL) {
	if p.take("group by") {
		p.fail(noAlternative) // not among what the imitated driver sends
	}
	if p.take("order by") {
		for p.err == nil {
			o := Order{Pos: p.peek().pos, Field: p.name()}
			if !p.take("asc") {
				o.Desc = p.take("desc")
			}
			q.Order = append(q.Order, o)
			if !p.takeMark(",") {
				break
			}
		}
	}
	if p.take("per partition limit") {
		q.Each = p.count()
	}
	if p.take("limit") {
		q.Limit = p.count()
	}
	if p.take("allow") {
		if q.Filter = p.take("filtering"); !q.Filter {
			p.fail("mismatched input")
		}
	}
}

func (p *cqlParser) count() int {
	t := p.peek()
	sign := strings.HasPrefix(t.text, "-")
	n, ok := number(strings.TrimPrefix(t.text, "-"))
	if t.kind != word || !ok {
		p.fail(noAlternative)
		return -1
	}
	p.next()
	if sign {
		n = -n
	}
	return n
}
