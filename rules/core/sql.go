package core

import (
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// near is how far around a word a judge looks.
const near = 200

func sqlAnchors() []anchor {
	return concat(
		on(kindSQL, judgeUnion, "union"),
		on(kindSQL, judgeTautology, "or ", "or(", "or'", `or"`, "and ", "and(", "and'", "||", "&&"),
		on(kindSQL, judgeQuoteComment, "--", "#"),
		on(kindSQL, judgeStacked, ";"),
		on(kindSQL, judgeSQLFunction, "pg_sleep", "benchmark", "pg_read_file", "pg_read_binary_file", "pg_ls_dir", "pg_stat_file",
			"lo_import", "lo_export", "load_file", "utl_http.", "utl_inaddr.", "dbms_pipe.", "dbms_lock.", "dblink", "extractvalue",
			"updatexml", "randomblob", "xp_cmdshell", "xp_dirtree", "sp_oacreate", "sys_eval", "sys_exec", "query_to_xml", "database_to_xml"),
		on(kindSQL, judgeSleep, "sleep"),
		on(kindSQL, judgeSQLPhrase, "waitfor delay", "into outfile", "into dumpfile"),
		on(kindSQL, judgeCopy, "copy"),
	)
}

// narrower are what the host looks for in place of words that every query has:
// what may stand around them when judgeTautology is to find something.
var narrower = map[string][]string{
	"or ": behind("or "), "or(": behind("or("), "or'": behind("or'"), `or"`: behind(`or"`), // no error(, no ... error"
	"and ": {
		"'and ", `"and `, ")and ", "(and ", "`and ", "and 0", "and 1", "and 2", "and 3", "and 4", "and 5", "and 6", "and 7", "and 8", "and 9",
		"and '", `and "`, "and (", "and true", "and not",
	},
}

// behind are a word behind what may stand before one.
func behind(word string) (out []string) {
	for _, c := range " '\")(`,;=|-+/" {
		out = append(out, string(c)+word)
	}
	return out
}

var sqlInjection = wordRule(sdk.RuleInfo{
	ID:         "MCP_SQLI_ARGS",
	Title:      "SQL injection in arguments",
	Severity:   sdk.SeverityHigh,
	Confidence: sdk.ConfidenceMedium,
	Description: "Arguments hold SQL that widens another query: a UNION, a tautology, a second statement, a comment behind a quote, " +
		"a delay, or a function that reaches the file system, the network or a shell.",
	FalsePositives: "Questions about SQL injection in a documentation or code search; generated SQL with constant conditions.",
	Attack:         []string{"T1190"},
	OWASP:          []string{"MCP05"},
}, kindSQL, "the arguments hold SQL injection: ")

// after returns the index of the first byte from i on that is no blank.
func after(t string, i int) int {
	for i < len(t) && t[i] <= ' ' {
		i++
	}
	return i
}

// before returns the index after the last byte before i that is no blank.
func before(t string, i int) int {
	for i > 0 && t[i-1] <= ' ' {
		i--
	}
	return i
}

func isWordByte(c byte) bool { return isAlnum(c) || c == '_' || c == other }

// wordAt reports whether a word stands at i, whole.
func wordAt(t string, i int, word string) bool {
	return i >= 0 && strings.HasPrefix(t[i:], word) && (i == 0 || !isWordByte(t[i-1])) &&
		(i+len(word) >= len(t) || !isWordByte(t[i+len(word)]))
}

// nextWord returns the word at i and the index after it.
func nextWord(t string, i int) (string, int) {
	j := i
	for j < len(t) && isWordByte(t[j]) && j-i < maxKey {
		j++
	}
	return t[i:j], j
}

// skipWord returns the index behind a word and the blanks after it, -1 when
// another word is there.
func skipWord(t string, i int, word string) int {
	if i < 0 || !wordAt(t, i, word) {
		return -1
	}
	return after(t, i+len(word))
}

// isStatement reports whether a text is itself a query, as tools that take SQL
// are sent.
func isStatement(t string) bool {
	i := after(t, 0)
	for n := 0; n < 8 && i < len(t) && t[i] == '('; n++ {
		i = after(t, i+1)
	}
	word, _ := nextWord(t, i)
	switch word {
	case "select", "with", "explain", "values", "show", "table":
		return true
	}
	return false
}

// reaching are what a UNION in a whole query reaches for when it is no report.
var reaching = []string{
	"null,", "null --", "version()", "@@", "information_schema", "pg_shadow", "pg_authid", "pg_user", "pg_catalog", "sqlite_master",
	"mysql.user", "all_tables", "system_schema", "current_user", "user()", "database()", "session_user", "load_file", "pg_read", "0x", "chr(", "char(",
}

func judgeUnion(p part, start, end int) (string, sdk.Confidence) {
	t := p.text
	if !wordAt(t, start, "union") {
		return "", ""
	}
	i := after(t, end)
	for _, w := range [...]string{"all", "distinct"} {
		if j := skipWord(t, i, w); j >= 0 {
			i = j
		}
	}
	for n := 0; n < 8 && i < len(t) && t[i] == '('; n++ {
		i = after(t, i+1)
	}
	if !wordAt(t, i, "select") && !wordAt(t, i, "values") {
		return "", ""
	}
	if !isStatement(t) {
		return "UNION SELECT", sdk.ConfidenceHigh
	}
	tail := t[i:min(len(t), i+near)]
	for _, r := range reaching {
		if strings.Contains(tail, r) {
			return "UNION SELECT of " + strings.Trim(r, ",(-. "), sdk.ConfidenceMedium
		}
	}
	return "", ""
}

// literal reads a quoted text or a number at i. open says that a text has no
// closing quote, as where the query around it brings one.
func literal(t string, i int) (value string, end int, quoted, open bool) {
	if i >= len(t) {
		return "", i, false, false
	}
	if q := t[i]; q == '\'' || q == '"' {
		j := i + 1
		for j < len(t) && j-i < maxKey && t[j] != q {
			j++
		}
		if j < len(t) && t[j] == q {
			return t[i+1 : j], j + 1, true, false
		}
		return t[i+1 : j], j, true, true
	}
	j := i
	for j < len(t) && t[j] >= '0' && t[j] <= '9' && j-i < 20 {
		j++
	}
	if j < len(t) && isWordByte(t[j]) {
		return "", i, false, false
	}
	return t[i:j], j, false, false
}

// comparison reads = < > <= like and their kin.
func comparison(t string, i int) int {
	for _, op := range [...]string{"<=>", "==", "<=", ">=", "=", "<", ">"} {
		if strings.HasPrefix(t[i:], op) {
			return after(t, i+len(op))
		}
	}
	for _, op := range [...]string{"like", "rlike", "is"} {
		if j := skipWord(t, i, op); j >= 0 {
			return j
		}
	}
	return -1
}

func judgeTautology(p part, start, end int) (string, sdk.Confidence) {
	t := p.text
	if isAlnum(t[start]) {
		if start > 0 && isWordByte(t[start-1]) {
			return "", ""
		}
		if end = start + len("or"); t[start] == 'a' {
			end = start + len("and")
		}
	}
	i := after(t, end)
	for n := 0; n < 8 && i < len(t) && t[i] == '('; n++ {
		i = after(t, i+1)
	}
	if j := skipWord(t, i, "not"); j >= 0 {
		i = j
	}
	b := before(t, start)
	breaks := b > 0 && (t[b-1] == '\'' || t[b-1] == '"' || t[b-1] == ')' || t[b-1] >= '0' && t[b-1] <= '9')
	if w, j := nextWord(t, i); (w == "true" || w == "1") && breaks {
		if k := after(t, j); k >= len(t) || strings.HasPrefix(t[k:], "--") || t[k] == '#' || t[k] == ';' {
			return "a condition that is always true", sdk.ConfidenceMedium
		}
	}
	x, j, xText, xOpen := literal(t, i)
	if j == i || xOpen {
		return sameWord(t, i)
	}
	k := comparison(t, after(t, j))
	if k < 0 {
		return "", ""
	}
	y, l, yText, _ := literal(t, k)
	if l == k || xText != yText {
		return "", ""
	}
	if x == y || breaks || p.text[start] == 'o' {
		return "a comparison of two constants", sdk.ConfidenceHigh
	}
	return "", ""
}

// sameWord finds a comparison of a word with itself: or x=x.
func sameWord(t string, i int) (string, sdk.Confidence) {
	x, j := nextWord(t, i)
	if x == "" || j >= len(t) {
		return "", ""
	}
	j = after(t, j)
	if j >= len(t) || t[j] != '=' {
		return "", ""
	}
	y, k := nextWord(t, after(t, j+1))
	if x != y || k < len(t) && (t[k] == '.' || t[k] == '(') {
		return "", ""
	}
	return "a comparison of a value with itself", sdk.ConfidenceMedium
}

// judgeQuoteComment finds a comment that follows a quote which closes nothing: it
// takes the rest of somebody else's query away.
func judgeQuoteComment(p part, start, end int) (string, sdk.Confidence) {
	t := p.text
	i := start
	for i > 0 && (t[i-1] == ' ' || t[i-1] == ')' || t[i-1] == ';' || t[i-1] == '\n') {
		i--
	}
	if i == 0 || t[i-1] != '\'' && t[i-1] != '"' || isStatement(t) {
		return "", ""
	}
	if end < len(t) && (t[end] == '-' || t[start] == '#' && isAlnum(t[end])) {
		return "", "" // a rule of dashes, a tag
	}
	quote := t[i-1]
	open := strings.Count(t[max(0, i-near):i], string(quote))%2 == 1
	if !open {
		return "", ""
	}
	return "a comment behind an open quote", sdk.ConfidenceMedium
}

func judgeStacked(p part, _, end int) (string, sdk.Confidence) {
	t := p.text
	i := after(t, end)
	if what := writes(t, i); what != "" {
		return "a second statement, " + what, sdk.ConfidenceHigh
	}
	if j := skipWord(t, i, "select"); j >= 0 && j < len(t) {
		rest := t[j:min(len(t), j+near)]
		if t[j] >= '0' && t[j] <= '9' || t[j] == '*' || t[j] == '\'' || t[j] == '@' || strings.Contains(rest, " from ") || strings.ContainsRune(rest[:min(len(rest), 40)], '(') {
			return "a second statement, SELECT", sdk.ConfidenceMedium
		}
	}
	for _, w := range [...]string{"exec", "execute", "shutdown", "declare"} {
		if j := skipWord(t, i, w); j >= 0 && (j >= len(t) || t[j] == '@' || t[j] == '(' || strings.HasPrefix(t[j:], "xp_") || strings.HasPrefix(t[j:], "sp_") || strings.HasPrefix(t[j:], "--") || strings.HasPrefix(t[j:], "master")) {
			return "a second statement, " + strings.ToUpper(w), sdk.ConfidenceMedium
		}
	}
	return "", ""
}

// judgeSQLFunction wants a call with an argument: the bare name is what somebody
// reads about.
func judgeSQLFunction(p part, start, end int) (string, sdk.Confidence) {
	t := p.text
	if start > 0 && isWordByte(t[start-1]) {
		return "", ""
	}
	_, i := nextWord(t, start)
	if t[end-1] == '.' {
		_, i = nextWord(t, end)
	}
	name := t[start:i]
	if strings.HasPrefix(name, "xp_") || strings.HasPrefix(name, "sp_") {
		b := before(t, start)
		if strings.HasSuffix(t[:b], "exec") || strings.HasSuffix(t[:b], "execute") || strings.HasSuffix(t[:b], "..") {
			return name, sdk.ConfidenceHigh
		}
	}
	i = after(t, i)
	if i >= len(t) || t[i] != '(' {
		return "", ""
	}
	if i = after(t, i+1); i < len(t) && (t[i] == '\'' || t[i] == '"' || t[i] >= '0' && t[i] <= '9' || wordAt(t, i, "select") || t[i] == '(' || t[i] == '$') {
		return name, sdk.ConfidenceHigh
	}
	return "", ""
}

// judgeSleep tells a delay in SQL from one in a program.
func judgeSleep(p part, start, end int) (string, sdk.Confidence) {
	t := p.text
	if start > 0 && (isWordByte(t[start-1]) || t[start-1] == '.') {
		return "", ""
	}
	i := after(t, end)
	if i >= len(t) || t[i] != '(' {
		return "", ""
	}
	if i = after(t, i+1); i >= len(t) || t[i] < '0' || t[i] > '9' {
		return "", ""
	}
	lead := t[max(0, start-near):start]
	for _, w := range [...]string{"select ", "and ", "or ", "if(", "when ", "then ", "'", "||", "xor "} {
		if strings.Contains(lead, w) {
			return "a delay", sdk.ConfidenceMedium
		}
	}
	return "", ""
}

func judgeSQLPhrase(p part, start, end int) (string, sdk.Confidence) {
	if i := after(p.text, end); i < len(p.text) && (p.text[i] == '\'' || p.text[i] == '"') {
		return p.text[start:end], sdk.ConfidenceHigh
	}
	return "", ""
}

// judgeCopy finds COPY to or from a program or file (PostgreSQL).
func judgeCopy(p part, start, end int) (string, sdk.Confidence) {
	t := p.text
	if !wordAt(t, start, "copy") {
		return "", ""
	}
	rest := t[end:min(len(t), end+near)]
	for _, w := range [...]string{" program '", " program $", " program e'", " from '/", " to '/"} {
		if strings.Contains(rest, w) {
			return "COPY" + strings.TrimRight(w, "/'$e "), sdk.ConfidenceHigh
		}
	}
	return "", ""
}
