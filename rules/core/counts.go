package core

import (
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	exfilBytes  = 1 << 20
	exfilCalls  = 200
	exfilPages  = 20
	rapidTools  = 10
	idsInRow    = 5
	maxIDStep   = 16
	faultsToTry = 5
	usersTried  = 3
	secretsUsed = 5
)

var dataVolume = &rule{
	info: sdk.RuleInfo{
		ID:         "MCP_DATA_VOLUME_EXFIL",
		Title:      "Large amounts of data fetched",
		Severity:   sdk.SeverityHigh,
		Confidence: sdk.ConfidenceMedium,
		Description: "Within ten minutes one actor was given more than 1 MiB of results, made more than 200 calls, or went through 20 pages " +
			"of one or more lists.",
		FalsePositives: "Synchronisation jobs that read everything.",
		Attack:         []string{"T1119", "T1020"},
		OWASP:          []string{"MCP10"},
		Dedup:          onActor(),
		Fields:         []string{"kind", "mcp_method", "outcome"},
		Windows: []sdk.Window{
			{Name: "bytes_10m", By: "actor", Over: "10m", Sum: "result_bytes", Where: map[string]string{"mcp_method": methodCall, "outcome": reached}},
			{Name: "calls_10m", By: "actor", Over: "10m", Count: true, Where: map[string]string{"mcp_method": methodCall, "outcome": reached}},
			{Name: "pages_10m", By: "actor", Over: "10m", Distinct: "page", Keep: -1, Where: map[string]string{"mcp_method": methodCall, "outcome": "result"}},
		},
		Gate: exfilGate("volume", "bytes_10m", exfilBytes+1),
		Also: []sdk.Gate{exfilGate("calls", "calls_10m", exfilCalls+1), exfilGate("pages", "pages_10m", exfilPages)},
	},
	evaluate: func(in *sdk.Evaluation) (hits []sdk.Hit) {
		if !reachedCall(in.Event) {
			return nil
		}
		hit := func(subject string, n int, amount string) {
			hits = append(hits, sdk.Hit{Subject: subject, Count: n, Reason: amount + " within 10 minutes"})
		}
		bytes, calls, pages := in.Windows["bytes_10m"], in.Windows["calls_10m"].N, in.Windows["pages_10m"].N
		if bytes.Sum > exfilBytes {
			hit("volume", bytes.N, strconv.Itoa(int(bytes.Sum)/1024)+" KiB of results")
		}
		if calls > exfilCalls {
			hit("calls", calls, strconv.Itoa(calls)+" calls")
		}
		if pages >= exfilPages {
			hit("pages", pages, strconv.Itoa(pages)+" pages of lists")
		}
		return hits
	},
}

func exfilGate(subject, window string, least float64) sdk.Gate {
	return sdk.Gate{
		When:    map[string]string{"mcp_method": methodCall, "outcome": reached},
		AtLeast: map[string]float64{window: least}, Subject: subject,
	}
}

// onActor is the deduplication of rules about behaviour.
func onActor() *sdk.Dedup { return &sdk.Dedup{By: "actor", Over: "10m"} }

func reachedCall(ev *sdk.Event) bool {
	return ev.MCPMethod == methodCall && (ev.Outcome == "result" || ev.Outcome == "tool_error" || ev.Outcome == "input_required" ||
		ev.Outcome == "bad_args" || ev.Outcome == "internal" || ev.Outcome == "client_disconnected")
}

var rapidEnum = &rule{
	info: sdk.RuleInfo{
		ID:             "MCP_RAPID_ENUM",
		Title:          "Tools called faster than anybody reads",
		Severity:       sdk.SeverityMedium,
		Confidence:     sdk.ConfidenceHigh,
		Description:    "One actor called more than ten distinct tools, known or not, within five seconds.",
		FalsePositives: "Test suites that call every tool.",
		Attack:         []string{"T1046"},
		Dedup:          onActor(),
		Fields:         []string{"kind", "mcp_method"},
		Windows: []sdk.Window{{
			Name: "tools_5s", By: "actor", Over: "5s", Distinct: "tool", Keep: -1,
			Where: map[string]string{"mcp_method": methodCall, "outcome": reached + "|" + unknownTool},
		}},
		Gate: sdk.Gate{
			When:    map[string]string{"mcp_method": methodCall, "outcome": reached + "|" + unknownTool},
			AtLeast: map[string]float64{"tools_5s": rapidTools + 1}, Subject: methodCall,
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		n := in.Windows["tools_5s"].N
		if n <= rapidTools || in.Event.MCPMethod != methodCall {
			return nil
		}
		return []sdk.Hit{{Subject: methodCall, Count: n, Reason: strconv.Itoa(n) + " distinct tools called within 5 seconds"}}
	},
}

var sequentialIDs = &rule{
	info: sdk.RuleInfo{
		ID:         "MCP_SEQ_ID_SCAN",
		Title:      "Numbers tried one after the other",
		Severity:   sdk.SeverityMedium,
		Confidence: sdk.ConfidenceMedium,
		Description: "One actor asked five times in a row for things of one kind whose numbers only rise, or only fall, by at most 16: " +
			"PROJ-1, PROJ-2, PROJ-3. Page numbers and limits do not count.",
		FalsePositives: "Reading a list of issues in order.",
		Attack:         []string{"T1595.003"},
		Dedup:          onActor(),
		Fields:         []string{"kind", "mcp_method", "tool", "key"},
		Windows: []sdk.Window{{
			Name: "keys_10m", By: "actor", Over: "10m", Last: "key", Keep: idsInRow,
			Where: map[string]string{"mcp_method": methodCall, "outcome": reached},
		}},
		Gate: sdk.Gate{
			When:    map[string]string{"mcp_method": methodCall, "outcome": reached, "key": "*"},
			AtLeast: map[string]float64{"keys_10m": idsInRow}, Subject: sdk.SubjectTool,
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		values := in.Windows["keys_10m"].Values
		if in.Facts.Key == "" || len(values) < idsInRow || values[len(values)-1] != in.Facts.Key || !monotone(values) {
			return nil
		}
		first, last := values[0], values[len(values)-1]
		return []sdk.Hit{{
			Subject: cut(in.Event.Tool, maxSubject), Count: len(values),
			Reason:   "numbers asked for one after the other",
			Evidence: &sdk.Evidence{Path: "args", Snippet: cut(cut(first, 100)+" to "+last, maxSnippet)},
		}}
	},
}

// monotone reports whether keys are of one kind and their numbers rise, or fall,
// in small steps.
func monotone(keys []string) bool {
	kind, prev, dir := "", int64(0), int64(0)
	for i, k := range keys {
		at := strings.LastIndexByte(k, '#')
		if at < 0 {
			return false
		}
		n, err := strconv.ParseInt(k[at+1:], 10, 64)
		if err != nil || i > 0 && k[:at] != kind {
			return false
		}
		step := n - prev
		switch {
		case i == 0:
			kind = k[:at]
		case step == 0 || step > maxIDStep || step < -maxIDStep || dir > 0 && step < 0 || dir < 0 && step > 0:
			return false
		default:
			dir = step
		}
		prev = n
	}
	return true
}

var protoFuzz = &rule{
	info: sdk.RuleInfo{
		ID:         "MCP_PROTO_FUZZ",
		Title:      "Protocol errors in a row",
		Severity:   sdk.SeverityMedium,
		Confidence: sdk.ConfidenceMedium,
		Description: "Five or more requests of one source within a minute broke the protocol: no JSON, no message, a method that MCP does " +
			"not have, a wrong version, a body that is too large or broken off, a head that is no HTTP.",
		FalsePositives: "A client under development; a load balancer that probes with plain requests.",
		Attack:         []string{"T1595.002"},
		Dedup:          onSource(),
		Fields:         []string{"kind", "fault"},
		Windows:        []sdk.Window{{Name: "faults_1m", By: "ip", Over: "1m", Last: "fault", Keep: 8}},
		Gate: sdk.Gate{
			Match:   map[string]sdk.Match{"fault": {Is: []string{""}, Not: true}},
			AtLeast: map[string]float64{"faults_1m": faultsToTry}, Subject: "protocol",
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		w := in.Windows["faults_1m"]
		if w.N < faultsToTry || in.Facts.Fault == "" {
			return nil
		}
		return []sdk.Hit{{
			Subject: "protocol", Count: w.N, Reason: "requests that break the protocol",
			Evidence: &sdk.Evidence{Path: "outcome", Snippet: cut(strings.Join(w.Values, ", "), maxSnippet)},
		}}
	},
}

var authStuffing = &rule{
	info: sdk.RuleInfo{
		ID:         "MCP_AUTH_STUFFING",
		Title:      "Credentials tried one after the other",
		Severity:   sdk.SeverityHigh,
		Confidence: sdk.ConfidenceHigh,
		Description: "Within ten minutes one address sent credentials of three or more users or five or more different secrets, or one " +
			"password came for three or more users from anywhere. The decoy asks for no credentials, so every one is a try.",
		FalsePositives: "Many users of one gateway that passes their tokens on.",
		Attack:         []string{"T1110.003", "T1110.004"},
		OWASP:          []string{"MCP07"},
		Dedup:          onSource(),
		Fields:         []string{"kind", "auth_scheme", "auth_user", "auth_secret"},
		Windows: []sdk.Window{
			{Name: "users_10m", By: "ip", Over: "10m", Distinct: "auth_user", Keep: 8},
			{Name: "secrets_10m", By: "ip", Over: "10m", Distinct: "auth_secret", Keep: -1},
			{Name: "spray_10m", By: "auth_secret", Over: "10m", Distinct: "auth_user", Keep: 8},
		},
		Gate: sdk.Gate{
			Match:   map[string]sdk.Match{"auth_secret": {Is: []string{""}, Not: true}},
			AtLeast: map[string]float64{"users_10m": usersTried, "secrets_10m": secretsUsed, "spray_10m": usersTried},
			Subject: "authorization",
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		users, secrets, spray := in.Windows["users_10m"], in.Windows["secrets_10m"], in.Windows["spray_10m"]
		hit := func(n int, reason string, shown []string) []sdk.Hit {
			return []sdk.Hit{{
				Subject: "authorization", Count: n, Reason: strconv.Itoa(n) + reason,
				Evidence: &sdk.Evidence{Path: "head", Snippet: cut(strings.Join(shown, ", "), maxSnippet)},
			}}
		}
		switch {
		case in.Facts.AuthSecret == "":
			return nil
		case spray.N >= usersTried:
			return hit(spray.N, " users tried with one password", spray.Values)
		case users.N >= usersTried:
			return hit(users.N, " users tried from one address", users.Values)
		case secrets.N >= secretsUsed:
			return hit(secrets.N, " different secrets from one address", []string{in.Facts.AuthScheme})
		}
		return nil
	},
}
