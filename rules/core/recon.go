package core

import (
	"slices"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	toolsWindow = "tools_5m"
	// toolsForRecon is how many distinct tools make a tour of the server.
	toolsForRecon = 3
)

var toolEnumeration = &rule{
	info: sdk.RuleInfo{
		ID:             "MCP_TOOL_ENUMERATION",
		Title:          "Tool list requested",
		Severity:       sdk.SeverityMedium,
		Confidence:     sdk.ConfidenceHigh,
		Description:    "A client asked the decoy which tools it offers.",
		FalsePositives: "Every client lists tools first; on a decoy there is none that should.",
		Attack:         []string{"T1046"},
		Atlas:          []string{"AML.T0084.001"},
		Dedup:          onSource(),
		Fields:         []string{"kind", "mcp_method", "outcome"},
		Gate: sdk.Gate{
			When: map[string]string{"mcp_method": methodList, "outcome": "result"}, Subject: methodList,
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		if in.Event.MCPMethod != methodList || in.Event.Outcome != "result" {
			return nil
		}
		return []sdk.Hit{{Subject: methodList, Reason: "the client listed the tools of the decoy"}}
	},
}

var multiToolRecon = &rule{
	info: sdk.RuleInfo{
		ID:             "MCP_MULTI_TOOL_RECON",
		Title:          "Many tools tried from one source",
		Severity:       sdk.SeverityHigh,
		Confidence:     sdk.ConfidenceHigh,
		Description:    "One source address called three or more distinct tools within five minutes.",
		FalsePositives: "Test suites and agents with a broad task.",
		Attack:         []string{"T1213", "T1087"},
		Dedup:          onSource(),
		Windows: []sdk.Window{{
			Name: toolsWindow, By: "ip", Over: "5m", Distinct: "tool", Keep: -1,
			Where: map[string]string{"mcp_method": methodCall, "outcome": reached},
		}},
		Fields: []string{"kind", "mcp_method", "outcome", "tool"},
		Gate: sdk.Gate{
			When:    map[string]string{"mcp_method": methodCall, "outcome": reached},
			AtLeast: map[string]float64{toolsWindow: toolsForRecon}, Subject: methodCall,
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		n := in.Windows[toolsWindow].N
		if n < toolsForRecon || !reachedTool(in.Event) {
			return nil
		}
		return []sdk.Hit{{
			Subject: methodCall, Count: n,
			Reason: strconv.Itoa(n) + " distinct tools called from one source within 5 minutes",
		}}
	},
}

var unknownToolProbe = &rule{
	info: sdk.RuleInfo{
		ID:             "MCP_UNKNOWN_TOOL_PROBE",
		Title:          "Unknown tool called",
		Severity:       sdk.SeverityMedium,
		Confidence:     sdk.ConfidenceMedium,
		Description:    "A client called a tool that the decoy does not offer.",
		FalsePositives: "An agent that has several servers configured and mixes them up.",
		Attack:         []string{"T1595.003"},
		Dedup:          onSource(),
		Fields:         []string{"kind", "mcp_method", "outcome", "tool"},
		Gate: sdk.Gate{
			When: map[string]string{"mcp_method": methodCall, "outcome": unknownTool}, Subject: sdk.SubjectTool,
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		if in.Event.MCPMethod != methodCall || in.Event.Outcome != unknownTool {
			return nil
		}
		return []sdk.Hit{{Subject: cut(in.Event.Tool, maxSubject), Reason: "the client called a tool that is not offered"}}
	},
}

var datastoreRecon = categoryRule(sdk.RuleInfo{
	ID:             "MCP_DATASTORE_RECON",
	Title:          "Data store queried",
	Severity:       sdk.SeverityHigh,
	Confidence:     sdk.ConfidenceHigh,
	Description:    "A client called a tool that reads a database or a search cluster.",
	FalsePositives: "None on a decoy that nobody has work on.",
	Attack:         []string{"T1213.006"},
}, "a data store tool was called", "datastore")

var sourceCodeRecon = categoryRule(sdk.RuleInfo{
	ID:             "MCP_SOURCE_CODE_RECON",
	Title:          "Source code or build system searched",
	Severity:       sdk.SeverityMedium,
	Confidence:     sdk.ConfidenceHigh,
	Description:    "A client called a tool that reads source code or a build system.",
	FalsePositives: "None on a decoy that nobody has work on.",
	Attack:         []string{"T1213.003"},
}, "a source code or build tool was called", "source", "ci")

var identityRecon = categoryRule(sdk.RuleInfo{
	ID:             "MCP_IDENTITY_RECON",
	Title:          "People and conversations looked up",
	Severity:       sdk.SeverityMedium,
	Confidence:     sdk.ConfidenceHigh,
	Description:    "A client called a tool that reads identities or their conversations.",
	FalsePositives: "None on a decoy that nobody has work on.",
	Attack:         []string{"T1087", "T1213.005"},
}, "an identity or collaboration tool was called", "identity")

// categoryRule fires on each call of a known tool of the given categories.
func categoryRule(info sdk.RuleInfo, reason string, categories ...string) *rule {
	info.Dedup = onSource()
	info.Gate.Subject = sdk.SubjectTool
	info.Gate.When = map[string]string{"mcp_method": methodCall, "outcome": reached, "category": strings.Join(categories, "|")}
	info.Fields = []string{"kind", "mcp_method", "outcome", "tool", "category"}
	return &rule{info: info, evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		if !reachedTool(in.Event) {
			return nil
		}
		if slices.Contains(categories, in.Event.Category) {
			return []sdk.Hit{{Reason: reason}}
		}
		return nil
	}}
}
