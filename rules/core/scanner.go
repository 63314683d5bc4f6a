package core

import (
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// scanners are names by which scanners present themselves, in lower case, and
// whether they attack or only measure.
var scanners = []struct {
	word    string
	attacks bool
}{
	{"nuclei", true},
	{"sqlmap", true},
	{"nikto", true},
	{"nmap scripting", true},
	{"masscan", true},
	{"zgrab", true},
	{"gobuster", true},
	{"dirbuster", true},
	{"dirsearch", true},
	{"ffuf", true},
	{"fuzz faster", true},
	{"feroxbuster", true},
	{"wfuzz", true},
	{"wpscan", true},
	{"acunetix", true},
	{"netsparker", true},
	{"nessus", true},
	{"openvas", true},
	{"qualys", true},
	{"w3af", true},
	{"arachni", true},
	{"whatweb", true},
	{"burpsuite", true},
	{"burp suite", true},
	{"owasp zap", true},
	{"zaproxy", true},
	{"projectdiscovery", true},
	{"interactsh", true},
	{"jaeles", true},
	{"hydra", true},
	{"metasploit", true},
	{"mcp-scan", true},
	{"mcpscan", true},
	{"mcp_scan", true},
	{"mcp-scanner", true},
	{"mcp-shield", true},
	{"mcp-recon", true},
	{"mcp-fuzz", true},
	{"ramparts", true},
	{"agent-scan", true},
	{"censys", false},
	{"shodan", false},
	{"internetmeasurement", false},
	{"internet-measurement", false},
	{"expanse", false},
	{"paloaltonetworks", false},
	{"netsystemsresearch", false},
	{"binaryedge", false},
	{"leakix", false},
	{"l9explore", false},
	{"l9tcpid", false},
	{"onyphe", false},
	{"criminalip", false},
	{"fofa", false},
	{"zoomeye", false},
	{"stretchoid", false},
	{"odin", false},
	{"modatscanner", false},
	{"bitsightbot", false},
	{"cypex", false},
}

var scannerFingerprint = &rule{
	info: sdk.RuleInfo{
		ID:             "MCP_SCANNER_FINGERPRINT",
		Title:          "Known scanner",
		Severity:       sdk.SeverityMedium,
		Confidence:     sdk.ConfidenceMedium,
		Description:    "The user agent or the client's name is that of a scanner. Low severity for services that measure the whole internet.",
		FalsePositives: "Your own scans: name them in rules.operator.",
		Attack:         []string{"T1595"},
		Atlas:          []string{"AML.T0006"},
		Dedup:          &sdk.Dedup{By: "ip", Over: "1h"},
		Fields:         []string{"kind", "ua", "client"},
		Gate: sdk.Gate{
			ClientTerms: scannerWords(),
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		list := []struct{ path, text string }{{"ua", in.Event.UA}}
		if c := in.Event.Client; c != nil {
			list = append(list, struct{ path, text string }{"client.name", c.Name}, struct{ path, text string }{"client.title", c.Title})
		}
		for _, t := range list {
			if i := scanner(t.text); i >= 0 {
				h := sdk.Hit{
					Subject: scanners[i].word, Reason: "the client calls itself " + scanners[i].word,
					Evidence: &sdk.Evidence{Path: t.path, Snippet: cut(t.text, maxSnippet)},
				}
				if !scanners[i].attacks {
					h.Severity = sdk.SeverityLow
				}
				return []sdk.Hit{h}
			}
		}
		return nil
	},
}

func scannerWords() (list []string) {
	for _, s := range scanners {
		list = append(list, s.word)
	}
	return list
}

// scanner returns the number of the scanner that a text names as a word, -1 for
// none.
func scanner(text string) int {
	low := strings.ToLower(cut(text, 1024))
	for i, s := range scanners {
		for at := 0; ; {
			j := strings.Index(low[at:], s.word)
			if j < 0 {
				break
			}
			j += at
			end := j + len(s.word)
			if (j == 0 || !isLetter(low[j-1])) && (end == len(low) || !isLetter(low[end]) || strings.HasPrefix(low[end:], "inspect") || strings.HasPrefix(low[end:], "bot") || strings.HasPrefix(low[end:], "scan")) {
				return i
			}
			at = end
		}
	}
	return -1
}

// probeAnchors are words of those who want to know whether this is a decoy.
func probeAnchors() []anchor {
	return concat(
		on(kindProbe, always("a question about honeypots"), "honeypot", "honey pot", "honeytoken", "honeynet", "honeydet", "canarytoken", "canary token", "cowrie", "opencanary", "killdeer", "mcp-decoy"),
		on(kindProbe, judgePlaceholder, "{{canary:", "{{fake:", "{{server:"),
		on(kindProbe, judgeQuestion, "are you real", "is this real", "is this a decoy", "are you a decoy", "are you fake", "sandbox detection", "test environment?"),
	)
}

func judgePlaceholder(part, int, int) (string, sdk.Confidence) {
	return "a placeholder of this program", sdk.ConfidenceHigh
}

func judgeQuestion(p part, start, end int) (string, sdk.Confidence) {
	return "the question " + p.text[start:end], sdk.ConfidenceMedium
}

const sameCalls = 3

// nosy are pages that honeypots have and MCP servers do not.
var nosy = []string{"/api/events", "/api/stats", "/api/v1/", "/api/sessions", "/api/health", "/api/detections", "/dashboard", "/admin", "/metrics", "/debug/", "/_status", "/honeypot"}

var decoyProbe = &rule{
	info: sdk.RuleInfo{
		ID:         "MCP_DECOY_PROBE",
		Title:      "Tested for being a decoy",
		Severity:   sdk.SeverityMedium,
		Confidence: sdk.ConfidenceLow,
		Description: "A client made one call three times in a row in a session, to see whether the answer changes; asked for pages that a " +
			"honeypot's dashboard has; or wrote words that only somebody writes who wonders about honeypots.",
		FalsePositives: "Clients that poll, and retries after errors.",
		Attack:         []string{"T1497.001"},
		Atlas:          []string{"AML.T0097"},
		Dedup:          onSource(),
		Fields:         append([]string{"call", "method"}, wordFields...),
		Windows: []sdk.Window{
			{Name: "calls_3m", By: "session", Over: "3m", Last: "call", Keep: sameCalls, Where: map[string]string{"mcp_method": methodCall, "outcome": "result"}},
		},
		GateWindows: []sdk.Window{
			{Name: "same_3m", By: "call", Over: "3m", Count: true, Where: map[string]string{"mcp_method": methodCall, "outcome": "result"}},
		},
		Gate: sdk.Gate{
			When:    map[string]string{"mcp_method": methodCall, "outcome": "result"},
			AtLeast: map[string]float64{"same_3m": sameCalls}, Subject: sdk.SubjectTool,
		},
		Also: []sdk.Gate{
			{When: map[string]string{"outcome": "route_not_found|method_not_allowed"}, Match: map[string]sdk.Match{"path": {Prefix: nosy}}},
			{Terms: wordsOf(kindProbe), ClientTerms: wordsOf(kindProbe)},
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		ev, last := in.Event, in.Windows["calls_3m"].Values
		if r := read(in); r.seen[kindProbe] {
			f := &r.found[kindProbe]
			return []sdk.Hit{{
				Subject: subjectOf(ev), Reason: "the client wonders what this is: " + f.term, Confidence: f.confidence,
				Evidence: &sdk.Evidence{Path: f.path, Snippet: f.snippet},
			}}
		}
		switch {
		case (ev.Outcome == "route_not_found" || ev.Outcome == "method_not_allowed") && hasPrefix(ev.Path, nosy):
			return []sdk.Hit{{Subject: cut(ev.Path, maxKey), Reason: "a page of a honeypot's dashboard was asked for", Evidence: &sdk.Evidence{Path: "path", Snippet: cut(ev.Path, maxSnippet)}}}
		case ev.MCPMethod == methodCall && ev.Outcome == "result" && len(last) == sameCalls && in.Facts.Call != "" && allEqual(last, in.Facts.Call):
			return []sdk.Hit{{Subject: cut(ev.Tool, maxSubject), Count: sameCalls, Reason: "the same call, three times in a row"}}
		}
		return nil
	},
}

func hasPrefix(s string, list []string) bool {
	for _, p := range list {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

func allEqual(list []string, want string) bool {
	for _, s := range list {
		if s != want {
			return false
		}
	}
	return true
}
