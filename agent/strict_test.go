package agent_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/agent/journal"
)

// With strict durability an answer is there only when its event is in the
// journal, however long a commit may wait for others.
func TestStrictDurability(t *testing.T) {
	r := start(t, configure(t, t.TempDir(), "[journal]\ndurability = \"strict\"\ndelay = \"1s\"\n"))
	log := r.log()
	for n := range 20 {
		resp, err := http.Post(r.url+"/mcp", "application/json", strings.NewReader("{"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := events(t, log, journal.Query{}); len(got) != n+1 {
			t.Fatalf("%d events in the journal after answer %d", len(got), n+1)
		}
	}
}
