package core

import (
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

var sqlWrite = &rule{
	info: sdk.RuleInfo{
		ID:         "MCP_SQL_WRITE_OR_DDL",
		Title:      "Write or schema change through a query tool",
		Severity:   sdk.SeverityHigh,
		Confidence: sdk.ConfidenceHigh,
		Description: "A statement that writes data, changes the schema or grants rights was sent to a data store tool that only reads. " +
			"Text inside quotes does not count.",
		FalsePositives: "An agent that was asked to change data and does not know that the tool only reads.",
		Attack:         []string{"T1485", "T1565.001"},
		Atlas:          []string{"AML.T0101"},
		Dedup:          onSource(),
		Fields:         []string{"kind", "mcp_method", "outcome", "tool", "category", "class", "args"},
		Gate: sdk.Gate{
			When: map[string]string{"mcp_method": methodCall, "category": "datastore", "class": "read|"},
			Terms: append([]string{
				"insert ", "update ", `update"`, "update`", "update[", "delete ", `delete"`, "delete`", "drop ", "alter ", "create ", "truncate",
				"grant", "revoke", "merge ", "copy", "call", "do $", "do '", "into", "vacuum", "reindex", "refresh ", "set role", "set session",
				"set global", "set password", "begin ", "comment on", "lock table", "cluster", "reassign ", "import ",
			}, encodings...),
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		if in.Event.Category != "datastore" || in.Event.MCPMethod != methodCall || in.Event.Class != "read" && in.Event.Class != "" {
			return nil
		}
		what, f := findWrite(in.Event.Args)
		if what == "" {
			return nil
		}
		return []sdk.Hit{{
			Subject: cut(in.Event.Tool, maxSubject), Reason: "a statement was sent that the tool does not take: " + what,
			Evidence: &sdk.Evidence{Path: f.path, Snippet: f.snippet},
		}}
	},
}

// findWrite returns the first statement in the arguments that writes.
func findWrite(args []byte) (what string, f finding) {
	r := &reading{raw: args, prefix: "args"}
	for i := 0; i < len(args); {
		if args[i] != '"' {
			if !r.w.structure(args[i]) {
				return "", f
			}
			i++
			continue
		}
		end := stringEnd(args, i)
		if end < 0 {
			return "", f
		}
		r.w.key(args[i:end])
		r.fold(i+1, end-1)
		if what, at := statement(view(r.norm)); what != "" {
			r.note(kindSQL, what, sdk.ConfidenceHigh, i, end, at)
			return what, r.found[kindSQL]
		}
		i = end
	}
	return "", f
}

// statement finds where a statement that writes begins: at the start, behind a
// semicolon or a parenthesis, or behind EXPLAIN; never inside quotes.
func statement(t string) (what string, at int) {
	due, quote, selecting := true, byte(0), false
	for i := 0; i < len(t); i++ {
		c := t[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
			continue
		case c == '\'' || c == '"' || c == '`':
			quote, due = c, false
			continue
		case c == ';' || c == '(':
			due = true
			continue
		case c <= ' ':
			continue
		case c == '-' && strings.HasPrefix(t[i:], "--"):
			for i < len(t) && t[i] != '\n' {
				i++
			}
			continue
		}
		if i > 0 && isWordByte(t[i-1]) {
			continue
		}
		if due {
			if what := writes(t, i); what != "" {
				return what, i
			}
			word, _ := nextWord(t, i)
			selecting = word == "select"
			due = word == "explain" || word == "analyze" || word == "verbose"
			continue
		}
		if selecting && wordAt(t, i, "into") {
			if w, _ := nextWord(t, after(t, i+4)); w != "" && !strings.HasPrefix(t[max(0, before(t, i)-1):], "'") {
				return "SELECT INTO", i
			}
		}
		if wordAt(t, i, "from") {
			selecting = false
		}
	}
	return "", 0
}

// objects are what is created, altered and dropped.
var objects = map[string]bool{
	"table": true, "database": true, "schema": true, "user": true, "role": true, "index": true, "view": true, "materialized": true,
	"keyspace": true, "function": true, "extension": true, "type": true, "trigger": true, "sequence": true, "policy": true, "server": true,
	"or": true, "temp": true, "temporary": true, "unlogged": true, "unique": true, "aggregate": true, "procedure": true, "event": true,
	"tablespace": true, "column": true, "login": true, "system": true, "rule": true, "domain": true, "publication": true,
	"subscription": true, "language": true, "owned": true, "collation": true, "group": true, "foreign": true, "if": true, "custom": true, "constraint": true,
}

// writes says which writing statement begins at i, "" for none. The verbs are
// English words too, so it wants the shape of a statement around them.
func writes(t string, i int) string {
	verb, j := nextWord(t, i)
	if j >= len(t) || i > 0 && isWordByte(t[i-1]) {
		return ""
	}
	next := after(t, j)
	word, k := nextWord(t, next)
	rest := t[j:min(len(t), j+near)]
	named := word != "" && word != "the" || next < len(t) && strings.IndexByte("\"`[", t[next]) >= 0
	switch verb {
	case "insert", "merge":
		return shaped(word == "into" && k < len(t), verb+" into")
	case "update":
		return shaped(named && followed(rest, "set"), verb)
	case "delete":
		return shaped(word == "from" && k < len(t) || followed(rest, "from") && followed(rest, "where") && word != "the", verb)
	case "drop", "alter", "create":
		return shaped(objects[word] && k < len(t), verb+" "+word)
	case "truncate":
		return shaped(named, verb)
	case "grant":
		return shaped(followed(rest, "to") && (followed(rest, "on") || k < len(t) && (t[after(t, k)] == ',' || strings.HasPrefix(t[after(t, k):], "to"))), verb)
	case "revoke":
		return shaped(followed(rest, "from") && followed(rest, "on"), verb)
	case "copy":
		return shaped(strings.Contains(rest, " from '") || strings.Contains(rest, " to '") || followed(rest, "program") || followed(rest, "stdin") || followed(rest, "stdout"), verb)
	case "call":
		return shaped(k < len(t) && word != "" && (t[k] == '(' || t[k] == '.'), verb)
	case "do":
		return shaped(t[next] == '$' || t[next] == '\'', "do block")
	case "vacuum", "reindex", "cluster":
		return shaped(word == "" || word == "full" || word == "analyze" || objects[word], verb)
	case "refresh":
		return shaped(word == "materialized", verb)
	case "reassign":
		return shaped(word == "owned", verb)
	case "set":
		return shaped(word == "role" || word == "session" || word == "global" || word == "password", verb+" "+word)
	case "comment":
		return shaped(word == "on" && k < len(t), "comment on")
	case "lock":
		return shaped(word == "table" || word == "tables", verb)
	case "begin":
		return shaped(word == "batch" || word == "unlogged" || word == "counter", "batch")
	case "import":
		return shaped(word == "foreign", verb)
	}
	return ""
}

func shaped(ok bool, what string) string {
	if ok {
		return strings.ToUpper(what)
	}
	return ""
}

// followed reports whether a word stands somewhere in rest.
func followed(rest, word string) bool {
	for i := 0; ; {
		j := strings.Index(rest[i:], word)
		if j < 0 {
			return false
		}
		if wordAt(rest, i+j, word) {
			return true
		}
		i += j + len(word)
	}
}
