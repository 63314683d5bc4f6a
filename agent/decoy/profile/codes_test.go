package profile_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
)

func TestCodes(t *testing.T) {
	source, err := os.ReadFile("outcome.go")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, c := range profile.Codes() {
		listed[string(c)] = true
	}
	for _, m := range regexp.MustCompile(`(?m)^\t[A-Z]\w+ +Code = "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		if !listed[m[1]] {
			t.Errorf("Codes lacks %s", m[1])
		}
	}
}

// A request that is taken back has no response; 202 would say that it was no request.
func TestCancelledRequest(t *testing.T) {
	if r := (profile.Strict{}).HTTP(profile.Outcome{Code: profile.Cancelled}); r.Status != 200 || r.Size() != 0 || !slices.Contains(r.Header, [2]string{"Content-Type", "text/event-stream"}) {
		t.Errorf("it is answered by %+v", r)
	}
}
