package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// TestSinksCrash kills the sensor under load again and again. Its plugins end with
// it, and in the end a sink has every event that is on record, in order; what came
// twice is bounded, and no socket is left.
func TestSinksCrash(t *testing.T) {
	buildGuests(t)
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	v := newVictim(t, "")
	out := filepath.Join(v.dir, "events.ndjson")
	text, err := os.ReadFile(v.config())
	if err != nil {
		t.Fatal(err)
	}
	sink := fmt.Sprintf("\n[[sinks]]\nname = \"file\"\nplugin = \"file\"\nconfig.path = %q\nconfig.max_bytes = 0\n", out)
	if err := os.WriteFile(v.config(), append(text, sink...), 0o600); err != nil {
		t.Fatal(err)
	}
	for range rounds {
		v.start()
		v.crash(map[uint64]string{})
		v.noPlugins()
	}
	v.start()
	recorded := 0
	v.waitFor("everything was delivered", func() bool { recorded = v.last(); return len(distinct(t, out)) >= recorded })
	if left := sockets(t, v.state()); len(left) > 1 { // the program's that runs
		t.Errorf("sockets are left: %q", left)
	}
	v.stop()
	v.noPlugins()
	if left := sockets(t, v.state()); len(left) > 0 {
		t.Errorf("sockets are left after a stop: %q", left)
	}
	got, all := distinct(t, out), v.recorded()
	for i, ev := range all[:max(recorded, min(len(got), len(all)))] { // the rest was recorded since
		if i >= len(got) || got[i] != ev.Seq {
			t.Fatalf("event %d of %d is missing or out of order at the receiver", ev.Seq, len(all))
		}
	}
	twice := len(delivered(t, out)) - len(got)
	if twice > rounds*1000 {
		t.Errorf("%d events came twice", twice)
	}
	t.Logf("%d kills, %d events, %d of them twice", rounds, len(all), twice)
}

// last returns how many events are on record.
func (v *victim) last() int {
	v.t.Helper()
	log, err := agent.OpenLog(v.t.Context(), v.state())
	if err != nil {
		v.t.Fatal(err)
	}
	defer log.Close()
	n, err := log.Last(v.t.Context())
	if err != nil {
		v.t.Fatal(err)
	}
	return int(n)
}

func (v *victim) waitFor(what string, ok func() bool) {
	v.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			v.t.Fatalf("waited %v until %s\n%s", patience, what, v.log())
		}
	}
}

// noPlugins wants plugins to end within three seconds of the sensor.
func (v *victim) noPlugins() {
	v.t.Helper()
	var left []string
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if left = processes(v.t, "killdeer-sink-file"); len(left) == 0 {
			return
		}
	}
	v.t.Errorf("plugins that the sensor left behind: %q", left)
}

// delivered returns the numbers of a file's events.
func delivered(t *testing.T, name string) (seqs []uint64) {
	t.Helper()
	f, err := os.Open(name)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewReader(f)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return seqs // what is behind the last newline is on its way
		}
		var ev sdk.Event
		if err := json.Unmarshal(line, &ev); err != nil {
			t.Fatalf("a line is no event: %v: %.200s", err, line)
		}
		seqs = append(seqs, ev.Seq)
	}
}

// distinct returns them once, where they came first.
func distinct(t *testing.T, name string) (once []uint64) {
	t.Helper()
	seen := map[uint64]bool{}
	for _, seq := range delivered(t, name) {
		if !seen[seq] {
			seen[seq] = true
			once = append(once, seq)
		}
	}
	return once
}

// sockets returns the sockets of plugins, wherever a path is short enough for them.
func sockets(t *testing.T, state string) (found []string) {
	t.Helper()
	short, err := filepath.Glob(filepath.Join(os.TempDir(), "killdeer-[0-9]*-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range append(short, filepath.Join(state, "plugins")) {
		_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type() == fs.ModeSocket {
				found = append(found, path)
			}
			return nil
		})
	}
	return found
}
