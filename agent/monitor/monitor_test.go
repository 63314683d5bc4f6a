package monitor_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/killdeer-mcp/killdeer/agent/monitor"
)

func newMonitor(alive error, ready monitor.Readiness) *monitor.Monitor {
	return monitor.New(monitor.Options{
		Version: "1", Outcomes: []string{"result"},
		Snapshot: func(context.Context) monitor.Snapshot {
			return monitor.Snapshot{
				Recorded: 7, Shed: map[string]uint64{"queue_full": 2}, Kept: map[string]uint64{"access": 5}, Engine: "compiler", Ready: true,
				Sinks: []monitor.Sink{{Name: "siem", Behind: 3, Lag: time.Minute}},
				Packs: []monitor.Pack{{ID: "acme/rules", Serial: 4, Expires: time.Unix(1000, 0)}},
			}
		},
		Alive: func() error { return alive }, Ready: func() monitor.Readiness { return ready },
	})
}

func get(h http.Handler) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	return w.Code, w.Body.String()
}

func TestMetrics(t *testing.T) {
	m := newMonitor(nil, monitor.NewReadiness())
	m.Request("result")
	m.Request("what a client\n chose")
	m.Detection("high")
	m.Committed(3, 2*time.Millisecond)
	m.Loaded("enterprise")
	m.Called("core", time.Millisecond, errors.New("trap"))
	_, text := get(m.Metrics())
	for _, line := range []string{
		`killdeer_events_recorded_total 7`, `killdeer_requests_total{outcome="other"} 1`, `killdeer_requests_total{outcome="result"} 1`,
		`killdeer_detections_total{severity="high"} 1`, `killdeer_detections_total{severity="low"} 0`, `killdeer_group_size_sum 3`,
		`killdeer_commit_seconds_count 1`, `killdeer_wasm_failures_total{guest="core"} 1`, `killdeer_events_shed_total{reason="queue_full"} 2`,
		`killdeer_events_shed_total{reason="write_failed"} 0`, `killdeer_wasm_failures_total{guest="enterprise"} 0`,
		`killdeer_sink_lag_seconds{sink="siem"} 60`, `killdeer_pack_expiry_timestamp_seconds{pack="acme/rules"} 1000`, `killdeer_wasm_engine{mode="compiler"} 1`,
		`killdeer_build_info{goversion=`,
	} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("there is no line %s", line)
		}
	}
	if strings.Contains(text, "chose") {
		t.Error("a client's text is a label")
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestHealth(t *testing.T) {
	for _, tt := range []struct {
		name   string
		alive  error
		checks []monitor.Check
		live   int
		ready  int
		says   string
	}{
		{"well", nil, []monitor.Check{{Name: "journal", OK: true, Needed: true}}, 200, 200, `"status":"ready"`},
		{"a sink is down", nil, []monitor.Check{{Name: "sink siem", Detail: "refused"}}, 200, 200, `"status":"degraded"`},
		{"a full disk", nil, []monitor.Check{{Name: "sink siem"}, {Name: "journal", Needed: true}}, 200, 503, `"status":"unready"`},
		{"stuck", errors.New("no turn for 11s"), nil, 503, 200, `"status":"ready"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMonitor(tt.alive, monitor.NewReadiness(tt.checks...))
			if status, text := get(m.Live()); status != tt.live {
				t.Errorf("live: %d %s", status, text)
			}
			if status, text := get(m.Ready()); status != tt.ready || !strings.Contains(text, tt.says) {
				t.Errorf("ready: %d %s", status, text)
			}
		})
	}
}

// The shipped alerts and the dashboard ask for metrics that there are.
func TestShippedQueries(t *testing.T) {
	_, text := get(newMonitor(nil, monitor.NewReadiness()).Metrics())
	m := newMonitor(nil, monitor.NewReadiness())
	m.Request("result")
	m.Called("core", 1, nil)
	m.Called("core", 1, errors.New("x"))
	_, more := get(m.Metrics())
	known := regexp.MustCompile(`(?m)^# TYPE (\S+)`).FindAllStringSubmatch(text+more, -1)
	for _, file := range []string{"alerts.yaml", "dashboard.json"} {
		data, err := os.ReadFile("../../packaging/monitoring/" + file)
		if err != nil {
			t.Fatal(err)
		}
		used := regexp.MustCompile(`\b(killdeer|process|go)_[a-z_]+`).FindAllString(string(data), -1)
		if len(used) < 5 {
			t.Errorf("%s asks for %d metrics", file, len(used))
		}
		for _, name := range used {
			plain := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
			if !slices.ContainsFunc(known, func(k []string) bool { return k[1] == name || k[1] == plain }) {
				t.Errorf("%s asks for %s, which there is not", file, name)
			}
		}
	}
}

// Prometheus' own tool takes the alert rules, and they fire when they should.
func TestAlerts(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		if strings.Contains(os.Getenv("KILLDEER_REQUIRE"), "promtool") {
			t.Fatal(err)
		}
		t.Skip("promtool is not installed (Debian: prometheus)")
	}
	for _, args := range [][]string{
		{"check", "rules", "../../packaging/monitoring/alerts.yaml"},
		{"test", "rules", "testdata/alerts_test.yaml"},
	} {
		if out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}
