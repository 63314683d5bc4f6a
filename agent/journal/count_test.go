package journal_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// A count is that of the events that match one by one, whatever is sealed and however
// late they came.
func TestCount(t *testing.T) {
	j := openWith(t, t.TempDir(), journal.Options{Sensor: "s", SegmentEvents: 1000})
	rng := rand.New(rand.NewPCG(7, 11))
	var batch, all []*sdk.Event
	for n := range 3300 {
		at := noon.Add(time.Duration(n) * 300 * time.Millisecond)
		if rng.IntN(10) == 0 {
			at = at.Add(-time.Duration(rng.IntN(400)) * time.Second) // late
		}
		batch = append(batch, &sdk.Event{
			V: 1, ID: fmt.Sprint("c", n), Kind: sdk.KindAccess, Time: at,
			IP: fmt.Sprint("10.0.0.", rng.IntN(5)), Tool: fmt.Sprint("t", rng.IntN(3)), Outcome: "result",
		})
		all = append(all, batch[len(batch)-1])
		if len(batch) == 100 {
			appendAll(t, j, batch...)
			batch = nil
		}
	}
	detections := []*sdk.Event{detection("d", "tool-sweep", sdk.SeverityHigh, "10.0.0.1")}
	appendAll(t, j, detections...)
	for n := range 60 {
		q := journal.Query{}
		if rng.IntN(2) == 0 {
			q.IP = fmt.Sprint("10.0.0.", rng.IntN(6))
		}
		if rng.IntN(2) == 0 {
			q.Tool = fmt.Sprint("t", rng.IntN(4))
		}
		if rng.IntN(2) == 0 {
			q.From = noon.Add(time.Duration(rng.IntN(1200)-60) * time.Second)
		}
		if rng.IntN(2) == 0 {
			q.To = noon.Add(time.Duration(rng.IntN(1200)) * time.Second)
		}
		if n%10 == 0 {
			q.Kind = sdk.KindDetection
		}
		want := uint64(0)
		for _, ev := range all {
			if (q.IP == "" || ev.IP == q.IP) && (q.Tool == "" || ev.Tool == q.Tool) && q.Kind == "" &&
				(q.From.IsZero() || !ev.Time.Before(q.From)) && (q.To.IsZero() || ev.Time.Before(q.To)) {
				want++
			}
		}
		if d := detections[0]; (q.IP == "" || d.IP == q.IP) && q.Tool == "" && (q.From.IsZero() || !d.Time.Before(q.From)) && (q.To.IsZero() || d.Time.Before(q.To)) {
			want++
		}
		got, err := j.Count(t.Context(), q)
		if err != nil || got.Events != want || !got.Exact {
			t.Errorf("Count(%+v) = %+v, %v, want %d", q, got, err, want)
		}
	}
	if _, err := j.Count(t.Context(), journal.Query{Severity: "loud"}); err == nil {
		t.Error("an unknown severity was counted")
	}
}
