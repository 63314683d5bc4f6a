package core

import (
	"unicode/utf8"
	"unsafe"

	"github.com/killdeer-mcp/killdeer/rules/fold"
)

const (
	maxRounds  = 3   // of decoding: what is encoded more often is left as it is
	maxComment = 256 // bytes of a comment that is passed over
)

// view is a string of bytes that do not change while it is used.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// plain maps a byte of a JSON string that stands for itself to what is put for it:
// in lower case, and every blank a space. 0 is for what needs a closer look.
var plain = func() (t [256]byte) {
	for c := byte(' ') + 1; c < utf8.RuneSelf; c++ {
		if c != '\\' && c != '%' && c != '&' && c != '/' {
			t[c] = fold.ASCII(c)
		}
	}
	return t
}()

// fold reads the inside of a JSON string into norm: escapes decoded, folded,
// characters that are spelled by number decoded, comments and runs of blanks one
// blank.
func (r *reading) fold(i, end int) {
	if n := end - i; cap(r.norm) < n {
		r.norm, r.at = make([]byte, 0, n), make([]int32, 0, n)
	}
	r.norm, r.at = r.norm[:0], r.at[:0]
	encoded := false
	for i < end {
		c := r.raw[i]
		if f := plain[c]; f != 0 {
			r.norm, r.at = append(r.norm, f), append(r.at, int32(i))
			i++
			continue
		}
		n := r.close(i, end)
		if k := len(r.norm); k > 0 {
			last := r.norm[k-1]
			encoded = encoded || last == '\\' || last == '%' || last == '&' || last == '/'
		}
		i += n
	}
	for round := 0; encoded && round < maxRounds; round++ {
		encoded = r.decode()
	}
}

// close reads one character that does not stand for itself, and returns how many
// bytes it takes.
func (r *reading) close(i, end int) int {
	switch c := r.raw[i]; {
	case c == '\\':
		ch, n := character(r.raw[i:end])
		if n == 2 && i+1 < end {
			ch = plainEscape(r.raw[i+1])
		}
		r.put(ch, i)
		return n
	case c >= utf8.RuneSelf:
		ch, n := utf8.DecodeRune(r.raw[i:end])
		r.put(ch, i)
		return n
	default:
		r.put(rune(c), i)
		return 1
	}
}

func plainEscape(c byte) rune {
	switch c {
	case 'n', 'r':
		return '\n'
	case 't', 'b', 'f':
		return ' '
	}
	return rune(c)
}

// put appends a character that began at raw[at].
func (r *reading) put(ch rune, at int) {
	c, skip := fold.Rune(ch)
	switch {
	case skip:
		return
	case ch == '\n' || ch == '\r':
		c = '\n'
	case c == 0:
		c = other
	}
	if n := len(r.norm); c <= ' ' && n > 0 && r.norm[n-1] == c {
		return
	}
	r.norm, r.at = append(r.norm, c), append(r.at, int32(at))
}

// decode decodes one layer in place and reports whether there may be another.
func (r *reading) decode() (again bool) {
	b, at, n := r.norm, r.at, 0
	for i := 0; i < len(b); {
		c, size := unit(b[i:])
		if size > 1 {
			again = true
		}
		if size == 0 {
			c, size = b[i], 1
		}
		if c <= ' ' && n > 0 && b[n-1] == c {
			i += size
			continue
		}
		b[n], at[n] = c, at[i]
		n++
		i += size
	}
	r.norm, r.at = b[:n], at[:n]
	return again
}

// unit reads one encoded character at the start of folded text: how many bytes it
// takes, 0 when there is none.
func unit(b []byte) (c byte, size int) {
	switch b[0] {
	case '%':
		return percent(b)
	case '\\':
		return backslash(b)
	case '&':
		return entity(b)
	case '/':
		if len(b) > 1 && b[1] == '*' {
			return ' ', comment(b)
		}
	case '*':
		if len(b) > 1 && b[1] == '/' {
			return ' ', 2 // the end of a comment whose inside counts
		}
	}
	return 0, 0
}

// percent reads %2e, %u002e, and the overlong %c0%ae (RFC 3629 §10).
func percent(b []byte) (c byte, size int) {
	if len(b) >= 6 && b[1] == 'u' && b[2] == '0' && b[3] == '0' {
		if v, ok := hexByte(b[4:]); ok && v < utf8.RuneSelf {
			return folded(v), 6
		}
	}
	v, ok := hexByte(b[1:])
	switch {
	case !ok:
		return 0, 0
	case v < utf8.RuneSelf:
		return folded(v), 3
	case (v == 0xC0 || v == 0xC1) && len(b) >= 6 && b[3] == '%':
		if low, ok := hexByte(b[4:]); ok {
			return folded((v&1)<<6 | low&0x3F), 6
		}
	}
	return 0, 0
}

// backslash reads \u002e and \x2e, which are text here: the JSON escapes are gone.
func backslash(b []byte) (c byte, size int) {
	if len(b) >= 6 && b[1] == 'u' && b[2] == '0' && b[3] == '0' {
		if v, ok := hexByte(b[4:]); ok && v < utf8.RuneSelf {
			return folded(v), 6
		}
	}
	if len(b) >= 4 && b[1] == 'x' {
		if v, ok := hexByte(b[2:]); ok && v < utf8.RuneSelf {
			return folded(v), 4
		}
	}
	return 0, 0
}

var entities = [...]struct {
	name string
	c    byte
}{{"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&amp;", '&'}, {"&apos;", '\''}}

// entity reads &#46; &#x2e; and a few by name.
func entity(b []byte) (c byte, size int) {
	for _, e := range entities {
		if len(b) >= len(e.name) && string(b[:len(e.name)]) == e.name {
			return e.c, len(e.name)
		}
	}
	if len(b) < 4 || b[1] != '#' {
		return 0, 0
	}
	i, base, v := 2, 10, 0
	if b[2] == 'x' {
		i, base = 3, 16
	}
	start := i
	for ; i < len(b) && i < start+7; i++ {
		d, ok := digit(b[i])
		if !ok || d >= base {
			break
		}
		v = v*base + d
	}
	if i == start || i >= len(b) || b[i] != ';' || v >= utf8.RuneSelf {
		return 0, 0
	}
	return folded(byte(v)), i + 1
}

// comment returns the length of an SQL comment, of /*!50000 only that much, since
// MySQL runs what follows.
func comment(b []byte) int {
	if len(b) > 2 && b[2] == '!' {
		i := 3
		for i < len(b) && i < 9 && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i
	}
	for i := 2; i+1 < len(b) && i < maxComment; i++ {
		if b[i] == '*' && b[i+1] == '/' {
			return i + 2
		}
	}
	return 0
}

func folded(c byte) byte {
	if c == '\n' || c == '\r' {
		return '\n'
	}
	return fold.ASCII(c)
}

func hexByte(b []byte) (byte, bool) {
	if len(b) < 2 {
		return 0, false
	}
	high, ok1 := digit(b[0])
	low, ok2 := digit(b[1])
	return byte(high<<4 | low), ok1 && ok2
}

func digit(c byte) (int, bool) {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0'), true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10, true
	}
	return 0, false
}
