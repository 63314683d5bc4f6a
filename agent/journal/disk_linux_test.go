package journal_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// smallDisk says that the test runs in a mount namespace of its own.
const smallDisk = "JOURNAL_TEST_SMALL_DISK"

// TestFullDisk fills a file system of 64 MiB under a writer. It never waits,
// everything is stored or counted, the count is on disk while the disk is still
// full, and events are taken again soon after there is room.
func TestFullDisk(t *testing.T) {
	if os.Getenv(smallDisk) == "" {
		inNamespace(t)
		return
	}
	dir := filepath.Join(t.TempDir(), "disk")
	mountSmall(t, dir)
	j := openWith(t, dir, journal.Options{SegmentEvents: 2000, KeepOpen: true})
	w := journal.NewWriter(j, journal.WriterOptions{Queue: 50})
	sent := 0
	record := func(n int) {
		for range n {
			w.Record(sample(sent))
			sent++
			if sent%40 == 0 {
				time.Sleep(2 * time.Millisecond)
			}
		}
	}
	record(3000)
	flush(t, w)
	fillUp(t, filepath.Join(dir, "ballast"))
	until(t, j, "nothing is shed", func() bool { record(100); return w.Lost() > 0 })
	until(t, j, "what is shed is not counted on disk", func() bool { record(20); return lostIn(t, j) > 0 })
	stored := j.Last()
	if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	until(t, j, "events are not taken again", func() bool { record(10); return j.Last() > stored+60 })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("events are taken again after %v", took)
	}
	flush(t, w)
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept, lost := readKept(t, j), int(lostIn(t, j))
	if kept+lost != sent {
		t.Errorf("%d events stored and %d counted as lost, %d sent", kept, lost, sent)
	}
	if err := j.Sound(); err != nil {
		t.Error(err)
	}
	t.Logf("%d events stored and %d counted as lost, %d sent; taken again after %v", kept, lost, sent, time.Since(began).Round(time.Millisecond))
	j.Close()

	// A sensor starts on a full disk as well.
	fillUp(t, filepath.Join(dir, "ballast"))
	again := openWith(t, dir, journal.Options{})
	if again.Recovered() != "" || readKept(t, again) != kept {
		t.Errorf("on a full disk: recovered %q", again.Recovered())
	}
}

// What must be written is written to a full disk also where it takes a new segment.
func TestFullDiskAtRollover(t *testing.T) {
	if os.Getenv(smallDisk) == "" {
		inNamespace(t)
		return
	}
	dir := filepath.Join(t.TempDir(), "disk")
	mountSmall(t, dir)
	j := openWith(t, dir, journal.Options{SegmentEvents: 100, KeepOpen: true})
	appendSamples(t, j, 100)
	fillUp(t, filepath.Join(dir, "ballast"))
	var err error
	for range 3 { // the first finds the disk full
		gap := sample(100)
		gap.Kind, gap.Gap = sdk.KindGap, &sdk.Gap{Lost: 1, Reason: "queue_full"}
		if err = j.Append(t.Context(), []*sdk.Event{gap}); err == nil {
			break
		}
	}
	if err != nil {
		t.Errorf("a gap beside a full segment: %v", err)
	}
	if err := j.Sound(); err != nil {
		t.Error(err)
	}
}

func flush(t *testing.T, w *journal.Writer) {
	t.Helper()
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// inNamespace runs the test again where a mount is seen by nobody else and goes
// with the process.
func inNamespace(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), smallDisk+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Skipf("a file system cannot be mounted, which takes root: %v", err)
	}
	if err != nil || strings.Contains(string(out), "--- SKIP") {
		t.Logf("%s", out)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", out)
}

func mountSmall(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("a file system cannot be mounted, which takes root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// fillUp writes until nothing more fits.
func fillUp(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4 << 10} {
		for {
			if _, err := f.Write(make([]byte, size)); err != nil {
				break
			}
		}
	}
}
