package core

import "github.com/killdeer-mcp/killdeer/sdk"

// asking are the methods whose parameters carry what a client wants of a tool,
// resource or prompt.
const asking = "tools/call|resources/read|resources/subscribe|prompts/get|completion/complete"

// wordFields are the event fields in which rules look for words.
var wordFields = []string{"kind", "mcp_method", "outcome", "tool", "uri", "prompt", "args", "client", "ua", "path", "category", "class"}

// wordRule is a rule that fires on one kind of word in the arguments.
func wordRule(info sdk.RuleInfo, kind wordKind, reason string) *rule {
	info.Dedup = onSource()
	info.Gate.When = map[string]string{"mcp_method": asking}
	info.Fields = wordFields
	info.Gate.Terms = termsOf(kind)
	return &rule{info: info, evaluate: evaluateWords(kind, func(_ *sdk.Evaluation, f *finding) sdk.Hit {
		return sdk.Hit{Reason: reason + f.term}
	})}
}

// asks reports whether the event's method is one of asking.
func asks(ev *sdk.Event) bool {
	switch ev.MCPMethod {
	case "tools/call", "resources/read", "resources/subscribe", "prompts/get", "completion/complete":
		return true
	}
	return false
}
