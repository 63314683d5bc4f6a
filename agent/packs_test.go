package agent_test

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/internal/pack"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// packed is a folder with a store that trusts a key.
type packed struct {
	t   *testing.T
	dir string
	key pack.SecretKey
}

func newPacked(t *testing.T) *packed {
	t.Helper()
	key, err := pack.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	p := &packed{t, t.TempDir(), key}
	if err := p.store(time.Now()).Trust().Add("acme", key.Public(), pack.Scope{}); err != nil {
		t.Fatal(err)
	}
	return p
}

// store is the folder's store at a time, without a self-test.
func (p *packed) store(now time.Time) *pack.Store {
	p.t.Helper()
	s, err := pack.Open(pack.Options{
		Dir: filepath.Join(p.dir, "state", "packs"), StateDir: filepath.Join(p.dir, "state"), TrustDir: filepath.Join(p.dir, "trust.d"),
		Now: func() time.Time { return now },
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// build makes a signed pack of one guest.
func (p *packed) build(name, kind, guest string, serial uint64, created time.Time) []byte {
	p.t.Helper()
	code, err := os.ReadFile(guest)
	if err != nil {
		p.t.Fatal(err)
	}
	dir := p.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, kind+".wasm"), code, 0o600); err != nil {
		p.t.Fatal(err)
	}
	data, err := pack.Build(dir, &pack.Source{
		Publisher: "acme", Name: name, Version: "1", Serial: serial, Created: created, ValidDays: 10, Kind: []string{kind},
	})
	if err == nil {
		data, err = pack.Sign(data, p.key)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return data
}

func (p *packed) install(now time.Time, data []byte) {
	p.t.Helper()
	if _, err := p.store(now).Install(p.t.Context(), data, pack.InstallOptions{}); err != nil {
		p.t.Fatal(err)
	}
}

// start starts a sensor whose configuration is read anew at each reload.
func (p *packed) start(cfg *config.Config, load func() (*config.Config, error)) *running {
	p.t.Helper()
	s, err := agent.Start(p.t.Context(), agent.Options{Config: cfg, Log: slog.New(slog.DiscardHandler), Listen: true, Load: load})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { stop(p.t, s) })
	if _, err := s.Ready(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	return &running{s, p.t, "http://" + s.Addr().String(), cfg.Sensor.StateDir}
}

// wire sends requests one after the other over a connection that is not replaced.
type wire struct {
	net.Conn
	r *bufio.Reader
}

// RoundTrip implements [http.RoundTripper].
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Write(w); err != nil {
		return nil, err
	}
	return http.ReadResponse(w.r, req)
}

// Calls of one session go on over one connection while personas and rules are
// exchanged under it: each is answered.
func TestReloadDropsNothing(t *testing.T) {
	p := newPacked(t)
	g := guests(t)
	p.install(time.Now(), p.build("bank", "persona", g.hostile, 1, time.Now()))
	with := configure(t, p.dir, fmt.Sprintf("personas = [%q, \"acme/bank\"]\n", g.enterprise))
	without := configure(t, p.dir, fmt.Sprintf("personas = [%q]\n", g.enterprise))
	without.Rules.Packs = nil
	var mu sync.Mutex
	now := with
	r := p.start(with, func() (*config.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		return now, nil
	})
	conn, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := r.connectFrom(t, &http.Client{Transport: &wire{conn, bufio.NewReader(conn)}})
	list := func() int {
		return strings.Count(c.post(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`), `"inputSchema"`)
	}
	all := list()
	quit, done := make(chan struct{}), make(chan struct{})
	var reloads atomic.Int64
	go func() {
		defer close(done)
		for ; ; reloads.Add(1) {
			select {
			case <-quit:
				return
			default:
			}
			mu.Lock()
			if now = with; reloads.Load()%2 == 0 {
				now = without
			}
			mu.Unlock()
			if _, err := r.Reload(); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	const enough = 6 // reloads; calls are as many as fit in between
	i := 0
	for ; reloads.Load() < enough && !t.Failed(); i++ {
		out := c.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"slack_channels_list","arguments":{"limit":%d}}}`, i, 1+i%50))
		if !strings.Contains(out, `"result"`) || strings.Contains(out, `"isError":true`) {
			t.Fatalf("call %d was answered %s", i, out)
		}
	}
	close(quit)
	<-done
	mu.Lock()
	now = without
	mu.Unlock()
	if _, err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	if n := list(); n >= all {
		t.Errorf("%d tools without the pack, %d with it", n, all)
	}
	t.Logf("%d reloads during %d calls", reloads.Load(), i)
}

// A pack that works alone and not beside the sensor's other guests is taken back.
func TestRunningSensorRefusesPack(t *testing.T) {
	p := newPacked(t)
	g := guests(t)
	p.install(time.Now(), p.build("bank", "persona", g.hostile, 1, time.Now()))
	cfg := configure(t, p.dir, fmt.Sprintf("personas = [%q, \"acme/bank\"]\n", g.enterprise))
	r := p.start(cfg, nil)
	before := r.connect(t).post(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	log := slog.New(slog.DiscardHandler)
	store, err := agent.OpenPacks(cfg, "dev", nil, log)
	if err != nil {
		t.Fatal(err)
	}
	// The same tools as the other persona has.
	_, running, err := agent.InstallPack(t.Context(), cfg, store, p.build("bank", "persona", g.enterprise, 2, time.Now()), pack.InstallOptions{})
	if !running || pack.ClassOf(err) != pack.SelfTest || !strings.Contains(err.Error(), "is loaded twice") {
		t.Fatalf("InstallPack = %v, %v", running, err)
	}
	in, err := store.Current("acme/bank")
	if err != nil || in.Serial != 1 {
		t.Errorf("in use: %v, %v, want serial 1", in, err)
	}
	if after := r.connect(t).post(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`); after != before {
		t.Error("the tools changed")
	}
	change, running, err := agent.InstallPack(t.Context(), cfg, store, p.build("bank", "persona", g.hostile, 3, time.Now()), pack.InstallOptions{})
	if err != nil || !running || change.Previous != 1 {
		t.Errorf("InstallPack = %+v, %v, %v", change, running, err)
	}
}

// The self-test notices what does not work.
func TestSelfTest(t *testing.T) {
	p := newPacked(t)
	g := guests(t)
	cfg := configure(t, p.dir, "")
	store, err := agent.OpenPacks(cfg, "dev", nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, kind, guest, want string
	}{
		{"persona as rules", "rules", g.enterprise, `kind is "persona"`},
		{"rules as persona", "persona", g.core, `kind is "rules"`},
		{"no module", "rules", "packs_test.go", "not_wasm"},
		{"rules", "rules", g.core, ""},
	} {
		_, running, err := agent.InstallPack(t.Context(), cfg, store, p.build("x", tt.kind, tt.guest, 1, time.Now()), pack.InstallOptions{})
		if running {
			t.Errorf("%s: a sensor is running", tt.name)
		}
		if tt.want == "" && err != nil || tt.want != "" && (pack.ClassOf(err) != pack.SelfTest || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// An expired pack goes on working, and an event says so.
func TestStalePack(t *testing.T) {
	p := newPacked(t)
	then := time.Now().AddDate(0, 0, -20)
	p.install(then, p.build("scan", "rules", guests(t).core, 1, then))
	cfg := configure(t, p.dir, "")
	cfg.Rules.Packs = []string{"acme/scan"}
	r := p.start(cfg, nil)
	stale := settled(t, r.log(), journal.Query{Kind: sdk.KindPackStale}, 1)
	if got := stale[0].Pack; got == nil || got.ID != "acme/scan" || got.Serial != 1 {
		t.Errorf("event = %+v", stale[0])
	}
	r.connect(t).post(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	settled(t, r.log(), journal.Query{Kind: sdk.KindDetection}, 1)
	if _, err := r.Reload(); err != nil {
		t.Error(err)
	}
	if n := len(events(t, r.log(), journal.Query{Kind: sdk.KindPackStale})); n != 1 {
		t.Errorf("%d events of one pack, want 1", n)
	}
}

// Windows and deduplication go on over a change of the rules: a pack that takes
// over in the middle of a window finds what the one before would have found, once.
func TestReloadKeepsWindows(t *testing.T) {
	p := newPacked(t)
	core := guests(t).core
	p.install(time.Now(), p.build("scan", "rules", core, 1, time.Now()))
	cfg := configure(t, p.dir, "")
	packs := cfg.Rules.Packs
	r := p.start(cfg, func() (*config.Config, error) {
		next := *cfg
		next.Rules.Packs = packs
		return &next, nil
	})
	c := r.connect(t)
	recon := journal.Query{Kind: sdk.KindDetection, Rule: "MCP_MULTI_TOOL_RECON"}
	exchange := func(names ...string) {
		t.Helper()
		packs = names
		if done, err := r.Reload(); err != nil || !done.Rules || done.Personas {
			t.Fatalf("Reload = %+v, %v", done, err)
		}
	}
	c.call("slack_channels_list", `{}`)
	c.call("jira_search_issues", `{"jql":"text ~ deploy"}`)
	settled(t, r.log(), journal.Query{Kind: sdk.KindAccess}, 3)
	if n := len(events(t, r.log(), recon)); n != 0 {
		t.Fatalf("%d detections after two tools", n)
	}
	exchange("acme/scan")
	c.call("github_list_commits", `{"owner":"x","repo":"y"}`)
	settled(t, r.log(), recon, 1)
	exchange(core)
	c.call("postgresql_execute_select_query", `{"query":"SELECT 1"}`)
	// The next event is judged behind it.
	c.call("no_such_tool", `{}`)
	settled(t, r.log(), journal.Query{Kind: sdk.KindDetection, Rule: "MCP_UNKNOWN_TOOL_PROBE"}, 1)
	if n := len(events(t, r.log(), recon)); n != 1 {
		t.Errorf("%d detections of one recon, want 1", n)
	}
}
