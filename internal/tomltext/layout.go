package tomltext

import (
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// MaxNesting is how deep keys, arrays and inline tables may nest. Our files
// need 3; the TOML library takes time in the square of it.
const MaxNesting = 16

// A layout says on which line of a TOML text each key, table and array entry
// stands, because the TOML library does not. It is used for messages only,
// except for tooDeep, which guards the library.
//
// It understands valid TOML. At the first thing that is not, it stops: the
// library reports that.
type layout struct {
	lines   map[string]int // by path, from 1
	tooDeep int            // the line that nests too deeply, or 0

	text  string
	pos   int
	line  int
	count map[string]int // entries seen of each array of tables
}

// newLayout reads text. It never fails: what it does not find has no line.
func newLayout(text string) *layout {
	l := &layout{
		lines: map[string]int{},
		text:  strings.TrimPrefix(text, "\ufeff"),
		line:  1,
		count: map[string]int{},
	}
	table := ""
	for l.blank() {
		ok := false
		if l.peek() == '[' {
			table, ok = l.header()
		} else {
			ok = l.pair(table, 0)
		}
		if !ok {
			break
		}
	}
	return l
}

// JoinPath appends a key to a path, quoting it if it is not a bare key.
func JoinPath(path, key string) string {
	if key == "" || strings.IndexFunc(key, NotBare) >= 0 {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// EntryPath is the path of entry i, from 0, of an array.
func EntryPath(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// NotBare reports whether a character needs quotes in a key.
func NotBare(r rune) bool { return r > 0x7f || !isBare(byte(r)) }

func isBare(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b == '-'
}

// peek returns the next byte, or 0 at the end.
func (l *layout) peek() byte {
	if l.pos < len(l.text) {
		return l.text[l.pos]
	}
	return 0
}

// take consumes s if it comes next.
func (l *layout) take(s string) bool {
	if !strings.HasPrefix(l.text[l.pos:], s) {
		return false
	}
	l.pos += len(s)
	return true
}

// until consumes what comes before the first byte that is in stops, counting
// lines, and reports whether there is one.
func (l *layout) until(stops string) bool {
	n := strings.IndexAny(l.text[l.pos:], stops)
	found := n >= 0
	if !found {
		n = len(l.text) - l.pos
	}
	l.line += strings.Count(l.text[l.pos:l.pos+n], "\n")
	l.pos += n
	return found
}

// blank consumes blanks, newlines and comments, and reports whether anything
// follows.
func (l *layout) blank() bool {
	for l.pos < len(l.text) {
		switch l.text[l.pos] {
		case '\n':
			l.line++
			l.pos++
		case ' ', '\t', '\r':
			l.pos++
		case '#':
			l.until("\n")
		default:
			return true
		}
	}
	return false
}

func (l *layout) spaces() {
	for l.peek() == ' ' || l.peek() == '\t' {
		l.pos++
	}
}

// note keeps the line of a path that was not seen before.
func (l *layout) note(path string, line int) {
	if _, seen := l.lines[path]; !seen {
		l.lines[path] = line
	}
}

// header reads [table] or [[table]] and returns the path it opens.
func (l *layout) header() (path string, ok bool) {
	line := l.line
	l.take("[")
	array := l.take("[")
	keys, ok := l.keys(0)
	if !ok || !l.take("]") || array && !l.take("]") {
		return "", false
	}
	for i, key := range keys {
		path = JoinPath(path, key)
		l.note(path, line)
		n := l.count[path]
		if array && i == len(keys)-1 {
			n++
			l.count[path] = n
		}
		if n > 0 {
			path = EntryPath(path, n-1)
			l.note(path, line)
		}
	}
	return path, true
}

// pair reads key = value inside a table.
func (l *layout) pair(table string, depth int) bool {
	line := l.line
	keys, ok := l.keys(depth)
	if !ok || !l.take("=") {
		return false
	}
	path := table
	for _, key := range keys {
		path = JoinPath(path, key)
		l.note(path, line)
	}
	l.spaces()
	return l.value(path, depth+len(keys))
}

// keys reads a dotted key and the blanks around it.
func (l *layout) keys(depth int) ([]string, bool) {
	var keys []string
	for {
		l.spaces()
		key, ok := l.key()
		if !ok {
			return nil, false
		}
		if keys = append(keys, key); depth+len(keys) > MaxNesting {
			l.tooDeep = l.line
			return nil, false
		}
		l.spaces()
		if !l.take(".") {
			return keys, true
		}
	}
}

func (l *layout) key() (string, bool) {
	start := l.pos
	if q := l.peek(); q == '"' || q == '\'' {
		if !l.quoted(q) {
			return "", false
		}
		return unquoteKey(l.text[start:l.pos])
	}
	for isBare(l.peek()) {
		l.pos++
	}
	return l.text[start:l.pos], l.pos > start
}

// unquoteKey leaves the few quoted keys with escapes to the TOML library.
func unquoteKey(quoted string) (string, bool) {
	if quoted[0] == '\'' || !strings.Contains(quoted, `\`) {
		return quoted[1 : len(quoted)-1], true
	}
	var v struct{ K string }
	if _, err := toml.Decode("K = "+quoted, &v); err != nil {
		return "", false
	}
	return v.K, true
}

// quoted consumes a string of one line, quotes included.
func (l *layout) quoted(quote byte) bool {
	stops := "\n'"
	if quote == '"' {
		stops = "\n\"\\"
	}
	l.pos++
	for l.until(stops) {
		switch l.peek() {
		case quote:
			l.pos++
			return true
		case '\\':
			l.pos = min(l.pos+2, len(l.text))
		default:
			return false
		}
	}
	return false
}

// long consumes a string of several lines, its opening quotes already read.
func (l *layout) long(quotes string) bool {
	stops := quotes[:1]
	if stops == `"` {
		stops += `\`
	}
	for l.until(stops) {
		switch {
		case l.peek() == '\\':
			// The byte after it may be a newline: until counts that one.
			l.pos++
			if l.peek() != '\n' {
				l.pos = min(l.pos+1, len(l.text))
			}
		case l.take(quotes):
			// Up to two quotes may stand directly before the closing three.
			for l.peek() == quotes[0] {
				l.pos++
			}
			return true
		default:
			l.pos++
		}
	}
	return false
}

// value reads any value; path is its own.
func (l *layout) value(path string, depth int) bool {
	switch {
	case l.peek() == '[':
		return l.nest(path, ']', depth)
	case l.peek() == '{':
		return l.nest(path, '}', depth)
	case l.take(`"""`):
		return l.long(`"""`)
	case l.take("'''"):
		return l.long("'''")
	case l.peek() == '"' || l.peek() == '\'':
		return l.quoted(l.peek())
	}
	start := l.pos
	l.until(",]}#\r\n")
	return l.pos > start
}

// nest reads an array or an inline table up to its closing bracket.
func (l *layout) nest(path string, closing byte, depth int) bool {
	if depth >= MaxNesting {
		l.tooDeep = l.line
		return false
	}
	l.pos++
	for i := 0; l.blank(); i++ {
		if l.peek() == closing {
			l.pos++
			return true
		}
		if !l.member(path, i, closing == ']', depth) {
			return false
		}
		l.blank()
		if !l.take(",") && l.peek() != closing {
			return false
		}
	}
	return false
}

// member reads one entry of an array or one pair of an inline table.
func (l *layout) member(path string, i int, array bool, depth int) bool {
	if !array {
		return l.pair(path, depth)
	}
	path = EntryPath(path, i)
	l.note(path, l.line)
	return l.value(path, depth+1)
}
