package guest

import (
	"strconv"
	"unicode/utf8"
)

// MaxDepth is how deep a [Writer] can nest and an [Object] can be read.
const MaxDepth = 64

// Writer appends one JSON document to a buffer that it reuses. Commas and colons
// are its business; the caller only keeps Obj, Arr and Text balanced with End.
// Nothing but what JSON demands is escaped: "<", "&" and U+2028 stand as they are.
//
// The zero value is ready to use. A Writer is not safe for concurrent use.
type Writer struct {
	buf   []byte
	stack [MaxDepth]frame
	depth int
	text  int  // depth of the open Text, 0 for none
	key   bool // a key was written, its value is due
}

type frame struct {
	kind byte // '{', '[' or '"'
	used bool // a member was written
}

// Reset empties the writer and keeps its buffer.
func (w *Writer) Reset() { w.buf, w.depth, w.text, w.key = w.buf[:0], 0, 0, false }

// Bytes returns the document. It is valid until the next Reset.
func (w *Writer) Bytes() []byte { return w.buf }

// Len is the number of bytes written.
func (w *Writer) Len() int { return len(w.buf) }

// Obj opens an object.
func (w *Writer) Obj() *Writer { return w.open('{') }

// Arr opens an array.
func (w *Writer) Arr() *Writer { return w.open('[') }

// Text opens a string whose content is the JSON document that is written next,
// indented by two spaces as JSON.stringify(v, null, 2) does. It is escaped while
// it is written, not marshalled twice. Text does not nest.
func (w *Writer) Text() *Writer {
	if w.text != 0 {
		panic("guest: Text inside Text")
	}
	w.value()
	w.buf = append(w.buf, '"')
	w.push('"')
	w.text = w.depth
	return w
}

// End closes what was opened last.
// It is called in hundreds of places, and would make a guest larger by a tenth.
//
//go:noinline
func (w *Writer) End() *Writer {
	if w.depth == 0 {
		panic("guest: End without Obj, Arr or Text")
	}
	f := w.stack[w.depth-1]
	w.depth--
	switch f.kind {
	case '"':
		w.text = 0
		w.buf = append(w.buf, '"')
	default:
		if f.used {
			w.line()
		}
		w.buf = append(w.buf, f.kind+2) // '{'+2 is '}', '['+2 is ']'
	}
	return w
}

// Key writes the name of the next value.
func (w *Writer) Key(k string) *Writer {
	w.member()
	w.quoted(k)
	w.buf = append(w.buf, ':')
	if w.text != 0 {
		w.buf = append(w.buf, ' ')
	}
	w.key = true
	return w
}

// Str writes a string. Invalid UTF-8 becomes U+FFFD.
func (w *Writer) Str(s string) *Writer {
	w.value()
	w.quoted(s)
	return w
}

// Int writes an integer.
func (w *Writer) Int(n int64) *Writer {
	w.value()
	w.buf = strconv.AppendInt(w.buf, n, 10)
	return w
}

// Uint writes an unsigned integer.
func (w *Writer) Uint(n uint64) *Writer {
	w.value()
	w.buf = strconv.AppendUint(w.buf, n, 10)
	return w
}

// Float writes a number with prec digits after the point, or as many as it
// needs when prec is -1. A value JSON cannot express panics.
func (w *Writer) Float(f float64, prec int) *Writer {
	if f != f || f > 1.7976931348623157e308 || f < -1.7976931348623157e308 {
		panic("guest: number is not finite")
	}
	w.value()
	w.buf = strconv.AppendFloat(w.buf, f, 'f', prec, 64)
	return w
}

// Bool writes true or false.
func (w *Writer) Bool(b bool) *Writer {
	w.value()
	w.buf = strconv.AppendBool(w.buf, b)
	return w
}

// Null writes null.
func (w *Writer) Null() *Writer {
	w.value()
	w.buf = append(w.buf, "null"...)
	return w
}

// Raw writes a value that is JSON already; outside Text it is copied as it is,
// inside it is escaped as it is.
func (w *Writer) Raw(json []byte) *Writer {
	w.value()
	if w.text == 0 {
		w.buf = append(w.buf, json...)
		return w
	}
	w.buf = appendEscaped(w.buf, string(json), 1)
	return w
}

func (w *Writer) open(kind byte) *Writer {
	w.value()
	w.buf = append(w.buf, kind)
	w.push(kind)
	return w
}

func (w *Writer) push(kind byte) {
	if w.depth == MaxDepth {
		panic("guest: JSON nested too deeply")
	}
	w.stack[w.depth] = frame{kind: kind}
	w.depth++
}

// value prepares for a value: after a key nothing is due, in an array a comma.
func (w *Writer) value() {
	if w.key {
		w.key = false
		return
	}
	if w.depth > 0 {
		w.member()
	}
}

func (w *Writer) member() {
	if w.depth == 0 {
		panic("guest: Key outside an object")
	}
	f := &w.stack[w.depth-1]
	if f.kind == '"' {
		f.used = true
		return
	}
	if f.used {
		w.buf = append(w.buf, ',')
	}
	f.used = true
	w.line()
}

// margin is a line break inside Text, and the deepest indentation.
const margin = `\n` + "                                                                " + "                                                                "

// line breaks the line inside Text.
func (w *Writer) line() {
	if w.text != 0 {
		w.buf = append(w.buf, margin[:2+2*(w.depth-w.text)]...)
	}
}

func (w *Writer) quoted(s string) {
	if w.text == 0 {
		w.buf = append(w.buf, '"')
		w.buf = appendEscaped(w.buf, s, 1)
		w.buf = append(w.buf, '"')
		return
	}
	w.buf = append(w.buf, `\"`...)
	w.buf = appendEscaped(w.buf, s, 2)
	w.buf = append(w.buf, `\"`...)
}

// Quote returns s as a JSON string.
func Quote(s string) []byte {
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	b = appendEscaped(b, s, 1)
	return append(b, '"')
}

const hexDigits = "0123456789abcdef"

// appendEscaped appends s as the content of a JSON string that is itself nested
// level-1 times in another.
func appendEscaped(b []byte, s string, level int) []byte {
	start := 0
	for i := 0; ; {
		if i = special(s, i); i == len(s) {
			break
		}
		c := s[i]
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		b = append(b, s[start:i]...)
		b = appendEscape(b, c, level)
		i += size
		start = i
	}
	return append(b, s[start:]...)
}

func appendEscape(b []byte, c byte, level int) []byte {
	slashes := 1<<level - 1 // a backslash at level n is 2^n of them, minus the char's own
	switch {
	case c >= utf8.RuneSelf:
		return append(b, "\uFFFD"...)
	case c == '"':
		return append(appendSlashes(b, slashes), '"')
	case c == '\\':
		return appendSlashes(b, slashes+1)
	}
	b = appendSlashes(b, 1<<(level-1))
	switch c {
	case '\n':
		return append(b, 'n')
	case '\r':
		return append(b, 'r')
	case '\t':
		return append(b, 't')
	case '\b':
		return append(b, 'b')
	case '\f':
		return append(b, 'f')
	}
	return append(b, 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

func appendSlashes(b []byte, n int) []byte {
	for range n {
		b = append(b, '\\')
	}
	return b
}
