package enterprise_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/guests/guesttest"
	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/persona/enterprise"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// maxModule is how large the guest's module may be.
const maxModule = 6_000_000

// loadGuest builds the guest and loads it with limits that may be edited.
func loadGuest(tb testing.TB, edit func(*wasm.Limits)) *wasm.Module {
	tb.Helper()
	code, err := os.ReadFile(guesttest.Build(tb, tb.TempDir(), "enterprise", guesttest.Enterprise))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Logf("module: %d bytes", len(code))
	if len(code) >= maxModule {
		tb.Errorf("module has %d bytes, the limit is %d", len(code), maxModule)
	}
	limits := wasm.DefaultLimits()
	if edit != nil {
		edit(&limits)
	}
	rt, err := wasm.New(tb.Context(), wasm.Options{Limits: limits})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = rt.Close(tb.Context()) })
	m, err := rt.Load(tb.Context(), "enterprise", code)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// envelope is what a host sends for a call.
func envelope(seed uint64, now time.Time, tool, args string) []byte {
	b, _ := json.Marshal(map[string]any{
		"abi": sdk.ABIVersion, "op": "call", "persona": "enterprise", "seed": strconv.FormatUint(seed, 10), "now": now.Format(time.RFC3339),
		"state": nil, "can": []string{}, "tool": tool, "args": json.RawMessage(args),
	})
	return b
}

// TestGuest holds that the guest answers what the ordinary Go code answers.
func TestGuest(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and compiles the guest")
	}
	m := loadGuest(t, nil)
	for _, seed := range []uint64{7, ^uint64(0)} {
		native, calls := enterprise.New(), validCalls(world.New(seed), dates[2])
		for _, tool := range parity {
			args := calls[tool.tool]
			want := native.Call(&sdk.Call{Op: "call", Persona: "enterprise", Tool: tool.tool, Args: []byte(args), Seed: seed, Now: dates[2]})
			got, err := m.Call(t.Context(), wasm.Request{Source: "s", Input: envelope(seed, dates[2], tool.tool, args)})
			if err != nil {
				t.Errorf("seed %d: %s(%s): %v", seed, tool.tool, args, err)
			} else if !bytes.Equal(got.Output, want) {
				t.Errorf("seed %d: %s(%s) answers otherwise in WebAssembly:\n%.400s\n%.400s", seed, tool.tool, args, got.Output, want)
			}
		}
	}
	t.Run("prepared", func(t *testing.T) { preparedAlike(t, m) })
}

// preparedAlike holds that a guest which has prepared itself answers what one does
// that has not, whatever it is asked first.
func preparedAlike(t *testing.T, m *wasm.Module) {
	prepare(t, m)
	native := enterprise.New()
	ask := func(source, tool, args string) {
		t.Helper()
		want := native.Call(&sdk.Call{Op: "call", Persona: "enterprise", Tool: tool, Args: []byte(args), Seed: 7, Now: dates[2]})
		req := wasm.Request{Source: source, Input: envelope(7, dates[2], tool, args), Deadline: 20 * time.Second} // tests share their machine
		got, err := m.Call(t.Context(), req)
		if err != nil {
			t.Errorf("%s(%s): %v", tool, args, err)
		} else if !bytes.Equal(got.Output, want) {
			t.Errorf("%s(%s) answers otherwise when prepared:\n%.400s\n%.400s", tool, args, got.Output, want)
		}
	}
	for tool, args := range validCalls(world.New(7), dates[2]) {
		ask("", tool, args)
		ask("prepared", tool, args)
	}
	for _, s := range searches {
		ask("", s[0], s[1])
		ask("prepared", s[0], s[1])
	}
}

// TestGuestBearsHostileQueries holds that queries which cost the most end within a
// guest's deadline and limits.
func TestGuestBearsHostileQueries(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and compiles the guest")
	}
	m := loadGuest(t, nil)
	queries := hostile(world.New(7))
	for _, name := range slices.Sorted(maps.Keys(queries)) {
		q := queries[name]
		reply, err := m.Call(t.Context(), wasm.Request{Source: "s", Input: envelope(7, dates[2], q[0], hostileArgs(q))})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		t.Logf("%s: %v, %d bytes: %.150s", name, reply.Took, len(reply.Output), reply.Output)
	}
}

// TestGuestKeepsItsMemory holds that one instance answers all searches over and over.
func TestGuestKeepsItsMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and compiles the guest")
	}
	m := loadGuest(t, nil)
	for round := range 40 {
		for name, s := range searches {
			if name == "sql_bomb" {
				continue // takes its time
			}
			if _, err := m.Call(t.Context(), wasm.Request{Source: "s", Input: envelope(7, dates[2], s[0], s[1])}); err != nil {
				t.Fatalf("round %d: %s: %v", round, name, err)
			}
		}
	}
}

// searches are the calls, beside one valid call per tool, that are worth a number.
var searches = map[string][2]string{
	"jira_text":     {"jira_search_issues", `{"jql":"text ~ deploy"}`},
	"jira_none":     {"jira_search_issues", `{"jql":"text ~ zqxjkvwpt7"}`},
	"jira_unknown":  {"jira_get_issue", `{"issue_key":"NOPE-1"}`},
	"slack_text":    {"slack_conversations_search_messages", `{"query":"deploy"}`},
	"slack_none":    {"slack_conversations_search_messages", `{"query":"zqxjkvwpt7"}`},
	"slack_unknown": {"slack_get_user_info", `{"user":"nobody"}`},
	"elastic_text":  {"elasticsearch_search_logs", `{"query":"timeout"}`},
	"elastic_none":  {"elasticsearch_search_logs", `{"query":"zqxjkvwpt7"}`},
	"wiki_none":     {"confluence_search", `{"cql":"text ~ zqxjkvwpt7"}`},
	"code_password": {"github_search_code", `{"query":"password"}`},
	"drive_none":    {"google_search_drive_files", `{"query":"zqxjkvwpt7"}`},
	"chat_none":     {"google_chat_search_message", `{"query":"zqxjkvwpt7"}`},
	"sql_join":      {"postgresql_execute_select_query", `{"query":"select c.name, count(*), sum(o.total_cents) from customers c join orders o on o.customer_id = c.id group by 1 order by 3 desc limit 10"}`},
	"sql_point":     {"postgresql_execute_select_query", `{"query":"select u.email, k.name from users u join api_keys k on k.user_id = u.id where not k.revoked and u.role = 'admin'"}`},
	"sql_catalog":   {"postgresql_execute_select_query", `{"query":"select column_name, data_type from information_schema.columns where table_name = 'users'"}`},
	"sql_error":     {"postgresql_execute_select_query", `{"query":"select passwrd from users"}`},
	"sql_bomb":      {"postgresql_execute_select_query", `{"query":"select count(*) from orders a, orders b, orders c"}`},
	"sql_count":     {"postgresql_execute_select_query", `{"query":"select count(*) from orders"}`},
	"jql_order":     {"jira_search_issues", `{"jql":"status = Done and created >= -90d order by priority desc, updated","max_results":10}`},
	"jql_history":   {"jira_search_issues", `{"jql":"status was 'In Review' and assignee in membersOf('Security') order by key","max_results":10}`},
	"cql_rank":      {"confluence_search", `{"cql":"text ~ \"error rate\" and label = runbook","limit":10}`},
	"soql_where":    {"salesforce_query_soql", `{"query":"SELECT Id, Subject, Account.Name FROM Case WHERE CreatedDate = LAST_N_DAYS:30 AND IsClosed = true ORDER BY CreatedDate DESC LIMIT 10"}`},
	"soql_group":    {"salesforce_query_soql", `{"query":"SELECT StageName, COUNT(Id), SUM(Amount) FROM Opportunity GROUP BY StageName"}`},
	"soql_children": {"salesforce_query_soql", `{"query":"SELECT Name, Owner.Name, (SELECT Name FROM Contacts) FROM Account LIMIT 5"}`},
	"cassandra_key": {"cassandra_execute_select_query", `{"query":"SELECT column_name, type FROM system_schema.columns WHERE keyspace_name = 'system'"}`},
	"cassandra_row": {"cassandra_execute_select_query", `{"query":"SELECT ip, started_at FROM ` + world.New(7).Keyspaces()[1].Name + `.sessions_by_user WHERE user_id = 3 LIMIT 4"}`},
	"lucene_range":  {"elasticsearch_search_logs", `{"query":"level:(ERROR OR WARN) AND @timestamp:[now-1d TO now]"}`},
	"github_quals":  {"github_search_code", `{"query":"port path:config extension:yaml","per_page":5}`},
	"gitlab_code":   {"gitlab_search_code", `{"query":"port","per_page":5}`},
	"bitbucket_ext": {"bitbucket_search_code", `{"query":"ext:md port","pagelen":5}`},
	"slack_quals":   {"slack_conversations_search_messages", `{"query":"deploy after:2026-11-01 -build","count":5}`},
	"drive_terms":   {"google_search_drive_files", `{"query":"name contains 'over' and trashed = false","page_size":5}`},
	"chat_quals":    {"google_chat_search_message", `{"query":"the after:2026-11-01","page_size":5}`},
	"sql_user":      {"postgresql_execute_select_query", `{"query":"select id, email from users where mfa_enabled = false limit 5"}`},
}

// benchCalls are the inputs to measure, by name.
func benchCalls() ([]string, map[string][]byte) {
	inputs := map[string][]byte{}
	for tool, args := range validCalls(world.New(7), dates[2]) {
		inputs[tool] = envelope(7, dates[2], tool, args)
	}
	for name, s := range searches {
		inputs[name] = envelope(7, dates[2], s[0], s[1])
	}
	var names []string
	for name := range inputs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, inputs
}

// BenchmarkGuest calls on one source's instance, which has answered before.
func BenchmarkGuest(b *testing.B) {
	m := loadGuest(b, nil)
	names, inputs := benchCalls()
	for _, name := range names {
		b.Run(name, func(b *testing.B) { measure(b, m, wasm.Request{Source: "s", Input: inputs[name]}) })
	}
}

// BenchmarkGuestCold makes the first call on an instance. What is reported is the
// call alone; ns/op has the instantiation, too.
func BenchmarkGuestCold(b *testing.B) {
	m := loadGuest(b, func(l *wasm.Limits) { l.Spares = 0 })
	names, inputs := benchCalls()
	b.Run("refused", func(b *testing.B) { measure(b, m, wasm.Request{Input: []byte(`{}`)}) })
	for _, name := range names {
		b.Run(name, func(b *testing.B) { measure(b, m, wasm.Request{Input: inputs[name]}) })
	}
}

// BenchmarkGuestPrepared makes the first call on an instance of a guest that has
// prepared itself. What is reported is the call alone.
func BenchmarkGuestPrepared(b *testing.B) {
	m := loadGuest(b, func(l *wasm.Limits) { l.Spares = 0 })
	prepare(b, m)
	names, inputs := benchCalls()
	b.Run("refused", func(b *testing.B) { measure(b, m, wasm.Request{Input: []byte(`{}`)}) })
	for _, name := range names {
		b.Run(name, func(b *testing.B) { measure(b, m, wasm.Request{Input: inputs[name]}) })
	}
}

// BenchmarkGuestSessions has sessions call by turns, with arguments that never
// come again: few of them, and more than there are instances for.
func BenchmarkGuestSessions(b *testing.B) {
	varied := []string{
		"slack_conversations_search_messages", `{"query":"deploy %d"}`, "jira_get_issue", `{"issue_key":"OPS-%d"}`,
		"postgresql_execute_select_query", `{"query":"SELECT * FROM users WHERE id = %d LIMIT 5"}`,
		"github_search_repositories", `{"query":"payment %d","per_page":5}`,
	}
	m := loadGuest(b, nil)
	run := func(name string, sessions int) {
		b.Run(name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				kind := n / sessions % (len(varied) / 2) * 2
				in := envelope(7, dates[2], varied[kind], fmt.Sprintf(varied[kind+1], n))
				if _, err := m.Call(b.Context(), wasm.Request{Source: strconv.Itoa(n % sessions), Input: in}); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
	}
	run("16/unprepared", 16)
	prepare(b, m)
	run("16/prepared", 16)
	run("1000/prepared", 1000)
}

// prepare has the guest prepare itself, at another time than that of the calls.
func prepare(tb testing.TB, m *wasm.Module) {
	tb.Helper()
	now := dates[2].Add(-time.Hour)
	step := []byte(`{"abi":1,"op":"prepare","persona":"enterprise","seed":"7","now":"` + now.Format(time.RFC3339) + `"}`)
	if err := m.Prepare(tb.Context(), wasm.Request{Input: step, Now: now}); err != nil {
		tb.Fatal(err)
	}
}

func measure(b *testing.B, m *wasm.Module, req wasm.Request) {
	if req.Source != "" {
		if _, err := m.Call(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
	var took []time.Duration
	for b.Loop() {
		reply, err := m.Call(b.Context(), req)
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, reply.Took)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "µs-p50")
}

// ordinary are queries that a guest must go on answering.
var ordinary = []string{
	"select 1", "select count(*) from orders", "select * from users limit 10", "select * from orders order by created_at desc limit 10",
	"select c.name, count(*), sum(o.total_cents) from customers c join orders o on o.customer_id = c.id group by 1 order by 3 desc limit 10",
}

// TestGuestBombs holds that statements which would run for ever end as a server
// ends them, within the deadline and memory of a guest, and that the same instance
// answers what comes after them.
func TestGuestBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and compiles the guest")
	}
	m := loadGuest(t, func(l *wasm.Limits) { l.Call *= 8 }) // tests share their machine
	ask := func(query, verdict string) {
		t.Helper()
		reply, err := m.Call(t.Context(), wasm.Request{Source: "s", Input: envelope(7, dates[2], "postgresql_execute_select_query", `{"query":`+quote(query)+`}`)})
		if err != nil || !bytes.Contains(reply.Output, []byte(verdict)) {
			t.Errorf("%s: %v: %.200s %.400v", query, err, reply.Output, reply.Log)
		}
	}
	for _, query := range []string{
		"select count(*) from orders a, orders b, orders c", "select count(*) from generate_series(1, 100000000)",
		"with recursive t(n) as (select 1 union all select n + 1 from t) select max(n) from t", "select string_agg(repeat('x', 10000), '') from orders",
		"select repeat('x', 1000000000)", "select array_agg(x) from generate_series(1, 10000000) x", "select repeat('ab', 400000) ~ '(a|b)*c'",
		"select a.reference || b.reference from orders a, orders b order by 1", "select json_agg(o) from orders o, orders p",
	} {
		ask(query, `"isError":true`)
		for i := range 20 {
			ask(ordinary[i%len(ordinary)], `"isError":false`)
		}
	}
	for range 40 { // garbage of many ordinary queries
		for _, query := range ordinary {
			ask(query, `"isError":false`)
		}
	}
}
