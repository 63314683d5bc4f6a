// Package encodetest has the events that tests of encoders and sinks send: one of
// each kind, and some whose every field a hostile client chose. It is for tests
// only.
package encodetest

import (
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// At is when all the events happened.
var At = time.Date(2026, 4, 22, 14, 30, 0, 125_000_000, time.UTC)

// Call is a tool call.
func Call() sdk.Event {
	return sdk.Event{
		V: 1, Seq: 7, ID: "0196c0de-0000-7000-8000-000000000001", Kind: sdk.KindAccess, Time: At, Sensor: "edge-1",
		IP: "10.0.1.42", Peer: "10.0.1.42:51034", Actor: "a-1f2e3d", Session: "5f1d", Transport: "http",
		Method: "POST", Path: "/mcp?key=1", UA: "python-httpx/0.28", Head: "POST /mcp?key=1 HTTP/1.1\r\nHost: hub\r\n\r\n",
		Body: &sdk.Body{Size: 91, SHA256: strings.Repeat("ab", 32), Text: `{"jsonrpc":"2.0"}`},
		Era:  "legacy", Protocol: "2025-06-18", RPCID: sdk.RawJSON("3"), MCPMethod: "tools/call",
		Tool: "confluence_search", Service: "confluence", Class: "read", Category: "docs",
		Args: sdk.RawJSON(`{"cql": "text ~ \"vpn\""}`), Client: &sdk.ClientInfo{Name: "probe", Version: "1.2"},
		Persona: "enterprise", Profile: "strict", Outcome: "result", Status: 200, LatencyMS: 12.5, ResultBytes: 812,
		Notes: map[string]string{"rows": "3"}, Justification: "looking for the vpn runbook", Operator: "10.0.1.0/24",
		CanariesMinted: []sdk.CanaryRef{{ID: "c-7", Kind: "password", Label: "vpn"}},
	}
}

// Verdict is a detection.
func Verdict() sdk.Event {
	return sdk.Event{
		V: 1, Seq: 8, ID: "0196c0de-0000-7000-8000-000000000002", Kind: sdk.KindDetection, Time: At, Sensor: "edge-1",
		IP: "10.0.1.42", Actor: "a-1f2e3d", Session: "5f1d", Tool: "postgresql_list_databases", MCPMethod: "tools/call",
		Client: &sdk.ClientInfo{Name: "probe", Version: "1.2"},
		CanariesSeen: []sdk.CanarySeen{{
			CanaryRef: sdk.CanaryRef{ID: "c-3", Kind: "aws_key.id", Label: "backup"}, Scope: "session",
			OriginSession: "77aa", OriginActor: "a-9", OriginIP: "10.0.7.7",
			OriginEvent: "0196c0de-0000-7000-8000-00000000000a", OriginTime: At.Add(-time.Hour),
			Position: "args.key", Encoding: "base64", SameIP: false,
		}},
		Detection: &sdk.Detection{
			ID: "0196c0de-0000-7000-8000-000000000002", RuleID: "MCP_DATASTORE_RECON", Title: "Datastore reconnaissance",
			Pack: "core", Severity: sdk.SeverityHigh, Confidence: sdk.ConfidenceHigh, SourceIP: "10.0.1.42",
			Actor: "a-1f2e3d", Session: "5f1d", Tool: "postgresql_list_databases", MCPMethod: "tools/call",
			Subject: "postgresql_list_databases", Summary: "a datastore tool was called", Count: 1,
			Events:   []string{"0196c0de-0000-7000-8000-000000000001"},
			Evidence: &sdk.Evidence{Path: "tool", Snippet: "postgresql_list_databases"},
			Attack:   []string{"T1046", "T1213.006"}, Atlas: []string{"AML.T0084", "AML.T0084.001"}, OWASP: []string{"MCP01"},
		},
	}
}

// Events are one event of each kind, and some that lack what others have.
func Events() map[string]sdk.Event {
	own := func(kind sdk.Kind, fill func(*sdk.Event)) sdk.Event {
		e := sdk.Event{V: 1, Seq: 9, ID: "0196c0de-0000-7000-8000-000000000003", Kind: kind, Time: At, Sensor: "edge-1"}
		fill(&e)
		return e
	}
	return map[string]sdk.Event{
		"call":      Call(),
		"detection": Verdict(),
		"page": own(sdk.KindAccess, func(e *sdk.Event) {
			e.IP, e.Peer, e.Transport, e.Method, e.Path = "2001:db8::7", "[2001:db8::7]:4000", "http", "GET", "/health"
			e.Outcome, e.Status = "route_not_found", 404
		}),
		"stdio": own(sdk.KindAccess, func(e *sdk.Event) {
			e.Transport, e.MCPMethod, e.Outcome = "stdio", "initialize", "result"
		}),
		"gap": own(sdk.KindGap, func(e *sdk.Event) { e.Gap = &sdk.Gap{Lost: 12, Reason: "queue_full", From: At, To: At} }),
		"guest": own(sdk.KindGuest, func(e *sdk.Event) {
			e.Guest = &sdk.GuestError{Module: "core", Op: "evaluate", Code: "timeout", Detail: "deadline", TookMS: 2000}
		}),
		"clock": own(sdk.KindClock, func(e *sdk.Event) { e.Clock = &sdk.ClockStep{By: -3.5} }),
		"canary": own(sdk.KindCanary, func(e *sdk.Event) {
			e.Canary = &sdk.Canary{ID: "c-3", Value: "AKIA", Kind: "aws_key.id", Label: "backup", Scope: "session"}
		}),
		"pack": own(sdk.KindPackStale, func(e *sdk.Event) {
			e.Pack = &sdk.PackStale{ID: "acme/recon", Version: "1.4.0", Serial: 12, Expires: At}
		}),
		"health": own(sdk.KindHealth, func(e *sdk.Event) {
			e.Health = &sdk.Health{Part: "sink/siem", State: "down", Detail: "refused"}
		}),
		"heartbeat": own(sdk.KindHeartbeat, func(e *sdk.Event) {
			e.Heartbeat = &sdk.Heartbeat{Every: 60, Uptime: 3600, Last: 8}
		}),
		"empty": {},
	}
}

// Hostile texts try to end a field, a message or a line, to begin another, to hide,
// or to be too much.
func Hostile() map[string]string {
	return map[string]string{
		"forged message":   "x]\n<133>1 2026-04-22T14:30:00.000Z h mcp-decoy 1 detection [mcp-detection rule_id=\"FORGED\"] MCP detection: FORGED",
		"forged octets":    "x 98 <133>1 2026-04-22T14:30:00.000Z h mcp-decoy 1 detection - FORGED",
		"carriage returns": "a\r\nb\rc\x00d",
		"brackets":         `"] [mcp-detection@32473 rule_id="FORGED" severity="critical"] MCP detection: FORGED critical from 10.0.0.1`,
		"backslashes":      `\`,
		"even backslashes": `\\" \\] \`,
		"pri":              "<0>1 - - - - - - FORGED",
		"control":          "\x01\x02\x1b[31mred\x1b[0m\x7f\u0085\u009b",
		"direction":        "\u202eevil\u202c \u2066x\u2069 \u200b\u200d\ufeff",
		"lines":            "a\u2028b\u2029c\vd\fe\x1cf",
		"tags":             "\U000e0041\U000e0042 \ufe0f \u3164",
		"not UTF-8":        "\xff\xfe\xc3(\xe2\x82 \xed\xa0\x80 ok",
		"cef":              `a|b=c\|d\=e src=6.6.6.6 act=none CEF:0|x|y|z|1|n|10|`,
		"json":             `"},{"kind":"detection","rule_id":"FORGED"}`,
		"markup":           "<!channel> <@U1> @everyone [click](https://evil.example) *b* _i_ `c` https://evil.example <https://evil.example|x>",
		"long":             strings.Repeat("A\u20ac", 25_000), // 100 kB
		"long control":     strings.Repeat("\n]\"", 20_000),
		"spaces":           "  a  b  ",
		"letters":          "\u691c\u7d22 \u00fc\u00df \U0001f600",
		"empty":            "",
	}
}

// Filled is a call or a verdict whose every text that a client can choose is text.
func Filled(detection bool, text string) sdk.Event {
	e := Call()
	if detection {
		e = Verdict()
		d := e.Detection
		d.Tool, d.MCPMethod, d.Subject, d.Summary, d.Session = text, text, text, text, text
		d.Evidence = &sdk.Evidence{Path: text, Snippet: text}
		seen := &e.CanariesSeen[0]
		seen.Position, seen.OriginSession = text, text
		e.CanariesSeen = append(e.CanariesSeen, *seen)
	}
	e.Session, e.Method, e.Path, e.UA, e.Head = text, text, text, text, text
	e.Body = &sdk.Body{Size: len(text), SHA256: strings.Repeat("0", 64), Text: text}
	e.RPCID, e.Args = sdk.RawJSON(text), sdk.RawJSON(text)
	e.MCPMethod, e.Tool, e.URI, e.Prompt, e.Protocol = text, text, text, text, text
	e.Client = &sdk.ClientInfo{Name: text, Version: text, Title: text}
	e.Justification = text
	e.Error, e.Notes = text, map[string]string{text: text}
	return e
}
