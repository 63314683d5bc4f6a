package core

import (
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

var secretHunting = &rule{
	info: sdk.RuleInfo{
		ID:         "MCP_SECRET_HUNTING_ARGS",
		Title:      "Secrets searched for",
		Severity:   sdk.SeverityHigh,
		Confidence: sdk.ConfidenceMedium,
		Description: "The arguments of a tool call hold a term that people use who look for secrets. Confidence is high " +
			"for a specific term that stands as a word (password, api_key, credential, private_key, access_key, .env), " +
			"medium for token and secret, and for a specific term inside a longer word.",
		FalsePositives: "Searches for manuals about such things, and for tokens of a parser.",
		Attack:         []string{"T1552"},
		Atlas:          []string{"AML.T0098"},
		OWASP:          []string{"MCP01"},
		Dedup:          onSource(),
		Fields:         []string{"kind", "mcp_method", "outcome", "tool", "args"},
		Gate: sdk.Gate{
			When:  map[string]string{"mcp_method": methodCall, "outcome": reached + "|" + unknownTool},
			Terms: secretTerms(),
		},
	},
	evaluate: huntSecrets,
}

// secretTerms are the terms in each spelling, for the host's first look.
func secretTerms() (list []string) {
	for _, t := range terms {
		if before, after, ok := strings.Cut(t.text, "_"); ok {
			list = append(list, before+"_"+after, before+"-"+after, before+" "+after)
			continue
		}
		list = append(list, t.text)
	}
	return list
}

func huntSecrets(in *sdk.Evaluation) []sdk.Hit {
	ev := in.Event
	if !reachedTool(ev) && (ev.Outcome != unknownTool || ev.MCPMethod != methodCall) {
		return nil
	}
	f, ok := findSecret(ev.Args)
	if !ok {
		return nil
	}
	return []sdk.Hit{{
		Subject: cut(ev.Tool, maxSubject), Confidence: f.confidence,
		Reason:   `the arguments look for secrets: "` + f.term + `"`,
		Evidence: &sdk.Evidence{Path: f.path, Snippet: f.snippet},
	}}
}
