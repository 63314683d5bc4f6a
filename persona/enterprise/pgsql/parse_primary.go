package pgsql

import "strings"

// wordPrimary takes what begins with a word: a construct of the grammar, a typed
// constant, a call or a column.
func (p *parser) wordPrimary(t token) expr {
	a := at(t.at)
	switch t.text {
	case "true", "false":
		p.pos++
		return &literal{a, 'b', t.text}
	case "null":
		p.pos++
		return &literal{a, '0', ""}
	case "case":
		return p.caseExpr()
	case "cast":
		p.pos++
		p.needOp("(")
		x := p.expr()
		p.need("as")
		to := p.typeName()
		p.needOp(")")
		return &cast{a, x, to}
	case "exists":
		p.pos++
		p.needOp("(")
		q := p.query()
		p.needOp(")")
		return &subquery{a, 'e', q}
	case "array":
		return p.array(t)
	case "row":
		if p.peekAt(1).text == "(" {
			return p.row(t)
		}
	case "interval", "timestamp", "date", "time":
		if x := p.typedConstant(); x != nil {
			return x
		}
	case "coalesce", "nullif", "greatest", "least", "grouping":
		return p.special(t)
	case "extract", "substring", "position", "trim", "overlay", "normalize":
		return p.oddCall(t)
	}
	if name, ok := bareFunctions[t.text]; ok && p.peekAt(1).text != "(" {
		p.pos++
		return &call{at: a, name: []string{name}, special: t.text}
	}
	if t.text == "current_timestamp" || t.text == "localtimestamp" || t.text == "current_time" || t.text == "localtime" {
		p.pos++
		c := &call{at: a, name: []string{t.text}, special: t.text}
		if p.op("(") {
			c.args = p.exprs()
			p.needOp(")")
		}
		return c
	}
	return p.nameOrCall()
}

// bareFunctions are called without parentheses.
var bareFunctions = map[string]string{
	"current_user": "current_user", "session_user": "session_user", "user": "current_user", "current_role": "current_user",
	"current_catalog": "current_database", "current_schema": "current_schema", "current_date": "current_date",
}

// nameOrCall takes a column, a typed constant such as int '5', or a call.
func (p *parser) nameOrCall() expr {
	t := p.peek()
	if t.kind == tokWord && inWords(reserved, t.text) {
		p.fail()
	}
	if n := p.peekAt(1); n.kind == tokString && t.kind == tokWord && sqlType(t.text) != nil {
		to := p.typeName()
		return &cast{at(n.at), p.primary(), to}
	}
	if t.is("double") && p.peekAt(1).is("precision") || t.is("character") && p.peekAt(1).is("varying") {
		to := p.typeName()
		if p.peek().kind != tokString {
			p.fail()
		}
		return &cast{at(p.peek().at), p.primary(), to}
	}
	parts := []string{p.firstName()}
	for p.isOp(".") {
		p.pos++
		if p.op("*") {
			return &columnRef{at(t.at), append(parts, "*")}
		}
		parts = append(parts, p.label())
	}
	if p.isOp("(") {
		return p.call(t, parts)
	}
	if t.kind == tokWord && (inWords(typeWords, t.text) || inWords(columnWords, t.text) && strings.Contains(" int bigint smallint integer numeric varchar char character values ", " "+t.text+" ")) && len(parts) == 1 {
		if inWords(typeWords, t.text) || t.text == "values" {
			p.fail()
		}
	}
	return &columnRef{at(t.at), parts}
}

func (p *parser) firstName() string {
	t := p.advance()
	return t.text
}

func (p *parser) call(t token, name []string) expr {
	c := &call{at: at(t.at), name: name}
	p.needOp("(")
	switch {
	case p.op("*"):
		c.star = true
	case p.isOp(")"):
	default:
		if c.distinct = p.word("distinct"); !c.distinct {
			p.word("all")
		}
		p.arguments(c)
	}
	if p.word("order") {
		p.need("by")
		c.order = p.orderItems()
	}
	p.needOp(")")
	p.afterCall(c)
	return c
}

func (p *parser) arguments(c *call) {
	for {
		if p.word("variadic") {
			c.variadic = true
		}
		name := ""
		if n := p.peekAt(1); n.kind == tokOp && (n.text == ":=" || n.text == "=>") {
			name = p.label()
			p.pos++
		}
		c.args, c.names = append(c.args, p.expr()), append(c.names, name)
		if !p.op(",") {
			return
		}
	}
}

func (p *parser) afterCall(c *call) {
	if p.isWord("within", "group") {
		p.pos += 2
		p.needOp("(")
		p.need("order", "by")
		c.order, c.within = p.orderItems(), true
		p.needOp(")")
	}
	if p.word("filter") {
		p.needOp("(")
		p.need("where")
		c.filter = p.expr()
		p.needOp(")")
	}
	if p.word("over") {
		if p.isOp("(") {
			c.over = p.windowSpec()
			return
		}
		c.over = &window{at: p.peek().at, name: p.columnName()}
	}
}

func (p *parser) special(t token) expr {
	p.pos++
	p.needOp("(")
	s := &special{at(t.at), t.text, p.exprs()}
	if t.text == "nullif" && len(s.args) != 2 {
		p.fail()
	}
	p.needOp(")")
	return s
}

// oddCall takes the functions with words between their arguments.
func (p *parser) oddCall(t token) expr {
	p.pos++
	if !p.isOp("(") {
		p.pos--
		if inWords(columnWords, t.text) {
			p.pos++
			p.fail()
		}
		return p.nameOrCall()
	}
	p.pos++
	c := &call{at: at(t.at), name: []string{t.text}, special: t.text}
	switch t.text {
	case "extract":
		f := p.advance()
		if f.kind != tokWord && f.kind != tokString && f.kind != tokQuoted {
			p.failAt(f)
		}
		p.need("from")
		c.args = []expr{&literal{at(f.at), 's', f.text}, p.expr()}
	case "position":
		needle := p.operand(precedence["in"])
		p.need("in")
		c.args = []expr{p.operand(precedence["in"]), needle}
	case "substring":
		p.substring(c)
	case "overlay":
		c.args = []expr{p.expr()}
		if p.word("placing") {
			c.args = append(c.args, p.expr())
			p.need("from")
			c.args = append(c.args, p.expr())
			if p.word("for") {
				c.args = append(c.args, p.expr())
			}
		} else if p.op(",") {
			c.args = append(c.args, p.exprs()...)
		}
	case "trim":
		p.trim(c)
	default:
		c.args = p.exprs()
	}
	p.needOp(")")
	return c
}

func (p *parser) substring(c *call) {
	c.args = []expr{p.expr()}
	switch {
	case p.word("from"):
		c.args = append(c.args, p.expr())
		if p.word("for") {
			c.args = append(c.args, p.expr())
		}
	case p.word("for"):
		c.args = append(c.args, &literal{c.at, 'n', "1"}, p.expr())
	case p.word("similar"):
		unsupported(int(c.at), "SUBSTRING SIMILAR")
	case p.op(","):
		c.args = append(c.args, p.exprs()...)
		c.special = ""
	}
}

func (p *parser) trim(c *call) {
	c.name[0] = "btrim"
	switch {
	case p.word("leading"):
		c.name[0] = "ltrim"
	case p.word("trailing"):
		c.name[0] = "rtrim"
	default:
		p.word("both")
	}
	c.special = c.name[0]
	if p.word("from") {
		c.args = p.exprs()
		return
	}
	c.args = p.exprs()
	if p.word("from") {
		c.args = append(p.exprs(), c.args...)
	}
}

func (p *parser) caseExpr() expr {
	c := &caseExpr{at: at(p.advance().at)}
	if !p.isWord("when") {
		c.x = p.expr()
	}
	for p.word("when") {
		when := p.expr()
		p.need("then")
		c.whens = append(c.whens, [2]expr{when, p.expr()})
	}
	if c.whens == nil {
		p.fail()
	}
	if p.word("else") {
		c.other = p.expr()
	}
	p.need("end")
	return c
}

func (p *parser) array(t token) expr {
	p.pos++
	if p.isOp("(") {
		p.pos++
		q := p.query()
		p.needOp(")")
		return &subquery{at(t.at), 'a', q}
	}
	if !p.isOp("[") {
		p.fail()
	}
	return p.brackets(t.at)
}

func (p *parser) brackets(start int) expr {
	p.enter()
	defer p.leave()
	p.needOp("[")
	a := &arrayExpr{at: at(start)}
	if p.op("]") {
		return a
	}
	for {
		if p.isOp("[") {
			a.items = append(a.items, p.brackets(p.peek().at))
		} else {
			a.items = append(a.items, p.expr())
		}
		if !p.op(",") {
			p.needOp("]")
			return a
		}
	}
}

func (p *parser) row(t token) expr {
	p.pos++
	p.needOp("(")
	r := &rowExpr{at: at(t.at)}
	if p.op(")") {
		return r
	}
	r.items = p.exprs()
	p.needOp(")")
	return r
}

// typedConstant takes interval '1 day' and its like; nil when none comes.
func (p *parser) typedConstant() expr {
	save := p.pos
	n := p.peekAt(1)
	if n.kind != tokString && n.text != "(" && !n.is("with") && !n.is("without") {
		return nil
	}
	to := p.typeNameBase()
	if p.peek().kind != tokString {
		p.pos = save
		return nil
	}
	s := p.peek()
	x := p.primary()
	if to.name == "interval" {
		p.intervalUnits(&to)
	}
	return &cast{at(s.at), x, to}
}
