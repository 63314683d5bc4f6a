package world_test

import (
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/persona/world"
)

// The index finds what looking at every issue's text finds.
func TestIssueTextIsExact(t *testing.T) {
	w := world.New(7)
	for _, now := range dates[1:3] {
		all := w.Issues(now)
		last := all[len(all)-1]
		s := w.IssueSearch(now)
		key := strings.ToLower(last.Key)
		for _, word := range []string{
			"deploy", "e", "in", "(", ")", ").", "500", "1", "-1", "-", key, key[1:], key[:len(key)-1], "x-1", "zqxjkvwpt7", "", " ", "  ", "e a", "in " + last.Component.Name,
			strings.ToLower(last.Summary), last.Component.Name + " (", "(" + last.Component.Name + ")", "affects " + last.Component.Name, "twice this week. affects",
		} {
			var want world.Set
			for n, i := range all {
				if !i.Restricted() && strings.Contains(i.Text(), word) {
					want.Add(n)
				}
			}
			got := s.Text(s.All(), word)
			if extra, missing := got.Without(want).Len(), want.Without(got).Len(); extra+missing > 0 {
				t.Errorf("Text(%q): %d too many, %d missing", word, extra, missing)
			}
		}
		if n, ok := s.Key(last.Key); !ok || s.Issue(n).Key != last.Key {
			t.Errorf("Key(%s) = %d, %v", last.Key, n, ok)
		}
	}
}
