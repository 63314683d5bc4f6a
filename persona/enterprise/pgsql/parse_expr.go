package pgsql

import (
	"slices"
	"strings"
)

// precedence of operators, from the loosest.
var precedence = map[string]int{
	"or": 1, "and": 2, "not": 3, "is": 4, "<": 5, ">": 5, "=": 5, "<=": 5, ">=": 5, "<>": 5,
	"between": 6, "in": 6, "like": 6, "ilike": 6, "similar": 6, "op": 7, "+": 8, "-": 8, "*": 9, "/": 9, "%": 9, "^": 10,
	"at": 11, "collate": 12, "unary": 13,
}

//go:noinline
func (p *parser) expr() expr { return p.operand(0) }

func (p *parser) exprs() []expr {
	var out []expr
	for {
		out = append(out, p.expr())
		if !p.op(",") {
			return out
		}
	}
}

// operand takes an expression whose operators bind tighter than min.
func (p *parser) operand(min int) expr {
	p.enter()
	defer p.leave()
	left := p.prefix()
	for {
		t := p.peek()
		prec := p.infix(t)
		if prec == 0 || prec <= min {
			return left
		}
		left = p.extend(left, t, prec)
		if prec == precedence["="] && p.infix(p.peek()) == prec || prec == precedence["between"] && p.infix(p.peek()) == prec {
			p.fail() // comparisons do not chain
		}
	}
}

// infix is the precedence of what may follow an operand, 0 for anything else.
func (p *parser) infix(t token) int {
	switch t.kind {
	case tokOp:
		if strings.IndexByte(opChars, t.text[0]) < 0 {
			return 0
		}
		if prec, ok := precedence[t.text]; ok {
			return prec
		}
		return precedence["op"]
	case tokWord:
		switch t.text {
		case "isnull", "notnull":
			return precedence["is"]
		case "not":
			switch n := p.peekAt(1); {
			case n.is("between"), n.is("in"), n.is("like"), n.is("ilike"), n.is("similar"):
				return precedence["in"]
			}
			return 0
		case "operator":
			return precedence["op"]
		case "overlaps":
			return precedence["op"]
		case "at", "collate", "and", "or", "is", "between", "in", "like", "ilike", "similar":
			if t.text == "at" && !p.peekAt(1).is("time") {
				return 0
			}
			return precedence[t.text]
		}
	}
	return 0
}

func (p *parser) prefix() expr {
	t := p.peek()
	switch {
	case p.word("not"):
		return &logic{at(t.at), "not", []expr{p.operand(precedence["not"] - 1)}}
	case t.kind == tokOp && (t.text == "+" || t.text == "-"):
		p.pos++
		return p.signed(t)
	case t.kind == tokOp && strings.IndexByte(opChars, t.text[0]) >= 0 && t.text != "*":
		p.pos++
		return &unary{at(t.at), t.text, p.operand(precedence["op"])}
	}
	return p.postfix(p.primary())
}

// signed folds a sign into a number, as the server's grammar does.
func (p *parser) signed(t token) expr {
	x := p.operand(precedence["unary"])
	if l, ok := x.(*literal); ok && l.kind == 'n' && t.text == "-" {
		text, neg := strings.CutPrefix(l.text, "-")
		if !neg {
			text = "-" + text
		}
		return &literal{at(t.at), 'n', text}
	}
	return &unary{at(t.at), t.text, x}
}

func (p *parser) extend(left expr, t token, prec int) expr {
	if t.kind == tokWord {
		return p.extendWord(left, t, prec)
	}
	p.pos++
	if p.isWord("any") || p.isWord("some") || p.isWord("all") {
		return p.quantified(left, t)
	}
	return &binary{at(t.at), t.text, left, p.operand(prec)}
}

func (p *parser) extendWord(left expr, t token, prec int) expr {
	p.pos++
	switch t.text {
	case "and", "or":
		right := p.operand(prec)
		if l, ok := left.(*logic); ok && l.op == t.text {
			return &logic{l.at, t.text, append(slices.Clip(l.kids), right)}
		}
		return &logic{at(t.at), t.text, []expr{left, right}}
	case "isnull":
		return &isTest{at(t.at), left, "null", false}
	case "notnull":
		return &isTest{at(t.at), left, "null", true}
	case "is":
		return p.is(left, t)
	case "collate":
		name := p.qualified()
		return &collate{at(t.at), left, name[len(name)-1]}
	case "at":
		p.need("time", "zone")
		return &call{at: at(t.at), name: []string{"timezone"}, args: []expr{p.operand(prec), left}, special: "timezone"}
	case "operator":
		return p.namedOperator(left, t, prec)
	case "overlaps":
		return &binary{at(t.at), "overlaps", left, p.operand(prec)}
	case "not":
		return p.membership(left, p.advance(), true)
	}
	return p.membership(left, t, false)
}

func (p *parser) namedOperator(left expr, t token, prec int) expr {
	p.needOp("(")
	for p.peek().kind == tokWord {
		p.pos++
		p.needOp(".")
	}
	op := p.advance()
	p.needOp(")")
	if p.isWord("any") || p.isWord("some") || p.isWord("all") {
		return p.quantified(left, token{text: op.text, at: t.at})
	}
	return &binary{at(t.at), op.text, left, p.operand(prec)}
}

func (p *parser) is(left expr, t token) expr {
	not := p.word("not")
	for _, what := range [...]string{"null", "true", "false", "unknown"} {
		if p.word(what) {
			return &isTest{at(t.at), left, what, not}
		}
	}
	if p.word("distinct") {
		p.need("from")
		return &distinctFrom{at(t.at), left, p.operand(precedence["is"]), not}
	}
	p.fail()
	return nil
}

// membership takes BETWEEN, IN and the LIKE family.
func (p *parser) membership(left expr, t token, not bool) expr {
	at := at(t.at)
	switch t.text {
	case "between":
		sym := p.word("symmetric")
		if !sym {
			p.word("asymmetric")
		}
		lo := p.operand(precedence["between"])
		p.need("and")
		return &between{at, left, lo, p.operand(precedence["between"]), not, sym}
	case "in":
		p.needOp("(")
		if p.startsQuery() {
			p.pos--
			p.needOp("(")
			q := p.query()
			p.needOp(")")
			return &inQuery{at: at, x: left, op: "=", not: not, q: q, in: true}
		}
		list := p.exprs()
		p.needOp(")")
		return &inList{at, left, list, not}
	}
	l := &like{at: at, x: left, not: not}
	switch t.text {
	case "like":
		l.op = "~~"
	case "ilike":
		l.op = "~~*"
	default:
		p.need("to")
		l.similarTo = true
	}
	l.pat = p.operand(precedence["in"])
	if p.word("escape") {
		l.escape = p.operand(precedence["in"])
	}
	return l
}

func (p *parser) quantified(left expr, t token) expr {
	all := p.advance().text == "all"
	p.needOp("(")
	if p.startsQuery() {
		q := p.query()
		p.needOp(")")
		return &inQuery{at: at(t.at), x: left, op: t.text, all: all, q: q}
	}
	arr := p.expr()
	p.needOp(")")
	return &anyArray{at(t.at), left, t.text, all, arr}
}

// postfix takes casts, subscripts and fields.
func (p *parser) postfix(x expr) expr {
	for {
		t := p.peek()
		if _, plain := x.(*arrayExpr); plain && p.isOp("[") && p.toks[p.pos-1].text == "]" {
			p.fail()
		}
		switch {
		case p.op("::"):
			x = &cast{at(t.at), x, p.typeName()}
		case p.op("["):
			x = p.subscript(x, t)
		case p.isOp("."):
			switch x.(type) {
			case *rowExpr, *subquery, *field, *call, *cast, *subscript:
			default:
				if p.toks[p.pos-1].text != ")" {
					p.fail()
				}
			}
			p.pos++
			if p.op("*") {
				x = &field{at(t.at), x, "*"}
			} else {
				x = &field{at(t.at), x, p.label()}
			}
		default:
			return x
		}
		if p.depth++; p.depth > maxNested*4 {
			fail(codeTooComplex, "stack depth limit exceeded")
		}
		defer p.leave()
	}
}

func (p *parser) subscript(x expr, t token) expr {
	s := &subscript{at: at(t.at), x: x}
	if !p.isOp(":") {
		s.lo = p.expr()
	}
	if p.op(":") {
		s.slice = true
		if !p.isOp("]") {
			s.hi = p.expr()
		}
	}
	p.needOp("]")
	return s
}

func (p *parser) primary() expr {
	t := p.peek()
	switch t.kind {
	case tokNumber:
		p.pos++
		return &literal{at(t.at), 'n', t.text}
	case tokString:
		p.pos++
		return &literal{at(t.at), 's', t.text}
	case tokParam:
		failAt(t.at, "42P02", "there is no parameter $"+t.text)
	case tokBits:
		unsupported(t.at, "type bit")
	case tokOp:
		if t.text == "(" {
			return p.parenthesis(t)
		}
	case tokQuoted:
		return p.nameOrCall()
	case tokWord:
		return p.wordPrimary(t)
	}
	p.fail()
	return nil
}

func (p *parser) parenthesis(t token) expr {
	if p.startsQuery() && p.queryAhead() {
		p.pos++
		q := p.query()
		p.needOp(")")
		return &subquery{at(t.at), 's', q}
	}
	p.pos++
	x := p.expr()
	if p.op(")") {
		if c, ok := x.(*columnRef); ok && p.isOp(".") {
			return &rowField{c}
		}
		return x
	}
	r := &rowExpr{at(t.at), []expr{x}}
	for p.op(",") {
		r.items = append(r.items, p.expr())
	}
	p.needOp(")")
	return r
}

// rowField is a name in parentheses before a point: (t).column.
type rowField struct{ *columnRef }
