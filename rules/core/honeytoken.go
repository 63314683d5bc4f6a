package core

import "github.com/killdeer-mcp/killdeer/sdk"

// maxTokenHits is how many honeytokens of one request are reported.
const maxTokenHits = 8

// honeytokenReplay fires when a request carries what the decoy handed out. An
// agent quotes what it was told in the session in which it was told: that is
// worth knowing and no attack. Everywhere else, or where a credential stands, the
// value is being used.
var honeytokenReplay = &rule{
	info: sdk.RuleInfo{
		ID:             "MCP_HONEYTOKEN_REPLAY",
		Title:          "Honeytoken came back",
		Severity:       sdk.SeverityCritical,
		Confidence:     sdk.ConfidenceHigh,
		Description:    "A request carries a credential, host or user name that the decoy had handed out to one client only: used as a credential, or by another session, client or address. Within its own session and in plain text it is reported as information.",
		FalsePositives: "An analyst or a scanner of the owner's that tries a credential found in the decoy; list its address in [rules] operator.",
		Attack:         []string{"T1078", "T1550.001"},
		Atlas:          []string{"AML.T0091.000"},
		OWASP:          []string{"MCP01"},
		Dedup:          onSource(),
		Gate:           sdk.Gate{When: map[string]string{"canaries_seen": "*"}},
		Fields:         []string{"kind", "canaries_seen"},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		var hits []sdk.Hit
		for i := range in.Event.CanariesSeen {
			if len(hits) == maxTokenHits {
				break
			}
			hits = append(hits, tokenHit(&in.Event.CanariesSeen[i]))
		}
		return hits
	},
}

func tokenHit(c *sdk.CanarySeen) sdk.Hit {
	name := c.Kind
	if c.Label != "" {
		name += " " + c.Label
	}
	from := "given to everybody"
	if c.OriginSession != "" || c.OriginActor != "" {
		from = "first given to " + originOf(c)
	}
	h := sdk.Hit{
		Subject:  cut("replayed "+name+" "+c.ID, maxSubject),
		Reason:   "honeytoken " + name + ", " + from + ", came back in " + c.Position,
		Evidence: &sdk.Evidence{Path: c.Position, Snippet: cut("honeytoken "+c.ID+" ("+name+"), "+from, maxSubject)},
	}
	if c.Encoding != "" {
		h.Reason += " (" + c.Encoding + ")"
	}
	switch {
	case carried(c):
		h.Severity, h.Subject = sdk.SeverityInfo, cut("carried "+name+" "+c.ID, maxSubject)
		h.Reason += ", in its own session and in plain text"
	case c.Partial:
		h.Confidence = sdk.ConfidenceMedium
		h.Reason += ", in part"
	}
	return h
}

// carried reports whether an agent merely repeats what it was told.
func carried(c *sdk.CanarySeen) bool { return c.SameSession && !c.Credential }

// originOf names whom a token was given to first.
func originOf(c *sdk.CanarySeen) string {
	who := "client " + c.OriginActor
	if c.OriginSession != "" {
		who = "session " + c.OriginSession
	}
	if c.OriginIP != "" {
		who += " of " + c.OriginIP
	}
	return who
}
