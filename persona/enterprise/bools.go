package enterprise

import "strings"

// Limits of an expression that a client sends.
const (
	maxTokens = 512
	maxNested = 20
)

// lexeme is one token of a query language. Kinds: 'w' word, 'q' quoted string,
// 'o' operator, '(' ')' ',' ';'.
type lexeme struct {
	kind byte
	text string
	at   int
}

func (l lexeme) is(word string) bool { return l.kind == 'w' && strings.EqualFold(l.text, word) }

// lex splits JQL, CQL, SOQL or SQL. It reports false for an unclosed quote or
// too many tokens.
func lex(s string) ([]lexeme, bool) {
	var out []lexeme
	for i := 0; i < len(s); {
		if len(out) == maxTokens {
			return nil, false
		}
		c := s[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '\'' || c == '"':
			text, end := quotedText(s, i)
			if end < 0 {
				return nil, false
			}
			out = append(out, lexeme{'q', text, i})
			i = end
		case strings.IndexByte("(),;", c) >= 0:
			out = append(out, lexeme{c, s[i : i+1], i})
			i++
		case strings.IndexByte("=!<>~", c) >= 0:
			end := i + 1
			for end < len(s) && strings.IndexByte("=<>~", s[end]) >= 0 {
				end++
			}
			out = append(out, lexeme{'o', s[i:end], i})
			i = end
		default:
			end := i
			for end < len(s) && strings.IndexByte(" \t\n\r'\"(),;=!<>~", s[end]) < 0 {
				end++
			}
			out = append(out, lexeme{'w', s[i:end], i})
			i = end
		}
	}
	return out, true
}

// quotedText reads a quoted string; a doubled or escaped quote stands for itself.
func quotedText(s string, i int) (string, int) {
	quote := s[i]
	var b strings.Builder
	for i++; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
			b.WriteByte(quote)
		case s[i] == quote:
			return b.String(), i + 1
		default:
			b.WriteByte(s[i])
		}
	}
	return "", -1
}

// condition is a tree of AND, OR and NOT over comparisons.
type condition struct {
	op     string // "and", "or", "not", or "" for a comparison
	kids   []*condition
	field  string // lower case
	cmp    string // = != < <= > >= ~ !~ in, not in, is, is not, like, ilike, not like; lower case
	values []string
	words  words // of the values, for full-text fields
}

// conditions parses the tokens of a condition up to a word that ends it.
type conditions struct {
	toks  []lexeme
	pos   int
	depth int
	end   func(lexeme) bool
	bare  bool // a field alone is a comparison with true, as in SQL
}

func (p *conditions) peek() lexeme {
	if p.pos < len(p.toks) && !p.end(p.toks[p.pos]) {
		return p.toks[p.pos]
	}
	return lexeme{at: -1}
}

// or parses alternatives; nil means a syntax error.
func (p *conditions) or() *condition { return p.chain("or", p.and) }

func (p *conditions) and() *condition { return p.chain("and", p.not) }

func (p *conditions) chain(op string, part func() *condition) *condition {
	first := part()
	if first == nil || !p.peek().is(op) {
		return first
	}
	c := &condition{op: op, kids: []*condition{first}}
	for p.peek().is(op) {
		p.pos++
		kid := part()
		if kid == nil {
			return nil
		}
		c.kids = append(c.kids, kid)
	}
	return c
}

func (p *conditions) not() *condition {
	if p.depth++; p.depth > maxNested {
		return nil
	}
	defer func() { p.depth-- }()
	switch t := p.peek(); {
	case t.is("not"):
		p.pos++
		kid := p.not()
		if kid == nil {
			return nil
		}
		return &condition{op: "not", kids: []*condition{kid}}
	case t.kind == '(':
		p.pos++
		c := p.or()
		if c == nil || p.peek().kind != ')' {
			return nil
		}
		p.pos++
		return c
	}
	return p.comparison()
}

func (p *conditions) comparison() *condition {
	t := p.peek()
	if t.kind != 'w' && t.kind != 'q' {
		return nil
	}
	p.pos++
	c := &condition{field: strings.ToLower(t.text), cmp: p.operator()}
	if t := p.peek(); c.cmp == "" && p.bare && (t.kind == 0 || t.kind == ')' || t.is("and") || t.is("or")) {
		c.cmp, c.values = "=", []string{"true"}
		return c
	}
	if c.cmp == "" {
		return nil
	}
	if strings.HasSuffix(c.cmp, "in") {
		return p.list(c)
	}
	return p.value(c)
}

func (p *conditions) operator() string {
	t := p.peek()
	op := strings.ToLower(t.text)
	if t.kind == 'o' {
		p.pos++
		if op == "<>" {
			op = "!="
		}
		return op
	}
	switch {
	case t.is("not"):
		p.pos++
		op = "not " + strings.ToLower(p.peek().text)
	case t.is("is") && p.pos+1 < len(p.toks) && p.toks[p.pos+1].is("not"):
		p.pos++
		op = "is not"
	}
	switch op {
	case "in", "not in", "like", "not like", "ilike", "not ilike", "is", "is not":
		p.pos++
		return op
	}
	return ""
}

func (p *conditions) list(c *condition) *condition {
	if p.peek().kind != '(' {
		return nil
	}
	for p.pos++; ; p.pos++ {
		if p.value(c) == nil {
			return nil
		}
		if t := p.peek(); t.kind == ')' {
			p.pos++
			return c
		} else if t.kind != ',' {
			return nil
		}
	}
}

// value reads one value; a word may be a call such as currentUser().
func (p *conditions) value(c *condition) *condition {
	t := p.peek()
	if t.kind != 'w' && t.kind != 'q' {
		return nil
	}
	p.pos++
	text := t.text
	if t.kind == 'w' && p.peek().kind == '(' {
		for p.peek().kind != ')' {
			if p.peek().kind == 0 {
				return nil
			}
			p.pos++
		}
		p.pos++
		text += "()"
	}
	c.values = append(c.values, text)
	return c
}

// eval decides the condition with a function that decides comparisons.
func (c *condition) eval(test func(*condition) bool) bool {
	switch {
	case c == nil:
		return true
	case c.op == "and":
		for _, k := range c.kids {
			if !k.eval(test) {
				return false
			}
		}
		return true
	case c.op == "or":
		for _, k := range c.kids {
			if k.eval(test) {
				return true
			}
		}
		return false
	case c.op == "not":
		return !c.kids[0].eval(test)
	}
	return test(c)
}

// each visits the comparisons until f returns an error.
func (c *condition) each(f func(*condition) error) error {
	if c == nil {
		return nil
	}
	if c.op == "" {
		return f(c)
	}
	for _, k := range c.kids {
		if err := k.each(f); err != nil {
			return err
		}
	}
	return nil
}

// among tests text fields: equality without regard to case.
func (c *condition) among(have ...string) bool { return c.names(have...) != c.negated() }

// negated reports whether the comparison is one of !=, not in, is not.
func (c *condition) negated() bool {
	return strings.HasPrefix(c.cmp, "!") || strings.Contains(c.cmp, "not")
}

// names reports whether one of the values is one of the names.
func (c *condition) names(have ...string) bool {
	for _, v := range c.values {
		for _, h := range have {
			if len(v) == len(h) && strings.EqualFold(v, h) {
				return true
			}
		}
	}
	return false
}

// searched are the words that a full-text field has to hold.
func (c *condition) searched() words {
	if c.words == nil {
		c.words = parseWords(strings.Join(c.values, " "), nil)
	}
	return c.words
}

// contains tests full-text fields: every word of the value occurs.
func (c *condition) contains(lower string) bool {
	return c.searched().in(lower) != strings.HasPrefix(c.cmp, "!")
}
