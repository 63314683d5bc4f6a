package pgsql

// tableRef takes one element of FROM with its joins.
func (p *parser) tableRef() tableRef {
	p.enter()
	defer p.leave()
	left := p.tablePrimary()
	for {
		j := &join{fromItem: fromItem{at: p.peek().at}, l: left, kind: "inner"}
		if p.word("cross") {
			p.need("join")
			j.kind = "cross"
			j.r = p.tablePrimary()
			left = j
			continue
		}
		save := p.pos
		j.natural = p.word("natural")
		switch {
		case p.word("inner"):
		case p.isWord("left"), p.isWord("right"), p.isWord("full"):
			j.kind = p.advance().text
			p.word("outer")
		}
		if !p.word("join") {
			if p.pos != save {
				p.fail()
			}
			return left
		}
		j.r = p.joinRight()
		p.joinCondition(j)
		left = j
	}
}

// joinRight takes the right side, which may be joined itself before its condition
// comes.
func (p *parser) joinRight() tableRef {
	right := p.tablePrimary()
	for p.isWord("join") || p.isWord("inner") || p.isWord("left") || p.isWord("right") || p.isWord("full") || p.isWord("natural") || p.isWord("cross") {
		p.enter()
		j := &join{fromItem: fromItem{at: p.peek().at}, l: right, kind: "inner"}
		if p.word("cross") {
			j.kind = "cross"
			p.need("join")
			j.r = p.tablePrimary()
			right = j
			p.leave()
			continue
		}
		j.natural = p.word("natural")
		if !p.word("inner") && !p.isWord("join") {
			j.kind = p.advance().text
			p.word("outer")
		}
		p.need("join")
		j.r = p.joinRight()
		p.joinCondition(j)
		right = j
		p.leave()
	}
	return right
}

func (p *parser) joinCondition(j *join) {
	switch {
	case j.natural:
	case p.word("on"):
		j.on = p.expr()
	case p.word("using"):
		p.needOp("(")
		for {
			j.usingAt = append(j.usingAt, p.peek().at)
			j.using = append(j.using, p.columnName())
			if !p.op(",") {
				break
			}
		}
		p.needOp(")")
		if p.word("as") {
			p.columnName()
		}
	default:
		p.fail()
	}
}

func (p *parser) tablePrimary() tableRef {
	t := p.peek()
	lateral := p.word("lateral")
	switch {
	case p.isOp("(") && p.startsQuery() && p.queryAhead():
		return p.fromQuery(t.at, lateral)
	case p.isOp("("):
		p.pos++
		inner := p.tableRef()
		if _, ok := inner.(*join); !ok {
			p.fail()
		}
		p.needOp(")")
		if name, cols := p.tableAlias(); name != "" {
			j := inner.(*join)
			j.alias, j.columns = name, cols
		}
		return inner
	case p.isWord("rows", "from"):
		unsupported(t.at, "ROWS FROM")
	case p.callAhead():
		return p.fromCall(t.at, lateral)
	}
	only := p.word("only")
	n := &tableName{fromItem: fromItem{at: p.peek().at}, only: only, parts: p.qualified()}
	p.op("*")
	n.alias, n.columns = p.tableAlias()
	if p.word("tablesample") {
		p.label()
		p.needOp("(")
		p.exprs()
		p.needOp(")")
		n.sample = true
	}
	return n
}

// queryAhead tells (select ...) and ((select ...) union ...) from
// ((select ...) a join b): by what follows the inner parenthesis.
func (p *parser) queryAhead() bool {
	n := 0
	for p.peekAt(n+1).kind == tokOp && p.peekAt(n+1).text == "(" {
		n++
	}
	for ; n > 0; n-- {
		switch t := p.peekAt(p.closing(n) + 1); {
		case t.kind == tokOp && t.text == ")":
		case t.is("union"), t.is("intersect"), t.is("except"), t.is("order"), t.is("limit"), t.is("offset"), t.is("fetch"):
			return true
		default:
			return false
		}
	}
	return true
}

// closing is how far ahead the parenthesis is closed that opens n tokens ahead.
func (p *parser) closing(n int) int {
	depth := 0
	for ; p.peekAt(n).kind != tokEnd; n++ {
		if t := p.peekAt(n); t.kind == tokOp && t.text == "(" {
			depth++
		} else if t.kind == tokOp && t.text == ")" {
			if depth--; depth == 0 {
				break
			}
		}
	}
	return n
}

func (p *parser) fromQuery(at int, lateral bool) tableRef {
	p.needOp("(")
	f := &fromQuery{fromItem: fromItem{at: at}, q: p.query(), lateral: lateral}
	p.needOp(")")
	f.alias, f.columns = p.tableAlias()
	if f.alias == "" {
		what := "subquery"
		if f.q.values != nil {
			what = "VALUES"
		}
		example := "(SELECT ...)"
		if what == "VALUES" {
			example = "(VALUES ...)"
		}
		failHint(at, codeSyntax, what+" in FROM must have an alias", "For example, FROM "+example+" [AS] foo.")
	}
	return f
}

// callAhead reports whether a function call comes: a name, maybe qualified, and a
// parenthesis, or a function without one.
func (p *parser) callAhead() bool {
	t := p.peek()
	if t.kind == tokWord && inWords(" current_date current_timestamp current_user session_user user current_role current_catalog current_schema localtimestamp localtime current_time ", t.text) {
		return true
	}
	n := 0
	for p.peekAt(n).kind == tokWord || p.peekAt(n).kind == tokQuoted {
		switch next := p.peekAt(n + 1); {
		case next.kind == tokOp && next.text == "(":
			return !inWords(reserved, t.text) || n > 0
		case next.kind == tokOp && next.text == ".":
			n += 2
		default:
			return false
		}
	}
	return false
}

func (p *parser) fromCall(at int, lateral bool) tableRef {
	f := &fromCall{fromItem: fromItem{at: at}, lateral: lateral, calls: []expr{p.primary()}}
	if p.word("with") {
		p.need("ordinality")
		f.ordinality = true
	}
	save := p.pos
	if p.word("as") && p.isOp("(") || p.pos == save && p.peek().kind != tokOp && p.peekAt(1).text == "(" && p.defsAhead(2) || p.pos > save && p.peekAt(1).text == "(" && p.defsAhead(2) {
		if !p.isOp("(") {
			f.alias = p.columnName()
		}
		p.pos++
		f.defs = p.columnDefs()
		return f
	}
	p.pos = save
	f.alias, f.columns = p.tableAlias()
	return f
}

// defsAhead reports whether name type comes, not only a name.
func (p *parser) defsAhead(n int) bool {
	k := p.peekAt(n + 1)
	return k.kind == tokWord || k.kind == tokQuoted
}

func (p *parser) columnDefs() []columnDef {
	var out []columnDef
	for {
		out = append(out, columnDef{p.columnName(), p.typeName()})
		if !p.op(",") {
			p.needOp(")")
			return out
		}
	}
}
