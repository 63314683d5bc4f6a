package ql

import (
	"strconv"
	"strings"
)

// JQL is a query of Jira.
type JQL struct {
	Where *Expr
	Order []Order
}

// Order is one key of an order.
type Order struct {
	Field string
	Desc  bool
	Last  bool // SOQL: NULLS LAST
	Pos   int
}

var jqlDialect = dialect{
	strings: `"'`, marks: "(),", escapes: `"'\ntr u`,
	ops: []string{"!=", "!~", "<=", ">=", "&&", "||", "=", "<", ">", "~", "!", "&", "|"},
}

const (
	jqlError     = "Error in the JQL Query: "
	jqlOperators = "The valid operators are '=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'."
	// jqlReserved are characters that have to be in quotes.
	jqlReserved = "?*/%+^$#@;{}[]`"
)

// jqlWords are the reserved words that are no part of the grammar.
const jqlWords = " abort access add alias all alter any as audit avg begin between boolean break byte catch char character check checkpoint collate collation column commit connect continue count create current date decimal declare decrement default defaults define delete delimiter difference distinct divide do double drop else encoding end equals escape exclusive exec execute exists explain false fetch file field first float for function go goto grant greater group having identified if immediate increment index initial inner inout input insert int integer intersect intersection into isempty isnull join last left less like limit lock long max min minus mode modify modulo more multiply next noaudit notin nowait number object of option outer output power previous prior privileges public raise raw remainder rename resource return returns revoke right row rowid rownum rows select session set share size sqrt start strict string subtract sum synonym table then trans transaction trigger true uid union unique update user validate values view when whenever where while with "

// jqlKeywords are those that are.
const jqlKeywords = " and or not in is was changed empty null order by asc desc after before on during from to cf "

func oneOf(list, w string) bool {
	return w != "" && strings.IndexByte(w, ' ') < 0 && strings.Contains(list, " "+strings.ToLower(w)+" ")
}

// jqlParser holds the state of one parse; err is the first fault.
type jqlParser struct {
	cursor
	err   error
	plain bool // no reserved words and characters
}

// ParseJQL parses a query. Errors have Jira's texts.
func ParseJQL(text string) (*JQL, error) {
	p := jqlParser{cursor: cursor{text: clip(text)}}
	return p.parse()
}

// ParseCQL parses a query of Confluence, which is written as in Jira. Whatever is
// wrong with it, Confluence says the same.
func ParseCQL(text string) (*JQL, error) {
	p := jqlParser{cursor: cursor{text: clip(text)}, plain: true}
	q, err := p.parse()
	if err != nil || q.Where == nil {
		return nil, Error("Could not parse cql : " + p.text)
	}
	return q, nil
}

func (p *jqlParser) parse() (*JQL, error) {
	if f := p.start(&jqlDialect); f != nil {
		return nil, p.lexical(f)
	}
	q := &JQL{}
	if t := p.peek(); t.kind != end && !t.is("order") {
		q.Where = p.or()
	}
	if p.err == nil && p.peek().kind != end {
		p.tail(q)
	}
	if p.err != nil {
		return nil, p.err
	}
	return q, nil
}

// place is how Jira names a place in a query.
func (p *jqlParser) place(pos int) string {
	before := p.text[:min(pos, len(p.text))]
	line := strings.Count(before, "\n") + 1
	col := len(before) - (strings.LastIndexByte(before, '\n') + 1) + 1
	return Say(" (line %, character %)", strconv.Itoa(line), strconv.Itoa(col))
}

func (p *jqlParser) lexical(f *fault) error {
	switch f.why {
	case 'q':
		return Error(Say(jqlError+"The quoted string '%' has not been completed.%", f.text, p.place(f.pos)))
	case 'e':
		return Error(jqlError + "'" + f.text + "' is an illegal JQL escape sequence. The valid escape sequences are \\', \\\", \\t, \\n, \\r, \\\\, '\\ ' and \\uXXXX." + p.place(f.pos))
	}
	return Error("The JQL query is too long or too complex. Please simplify it and try again.")
}

// fail notes the first error; what follows is not looked at.
func (p *jqlParser) fail(text string) {
	if p.err == nil {
		p.err = Error(text)
	}
	p.stop()
}

// wants refuses the current lexeme: atEnd is said at the end of the query, got
// before the lexeme elsewhere, and hint after it, where % is the lexeme.
func (p *jqlParser) wants(atEnd, got, hint string) {
	t := p.peek()
	if t.kind == end {
		p.fail(atEnd)
		return
	}
	shown := p.shown(t)
	p.fail(Say("% but got '%'.%%", got, shown, strings.ReplaceAll(hint, "%", shown), p.place(t.pos)))
}

func (p *jqlParser) or() *Expr { return p.chain(Or, "or", "||", "|", p.and) }

func (p *jqlParser) and() *Expr { return p.chain(And, "and", "&&", "&", p.not) }

func (p *jqlParser) chain(op Op, name, long, short string, part func() *Expr) *Expr {
	kids := []*Expr{part()}
	for p.err == nil && (p.take(name) || p.takeMark(long) || p.takeMark(short)) {
		kids = append(kids, part())
	}
	return join(op, kids)
}

func (p *jqlParser) not() *Expr {
	if p.depth++; p.depth > maxNested {
		p.fail("The JQL query is too long or too complex. Please simplify it and try again.")
		return nil
	}
	defer func() { p.depth-- }()
	switch {
	case p.take("not") || p.takeMark("!"):
		return &Expr{Op: Not, Kids: []*Expr{p.not()}}
	case p.takeMark("("):
		e := p.or()
		if p.err == nil && !p.takeMark(")") {
			p.wants(jqlError+"Expecting ')' before the end of the query.", jqlError+"Expecting either 'OR', 'AND' or ')'", "")
		}
		return e
	}
	return leaf(p.clause())
}

// bare reads an unquoted word's text, after a look at what may not stand there.
func (p *jqlParser) bare(t *lexeme) string {
	if p.plain {
		return t.text
	}
	if oneOf(jqlWords, t.text) {
		p.fail(Say(jqlError+"'%' is a reserved JQL word. You must surround it in quotation marks to use it in a query.%", t.text, p.place(t.pos)))
	}
	if i := strings.IndexAny(t.text, jqlReserved); i >= 0 {
		c := t.text[i]
		code := "\\u00" + strconv.FormatInt(int64(c)+0x100, 16)[1:]
		p.fail(Say(jqlError+"The character '%' is a reserved JQL character. You must enclose it in a string or use the escape '%' instead.%", string(rune(c)), code, p.place(t.pos+i)))
	}
	return t.text
}

func (p *jqlParser) field() (string, int) {
	t := p.peek()
	if t.kind == quoted {
		p.next()
		return t.text, t.pos
	}
	if t.kind != word || oneOf(jqlKeywords, t.text) {
		p.wants(jqlError+"Expecting a field name at the end of the query.", jqlError+"Expecting a field name",
			" You must surround '%' in quotation marks to use it as a field name.")
		return "", 0
	}
	p.next()
	if len(t.text) > 3 && strings.EqualFold(t.text[:3], "cf[") {
		return t.text, t.pos
	}
	return p.bare(t), t.pos
}

func (p *jqlParser) clause() *Clause {
	c := &Clause{}
	if c.Field, c.Pos = p.field(); p.err != nil {
		return c
	}
	c.Cmp = p.operator()
	if p.err != nil || c.Cmp == "changed" {
		p.predicates(c)
		return c
	}
	if strings.HasSuffix(c.Cmp, "in") && !p.peek().mark("(") {
		p.call(c) // IN takes a function that gives a list
	} else {
		p.operand(c)
	}
	if strings.HasPrefix(c.Cmp, "was") {
		p.predicates(c)
	}
	return c
}

func (p *jqlParser) operator() string {
	t := p.peek()
	if t.kind == operator && len(t.text) < 3 && t.text != "!" && t.text[0] != '&' && t.text[0] != '|' {
		p.next()
		return t.text
	}
	for _, op := range [...]string{"in", "not in", "is not", "is", "was not in", "was in", "was not", "was", "changed"} {
		if p.take(op) {
			return op
		}
	}
	p.wants(jqlError+"Expecting operator before the end of the query. "+jqlOperators, jqlError+"Expecting operator", " "+jqlOperators)
	return ""
}

func (p *jqlParser) call(c *Clause) {
	if p.ahead(1).mark("(") || p.peek().kind == end || p.peek().kind != word {
		p.operand(c)
		return
	}
	p.wants("", jqlError+"Expecting '('", "")
}

// operand reads a value, a function or a list.
func (p *jqlParser) operand(c *Clause) {
	if !p.takeMark("(") {
		c.Args = append(c.Args, p.value())
		return
	}
	c.List = true
	for p.err == nil {
		c.Args = append(c.Args, p.value())
		if p.takeMark(")") {
			return
		}
		if !p.takeMark(",") {
			p.wants(jqlError+"Expecting ')' before the end of the query.", jqlError+"Expecting either ')' or ','", "")
		}
	}
}

func (p *jqlParser) value() Arg {
	t := p.peek()
	switch {
	case t.kind == quoted:
		p.next()
		return Arg{Text: t.text, Quoted: true, Pos: t.pos}
	case t.kind != word || oneOf(jqlKeywords, t.text) && !t.is("empty") && !t.is("null"):
		p.wants("Error in JQL Query: Expecting either a value, list or function before the end of the query.",
			"Error in JQL Query: Expecting either a value, list or function", " You must surround '%' in quotation marks to use it as a value.")
		return Arg{}
	}
	p.next()
	a := Arg{Text: p.bare(t), Pos: t.pos}
	if p.err == nil && p.takeMark("(") {
		a.Call = true
		p.arguments(&a)
	}
	return a
}

func (p *jqlParser) arguments(a *Arg) {
	for p.err == nil && !p.takeMark(")") {
		t := p.peek()
		if t.kind != word && t.kind != quoted {
			p.wants(jqlError+"Expecting ')' before the end of the query.", jqlError+"Expecting a function argument",
				" You must surround '%' in quotation marks to use it as an argument.")
			return
		}
		a.Args = append(a.Args, t.text)
		p.next()
		if !p.takeMark(",") && !p.peek().mark(")") {
			p.wants(jqlError+"Expecting ')' before the end of the query.", jqlError+"Expecting either ')' or ','", "")
		}
	}
}

func (p *jqlParser) predicates(c *Clause) {
	for p.err == nil {
		t := p.peek()
		if t.kind != word || !oneOf(" after before on during by from to ", t.text) {
			return
		}
		p.next()
		var args Clause
		p.operand(&args)
		c.With = append(c.With, Predicate{strings.ToLower(t.text), args.Args})
	}
}

// tail reads what follows the condition: an order, and then nothing.
func (p *jqlParser) tail(q *JQL) {
	if !p.take("order") {
		p.wants("", jqlError+"Expecting either 'OR' or 'AND'", "")
		return
	}
	if !p.take("by") {
		p.wants(jqlError+"Expecting 'by' before the end of the query.", jqlError+"Expecting 'by'", "")
		return
	}
	for p.err == nil {
		o := Order{}
		o.Field, o.Pos = p.field()
		if p.err == nil && !p.take("asc") {
			o.Desc = p.take("desc") || defaultFalls(o.Field)
		}
		q.Order = append(q.Order, o)
		if p.peek().kind == end {
			return
		}
		if !p.takeMark(",") {
			p.wants("", jqlError+"Expecting either ',', 'ASC' or 'DESC'", "")
		}
	}
}

// defaultFalls tells which fields Jira sorts from the latest on when no direction
// is named.
func defaultFalls(field string) bool {
	return oneOf(" created createddate updated updateddate priority resolved resolutiondate ", field)
}
