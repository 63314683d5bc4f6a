package agent_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/certs"
)

// The dashboard's certificate and key may be credentials of the service manager.
func TestDashboardCertificateOfCredentials(t *testing.T) {
	dir := t.TempDir()
	who := func(context.Context) (certs.Identity, error) {
		return certs.Identity{Organization: "Larkfield Foods", Domain: "larkfield.example"}, nil
	}
	made := certs.Generated(filepath.Join(dir, "board.crt"), filepath.Join(dir, "board.key"), who, slog.New(slog.DiscardHandler))
	if err := made.Usable(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	cfg := configure(t, t.TempDir(), "")
	cfg.Dashboard.Listen, cfg.Dashboard.TLSCert, cfg.Dashboard.TLSKey = "127.0.0.1:0", "cred:board.crt", "cred:board.key"
	r := start(t, cfg)
	by := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer by.CloseIdleConnections()
	resp, err := by.Get(r.DashboardURL() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.TLS.PeerCertificates[0]; !got.Equal(made.Leaf()) {
		t.Errorf("the certificate is that of %v", got.DNSNames)
	}
}

// A request at the decoy is in the live feed within a second, and then everywhere
// else; a wrong token sees none of it.
func TestDashboard(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "token")
	const token = "a-token-that-is-long-enough-to-be-one"
	if err := os.WriteFile(secret, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := configure(t, dir, "")
	cfg.Dashboard.Listen, cfg.Dashboard.Token = "127.0.0.1:0", "file:"+secret
	r := start(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ask := func(path, token string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.DashboardURL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	if resp := ask("/api/stats", "wrong"); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong token: %s", resp.Status)
	}
	live := bufio.NewScanner(ask("/api/events", token).Body)
	live.Buffer(nil, 1<<20)
	for live.Scan() && !strings.HasPrefix(live.Text(), "data:") {
		continue // until it says hello
	}
	d, err := agent.FindDemo(t.Context(), cfg.Sensor.StateDir)
	if err != nil || d.URL != r.url+"/mcp" || d.Dashboard != r.DashboardURL() {
		t.Fatalf("FindDemo = %+v, %v", d, err)
	}
	began := time.Now()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.URL, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":"`+"\u202e"+`<b>"}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(agent.DemoHeader, d.Value)
	if resp, err := http.DefaultClient.Do(req); err != nil {
		t.Fatal(err)
	} else {
		resp.Body.Close()
	}
	for live.Scan() && !strings.Contains(live.Text(), `"path":"/mcp"`) {
		continue
	}
	if took := time.Since(began); took > time.Second || live.Err() != nil {
		t.Errorf("in the live feed after %v, %v", took, live.Err())
	}
	var ev struct {
		Demo bool
		Head string
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(live.Text(), "data: ")), &ev); err != nil || !ev.Demo || ev.Head != "" {
		t.Errorf("event %+v, %v", ev, err)
	}
	for path, want := range map[string]string{
		"/api/logs": `"total":1,"total_exact":true`, "/api/logs/1": `"head":"POST /mcp`, "/api/stats": `"uniqueIps":1`, "/api/tools": `"jira_get_issue"`,
		"/api/sources/127.0.0.1": `"requests":1`, "/api/health": `"sensor":"test"`, "/api/logs/9999": `there is none`, "/api/sessions/nope": `there is none`,
		"/api/logs?min_severity=low": `"logs":[]`, "/api/logs?to=0001-01-01T00:00:00Z": `"total":0`, "/api/logs?from=9999-12-31T23:59:59Z": `"total":0`,
		"/api/logs?from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59.999999999%2B14:00": `"total":1`, "/api/detections?cursor=999999999999999999": `"detections":[]`,
		"/api/logs?offset=10000&cursor=1": `"logs":[]`, "/api/export?format=csv": "seq,time", "/api/canaries?cursor=1": `"canaries":[]`, "/api/sessions?cursor=1": `"sessions":[]`,
	} {
		text, err := io.ReadAll(ask(path, token).Body)
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, no %q in %.600s", path, err, want, text)
		}
	}
}
