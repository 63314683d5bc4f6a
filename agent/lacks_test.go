package agent_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	builtin "github.com/killdeer-mcp/killdeer/internal/guests"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// readyz is what the sensor says of itself.
func (r *running) readyz() string {
	r.t.Helper()
	at := slices.IndexFunc(r.Watched(), func(w agent.Watch) bool { return w.Path == "/readyz" })
	w := httptest.NewRecorder()
	r.Watched()[at].Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if w.Code != http.StatusOK {
		r.t.Errorf("readyz: %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func lacking(lacks []agent.Lack) (names []string) {
	for _, l := range lacks {
		names = append(names, l.Name)
	}
	return names
}

// A sensor starts without rule packs that cannot be loaded, says so, and takes them up
// one by one as they are mended. A fault that a reload brings is refused as ever.
func TestStartWithoutRulePack(t *testing.T) {
	p := newPacked(t)
	g := guests(t)
	torn := filepath.Join(p.dir, "torn.wasm")
	code, err := os.ReadFile(g.core)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(torn, code[:len(code)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := configure(t, p.dir, "")
	cfg.Rules.Packs = []string{torn, g.hostile, "acme/scan", g.core}
	packs := cfg.Rules.Packs
	r := p.start(cfg, func() (*config.Config, error) {
		next := *cfg
		next.Rules.Packs = packs
		return &next, nil
	})
	st, err := r.Ready(t.Context())
	if err != nil || len(st.Packs) != 1 || !slices.Equal(lacking(st.Lacks), []string{torn, g.hostile, "acme/scan"}) {
		t.Fatalf("Ready = %+v, %v", st, err)
	}
	if got := r.readyz(); !strings.Contains(got, `"status":"degraded"`) || !strings.Contains(got, `"rules/acme/scan"`) || !strings.Contains(got, "is not installed") {
		t.Errorf("readyz: %s", got)
	}
	health := journal.Query{Kind: sdk.KindHealth}
	for _, ev := range settled(t, r.log(), health, 3) {
		if h := ev.Health; h.State != "down" || !strings.HasPrefix(h.Part, "rules/") || h.Detail == "" {
			t.Errorf("event = %+v", h)
		}
	}
	r.connect(t).post(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	settled(t, r.log(), journal.Query{Kind: sdk.KindDetection}, 1)

	packs = []string{torn, "acme/scan"}
	p.install(time.Now(), p.build("scan", "rules", g.core, 1, time.Now()))
	done, err := r.Reload()
	if err != nil || !done.Rules || !slices.Equal(lacking(done.Lacks), []string{torn}) {
		t.Fatalf("Reload = %+v, %v", done, err)
	}
	up := settled(t, r.log(), health, 4)
	if !slices.ContainsFunc(up, func(ev *sdk.Event) bool { return ev.Health.Part == "rules/acme/scan" && ev.Health.State == "up" }) {
		t.Error("no event says that the pack judges again")
	}
	packs = []string{torn, "acme/scan", "acme/other"}
	if _, err := r.Reload(); err == nil || !strings.Contains(err.Error(), "acme/other is not installed") {
		t.Errorf("Reload with a new fault: %v", err)
	}
	packs = []string{"acme/scan"}
	if done, err := r.Reload(); err != nil || done.Lacks != nil || strings.Contains(r.readyz(), "degraded") {
		t.Errorf("Reload = %+v, %v, then %s", done, err, r.readyz())
	}
}

// A pack that claims rules of a built-in one is left out, wherever it is named.
func TestStartKeepsBuiltIn(t *testing.T) {
	if _, err := builtin.Open("core"); err != nil {
		t.Skip(err)
	}
	g := guests(t)
	cfg := configure(t, t.TempDir(), "")
	cfg.Rules.Packs = []string{g.core, "core"}
	st, err := start(t, cfg).Ready(t.Context())
	if err != nil || len(st.Packs) != 1 || !slices.Equal(lacking(st.Lacks), []string{g.core}) {
		t.Errorf("Ready = %+v, %v", st, err)
	}
}

// What keeps packs from being verified keeps the rules of packs from judging, and
// nothing else.
func TestStartWithoutTrust(t *testing.T) {
	p := newPacked(t)
	p.install(time.Now(), p.build("scan", "rules", guests(t).core, 1, time.Now()))
	if err := os.WriteFile(filepath.Join(p.dir, "trust.d", "broken.pub"), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := configure(t, p.dir, "")
	cfg.Rules.Packs = []string{"acme/scan"}
	r := p.start(cfg, nil)
	st, err := r.Ready(t.Context())
	if err != nil || len(st.Packs) != 0 || !slices.Equal(lacking(st.Lacks), []string{"acme/scan"}) {
		t.Errorf("Ready = %+v, %v", st, err)
	}
}
