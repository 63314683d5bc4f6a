// Package core is the built-in rule pack: the detections every sensor starts
// with, as ordinary Go. The guest main in the folder wasm makes a module of it.
//
// The rules are pure functions of one event and of the windows they declare.
// They judge what a client asked for, how, and how often. The package keeps no
// memory, names no tool of a persona (it reads the category and the class that
// the persona gave it), and does not decide what is one detection and what is a
// repetition: the host does.
//
// The code runs in WebAssembly under a deadline, on bytes that a client chose;
// hence no fmt, regexp or encoding/json, and no look at a text that costs more
// than the text is long.
package core

import "github.com/killdeer-mcp/killdeer/sdk"

// ID and Version identify the pack in its describe document.
const (
	ID      = "core"
	Version = "1.1.0"
)

const (
	methodList = "tools/list"
	methodCall = "tools/call"

	// reached are the outcomes of a call that got as far as a known tool.
	reached = "result|tool_error|input_required|bad_args|internal|client_disconnected"
	// unknownTool is the outcome of a call that named a tool nobody has.
	unknownTool = "unknown_tool"
)

// All returns the rules of the pack.
func All() []sdk.Rule {
	return []sdk.Rule{
		toolEnumeration, multiToolRecon, unknownToolProbe, secretHunting,
		datastoreRecon, sourceCodeRecon, identityRecon, honeytokenReplay,
		killchain, sqlInjection, sqlWrite, commandInjection, pathTraversal, ssrf, templateInjection, promptInjection,
		unicodeSmuggle, encodedBlob, dataVolume, rapidEnum, sequentialIDs, authStuffing, protoFuzz,
		scannerFingerprint, listThenLeave, shadowName, agentClassified, lureFollowed, destructiveCall,
		dnsRebind, sessionHijack, decoyProbe,
	}
}

// rule is one rule as data and a function.
type rule struct {
	info     sdk.RuleInfo
	evaluate func(in *sdk.Evaluation) []sdk.Hit
}

var _ sdk.Rule = (*rule)(nil)

// Info describes the rule.
func (r *rule) Info() sdk.RuleInfo { return r.info }

// Evaluate returns the rule's hits on one event.
func (r *rule) Evaluate(in *sdk.Evaluation) []sdk.Hit {
	if in == nil || in.Event == nil || in.Event.Kind != sdk.KindAccess {
		return nil
	}
	return r.evaluate(in)
}

// onSource is the deduplication of the whole pack: one detection per rule,
// source address and subject in five minutes.
func onSource() *sdk.Dedup { return &sdk.Dedup{By: "ip", Over: "5m"} }

// reachedTool reports whether the event is a call that reached a known tool.
func reachedTool(ev *sdk.Event) bool {
	if ev.MCPMethod != methodCall || ev.Tool == "" {
		return false
	}
	switch ev.Outcome {
	case "result", "tool_error", "input_required", "bad_args", "internal", "client_disconnected":
		return true
	}
	return false
}
