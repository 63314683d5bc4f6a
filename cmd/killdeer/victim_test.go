package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// victim is a sensor in a process of its own, which may be killed.
type victim struct {
	t   *testing.T
	dir string
	cmd *exec.Cmd
	url string
}

func newVictim(t *testing.T, more string) *victim {
	t.Helper()
	v := &victim{t: t, dir: t.TempDir()}
	text := fmt.Sprintf("sensor.cache_dir = %q\ndecoy.listen = \"127.0.0.1:0\"\ndashboard.listen = \"\"\ndecoy.latency = \"off\"\ndecoy.friction = \"off\"\ndecoy.personas = [%q]\nrules.packs = [%q]\n%s",
		shared.cache, shared.enterprise, shared.core, more)
	if err := os.WriteFile(v.config(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return v
}

// decoyOf is a sensor with one persona and no rules.
func decoyOf(t *testing.T, cache, persona string) *victim {
	t.Helper()
	v := &victim{t: t, dir: t.TempDir()}
	text := fmt.Sprintf("sensor.cache_dir = %q\ndecoy.listen = \"127.0.0.1:0\"\ndashboard.listen = \"\"\ndecoy.latency = \"off\"\ndecoy.personas = [%q]\nrules.packs = []\n", cache, persona)
	if err := os.WriteFile(v.config(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *victim) config() string { return filepath.Join(v.dir, "agent.toml") }
func (v *victim) state() string  { return filepath.Join(v.dir, "state") }

// log returns what all runs said.
func (v *victim) log() string {
	text, err := os.ReadFile(filepath.Join(v.dir, "log.txt"))
	if err != nil {
		v.t.Fatal(err)
	}
	return string(text)
}

// start returns when the sensor is ready.
func (v *victim) start() {
	v.t.Helper()
	began := time.Now()
	v.cmd = exec.Command("killdeer", "run", "-c", v.config())
	v.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=10")
	log, err := os.OpenFile(filepath.Join(v.dir, "log.txt"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		v.t.Fatal(err)
	}
	defer log.Close() // the child has its own
	v.cmd.Stderr = log
	out, err := v.cmd.StdoutPipe()
	if err == nil {
		err = v.cmd.Start()
	}
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { _ = v.cmd.Process.Kill() }) // when a test failed before the end
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case "decoy":
			v.url, _, _ = strings.Cut(strings.TrimSpace(text), " ")
		case "events":
			v.t.Logf("ready after %v", time.Since(began).Round(time.Millisecond))
			return
		}
	}
	v.t.Fatalf("the sensor does not start: %v\n%s", v.cmd.Wait(), v.log())
}

// stop ends the sensor as Ctrl-C would.
func (v *victim) stop() {
	v.t.Helper()
	if err := v.cmd.Process.Signal(os.Interrupt); err != nil {
		v.t.Fatal(err)
	}
	if err := v.cmd.Wait(); err != nil {
		v.t.Errorf("stop: %v\n%s", err, v.log())
	}
}

// recorded returns all events, oldest first.
func (v *victim) recorded() []*sdk.Event {
	v.t.Helper()
	j, err := journal.OpenReader(v.state())
	if err != nil {
		v.t.Fatal(err)
	}
	defer j.Close()
	var all []*sdk.Event
	for after := uint64(0); ; after = all[len(all)-1].Seq {
		events, err := j.Read(v.t.Context(), after, 1000)
		if err != nil {
			v.t.Fatal(err)
		}
		if len(events) == 0 {
			return all
		}
		all = append(all, events...)
	}
}

// await returns the newest event of a query once there is one.
func (v *victim) await(q journal.Query) *sdk.Event {
	v.t.Helper()
	log, err := agent.OpenLog(v.t.Context(), v.state())
	if err != nil {
		v.t.Fatal(err)
	}
	defer log.Close()
	q.Limit = 1
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		page, err := log.Query(v.t.Context(), q)
		if err != nil {
			v.t.Fatal(err)
		}
		if len(page.Events) > 0 {
			return page.Events[0]
		}
	}
	v.t.Fatalf("no event of %+v after %v\n%s", q, patience, v.log())
	return nil
}
