package exercise_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/exercise"
)

// What one life takes of a server with 13 tools that answer at once, and one that
// takes 10 s unless it is told to take less.
func TestPace(t *testing.T) {
	tools := []string{`{"name":"slow","inputSchema":{"type":"object","properties":{"duration":{"type":"number","default":10},"steps":{"type":"number","default":5}}}}`}
	for i := range 13 {
		tools = append(tools, fmt.Sprintf(`{"name":"t%d","inputSchema":{"type":"object","properties":{"path":{"type":"string"},"kind":{"enum":["a","b"]}}}}`, i))
	}
	on := func(f *fake, r request) bool {
		if r.Method == "tools/call" && r.Params.Name == "slow" {
			took := 10 * time.Second
			if strings.Contains(string(r.Params.Args), `"duration":1`) {
				took = time.Second
			}
			f.tasks.Go(func() { time.Sleep(took); f.usual(r) })
			return true
		}
		return false
	}
	tests := []struct {
		name string
		opts exercise.Options
		most time.Duration
	}{
		{"quick", exercise.Options{Quick: true}, 7 * time.Second},
		{"default", exercise.Options{}, 35 * time.Second},
		{"few cases", exercise.Options{Cases: []string{"full", "repeat-2", "repeat-3"}, Drain: 100 * time.Millisecond}, 8 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				p := live(t, &fake{on: on, tools: `{"tools":[` + strings.Join(tools, ",") + `]}`}, tt.opts)
				took := time.Since(begun)
				t.Logf("%d calls in %s", len(p.Calls), took)
				if took > tt.most || len(p.Faults) > 0 {
					t.Errorf("%d calls took %s, want at most %s; faults %q", len(p.Calls), took, tt.most, p.Faults)
				}
			})
		})
	}
}
