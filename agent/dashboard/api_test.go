package dashboard_test

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/dashboard"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// hostile is in every field that an attacker chooses.
const hostile = "=cmd|' /C calc'!A0<script>alert(1)</script>\"'&\u202e\x1b[31m/../"

// sample is a record with something of everything.
func sample() *record {
	r := newRecord()
	r.add(access("a1", "10.0.0.1", "jira_get_issue", "s-1", 0), access("a2", "10.0.0.1", "slack_get_user_info", "s-1", time.Second))
	r.add(detection("d1", "MCP_MULTI_TOOL_RECON", sdk.SeverityHigh, "10.0.0.1", "s-1", 2*time.Second))
	r.add(&sdk.Event{ID: "c1", Kind: sdk.KindCanary, Time: noon, Session: "s-1", IP: "10.0.0.1", Canary: &sdk.Canary{ID: "t1", Value: "AKIAX", Kind: "aws_key.id", Label: "backup", Scope: "session"}})
	bad := access("a3", "10.0.0.2", hostile, hostile, time.Minute)
	bad.Path, bad.UA, bad.Head, bad.MCPMethod, bad.Outcome = hostile, hostile, hostile, hostile, "unknown_tool"
	bad.Args, bad.Client = sdk.RawJSON(`{"x":`+quoted(hostile)+`}`), &sdk.ClientInfo{Name: hostile, Version: hostile, Title: hostile}
	r.add(bad)
	replay := detection("d2", "MCP_HONEYTOKEN_REPLAY", sdk.SeverityCritical, "10.0.0.2", hostile, time.Minute)
	replay.CanariesSeen = []sdk.CanarySeen{{CanaryRef: sdk.CanaryRef{ID: "t1", Kind: "aws_key.id"}, Position: "args.x", OriginTime: noon, OriginSession: "s-1"}}
	replay.Detection.Evidence = &sdk.Evidence{Path: "args.x", Snippet: hostile}
	r.add(replay)
	r.add(&sdk.Event{ID: "g1", Kind: sdk.KindGap, Time: noon, Gap: &sdk.Gap{Lost: 3, Reason: "queue_full", From: noon, To: noon}},
		&sdk.Event{ID: "e1", Kind: sdk.KindGuest, Time: noon, Guest: &sdk.GuestError{Module: "enterprise", Op: "call", Code: "timeout"}})
	for i, s := range []string{"s-1", hostile} {
		r.sessions = append(r.sessions, dashboard.Session{ID: s, IP: "10.0.0.1", First: noon, Last: noon, FirstSeq: uint64(1 + 4*i), LastSeq: 4, Events: 3, Calls: 2, Detections: 1})
	}
	r.canaries = []dashboard.Canary{{Canary: *r.events[3].Canary, Seq: 4, EventID: "c1", Time: noon, Session: "s-1", IP: "10.0.0.1"}}
	now := time.Now().Truncate(time.Minute)
	r.stats = dashboard.Stats{
		Events: 8, Outcomes: map[string]uint64{"result": 2, "unknown_tool": 1}, Severities: map[string]uint64{"high": 1, "critical": 1},
		Tools: []dashboard.Count{{Name: "jira_get_issue", Count: 1}, {Name: hostile, Count: 1}}, Methods: []dashboard.Count{{Name: "tools/call", Count: 2}},
		Sources: []dashboard.Count{{Name: "10.0.0.1", Count: 2}, {Name: "10.0.0.2", Count: 1}}, UniqueSources: 2, Exact: true,
		Minutes: []dashboard.Minute{{Time: now.Add(-2 * time.Hour), Events: 9}, {Time: now.Add(-time.Minute), Events: 3, Detections: 2}}, From: noon, To: noon.Add(time.Minute),
	}
	r.status = dashboard.Status{
		Sensor: "test", Version: "dev", Started: noon, Journal: dashboard.JournalStatus{Epoch: 1, First: 1, Last: 8, Events: 8, Segments: 1},
		Sinks: []dashboard.SinkStatus{{Name: "siem", Program: "syslog", State: "down", Behind: 7, Error: "refused", ErrorAt: noon}},
		Packs: []dashboard.PackStatus{{ID: "core", Kind: "rules", Rules: 35}},
	}
	return r
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

type logList struct {
	Total uint64
	Exact bool `json:"total_exact"`
	Logs  []struct {
		Seq  uint64
		ID   string
		Head string
		Body struct{ Text string }
	}
	Next string
}

func (l logList) seqs() (all []uint64) {
	for _, ev := range l.Logs {
		all = append(all, ev.Seq)
	}
	return all
}

func TestLogs(t *testing.T) {
	b := serve(t, sample(), nil)
	for _, c := range []struct {
		query string
		total uint64
		want  []uint64
		next  string
	}{
		{"", 3, []uint64{5, 2, 1}, ""},
		{"limit=2", 3, []uint64{5, 2}, "2"},
		{"limit=2&cursor=2", 3, []uint64{1}, ""},
		{"limit=2&offset=1", 3, []uint64{2, 1}, ""},
		{"offset=3", 3, nil, ""},
		{"limit=100000", 3, []uint64{5, 2, 1}, ""},
		{"ip=10.0.0.1", 2, []uint64{2, 1}, ""},
		{"tool=jira_get_issue", 1, []uint64{1}, ""},
		{"mcp_method=tools/call&from=2026-11-21T12:00:01Z", 1, []uint64{2}, ""},
		{"to=2026-11-21T12:00:01Z", 1, []uint64{1}, ""},
		{"session_id=s-1&kind=all", 4, []uint64{4, 3, 2, 1}, ""},
		{"kind=detection&severity=critical", 1, []uint64{6}, ""},
		{"outcome=unknown_tool", 1, []uint64{5}, ""},
		{"ip=&tool=", 3, []uint64{5, 2, 1}, ""},
	} {
		t.Run(c.query, func(t *testing.T) {
			var got logList
			b.get("/api/logs?"+c.query, &got)
			if got.Total != c.total || !slices.Equal(got.seqs(), c.want) || got.Next != c.next {
				t.Errorf("total %d, %v, next %q, want %d, %v, %q", got.Total, got.seqs(), got.Next, c.total, c.want, c.next)
			}
			for _, ev := range got.Logs {
				if ev.Head != "" || ev.Body.Text != "" {
					t.Errorf("event %d of a list has its head or body", ev.Seq)
				}
			}
		})
	}
	var raw logList
	b.get("/api/logs?raw=true", &raw)
	if raw.Logs[2].Head == "" || raw.Logs[2].Body.Text != "{}" {
		t.Error("a raw list lacks head or body")
	}
}

// The predecessor's scripts find what they know.
func TestPredecessorsFields(t *testing.T) {
	b := serve(t, sample(), nil)
	for path, fields := range map[string][]string{
		"/api/logs":       {"total", "logs"},
		"/api/logs/1":     {"id", "time", "ip", "method", "path", "ua", "mcp_method", "tool", "args"},
		"/api/stats":      {"total", "uniqueIps", "topTools", "topIps", "methods", "errors", "recentCount", "firstSeen", "lastSeen", "detections"},
		"/api/tools":      {"tools"},
		"/api/detections": {"detections"},
	} {
		got := map[string]any{}
		b.get(path, &got)
		for _, f := range fields {
			if _, ok := got[f]; !ok {
				t.Errorf("%s lacks %q", path, f)
			}
		}
	}
	var d struct{ Detections []map[string]any }
	b.get("/api/detections?severity=high&rule_id=MCP_MULTI_TOOL_RECON", &d)
	if len(d.Detections) != 1 {
		t.Fatalf("%d detections", len(d.Detections))
	}
	for _, f := range []string{"detection_id", "rule_id", "severity", "confidence", "source_ip", "evidence_count", "summary", "time"} {
		if _, ok := d.Detections[0][f]; !ok {
			t.Errorf("a detection lacks %q", f)
		}
	}
	var st struct {
		Total, UniqueIps, Errors, RecentCount, Detections uint64
		TopIps                                            []struct {
			IP    string
			Count uint64
		}
	}
	b.get("/api/stats", &st)
	if st.Total != 3 || st.UniqueIps != 2 || st.Errors != 1 || st.RecentCount != 3 || st.Detections != 2 || st.TopIps[0].IP != "10.0.0.1" {
		t.Errorf("stats %+v", st)
	}
	var minutes []struct {
		Minute string
		Count  int
	}
	b.get("/api/timeline?minutes=5000", &minutes)
	if len(minutes) != 1440 || minutes[1438].Count != 3 || minutes[1439-120].Count != 9 || minutes[1439].Count != 0 {
		t.Errorf("%d minutes, the last of %+v", len(minutes), minutes[len(minutes)-1])
	}
	var tools struct{ Tools []string }
	b.get("/api/tools", &tools)
	if !slices.Equal(tools.Tools, []string{hostile, "jira_get_issue"}) {
		t.Errorf("tools %q", tools.Tools)
	}
}

func TestStory(t *testing.T) {
	b := serve(t, sample(), nil)
	type told struct {
		Session struct{ ID string }
		Events  []struct{ Seq uint64 }
		Stages  []struct {
			Name string
			Seq  uint64
		}
		Earlier  string
		Canaries []struct {
			ID      string
			Replays []struct {
				IP       string
				Position string
			}
		}
	}
	var s told
	b.get("/api/sessions/s-1/transcript", &s)
	if len(s.Events) != 4 || s.Events[0].Seq != 1 || s.Session.ID != "s-1" || s.Earlier != "" {
		t.Errorf("story %+v", s)
	}
	if len(s.Stages) != 2 || s.Stages[0].Name != "data" || s.Stages[1].Name != "recon" || s.Stages[1].Seq != 3 {
		t.Errorf("stages %+v", s.Stages)
	}
	if len(s.Canaries) != 1 || len(s.Canaries[0].Replays) != 1 || s.Canaries[0].Replays[0].IP != "10.0.0.2" {
		t.Errorf("canaries %+v", s.Canaries)
	}
	var first, second told
	b.get("/api/sessions/s-1/transcript?limit=3", &first)
	b.get("/api/sessions/s-1/transcript?limit=3&cursor="+first.Earlier, &second)
	if len(first.Events) != 3 || first.Events[0].Seq != 2 || len(second.Events) != 1 || second.Events[0].Seq != 1 || second.Earlier != "" {
		t.Errorf("pages %+v, %+v", first, second)
	}
	b.get("/api/sessions/"+url.PathEscape(hostile)+"/transcript", &s)
	if s.Session.ID != hostile || len(s.Events) != 2 {
		t.Errorf("a hostile session: %+v", s)
	}
}

func TestSourcesAndHealth(t *testing.T) {
	r := sample()
	r.events[6].Time, r.events[7].Time = time.Now(), time.Now()
	b := serve(t, r, nil)
	var list struct {
		Total   int
		Sources []struct {
			IP                string
			Count, Detections int
		}
		Next string
	}
	b.get("/api/sources?limit=1", &list)
	if list.Total != 2 || list.Next != "1" || len(list.Sources) != 1 || list.Sources[0].Detections != 1 {
		t.Errorf("sources %+v", list)
	}
	b.get("/api/sources?limit=1&cursor=1", &list)
	if list.Sources[0].IP != "10.0.0.2" {
		t.Errorf("second page %+v", list)
	}
	var one struct {
		Requests int
		Sessions []string
		Tools    map[string]int
	}
	b.get("/api/sources/10.0.0.1", &one)
	if one.Requests != 2 || !slices.Equal(one.Sessions, []string{"s-1"}) || one.Tools["jira_get_issue"] != 1 {
		t.Errorf("source %+v", one)
	}
	var h struct {
		State   string
		Reasons []string
		Lost    int
	}
	b.get("/api/health", &h)
	if h.State != "degraded" || h.Lost != 3 || len(h.Reasons) != 3 {
		t.Errorf("health %+v", h)
	}
}

// What goes wrong inside is in the log and not in the answer.
func TestFaultsStayInside(t *testing.T) {
	b := serve(t, sample(), nil)
	resp := b.ask(http.MethodGet, "/api/logs?tool=broken", "")
	if text := read(t, resp); resp.StatusCode != http.StatusInternalServerError || strings.Contains(text, "fire") {
		t.Errorf("%s: %s", resp.Status, text)
	}
	if !strings.Contains(b.log.String(), "disk on fire") {
		t.Error("the log does not say why")
	}
}

func TestExport(t *testing.T) {
	b := serve(t, sample(), nil)
	resp := b.ask(http.MethodGet, "/api/export?kind=all&format=csv", "")
	rows, err := csv.NewReader(strings.NewReader(read(t, resp))).ReadAll()
	if err != nil || len(rows) != 9 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		for i, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n|%") || strings.ContainsAny(cell, "\x1b\u202e") {
				t.Errorf("cell %s: %q", rows[0][i], cell)
			}
		}
	}
	if cd := resp.Header.Get("Content-Disposition"); !strings.HasPrefix(cd, `attachment; filename="killdeer-`) {
		t.Errorf("disposition %q", cd)
	}
	resp = b.ask(http.MethodGet, "/api/export?format=ndjson&limit=2", "")
	lines := strings.Split(strings.TrimSpace(read(t, resp)), "\n")
	var ev sdk.Event
	if err := json.Unmarshal([]byte(lines[0]), &ev); err != nil || len(lines) != 2 || ev.Tool != hostile || ev.Head != hostile {
		t.Errorf("%d lines, %v, %+v", len(lines), err, ev)
	}
}

// feedOf reads a live feed's events until it has seen n of a name.
func feedOf(t *testing.T, resp *http.Response, name string, n int) (data []string) {
	t.Helper()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	event := ""
	for len(data) < n && lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			event = v
		}
		if v, ok := strings.CutPrefix(lines.Text(), "data: "); ok && event == name {
			data = append(data, v)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return data
}

func TestLive(t *testing.T) {
	r := sample()
	b := serve(t, r, nil)
	resp := b.ask(http.MethodGet, "/api/events", "")
	if got := feedOf(t, resp, "hello", 1); len(got) != 1 || got[0] != `{"last":8}` {
		t.Fatalf("hello %q", got)
	}
	r.add(access("a9", "10.0.0.9", "x", "s-9", 0), detection("d9", "R", sdk.SeverityLow, "10.0.0.9", "s-9", 0))
	if got := feedOf(t, resp, "log", 1); len(got) != 1 || !strings.Contains(got[0], `"a9"`) || strings.Contains(got[0], `"head"`) {
		t.Errorf("log %q", got)
	}
	r.add(detection("d10", "R", sdk.SeverityLow, "10.0.0.9", "s-9", 0))
	if got := feedOf(t, resp, "detection", 1); len(got) != 1 || !strings.Contains(got[0], `"rule_id":"R"`) {
		t.Errorf("detection %q", got)
	}
}

// Of a flood a feed shows the newest, and says how many it leaves out.
func TestLiveFlood(t *testing.T) {
	r := newRecord()
	b := serve(t, r, nil)
	resp := b.ask(http.MethodGet, "/api/events?rate=50", "")
	feedOf(t, resp, "hello", 1)
	var flood []*sdk.Event
	for i := range 2000 {
		flood = append(flood, access(fmt.Sprint("f", i), "10.0.0.9", "x", "s-9", 0))
	}
	r.add(flood...)
	r.add(detection("d1", "R", sdk.SeverityLow, "10.0.0.9", "s-9", 0))
	shown, skipped := 0, 0
	for shown+skipped < 2000 {
		lines := bufio.NewScanner(resp.Body)
		event := ""
		for lines.Scan() && shown+skipped < 2000 {
			if v, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				event = v
			} else if v, ok := strings.CutPrefix(lines.Text(), "data: "); ok && event == "skipped" {
				var s struct{ Count int }
				if err := json.Unmarshal([]byte(v), &s); err != nil {
					t.Fatal(err)
				}
				skipped += s.Count
			} else if ok && event == "log" {
				shown++
			}
		}
	}
	if shown > 20 || shown+skipped != 2000 {
		t.Errorf("%d shown, %d skipped", shown, skipped)
	}
}

func TestTooManyFeeds(t *testing.T) {
	b := serve(t, newRecord(), nil)
	for range 32 {
		feedOf(t, b.ask(http.MethodGet, "/api/events", ""), "hello", 1)
	}
	if resp := b.ask(http.MethodGet, "/api/events", ""); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("feed 33: %s", resp.Status)
	}
}
