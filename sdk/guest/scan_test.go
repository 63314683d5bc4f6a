package guest

import (
	"strings"
	"testing"
)

// plainEnd is what stringEnd computes, one byte at a time.
func plainEnd(b []byte, i int) int {
	for j := i + 1; j < len(b); j++ {
		switch b[j] {
		case '\\':
			j++
		case '"':
			return j + 1
		}
	}
	return -1
}

func TestStringEnd(t *testing.T) {
	for n := range 40 {
		pad := strings.Repeat("x", n)
		for _, s := range []string{`"`, `\"`, `\"y"`, `\\"`, `\`, `\\\"zzzzzzzzz"`, "\x21\x22", "#\"", "]\\\"\"", ""} {
			b := []byte(`"` + pad + s)
			if got, want := stringEnd(b, 0), plainEnd(b, 0); got != want {
				t.Errorf("stringEnd(%s) = %d, want %d", b, got, want)
			}
		}
	}
}

func FuzzStringEnd(f *testing.F) {
	f.Add([]byte(`"abcdefg\"hijklmnop\\"q`), 0)
	f.Fuzz(func(t *testing.T, b []byte, i int) {
		if i < 0 || i >= len(b) {
			t.Skip()
		}
		if got, want := stringEnd(b, i), plainEnd(b, i); got != want {
			t.Errorf("stringEnd(%q, %d) = %d, want %d", b, i, got, want)
		}
	})
}
