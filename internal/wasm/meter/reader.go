package meter

import (
	"errors"
	"unicode/utf8"
)

var (
	errShort   = errors.New("unexpected end")
	errInteger = errors.New("malformed integer")
	errCount   = errors.New("count is over the limit")
	errName    = errors.New("name is not UTF-8")
)

// reader reads the binary format. Its first error sticks, so that callers may
// read a whole entry and look at err once.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail(errShort)
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) take(n uint32) []byte {
	if uint64(n) > uint64(len(r.b)) {
		r.fail(errShort)
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// u32 reads an unsigned LEB128 number of at most five bytes.
func (r *reader) u32() uint32 {
	var v uint32
	for shift := 0; shift < 35; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		if shift == 28 && c > 0x0f {
			break
		}
		v |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	r.fail(errInteger)
	return 0
}

// skipSigned passes over a signed LEB128 number of at most max bytes.
func (r *reader) skipSigned(max int) {
	for range max {
		if r.byte() < 0x80 {
			return
		}
	}
	r.fail(errInteger)
}

// count reads a vector's length. Each element takes a byte or more, so a length
// over the bytes left is a lie, and one that the compiler would believe.
func (r *reader) count(limit int) int {
	n := r.u32()
	if uint64(n) > uint64(len(r.b)) || uint64(n) > uint64(limit) {
		r.fail(errCount)
		return 0
	}
	return int(n)
}

func (r *reader) name() string {
	b := r.take(r.u32())
	if !utf8.Valid(b) {
		r.fail(errName)
		return ""
	}
	return string(b)
}

// end fails if bytes are left over.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail(errors.New("section is longer than its content"))
	}
	return r.err
}

func appendU32(b []byte, v uint32) []byte {
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}
