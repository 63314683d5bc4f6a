package enterprise

import (
	"runtime"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

var _ sdk.Preparer = (*Persona)(nil)

// preparations are calls that have the world make what it keeps: they look through
// everything of a kind, and find nothing.
var preparations = []struct{ tool, args string }{
	{"slack_conversations_search_messages", `{"query":"zqxjkvwpt"}`},
	{"google_chat_search_message", `{"query":"zqxjkvwpt"}`},
	{"google_search_drive_files", `{"query":"zqxjkvwpt"}`},
	{"confluence_search", `{"cql":"text ~ zqxjkvwpt"}`},
	{"jira_search_issues", `{"jql":"text ~ zqxjkvwpt"}`},
	{"elasticsearch_search_logs", `{"query":"zqxjkvwpt"}`},
	{"github_search_code", `{"query":"zqxjkvwpt"}`},
	{"gitlab_search_code", `{"query":"zqxjkvwpt"}`},
	{"bitbucket_search_code", `{"query":"zqxjkvwpt"}`},
	{"salesforce_query_soql", `{"query":"SELECT StageName, COUNT(Id) FROM Opportunity GROUP BY StageName"}`},
	{"postgresql_execute_select_query", `{"query":"SELECT id FROM users WHERE id = 0"}`},
}

// Prepare implements [sdk.Preparer]: it makes what follows from the seed alone.
func (p *Persona) Prepare(c *sdk.Call) {
	for _, q := range preparations {
		call := *c
		call.Op, call.Tool, call.Args = sdk.OpCall, q.tool, []byte(q.args)
		p.Call(&call)
	}
	p.view(c.Seed, time.Time{}) // forgets what is of one moment only
	p.waste = 0
	runtime.GC()
}
