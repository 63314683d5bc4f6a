package ql

import "strings"

// Clauses of a query string have these comparisons beside "~", which is a word, a
// phrase or a pattern: ">", ">=", "<" and "<=" of one bound, and ranges of two,
// which are named by their brackets: "[]", "[}", "{]" and "{}".

// ParseLucene parses a query string as Elasticsearch's query_string does, with AND
// as the default operator. Boolean words work as they do there, by making their
// neighbours required, optional or prohibited, and not by precedence. An empty
// query is a nil Expr and matches nothing; so does an unknown field.
func ParseLucene(text string) (*Expr, error) {
	p := luceneParser{s: clip(text)}
	p.blank()
	e := p.query("", 0)
	if p.bad || p.i < len(p.s) {
		return nil, Error("search_phase_execution_exception\n\tRoot causes:\n\t\tquery_shard_exception: Failed to parse query [" + p.s + "]")
	}
	if p.clauses > maxTokens {
		return nil, Error("search_phase_execution_exception\n\tRoot causes:\n\t\ttoo_many_clauses: maxClauseCount is set to 1024")
	}
	return e, nil
}

type luceneParser struct {
	s       string
	i       int
	bad     bool
	clauses int
}

// occur is what a clause is to its neighbours.
type occur byte

const (
	should occur = iota
	must
	mustNot
)

func (p *luceneParser) blank() {
	for p.i < len(p.s) && isSpace(p.s[p.i]) {
		p.i++
	}
}

// word consumes one of the words that bind clauses, if it stands alone.
func (p *luceneParser) word(w string) bool {
	rest := p.s[p.i:]
	if !strings.HasPrefix(rest, w) {
		return false
	}
	if w[0] >= 'A' && len(rest) > len(w) && !isSpace(rest[len(w)]) && strings.IndexByte(`()"`, rest[len(w)]) < 0 {
		return false
	}
	p.i += len(w)
	p.blank()
	return true
}

// query reads clauses up to a closing parenthesis or the end.
func (p *luceneParser) query(field string, depth int) *Expr {
	if depth > maxNested {
		p.bad = true
		return nil
	}
	var kids []*Expr
	var how []occur
	for !p.bad && p.i < len(p.s) && p.s[p.i] != ')' {
		and, or := p.word("AND") || p.word("&&"), false
		if !and {
			or = p.word("OR") || p.word("||")
		}
		if (and || or) && len(kids) == 0 {
			p.bad = true
			break
		}
		as := must
		if p.word("NOT") || p.word("!") || p.word("-") {
			as = mustNot
		} else if !p.word("+") && or {
			as = should
		}
		if n := len(how) - 1; n >= 0 && how[n] != mustNot {
			if and {
				how[n] = must
			} else if or {
				how[n] = should
			}
		}
		kids, how = append(kids, p.clause(field, depth)), append(how, as)
		p.blank()
	}
	if len(kids) == 0 {
		p.bad = p.bad || depth > 0
		return nil
	}
	return combine(kids, how)
}

// combine makes a condition of clauses: all that are required, none that are
// prohibited, and one of the rest if nothing is required.
func combine(kids []*Expr, how []occur) *Expr {
	var all, some []*Expr
	required := false
	for i, k := range kids {
		switch how[i] {
		case must:
			all, required = append(all, k), true
		case mustNot:
			all = append(all, &Expr{Op: Not, Kids: []*Expr{k}})
		default:
			some = append(some, k)
		}
	}
	if !required && len(some) > 0 {
		all = append(all, join(Or, some))
	}
	return join(And, all)
}

func (p *luceneParser) clause(field string, depth int) *Expr {
	p.clauses++
	pos := p.i
	if name, ok := p.field(); ok {
		field = name
	}
	if p.i >= len(p.s) {
		p.bad = true
		return leaf(&Clause{})
	}
	c := &Clause{Field: field, Pos: pos, Cmp: "~"}
	switch p.s[p.i] {
	case '(':
		p.i++
		p.blank()
		e := p.query(field, depth+1)
		if p.i >= len(p.s) || e == nil {
			p.bad = true
			return leaf(c)
		}
		p.i++
		p.suffix()
		return e
	case '[', '{':
		p.bounds(c)
	case '"':
		p.phrase(c)
	case '/':
		p.pattern(c)
	case '>', '<':
		p.bound(c)
	default:
		p.term(c)
	}
	p.suffix()
	return leaf(c)
}

// field consumes name: if that is what comes next.
func (p *luceneParser) field() (string, bool) {
	i := p.i
	for i < len(p.s) && !isSpace(p.s[i]) && strings.IndexByte(`:()[]{}"^~/+!&|`, p.s[i]) < 0 {
		if p.s[i] == '\\' {
			i++
		}
		i++
	}
	if i >= len(p.s) || p.s[i] != ':' || i == p.i {
		return "", false
	}
	name := strings.ReplaceAll(p.s[p.i:i], `\`, "")
	p.i = i + 1
	p.blank()
	return name, true
}

// term reads bare text up to what ends it.
func (p *luceneParser) term(c *Clause) {
	text, ok := p.bare()
	if !ok {
		p.bad = true
		return
	}
	p.Say(c, text, false)
}

// say sets what a clause looks for.
func (p *luceneParser) Say(c *Clause, text string, exact bool) {
	c.Args = []Arg{{Text: text, Quoted: exact, Pos: c.Pos}}
	if t, ok := Phrase(text); ok {
		c.Terms = Terms{t}
	}
}

// bare reads a term and takes the escapes out of it.
func (p *luceneParser) bare() (string, bool) {
	var b strings.Builder
	for p.i < len(p.s) && !isSpace(p.s[p.i]) && strings.IndexByte(`:()[]{}"^~`, p.s[p.i]) < 0 {
		if p.s[p.i] == '\\' {
			if p.i++; p.i == len(p.s) {
				return "", false
			}
		}
		b.WriteByte(p.s[p.i])
		p.i++
	}
	s := b.String()
	return s, s != "" && s != "AND" && s != "OR" && s != "NOT" && (p.i == len(p.s) || p.s[p.i] != ':')
}

func (p *luceneParser) phrase(c *Clause) {
	var b strings.Builder
	for p.i++; p.i < len(p.s); p.i++ {
		switch ch := p.s[p.i]; {
		case ch == '\\' && p.i+1 < len(p.s):
			p.i++
			b.WriteByte(p.s[p.i])
		case ch == '"':
			p.i++
			p.Say(c, b.String(), true)
			return
		default:
			b.WriteByte(ch)
		}
	}
	p.bad = true
}

// pattern reads /a regular expression/, of which only . and .* mean something.
func (p *luceneParser) pattern(c *Clause) {
	n := strings.IndexByte(p.s[p.i+1:], '/')
	if n < 0 {
		p.bad = true
		return
	}
	text := p.s[p.i+1 : p.i+1+n]
	p.i += n + 2
	p.Say(c, strings.NewReplacer(".*", "*", ".", "?", `\`, "").Replace(text), false)
}

// bound reads >=10 and its like.
func (p *luceneParser) bound(c *Clause) {
	c.Cmp = p.s[p.i : p.i+1]
	if p.i++; p.i < len(p.s) && p.s[p.i] == '=' {
		c.Cmp += "="
		p.i++
	}
	text, ok := p.limit()
	c.Args = []Arg{{Text: text, Pos: c.Pos}}
	p.bad = p.bad || !ok || c.Field == ""
}

// limit reads one end of a range; unlike a term it may have colons.
func (p *luceneParser) limit() (string, bool) {
	p.blank()
	if p.i < len(p.s) && p.s[p.i] == '"' {
		var c Clause
		p.phrase(&c)
		return c.Value(), !p.bad
	}
	from := p.i
	for p.i < len(p.s) && !isSpace(p.s[p.i]) && strings.IndexByte(`()[]{}"`, p.s[p.i]) < 0 {
		p.i++
	}
	return strings.ReplaceAll(p.s[from:p.i], `\`, ""), p.i > from
}

func (p *luceneParser) bounds(c *Clause) {
	open := p.s[p.i]
	p.i++
	low, ok1 := p.limit()
	p.blank()
	if !p.word("TO") {
		p.bad = true
		return
	}
	high, ok2 := p.limit()
	p.blank()
	if !ok1 || !ok2 || p.i >= len(p.s) || p.s[p.i] != ']' && p.s[p.i] != '}' {
		p.bad = true
		return
	}
	c.Cmp = string([]byte{open, p.s[p.i]})
	p.i++
	c.Args = []Arg{{Text: low}, {Text: high}}
	p.bad = p.bad || c.Field == ""
}

// suffix skips ~2 and ^1.5: how loosely a term matches and what it weighs.
func (p *luceneParser) suffix() {
	for p.i < len(p.s) && (p.s[p.i] == '~' || p.s[p.i] == '^') {
		boost := p.s[p.i] == '^'
		p.i++
		from := p.i
		for p.i < len(p.s) && (p.s[p.i] >= '0' && p.s[p.i] <= '9' || p.s[p.i] == '.') {
			p.i++
		}
		if boost && p.i == from {
			p.bad = true
		}
	}
	if p.i < len(p.s) && !isSpace(p.s[p.i]) && p.s[p.i] != ')' {
		p.bad = true
	}
}
