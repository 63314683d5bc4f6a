package examples_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/agent"
)

func TestCommand(t *testing.T) {
	e := example{dir: "command", out: "motd.wasm", needs: []string{"command -v go"}}
	got := ask(t, sensor(t, e.build(t)), []byte(`{"method":"tools/call","params":{"name":"motd"}}`))
	if want := `"text":"Welcome to Welmoris. Deployments are frozen until Monday."`; !strings.Contains(got, want) {
		t.Errorf("answer is %s, want it to have %s", got, want)
	}
}

// TestRules judges the events of the rule pack's folder, as "killdeer rules test"
// does, and compares what is found with its file.
func TestRules(t *testing.T) {
	e := example{dir: "rules-rust", out: "rules.wasm", path: debianPrograms, needs: rust}
	kit, err := agent.OpenRules(t.Context(), nil, "dev", []string{e.build(t)}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer kit.Close(t.Context())
	events, err := os.Open("rules-rust/events.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	detections, err := kit.Judge(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	type found struct {
		Rule, Severity, Subject, Summary string
		Events                           []string
	}
	var want, got []found
	lines, err := os.ReadFile("rules-rust/found.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(lines) {
		var f found
		if err := json.Unmarshal(line, &f); err != nil {
			t.Fatal(err)
		}
		want = append(want, f)
	}
	for _, d := range detections {
		got = append(got, found{d.Detection.RuleID, string(d.Detection.Severity), d.Detection.Subject, d.Detection.Summary, d.Detection.Events})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if silent := kit.Silent(detections); len(silent) > 0 {
		t.Errorf("never fired: %q", silent)
	}
}

// Folders are copied alone, so what they share stands in each.
func TestCopiesAreEqual(t *testing.T) {
	for _, pair := range [][2]string{
		{"rust/killdeer.rs", "rules-rust/killdeer.rs"},
		{"go/describe.json", "rust/describe.json"},
		{"go/describe.json", "zig/describe.json"},
	} {
		var text [2][]byte
		for i, file := range pair {
			var err error
			if text[i], err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(text[0], text[1]) {
			t.Errorf("%s and %s differ", pair[0], pair[1])
		}
	}
}
