package report

import (
	"testing"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// What a program draws for the name of a file is a pattern in a policy: the next run
// draws another.
func TestPlace(t *testing.T) {
	p := &evidence.Pass{Home: "/home/a"}
	for file, want := range map[string]string{
		"/srv/data/memory.jsonl.67270f7f5e7a78923b21cdea43d35c8d.tmp": "/srv/data/memory.jsonl.*.tmp",
		"/home/a/x/8f14e45f-ceea-467f-9575-0123456789ab.json":         "~/x/*.json",
		"/home/a/deadbeefdeadbeef/notes[1]*.md":                       `~/deadbeefdeadbeef/notes\[1]\*.md`,
		"/srv/decade.txt":                                             "/srv/decade.txt",
	} {
		if got := place(p, file); len(got) != 1 || got[0] != want {
			t.Errorf("place(%q) = %q, want %q", file, got, want)
		}
	}
	if got := place(p, "/tmp/x"); got != nil {
		t.Errorf("a system's folder is named: %q", got)
	}
}
