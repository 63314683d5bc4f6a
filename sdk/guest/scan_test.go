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

func plainSpecial(s string, i int) int {
	for i < len(s) && s[i] >= 0x20 && s[i] < 0x80 && s[i] != '"' && s[i] != '\\' {
		i++
	}
	return i
}

func TestSpecial(t *testing.T) {
	for n := range 30 {
		pad := strings.Repeat("x", n)
		for _, s := range []string{"", "\t  ", "\" y", "\\ \x7f", "\x1f !\x20", "é", "\n\n  zzzz", "\xff", "\x00"} {
			s = pad + s + pad[:n/2]
			for i := range len(s) + 1 {
				if got, want := special(s, i), plainSpecial(s, i); got != want {
					t.Fatalf("special(%q, %d) = %d, want %d", s, i, got, want)
				}
			}
		}
	}
}

func FuzzSpecial(f *testing.F) {
	f.Add("package x\n\n\tfunc main() {}", 3)
	f.Fuzz(func(t *testing.T, s string, i int) {
		if i < 0 || i > len(s) {
			t.Skip()
		}
		if got, want := special(s, i), plainSpecial(s, i); got != want {
			t.Errorf("special(%q, %d) = %d, want %d", s, i, got, want)
		}
	})
}

// Siblings do not add to the depth, however many and however deep they are.
func TestParseObjectDeepSiblings(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth-2) + strings.Repeat("]", MaxDepth-2)
	o, err := ParseObject([]byte(`{"a":[` + strings.Repeat(deep+",", 50) + `{}],"b":{"x":` + deep[1:len(deep)-1] + `,"y":` + deep[1:len(deep)-1] + `},"c":7}`))
	if err != nil || o.Int("c", 0) != 7 {
		t.Errorf("ParseObject = %v, c is %d", err, o.Int("c", 0))
	}
	if _, err := ParseObject([]byte(`{"a":` + strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1) + `}`)); err == nil {
		t.Error("ParseObject takes what is nested too deeply")
	}
}
