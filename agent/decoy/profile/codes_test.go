package profile_test

import (
	"os"
	"regexp"
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
