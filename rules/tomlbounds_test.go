package rules_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/rules"
)

// A file that would take the host long is refused at once.
func TestTOMLBounds(t *testing.T) {
	const head = "id='a'\nversion='1'\n"
	rule := func(more string) string { return head + "[[rule]]\nid='A'\ntitle='t'\nseverity='low'\n" + more }
	var large strings.Builder
	large.WriteString(head)
	for i := range 30 {
		fmt.Fprintf(&large, "[[rule]]\nid='R%d'\ntitle='t'\nseverity='low'\nmatch={ua={regex='a{999}b{999}c{999}d{999}e{999}f{999}g{999}'}}\n", i)
	}
	for _, c := range []struct{ name, text, want string }{
		{"parts", rule(strings.Repeat("a.", 400_000) + "b=1"), "f:7: a key of more than 16 parts"},
		{"parts in quotes", rule(strings.Repeat("'a' . ", 20) + "b=1"), "f:7: a key of more than 16 parts"},
		{"parts of a table", rule("[" + strings.Repeat("a.", 20) + "b]"), "f:7: a key of more than 16 parts"},
		{"nested arrays", rule("attack=" + strings.Repeat("[", 900_000)), "f:7: nested deeper than 16"},
		{"nested tables", rule("attack=" + strings.Repeat("{a=", 100)), "f:7: nested deeper than 16"},
		{"unknown keys", rule(numbered("x%d=1\n", 50_000)), "unknown key"},
		{"many rules", strings.Repeat("[[rule]]\n", 100_000), "100000 rules, want 1 to 128"},
		{"one condition", rule("match={ua={regex=['" + strings.Repeat("[ab]{999}", 6) + "','" + strings.Repeat("a{999}", 6) + "']}}"), "stand for more than 10000 instructions"},
		{"all conditions", large.String(), "stand for more than 200000 instructions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := rules.ParseTOML("f", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %.300v, want %q in it", err, c.want)
			}
		})
	}
}

// What stands in strings and comments is no key and does not nest.
func TestTOMLBoundsKnowStrings(t *testing.T) {
	many := strings.Repeat("a.[{", 40)
	for _, description := range []string{
		`"` + many + `\"` + many + `"`, `'` + many + `\'`, `""`, `''`,
		"'''" + many + "\n'" + many + "'''''", `"""` + many + "\n" + `\"""` + many + `"""""`, `"" # ` + many,
	} {
		text := "id='a'\nversion='1'\n[[rule]]\nid='A'\ntitle='t'\nseverity='low'\ndescription=" + description + "\nmatch={ua='x'}\n"
		if _, err := rules.ParseTOML("f", []byte(text)); err != nil {
			t.Errorf("%s: %v", description, err)
		}
		deep := strings.Replace(text, "match=", "attack="+strings.Repeat("[", 17), 1)
		if _, err := rules.ParseTOML("f", []byte(deep)); err == nil || !strings.Contains(err.Error(), "nested deeper") {
			t.Errorf("%s: error %v, want one of the nesting behind it", description, err)
		}
	}
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}
