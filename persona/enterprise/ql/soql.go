package ql

import (
	"strconv"
	"strings"
)

// SOQL is a query of Salesforce, or a part of one in parentheses.
type SOQL struct {
	Fields  []Field
	From    string
	FromPos int
	Alias   string
	Where   *Expr
	Group   []Field
	Having  *Expr
	Order   []Order
	Limit   int // -1 for none
	Offset  int
	text    string
}

// Field is something that is selected: a path, a function of one, or a subquery.
type Field struct {
	Func    string // lower case; "fields" for FIELDS(x)
	Path    string // Account.Owner.Name; "" for COUNT()
	Alias   string
	Sub     *SOQL
	Pos, to int
}

// Name is how the field is spelled in conditions and orders.
func (f *Field) Name() string {
	if f.Func == "" {
		return f.Path
	}
	return f.Func + "(" + f.Path + ")"
}

var soqlDialect = dialect{
	strings: "'", marks: "(),*", escapes: `'"\ntrbf_%`,
	ops: []string{"!=", "<>", "<=", ">=", "=", "<", ">"},
}

// soqlClauses end a list of fields or a condition.
const soqlClauses = " select from using where with group having order limit offset for and or not like in includes excludes asc desc nulls by "

type soqlParser struct {
	cursor
	err     error
	selects int // how deep queries are in queries
}

// ParseSOQL parses a query. Errors are MALFORMED_QUERY in Salesforce's JSON.
func ParseSOQL(text string) (*SOQL, error) {
	p := soqlParser{cursor: cursor{text: clip(strings.TrimRight(text, " \t\r\n"))}}
	if f := p.start(&soqlDialect); f != nil {
		return nil, p.lexical(f)
	}
	q := p.query()
	if p.err == nil && p.peek().kind != end {
		p.unexpected()
	}
	if p.err != nil {
		return nil, p.err
	}
	return q, nil
}

func (p *soqlParser) lexical(f *fault) error {
	switch f.why {
	case 'q':
		return SOQLError("MALFORMED_QUERY", "line 1:"+strconv.Itoa(len(p.text))+" mismatched character '<EOF>' expecting '''")
	case 'e':
		return SOQLError("MALFORMED_QUERY", "Invalid string literal '"+f.text+"'. Illegal character sequence '"+f.text+"' in string literal.")
	}
	return SOQLError("QUERY_TOO_COMPLICATED", "The query is too complicated.")
}

// SOQLError is an error in the form of Salesforce's API.
func SOQLError(code, message string) Error {
	var b strings.Builder
	b.WriteString(`[{"message":"`)
	for i := 0; i < len(message); i++ {
		switch c := message[i]; {
		case c == '\n':
			b.WriteString(`\n`)
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20:
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
	}
	b.WriteString(`","errorCode":"` + code + `"}]`)
	return Error(b.String())
}

// At is an error that points at a place in the query: a piece of the query, a
// caret under it, and the row and column. Each % of the message stands for an
// argument.
//
//go:noinline
func (q *SOQL) At(pos int, code, message string, args ...string) Error {
	return SOQLError(code, caret(q.text, pos)+Say(message, args...))
}

// caretSpan is how much of a query is shown on either side of the place.
const caretSpan = 40

func caret(text string, pos int) string {
	row := strings.Count(text[:pos], "\n") + 1
	start := strings.LastIndexByte(text[:pos], '\n') + 1
	stop := len(text)
	if i := strings.IndexByte(text[pos:], '\n'); i >= 0 {
		stop = pos + i
	}
	column := pos - start + 1
	if pos-start > caretSpan {
		start = pos - caretSpan
		if i := strings.IndexAny(text[start:pos], " ,"); i >= 0 {
			start += i + 1
		}
	}
	if stop-pos > caretSpan {
		stop = pos + caretSpan
		if i := strings.LastIndexAny(text[pos:stop], " ,"); i > 0 {
			stop = pos + i
		}
	}
	return "\n" + strings.ToValidUTF8(text[start:stop], "") + "\n" + strings.Repeat(" ", pos-start) + "^\nERROR at Row:" +
		strconv.Itoa(row) + ":Column:" + strconv.Itoa(column) + "\n"
}

func (p *soqlParser) fail(pos int, message string) {
	if p.err == nil {
		p.err = SOQLError("MALFORMED_QUERY", caret(p.text, pos)+message)
	}
	p.stop()
}

func (p *soqlParser) unexpected() {
	t := p.peek()
	if t.kind == end {
		p.fail(max(0, len(p.text)-1), "unexpected token: '<EOF>'")
		return
	}
	p.fail(t.pos, "unexpected token: '"+p.shown(t)+"'")
}

func (p *soqlParser) need(mark string) {
	if p.err == nil && !p.takeMark(mark) {
		p.unexpected()
	}
}

func (p *soqlParser) query() *SOQL {
	q := &SOQL{Limit: -1, text: p.text}
	if p.selects++; p.selects > 3 || !p.take("select") {
		p.unexpected()
		return q
	}
	defer func() { p.selects-- }()
	q.Fields = p.fields(true)
	if p.err == nil && !p.take("from") {
		p.unexpected()
	}
	if p.err != nil {
		return q
	}
	t := p.name()
	q.From, q.FromPos = t.text, t.pos
	if p.take("as"); p.peek().kind == word && !oneOf(soqlClauses, p.peek().text) {
		q.Alias = p.next().text
	}
	p.clauses(q)
	return q
}

// clauses reads what follows the object, in the one order there is.
func (p *soqlParser) clauses(q *SOQL) {
	if p.take("using scope") {
		p.name()
	}
	if p.take("where") {
		q.Where = p.condition()
	}
	if p.take("with") {
		p.name()
	}
	if p.take("group by") {
		q.Group = p.fields(false)
		if p.take("having") {
			q.Having = p.condition()
		}
	}
	if p.take("order by") {
		p.orders(q)
	}
	if p.take("limit") {
		q.Limit = p.count()
	}
	if p.take("offset") {
		q.Offset = p.count()
	}
	if p.take("for") && !p.take("view") && !p.take("reference") && !p.take("update") {
		p.unexpected()
	}
}

// name reads a bare word that is no keyword.
func (p *soqlParser) name() *lexeme {
	t := p.peek()
	if t.kind != word || oneOf(soqlClauses, t.text) {
		p.unexpected()
		return t
	}
	return p.next()
}

func (p *soqlParser) count() int {
	t := p.peek()
	n, ok := number(t.text)
	if t.kind != word || !ok {
		p.unexpected()
		return 0
	}
	p.next()
	return n
}

func (p *soqlParser) fields(selected bool) []Field {
	var out []Field
	for p.err == nil {
		out = append(out, p.fieldItem(selected))
		if !p.takeMark(",") {
			break
		}
	}
	return out
}

func (p *soqlParser) fieldItem(selected bool) Field {
	f := Field{Pos: p.peek().pos}
	if selected && p.takeMark("(") {
		f.Sub = p.query()
		p.need(")")
		return f
	}
	f.Func, f.Path = p.reference()
	if selected && p.peek().kind == word && !oneOf(soqlClauses, p.peek().text) {
		f.Alias = p.next().text
	}
	f.to = p.last().to
	return f
}

// reference reads a path or a function of one.
func (p *soqlParser) reference() (call, path string) {
	t := p.name()
	if p.err != nil || !p.takeMark("(") {
		return "", t.text
	}
	call = strings.ToLower(t.text)
	if p.takeMark(")") {
		return call, ""
	}
	inner, path := p.reference()
	if inner != "" {
		path = inner + "(" + path + ")"
	}
	p.need(")")
	return call, path
}

func (p *soqlParser) orders(q *SOQL) {
	for p.err == nil {
		f := p.fieldItem(false)
		o := Order{Field: f.Name(), Pos: f.Pos}
		if !p.take("asc") {
			o.Desc = p.take("desc")
		}
		switch {
		case p.take("nulls last"):
			o.Last = true
		case p.take("nulls first"):
		default:
			o.Last = false
		}
		q.Order = append(q.Order, o)
		if !p.takeMark(",") {
			return
		}
	}
}

// condition reads a chain of one kind: SOQL wants parentheses where AND and OR
// meet.
func (p *soqlParser) condition() *Expr {
	if p.depth++; p.depth > maxNested {
		p.unexpected()
		return nil
	}
	defer func() { p.depth-- }()
	kids := []*Expr{p.part()}
	op, name := And, "and"
	if p.peek().is("or") {
		op, name = Or, "or"
	}
	for p.err == nil && p.take(name) {
		kids = append(kids, p.part())
	}
	if p.err == nil && (p.peek().is("and") || p.peek().is("or")) {
		p.unexpected()
	}
	return join(op, kids)
}

func (p *soqlParser) part() *Expr {
	switch {
	case p.take("not"):
		if p.depth++; p.depth > maxNested {
			p.unexpected()
			return nil
		}
		defer func() { p.depth-- }()
		return &Expr{Op: Not, Kids: []*Expr{p.part()}}
	case p.takeMark("("):
		e := p.condition()
		p.need(")")
		return e
	}
	return leaf(p.clause())
}

func (p *soqlParser) clause() *Clause {
	f := p.fieldItem(false)
	c := &Clause{Field: f.Name(), Pos: f.Pos}
	if p.err != nil {
		return c
	}
	t := p.peek()
	switch {
	case t.kind == operator:
		c.Cmp = p.next().text
		if c.Cmp == "<>" {
			c.Cmp = "!="
		}
	case p.take("not in"):
		c.Cmp = "not in"
	case t.is("like") || t.is("in") || t.is("includes") || t.is("excludes"):
		c.Cmp = strings.ToLower(p.next().text)
	default:
		p.unexpected()
		return c
	}
	if strings.HasSuffix(c.Cmp, "in") || strings.HasSuffix(c.Cmp, "cludes") {
		p.list(c)
		return c
	}
	c.Args = []Arg{p.value()}
	return c
}

func (p *soqlParser) list(c *Clause) {
	p.need("(")
	c.List = true
	if p.err == nil && p.peek().is("select") {
		c.Sub = p.query()
		p.need(")")
		return
	}
	for p.err == nil {
		c.Args = append(c.Args, p.value())
		if !p.takeMark(",") {
			p.need(")")
			return
		}
	}
}

func (p *soqlParser) value() Arg {
	t := p.peek()
	switch {
	case t.kind == quoted:
		p.next()
		return Arg{Text: t.text, Quoted: true, Pos: t.pos}
	case t.kind == word && t.text[0] == ':':
		p.fail(t.pos, "Bind variables only allowed in Apex code")
	case t.kind == word && !oneOf(soqlClauses, t.text) && soqlLiteral(t.text):
		p.next()
		return Arg{Text: t.text, Pos: t.pos}
	default:
		p.unexpected()
	}
	return Arg{}
}

// soqlLiteral reports whether bare text is a value: a number, a date, true, false,
// null or a name of a stretch of time.
func soqlLiteral(s string) bool {
	if _, ok := Stretch(s, zeroTime); ok {
		return true
	}
	if _, _, ok := Date(s); ok {
		return true
	}
	if oneOf(" true false null ", s) {
		return true
	}
	s = strings.TrimLeft(s, "+-")
	return s != "" && strings.Trim(s, "0123456789.") == "" && strings.Count(s, ".") <= 1 && s != "."
}
