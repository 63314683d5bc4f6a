package journal

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Letting go of the mapping changes nothing that readers see, and takes the log
// out of the process's resident memory.
func TestForget(t *testing.T) {
	j, err := Open(t.TempDir(), Options{Sensor: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	text := strings.Repeat("x", 8<<10)
	for i := range 40 {
		batch := make([]*sdk.Event, 100)
		for k := range batch {
			batch[k] = &sdk.Event{V: 1, ID: fmt.Sprintf("%d-%d", i, k), Kind: sdk.KindAccess, Time: time.Unix(int64(i), 0), UA: text}
		}
		if err := j.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	for seq := uint64(0); seq < 4000; {
		events, err := j.Read(t.Context(), seq, 200)
		if err != nil || len(events) == 0 {
			t.Fatalf("read after %d: %d events, %v", seq, len(events), err)
		}
		for _, ev := range events {
			if seq++; ev.Seq != seq || ev.UA != text {
				t.Fatalf("event %d is damaged", seq)
			}
		}
	}
	before := residentFile(t)
	if err := j.live.forget(); err != nil {
		t.Fatal(err)
	}
	after := residentFile(t)
	if _, err := j.Read(t.Context(), 0, 10); err != nil {
		t.Fatal(err)
	}
	t.Logf("resident file pages: %d KiB, then %d KiB", before, after)
	if after >= before && before > 20<<10 {
		t.Errorf("resident file pages went from %d to %d KiB", before, after)
	}
}

func residentFile(t *testing.T) (kib int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if n, _ := fmt.Sscanf(line, "RssFile: %d kB", &kib); n == 1 {
			return kib
		}
	}
	t.Fatal("no RssFile in /proc/self/status")
	return 0
}
