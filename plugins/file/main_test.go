package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/plugins/sinktest"
)

func TestMain(m *testing.M) { sinktest.Main(m, main) }

func TestConformance(t *testing.T) {
	path := func(more map[string]any) map[string]any {
		more["path"] = "/nonexistent/events"
		return more
	}
	sinktest.Run(t, sinktest.Sink{
		Large: true,
		Receiver: func(t *testing.T) (map[string]any, func() []string) {
			name := filepath.Join(t.TempDir(), "events.ndjson")
			return map[string]any{"path": name}, func() []string { return ids(t, name) }
		},
		Refuses: []map[string]any{
			{},
			{"path": "relative"},
			{"path": 7},
			path(map[string]any{"format": "xml"}),
			path(map[string]any{"max_bytes": "12"}),
			path(map[string]any{"max_bytes": "-1"}),
			path(map[string]any{"max_age": "1s"}),
			path(map[string]any{"keep": -1}),
			path(map[string]any{"fsync": "maybe"}),
			path(map[string]any{"mode": "0777"}),
		},
	})
}

// ids returns the ids of a file's events, and wants every line to be one.
func ids(t *testing.T, name string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	// The last line may be on its way.
	whole := text[:strings.LastIndexByte(string(text), '\n')+1]
	lines := bufio.NewScanner(strings.NewReader(string(whole)))
	lines.Buffer(nil, 32<<20)
	for lines.Scan() {
		var ev struct{ ID string }
		if err := json.Unmarshal(lines.Bytes(), &ev); err != nil || ev.ID == "" {
			t.Fatalf("a line is no event: %v: %.200s", err, lines.Bytes())
		}
		all = append(all, ev.ID)
	}
	return all
}
