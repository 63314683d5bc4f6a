package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/report"
	"github.com/killdeer-mcp/killdeer/sdk"
)

var update = flag.Bool("update", false, "write the golden files")

// hostile is text that means something to a terminal, to HTML, to Markdown, to SARIF
// and to readers of right-to-left text.
const hostile = "x\x1b[31m\u202e\u200b\U000e0041<script>fetch('http://evil.example/')</script><img src=http://evil.example/a.png>[link](http://evil.example) {0} `${x}` \"q\" \\ \r\n| y"

// sample is a report with a bit of everything, and hostile text in all places that a
// server writes to.
func sample() *evidence.Report {
	call := int64(1e9)
	pass := &evidence.Pass{
		Name: "A", Change: "neutral arguments", Traced: true, Home: "/home/audit", Clock: evidence.Clock{MonoNS: 0}, Exit: "0",
		Server: sdk.RawJSON(`{"name":` + quoted(hostile) + `,"version":"1.2.3"}`), Instructions: hostile,
		Spans: []evidence.Span{{Phase: evidence.Startup, From: 0, To: call}, {Phase: evidence.InCall, Call: 1, From: call, To: 2 * call}, {Phase: evidence.InCall, Call: 2, From: 2 * call, To: 3 * call}},
		Calls: []*evidence.Call{
			{N: 1, Kind: "tool", Name: "format_note", Case: "minimal", From: call, To: call + 5e8, Outcome: "ok"},
			{N: 2, Kind: "tool", Name: hostile, Case: "full", From: 2 * call, To: 2*call + 1e8, Outcome: "tool_error"},
		},
		Catalog: []evidence.Catalog{{Tools: []sdk.RawJSON{
			sdk.RawJSON(`{"name":"format_note","description":"Formats a note, locally."}`), sdk.RawJSON(`{"name":` + quoted(hostile) + `,"description":` + quoted(hostile) + `}`),
		}}},
		Observations: []sdk.Observation{
			{Kind: sdk.ObservedExec, PID: 10, Path: "/usr/bin/bwrap", PreExec: true},
			{Kind: sdk.ObservedExec, PID: 11, PPID: 1, PathReal: "/usr/bin/node", Argv: []string{"node", "server.js", "--token=hunter2"}},
			{Kind: sdk.ObservedFork, PID: 11, Ret: 12},
			{Kind: sdk.ObservedExec, PID: 12, PPID: 11, PathReal: "/usr/bin/sh", Argv: []string{"sh", "-c", hostile}, MonoNS: call + 1},
			{Kind: sdk.ObservedExit, PID: 12, Status: "0"},
			{Kind: sdk.ObservedOpen, PID: 11, PathReal: "/home/audit/.ssh/id_rsa", Access: sdk.Access{Read: true}, Ret: 3, MonoNS: call + 2},
			{Kind: sdk.ObservedOpen, PID: 11, PathReal: "/home/audit/a*[b].txt", Access: sdk.Access{Write: true}, Ret: 3},
			{Kind: sdk.ObservedOpen, PID: 11, PathReal: "/etc/hosts", Access: sdk.Access{Read: true}, Ret: 3},
			{Kind: sdk.ObservedOpen, PID: 11, Path: "/home/audit/.env", Access: sdk.Access{Read: true}, Ret: -1, Errno: "ENOENT"},
		},
		Net: []evidence.Flow{
			{At: call + 3, Proto: "tcp", Addr: "93.184.216.34", Port: 80, SentSize: 400},
			{At: call + 4, Proto: "tcp", Addr: "198.18.0.1", Name: hostile, Port: 443, TLS: true, SNI: hostile, SentSize: 1},
		},
		Names: []evidence.Lookup{{At: 5, Name: hostile, Type: "A"}},
	}
	audit := &evidence.Audit{
		Version: 1, Seed: "42", Passes: []*evidence.Pass{pass},
		Target:  evidence.Target{Name: "node", Argv: []string{"node", "server.js", "--token", "hunter2", hostile}, Transport: "stdio"},
		Machine: evidence.Machine{Kernel: "6.18", Sandbox: "bubblewrap 0.8.0", Tracer: sdk.TracerCapabilities{Name: "strace", Version: "6.1"}},
	}
	r := report.Build(audit, verdictOf())
	r.Program = "killdeer test"
	r.Lock = evidence.LockStatus{File: "mcp.lock", State: "drift", Changes: []evidence.LockChange{{Path: "tools." + hostile + ".description", Change: "changed", Old: "old", New: hostile}}}
	r.Run = &evidence.RunTimes{Started: time.Unix(1700000000, 0).UTC(), TookMS: 21300, Stages: []evidence.Stage{{Name: "sandbox", TookMS: 300}, {Name: "pass A", TookMS: 21000}}}
	report.Decide(r, "high", 0)
	return r
}

func verdictOf() evidence.Verdict {
	return evidence.Verdict{
		Outcome: "findings",
		Findings: []sdk.Finding{
			{ID: "AUD-N03", Fingerprint: "bb", Title: "talks to an address without a name", Severity: sdk.SeverityMedium, Confidence: sdk.FindingObserved, Pass: "A", Phase: "call", Call: 1, Tool: "format_note", Object: "93.184.216.34:80", Count: 1},
			{
				ID: "AUD-C02", Fingerprint: "aa", Title: "bytes of .ssh/id_rsa left by network", Severity: sdk.SeverityCritical, Confidence: sdk.FindingObserved,
				Pass: "A", Phase: "call", Call: 1, Tool: hostile, Object: hostile, Args: sdk.RawJSON(`{"note":` + quoted(hostile) + `}`), Processes: []string{hostile},
				Claim: &sdk.Claim{Source: "description", Quote: hostile}, Canary: &sdk.CanaryMatch{ID: "file:.ssh/id_rsa", Source: ".ssh/id_rsa", Encoding: "base64", Where: "network"},
				Evidence: []string{hostile}, Replay: "killdeer audit --seed 42 -- node server.js", Fix: "look at it", Count: 3, OWASP: []string{"MCP01"}, Attack: []string{"T1041"}, FirstMS: 5, LastMS: 9,
			},
		},
		Operational: []sdk.Finding{{ID: "AUD-T03", Title: "prints lines that are no JSON", Severity: sdk.SeverityInfo, Object: hostile, Count: 2}},
		Suppressed:  []sdk.Finding{{ID: "AUD-N01", Fingerprint: "cc", Title: "talks to a host that it does not declare", Severity: sdk.SeverityLow, Object: "t.example:443", Suppressed: "telemetry, " + hostile, Count: 1}},
		Coverage:    evidence.Coverage{Passes: []string{"A"}, Observed: true, Tools: 2, ToolsCalled: 2, ToolsOK: 1, Calls: 2, CallsOK: 1, Ratio: 0.5, Never: []string{hostile}, Refused: []string{hostile}},
		Tools: []evidence.ToolRow{
			{Tool: "format_note", Declared: []string{"read-only", "no net"}, Observed: []string{"reads ~/.ssh/id_rsa (none)", "net 93.184.216.34:80"}, Calls: 1, OK: 1, Findings: []string{"AUD-N03"}},
			{Tool: hostile, Declared: []string{hostile}, Observed: []string{hostile}, Calls: 1, Findings: []string{"AUD-C02"}},
		},
		Ignored: map[string]int{"enoent": 12, "runtime": 800},
	}
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestGolden(t *testing.T) {
	place := report.Place{File: "conf/mcp lock", Line: func(tool string) int { return len(tool) % 7 }}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"report.txt":   func(b *bytes.Buffer) error { return report.Terminal(b, sample(), 120, false) },
		"report.ansi":  func(b *bytes.Buffer) error { return report.Terminal(b, sample(), 80, true) },
		"report.json":  func(b *bytes.Buffer) error { return report.JSON(b, sample()) },
		"report.sarif": func(b *bytes.Buffer) error { return report.SARIF(b, sample(), place) },
		"report.html":  func(b *bytes.Buffer) error { return report.HTML(b, sample()) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			requirePrintable(t, name, b.String())
			golden(t, name, b.Bytes())
		})
	}
}

// requirePrintable wants no control character in any format but those that it makes.
func requirePrintable(t *testing.T, name, text string) {
	t.Helper()
	for _, r := range text {
		ours := r == '\n' || r == '\x1b' && name == "report.ansi"
		if !ours && (!unicode.IsPrint(r) || unicode.Is(unicode.Bidi_Control, r)) {
			t.Errorf("%s has %U in it", name, r)
		}
	}
	if name == "report.ansi" && strings.Contains(text, "\x1b[31m\\") {
		t.Error("a server's escape sequence is in the terminal's form")
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what it was; -update writes it:\n%s", file, firstDifference(string(want), string(got)))
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return "-" + w[i] + "\n+" + g[i]
		}
	}
	return "one is longer"
}

// One screen: what a terminal of 80 to 120 columns shows at once.
func TestTerminalFits(t *testing.T) {
	r := sample()
	for range 200 {
		r.Findings = append(r.Findings, r.Findings[0])
		r.Tools = append(r.Tools, r.Tools[0])
		r.Not = append(r.Not, hostile)
	}
	for _, width := range []int{0, 60, 80, 120, 1000} {
		var b bytes.Buffer
		if err := report.Terminal(&b, r, width, false); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(b.String(), "\n")
		if len(lines) > 90 {
			t.Errorf("%d lines at width %d", len(lines), width)
		}
		for _, l := range lines {
			if n := len([]rune(l)); n > max(60, min(width, 160)) {
				t.Errorf("a line has %d characters at width %d: %s", n, width, l)
			}
		}
	}
}

func TestSARIFSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	schema, err := compiler.Compile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	empty := &evidence.Report{Version: 1, Outcome: "clean"}
	for name, r := range map[string]*evidence.Report{"sample": sample(), "empty": empty} {
		var b bytes.Buffer
		if err := report.SARIF(&b, r, report.Place{}); err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(&b)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The schema is the one that refuses what is no SARIF.
	if err := schema.Validate(map[string]any{"version": "2.0.0", "runs": []any{}}); err == nil {
		t.Error("the schema takes another version")
	}
}

func TestSARIFPlaces(t *testing.T) {
	var b bytes.Buffer
	if err := report.SARIF(&b, sample(), report.Place{File: "a b/mcp.lock", Line: func(string) int { return 7 }}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"uri": "a%20b/mcp.lock"`, `"startLine": 7`, `"security-severity": "9.5"`, `"killdeerFinding/v1": "aa"`, `\\[link\\](http://evil.example) {{0}}`,
		`"kind": "external"`, `"id": "MCP01"`, `"exitCode": 3`, `docs/audit.md#aud-c02`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
}

func TestDecide(t *testing.T) {
	finding := func(id string, s sdk.Severity) []sdk.Finding { return []sdk.Finding{{ID: id, Severity: s}} }
	drift := evidence.LockStatus{State: "drift", Enforced: true}
	tests := []struct {
		name   string
		in     evidence.Report
		failOn string
		min    float64
		want   int
	}{
		{"clean", evidence.Report{Outcome: "clean"}, "high", 0, 0},
		{"below", evidence.Report{Outcome: "findings", Findings: finding("AUD-N01", "medium")}, "high", 0, 0},
		{"at", evidence.Report{Outcome: "findings", Findings: finding("AUD-N01", "high")}, "high", 0, 3},
		{"above", evidence.Report{Outcome: "findings", Findings: finding("AUD-N01", "critical")}, "high", 0, 3},
		{"info", evidence.Report{Outcome: "findings", Findings: finding("AUD-N01", "info")}, "info", 0, 3},
		{"never", evidence.Report{Outcome: "findings", Findings: finding("AUD-N01", "critical")}, "never", 0, 0},
		{"failed is never clean", evidence.Report{Outcome: "failed"}, "never", 0, 2},
		{"failed before findings", evidence.Report{Outcome: "failed", Findings: finding("AUD-N01", "critical")}, "high", 0, 2},
		{"drift", evidence.Report{Outcome: "clean", Lock: drift}, "high", 0, 4},
		{"drift by its finding", evidence.Report{Outcome: "findings", Lock: drift, Findings: finding("AUD-M06", "high")}, "high", 0, 4},
		{"drift that is not enforced", evidence.Report{Outcome: "findings", Lock: evidence.LockStatus{State: "drift"}, Findings: finding("AUD-M06", "high")}, "high", 0, 3},
		{"not in the lock", evidence.Report{Outcome: "clean", Lock: evidence.LockStatus{State: "new", Enforced: true}}, "high", 0, 4},
		{"findings before drift", evidence.Report{Outcome: "findings", Lock: drift, Findings: finding("AUD-C01", "high")}, "high", 0, 3},
		{"inconclusive", evidence.Report{Outcome: "inconclusive"}, "high", 0, 5},
		{"drift before inconclusive", evidence.Report{Outcome: "inconclusive", Lock: drift}, "high", 0, 4},
		{"coverage", evidence.Report{Outcome: "clean", Coverage: evidence.Coverage{Ratio: 0.5}}, "high", 0.6, 5},
		{"coverage reached", evidence.Report{Outcome: "clean", Coverage: evidence.Coverage{Ratio: 0.5}}, "high", 0.5, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			report.Decide(&tt.in, tt.failOn, tt.min)
			if got := tt.in.Exit; got.Code != tt.want || got.Why == "" {
				t.Errorf("Decide = %+v, want %d", got, tt.want)
			}
		})
	}
}

func TestNormalise(t *testing.T) {
	a, b := sample(), sample()
	b.Run.TookMS, b.Processes[0].PID, b.Calls[0].AtMS, b.Findings[0].FirstMS, b.Passes[0].TookMS = 1, 2, 3, 4, 5
	report.Normalise(a)
	report.Normalise(b)
	var one, two bytes.Buffer
	if err := report.JSON(&one, a); err != nil {
		t.Fatal(err)
	}
	if err := report.JSON(&two, b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two runs differ:\n" + firstDifference(one.String(), two.String()))
	}
}

func TestBuild(t *testing.T) {
	r := sample()
	if got := strings.Join(r.Target.Argv, " "); strings.Contains(got, "hunter2") {
		t.Errorf("argv = %s", got)
	}
	if len(r.Processes) != 2 || r.Processes[1].Parent != 1 || r.Processes[1].Call != 1 || r.Processes[0].Command[2] != "--token=***" {
		t.Errorf("processes = %+v", r.Processes)
	}
	if want := []string{"~/.ssh/id_rsa"}; !slices.Equal(r.Seen.Read, want) {
		t.Errorf("reads = %q, want %q", r.Seen.Read, want)
	}
	if want := []string{`~/a\*\[b].txt`}; !slices.Equal(r.Seen.Write, want) {
		t.Errorf("writes = %q, want %q", r.Seen.Write, want)
	}
	if want := []string{"node", "sh"}; !slices.Equal(r.Seen.Exec, want) {
		t.Errorf("execs = %q, want %q", r.Seen.Exec, want)
	}
	if r.Findings[0].ID != "AUD-C02" || r.Server.SurfaceHash == "" || r.Passes[0].CallsOK != 1 || r.Calls[0].TookMS != 500 {
		t.Errorf("report = %+v", r)
	}
}

// Every id has its section in the user's guide, which SARIF points at.
func TestIDsAreDocumented(t *testing.T) {
	guide, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range report.IDs() {
		if !strings.Contains(string(guide), `<a id="`+strings.ToLower(id)+`"></a>`) || !strings.Contains(string(guide), report.Describe(id)) {
			t.Errorf("docs/audit.md has no anchor for %s with %q", id, report.Describe(id))
		}
	}
}

func TestRead(t *testing.T) {
	var b bytes.Buffer
	if err := report.JSON(&b, sample()); err != nil {
		t.Fatal(err)
	}
	r, err := report.Read(&b)
	if err != nil || r.Findings[0].Tool != hostile || r.Exit.Code != 3 {
		t.Errorf("Read = %+v, %v", r, err)
	}
	for _, bad := range []string{"", "{}", "[]", `{"version":2,"outcome":"clean"}`, `{"version":1}`, "null", `{"version":1,"outcome":"clean"} x`} {
		if _, err := report.Read(strings.NewReader(bad)); err == nil {
			t.Errorf("Read(%q) is no error", bad)
		}
	}
}

// FuzzRead holds that what is read can be shown in every format.
func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := report.JSON(&b, sample()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"version":1,"outcome":"x","processes":[{"n":1,"parent":1},{"n":1,"parent":1}],"calls":[{"at_ms":-9,"took_ms":9223372036854775807}],"network":[{"port":-1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := report.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		var out bytes.Buffer
		for _, write := range []func() error{
			func() error { return report.Terminal(&out, r, 80, false) },
			func() error { return report.JSON(&out, r) },
			func() error { return report.SARIF(&out, r, report.Place{}) },
			func() error { return report.HTML(&out, r) },
		} {
			out.Reset()
			if err := write(); err != nil {
				t.Fatal(err)
			}
			requirePrintable(t, "", out.String())
		}
	})
}

// A server that could not be looked at is not let through for a finding that is too
// small to fail it; a grave one counts before that.
func TestUnseenWithFindings(t *testing.T) {
	for severity, want := range map[sdk.Severity]int{sdk.SeverityMedium: report.ExitInconclusive, sdk.SeverityHigh: report.ExitFindings} {
		r := &evidence.Report{
			Outcome: "findings", Reasons: []string{"the server was not ready in pass A"}, Coverage: evidence.Coverage{Ratio: 1},
			Findings: []sdk.Finding{{ID: "AUD-R01", Severity: severity}},
		}
		if report.Decide(r, "high", 0); r.Exit.Code != want {
			t.Errorf("%s: exit %d (%s), want %d", severity, r.Exit.Code, r.Exit.Why, want)
		}
	}
}
