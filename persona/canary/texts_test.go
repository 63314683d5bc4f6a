package canary_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/persona/canary"
)

// Each text is found at every position, once.
func TestTexts(t *testing.T) {
	all := []string{"AKIAQNZGKIQY56JQ", "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", strings.Repeat("x", 300), "AKIAQNZGKIQY56JR"}
	texts := canary.NewTexts(all)
	for i, s := range all {
		if i == 2 {
			continue // it is found in itself many times over
		}
		for pad := range 40 {
			in := strings.Repeat(".", pad) + s + s + "."
			var got []string
			texts.Find(in, func(i, start int) { got = append(got, fmt.Sprint(i, " ", start)) })
			if diff := cmp.Diff([]string{fmt.Sprint(i, " ", pad), fmt.Sprint(i, " ", pad+len(s))}, got); diff != "" {
				t.Fatalf("%q at %d: %s", s, pad, diff)
			}
		}
	}
	for _, in := range []string{"", "AKIAQN", "AKIAQNZGKIQY56J", "akiaqnzgkiqy56jq", strings.Repeat("x", 299)} {
		texts.Find(in, func(i, start int) { t.Errorf("%d is found at %d of %q", i, start, in) })
	}
	canary.NewTexts(nil).Find("AKIAQNZGKIQY56JQ", func(int, int) { t.Error("nothing is found") })
}

func FuzzTexts(f *testing.F) {
	texts := canary.NewTexts([]string{"0123456789abcdef", "abcdef0123456789abcdef"})
	f.Add("x0123456789abcdef0123456789abcdef")
	f.Add("abcdef0123456789abcdef")
	f.Fuzz(func(t *testing.T, in string) {
		n := 0
		texts.Find(in, func(i, start int) { n++ })
		want := 0
		for _, s := range []string{"0123456789abcdef", "abcdef0123456789abcdef"} {
			for i := range in {
				if strings.HasPrefix(in[i:], s) {
					want++
				}
			}
		}
		if n != want {
			t.Errorf("%d found in %q, want %d", n, in, want)
		}
	})
}
