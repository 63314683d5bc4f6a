package ql_test

import (
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
)

// parsers are the languages that refuse what they cannot read.
var parsers = map[string]func(string) error{
	"jql":       func(s string) error { _, err := ql.ParseJQL(s); return err },
	"cql":       func(s string) error { _, err := ql.ParseCQL(s); return err },
	"soql":      func(s string) error { _, err := ql.ParseSOQL(s); return err },
	"cassandra": func(s string) error { _, err := ql.ParseCassandra(s); return err },
	"lucene":    func(s string) error { _, err := ql.ParseLucene(s); return err },
	"drive":     func(s string) error { _, err := ql.ParseDrive(s); return err },
}

// TestErrorTexts holds the texts that a client sees; "" is for queries that parse.
func TestErrorTexts(t *testing.T) {
	const (
		ops   = " The valid operators are '=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'."
		es    = "search_phase_execution_exception\n\tRoot causes:\n\t\tquery_shard_exception: Failed to parse query "
		cql   = `SyntaxException: <Error from server: code=2000 [Syntax error in CQL query] message="`
		force = `[{"message":"`
		bad   = `","errorCode":"MALFORMED_QUERY"}]`
	)
	for _, c := range []struct{ lang, query, want string }{
		{"jql", "", ""},
		{"jql", "order by created", ""},
		{"jql", "invalid query", "Error in the JQL Query: Expecting operator but got 'query'." + ops + " (line 1, character 9)"},
		{"jql", "project", "Error in the JQL Query: Expecting operator before the end of the query." + ops},
		{"jql", "project = LAUNCH AND", "Error in the JQL Query: Expecting a field name at the end of the query."},
		{"jql", "project =", "Error in JQL Query: Expecting either a value, list or function before the end of the query."},
		{"jql", "a = b AND status = = Done", "Error in JQL Query: Expecting either a value, list or function but got '='. You must surround '=' in quotation marks to use it as a value. (line 1, character 20)"},
		{"jql", "project = LAUNCH status", "Error in the JQL Query: Expecting either 'OR' or 'AND' but got 'status'. (line 1, character 18)"},
		{"jql", "a = 1\nb = 2", "Error in the JQL Query: Expecting either 'OR' or 'AND' but got 'b'. (line 2, character 1)"},
		{"jql", "a = b AND (status = Done", "Error in the JQL Query: Expecting ')' before the end of the query."},
		{"jql", `summary ~ "unclosed`, "Error in the JQL Query: The quoted string 'unclosed' has not been completed. (line 1, character 11)"},
		{"jql", "reporter = a/b", `Error in the JQL Query: The character '/' is a reserved JQL character. You must enclose it in a string or use the escape '\u002f' instead. (line 1, character 13)`},
		{"jql", "project in ()", "Error in JQL Query: Expecting either a value, list or function but got ')'. You must surround ')' in quotation marks to use it as a value. (line 1, character 13)"},
		{"jql", "project = select", "Error in the JQL Query: 'select' is a reserved JQL word. You must surround it in quotation marks to use it in a query. (line 1, character 11)"},
		{"jql", "project = CF", "Error in JQL Query: Expecting either a value, list or function but got 'CF'. You must surround 'CF' in quotation marks to use it as a value. (line 1, character 11)"},
		{"jql", strings.Repeat("(", 80), "The JQL query is too long or too complex. Please simplify it and try again."},
		{"cql", "space = ", "Could not parse cql : space = "},
		{"cql", "type = page and text ~ \"a\" order by created desc", ""},
		{"soql", "SELECT Id FROM Account WHERE Name LIKE 'a%' AND (Amount > 3 OR Amount = null) ORDER BY Name NULLS LAST LIMIT 5 OFFSET 2", ""},
		{"soql", "SELECT ,    FROM hed__Facility__c", force + `\nSELECT ,    FROM hed__Facility__c\n       ^\nERROR at Row:1:Column:8\nunexpected token: ','` + bad},
		{"soql", "SELECT Id,    FROM Account", force + `\nSELECT Id,    FROM Account\n              ^\nERROR at Row:1:Column:15\nunexpected token: 'FROM'` + bad},
		{"soql", "SELECT * FROM Account", force + `\nSELECT * FROM Account\n       ^\nERROR at Row:1:Column:8\nunexpected token: '*'` + bad},
		{"soql", "DELETE FROM Account", force + `\nDELETE FROM Account\n^\nERROR at Row:1:Column:1\nunexpected token: 'DELETE'` + bad},
		{"soql", "SELECT Id FROM Account WHERE Name = 'x", force + `line 1:38 mismatched character '<EOF>' expecting '''` + bad},
		{"soql", "SELECT Id FROM Account WHERE a = 1 AND b = 2 OR c = 3", force + `\nId FROM Account WHERE a = 1 AND b = 2 OR c = 3\n                                      ^\nERROR at Row:1:Column:46\nunexpected token: 'OR'` + bad},
		{"cassandra", "select * from a.b where c = 1 and d in (1,2) order by e desc per partition limit 2 limit 3 allow filtering;", ""},
		{"cassandra", "expend on;", cql + `line 1:0 no viable alternative at input 'expend' ([expend]...)">`},
		{"cassandra", "select * from t where a = 'x' or b = 1", cql + `line 1:30 missing EOF at 'or' (...from t where a = 'x' [or]...)">`},
		{"cassandra", "select * from t where a = \"x\"", cql + `line 1:26 no viable alternative at input '"x"' (...* from t where a = ["x"]...)">`},
		{"cassandra", "", cql + `line 1:0 no viable alternative at input '<EOF>'">`},
		{"cassandra", "select * from t where a = 'x", cql + `line 1:28 mismatched character '<EOF>' expecting '''">`},
		{"lucene", `level:error AND (a OR "b c"~2) -host:x* @timestamp:[now-1h TO now} size:>=3 foo^2 bar~`, ""},
		{"lucene", "(", es + "[(]"},
		{"lucene", "a AND", es + "[a AND]"},
		{"lucene", "AND a", es + "[AND a]"},
		{"lucene", "level:", es + "[level:]"},
		{"lucene", "a)", es + "[a)]"},
		{"lucene", "[1 TO 2]", es + "[[1 TO 2]]"},
		{"drive", "name contains 'a' and (mimeType = 'b' or not 'x@y' in owners) and trashed = false", ""},
		{"drive", "name contains a", "Invalid Value"},
		{"drive", "name contains 'a' and", "Invalid Value"},
	} {
		got := ""
		if err := parsers[c.lang](c.query); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s %q:\n got %s\nwant %s", c.lang, c.query, got, c.want)
		}
	}
}

// dump writes a condition in a form of its own: clauses in brackets.
func dump(e *ql.Expr) string {
	if e == nil {
		return "all"
	}
	var parts []string
	for _, k := range e.Kids {
		parts = append(parts, dump(k))
	}
	switch e.Op {
	case ql.And:
		return "(" + strings.Join(parts, " & ") + ")"
	case ql.Or:
		return "(" + strings.Join(parts, " | ") + ")"
	case ql.Not:
		return "!" + parts[0]
	}
	var args []string
	for _, a := range e.Clause.Args {
		args = append(args, a.Text)
	}
	return "[" + e.Clause.Field + " " + e.Clause.Cmp + " " + strings.Join(args, ",") + "]"
}

func TestTrees(t *testing.T) {
	tree := map[string]func(string) (*ql.Expr, error){
		"jql": func(s string) (*ql.Expr, error) { q, err := ql.ParseJQL(s); return q.Where, err },
		"soql": func(s string) (*ql.Expr, error) {
			q, err := ql.ParseSOQL("SELECT Id FROM A WHERE " + s)
			return q.Where, err
		},
		"lucene": ql.ParseLucene,
		"drive":  ql.ParseDrive,
	}
	for _, c := range []struct{ lang, query, want string }{
		{"jql", "a = 1 or b = 2 and not c = 3", "([a = 1] | ([b = 2] & ![c = 3]))"},
		{"jql", "a was not in (x, 'y z') after -1d", "[a was not in x,y z]"},
		{"jql", "a in f(b) && !(c is not empty)", "([a in f] & ![c is not empty])"},
		{"soql", "a = 1 AND (b = 2 OR NOT c LIKE 'x')", "([a = 1] & ([b = 2] | ![c like x]))"},
		{"soql", "a NOT IN ('x','y')", "[a not in x,y]"},
		{"lucene", "a b", "([ ~ a] & [ ~ b])"},
		{"lucene", "a OR b", "([ ~ a] | [ ~ b])"},
		{"lucene", "a OR b AND c", "([ ~ b] & [ ~ c])"}, // the a is optional beside what is required
		{"lucene", "a -b", "([ ~ a] & ![ ~ b])"},
		{"lucene", "NOT a", "![ ~ a]"},
		{"lucene", "f:(a OR b) g:[1 TO 5}", "(([f ~ a] | [f ~ b]) & [g [} 1,5])"},
		{"lucene", `f:"a b" g:>=3 h\:i`, "([f ~ a b] & [g >= 3] & [ ~ h:i])"},
		{"drive", "a = 'x' or b = 'y' and c = 'z'", "(([a = x] | [b = y]) & [c = z])"},
		{"drive", "not 'x' in parents", "![parents in x]"},
	} {
		e, err := tree[c.lang](c.query)
		if err != nil {
			t.Errorf("%s %q: %v", c.lang, c.query, err)
		} else if got := dump(e); got != c.want {
			t.Errorf("%s %q = %s, want %s", c.lang, c.query, got, c.want)
		}
	}
}

func TestDates(t *testing.T) {
	now := time.Date(2026, 11, 20, 14, 3, 5, 0, time.UTC) // a Friday
	for in, want := range map[string]string{
		"2026-01-31": "2026-01-31T00:00:00Z 24h0m0s", "2026/01/31 14:05": "2026-01-31T14:05:00Z 1m0s", "2026-01-31T14:05:06.789Z": "2026-01-31T14:05:06Z 1ms",
		"2026-01-31T14:05:06+02:00": "2026-01-31T12:05:06Z 1s", "2026-01-31T14": "2026-01-31T14:00:00Z 1h0m0s",
		"2026-02-30": "", "2026-1-1": "", "2026-01-31T25:00": "", "20260131": "", "2026-01-31T14:05:06+2": "", "2026-01-31x": "",
	} {
		got := ""
		if at, span, ok := ql.Date(in); ok {
			got = at.Format(time.RFC3339) + " " + span.String()
		}
		if got != want {
			t.Errorf("Date(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"TODAY": "2026-11-20 2026-11-21", "LAST_WEEK": "2026-11-08 2026-11-15", "THIS_QUARTER": "2026-10-01 2027-01-01", "LAST_N_DAYS:7": "2026-11-13 2026-11-21",
		"LAST_N_MONTHS:2": "2026-09-01 2026-11-01", "NEXT_N_YEARS:1": "2027-01-01 2028-01-01", "N_DAYS_AGO:1": "2026-11-19 2026-11-20", "N_DAYS_AGO": "", "LAST_N_DAYS:x": "", "SOMETIME": "",
	} {
		got := ""
		if r, ok := ql.Stretch(in, now); ok {
			got = r.From.Format("2006-01-02") + " " + r.To.Format("2006-01-02")
		}
		if got != want {
			t.Errorf("Stretch(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"-7d": "2026-11-13T14:03:05Z", "4w 2d": "2026-12-20T14:03:05Z", "-1M": "2026-10-20T14:03:05Z", "5": "", "": "", "-99999999d": "", "1x": ""} {
		got := ""
		if at, ok := ql.Shift(now, in, "yMwdhm"); ok {
			got = at.Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("Shift(%q) = %q, want %q", in, got, want)
		}
	}
}
