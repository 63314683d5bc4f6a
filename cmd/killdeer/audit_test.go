package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/killdeer-mcp/killdeer/audit"
	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/push"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// TestAuditScript runs the transcripts of audits, in which the server's command says
// what the audit is to find.
func TestAuditScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/audit",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "jsonlines": jsonLines},
	})
}

// auditsMain is killdeer with audits that start nothing.
func auditsMain() {
	os.Exit(runWith(context.Background(), &cli{audit: pretend}, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// pretend makes a report of the kind that the server's last word names.
func pretend(_ context.Context, o audit.Options) (*evidence.Report, error) {
	o.Progress("pass A", 0, 2)
	o.Progress("pass A", 1, 2)
	r := &evidence.Report{
		Version: 1, Seed: o.Seed, Outcome: "clean", Target: evidence.Target{Argv: o.Argv, URL: o.URL, Transport: o.Transport},
		Server:   evidence.Identity{Name: "notes", Tools: []evidence.DeclaredTool{{Name: "read_note", Description: "Reads a note."}}, SurfaceHash: "abc"},
		Coverage: evidence.Coverage{Observed: true, Tools: 1, ToolsOK: 1, Ratio: 1, Passes: []string{"A"}},
		Seen:     evidence.Allow{Net: []string{"api.example.com:443"}, Read: []string{"~/notes"}, Exec: []string{"git"}},
		Run:      &evidence.RunTimes{Started: time.Now(), TookMS: 10},
		Locked:   locked(""),
	}
	what := ""
	if len(o.Argv) > 0 {
		what = o.Argv[len(o.Argv)-1]
	}
	found := func(id string, s sdk.Severity) {
		r.Outcome = "findings"
		r.Findings = append(r.Findings, sdk.Finding{ID: id, Title: "reads a secret", Severity: s, Tool: "read_note", Fingerprint: "f1", Count: 1})
	}
	switch what {
	case "critical":
		found("AUD-C01", sdk.SeverityCritical)
	case "low":
		found("AUD-N01", sdk.SeverityLow)
	case "changed":
		found("AUD-M06", sdk.SeverityHigh)
		r.Locked = locked("evil.example:443")
	case "inconclusive":
		r.Outcome, r.Coverage.Ratio, r.Coverage.ToolsOK = "inconclusive", 0, 0
	case "failed":
		r.Outcome = "failed"
	case "setup":
		return nil, fmt.Errorf("%w: bubblewrap is not installed; install it", audit.ErrSetup)
	case "error":
		return nil, errors.New("the server has no legs")
	case "options":
		b, err := json.Marshal([]any{o.Argv, o.Depth, o.Tracer, o.Sandbox, o.CallTimeout.String(), o.Budget.String(), o.Policy, o.Others, o.Env})
		r.Reasons = []string{string(b)}
		return r, err
	}
	return r, nil
}

func locked(host string) *evidence.LockedServer {
	t := evidence.LockedTool{SHA256: strings.Repeat("a", 64), Description: "Reads a note."}
	if host != "" {
		t.Behaviour.Hosts = []string{host}
	}
	return &evidence.LockedServer{Argv: []string{"node"}, Server: sdk.RawJSON(`{"name":"notes"}`), Tools: map[string]evidence.LockedTool{"read_note": t}}
}

// The exit code does not depend on the format.
func TestAuditCodes(t *testing.T) {
	t.Chdir(t.TempDir())
	for what, want := range map[string]int{"clean": 0, "low": 0, "critical": 3, "inconclusive": 5, "failed": 2, "setup": 2, "error": 1} {
		for _, format := range auditFormats {
			var out, errs strings.Builder
			got := runWith(t.Context(), &cli{audit: pretend}, []string{"audit", "--format", format, "--", "server", what}, nil, &out, &errs)
			if got != want {
				t.Errorf("audit of %s as %s = %d, want %d: %s", what, format, got, want, errs.String())
			}
			if format == "json" && got != 1 && what != "setup" && !json.Valid([]byte(out.String())) {
				t.Errorf("standard output of %s is not JSON alone: %s", what, out.String())
			}
		}
	}
	if entries, err := os.ReadDir("."); err != nil || len(entries) > 0 {
		t.Errorf("an audit left %v, %v", entries, err)
	}
}

func TestPush(t *testing.T) {
	var got push.Body
	var token, path string
	dashboard := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, path = r.Header.Get("Authorization"), r.Method+" "+r.URL.Path
		if strings.HasPrefix(r.URL.Path, "/moved") {
			http.Redirect(w, r, "/api/audits", http.StatusTemporaryRedirect)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(body, &got) != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer dashboard.Close()
	t.Setenv(tokenEnv, "")
	t.Setenv(dashboardEnv, "")
	t.Chdir(t.TempDir())
	var report, errs strings.Builder
	if code := runWith(t.Context(), &cli{audit: pretend}, []string{"audit", "--format", "json", "--", "x", "critical"}, nil, &report, &errs); code != 3 {
		t.Fatalf("audit = %d: %s", code, errs.String())
	}
	if err := os.WriteFile("report.json", []byte(report.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(in string, args ...string) (int, string) {
		var out, errs strings.Builder
		code := runWith(t.Context(), &cli{}, append([]string{"push"}, args...), strings.NewReader(in), &out, &errs)
		return code, out.String() + errs.String()
	}
	to := []string{"--dashboard-url", dashboard.URL, "--token", "t0k"}
	if code, out := run(report.String(), append(to, "--category", "local", "--author", "me")...); code != 0 {
		t.Errorf("push = %d: %s", code, out)
	}
	want := push.Body{
		Server:   push.Listing{Name: "notes", Transport: "stdio", Category: "local", Author: "me"},
		Audit:    push.Audit{Version: version, Status: "findings", ExitCode: 3, ManifestHash: "abc"},
		Tools:    []push.Tool{{Name: "read_note", Description: "Reads a note."}},
		Findings: []push.Finding{{Type: "sensitive_file_read", Severity: "high", Description: "AUD-C01: reads a secret", Detail: "read_note"}},
	}
	if diff := cmp.Diff(want, got); diff != "" || token != "Bearer t0k" || path != "POST /api/audits" {
		t.Errorf("body (-want +got):\n%s\ntoken %q, path %q", diff, token, path)
	}
	tests := []struct {
		name string
		in   string
		args []string
		want int
	}{
		{"file", "", append(slices.Clone(to), "report.json"), 0},
		{"dash", report.String(), append(slices.Clone(to), "-"), 0},
		{"dry run", report.String(), []string{"--dry-run"}, 0},
		{"no token", report.String(), to[:2], 2},
		{"no address", report.String(), to[2:], 2},
		{"no report", "{}", to, 2},
		{"no JSON", "audit: pass A", to, 2},
		{"no file", "", append(slices.Clone(to), "none.json"), 2},
		{"category", report.String(), append(slices.Clone(to), "--category", "big"), 2},
		{"redirect", report.String(), []string{"--dashboard-url", dashboard.URL + "/moved", "--token", "t"}, 1},
		{"nobody there", report.String(), []string{"--dashboard-url", "http://127.0.0.1:1", "--token", "t"}, 1},
		{"no web address", report.String(), []string{"--dashboard-url", "file:///x", "--token", "t"}, 1},
	}
	for _, tt := range tests {
		if code, out := run(tt.in, tt.args...); code != tt.want || strings.Contains(out, "t0k") {
			t.Errorf("%s: %d, want %d: %s", tt.name, code, tt.want, out)
		}
	}
}

// Help names every key of [audit] as a flag.
func TestAuditFlagsHaveNamesOfKeys(t *testing.T) {
	cmd := (&cli{}).auditCommand()
	for _, key := range []string{"tracer", "budget", "call-timeout", "fail-on", "min-coverage", "policy", "lock"} {
		if cmd.Flags().Lookup(key) == nil {
			t.Errorf("there is no --%s", key)
		}
	}
	if got := filepath.Base(cmd.Flags().Lookup("budget").DefValue); got != "5m" {
		t.Errorf("budget = %s", got)
	}
}
