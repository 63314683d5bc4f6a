package agent_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent"
)

// A sensor says how it is, in numbers and in words.
func TestWatched(t *testing.T) {
	r := start(t, configure(t, t.TempDir(), ""))
	c := r.connect(t)
	c.post(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	c.post(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"no_such_tool","arguments":{}}}`)
	ask := func(path string) string {
		w := httptest.NewRecorder()
		at := slices.IndexFunc(r.Watched(), func(w agent.Watch) bool { return w.Path == path })
		r.Watched()[at].Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		return w.Body.String()
	}
	if got := ask("/livez"); !strings.Contains(got, `"alive"`) {
		t.Errorf("livez: %s", got)
	}
	if got := ask("/readyz"); !strings.Contains(got, `"status":"ready"`) || !strings.Contains(got, `"journal"`) {
		t.Errorf("readyz: %s", got)
	}
	want := []string{
		`killdeer_requests_total{outcome="unknown_tool"} 1`, `killdeer_ready 1`, `killdeer_wasm_engine{mode="compiler"} 1`, `killdeer_connections 1`,
		`killdeer_sessions 1`, `killdeer_events_kept{kind="access"}`, `killdeer_wasm_call_seconds_count{guest="core.wasm"}`, `killdeer_commit_seconds_count`,
		`killdeer_wasm_failures_total{guest="enterprise.wasm"} 0`, `killdeer_wasm_failures_total{guest="core.wasm"} 0`,
		`killdeer_events_shed_total{reason="queue_full"} 0`, `killdeer_events_shed_total{reason="write_failed"} 0`,
	}
	var text string
	lacks := func(line string) bool { return !strings.Contains(text, "\n"+line) }
	for range 200 { // until events are written and the rules were asked
		if text = ask("/metrics"); !slices.ContainsFunc(want, lacks) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	for _, line := range want {
		if lacks(line) {
			t.Errorf("there is no line %s", line)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
	if strings.Contains(text, "no_such_tool") {
		t.Error("a client's text is in the metrics")
	}
}
