package agent_test

import (
	"testing"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// With latency on, an answer takes as long as the wiki it imitates, and one that
// is remembered no less.
func TestLatencyIsWaited(t *testing.T) {
	r := start(t, configure(t, t.TempDir(), "latency = \"on\"\n"))
	c := r.connect(t)
	for range 3 {
		c.call("confluence_get_page", `{"title":"VPN setup"}`)
	}
	for _, ev := range settled(t, r.log(), journal.Query{Kind: sdk.KindAccess, Tool: "confluence_get_page"}, 3) {
		if ev.LatencyMS < 40 { // of a median of 256 ms or more: once in a million draws
			t.Errorf("answered after %v ms", ev.LatencyMS)
		}
	}
}
