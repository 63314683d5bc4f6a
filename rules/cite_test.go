package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// A detection names the events that it rests on: the one that raised it, then the
// newest of those that the rule's windows hold, twenty in all.
func TestDetectionsCiteEvents(t *testing.T) {
	e := engine(t, coreGuest())
	id := func(n int) string { return access(n, 0, "", "", "", "", "", "").ID }
	cited := map[string][][]string{}
	for n := range 40 {
		ev := access(n, time.Duration(n)*50*time.Millisecond, "192.0.2.1", "tools/call", fmt.Sprint("tool_", n), "docs", "result", `{}`)
		if n == 1 {
			ev.ID = "not a UUID" // such a one cannot be named
		}
		for _, d := range judge(t, e, ev) {
			cited[d.Detection.RuleID] = append(cited[d.Detection.RuleID], d.Detection.Events)
		}
	}
	eleven := []string{id(10)}
	for n := 9; n >= 0; n-- {
		if n != 1 {
			eleven = append(eleven, id(n))
		}
	}
	for rule, want := range map[string][][]string{
		"MCP_MULTI_TOOL_RECON": {{id(2), id(0)}},
		"MCP_RAPID_ENUM":       {eleven},
	} {
		if diff := cmp.Diff(want, cited[rule]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", rule, diff)
		}
	}
	var many *sdk.Event
	for n := range 300 {
		ev := access(1000+n, time.Minute+time.Duration(n)*time.Second, "192.0.2.2", "tools/call", "t", "docs", "result", `{}`)
		for _, d := range judge(t, e, ev) {
			if d.Detection.RuleID == "MCP_DATA_VOLUME_EXFIL" {
				many = d
			}
		}
	}
	if many == nil || len(many.Detection.Events) != 20 || many.Detection.Count != 201 {
		t.Fatalf("%+v, want 20 events named of 201", many)
	}
	for i, got := range many.Detection.Events {
		if want := id(1200 - i); got != want {
			t.Errorf("event %d is %s, want %s", i, got, want)
		}
	}
}

// longRule hits with a snippet that is too long and holds a secret at its cut.
type longRule struct{}

func (longRule) Info() sdk.RuleInfo {
	return sdk.RuleInfo{ID: "LONG", Title: "t", Severity: sdk.SeverityLow, Fields: []string{"tool"}}
}

func (longRule) Evaluate(*sdk.Evaluation) []sdk.Hit {
	return []sdk.Hit{{Reason: "r", Evidence: &sdk.Evidence{Path: "args", Snippet: strings.Repeat("x ", 120) + "ghp_" + strings.Repeat("A", 300)}}}
}

// What a detection shows is redacted before it is cut, also when the verdict was
// remembered.
func TestSnippetsAreRedacted(t *testing.T) {
	e := engine(t, native(guest.RulesHandler("p", "1", longRule{})))
	for n := range 2 {
		found := judge(t, e, access(n, 0, fmt.Sprint("192.0.2.", n), "tools/call", "t", "docs", "result", `{}`))
		if len(found) != 1 {
			t.Fatalf("%d detections", len(found))
		}
		if s := found[0].Detection.Evidence.Snippet; len(s) > 256 || strings.Contains(s, "AAAA") || !strings.Contains(s, "[redact") {
			t.Errorf("snippet %q", s)
		}
	}
}
