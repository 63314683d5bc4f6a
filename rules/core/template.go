package core

import (
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

func templateAnchors() []anchor {
	return concat(
		on(kindTemplate, judgeExpression, "{{", "${", "#{", "*{", "@{", "<%", "{%", "[[${"),
		on(kindTemplate, always("a JNDI lookup"), "${jndi:", "ndi:ldap", "ndi:rmi", "ndi:dns"),
		on(kindTemplate, always("a lookup in disguise"), "${lower:", "${upper:", "${::-", "${env:", "${sys:"),
	)
}

var templateInjection = wordRule(sdk.RuleInfo{
	ID:         "MCP_TEMPLATE_INJECTION",
	Title:      "Template expression in arguments",
	Severity:   sdk.SeverityMedium,
	Confidence: sdk.ConfidenceMedium,
	Description: "Arguments hold an expression that a template engine would compute: arithmetic, access to classes, a lookup by JNDI, " +
		"or a directive that runs code. Plain placeholders such as {{name}} or ${HOME} do not count.",
	FalsePositives: "Templates that are themselves the subject, as of infrastructure code.",
	Attack:         []string{"T1190"},
}, kindTemplate, "the arguments hold a template expression: ")

// inside are what expressions reach for that compute more than a name.
var inside = []string{
	"__class__", "__globals__", "__import__", "__init__", "__mro__", "__subclasses__", "constructor", "getruntime", "runtime", "processbuilder", "popen",
	"t(java", "new java", "freemarker", "request.", "self.", "config.", "config[", "application.", "system(", "exec(", "eval(", "require(", "lipsum", "cycler", "file.open", "`",
	"process.env", "child_process", "file.read", "ioutils",
}

func judgeExpression(p part, start, end int) (string, sdk.Confidence) {
	t := p.text
	open := t[start:end]
	i := after(t, end)
	if open == "<%" {
		if i < len(t) && (t[i] == '=' || t[i] == '@' || strings.ContainsAny(t[i:min(len(t), i+near)], "(;")) && strings.Contains(t[i:min(len(t), i+near)], "%>") {
			return "<%", sdk.ConfidenceMedium
		}
		return "", ""
	}
	closing := strings.IndexAny(t[i:min(len(t), i+near)], "}")
	if closing < 0 {
		return "", ""
	}
	body := t[i : i+closing]
	if arithmetic(body) {
		return "arithmetic", sdk.ConfidenceHigh
	}
	for _, w := range inside {
		if strings.Contains(body, w) {
			return strings.Trim(w, ".[(_`"), sdk.ConfidenceHigh
		}
	}
	return "", ""
}

// arithmetic reports whether an expression is a product or sum of constants: 7*7,
// 7*'7'.
func arithmetic(s string) bool {
	_, i, _, open := literal(s, after(s, 0))
	if i == after(s, 0) || open {
		return false
	}
	i = after(s, i)
	if i >= len(s) || strings.IndexByte("*+-/%", s[i]) < 0 {
		return false
	}
	for i < len(s) && s[i] == '*' && i+1 < len(s) && s[i+1] == '*' {
		i++
	}
	j := after(s, i+1)
	_, k, _, _ := literal(s, j)
	return k > j
}
