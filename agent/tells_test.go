package agent_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/killdeer-mcp/killdeer/agent/journal"
)

// A sensor's own pages are not on the decoy's listener: whoever looks for them
// gets what any unknown path gets, and is recorded.
func TestNoPagesOfOurs(t *testing.T) {
	r := start(t, configure(t, t.TempDir(), ""))
	get := func(path string) (int, string, http.Header) {
		resp, err := http.Get(r.url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		resp.Header.Del("Date")
		return resp.StatusCode, string(body), resp.Header
	}
	status, body, header := get("/zqxjkvwpt7")
	if status != http.StatusNotFound {
		t.Fatalf("an unknown path gives %d", status)
	}
	paths := []string{"/", "/api/logs", "/api/stats", "/api/events", "/dashboard", "/metrics", "/healthz", "/debug/pprof/", "/favicon.ico"}
	for _, path := range paths {
		s, b, h := get(path)
		if s != status || b != body || len(h) != len(header) {
			t.Errorf("%s gives %d %q %v, an unknown path %d %q %v", path, s, b, h, status, body, header)
		}
	}
	seen := map[string]bool{}
	for _, ev := range settled(t, r.log(), journal.Query{}, len(paths)+1) {
		seen[ev.Path] = true
	}
	for _, path := range paths {
		if !seen[path] {
			t.Errorf("the request for %s was not recorded", path)
		}
	}
}

// What is advertised is there.
func TestAdvertisedIsThere(t *testing.T) {
	r := start(t, configure(t, t.TempDir(), ""))
	c := r.connectFrom(t, http.DefaultClient)
	var hello struct {
		Result struct{ Capabilities map[string]any }
	}
	answer := c.post(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"hand","version":"1"}}}`)
	if err := json.Unmarshal([]byte(answer), &hello); err != nil || hello.Result.Capabilities["tools"] == nil {
		t.Fatalf("%v in %s", err, answer)
	}
	for capability, list := range map[string]string{"tools": "tools/list", "resources": "resources/list", "prompts": "prompts/list"} {
		if hello.Result.Capabilities[capability] == nil {
			continue
		}
		var got struct{ Result map[string]json.RawMessage }
		answer := c.post(`{"jsonrpc":"2.0","id":1,"method":"` + list + `"}`)
		var items []any
		if err := json.Unmarshal([]byte(answer), &got); err != nil || json.Unmarshal(got.Result[capability], &items) != nil || len(items) == 0 {
			t.Errorf("%s is advertised, and %s gives %s", capability, list, answer)
		}
	}
}
