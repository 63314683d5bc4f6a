package line

import (
	"bytes"
	"strconv"
	"strings"
)

// String reads a string. cut says that it was longer; ok is false for anything else,
// such as the address of memory that could not be read.
func String(b []byte) (s []byte, cut, ok bool) {
	b = bytes.TrimPrefix(b, []byte("@")) // of an abstract socket
	if len(b) == 0 || b[0] != '"' {
		return nil, false, false
	}
	end := quoted(b)
	if end < 0 {
		return nil, false, false
	}
	return unescape(b[1 : end-1]), bytes.HasPrefix(b[end:], []byte("...")), true
}

// unescape undoes what strace does to bytes: \x with two digits, octal, and C's own.
func unescape(b []byte) []byte {
	out := make([]byte, 0, len(b)/4+1)
	for i := 0; i < len(b); {
		c, n := b[i], 1
		if c == '\\' && i+1 < len(b) {
			c, n = escape(b[i+1:])
		}
		out = append(out, c)
		i += n
	}
	return out
}

// escape reads what follows a backslash and returns its byte and whole length.
func escape(b []byte) (c byte, n int) {
	if b[0] == 'x' && len(b) >= 3 {
		hi, lo := hexDigit(b[1]), hexDigit(b[2])
		if hi < 16 && lo < 16 {
			return hi<<4 | lo, 4
		}
	}
	if b[0] >= '0' && b[0] <= '7' {
		v, i := 0, 0
		for i < len(b) && i < 3 && b[i] >= '0' && b[i] <= '7' {
			v = v*8 + int(b[i]-'0')
			i++
		}
		return byte(v), i + 1
	}
	if at := strings.IndexByte("abtnvfr", b[0]); at >= 0 {
		return byte('\a' + at), 2 // C numbers them in this order
	}
	return b[0], 2
}

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}

// Int reads a number, in any base that strace writes, with what explains it left out.
func Int(b []byte) (n int64, ok bool) {
	if i := bytes.IndexAny(b, " <"); i >= 0 {
		b = b[:i]
	}
	n, err := strconv.ParseInt(string(b), 0, 64)
	if err != nil {
		u, err := strconv.ParseUint(string(b), 0, 64)
		return int64(u), err == nil
	}
	return n, true
}

// HasFlag reports whether a flag is in an expression such as O_RDWR|O_CREAT.
func HasFlag(b []byte, flag string) bool {
	for len(b) > 0 {
		var one []byte
		one, b, _ = bytes.Cut(b, []byte("|"))
		if string(one) == flag {
			return true
		}
	}
	return false
}
