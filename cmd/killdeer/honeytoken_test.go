package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// TestHoneytokenOutlivesKill kills a sensor that has shown a credential. The next
// one knows to whom.
func TestHoneytokenOutlivesKill(t *testing.T) {
	buildGuests(t)
	v := newVictim(t, "")
	v.start()
	c := &client{url: v.url}
	if _, err := c.post(hello); err != nil {
		t.Fatal(err)
	}
	page, err := c.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"confluence_get_page","arguments":{"title":"Break-glass access"}}}`)
	password := regexp.MustCompile(`Password: ([A-Za-z0-9._-]{19})`).FindStringSubmatch(page)
	if err != nil || c.session == "" || password == nil {
		t.Fatalf("session %q was shown %s: %v", c.session, page, err)
	}
	v.await(journal.Query{Kind: sdk.KindAccess, Tool: "confluence_get_page"})
	if err := v.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = v.cmd.Wait() // it was killed

	v.start()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("root", password[1])
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	d := v.await(journal.Query{Rule: "MCP_HONEYTOKEN_REPLAY"}).Detection
	if d.Severity != sdk.SeverityCritical || !strings.Contains(d.Summary, "session "+c.session+" of 127.0.0.1") || d.Evidence.Path != "header.authorization" {
		t.Errorf("detection %+v, evidence %+v", d, d.Evidence)
	}
	v.stop()
}
