package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/dashboard"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// TestDashboardScale measures the dashboard on a journal of as many events as
// KILLDEER_DASHBOARD_EVENTS says, and its page under a flood: make bench-dashboard.
func TestDashboardScale(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("KILLDEER_DASHBOARD_EVENTS"))
	if n == 0 {
		t.Skip("KILLDEER_DASHBOARD_EVENTS is not set: make bench-dashboard sets it")
	}
	j, err := journal.Open(t.TempDir(), journal.Options{Sensor: "scale", Log: slog.New(slog.DiscardHandler), MinFree: 1 << 20, Reserve: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	rng := rand.New(rand.NewPCG(3, 5))
	began := time.Now()
	start := began.Add(-24 * time.Hour)
	for at := 0; at < n; at += 500 {
		fill(t, j, rng, start.Add(time.Duration(24*float64(time.Hour)*float64(at)/float64(n))), 500)
	}
	t.Logf("%d events recorded in %v", n, time.Since(began).Round(time.Second))
	url := serveScale(t, j)
	for _, path := range []string{
		"/api/stats", "/api/timeline", "/api/logs", "/api/logs?ip=10.0.7.7", "/api/logs?tool=tool_3&from=" + start.Add(7*time.Hour).UTC().Format(time.RFC3339),
		"/api/detections?severity=high", "/api/sources", "/api/sources/10.0.0.1", "/api/sessions", "/api/sessions/s-77/transcript", "/api/canaries", "/api/export?limit=10000",
	} {
		t.Logf("%-48s %v", path[:min(48, len(path))], took(t, url+path))
	}
	browse(t, j, rng, url)
}

// fill appends events of many sources, sessions and tools, some of them detections.
func fill(t *testing.T, j *journal.Journal, rng *rand.Rand, at time.Time, n int) {
	t.Helper()
	var batch []*sdk.Event
	for i := range n {
		ip := fmt.Sprintf("10.0.%d.%d", rng.IntN(8), rng.IntN(200))
		session := fmt.Sprint("s-", rng.IntN(5000))
		ev := &sdk.Event{
			V: sdk.EventVersion, ID: fmt.Sprintf("%016x-%x", rng.Uint64(), i), Kind: sdk.KindAccess, Time: at.Add(time.Duration(i) * time.Millisecond), IP: ip, Session: session, Actor: ip,
			Method: "POST", Path: "/mcp", UA: "load/1", MCPMethod: "tools/call", Tool: fmt.Sprint("tool_", rng.IntN(38)), Outcome: "result", Status: 200, LatencyMS: 120,
			Args: sdk.RawJSON(`{"query":"SELECT name, email FROM users WHERE team = 'platform' ORDER BY created_at DESC LIMIT 50"}`), Head: "POST /mcp HTTP/1.1\r\nHost: hub.example\r\nContent-Type: application/json\r\nUser-Agent: load/1\r\n\r\n",
			Body: &sdk.Body{Size: 240, SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Text: fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"postgresql_execute_select_query","arguments":{}}}`, i)},
		}
		if rng.IntN(50) == 0 {
			ev.Kind, ev.Detection = sdk.KindDetection, &sdk.Detection{ID: ev.ID, RuleID: fmt.Sprint("RULE_", rng.IntN(30)), Severity: sdk.SeverityHigh, Confidence: sdk.ConfidenceHigh, SourceIP: ip, Summary: "one of many", Count: 1}
		}
		batch = append(batch, ev)
	}
	if err := j.Append(context.WithoutCancel(t.Context()), batch); err != nil {
		t.Error(err)
	}
}

// scaleSensor is a sensor without decoy and guests.
type scaleSensor struct{ shownSensor }

// Status implements [dashboard.Sensor].
func (s scaleSensor) Status(context.Context) (dashboard.Status, error) {
	info, err := s.journal.Info()
	return dashboard.Status{Sensor: "scale", Journal: journalStatus(&info)}, err
}

// Tools implements [dashboard.Sensor].
func (scaleSensor) Tools(context.Context) ([]string, error) { return nil, nil }

func serveScale(t *testing.T, j *journal.Journal) string {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	d := dashboard.New(dashboard.Options{
		Events: shownEvents{j}, Feed: shownFeed{j, log}, Tables: shownTables{j.Tables()}, Sensor: scaleSensor{shownSensor{Sensor: &Sensor{journal: j}}}, Log: log,
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- d.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := d.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

// took asks a few times and returns the median, and the worst.
func took(t *testing.T, url string) string {
	t.Helper()
	var all []time.Duration
	size := 0
	for range 7 {
		began := time.Now()
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v: %.300s", url, resp.Status, err, b)
		}
		all, size = append(all, time.Since(began)), len(b)
	}
	slices.Sort(all)
	return fmt.Sprintf("median %v, worst %v, %d kB", all[3].Round(10*time.Microsecond), all[6].Round(10*time.Microsecond), size/1000)
}

// browse opens the page in Chromium, at rest and while 2000 events a second arrive.
func browse(t *testing.T, j *journal.Journal, rng *rand.Rand, url string) {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if _, missing := os.Stat("dashboard/pagetest/node_modules/playwright-core"); err != nil || missing != nil {
		t.Log("no browser: the page is not measured; chromium, node and make browser bring one")
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	flood := make(chan struct{})
	control := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		go func() {
			defer close(flood)
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for range 300 { // 15 s of 2000 a second
				<-tick.C
				fill(t, j, rng, time.Now(), 100)
			}
		}()
		w.WriteHeader(http.StatusNoContent)
	})}
	go func() { _ = control.Serve(l) }()
	defer control.Close()
	arg, err := json.Marshal(map[string]string{"url": url, "control": "http://" + l.Addr().String(), "chromium": chromium})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "flood.mjs", string(arg))
	cmd.Dir = "dashboard/pagetest"
	out, err := cmd.CombinedOutput()
	t.Logf("in Chromium:\n%s", out)
	if err != nil {
		t.Error(err)
		return
	}
	<-flood
}
