package conformance_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/internal/guests/guesttest"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// sensors returns a function that starts a sensor whose answers are framed as
// "json" or "sse".
func sensors(t *testing.T) func(t testing.TB, framing string) *agent.Sensor {
	t.Helper()
	dir := t.TempDir()
	persona := guesttest.Build(t, dir, "conformance", "./wasm")
	text := fmt.Sprintf("[sensor]\nname = \"test\"\ncache_dir = %q\n[dashboard]\nlisten = \"\"\n[rules]\npacks = []\n[decoy]\nlisten = \"127.0.0.1:0\"\npersonas = [%q]\nframing = %%q\n",
		filepath.Join(dir, "cache"), persona)
	return func(t testing.TB, framing string) *agent.Sensor {
		t.Helper()
		cfg, err := config.Parse("agent.toml", fmt.Appendf(nil, text, framing), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return startSensor(t, cfg)
	}
}

func startSensor(t testing.TB, cfg *config.Config) *agent.Sensor {
	t.Helper()
	s, err := agent.Start(t.Context(), agent.Options{Config: cfg, Log: slog.New(slog.DiscardHandler), Listen: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("stop the sensor: %v", err)
		}
		checkGuest(ctx, t, cfg.Sensor.StateDir)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if _, err := s.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

func endpoint(s *agent.Sensor) string { return "http://" + s.Addr().String() + "/mcp" }

// checkGuest says what a sensor that has stopped found wrong with the persona: to
// a client, that looks like a tool that fails.
func checkGuest(ctx context.Context, t testing.TB, stateDir string) {
	t.Helper()
	log, err := agent.OpenLog(ctx, stateDir)
	if err != nil {
		t.Errorf("open the journal: %v", err)
		return
	}
	defer log.Close()
	page, err := log.Query(ctx, journal.Query{Kind: sdk.KindGuest, Limit: 100})
	if err != nil {
		t.Errorf("query the journal: %v", err)
		return
	}
	for _, ev := range page.Events {
		t.Errorf("the persona failed: %+v", *ev.Guest)
	}
}
