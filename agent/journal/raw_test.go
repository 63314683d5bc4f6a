package journal_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Records are the events that Read gives, sealed or not.
func TestRecords(t *testing.T) {
	j := openWith(t, t.TempDir(), journal.Options{SegmentEvents: 100})
	for range 5 {
		appendSamples(t, j, 60)
	}
	until(t, j, "nothing is sealed", func() bool { info, err := j.Info(); return err == nil && info.Segments[0].Sealed })
	var want, got []*sdk.Event
	for len(want) < 300 {
		events, err := j.Read(t.Context(), uint64(len(want)), 70)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, events...)
	}
	for len(got) < 300 {
		records, err := j.Records(t.Context(), uint64(len(got)), 70)
		if err != nil || len(records) == 0 {
			t.Fatalf("Records = %d, %v", len(records), err)
		}
		for _, r := range records {
			ev := new(sdk.Event)
			if err := json.Unmarshal(r.JSON, ev); err != nil {
				t.Fatal(err)
			}
			if ev.Seq != r.Seq {
				t.Errorf("record %d says it is %d", r.Seq, ev.Seq)
			}
			got = append(got, ev)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-Read +Records):\n%s", diff)
	}
	one, err := j.Record(t.Context(), 7)
	if err != nil || !strings.Contains(string(one), `"seq":7,`) {
		t.Errorf("Record(7) = %s, %v", one, err)
	}
	if _, err := j.Record(t.Context(), 301); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("Record(301): %v", err)
	}
}

// A consumer that is behind keeps segments up to a limit; then it misses events,
// and that is on record. A consumer that is no more misses nothing.
func TestRetainForConsumers(t *testing.T) {
	dir := t.TempDir()
	const segment = 32 << 10 // about, on disk: too small to be exact
	o := journal.Options{SegmentEvents: 100, KeepOpen: true, Retention: journal.Retention{MaxBytes: 1, MaxLag: 1 << 30, Consumers: []string{"slow", "new"}}}
	j := openWith(t, dir, o)
	for range 4 {
		appendSamples(t, j, 100)
	}
	mark := func(consumer string, seq uint64) {
		t.Helper()
		if err := j.Append(t.Context(), nil, journal.Mark{Consumer: consumer, Seq: seq}); err != nil {
			t.Fatal(err)
		}
	}
	mark("gone", 10)
	mark("slow", 150)
	for range 3 {
		j.Work()
	}
	if j.First() != 1 {
		t.Fatalf("first = %d: events went that a consumer which has not begun wants", j.First())
	}
	mark("new", 400)
	until(t, j, "the first segment is still there", func() bool { return j.First() == 101 })
	for range 3 {
		j.Work()
	}
	if j.First() != 101 {
		t.Errorf("first = %d, want the slow consumer's segment", j.First())
	}
	mark("slow", 399)
	until(t, j, "segments nobody wants are still there", func() bool { return j.First() == 301 })
	until(t, j, "the place of the consumer that is gone is where it was", func() bool { at, err := j.Mark("gone"); return err == nil && at == 300 })
	if p, err := j.Query(t.Context(), journal.Query{Kind: sdk.KindGap}); err != nil || len(p.Events) != 0 {
		t.Errorf("gaps = %+v, %v, want none", p.Events, err)
	}
	j.Close()

	o.MaxLag = segment // less than what it lags behind by
	j = openWith(t, dir, o)
	for range 4 {
		appendSamples(t, j, 100)
	}
	until(t, j, "the slow consumer is where it was", func() bool { at, err := j.Mark("slow"); return err == nil && at == j.First()-1 && lostIn(t, j) > 0 })
	p, err := j.Query(t.Context(), journal.Query{Kind: sdk.KindGap})
	if err != nil || len(p.Events) == 0 || !strings.Contains(p.Events[0].Error, "slow") {
		t.Errorf("gaps = %+v, %v, want the slow consumer's", p.Events, err)
	}
	until(t, j, "the segments are left", func() bool {
		left, err := filepath.Glob(filepath.Join(dir, "events", "*.seg"))
		return err == nil && len(left) <= 3
	})
}
