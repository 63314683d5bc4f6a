package enterprise_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/persona/enterprise"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// TestNeedleIsNotEchoed asks every search for a word that is nowhere, in every form
// that the language has for text: nothing is found, totals say so, and the word is
// in no answer.
func TestNeedleIsNotEchoed(t *testing.T) {
	p, w := enterprise.New(), world.New(7)
	events := w.Keyspaces()[0].Name + "." + w.Keyspaces()[0].Tables[0].Name
	for lang, texts := range map[string][]string{
		"jira":       {"text ~ %", "summary ~ '%'", "description ~ '%*'", "labels = %", "labels in (%, b%)", "text ~ '\\\"a %\\\"'"},
		"confluence": {"text ~ %", "title = '%'", "title ~ '%*'", "label = %", "space = %", "creator.fullname ~ %"},
		"slack":      {"%", "from:@%", "in:#%", "\"the %\"", "%*", "the on:%"},
		"chat":       {"%", "from:%", "\"the %\""},
		"drive":      {"%", "name contains '%'", "fullText contains '%'", "name = '%'", "'%' in owners", "mimeType = '%'"},
		"elastic":    {"%", "message:%", "host:%", "level:\"%\"", "%:x", "%*", "*%*", "_id:%", "service:[% TO %]"},
		"github":     {"%", "% in:name", "topic:%", "language:%"},
		"code":       {"%", "path:%", "filename:%", "extension:%", "% language:go"},
		"gitlab":     {"%", "filename:%"},
		"bitbucket":  {"%", "ext:%", "path:%"},
		"cassandra":  {"SELECT * FROM " + events + " WHERE service = '%'", "SELECT * FROM " + events + " WHERE message = '%' ALLOW FILTERING"},
		"soql":       {"SELECT Id FROM Account WHERE Name = '%'", "SELECT Id FROM Case WHERE Subject LIKE '%\\\\%%'", "SELECT Id FROM User WHERE Id = '%'"},
	} {
		g := pagers[lang]
		for _, text := range texts {
			text = strings.ReplaceAll(text, "%", needle)
			args, _ := json.Marshal(map[string]string{g.arg: text})
			a := call(t, p, 7, dates[2], g.tool, string(args))
			if a.fail || strings.Contains(a.text, needle) || len(list(t, a.doc, g.list)) > 0 {
				t.Errorf("%s %q: %.300s", lang, text, a.text)
			}
			if g.total != "" && a.str(t, g.total) != "0" {
				t.Errorf("%s %q: %s in all", lang, text, a.str(t, g.total))
			}
		}
	}
}

// TestTokensSurviveARestart: a second page is the same from a fresh persona, and
// a token of one query serves no other.
func TestTokensSurviveARestart(t *testing.T) {
	for _, c := range []struct{ tool, args, other, token, arg string }{
		{"google_search_drive_files", `"query":"","page_size":3`, `"query":"the","page_size":3`, "nextPageToken", "page_token"},
		{"google_chat_search_message", `"query":"","page_size":3`, `"query":"the","page_size":3`, "nextPageToken", "page_token"},
		{"cassandra_execute_select_query", `"query":"SELECT * FROM sessions_by_user","keyspace":"%ks"`, `"query":"SELECT ip FROM sessions_by_user","keyspace":"%ks"`, "paging_state", "paging_state"},
		{"salesforce_query_soql", `"query":"SELECT Id FROM Case"`, `"query":"SELECT Id, Subject FROM Case"`, "nextRecordsUrl", "next_records_url"},
		{"slack_channels_list", `"limit":3`, `"types":"private_channel"`, "response_metadata.next_cursor", "cursor"},
	} {
		ks := world.New(7).Keyspaces()[1].Name
		first := call(t, enterprise.New(), 7, dates[2], c.tool, strings.ReplaceAll("{"+c.args+"}", "%ks", ks))
		next := `,"` + c.arg + `":` + quote(first.str(t, c.token)) + "}"
		one := call(t, enterprise.New(), 7, dates[2], c.tool, strings.ReplaceAll("{"+c.args+next, "%ks", ks))
		two := call(t, enterprise.New(), 7, dates[2], c.tool, strings.ReplaceAll("{"+c.args+next, "%ks", ks))
		if one.fail || one.text != two.text || one.text == first.text {
			t.Errorf("%s: the second page: %.200s", c.tool, one.text)
		}
		wrong := call(t, enterprise.New(), 7, dates[2], c.tool, strings.ReplaceAll("{"+c.other+next, "%ks", ks))
		if !wrong.fail && !strings.Contains(wrong.text, "invalid_cursor") {
			t.Errorf("%s: the token serves another query: %.200s", c.tool, wrong.text)
		}
	}
}

// hostile are queries that would cost the most.
func hostile(w *world.World) map[string][2]string {
	many := func(piece, sep string) string {
		n := min(8000/(len(piece)+len(sep)), 150)
		return strings.TrimSuffix(strings.Repeat(piece+sep, n), sep)
	}
	events := w.Keyspaces()[0].Name + "." + w.Keyspaces()[0].Tables[0].Name
	return map[string][2]string{
		"jql or":        {"jira_search_issues", many(`text ~ "e* a*"`, " or ")},
		"jql history":   {"jira_search_issues", many(`status was Done`, " or ")},
		"jql order":     {"jira_search_issues", "order by " + many("summary", ",")},
		"cql":           {"confluence_search", many(`text ~ "z* y*"`, " or ")},
		"lucene":        {"elasticsearch_search_logs", many(`*a*a*b`, " OR ")},
		"lucene all":    {"elasticsearch_search_logs", "*"},
		"soql all":      {"salesforce_query_soql", "SELECT Id, Subject, Status, Priority, Origin, IsClosed, ClosedDate, Account.Name, Account.Owner.Name, Contact.Name, Contact.Email, Owner.Name FROM Case"},
		"lucene nested": {"elasticsearch_search_logs", strings.Repeat("(", 60) + "a" + strings.Repeat(")", 60)},
		"slack":         {"slack_conversations_search_messages", many("*a*a*z", " ")},
		"drive":         {"google_search_drive_files", many("fullText contains '*a*a*z'", " or ")},
		"code":          {"github_search_code", many("*a*a*z", " ")},
		"soql like":     {"salesforce_query_soql", "SELECT Id FROM Case WHERE " + many("Subject LIKE '%a%a%a%a%z'", " OR ")},
		"soql groups":   {"salesforce_query_soql", "SELECT Id, " + many("MAX(Subject)", ",") + " FROM Case GROUP BY Id"},
		"soql lists":    {"salesforce_query_soql", "SELECT " + many("(SELECT Id FROM Cases)", ",") + " FROM Account"},
		"cassandra":     {"cassandra_execute_select_query", "SELECT " + many("token(service)", ",") + " FROM " + events},
	}
}

// hostileArgs are the arguments of a hostile query.
func hostileArgs(q [2]string) string {
	args := map[string]any{"query": q[1]}
	switch q[0] {
	case "jira_search_issues":
		args = map[string]any{"jql": q[1], "max_results": 100}
	case "confluence_search":
		args = map[string]any{"cql": q[1], "limit": 100}
	case "elasticsearch_search_logs":
		args["size"] = 10_000
	}
	b, _ := json.Marshal(args)
	return string(b)
}

// TestHostileQueriesEnd holds that every answer fits what a guest may give; that
// they come in time is TestGuestBearsHostileQueries'.
func TestHostileQueriesEnd(t *testing.T) {
	p, w := enterprise.New(), world.New(7)
	queries := hostile(w)
	for _, name := range slices.Sorted(maps.Keys(queries)) {
		q := queries[name]
		out := p.Call(&sdk.Call{Op: "call", Tool: q[0], Args: []byte(hostileArgs(q)), Seed: 7, Now: dates[2]})
		if !json.Valid(out) || len(out) > 1<<20 {
			t.Errorf("%s: %d bytes: %.200s", name, len(out), out)
		}
		t.Logf("%s: %d bytes", name, len(out))
	}
}

func FuzzQueries(f *testing.F) {
	langs := slices.Sorted(maps.Keys(pagers))
	w := world.New(7)
	for i := range langs {
		for _, q := range hostile(w) {
			f.Add(uint8(i), q[1][:min(len(q[1]), 200)])
		}
		f.Add(uint8(i), "SELECT Status, COUNT(Id) n FROM Case WHERE CreatedDate = THIS_YEAR GROUP BY Status HAVING COUNT(Id) > 3 ORDER BY Status")
		f.Add(uint8(i), "SELECT service, token(service) FROM "+w.Keyspaces()[0].Name+".events_by_service WHERE service IN ('a') ORDER BY event_id LIMIT 3")
		f.Add(uint8(i), "project = A and created > startOfDay(-1d) order by priority, key desc")
	}
	p := enterprise.New()
	f.Fuzz(func(t *testing.T, lang uint8, text string) {
		g := pagers[langs[int(lang)%len(langs)]]
		args, err := json.Marshal(map[string]string{g.arg: text})
		if err != nil {
			t.Skip(err)
		}
		out := p.Call(&sdk.Call{Op: "call", Tool: g.tool, Args: args, Seed: 7, Now: dates[2]})
		if !json.Valid(out) {
			t.Errorf("%s %q: %s", g.tool, text, out)
		}
	})
}
