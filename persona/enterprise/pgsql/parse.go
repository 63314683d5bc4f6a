package pgsql

import "strings"

// maxNested is how deep expressions and queries may nest.
const maxNested = 120

// parser reads statements by recursive descent, in the shape of the server's
// grammar. It fails at the first token that fits nowhere.
type parser struct {
	src   string
	toks  []token
	pos   int
	depth int
}

// parse reads all statements of a text before any is run, as the server does.
func parse(src string) []statement {
	p := &parser{src: src, toks: lex(src)}
	var out []statement
	for {
		for p.op(";") {
		}
		if p.peek().kind == tokEnd {
			return out
		}
		out = append(out, p.statement())
		if p.peek().kind != tokEnd && !p.isOp(";") {
			p.fail()
		}
	}
}

//go:noinline
func (p *parser) peek() token { return p.toks[p.pos] }

//go:noinline
func (p *parser) peekAt(n int) token { return p.toks[min(p.pos+n, len(p.toks)-1)] }

//go:noinline
func (p *parser) advance() token {
	t := p.toks[p.pos]
	if t.kind != tokEnd {
		p.pos++
	}
	return t
}

// fail reports the next token as the one that does not fit.
//
//go:noinline
func (p *parser) fail() { p.failAt(p.peek()) }

func (p *parser) failAt(t token) {
	if t.kind == tokEnd {
		failAt(t.at, codeSyntax, "syntax error at end of input")
	}
	failAt(t.at, codeSyntax, `syntax error at or near "`+p.src[t.at:t.end]+`"`)
}

//go:noinline
func (p *parser) enter() {
	if p.depth++; p.depth > maxNested {
		panic(&Error{Severity: "ERROR", Code: codeTooComplex, Message: "stack depth limit exceeded", Hint: stackHint})
	}
}

const stackHint = `Increase the configuration parameter "max_stack_depth" (currently 2048kB), after ensuring the platform's stack depth limit is adequate.`

//go:noinline
func (p *parser) leave() { p.depth-- }

//go:noinline
func (t token) is(word string) bool { return t.kind == tokWord && t.text == word }

func (p *parser) isWord(words ...string) bool {
	for i, w := range words {
		if !p.peekAt(i).is(w) {
			return false
		}
	}
	return true
}

// word takes words that come one after another.
func (p *parser) word(words ...string) bool {
	if !p.isWord(words...) {
		return false
	}
	p.pos += len(words)
	return true
}

func (p *parser) need(words ...string) {
	for _, w := range words {
		if !p.word(w) {
			p.fail()
		}
	}
}

//go:noinline
func (p *parser) isOp(op string) bool {
	t := p.peek()
	return t.kind == tokOp && t.text == op
}

//go:noinline
func (p *parser) op(op string) bool {
	if p.isOp(op) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) needOp(op string) {
	if !p.op(op) {
		p.fail()
	}
}

//go:noinline
func inWords(list, word string) bool {
	i := strings.Index(list, " "+word+" ")
	return i >= 0
}

// columnName takes an identifier that may name a column or table.
func (p *parser) columnName() string {
	t := p.peek()
	if t.kind == tokQuoted || t.kind == tokWord && !inWords(reserved, t.text) && !inWords(typeWords, t.text) {
		p.pos++
		return t.text
	}
	p.fail()
	return ""
}

// label takes any word as a name.
func (p *parser) label() string {
	if t := p.peek(); t.kind == tokWord || t.kind == tokQuoted {
		p.pos++
		return t.text
	}
	p.fail()
	return ""
}

// alias takes [AS] name; bare tells which words need AS.
func (p *parser) tableAlias() (string, []string) {
	t := p.peek()
	switch {
	case p.word("as"):
	case t.kind == tokQuoted, t.kind == tokWord && !inWords(reserved, t.text) && !inWords(typeWords, t.text):
	default:
		return "", nil
	}
	name := p.columnName()
	if !p.isOp("(") {
		return name, nil
	}
	p.pos++
	return name, p.nameList()
}

// nameList takes names up to a closing parenthesis.
func (p *parser) nameList() []string {
	var out []string
	for {
		out = append(out, p.columnName())
		if !p.op(",") {
			p.needOp(")")
			return out
		}
	}
}

func (p *parser) qualified() []string {
	parts := []string{p.columnName()}
	for p.op(".") {
		parts = append(parts, p.label())
	}
	return parts
}

// startsQuery reports whether a parenthesis is followed by a query.
func (p *parser) startsQuery() bool {
	for n := 0; ; n++ {
		switch t := p.peekAt(n); {
		case t.kind == tokOp && t.text == "(":
		case t.is("select"), t.is("with"), t.is("values"), t.is("table"):
			return true
		default:
			return false
		}
	}
}
