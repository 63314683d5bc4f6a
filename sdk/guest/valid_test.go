package guest_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

var validSeeds = []string{
	``, ` `, `{}`, `[]`, ` { } `, "\t[\r\n]\n", `{"a":1}`, `{"a" : [1 , 2.5e+3,-0,0.1E-7], "b":{"c":null}}`, `[true,false,null]`, `"x"`, `""`,
	`"aé😀"`, `"\u00e9\n\t\"\\\/\b\f\r"`, `"\u00g0"`, `"\u00e"`, `"\x"`, `"\`, `"\u`, `"`, `"a`, "\"a\x00b\"", "\"a\x7fb\"", "\"\xff\"", "\"\xed\xa0\x80\"", "\"0123456\xc3\xa9\"",
	`"01234567"`, `"012345678`, "\"01234567\x1f\"", `01`, `-`, `-0`, `1.`, `.1`, `1e`, `1e+`, `+1`, `1e5x`, `[1e999,[[[]]]]`, `tru`, `truex`, `nul`, `nulll`, `{`, `[`, `}`, `]`, `[}`, `{]`, `[1,]`,
	`[,1]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{1:2}`, `{"a":1 "b":2}`, `[1 2]`, `{}{}`, `1 2`, `[[[]]]`, `[[[[]]]]`, `[{"a":[{}]}]`, "\ufeff{}", "\x00",
}

// deep is how deep a valid value nests.
func deep(b []byte) int {
	deepest, now := 0, 0
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	for {
		t, err := d.Token()
		if err != nil {
			return deepest
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			now++
			deepest = max(deepest, now)
		case json.Delim('}'), json.Delim(']'):
			now--
		}
	}
}

func FuzzValid(f *testing.F) {
	for _, s := range validSeeds {
		f.Add([]byte(s), 3)
	}
	f.Add([]byte(strings.Repeat("[", 100)+strings.Repeat("]", 100)), 100)
	f.Fuzz(func(t *testing.T, b []byte, depth int) {
		depth = min(max(depth, 0), 1000)
		want := json.Valid(b) && utf8.Valid(b) && deep(b) <= depth
		if got := guest.Valid(b, depth); got != want {
			t.Errorf("Valid(%q, %d) = %t", b, depth, got)
		}
	})
}

func BenchmarkValid(b *testing.B) {
	text := []byte(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"` + strings.Repeat("x", 256) + `"}}}`)
	b.Run("Valid", func(b *testing.B) {
		for b.Loop() {
			guest.Valid(text, 64)
		}
	})
	b.Run("encoding_json", func(b *testing.B) {
		for b.Loop() {
			_ = utf8.Valid(text) && json.Valid(text) && deep(text) <= 64
		}
	})
}
