package agent_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/internal/clients"
	"github.com/killdeer-mcp/killdeer/sdk"
)

var update = flag.Bool("update", false, "record the sessions of real clients anew")

// recordings are where the rules' tests find sessions of ordinary use.
var recordings = filepath.Join("..", "rules", "testdata", "ordinary")

// dailyWork is what people have the tools do: nothing that a rule about intent
// should mind.
var dailyWork = map[string]any{
	"jira_search_issues":              map[string]any{"jql": "status != Done AND assignee = currentUser() ORDER BY updated DESC", "max_results": 10},
	"confluence_search":               map[string]any{"cql": `type = page AND text ~ "on-call handover; what's new?"`, "limit": 5},
	"github_search_code":              map[string]any{"query": `func main() { retry("../config") } language:go`},
	"postgresql_execute_select_query": map[string]any{"query": "SELECT table_schema, count(*) FROM information_schema.tables WHERE table_type = 'BASE TABLE' OR table_schema LIKE 'p%' GROUP BY 1 ORDER BY 2 DESC LIMIT 10;"},
	"elasticsearch_search_logs":       map[string]any{"query": "level:(error OR warn) AND NOT message:\"health check\"", "size": 20},
	"slack_channels_list":             map[string]any{"limit": 20},
	"salesforce_query_soql":           map[string]any{"query": "SELECT Id, Name, Amount FROM Opportunity WHERE StageName != 'Closed Lost' AND CloseDate = THIS_QUARTER ORDER BY Amount DESC LIMIT 10"},
	"google_sheets_read":              nil, // asks for a reason under a name of its own
	"google_docs_read":                map[string]any{"file_name": "Q3 planning (draft) & notes"},
}

// Real clients list what there is and call a few tools: nothing above
// informational fires but what any visitor raises. With -update their events
// become what the rules' own tests judge again.
func TestOrdinaryUseOfClients(t *testing.T) {
	r := start(t, configure(t, t.TempDir(), ""))
	log, last := r.log(), uint64(0)
	for _, c := range clients.All(t) {
		for _, mode := range c.Modes {
			t.Run(c.Name+"/"+mode, func(t *testing.T) {
				report, err := c.RunFew(t.Context(), clientURL(r.url, mode), mode, dailyWork)
				if err != nil {
					t.Fatal(err)
				}
				if len(report.Errors) > 0 || c.Reach != clients.ReachList && len(report.Calls) != len(dailyWork) {
					t.Errorf("%d calls, want %d; errors %q", len(report.Calls), len(dailyWork), report.Errors)
				}
				session := quiet(t, log, last)
				last = session[len(session)-1].Seq
				if *update {
					record(t, filepath.Join(recordings, fmt.Sprintf("%s-%s.ndjson", c.Name, mode)), session)
				}
			})
		}
	}
	for _, ev := range settled(t, log, journal.Query{Kind: sdk.KindDetection}, 1) {
		if d := ev.Detection; d.Severity != sdk.SeverityInfo && !slices.Contains(firstRules, d.RuleID) {
			t.Errorf("%s %s of %s: %s", d.Severity, d.RuleID, d.Subject, d.Summary)
		}
	}
}

// firstRules are those that fire on any visitor who looks around.
var firstRules = []string{
	"MCP_TOOL_ENUMERATION", "MCP_MULTI_TOOL_RECON", "MCP_UNKNOWN_TOOL_PROBE", "MCP_SECRET_HUNTING_ARGS",
	"MCP_DATASTORE_RECON", "MCP_SOURCE_CODE_RECON", "MCP_IDENTITY_RECON",
}

// quiet returns the access events after a place, once no more come.
func quiet(t *testing.T, log agent.Log, after uint64) (session []*sdk.Event) {
	t.Helper()
	for range 600 {
		all := slices.DeleteFunc(events(t, log, journal.Query{Kind: sdk.KindAccess}), func(ev *sdk.Event) bool { return ev.Seq <= after })
		if len(all) > 0 && len(all) == len(session) {
			return all
		}
		session = all
		time.Sleep(300 * time.Millisecond)
	}
	t.Fatal("the session never ends")
	return nil
}

// record writes the events as a file of events. The bodies stay away: rules are
// not shown them.
func record(t *testing.T, file string, session []*sdk.Event) {
	t.Helper()
	var out bytes.Buffer
	for _, ev := range session {
		ev.Body = nil
		line, err := json.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(line, '\n'))
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
