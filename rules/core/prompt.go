package core

import (
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

func promptAnchors() []anchor {
	return concat(
		on(kindPrompt, judgeOverride, "ignore", "disregard", "forget", "override", "bypass", "do not follow", "don't follow", "stop following"),
		on(kindPrompt, judgeTag, "<|im_start|>", "<|im_end|>", "<|system|>", "<|endoftext|>", "<|eot_id|>", "<|start_header_id|>", "[inst]", "[/inst]", "<<sys>>", "<system>", "</system>",
			"<assistant>", "</assistant>", "<system-reminder>", "<important>", "</tool_result>", "<tool_result>", "</function_results>", "<instructions>", "### system:", "### instruction:", "###system"),
		on(kindPrompt, judgeRole, "system:", "assistant:", `"role"`, "'role'"),
		on(kindPrompt, judgePhrase, "you are now", "new instructions", "updated instructions", "reveal your", "print your", "repeat your", "show me your", "your system prompt", "the system prompt",
			"do not tell the user", "don't tell the user", "without telling the user", "do not mention this", "do anything now", "developer mode", "jailbreak", "end of system prompt", "from now on you"),
	)
}

var promptInjection = &rule{
	info: sdk.RuleInfo{
		ID:         "MCP_PROMPT_INJECTION_ARGS",
		Title:      "Instructions to a model in arguments",
		Severity:   sdk.SeverityMedium,
		Confidence: sdk.ConfidenceLow,
		Description: "Arguments or the client's name speak to a language model: phrases that override its instructions, or marks of another " +
			"role. High severity for such marks.",
		FalsePositives: "Text about prompt injection, and people who write to a model and had it copied into a search.",
		Atlas:          []string{"AML.T0051.000", "AML.T0054"},
		OWASP:          []string{"MCP06"},
		Dedup:          onSource(),
		Fields:         wordFields,
		Gate: sdk.Gate{
			Terms:       termsOf(kindPrompt),
			ClientTerms: wordsOf(kindPrompt),
		},
	},
	evaluate: evaluateWords(kindPrompt, func(_ *sdk.Evaluation, f *finding) sdk.Hit {
		h := sdk.Hit{Reason: "text that speaks to a language model: " + f.term, Confidence: sdk.ConfidenceLow}
		if f.confidence == sdk.ConfidenceHigh {
			h.Severity, h.Confidence = sdk.SeverityHigh, sdk.ConfidenceMedium
		}
		return h
	}),
}

var (
	meant  = []string{"previous", "prior", "above", "earlier", "preceding", "all", "any", "your", "these", "those", "the system", "existing", "current", "my"}
	orders = []string{"instruction", "prompt", "guideline", "directive", "system message", "guardrail", "restriction", "safety rule", "rules you", "your rules", "your context", "programming", "previous rules", "prior rules"}
)

// judgeOverride wants a verb, whose orders are meant, and that they are orders:
// "ignore previous build failures" is none.
func judgeOverride(p part, start, end int) (string, sdk.Confidence) {
	t := p.text
	if start > 0 && isWordByte(t[start-1]) {
		return "", ""
	}
	rest := t[end:min(len(t), end+80)]
	if i := strings.IndexAny(rest, ".;!?"); i >= 0 {
		rest = rest[:i]
	}
	if !contains(rest, meant) || !contains(rest, orders) {
		return "", ""
	}
	return "an override", sdk.ConfidenceMedium
}

func contains(s string, list []string) bool {
	for _, w := range list {
		if i := strings.Index(s, w); i >= 0 && (i == 0 || !isWordByte(s[i-1])) {
			return true
		}
	}
	return false
}

func judgeTag(p part, start, end int) (string, sdk.Confidence) {
	return "a mark of another role, " + p.text[start:end], sdk.ConfidenceHigh
}

// judgeRole wants the name of a role at the start of a line, or as the value of a
// member: a fake transcript.
func judgeRole(p part, start, end int) (string, sdk.Confidence) {
	t := p.text
	if t[start] == '"' || t[start] == '\'' {
		rest := t[end:min(len(t), end+20)]
		if strings.Contains(rest, "system") || strings.Contains(rest, "assistant") {
			return "a fake message", sdk.ConfidenceHigh
		}
		return "", ""
	}
	if b := before(t, start); b == start && start > 0 || b > 0 && t[b] != '\n' {
		return "", ""
	}
	rest := t[end:min(len(t), end+near)]
	if contains(rest, []string{"you ", "your ", "ignore", "must", "instruction"}) {
		return "a fake turn of a conversation", sdk.ConfidenceHigh
	}
	return "", ""
}

func judgePhrase(p part, start, end int) (string, sdk.Confidence) {
	t := p.text
	if start > 0 && isWordByte(t[start-1]) || end < len(t) && isWordByte(t[end]) {
		return "", ""
	}
	switch t[start:end] {
	case "reveal your", "print your", "repeat your", "show me your":
		if !contains(t[end:min(len(t), end+60)], []string{"system", "instruction", "prompt", "rules", "context"}) {
			return "", ""
		}
	case "you are now":
		if !contains(t[end:min(len(t), end+60)], []string{"a ", "an ", "in ", "dan", "the ", "free", "unrestricted", "acting"}) {
			return "", ""
		}
	case "new instructions", "updated instructions", "developer mode", "jailbreak", "the system prompt":
		lead, rest := t[max(0, start-30):start], t[end:min(len(t), end+60)]
		if !strings.HasPrefix(rest, ":") && !contains(rest, []string{"you ", "you must", "enabled", "follow"}) && !contains(lead, []string{"enter", "enable", "reveal", "print", "leak", "show me", "output", "these are"}) {
			return "", ""
		}
	}
	return "a phrase, " + t[start:end], sdk.ConfidenceMedium
}
