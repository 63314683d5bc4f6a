package conformance_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the suites write is read, and what is not theirs is refused.
func TestResults(t *testing.T) {
	const stamp = "-2026-08-01T10-00-00-000Z"
	tests := []struct {
		name  string
		files map[string]string
		want  map[string]scenario
		fault string
	}{
		{"nothing ran", nil, map[string]scenario{}, ""},
		{"two scenarios", map[string]string{
			"server-ping" + stamp:       `[{"id":"a","status":"SUCCESS"}]`,
			"server-server-sse" + stamp: `[]`,
		}, map[string]scenario{"ping": {[]check{{ID: "a", Status: statusPassed}}}, "server-sse": {}}, ""},
		{"another name", map[string]string{"results": `[]`}, map[string]scenario{}, "is not the name"},
		{"cut short", map[string]string{
			"server-ping" + stamp:  `[{"id":`,
			"server-other" + stamp: `[]`,
		}, map[string]scenario{"other": {}}, "scenario ping: decode"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range tt.files {
				writeFile(t, filepath.Join(dir, name, "checks.json"), content)
			}
			got, err := results(dir)
			if tt.fault == "" && err != nil || tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)) {
				t.Fatalf("results: %v, want %q", err, tt.fault)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(scenario{})); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
		})
	}
}

func writeFile(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A suite that fails, or looks at less than it did, is noticed.
func TestFaults(t *testing.T) {
	good := scenario{[]check{{ID: "a", Status: statusPassed}, {ID: "b", Status: "INFO"}}}
	with := func(status string) scenario {
		return scenario{append([]check{{ID: "c", Status: status, ErrorMessage: "why"}}, good.checks...)}
	}
	r := run{asserted: []string{"one", "two"}, reported: []string{"three"}, checks: 2}
	tests := []struct {
		name   string
		found  map[string]scenario
		strict string // the faults of a strict run, their beginnings
		loose  string
	}{
		{"good", map[string]scenario{"one": good, "two": good, "three": with(statusFailed)}, "", ""},
		{"nothing ran", nil, "scenarios|0 checks", "scenarios"},
		{"unknown scenario", map[string]scenario{"one": good, "two": good, "three": good, "four": good}, "scenarios", "scenarios"},
		{"failed", map[string]scenario{"one": with(statusFailed), "two": good, "three": good}, "one: FAILURE c", "one: FAILURE c"},
		{"warned", map[string]scenario{"one": with(statusWarned), "two": good, "three": good}, "one: WARNING c", ""},
		{"skipped", map[string]scenario{"one": with(statusSkipped), "two": good, "three": good}, "one: SKIPPED c", ""},
		{"check is gone", map[string]scenario{"one": good, "two": {}, "three": good}, "two: not one|1 checks", "two: not one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkFaults(t, tt.strict, r.faults(tt.found, true))
			checkFaults(t, tt.loose, r.faults(tt.found, false))
		})
	}
}

func checkFaults(t *testing.T, beginnings string, got []string) {
	t.Helper()
	var want []string
	if beginnings != "" {
		want = strings.Split(beginnings, "|")
	}
	if len(got) != len(want) {
		t.Errorf("faults = %q, want %q", got, want)
		return
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("fault %q, want %q", got[i], want[i])
		}
	}
}
