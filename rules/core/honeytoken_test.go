package core_test

import (
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/rules/core"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

func seen(change func(*sdk.CanarySeen)) *sdk.Event {
	c := sdk.CanarySeen{
		CanaryRef: sdk.CanaryRef{ID: "0123456789abcdef", Kind: "aws_key.id", Label: "backup"}, Scope: "session",
		OriginSession: "s-1", OriginActor: "a-1", OriginIP: "192.0.2.1", Position: "args.query",
	}
	change(&c)
	return &sdk.Event{Kind: sdk.KindAccess, CanariesSeen: []sdk.CanarySeen{c}}
}

func tokenRule(t *testing.T) sdk.Rule {
	t.Helper()
	for _, r := range core.All() {
		if r.Info().ID == "MCP_HONEYTOKEN_REPLAY" {
			return r
		}
	}
	t.Fatal("the pack lacks the rule")
	return nil
}

func own(c *sdk.CanarySeen) { c.SameSession, c.SameActor, c.SameIP = true, true, true }

func TestHoneytokenReplay(t *testing.T) {
	tests := []struct {
		name       string
		change     func(*sdk.CanarySeen)
		severity   sdk.Severity
		confidence sdk.Confidence
		subject    string
		reason     []string
	}{
		{"somebody else", func(*sdk.CanarySeen) {}, "", "", "replayed", []string{"session s-1", "192.0.2.1", "args.query"}},
		{"another session of the actor", func(c *sdk.CanarySeen) { own(c); c.SameSession = false }, "", "", "replayed", []string{"session s-1"}},
		{"own session, as a credential", func(c *sdk.CanarySeen) { own(c); c.Credential, c.Position = true, "header.authorization" }, "", "", "replayed", []string{"header.authorization"}},
		{"encoded", func(c *sdk.CanarySeen) { c.Encoding = "base64" }, "", "", "replayed", []string{"(base64)"}},
		{"in part", func(c *sdk.CanarySeen) { c.Partial = true }, "", sdk.ConfidenceMedium, "replayed", []string{"in part"}},
		{"own session, in text", own, sdk.SeverityInfo, "", "carried", []string{"in its own session"}},
		{"own session, in text and in part", func(c *sdk.CanarySeen) { own(c); c.Partial = true }, sdk.SeverityInfo, "", "carried", nil},
		{"without a session", func(c *sdk.CanarySeen) { c.OriginSession = "" }, "", "", "replayed", []string{"client a-1 of 192.0.2.1"}},
		{"given to everybody", func(c *sdk.CanarySeen) {
			c.OriginSession, c.OriginActor, c.OriginIP, c.SameSession, c.Credential = "", "", "", true, true
		}, "", "", "replayed", []string{"given to everybody"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var hits []sdk.Hit
			for _, r := range core.All() {
				hits = append(hits, r.Evaluate(&sdk.Evaluation{Event: seen(tt.change)})...)
			}
			if len(hits) != 1 {
				t.Fatalf("%d hits: %+v", len(hits), hits)
			}
			h := hits[0]
			if h.Severity != tt.severity || h.Confidence != tt.confidence || h.Subject != tt.subject+" aws_key.id backup 0123456789abcdef" {
				t.Errorf("hit %+v", h)
			}
			for _, part := range tt.reason {
				if !strings.Contains(h.Reason, part) {
					t.Errorf("reason %q lacks %q", h.Reason, part)
				}
			}
			if h.Evidence == nil || !strings.Contains(h.Evidence.Snippet, "0123456789abcdef") {
				t.Errorf("evidence %+v", h.Evidence)
			}
		})
	}
}

func TestHoneytokenNone(t *testing.T) {
	detection := seen(func(*sdk.CanarySeen) {})
	detection.Kind = sdk.KindDetection
	minted := &sdk.Event{Kind: sdk.KindAccess, CanariesMinted: []sdk.CanaryRef{{ID: "1", Kind: "uuid"}}}
	for _, ev := range []*sdk.Event{detection, minted, {Kind: sdk.KindCanary, Canary: &sdk.Canary{Value: "x"}}} {
		if got := tokenRule(t).Evaluate(&sdk.Evaluation{Event: ev}); got != nil {
			t.Errorf("%s: %+v", ev.Kind, got)
		}
	}
}

// However many come back, what is reported of one request is bounded.
func TestHoneytokenMany(t *testing.T) {
	ev := seen(func(*sdk.CanarySeen) {})
	for range 50 {
		ev.CanariesSeen = append(ev.CanariesSeen, ev.CanariesSeen[0])
	}
	if got := tokenRule(t).Evaluate(&sdk.Evaluation{Event: ev}); len(got) != 8 {
		t.Errorf("%d hits", len(got))
	}
}

// The fields reach a rule through the envelope as they are.
func TestHoneytokenEnvelope(t *testing.T) {
	handle := guest.RulesHandler(core.ID, core.Version, core.All()...)
	out := string(handle([]byte(`{"abi":1,"op":"evaluate","event":{"kind":"access","canaries_seen":[` +
		`{"id":"c1","kind":"dsn","label":"billing","origin_session":"s-1","origin_ip":"192.0.2.1","origin_time":"2026-03-04T05:06:07Z","position":"path","credential":true,"same_session":true}]},"windows":{}}`)))
	for _, part := range []string{"MCP_HONEYTOKEN_REPLAY", "session s-1 of 192.0.2.1", "replayed dsn billing c1"} {
		if !strings.Contains(out, part) {
			t.Errorf("%s lacks %q", out, part)
		}
	}
}
