package agent_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/internal/guests/guesttest"
)

// from returns an HTTP client that comes from a loopback address.
func from(t *testing.T, address string) *http.Client {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// What somebody writes is there in their session and in their later ones, reads
// the same each time, and is seen from no other address.
func TestWritesAreRemembered(t *testing.T) {
	notes := guesttest.Build(t, t.TempDir(), "notes", "./testdata/notes")
	r := start(t, configure(t, t.TempDir(), fmt.Sprintf("personas = [%q]\n", notes)))
	list := func(c *client) string {
		t.Helper()
		first := c.call("note_list", `{}`)
		if again := c.call("note_list", `{}`); again != first {
			t.Errorf("a repeated read gives %s, before %s", again, first)
		}
		return first
	}
	one := r.connectFrom(t, from(t, "127.0.0.1"))
	one.call("note_add", `{"text":"rotate the key"}`)
	if got := list(one); !strings.Contains(got, "rotate the key") {
		t.Fatalf("in the same session: %s", got)
	}
	other := r.connectFrom(t, from(t, "127.0.0.2"))
	if got := list(other); strings.Contains(got, "rotate") {
		t.Errorf("from another address: %s", got)
	}
	other.call("note_add", `{"text":"somebody else's"}`)

	one.end()
	later := r.connectFrom(t, from(t, "127.0.0.1"))
	if got := list(later); !strings.Contains(got, "rotate the key") || strings.Contains(got, "somebody") {
		t.Errorf("in a later session: %s", got)
	}
	for i := range 80 {
		later.call("note_add", fmt.Sprintf(`{"text":"note %d"}`, i))
	}
	if got := list(later); strings.Contains(got, "rotate") || !strings.Contains(got, "note 79") {
		t.Errorf("after many writes: %s", got)
	}
}
