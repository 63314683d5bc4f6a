package pgsql

// query takes a query with everything around it.
func (p *parser) query() *query {
	p.enter()
	defer p.leave()
	at := p.peek().at
	var with []*cte
	recursive := false
	if p.word("with") {
		recursive = p.word("recursive")
		with = p.ctes()
		if !p.isWord("select") && !p.isWord("values") && !p.isWord("table") && !p.isOp("(") {
			if p.isWord("insert") || p.isWord("update") || p.isWord("delete") {
				return &query{at: at, with: append(with, &cte{write: p.write()})}
			}
			p.fail()
		}
	}
	q := p.setOps(0)
	if with != nil {
		if q.with != nil {
			p.fail()
		}
		q.with, q.recursive = with, recursive
	}
	p.tail(q)
	return q
}

func (p *parser) ctes() []*cte {
	var out []*cte
	for {
		c := &cte{at: p.peek().at, name: p.columnName()}
		if p.op("(") {
			c.columns = p.nameList()
		}
		p.need("as")
		if !p.word("materialized") && p.word("not") {
			p.need("materialized")
		}
		p.needOp("(")
		if p.isWord("insert") || p.isWord("update") || p.isWord("delete") {
			c.write = p.write()
		} else {
			c.q = p.query()
		}
		p.needOp(")")
		if out = append(out, c); !p.op(",") {
			return out
		}
	}
}

// setOps takes queries joined by set operations; INTERSECT binds tighter.
func (p *parser) setOps(level int) *query {
	if level == 2 {
		return p.simple()
	}
	left := p.setOps(level + 1)
	for {
		op := p.peek().text
		if !p.isWord("intersect") && (level == 1 || !p.isWord("union") && !p.isWord("except")) || level == 0 && op == "intersect" {
			return left
		}
		at := p.advance().at
		q := &query{at: at, op: op, all: p.word("all"), left: left}
		if !q.all {
			p.word("distinct")
		}
		q.right = p.setOps(level + 1)
		left = q
	}
}

func (p *parser) simple() *query {
	at := p.peek().at
	switch {
	case p.isOp("("):
		p.pos++
		q := p.query()
		p.needOp(")")
		return wrapped(q)
	case p.word("values"):
		return p.valuesRows(at)
	case p.word("table"):
		p.word("only")
		t := &tableName{fromItem: fromItem{at: p.peek().at}, parts: p.qualified()}
		return &query{at: at, items: []selectItem{{x: &columnRef{parts: []string{"*"}}}}, from: []tableRef{t}}
	case p.word("select"):
		return p.selectCore(at)
	}
	p.fail()
	return nil
}

// wrapped keeps the order and limit of a query in parentheses apart from those
// that follow.
func wrapped(q *query) *query {
	if q.order == nil && q.limit == nil && q.offset == nil && q.with == nil {
		return q
	}
	return &query{at: q.at, left: q}
}

func (p *parser) valuesRows(at int) *query {
	q := &query{at: at}
	for {
		p.needOp("(")
		q.values = append(q.values, p.exprs())
		p.needOp(")")
		if len(q.values[0]) != len(q.values[len(q.values)-1]) {
			failAt(q.values[len(q.values)-1][0].where(), codeSyntax, "VALUES lists must all be the same length")
		}
		if !p.op(",") {
			return q
		}
	}
}

func (p *parser) selectCore(at int) *query {
	q := &query{at: at}
	if p.word("distinct") {
		q.distinct = true
		if p.word("on") {
			p.needOp("(")
			q.distinctOn = p.exprs()
			p.needOp(")")
		}
	} else {
		p.word("all")
	}
	q.items = p.selectItems()
	if p.word("into") {
		p.word("temporary")
		p.word("temp")
		p.word("table")
		p.qualified()
		q.into = true
	}
	if p.word("from") {
		q.from = append(q.from, p.tableRef())
		for p.op(",") {
			q.from = append(q.from, p.tableRef())
		}
	}
	if p.word("where") {
		q.where = p.expr()
	}
	if p.word("group") {
		p.need("by")
		if !p.word("all") {
			q.groupAll = p.word("distinct")
		}
		q.group = p.groupItems()
	}
	if p.word("having") {
		q.having = p.expr()
	}
	if p.word("window") {
		q.windows = p.windowClause()
	}
	return q
}

func (p *parser) selectItems() []selectItem {
	var out []selectItem
	if t := p.peek(); t.kind == tokEnd || p.isOp(";") || p.isOp(")") || t.is("from") || t.is("where") || t.is("union") || t.is("into") {
		return nil
	}
	for {
		it := selectItem{at: p.peek().at}
		if p.isOp("*") {
			it.x = &columnRef{at(p.advance().at), []string{"*"}}
		} else {
			it.x = p.expr()
			it.alias = p.itemAlias()
		}
		out = append(out, it)
		if !p.op(",") {
			return out
		}
	}
}

func (p *parser) itemAlias() string {
	t := p.peek()
	switch {
	case p.word("as"):
		return p.label()
	case t.kind == tokQuoted, t.kind == tokWord && !inWords(needsAs, t.text):
		p.pos++
		return t.text
	}
	return ""
}

func (p *parser) groupItems() []groupItem {
	var out []groupItem
	for {
		out = append(out, p.groupItem())
		if !p.op(",") {
			return out
		}
	}
}

func (p *parser) groupItem() groupItem {
	p.enter()
	defer p.leave()
	kind := byte(0)
	switch {
	case p.isWord("rollup") && p.peekAt(1).text == "(":
		kind = 'r'
	case p.isWord("cube") && p.peekAt(1).text == "(":
		kind = 'c'
	case p.isWord("grouping", "sets"):
		kind = 's'
		p.pos++
	case p.isOp("(") && !p.startsQuery():
		return p.groupList()
	default:
		return groupItem{x: p.expr()}
	}
	p.pos++
	p.needOp("(")
	g := groupItem{kind: kind, kids: p.groupItems()}
	p.needOp(")")
	return g
}

// groupList takes (a, b) as a list, and (a) + 1 as an expression.
func (p *parser) groupList() groupItem {
	save := p.pos
	p.pos++
	if p.op(")") {
		return groupItem{kind: '('}
	}
	g := groupItem{kind: '(', kids: p.groupItems()}
	if p.op(")") {
		if t := p.peek(); t.kind == tokEnd || t.kind == tokWord || t.kind == tokOp && (t.text == "," || t.text == ")" || t.text == ";") {
			return g
		}
	}
	p.pos = save
	return groupItem{x: p.expr()}
}

// tail takes ORDER BY, LIMIT, OFFSET, FETCH and FOR in any order the server takes.
func (p *parser) tail(q *query) {
	if p.word("order") {
		p.need("by")
		q.order = p.orderItems()
	}
	for {
		t := p.peek()
		switch {
		case p.word("limit"):
			if q.limit != nil {
				failAt(t.at, codeSyntax, "multiple LIMIT clauses not allowed")
			}
			if q.limit = p.limit(); p.isOp(",") {
				failHint(t.at, codeSyntax, "LIMIT #,# syntax is not supported", "Use separate LIMIT and OFFSET clauses.")
			}
		case p.word("offset"):
			q.offset = p.expr()
			if !p.word("row") {
				p.word("rows")
			}
		case p.word("fetch"):
			p.fetch(q)
		case p.word("for"):
			p.locking(q, t.at)
		default:
			return
		}
	}
}

func (p *parser) limit() expr {
	if t := p.peek(); p.word("all") {
		return &literal{at(t.at), '0', ""}
	}
	return p.expr()
}

func (p *parser) fetch(q *query) {
	if !p.word("first") {
		p.need("next")
	}
	q.limit = &literal{at(p.peek().at), 'n', "1"}
	if !p.isWord("row") && !p.isWord("rows") {
		q.limit = p.operand(precedence["unary"])
	}
	if !p.word("row") {
		p.need("rows")
	}
	if p.word("with") {
		p.need("ties")
		q.ties = true
		return
	}
	p.need("only")
}

func (p *parser) locking(q *query, at int) {
	q.lockAt = at
	switch {
	case p.word("update"):
		q.locking = "FOR UPDATE"
	case p.word("share"):
		q.locking = "FOR SHARE"
	case p.word("no"):
		p.need("key", "update")
		q.locking = "FOR NO KEY UPDATE"
	default:
		p.need("key", "share")
		q.locking = "FOR KEY SHARE"
	}
	if p.word("of") {
		p.qualified()
		for p.op(",") {
			p.qualified()
		}
	}
	if !p.word("nowait") && p.word("skip") {
		p.need("locked")
	}
}

func (p *parser) orderItems() []orderItem {
	var out []orderItem
	for {
		o := orderItem{x: p.expr()}
		switch {
		case p.word("desc"):
			o.desc = true
		case p.word("asc"):
		case p.word("using"):
			o.using = p.advance().text
			o.desc = o.using == ">"
		}
		if p.word("nulls") {
			o.nulls = true
			if o.nullsFirst = p.word("first"); !o.nullsFirst {
				p.need("last")
			}
		}
		if !o.nulls {
			o.nullsFirst = o.desc
		}
		out = append(out, o)
		if !p.op(",") {
			return out
		}
	}
}
