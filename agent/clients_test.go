package agent_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/internal/clients"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Real clients connect over every transport and era they have, list all tools
// and call each, or as many as they can; every call is in the journal with what
// the client sent, and the detections are there once each.
func TestRealClients(t *testing.T) {
	r := start(t, configure(t, t.TempDir(), ""))
	// One call that hunts for secrets, so that this rule shows too.
	override := map[string]any{"confluence_search": map[string]any{"cql": `text ~ "password"`}}
	began := time.Now()
	var runs []clientRun
	calls := 0
	for _, c := range clients.All(t) {
		for _, mode := range c.Modes {
			t.Run(c.Name+"/"+mode, func(t *testing.T) {
				report, err := c.Run(t.Context(), clientURL(r.url, mode), mode, override)
				if err != nil {
					t.Fatal(err)
				}
				run := clientRun{c, report}
				run.check(t)
				runs = append(runs, run)
				calls += len(report.Calls)
			})
		}
	}
	if time.Since(began) > 4*time.Minute {
		t.Log("the run took longer than a deduplication window: detections may repeat")
		return
	}
	log := r.log()
	all := settled(t, log, journal.Query{MCPMethod: "tools/call", Kind: sdk.KindAccess}, calls)
	for _, run := range runs {
		run.checkRecorded(t, all)
	}
	checkDetections(t, settled(t, log, journal.Query{Kind: sdk.KindDetection}, len(expected())))
}

// clientRun is one session of a client.
type clientRun struct {
	clients.Client
	*clients.Report
}

func clientURL(base, mode string) string {
	if mode == clients.ModeSSE {
		return base + "/sse"
	}
	return base + "/mcp"
}

func (r clientRun) check(t *testing.T) {
	t.Helper()
	if len(r.Errors) > 0 {
		t.Errorf("errors: %q", r.Errors)
	}
	want := map[clients.Reach]int{clients.ReachAll: 38, clients.ReachOne: 1, clients.ReachList: 0}[r.Reach]
	if len(r.Tools) != 38 || len(r.Calls) != want {
		t.Errorf("%d tools, %d calls, want 38 and %d", len(r.Tools), len(r.Calls), want)
	}
	if r.ProtocolVersion != "" && r.ProtocolVersion != r.version() {
		t.Errorf("mode %s negotiated %s", r.Mode, r.ProtocolVersion)
	}
	for _, c := range r.Calls {
		if c.Bytes == 0 || !slices.Equal(slices.Compact(c.ContentTypes), []string{"text"}) {
			t.Errorf("%s: %d bytes of %q", c.Name, c.Bytes, c.ContentTypes)
		}
	}
}

// version is the revision that a mode leads to with this sensor.
func (r clientRun) version() string {
	if r.Mode == clients.ModeModern || r.Mode == clients.ModeAuto {
		return clients.VersionModern
	}
	return clients.VersionLegacy
}

// checkRecorded finds each call among the events of its session.
func (r clientRun) checkRecorded(t *testing.T, all []*sdk.Event) {
	t.Helper()
	seen := map[string]*sdk.Event{}
	for _, ev := range all {
		// A client's runs differ in transport or revision.
		if ev.Client != nil && strings.HasPrefix(ev.Client.Name, r.Info) && ev.Protocol == r.version() {
			seen[ev.Tool+" "+canonical(t, ev.Args)] = ev
		}
	}
	for _, call := range r.Calls {
		args, err := json.Marshal(call.Args)
		if err != nil {
			t.Fatal(err)
		}
		ev := seen[call.Name+" "+canonical(t, args)]
		if ev == nil {
			t.Errorf("%s %s: the call of %s with %s is not in the journal", r.Name, r.Mode, call.Name, args)
			continue
		}
		if !strings.HasPrefix(ev.UA, "kd-"+r.Name) || ev.Actor == "" || ev.IP != "127.0.0.1" || ev.Service == "" || ev.Status == 0 {
			t.Errorf("%s: event of %s lacks facts: ua %q, actor %q, ip %q, service %q", r.Name, call.Name, ev.UA, ev.Actor, ev.IP, ev.Service)
		}
		if wantsError := ev.Outcome == "tool_error"; wantsError != call.IsError {
			t.Errorf("%s: %s has outcome %s, the client saw isError %v", r.Name, call.Name, ev.Outcome, call.IsError)
		}
	}
}

func canonical(t *testing.T, b []byte) string {
	t.Helper()
	if len(b) == 0 {
		return "{}"
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// expected are rule and subject of every detection that calling all tools gives.
func expected() []string {
	want := []string{"MCP_TOOL_ENUMERATION tools/list", "MCP_MULTI_TOOL_RECON tools/call", "MCP_SECRET_HUNTING_ARGS confluence_search"}
	add := func(rule string, tools string) {
		for tool := range strings.FieldsSeq(tools) {
			want = append(want, fmt.Sprintf("%s %s", rule, tool))
		}
	}
	add("MCP_DATASTORE_RECON", `postgresql_list_databases postgresql_execute_select_query postgresql_server_info
		cassandra_list_keyspaces cassandra_execute_select_query cassandra_server_info
		elasticsearch_list_indices elasticsearch_search_logs elasticsearch_cluster_info`)
	add("MCP_SOURCE_CODE_RECON", `github_search_repositories github_search_code github_list_commits github_get_pull_request_comments
		gitlab_search_repositories gitlab_list_commits gitlab_search_code gitlab_get_pull_request_comments
		bitbucket_search_repositories bitbucket_search_code bitbucket_search_artifacts jenkins_searchbuildlog jenkins_getjobscm`)
	add("MCP_IDENTITY_RECON", `slack_get_user_info slack_conversations_search_messages slack_channels_list`)
	slices.Sort(want)
	return want
}

func checkDetections(t *testing.T, all []*sdk.Event) {
	t.Helper()
	var got []string
	for _, ev := range all {
		d := ev.Detection
		if !slices.ContainsFunc(expected(), func(want string) bool { return strings.HasPrefix(want, d.RuleID+" ") }) {
			continue // rules about haste and volume: calling every tool is no ordinary use
		}
		got = append(got, d.RuleID+" "+d.Subject)
		if d.SourceIP != "127.0.0.1" || d.Severity == "" || d.Confidence == "" || len(d.Events) == 0 || d.ID != ev.ID || len(d.Attack) == 0 {
			t.Errorf("detection lacks facts: %+v", d)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(expected(), got); diff != "" {
		t.Errorf("detections (-want +got):\n%s", diff)
	}
}
