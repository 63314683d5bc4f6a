package exercise_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// The payloads leave their marker wherever an interpreter gets hold of them, and
// nowhere else.
func TestPayloads(t *testing.T) {
	opts := hasty()
	opts.MarkerDir = t.TempDir()
	probes := map[string]*evidence.Call{}
	for _, c := range live(t, &fake{}, opts).Calls {
		probes[c.Case] = c
	}
	tests := []struct {
		name, probe, program string
		args                 func(payload string) []string
		runs                 bool
	}{
		{"shell, bare", "probe", "sh", func(p string) []string { return []string{"-c", "echo " + p} }, true},
		{"shell, whole", "probe", "sh", func(p string) []string { return []string{"-c", p} }, true},
		{"shell, double quotes", "probe", "sh", func(p string) []string { return []string{"-c", `echo "` + p + `"`} }, true},
		{"shell, single quotes", "probe", "sh", func(p string) []string { return []string{"-c", `echo '` + p + `'`} }, true},
		{"no shell", "probe", "echo", func(p string) []string { return []string{p} }, false},
		{"node", "probe-js", "node", func(p string) []string { return []string{"-e", "eval(process.argv[1])", p} }, true},
		{
			"node module", "probe-js", "node",
			func(p string) []string {
				return []string{"--input-type=module", "-e", "eval(process.argv[1])", p}
			},
			true,
		},
		{"python", "probe-python", "python3", func(p string) []string { return []string{"-c", "import sys; eval(sys.argv[1])", p} }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := exec.LookPath(tt.program); err != nil {
				if slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), tt.program) {
					t.Fatalf("%s is needed: %v", tt.program, err)
				}
				t.Skipf("no %s here", tt.program)
			}
			c := probes[tt.probe]
			var args struct{ Q string }
			if err := json.Unmarshal(c.Args, &args); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), tt.program, tt.args(args.Q)...)
			cmd.Dir, cmd.WaitDelay = t.TempDir(), time.Second
			said, err := cmd.CombinedOutput()
			if _, stat := os.Stat(c.Marker); (stat == nil) != tt.runs {
				t.Errorf("marker: %v, want there: %v; %v: %s", stat, tt.runs, err, said)
			}
			if err := os.RemoveAll(c.Marker); err != nil {
				t.Error(err)
			}
		})
	}
}

// Without a place for markers nothing is probed, and declared cases are obeyed.
func TestNoMarkers(t *testing.T) {
	opts := hasty()
	opts.MarkerDir, opts.Cases = "", []string{"minimal", "probe", "probe-js", "sink-url"}
	if got := cases(live(t, &fake{}, opts), "look"); !slices.Equal(got, []string{"minimal"}) {
		t.Errorf("cases %v", got)
	}
}
