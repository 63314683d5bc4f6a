//go:build linux

package audit_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/audit"
	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/report"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// serversDir is where "make servers" installs them.
const serversDir = "../internal/auditservers"

// installed are the real servers, with what follows their command.
var installed = map[string][]string{
	"@cyanheads/git-mcp-server": nil, "@modelcontextprotocol/server-everything": nil, "@modelcontextprotocol/server-memory": nil,
	"@modelcontextprotocol/server-sequential-thinking": nil, "mcp-fetch-server": nil, "mcp-server-commands": nil, "time-mcp": nil,
	"@modelcontextprotocol/server-filesystem": {"ROOT"},
}

// command starts a server that is installed, or skips the test.
func command(t *testing.T, name string) []string {
	t.Helper()
	need(t, "node")
	dir, err := filepath.Abs(filepath.Join(serversDir, "node_modules", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		if slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), "servers") {
			t.Fatalf("servers are required: %v", err)
		}
		t.Skipf("%s is not installed; make servers does that", name)
	}
	var p struct{ Bin any }
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	file, _ := p.Bin.(string)
	if all, ok := p.Bin.(map[string]any); ok {
		file, _ = all[filepath.Base(name)].(string)
		for _, v := range all {
			if only, ok := v.(string); ok && len(all) == 1 {
				file = only
			}
		}
	}
	argv := []string{"node", filepath.Join(dir, file)}
	for _, arg := range installed[name] {
		if arg == "ROOT" {
			arg = t.TempDir()
		}
		argv = append(argv, arg)
	}
	return argv
}

// TestServers audits real servers, of which nothing of low or above may be found.
func TestServers(t *testing.T) {
	need(t, "strace", "bwrap")
	if !behindWall(t, 4) {
		return
	}
	for name := range installed {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, command(t, name)...)
			o.Depth, o.Budget = audit.Default, 3*fixtureBudget
			r := run(t, o)
			if r.Outcome != "clean" {
				t.Errorf("outcome %s: %q", r.Outcome, r.Reasons)
			}
			for _, f := range r.Findings {
				if f.Severity != sdk.SeverityInfo {
					t.Errorf("%s %s of %q in pass %s: %s %q", f.ID, f.Severity, f.Tool, f.Pass, f.Title, f.Evidence)
				}
			}
			// mcp-server-commands runs what it is called with, and now and then that ends it.
			if len(r.Coverage.Passes) != 4 || r.Coverage.CallsOK == 0 {
				t.Errorf("passes %q, %d calls succeeded", r.Coverage.Passes, r.Coverage.CallsOK)
			}
			t.Logf("%d of %d tools, %d calls, %d ms: %+v", r.Coverage.ToolsOK, r.Coverage.Tools, r.Coverage.Calls, r.Run.TookMS, r.Run.Stages)
		})
	}
}

// TestSameSeed audits servers twice.
func TestSameSeed(t *testing.T) {
	need(t, "strace", "bwrap")
	if !behindWall(t, 2) {
		return
	}
	for _, name := range []string{"@modelcontextprotocol/server-memory", "posts-key", "drift-before", "important-tag"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			argv := fixtureOr(t, name)
			var texts [2]string
			for i := range texts {
				o := options(t, argv...)
				o.Depth = audit.Default
				texts[i] = normalised(t, run(t, o))
			}
			if diff := cmp.Diff(strings.Split(texts[0], "\n"), strings.Split(texts[1], "\n")); diff != "" {
				t.Errorf("the same audit differs:\n%s", diff)
			}
		})
	}
}

func normalised(t *testing.T, r *evidence.Report) string {
	t.Helper()
	report.Decide(r, "high", 0)
	report.Normalise(r)
	var b bytes.Buffer
	if err := report.JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
