package agent

import (
	"context"
	"errors"
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

// A configuration on a file system that hangs holds up neither a stop nor more than one
// read.
func TestStopDuringHangingReload(t *testing.T) {
	dir := t.TempDir()
	cfg, err := config.Parse("agent.toml", nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	free := make(chan struct{})
	t.Cleanup(func() { close(free) })
	life, cancel := context.WithCancel(t.Context())
	s := &Sensor{cfg: cfg, life: life, log: slog.New(slog.DiscardHandler), options: Options{Load: func() (*config.Config, error) { <-free; return cfg, nil }}}
	s.use(&cast{})
	failed := make(chan error, 1)
	go func() {
		_, err := s.Reload()
		failed <- err
	}()
	for !s.guests.reading.Load() {
		time.Sleep(time.Millisecond)
	}
	cancel()
	settled := make(chan struct{})
	go func() { s.guests.settle(); close(settled) }()
	select {
	case <-settled:
	case <-time.After(30 * time.Second):
		t.Fatal("a stop waits for a read that hangs")
	}
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("the reload said %v", err)
	}
	if _, err := s.readAgain(t.Context()); err == nil {
		t.Error("a second read begins while the first one hangs")
	}
}
