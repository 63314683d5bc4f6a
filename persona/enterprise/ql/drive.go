package ql

import "strings"

// errDrive is what Drive says of a search that it cannot read.
const errDrive = Error("Invalid Value")

var driveDialect = dialect{
	strings: "'", marks: "()", escapes: `'\`,
	ops: []string{"!=", "<=", ">=", "=", "<", ">"},
}

// DriveTerms reports whether a text is written in Drive's search terms, as in name
// contains 'x', and not in plain words.
func DriveTerms(text string) bool {
	toks, f := driveDialect.split(clip(text))
	if f != nil {
		return strings.Contains(text, "= '") || strings.Contains(text, "contains '")
	}
	for i, t := range toks {
		if t.kind == operator || i > 0 && toks[i-1].kind != quoted && t.is("contains") && i+1 < len(toks) && toks[i+1].kind == quoted ||
			i > 0 && toks[i-1].kind == quoted && t.is("in") {
			return true
		}
	}
	return false
}

type driveParser struct {
	cursor
	bad bool
}

// ParseDrive parses search terms of Drive: field op 'value', and 'value' in field.
func ParseDrive(text string) (*Expr, error) {
	p := driveParser{cursor: cursor{text: clip(text)}}
	if p.start(&driveDialect) != nil {
		return nil, errDrive
	}
	e := p.chain()
	if p.bad || p.peek().kind != end {
		return nil, errDrive
	}
	return e, nil
}

// chain reads terms from left to right: and and or bind alike.
func (p *driveParser) chain() *Expr {
	if p.depth++; p.depth > maxNested {
		p.bad = true
		return nil
	}
	defer func() { p.depth-- }()
	e := p.part()
	for !p.bad {
		switch {
		case p.take("and"):
			e = &Expr{Op: And, Kids: []*Expr{e, p.part()}}
		case p.take("or"):
			e = &Expr{Op: Or, Kids: []*Expr{e, p.part()}}
		default:
			return e
		}
	}
	return e
}

func (p *driveParser) part() *Expr {
	switch {
	case p.take("not"):
		if p.depth++; p.depth > maxNested {
			p.bad = true
			return nil
		}
		defer func() { p.depth-- }()
		return &Expr{Op: Not, Kids: []*Expr{p.part()}}
	case p.takeMark("("):
		e := p.chain()
		if !p.takeMark(")") {
			p.bad = true
		}
		return e
	}
	c := &Clause{Pos: p.peek().pos}
	if t := p.next(); t.kind == quoted { // 'x' in owners
		c.Args = []Arg{{Text: t.text, Quoted: true, Pos: t.pos}}
		p.bad = p.bad || !p.take("in")
		c.Cmp = "in"
		c.Field = p.next().text
		p.bad = p.bad || p.last().kind != word
		return leaf(c)
	} else if t.kind != word {
		p.bad = true
		return leaf(c)
	} else {
		c.Field = t.text
	}
	switch op := p.next(); {
	case op.kind == operator:
		c.Cmp = op.text
	case op.is("contains") || op.is("has"):
		c.Cmp = strings.ToLower(op.text)
	default:
		p.bad = true
	}
	v := p.next()
	p.bad = p.bad || v.kind != quoted && !v.is("true") && !v.is("false")
	c.Args = []Arg{{Text: v.text, Quoted: v.kind == quoted, Pos: v.pos}}
	return leaf(c)
}
