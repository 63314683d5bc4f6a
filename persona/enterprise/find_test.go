package enterprise

import (
	"strings"
	"testing"
)

func TestContains(t *testing.T) {
	text := "a b aa ab ba abc cba deploy of the api-gateway: 5xx, then \xff\x80\x00 quiet; aab"
	for n := range len(text) + 1 {
		for from := range n + 1 {
			for _, sub := range []string{text[from:n], text[from:n] + "b", "zq"} {
				for _, s := range []string{text, text[:n], text[from:], text[:from] + text[n:]} {
					if got, want := contains(s, sub), strings.Contains(s, sub); got != want {
						t.Fatalf("contains(%q, %q) = %v", s, sub, got)
					}
				}
			}
		}
	}
}

func FuzzContains(f *testing.F) {
	f.Add("the quick brown fox jumps over the lazy dog, twice over", "over")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, s, sub string) {
		if got, want := contains(s, sub), strings.Contains(s, sub); got != want {
			t.Errorf("contains(%q, %q) = %v", s, sub, got)
		}
	})
}
