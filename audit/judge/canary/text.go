package canary

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
)

// longRun is how many characters in a row are taken for an encoded text: what holds
// a value has more.
const longRun = 24

// texts undoes encodings of bytes as letters and numbers, for what is wrapped once
// more below them: a value under one of them alone is found without.
func texts(b []byte, next func(name string, inner []byte) bool) bool {
	return next("base64", each(b, isBase64, unbase64)) && next("hex", each(b, isHex, unhex)) && next("codes", codes(b)) && next("spaced", spaced(b))
}

// each decodes every long run of characters of a sort. A line's break ends a run.
func each(b []byte, of func(byte) bool, decode func([]byte) []byte) (out []byte) {
	for i := 0; i < len(b); {
		if !of(b[i]) {
			i++
			continue
		}
		from := i
		for i < len(b) && of(b[i]) {
			i++
		}
		if i-from >= longRun {
			out = append(append(out, decode(b[from:i])...), '\n')
		}
	}
	return out
}

func isBase64(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
}

// unbase64 decodes both alphabets, as far as the text goes.
func unbase64(b []byte) []byte {
	b = slices.Clone(b)
	for i, c := range b {
		switch c {
		case '-':
			b[i] = '+'
		case '_':
			b[i] = '/'
		}
	}
	b = b[:len(b)-len(b)%4]
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(b)))
	n, _ := base64.RawStdEncoding.Decode(out, b) // what is whole counts
	return out[:n]
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(b []byte) []byte {
	out := make([]byte, len(b)/2)
	n, _ := hex.Decode(out, b[:len(b)/2*2]) // only hex digits get here
	return out[:n]
}

// codes reads lists of numbers below 256, as a buffer is printed.
func codes(b []byte) (out []byte) {
	var run []byte
	number, digits := 0, 0
	flush := func(end bool) {
		if digits > 0 && number < 256 {
			run = append(run, byte(number))
		} else if digits > 0 {
			end = true
		}
		number, digits = 0, 0
		if end {
			if len(run) >= minRun {
				out = append(append(out, run...), '\n')
			}
			run = run[:0]
		}
	}
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9' && digits < 4:
			number, digits = number*10+int(c-'0'), digits+1
		case c == ',' || c == ' ' || c == '\n' || c == ';':
			flush(false)
		default:
			flush(true)
		}
	}
	flush(true)
	return out
}

// spaced drops a character that stands behind every other one.
func spaced(b []byte) (out []byte) {
	for i := 0; i+3 < len(b); {
		sep, from := b[i+1], i
		if isBase64(sep) && sep != '-' && sep != '_' || sep >= 0x80 {
			i++
			continue
		}
		for i+1 < len(b) && b[i+1] == sep {
			i += 2
		}
		if i-from < 2*minRun {
			i = from + 1
			continue
		}
		for j := from; j <= i && j < len(b); j += 2 {
			out = append(out, b[j])
		}
		out = append(out, '\n')
	}
	return out
}
