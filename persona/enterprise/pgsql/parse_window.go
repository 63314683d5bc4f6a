package pgsql

func (p *parser) windowClause() []*window {
	var out []*window
	for {
		name := p.columnName()
		p.need("as")
		w := p.windowSpec()
		if w.name != "" {
			unsupported(w.at, "a window that copies another")
		}
		w.name = name
		out = append(out, w)
		if !p.op(",") {
			return out
		}
	}
}

func (p *parser) windowSpec() *window {
	w := &window{at: p.peek().at}
	p.needOp("(")
	if t := p.peek(); (t.kind == tokQuoted || t.kind == tokWord && !inWords(reserved, t.text)) && !t.is("partition") && !t.is("rows") && !t.is("range") && !t.is("groups") {
		w.name = p.columnName()
	}
	if p.word("partition") {
		p.need("by")
		w.partition = p.exprs()
	}
	if p.word("order") {
		p.need("by")
		w.order = p.orderItems()
	}
	if p.isWord("rows") || p.isWord("range") || p.isWord("groups") {
		w.frame = p.frame()
	}
	p.needOp(")")
	return w
}

func (p *parser) frame() *frameClause {
	f := &frameClause{mode: p.advance().text, end: frameBound{kind: "current row"}}
	if p.word("between") {
		f.start = p.bound()
		p.need("and")
		f.end = p.bound()
	} else {
		f.start = p.bound()
	}
	if p.word("exclude") {
		f.exclude = p.advance().text
		if f.exclude == "current" || f.exclude == "no" {
			p.advance()
		}
	}
	return f
}

func (p *parser) bound() frameBound {
	switch {
	case p.word("unbounded"):
		return frameBound{kind: "unbounded " + p.direction()}
	case p.word("current"):
		p.need("row")
		return frameBound{kind: "current row"}
	}
	n := p.operand(precedence["unary"])
	return frameBound{kind: p.direction(), n: n}
}

func (p *parser) direction() string {
	if p.word("preceding") {
		return "preceding"
	}
	p.need("following")
	return "following"
}
