package core

import (
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

var sessionHijack = &rule{
	info: sdk.RuleInfo{
		ID:         "MCP_SESSION_HIJACK",
		Title:      "Session used from another place by another client",
		Severity:   sdk.SeverityHigh,
		Confidence: sdk.ConfidenceMedium,
		Description: "A session id was used from a second address, with headers in another order or case: not the client that was given it. " +
			"A client that only moves keeps its headers.",
		FalsePositives: "A session that is passed on on purpose between two processes on different machines.",
		Attack:         []string{"T1563"},
		Dedup:          &sdk.Dedup{By: "session", Over: "1h"},
		Fields:         []string{"kind", "method", "ip", "headers"},
		Windows: []sdk.Window{
			{Name: "session_ips", By: "session", Over: "24h", Distinct: "ip", Keep: 4, Where: map[string]string{"method": "POST"}},
			{Name: "session_headers", By: "session", Over: "24h", Distinct: "headers", Keep: -1, Where: map[string]string{"method": "POST"}},
		},
		Gate: sdk.Gate{
			When:    map[string]string{"method": "POST", "outcome": reached + "|accepted"},
			At:      map[string][]int{"session_ips": {2, 3, 4, 5, 6, 7, 8, 9, 10}},
			AtLeast: map[string]float64{"session_headers": 2}, Subject: "session",
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		ips, headers := in.Windows["session_ips"], in.Windows["session_headers"].N
		if ips.N < 2 || headers < 2 || in.Event.Method != "POST" {
			return nil
		}
		return []sdk.Hit{{
			Subject: "session", Count: ips.N, Reason: "one session, " + strconv.Itoa(ips.N) + " addresses and " + strconv.Itoa(headers) + " kinds of headers",
			Evidence: &sdk.Evidence{Path: "ip", Snippet: cut(strings.Join(ips.Values, ", "), maxSnippet)},
		}}
	},
}

var listThenLeave = &rule{
	info: sdk.RuleInfo{
		ID:         "MCP_LIST_THEN_LEAVE",
		Title:      "Listed the tools and left",
		Severity:   sdk.SeverityInfo,
		Confidence: sdk.ConfidenceHigh,
		Description: "A session listed the tools, called none, and was ended; or its source came back for another one. Once an hour for a " +
			"source. One that leaves without a word and never comes back raises nothing.",
		FalsePositives: "Every scanner and every client that was only configured: this is information.",
		Attack:         []string{"T1595"},
		Dedup:          &sdk.Dedup{By: "ip", Over: "1h"},
		Fields:         []string{"kind", "outcome", "mcp_method"},
		Windows: []sdk.Window{
			{Name: "visit_lists", By: "actor", Over: "1h", Count: true, Where: map[string]string{"mcp_method": methodList, "outcome": "result"}},
			{Name: "visit_calls", By: "actor", Over: "1h", Count: true, Where: map[string]string{"mcp_method": methodCall}},
		},
		Gate: sdk.Gate{
			Match: map[string]sdk.Match{
				"outcome":    {Is: []string{"session_ended", "stream_closed", "result"}},
				"mcp_method": {Is: []string{"", "initialize", "server/discover"}},
			},
			At: map[string][]int{"visit_lists": {1, 2, 3, 4, 5, 6, 7, 8}, "visit_calls": {0}}, Subject: methodList,
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		lists, calls := in.Windows["visit_lists"].N, in.Windows["visit_calls"].N
		ended := in.Event.Outcome == "session_ended" || in.Event.Outcome == "stream_closed"
		again := in.Event.Outcome == "result" && (in.Event.MCPMethod == "initialize" || in.Event.MCPMethod == "server/discover")
		if lists == 0 || calls > 0 || !ended && !again {
			return nil
		}
		return []sdk.Hit{{Subject: methodList, Count: lists, Reason: "the tools were listed and none was called"}}
	},
}

// stages of an intrusion, in their order, and what each is worth.
var stages = [...]struct {
	name  string
	score int
	words string
}{
	{"recon", 1, "looked around"},
	{"data", 2, "read data"},
	{"secrets", 4, "looked for secrets"},
	{"write", 6, "wrote or ran something"},
	{"exfil", 6, "took large amounts"},
}

const (
	stagesInRow   = 3
	criticalScore = 11
)

// secretWords are what the third stage is known by in arguments.
var secretWords = []string{
	"assword", "ASSWORD", "passwd", "redential", "REDENTIAL", "api_key", "API_KEY", "apikey", "apiKey", "api-key", "api key",
	"private_key", "PRIVATE_KEY", "PRIVATE KEY", "access_key", "ACCESS_KEY", "secret", "SECRET", "Secret", ".env", "id_rsa", "/etc/shadow",
}

var killchain = &rule{
	info: sdk.RuleInfo{
		ID:         "MCP_KILLCHAIN_STAGE",
		Title:      "Stages of an intrusion in order",
		Severity:   sdk.SeverityHigh,
		Confidence: sdk.ConfidenceHigh,
		Description: "Within half an hour one actor went through three or more stages in their order: looking around (1), reading data (2), " +
			"looking for secrets (4), writing or running (6), taking large amounts (6). Critical from 11 points on.",
		FalsePositives: "An administrator's agent that rotates credentials.",
		Attack:         []string{"T1213"},
		Atlas:          []string{"AML.T0085.001"},
		Dedup:          &sdk.Dedup{By: "actor", Over: "30m"},
		Fields:         []string{"kind", "mcp_method"},
		Windows:        []sdk.Window{{Name: "stages_30m", By: "actor", Over: "30m", Steps: stageSteps()}},
		Gate: sdk.Gate{
			When:    map[string]string{"mcp_method": methodCall, "outcome": reached + "|" + unknownTool},
			AtLeast: map[string]float64{"stages_30m": stagesInRow},
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		w := in.Windows["stages_30m"]
		if w.N < stagesInRow || in.Event.MCPMethod != methodCall {
			return nil
		}
		score, passed := 0, []string{}
		for _, s := range stages {
			for _, name := range w.Values {
				if name == s.name {
					score += s.score
					passed = append(passed, s.words)
				}
			}
		}
		h := sdk.Hit{Subject: cut(strings.Join(w.Values, ">"), maxSubject), Count: w.N, Reason: "one actor " + strings.Join(passed, ", then ") + " (" + strconv.Itoa(score) + " points)"}
		if score >= criticalScore {
			h.Severity = sdk.SeverityCritical
		}
		return []sdk.Hit{h}
	},
}

func stageSteps() []sdk.Step {
	is := func(v ...string) sdk.Match { return sdk.Match{Is: v} }
	done := is("result", "tool_error")
	return []sdk.Step{
		{Name: "recon", Match: map[string]sdk.Match{"mcp_method": is(methodList, "resources/list", "prompts/list"), "outcome": is("result")}},
		{Name: "recon", Match: map[string]sdk.Match{"mcp_method": is(methodCall), "outcome": is(unknownTool)}},
		{Name: "data", Match: map[string]sdk.Match{"mcp_method": is(methodCall), "class": is("read"), "outcome": done}},
		{Name: "secrets", Match: map[string]sdk.Match{"mcp_method": is(methodCall), "class": is("secret"), "outcome": done}},
		{Name: "secrets", Match: map[string]sdk.Match{"mcp_method": is(methodCall), "args": {Contains: secretWords}}},
		{Name: "write", Match: map[string]sdk.Match{"mcp_method": is(methodCall), "class": is("write", "exec")}},
		{Name: "exfil", Match: map[string]sdk.Match{"mcp_method": is(methodCall), "result_bytes": {Min: 256 << 10}}},
	}
}

var dnsRebind = &rule{
	info: sdk.RuleInfo{
		ID:         "MCP_DNS_REBIND_ORIGIN",
		Title:      "Foreign origin on a private sensor",
		Severity:   sdk.SeverityMedium,
		Confidence: sdk.ConfidenceHigh,
		Description: "A request from a loopback or private address carried an Origin or Host that the sensor does not answer to: a web page " +
			"that reaches into the network through somebody's browser.",
		FalsePositives: "A proxy or a name of the sensor's own that is missing in decoy.allowed_hosts or decoy.allowed_origins.",
		Attack:         []string{"T1189"},
		Dedup:          onSource(),
		Fields:         []string{"kind", "outcome", "ip", "host", "origin"},
		Gate: sdk.Gate{
			When:  map[string]string{"outcome": "origin_forbidden|host_forbidden"},
			Match: map[string]sdk.Match{"ip": {CIDR: []string{"127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"}}},
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		path, value := "host", in.Facts.Host
		switch in.Event.Outcome {
		case "origin_forbidden":
			path, value = "origin", in.Facts.Origin
		case "host_forbidden":
		default:
			return nil
		}
		return []sdk.Hit{{
			Subject: cut(path+" "+value, maxSubject), Reason: "a request that a browser was led to make",
			Evidence: &sdk.Evidence{Path: path, Snippet: cut(value, maxSnippet)},
		}}
	},
}
