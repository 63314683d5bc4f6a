//go:build linux

package audit_test

import (
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/audit"
	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/internal/auditfixtures"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// fixtureBudget is enough for any fixture on a busy machine.
const fixtureBudget = 90 * time.Second

// TestFixtures audits every server whose behaviour is known, in a network of its
// own from which no packet may get out.
func TestFixtures(t *testing.T) {
	need(t, "strace", "bwrap")
	if !behindWall(t, 5) {
		return
	}
	sent := outside(t)
	t.Run("all", func(t *testing.T) {
		for _, f := range auditfixtures.All() {
			if want := os.Getenv("FIXTURE"); want != "" && !slices.Contains(strings.Split(want, ","), f.Name) {
				continue
			}
			t.Run(f.Name, func(t *testing.T) {
				t.Parallel()
				need(t, f.Needs...)
				holds(t, f, auditFixture(t, f))
			})
		}
	})
	if n := sent(); n > 0 {
		t.Errorf("%d packets got out", n)
	}
	c, err := net.Dial("udp", "192.0.2.1:9")
	if err == nil {
		_, err = c.Write([]byte("x"))
	}
	if err != nil || sent() == 0 {
		t.Errorf("the counter does not count: %v", err)
	}
}

func options(t *testing.T, argv ...string) audit.Options {
	return audit.Options{
		Argv: argv, Transport: "stdio", Depth: audit.Quick, Seed: "1", Tracer: "strace", Sandbox: true,
		CallTimeout: 15 * time.Second, Budget: fixtureBudget, Tracers: []string{tracerDir(t)}, Cache: t.TempDir(),
		Program: "killdeer test", Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

func run(t *testing.T, o audit.Options) *evidence.Report {
	t.Helper()
	began := time.Now()
	r, err := audit.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > o.Budget+30*time.Second {
		t.Errorf("it took %s of a budget of %s", took, o.Budget)
	}
	return r
}

func auditFixture(t *testing.T, f auditfixtures.Fixture) *evidence.Report {
	t.Helper()
	o := options(t, f.Command(t)...)
	o.Depth, o.Server = audit.Depth(f.Depth), "audited"
	o.Lock = &evidence.Lock{Version: 1, Servers: map[string]*evidence.LockedServer{}}
	for name, tools := range f.Others {
		l := &evidence.LockedServer{Tools: map[string]evidence.LockedTool{}}
		for _, tool := range tools {
			l.Tools[tool] = evidence.LockedTool{}
		}
		o.Others, o.Lock.Servers[name] = append(o.Others, name), l
	}
	if f.Before != "" {
		all := auditfixtures.All()
		i := slices.IndexFunc(all, func(x auditfixtures.Fixture) bool { return x.Name == f.Before })
		o.Lock.Servers[o.Server] = run(t, options(t, all[i].Command(t)...)).Locked
	}
	return run(t, o)
}

// holds compares a report with what must be found, and with what must not.
func holds(t *testing.T, f auditfixtures.Fixture, r *evidence.Report) {
	t.Helper()
	if !slices.Contains(f.Outcomes, r.Outcome) {
		t.Errorf("outcome %s, want one of %q; %q", r.Outcome, f.Outcomes, r.Reasons)
	}
	all := slices.Concat(r.Findings, r.Faults)
	for _, w := range f.Want {
		if !slices.ContainsFunc(all, func(x sdk.Finding) bool { return x.ID == w.ID && x.Tool == w.Tool }) {
			t.Errorf("%s of %q was not found", w.ID, w.Tool)
		}
	}
	for _, x := range r.Findings {
		if x.Severity == sdk.SeverityInfo {
			continue
		}
		if f.Kind == auditfixtures.Benign || f.Innocent != "" && x.Tool == f.Innocent {
			t.Errorf("%s of %q: %s", x.ID, x.Tool, x.Title)
		}
	}
	if t.Failed() {
		for _, x := range all {
			t.Logf("%s %s %q: %s %q", x.ID, x.Severity, x.Tool, x.Title, x.Evidence)
		}
		t.Logf("not exercised: %q", r.Not)
	}
	t.Logf("%d ms %v", r.Run.TookMS, r.Run.Stages)
}
