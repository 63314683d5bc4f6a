package core

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// The three who may be behind a session.
const (
	agent = iota
	script
	human
	classes
)

var classNames = [classes]string{"agent", "script", "human"}

// feature is one thing that tells them apart: its value from 0 to 1, and what it
// is worth for each. The weights are data, set by judgement, not learned.
type feature struct {
	name    string
	weights [classes]float64
	value   func(b *behaviour) float64
}

var features = [...]feature{
	{"pauses under 50 ms", [classes]float64{-1.5, 3, -4}, func(b *behaviour) float64 { return b.share(-1e9, 50) }},
	{"pauses of 50 ms to 1 s", [classes]float64{-0.5, 1, -2}, func(b *behaviour) float64 { return b.share(50, 1000) }},
	{"pauses of 1 to 15 s", [classes]float64{2.5, -1.5, 0.5}, func(b *behaviour) float64 { return b.share(1000, 15_000) }},
	{"pauses over 15 s", [classes]float64{-0.5, -1, 2.5}, func(b *behaviour) float64 { return b.share(15_000, 1e12) }},
	{"even pauses", [classes]float64{-1.5, 2.5, -2}, func(b *behaviour) float64 { return b.evenness() }},
	{"calls side by side", [classes]float64{0.5, 1, -2.5}, func(b *behaviour) float64 { return b.share(-1e9, -1) }},
	{"tools in alphabetical order", [classes]float64{-1.5, 2.5, -1}, func(b *behaviour) float64 { return b.alphabetical() }},
	{"natural language in arguments", [classes]float64{2, -2, 1.5}, func(b *behaviour) float64 { return b.spoken }},
	{"a retry after an error that succeeded", [classes]float64{1.5, -1.5, 1}, func(b *behaviour) float64 { return b.corrected }},
	{"the name of an agent", [classes]float64{2, -1, -0.5}, func(b *behaviour) float64 { return named(b.name, agents) }},
	{"the name of a script's library", [classes]float64{-1, 1.5, -1}, func(b *behaviour) float64 { return named(b.ua, libraries) }},
	{"a browser or an inspector", [classes]float64{-1, -0.5, 1.5}, func(b *behaviour) float64 { return max(named(b.ua, browsers), named(b.name, browsers)) }},
	{"a name and a user agent that do not agree", [classes]float64{-0.5, 1.5, 0}, func(b *behaviour) float64 { return b.disagree() }},
}

var (
	agents    = []string{"claude", "cursor", "vscode", "copilot", "windsurf", "codex", "gemini", "goose", "cline", "roo", "continue", "zed", "librechat", "openai", "anthropic", "langchain", "crewai", "autogen", "agent"}
	libraries = []string{"python-requests", "python-httpx", "aiohttp", "go-http-client", "curl/", "wget/", "libwww", "okhttp", "java/", "axios", "ruby", "php"}
	browsers  = []string{"mozilla/", "inspector", "postman", "insomnia", "bruno"}
)

var agentClassified = &rule{
	info: sdk.RuleInfo{
		ID:         "MCP_AGENT_CLASSIFIED",
		Title:      "Who is behind a session",
		Severity:   sdk.SeverityInfo,
		Confidence: sdk.ConfidenceLow,
		Description: "After 6, 16 and 32 calls of an actor within an hour: how likely an agent, a script or a human is behind them, and by " +
			"which features. A verdict that stays the same is given once a day.",
		FalsePositives: "An agent whose tools are called by a script looks like the script.",
		Atlas:          []string{"AML.T0053"},
		Dedup:          &sdk.Dedup{By: "actor", Over: "24h"},
		Fields:         []string{"kind", "mcp_method", "client", "ua", "pace"},
		Windows: []sdk.Window{
			{Name: "paces_1h", By: "actor", Over: "1h", Last: "pace"},
			{Name: "paced_1h", By: "actor", Over: "1h", Count: true, Where: map[string]string{"mcp_method": methodCall}},
		},
		Gate: sdk.Gate{
			When: map[string]string{"mcp_method": methodCall},
			At:   map[string][]int{"paced_1h": {6, 16, 32}},
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		b, ok := behaviourOf(in)
		if !ok {
			return nil
		}
		odds, reasons := b.classify()
		best := 0
		for i := range odds {
			if odds[i] > odds[best] {
				best = i
			}
		}
		var shares []string
		for i, p := range odds {
			shares = append(shares, classNames[i]+" "+strconv.FormatFloat(p, 'f', 2, 64))
		}
		h := sdk.Hit{
			Subject: classNames[best], Count: len(b.paces), Reason: strings.Join(shares, ", ") + ": " + strings.Join(reasons, ", "),
			Evidence: &sdk.Evidence{Path: "pace", Snippet: cut(strings.Join(reasons, ", "), maxSnippet)},
		}
		if odds[best] > 0.9 {
			h.Confidence = sdk.ConfidenceMedium
		}
		return []sdk.Hit{h}
	},
}

// behaviour is what a row of calls shows of who made them.
type behaviour struct {
	name, ua          string
	paces             []paceValue
	gaps              []float64 // milliseconds from an answer to the next call
	spoken, corrected float64
}

type paceValue struct {
	at, took float64
	outcome  byte
	spoken   bool
	tool     string
}

const minPaces = 4

// behaviourOf reads the window of paces; false when there is too little.
func behaviourOf(in *sdk.Evaluation) (*behaviour, bool) {
	b := &behaviour{ua: strings.ToLower(cut(in.Event.UA, maxSubject))}
	if c := in.Event.Client; c != nil {
		b.name = strings.ToLower(cut(c.Name, maxSubject))
	}
	for _, v := range in.Windows["paces_1h"].Values {
		if p, ok := parsePace(v); ok {
			b.paces = append(b.paces, p)
		}
	}
	if len(b.paces) < minPaces {
		return nil, false
	}
	for i := 1; i < len(b.paces); i++ {
		prev, p := &b.paces[i-1], &b.paces[i]
		b.gaps = append(b.gaps, p.at-prev.at-prev.took)
		if prev.outcome == 'e' && p.outcome == 'r' && p.tool == prev.tool {
			b.corrected = 1
		}
	}
	for _, p := range b.paces {
		if p.spoken {
			b.spoken = min(1, b.spoken+0.5)
		}
	}
	return b, true
}

func parsePace(s string) (p paceValue, ok bool) {
	f := strings.Split(s, " ")
	if len(f) != 5 || len(f[2]) != 1 {
		return p, false
	}
	at, err1 := strconv.ParseInt(f[0], 10, 64)
	took, err2 := strconv.ParseInt(f[1], 10, 64)
	return paceValue{float64(at), float64(took), f[2][0], f[3] == "n", f[4]}, err1 == nil && err2 == nil
}

// share is the part of the pauses that lie in [low, high) milliseconds.
func (b *behaviour) share(low, high float64) float64 {
	n := 0
	for _, g := range b.gaps {
		if g >= low && g < high {
			n++
		}
	}
	return float64(n) / float64(max(1, len(b.gaps)))
}

// evenness is near 1 when the pauses hardly differ.
func (b *behaviour) evenness() float64 {
	mean, n := 0.0, float64(len(b.gaps))
	for _, g := range b.gaps {
		mean += g / n
	}
	variance := 0.0
	for _, g := range b.gaps {
		variance += (g - mean) * (g - mean) / n
	}
	return math.Exp(-math.Sqrt(variance) / math.Max(20, 0.1*math.Abs(mean)))
}

// alphabetical is 1 when five or more distinct tools came in their order.
func (b *behaviour) alphabetical() float64 {
	var tools []string
	for _, p := range b.paces {
		if n := len(tools); n == 0 || tools[n-1] != p.tool {
			tools = append(tools, p.tool)
		}
	}
	if len(tools) >= 5 && slices.IsSorted(tools) {
		return 1
	}
	return 0
}

// disagree is 1 for a client that calls itself an agent and comes by a library
// that no such agent uses.
func (b *behaviour) disagree() float64 {
	return named(b.name, agents) * named(b.ua, libraries)
}

func named(s string, list []string) float64 {
	for _, w := range list {
		if strings.Contains(s, w) {
			return 1
		}
	}
	return 0
}

// classify weighs the features: the odds of each class, and the features that
// were there, the weightiest first.
func (b *behaviour) classify() (odds [classes]float64, reasons []string) {
	type reason struct {
		text   string
		weight float64
	}
	var found []reason
	for i := range features {
		f := &features[i]
		v := f.value(b)
		if v < 0.05 {
			continue
		}
		most := 0.0
		for c, w := range f.weights {
			odds[c] += v * w
			most = math.Max(most, math.Abs(v*w))
		}
		found = append(found, reason{f.name + " (" + strconv.FormatFloat(v, 'f', 2, 64) + ")", most})
	}
	slices.SortStableFunc(found, func(a, b reason) int {
		switch {
		case a.weight > b.weight:
			return -1
		case a.weight < b.weight:
			return 1
		}
		return 0
	})
	for _, r := range found {
		reasons = append(reasons, r.text)
	}
	return softmax(odds), reasons
}

func softmax(x [classes]float64) (p [classes]float64) {
	sum := 0.0
	for i := range x {
		p[i] = math.Exp(x[i])
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}
