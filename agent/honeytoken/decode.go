package honeytoken

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Runs that are shorter cannot hold a token: 12 bytes are 16 characters of base64
// and 24 of hexadecimal digits.
const (
	min64  = 16
	minHex = 24
)

// decodings calls yield with everything that a text may be an encoding of, or may
// have in it, until it returns false.
func decodings(text string, yield func(name, decoded string) bool) {
	if strings.Contains(text, "%") {
		if t := unpercent(text); t != text && !yield("percent", t) {
			return
		}
	}
	if strings.Contains(text, `\`) {
		if t := unescape(text); t != text && !yield("json", t) {
			return
		}
	}
	for rest := text; ; {
		run, after := nextRun(rest)
		if run == "" {
			return
		}
		if rest = after; !decodeRun(run, yield) {
			return
		}
	}
}

// nextRun returns the next run of base64 characters that is long enough, and what
// follows it.
func nextRun(s string) (run, rest string) {
	start := 0
	for i := 0; i < len(s); i++ {
		if inBase64(s[i]) {
			continue
		}
		if i-start >= min64 {
			return s[start:i], s[i:]
		}
		start = i + 1
	}
	if len(s)-start >= min64 {
		return s[start:], ""
	}
	return "", ""
}

func inBase64(c byte) bool { return alphanumeric(c) || c == '+' || c == '/' || c == '-' || c == '_' }

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// decodeRun decodes a run as a whole, and each of its words where a separator
// may have been taken for a digit.
func decodeRun(run string, yield func(name, decoded string) bool) bool {
	if !decodeWord(run, yield) {
		return false
	}
	words := strings.FieldsFunc(run, func(r rune) bool { return !alphanumeric(byte(r)) })
	if len(words) == 1 && words[0] == run {
		return true
	}
	for _, w := range words {
		if len(w) >= min64 && !decodeWord(w, yield) {
			return false
		}
	}
	return true
}

func decodeWord(w string, yield func(name, decoded string) bool) bool {
	if digits := strings.TrimPrefix(w, "0x"); len(digits) >= minHex && isHex(digits) {
		b, _ := hex.DecodeString(digits[:len(digits)&^1]) // checked
		return yield("hex", string(b))
	}
	b := decode64(w)
	return len(b) == 0 || yield("base64", string(b))
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// decode64 takes both alphabets, with padding or without, and leaves out the one
// character that cannot be a byte.
func decode64(s string) []byte {
	digits := []byte(strings.TrimRight(s, "="))
	if len(digits)%4 == 1 {
		digits = digits[:len(digits)-1]
	}
	for i, c := range digits {
		switch c {
		case '-':
			digits[i] = '+'
		case '_':
			digits[i] = '/'
		}
	}
	n, err := base64.RawStdEncoding.Decode(digits, digits) // never overtakes itself
	if err != nil {
		return nil
	}
	return digits[:n]
}

// unpercent decodes what is percent-encoded and leaves the rest, which a URL
// parser would refuse as a whole.
func unpercent(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

var simpleEscapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'f': '\f', '/': '/', '\\': '\\', '"': '"'}

// unescape decodes JSON's escapes wherever they stand, RFC 8259 §7.
func unescape(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if c, ok := simpleEscapes[s[i]]; ok {
			b.WriteByte(c)
			continue
		}
		if s[i] == 'u' && i+4 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+5], 16, 16); err == nil {
				b.Write(utf8.AppendRune(nil, rune(v)))
				i += 4
				continue
			}
		}
		b.WriteByte('\\')
		b.WriteByte(s[i])
	}
	return b.String()
}
