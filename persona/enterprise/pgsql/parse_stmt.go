package pgsql

import (
	"slices"
	"strings"
)

// statement takes one statement up to its semicolon.
func (p *parser) statement() statement {
	t := p.peek()
	if t.kind == tokOp && t.text == "(" {
		return p.query()
	}
	if t.kind != tokWord {
		p.fail()
	}
	switch t.text {
	case "select", "values", "table", "with":
		return p.query()
	case "explain":
		return p.explain()
	case "show":
		return p.show()
	case "set", "reset":
		return p.set()
	case "begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release":
		return p.transaction()
	case "insert", "update", "delete", "merge", "truncate":
		return p.write()
	case "create", "alter", "drop", "copy", "grant", "revoke", "lock", "comment", "vacuum", "analyze", "analyse", "refresh", "reindex", "cluster",
		"do", "call", "prepare", "execute", "deallocate", "declare", "fetch", "move", "close", "discard", "listen", "unlisten", "notify", "load", "checkpoint", "security", "reassign", "import":
		return p.other()
	}
	p.fail()
	return nil
}

// rest takes the tokens up to the end of the statement.
func (p *parser) rest() []token {
	start := p.pos
	for p.peek().kind != tokEnd && !p.isOp(";") {
		p.pos++
	}
	return p.toks[start:p.pos]
}

func (p *parser) explain() statement {
	p.pos++
	e := &explain{options: map[string]string{}}
	if p.op("(") {
		for {
			name := p.label()
			value := "true"
			if !p.isOp(",") && !p.isOp(")") {
				value = p.advance().text
			}
			e.options[name] = value
			if !p.op(",") {
				p.needOp(")")
				break
			}
		}
	}
	for p.isWord("analyze") || p.isWord("analyse") || p.isWord("verbose") {
		e.options[p.advance().text] = "true"
	}
	e.stmt = p.statement()
	return e
}

func (p *parser) show() statement {
	p.pos++
	t := p.peek()
	switch {
	case p.word("time", "zone"):
		return &show{t.at, "timezone"}
	case p.word("transaction", "isolation", "level"):
		return &show{t.at, "transaction_isolation"}
	case p.word("session", "authorization"):
		return &show{t.at, "session_authorization"}
	}
	return &show{t.at, strings.Join(p.settingName(), ".")}
}

func (p *parser) settingName() []string {
	name := []string{p.label()}
	for p.op(".") {
		name = append(name, p.label())
	}
	return name
}

func (p *parser) set() statement {
	s := &set{at: p.peek().at, reset: p.advance().text == "reset"}
	if s.reset {
		s.name = strings.Join(p.settingName(), ".")
		return s
	}
	if !p.word("session") {
		s.local = p.word("local")
	}
	switch {
	case p.isWord("transaction"), p.isWord("characteristics"):
		p.pos++
		return &transaction{"set", words(p.rest())}
	case p.word("time", "zone"):
		s.name = "timezone"
	case p.word("role"):
		s.name = "role"
	case p.word("authorization"):
		s.name = "session authorization"
	case p.word("names"):
		s.name = "client_encoding"
	default:
		s.name = strings.Join(p.settingName(), ".")
		if !p.op("=") {
			p.need("to")
		}
	}
	if p.peek().kind == tokEnd || p.isOp(";") {
		p.fail()
	}
	s.value = values(p.rest())
	return s
}

func words(toks []token) string {
	var out []string
	for _, t := range toks {
		out = append(out, t.text)
	}
	return strings.Join(out, " ")
}

// values joins a list of values as SHOW prints it.
func values(toks []token) string {
	return strings.ReplaceAll(strings.ReplaceAll(words(toks), " ,", ","), "- ", "-")
}

func (p *parser) transaction() statement {
	verb := p.advance().text
	if verb == "end" {
		verb = "commit"
	}
	if verb == "abort" {
		verb = "rollback"
	}
	toks := p.rest()
	for _, t := range toks {
		if t.kind != tokWord && t.kind != tokQuoted && t.text != "," {
			p.failAt(t)
		}
	}
	return &transaction{verb, words(toks)}
}

// write takes a data-modifying statement as far as its table.
func (p *parser) write() *other {
	t := p.advance()
	o := &other{at: t.at, verb: strings.ToUpper(t.text)}
	switch t.text {
	case "insert", "merge":
		p.need("into")
	case "delete":
		p.need("from")
	case "truncate":
		p.word("table")
	}
	p.word("only")
	o.nameAt = p.peek().at
	o.name = p.qualified()
	if t.text == "update" && !p.updateSet() || t.text == "insert" && !p.insertSource() {
		p.fail()
	}
	depth := 0
	for k := p.peek(); k.kind != tokEnd && (depth > 0 || !p.isOp(";") && !p.isOp(")")); k = p.peek() {
		if k.kind == tokOp && k.text == "(" {
			depth++
		}
		if k.kind == tokOp && k.text == ")" {
			depth--
		}
		p.pos++
	}
	return o
}

func (p *parser) updateSet() bool {
	if !p.isWord("set") {
		p.tableAlias()
	}
	return p.word("set") && p.peek().kind != tokEnd
}

func (p *parser) insertSource() bool {
	if p.word("as") {
		p.columnName()
	}
	if p.isOp("(") && !p.startsQuery() {
		p.pos++
		p.nameList()
	}
	return p.word("default") || p.isWord("values") || p.isWord("select") || p.isWord("with") || p.isWord("table") || p.isWord("overriding") || p.isOp("(")
}

// other takes a utility statement: its verb, kind of object and name.
func (p *parser) other() statement {
	t := p.advance()
	o := &other{at: t.at, verb: strings.ToUpper(t.text)}
	o.toks = p.rest()
	if len(o.toks) == 0 && inWords(" create alter drop copy grant revoke lock comment do call prepare execute declare listen notify load ", t.text) {
		p.fail()
	}
	sub := &parser{src: p.src, toks: append(slices.Clip(o.toks), p.peek())}
	sub.object(o)
	return o
}

// object finds the kind and name of what a utility statement is about.
func (p *parser) object(o *other) {
	for _, skip := range [...]string{"or", "replace", "temp", "temporary", "unlogged", "global", "local", "unique", "recursive"} {
		p.word(skip)
	}
	if o.verb == "COMMENT" {
		p.word("on")
	}
	kind := p.peek()
	if kind.kind == tokWord && inWords(objectKinds, kind.text) {
		o.kind = kind.text
		p.pos++
		if kind.text == "materialized" || kind.text == "foreign" || kind.text == "event" {
			o.kind += " " + p.advance().text
		}
	}
	if o.verb == "GRANT" || o.verb == "REVOKE" {
		for p.peek().kind != tokEnd && !p.isWord("on") {
			p.pos++
		}
		p.word("on")
		p.word("table")
	}
	p.word("concurrently")
	if p.word("if") {
		p.word("not")
		p.word("exists")
	}
	p.word("only")
	o.nameAt = p.peek().at
	for t := p.peek(); t.kind == tokWord || t.kind == tokQuoted; t = p.peek() {
		o.name = append(o.name, t.text)
		if p.pos++; !p.op(".") {
			return
		}
	}
}

const objectKinds = " table view index sequence schema database role user group function procedure type domain extension trigger rule policy materialized foreign event aggregate cast collation conversion language operator publication server statistics subscription tablespace transform system default large column constraint "
