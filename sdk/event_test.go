package sdk_test

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

var update = flag.Bool("update", false, "rewrite golden files")

// full is an event with every field set. Real ones have one of the records.
func full() *sdk.Event {
	at := time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC)
	return &sdk.Event{
		V: sdk.EventVersion, Seq: 7, ID: "019cb7a1-0000-7000-8000-000000000001", Kind: sdk.KindAccess, Time: at, Sensor: "dmz-1",
		IP: "192.0.2.7", Peer: "10.0.0.1:41000", Actor: "0123456789abcdef", Session: "s-1", Transport: "http", Event: "connect",
		Method: "POST", Path: "/mcp", UA: "client/1", Head: "POST /mcp HTTP/1.1\r\n\r\n", HeadB64: []byte{0xff},
		Body: &sdk.Body{Size: 3, SHA256: "00", Text: "abc", Base64: "/w==", Cut: true},
		Era:  "legacy", Protocol: "2025-11-25", RPCID: sdk.RawJSON(`"x"`), MCPMethod: "tools/call", Tool: "t",
		Service: "jira", Class: "read", Category: "tracker", Args: sdk.RawJSON(`{"q":1.0}`), ArgsCut: true, URI: "file:///a", Prompt: "summary",
		Client:   &sdk.ClientInfo{Name: "c", Version: "1", Title: "C"},
		Operator: "10.0.0.0/8", Demo: true,
		Persona: "enterprise", Profile: "strict", Outcome: "result", Status: 200, LatencyMS: 1.5, ResultBytes: 9,
		Error: "e", Notes: map[string]string{"k": "v"},
		Justification:  "because",
		CanariesMinted: []sdk.CanaryRef{{ID: "c1", Kind: "aws_key.id", Label: "backup"}},
		CanariesSeen: []sdk.CanarySeen{{
			CanaryRef: sdk.CanaryRef{ID: "c1", Kind: "aws_key.id", Label: "backup"}, Scope: "session",
			OriginSession: "s-0", OriginActor: "fedcba9876543210", OriginIP: "192.0.2.8", OriginEvent: "e0", OriginTime: at,
			Position: "args.key", Encoding: "base64", Credential: true, Partial: true, SameSession: true, SameActor: true, SameIP: true,
		}},
		Detection: &sdk.Detection{
			ID: "019cb7a1-0000-7000-8000-000000000001", RuleID: "R", Title: "T", Pack: "core", Severity: sdk.SeverityHigh,
			Confidence: sdk.ConfidenceLow, SourceIP: "192.0.2.7", Actor: "0123456789abcdef", Session: "s-1", Tool: "t",
			MCPMethod: "tools/call", Subject: "t", Summary: "why", Count: 3, Events: []string{"e1"},
			Evidence: &sdk.Evidence{Path: "args.q", Snippet: "1.0"}, Attack: []string{"T1046"}, Atlas: []string{"AML.T0084"}, OWASP: []string{"MCP01"},
		},
		Gap:   &sdk.Gap{Lost: 2, Reason: "queue_full", From: at, To: at},
		Guest: &sdk.GuestError{Module: "m", Op: "call", Code: "trap", Detail: "d", TookMS: 0.5},

		Clock:  &sdk.ClockStep{By: -3600},
		Canary: &sdk.Canary{ID: "c1", Value: "AKIA", Kind: "aws_key.id", Label: "backup", Scope: "session"},
		Pack:   &sdk.PackStale{ID: "acme/scanners", Version: "1.4", Serial: 12, Expires: at},

		Health:    &sdk.Health{Part: "sink/siem", State: "down", Detail: "d"},
		Heartbeat: &sdk.Heartbeat{Every: 300, Uptime: 600.5, Last: 6},
	}
}

// The event JSON is an interface: a change of it is a change of docs/events.md,
// and of EventVersion if a field goes or changes its meaning.
func TestEventGolden(t *testing.T) {
	got, err := json.MarshalIndent(full(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	const file = "testdata/event.json"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("the event JSON changed:\n%s", got)
	}
	var back sdk.Event
	if err := json.Unmarshal(want, &back); err != nil {
		t.Fatal(err)
	}
	if again, _ := json.MarshalIndent(&back, "", "  "); string(again)+"\n" != string(want) {
		t.Errorf("the event changed on its way through JSON:\n%s", again)
	}
}

// full must really set every field, and docs/events.md must name it.
func TestEventFields(t *testing.T) {
	docs, err := os.ReadFile("../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	check(t, string(docs), reflect.ValueOf(*full()))
}

func check(t *testing.T, docs string, v reflect.Value) {
	for f, field := range v.Fields() {
		if field.IsZero() {
			t.Errorf("%s.%s is not set", v.Type(), f.Name)
		}
		if f.Anonymous {
			check(t, docs, field)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !strings.Contains(docs, "`"+name+"`") {
			t.Errorf("docs/events.md does not name %q", name)
		}
		switch {
		case field.Kind() == reflect.Pointer && field.Elem().Kind() == reflect.Struct:
			check(t, docs, field.Elem())
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct:
			check(t, docs, field.Index(0))
		}
	}
}
