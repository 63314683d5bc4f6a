package match_test

import (
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/rules/match"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// FuzzMatch holds that a condition that is accepted finds what lies in the value,
// says of Not the opposite, and weighs no more than it may.
func FuzzMatch(f *testing.F) {
	f.Add("a", "b", "c", `(?i)d+`, "10.0.0.0/8", 1.5, "10.1.2.3")
	f.Add("", "x", "", `^(a{99}){9}$`, "::1", 0.0, "xyz")
	f.Add("", "", "", `[\pL\d]{8,64}`, "", -1.0, "\xff\xfe ünïcode")
	f.Fuzz(func(t *testing.T, is, prefix, contains, regex, cidr string, least float64, value string) {
		m := sdk.Match{Min: least}
		for _, form := range []struct {
			to    *[]string
			entry string
		}{{&m.Is, is}, {&m.Prefix, prefix}, {&m.Contains, contains}, {&m.Regex, regex}, {&m.CIDR, cidr}} {
			if form.entry != "" {
				*form.to = []string{form.entry}
			}
		}
		v, err := match.New(m)
		if err != nil {
			return
		}
		if match.Weight(m) > match.MaxProgram {
			t.Errorf("%q was accepted", regex)
		}
		start, end, ok := v.Find(value)
		if ok && (start < 0 || end < start || end > len(value)) {
			t.Errorf("found [%d:%d] of %d bytes", start, end, len(value))
		}
		if contains != "" && strings.Contains(value, contains) && !ok {
			t.Errorf("%q is not found in %q", contains, value)
		}
		m.Not = true
		not, err := match.New(m)
		if err != nil {
			t.Fatal(err)
		}
		if value != "" && not.Holds(value) == v.Holds(value) {
			t.Errorf("%+v and its opposite agree about %q", m, value)
		}
	})
}
