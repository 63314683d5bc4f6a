package rules_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/killdeer-mcp/killdeer/rules"
	"github.com/killdeer-mcp/killdeer/rules/core"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Recorded sessions of real clients, which listed what there is and called a few
// tools, raise nothing above informational but what the first seven rules have to
// say of any visitor: whatever the clients are called, and one after the other
// from one address. The agent's tests record them.
func TestOrdinaryUse(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a guest")
	}
	module := coreModule(t)
	files, err := filepath.Glob("testdata/ordinary/*.ndjson")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	all, calls := engine(t, module), 0
	for _, file := range files {
		session := readEvents(t, file)
		for _, ev := range session {
			if ev.MCPMethod == "tools/call" {
				calls++
			}
			expectOrdinary(t, file+" among all", all, ev)
		}
		for name, agent := range presented {
			e := engine(t, module)
			for _, ev := range session {
				as := *ev
				if as.UA != "" {
					as.UA = agent
				}
				if as.Client != nil {
					as.Client = &sdk.ClientInfo{Name: name, Version: "1.0.0"}
				}
				expectOrdinary(t, file+" as "+name, e, &as)
			}
		}
	}
	if calls < 8*len(files)/2 {
		t.Errorf("%d calls in %d recordings: they show little", calls, len(files))
	}
	if s := all.Stats(); s.Failures > 0 || s.Detections == 0 {
		t.Errorf("stats %+v", s)
	}
}

// presented are names of clients and their user agents: the recordings' own tell
// that a test drives them.
var presented = map[string]string{
	"mcp":                           "python-httpx/0.28.1",
	"claude-code":                   "claude-code/2.1.0 (cli)",
	"example-client":                "node",
	"inspector-client":              "undici",
	"go-client (via mcp-remote 1)":  "Go-http-client/1.1",
	"Visual Studio Code - Insiders": "",
}

func expectOrdinary(t *testing.T, where string, e *rules.Engine, ev *sdk.Event) {
	t.Helper()
	for _, d := range judge(t, e, ev) {
		if d.Detection == nil {
			t.Errorf("%s, event %s: %+v", where, ev.ID, d.Guest)
			continue
		}
		first := false
		for _, r := range core.All()[:7] {
			first = first || r.Info().ID == d.Detection.RuleID
		}
		if d := d.Detection; !first && d.Severity != sdk.SeverityInfo {
			t.Errorf("%s, event %s: %s %s: %s", where, ev.ID, d.Severity, d.RuleID, d.Summary)
		}
	}
}

func readEvents(t *testing.T, file string) (list []*sdk.Event) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		ev := new(sdk.Event)
		if err := json.Unmarshal(lines.Bytes(), ev); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		list = append(list, ev)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}
