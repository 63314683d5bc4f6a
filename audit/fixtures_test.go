//go:build linux

package audit_test

import (
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
func TestFixtures(t *testing.T) { fixtures(t, "strace") }

// TestFixturesUnseen does the same with the tracer that looks on from the kernel: it
// must come to the same findings. FIXTURE=all takes all of them, otherwise it is those
// that a tracer decides.
func TestFixturesUnseen(t *testing.T) { fixtures(t, "ebpf") }

var unseen = []string{
	"reads-by-symlink", "reads-by-child", "reads-by-descent", "sends-udp", "socket-abstract", "file-copy", "raw-address-6", "bashrc",
	"runs-shell-pipe", "daemon", "preload", "attaches", "privileges", "listener-call", "tracer-pid", "tracer-shy", "io-uring", "ring-thief",
	"git", "workers-node", "honest-python", "temporary",
}

func fixtures(t *testing.T, tracer string) {
	need(t, "bwrap")
	needTracer(t, tracer)
	if !behindWall(t, 5) {
		return
	}
	sent := outside(t)
	t.Run("all", func(t *testing.T) {
		for _, f := range auditfixtures.All() {
			if !chosen(f.Name, tracer) {
				continue
			}
			t.Run(f.Name, func(t *testing.T) {
				t.Parallel()
				need(t, f.Needs...)
				holds(t, f, auditFixture(t, f, tracer))
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

// chosen reports whether a fixture is to be audited.
func chosen(name, tracer string) bool {
	want := os.Getenv("FIXTURE")
	switch {
	case want != "" && want != "all":
		return slices.Contains(strings.Split(want, ","), name)
	case tracer == "ebpf" && want == "":
		return slices.Contains(unseen, name)
	}
	return true
}

func options(t *testing.T, argv ...string) audit.Options {
	return audit.Options{
		Argv: argv, Transport: "stdio", Depth: audit.Quick, Seed: "1", Tracer: "strace", Sandbox: true,
		CallTimeout: 15 * time.Second, Budget: fixtureBudget, Tracers: []string{tracerDir(t)}, Cache: t.TempDir(),
		Program: "killdeer test", Log: slog.New(slog.DiscardHandler),
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

func auditFixture(t *testing.T, f auditfixtures.Fixture, tracer string) *evidence.Report {
	t.Helper()
	o := options(t, f.Command(t)...)
	o.Tracer = tracer
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
	if r.Machine.Tracer.SeesIoUring {
		f.Want = slices.Concat(f.Want, f.Seen)
	}
	if !r.Machine.Tracer.VisibleToTarget { // nobody is shy of what he does not see
		f.Want = slices.DeleteFunc(slices.Clone(f.Want), func(w auditfixtures.Want) bool { return w.ID == "AUD-E02" })
	}
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
