package pgsql

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// node of a JSON document. Kinds: 'o' object, 'a' array, 's' string, 'n' number,
// 't', 'f' and '0' for null.
type jsonNode struct {
	kind byte
	text string // of a string, decoded; of a number, as written
	keys []string
	kids []*jsonNode
	raw  string // as written
}

// maxJSON is how deep a document may nest.
const maxJSON = 200

type jsonParser struct {
	text  string
	pos   int
	depth int
}

func parseJSON(s string) *jsonNode {
	p := jsonParser{text: s}
	n := p.value()
	p.space()
	if p.pos < len(s) {
		p.bad(`Expected end of input, but found "` + p.token() + `".`)
	}
	return n
}

//go:noinline
func (p *jsonParser) bad(detail string) {
	failDetail(codeBadText, "invalid input syntax for type json", detail)
}

//go:noinline
func (p *jsonParser) space() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// token is what the server would show of the rest in an error.
func (p *jsonParser) token() string {
	rest := p.text[p.pos:]
	end := strings.IndexFunc(rest, func(r rune) bool {
		return !isLetter(r) && (r < '0' || r > '9') && r != '_' && r < utf8.RuneSelf
	})
	switch {
	case end < 0:
		return rest
	case end == 0:
		return rest[:1]
	}
	return rest[:end]
}

func (p *jsonParser) value() *jsonNode {
	if p.depth++; p.depth > maxJSON {
		fail(codeTooComplex, "stack depth limit exceeded")
	}
	defer func() { p.depth-- }()
	p.space()
	if p.pos == len(p.text) {
		p.bad("The input string ended unexpectedly.")
	}
	start := p.pos
	var n *jsonNode
	switch c := p.text[p.pos]; {
	case c == '{':
		n = p.object()
	case c == '[':
		n = p.array()
	case c == '"':
		n = &jsonNode{kind: 's', text: p.str()}
	case c == '-' || c >= '0' && c <= '9':
		n = p.number()
	default:
		n = p.word()
	}
	n.raw = p.text[start:p.pos]
	return n
}

func (p *jsonParser) word() *jsonNode {
	for _, w := range [...]string{"true", "false", "null"} {
		if p.token() == w {
			p.pos += len(w)
			kind := w[0]
			if kind == 'n' {
				kind = '0'
			}
			return &jsonNode{kind: kind}
		}
	}
	if t := p.token(); isLetter(rune(t[0])) || t[0] == '_' || t[0] >= utf8.RuneSelf || strings.IndexByte("{}[],:\"", t[0]) < 0 {
		p.bad(`Token "` + t + `" is invalid.`)
	}
	p.bad(`Expected JSON value, but found "` + p.token() + `".`)
	return nil
}

func (p *jsonParser) number() *jsonNode {
	start := p.pos
	for p.pos < len(p.text) && (strings.IndexByte("+-.eE", p.text[p.pos]) >= 0 || p.text[p.pos] >= '0' && p.text[p.pos] <= '9') {
		p.pos++
	}
	text := p.text[start:p.pos]
	_, err := strconv.ParseFloat(text, 64)
	body := strings.TrimPrefix(text, "-")
	if err != nil && !strings.Contains(err.Error(), "range") || len(body) > 1 && body[0] == '0' && body[1] >= '0' && body[1] <= '9' || body == "" || body[0] == '.' || strings.HasSuffix(body, ".") || body[0] == '+' {
		p.pos = start
		p.bad(`Token "` + text + `" is invalid.`)
	}
	return &jsonNode{kind: 'n', text: text}
}

func (p *jsonParser) array() *jsonNode {
	n := &jsonNode{kind: 'a'}
	p.pos++
	for p.space(); p.pos < len(p.text) && p.text[p.pos] == ']' && len(n.kids) == 0; {
		p.pos++
		return n
	}
	for {
		n.kids = append(n.kids, p.value())
		p.space()
		switch {
		case p.pos == len(p.text):
			p.bad("The input string ended unexpectedly.")
		case p.text[p.pos] == ']':
			p.pos++
			return n
		case p.text[p.pos] != ',':
			p.bad(`Expected "," or "]", but found "` + p.token() + `".`)
		}
		p.pos++
	}
}

func (p *jsonParser) object() *jsonNode {
	n := &jsonNode{kind: 'o'}
	for first := true; ; first = false {
		p.pos++
		p.space()
		switch {
		case p.pos == len(p.text):
			p.bad("The input string ended unexpectedly.")
		case first && p.text[p.pos] == '}':
			p.pos++
			return n
		case p.text[p.pos] != '"' && first:
			p.bad(`Expected string or "}", but found "` + p.token() + `".`)
		case p.text[p.pos] != '"':
			p.bad(`Expected string, but found "` + p.token() + `".`)
		}
		n.keys = append(n.keys, p.str())
		if p.space(); p.pos == len(p.text) {
			p.bad("The input string ended unexpectedly.")
		}
		if p.text[p.pos] != ':' {
			p.bad(`Expected ":", but found "` + p.token() + `".`)
		}
		p.pos++
		n.kids = append(n.kids, p.value())
		p.space()
		switch {
		case p.pos == len(p.text):
			p.bad("The input string ended unexpectedly.")
		case p.text[p.pos] == '}':
			p.pos++
			return n
		case p.text[p.pos] != ',':
			p.bad(`Expected "," or "}", but found "` + p.token() + `".`)
		}
	}
}

func (p *jsonParser) str() string {
	var b []byte
	for p.pos++; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; {
		case c == '"':
			p.pos++
			return string(b)
		case c == '\\' && p.pos+1 < len(p.text):
			b = p.escape(b)
		case c < ' ':
			p.bad("Character with value 0x" + hexText(string([]byte{c})) + " must be escaped.")
		default:
			b = append(b, c)
		}
	}
	p.bad(`Token "` + "\"" + string(b) + `" is invalid.`)
	return ""
}

func (p *jsonParser) escape(b []byte) []byte {
	p.pos++
	switch c := p.text[p.pos]; c {
	case 'b':
		return append(b, '\b')
	case 'f':
		return append(b, '\f')
	case 'n':
		return append(b, '\n')
	case 'r':
		return append(b, '\r')
	case 't':
		return append(b, '\t')
	case '"', '\\', '/':
		return append(b, c)
	case 'u':
		n, err := strconv.ParseUint(p.text[p.pos+1:min(p.pos+5, len(p.text))], 16, 32)
		if err != nil || p.pos+5 > len(p.text) {
			p.bad(`"\u" must be followed by four hexadecimal digits.`)
		}
		p.pos += 4
		if n >= 0xd800 && n < 0xdc00 && strings.HasPrefix(p.text[p.pos+1:], `\u`) && p.pos+7 <= len(p.text) {
			low, err := strconv.ParseUint(p.text[p.pos+3:p.pos+7], 16, 32)
			if err == nil && low >= 0xdc00 && low < 0xe000 {
				p.pos += 6
				n = 0x10000 + (n-0xd800)<<10 + low - 0xdc00
			}
		}
		return utf8.AppendRune(b, rune(n))
	}
	p.bad(`Escape sequence "\` + p.text[p.pos:p.pos+1] + `" is invalid.`)
	return nil
}

// quoteJSON is a string as the server writes it.
func quoteJSON(s string) string {
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		default:
			if c < ' ' {
				b = append(append(b, `\u00`...), hexAlphabet[c>>4], hexAlphabet[c&15])
				continue
			}
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}

// String writes a node as jsonb is written: keys in order, the last of equal ones.
func (n *jsonNode) String() string {
	var b buffer
	n.sorted().write(&b)
	return b.String()
}

// key is equal for equal documents.
func (n *jsonNode) key() string {
	if n.kind == 'n' {
		d, _ := parseDecimal(n.text)
		return d.reduce().String()
	}
	return n.String()
}

// sorted puts objects in the order of jsonb: shorter keys first.
func (n *jsonNode) sorted() *jsonNode {
	if n.kind != 'o' && n.kind != 'a' {
		return n
	}
	out := &jsonNode{kind: n.kind}
	for i, k := range n.kids {
		k = k.sorted()
		if n.kind == 'a' {
			out.kids = append(out.kids, k)
			continue
		}
		at, found := slices.BinarySearchFunc(out.keys, n.keys[i], compareKeys)
		if found {
			out.kids[at] = k
			continue
		}
		out.keys, out.kids = slices.Insert(out.keys, at, n.keys[i]), slices.Insert(out.kids, at, k)
	}
	return out
}

func compareKeys(a, b string) int {
	if c := compareInts(int64(len(a)), int64(len(b))); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

func (n *jsonNode) write(b *buffer) {
	switch n.kind {
	case 'o':
		b.char('{')
		for i, k := range n.kids {
			if i > 0 {
				b.put(", ")
			}
			b.put(quoteJSON(n.keys[i]) + ": ")
			k.write(b)
		}
		b.char('}')
	case 'a':
		b.char('[')
		for i, k := range n.kids {
			if i > 0 {
				b.put(", ")
			}
			k.write(b)
		}
		b.char(']')
	case 's':
		b.put(quoteJSON(n.text))
	case 'n':
		if d, ok := parseDecimal(n.text); ok {
			b.put(d.String())
		}
	default:
		b.put(map[byte]string{'t': "true", 'f': "false", '0': "null"}[n.kind])
	}
}

// rank orders kinds: object above array above boolean, number, string and null.
func (n *jsonNode) rank() int { return strings.IndexByte("0snftao", n.kind) }

func compareJSON(a, b *jsonNode) int {
	if a.kind != b.kind {
		return compareInts(int64(a.rank()), int64(b.rank()))
	}
	switch a.kind {
	case 's':
		return strings.Compare(a.text, b.text)
	case 'n':
		x, _ := parseDecimal(a.text)
		y, _ := parseDecimal(b.text)
		return x.cmp(y)
	}
	if c := compareInts(int64(len(a.kids)), int64(len(b.kids))); c != 0 {
		return c
	}
	for i := range a.kids {
		if a.kind == 'o' {
			if c := compareKeys(a.keys[i], b.keys[i]); c != 0 {
				return c
			}
		}
		if c := compareJSON(a.kids[i], b.kids[i]); c != 0 {
			return c
		}
	}
	return 0
}

// member finds a member of an object, the last of equal names.
func (n *jsonNode) member(key string) *jsonNode {
	for i, v := range slices.Backward(n.keys) {
		if v == key {
			return n.kids[i]
		}
	}
	return nil
}

// index finds an element, from the end when negative.
func (n *jsonNode) index(i int64) *jsonNode {
	if i < 0 {
		i += int64(len(n.kids))
	}
	if n.kind != 'a' || i < 0 || i >= int64(len(n.kids)) {
		return nil
	}
	return n.kids[i]
}
