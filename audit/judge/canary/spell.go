package canary

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
)

// spelling is a way to write a value, and how many of its characters stand for
// minRun of the value's.
type spelling struct {
	encoding string
	text     []byte
	window   int
}

// spellings returns the ways in which a value is sought. Percent signs and
// backslashes need none: texts are also searched with those undone.
func spellings(v []byte) []spelling {
	if len(v) < minRun {
		return nil
	}
	back := slices.Clone(v)
	slices.Reverse(back)
	hexed := []byte(hex.EncodeToString(v))
	all := []spelling{
		{"raw", v, minRun},
		{"reversed", back, minRun},
		{"hex", hexed, 2 * minRun},
		{"hex", []byte(strings.ToUpper(string(hexed))), 2 * minRun},
		{"rot13", rot13(v), minRun},
	}
	all = append(all, lower(v)...)
	for shift := range 3 {
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			all = append(all, spelling{"base64", shifted(v, shift, 3, 4, enc.EncodeToString), minRun * 4 / 3})
		}
	}
	for shift := range 5 {
		for _, enc := range []*base32.Encoding{base32.StdEncoding, base32.HexEncoding} {
			text := shifted(v, shift, 5, 8, enc.WithPadding(base32.NoPadding).EncodeToString)
			all = append(all, spelling{"base32", text, minRun * 8 / 5}, spelling{"base32", []byte(strings.ToLower(string(text))), minRun * 8 / 5})
		}
	}
	return all
}

// lower is for channels without case, such as names. A value without letters has
// no such spellings.
func lower(v []byte) (all []spelling) {
	for _, text := range []string{strings.ToLower(string(v)), strings.ToUpper(string(v))} {
		if text != string(v) {
			all = append(all, spelling{"case-folded", []byte(text), minRun})
		}
	}
	return all
}

func rot13(v []byte) []byte {
	out := slices.Clone(v)
	for i, c := range out {
		switch {
		case c >= 'a' && c <= 'z':
			out[i] = 'a' + (c-'a'+13)%26
		case c >= 'A' && c <= 'Z':
			out[i] = 'A' + (c-'A'+13)%26
		}
	}
	return out
}

// shifted encodes v as it looks behind shift other bytes, without the characters
// at either end that depend on what stands beside it. An encoding turns groups of
// in bytes into out characters.
func shifted(v []byte, shift, in, out int, encode func([]byte) string) []byte {
	padded := append(make([]byte, shift), v...)
	whole := len(padded) / in * in
	text := encode(padded[:whole])
	if shift > 0 {
		text = text[min(len(text), (shift*out+in-1)/in):]
	}
	return []byte(text)
}
