package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Of a disk of diskMiB the journal gets its first 16 MiB and not the next.
const (
	diskMiB    = 40
	ballastMiB = 22
)

// TestFullDisk fills the disk under a sensor. It answers on, says so once, and
// when there is room again it records on: what it lost in between is counted.
func TestFullDisk(t *testing.T) {
	buildGuests(t)
	v := newVictim(t, "journal.queue = 100\n")
	ballast := smallDisk(t, v.state())
	v.start()
	c := &client{url: v.url}
	sent := 0
	ask := func(message string) {
		t.Helper()
		answer, err := c.post(message)
		if err != nil || !strings.Contains(answer, `"jsonrpc":"2.0"`) {
			t.Fatalf("request %d is answered %q, %v\n%s", sent, answer, err, v.log())
		}
		sent++
	}
	ask(hello)
	const full = "journal does not take events"
	pad := strings.Repeat("x", 2<<10)
	probe := func() { // each is a detection too: the verdicts need room like the events
		ask(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"tool%d","arguments":{"pad":%q}}}`, sent, pad))
	}
	for range 20000 {
		if probe(); strings.Contains(v.log(), full) {
			break
		}
	}
	for range 500 {
		probe()
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	v.await(journal.Query{Kind: sdk.KindGap})
	ask(hello)
	v.stop()
	if log := v.log(); strings.Count(log, full) != 1 || strings.Count(log, "journal takes events again") != 1 {
		t.Errorf("want one line when the disk is full and one when it is not, got\n%s", log)
	}
	recorded, lost := 0, 0
	for _, ev := range v.recorded() {
		switch ev.Kind {
		case sdk.KindAccess:
			recorded++
		case sdk.KindGap:
			lost += int(ev.Gap.Lost)
		}
	}
	if lost == 0 || recorded+lost != sent {
		t.Errorf("%d events recorded and %d lost, %d sent", recorded, lost, sent)
	}
	t.Logf("%d events recorded and %d lost, %d sent", recorded, lost, sent)
}

// smallDisk mounts a small file system on dir, most of it taken up by a file.
func smallDisk(t *testing.T, dir string) (ballast string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", diskMiB)); err != nil {
		t.Skipf("a small disk cannot be mounted, which takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast = filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, ballastMiB<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	return ballast
}
