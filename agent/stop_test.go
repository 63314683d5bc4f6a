package agent

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/config"
)

// A task that looks at the guests while the sensor stops must not wait for the stop
// that waits for it.
func TestStopLetsTasksLookAtGuests(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "none.wasm"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("agent.toml", []byte("decoy.personas = [\"none.wasm\"]\nrules.packs = []\n"), dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(t.Context(), Options{Config: cfg, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.tasks.Go(func() {
		<-s.life.Done()
		for range 1000 {
			s.rulePacks()
			runtime.Gosched()
		}
	})
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(t.Context()) }()
	select {
	case err := <-stopped:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("Stop waits for a task that waits for Stop")
	}
}
