package journal_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// openWith opens a journal with small segments.
func openWith(t *testing.T, dir string, o journal.Options) *journal.Journal {
	t.Helper()
	o.Sensor = "s1"
	if o.SegmentEvents == 0 {
		o.SegmentEvents = 500
	}
	j, err := journal.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// until waits for what the keeper does in the background.
func until(t *testing.T, j *journal.Journal, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after 20 s: %s", what)
		}
		j.Work()
	}
}

func awaitSealed(t *testing.T, j *journal.Journal) {
	t.Helper()
	until(t, j, "not all segments are sealed", func() bool {
		all, sealed := j.Sealed()
		return sealed == all-1
	})
}

// appendSamples appends n sample events in commits of 100.
func appendSamples(t *testing.T, j *journal.Journal, n int) (all []*sdk.Event) {
	t.Helper()
	for i := 0; i < n; i += 100 {
		var batch []*sdk.Event
		for k := range min(100, n-i) {
			batch = append(batch, sample(i+k))
		}
		appendAll(t, j, batch...)
		all = append(all, batch...)
	}
	return all
}

// Sealing changes where events are, and nothing that anybody sees.
func TestSealed(t *testing.T) {
	dir := t.TempDir()
	j := openWith(t, dir, journal.Options{})
	all := appendSamples(t, j, 3200)
	awaitSealed(t, j)
	if n, _ := j.Sealed(); n != 7 {
		t.Errorf("%d segments of 500 for 3200 events, want 7", n)
	}
	look := func() {
		t.Helper()
		if diff := cmp.Diff(all, readAll(t, j, 0)); diff != "" {
			t.Fatalf("read differs (-want +got):\n%s", diff)
		}
		for _, ev := range []*sdk.Event{all[0], all[499], all[500], all[1234], all[3199]} {
			got, err := j.Get(t.Context(), ev.ID)
			if err != nil || got.Seq != ev.Seq {
				t.Errorf("Get(%s) = %+v, %v", ev.ID, got, err)
			}
			got, err = j.Get(t.Context(), fmt.Sprint(ev.Seq))
			if err != nil || got.ID != ev.ID {
				t.Errorf("Get(%d) = %+v, %v", ev.Seq, got, err)
			}
		}
		for _, q := range []journal.Query{
			{Limit: 1000},
			{IP: all[3].IP, Limit: 700},
			{Tool: "tool_3", Outcome: "result", Limit: 90},
			{Session: "session-7", Limit: 10},
			{From: all[900].Time, To: all[1700].Time, Limit: 300},
			{IP: "192.0.2.9", Limit: 1},
		} {
			if diff := cmp.Diff(filter(all, q), pages(t, j, q)); diff != "" {
				t.Errorf("Query(%+v) (-want +got):\n%s", q, diff)
			}
		}
		if err := j.Sound(); err != nil {
			t.Error(err)
		}
	}
	look()
	j.Close()
	j = openWith(t, dir, journal.Options{})
	look()
	if files, _ := filepath.Glob(filepath.Join(dir, "events", "*")); len(files) != 8 { // six sealed, and one open with its index
		t.Errorf("files %q", files)
	}
}

// filter is [scan] for the fields that these queries use.
func filter(all []*sdk.Event, q journal.Query) (found []uint64) {
	for _, ev := range slices.Backward(all) {
		if (q.Session == "" || ev.Session == q.Session) && len(scan([]*sdk.Event{ev}, q)) > 0 {
			found = append(found, ev.Seq)
		}
	}
	return found
}

// The index agrees with a plain look at every event when segments are small and
// sealed while the events come.
func TestQueryAcrossSegments(t *testing.T) {
	dir := t.TempDir()
	j := openWith(t, dir, journal.Options{SegmentEvents: 700})
	testQueryAgainstScan(t, j)
}

// Marks go on from segment to segment, and survive the loss of the newest.
func TestMarksAcrossSegments(t *testing.T) {
	dir := t.TempDir()
	j := openWith(t, dir, journal.Options{})
	appendSamples(t, j, 300)
	if err := j.Append(t.Context(), nil, journal.Mark{Consumer: "siem", Seq: 250}); err != nil {
		t.Fatal(err)
	}
	appendSamples(t, j, 900)
	awaitSealed(t, j)
	if err := j.Append(t.Context(), nil, journal.Mark{Consumer: "late", Seq: 1}); err != nil {
		t.Fatal(err)
	}
	j.Close()
	if err := os.Remove(fileOf(t, dir, ".seg")); err != nil {
		t.Fatal(err)
	}
	j = openWith(t, dir, journal.Options{})
	if n, err := j.Mark("siem"); n != 250 || err != nil {
		t.Errorf("mark = %d, %v, want 250", n, err)
	}
	if n, err := j.Mark("late"); n != 0 || err != nil {
		t.Errorf("mark of the lost segment = %d, %v, want 0", n, err)
	}
}

func TestRetainBytes(t *testing.T) {
	dir := t.TempDir()
	j := openWith(t, dir, journal.Options{Retention: journal.Retention{MaxBytes: 1}, SegmentEvents: 300})
	appendSamples(t, j, 300)
	if err := j.Append(t.Context(), nil, journal.Mark{Consumer: "slow", Seq: 100}, journal.Mark{Consumer: "fast", Seq: 300}); err != nil {
		t.Fatal(err)
	}
	appendSamples(t, j, 300)
	until(t, j, "the first segment is still there", func() bool { return j.First() == 301 })
	until(t, j, "nothing is counted", func() bool { return lostIn(t, j) > 0 })
	if n, err := j.Mark("slow"); n != 300 || err != nil {
		t.Errorf("the slow consumer is at %d, %v", n, err)
	}
	p, err := j.Query(t.Context(), journal.Query{Kind: sdk.KindGap})
	if err != nil || len(p.Events) != 1 || p.Events[0].Gap.Lost != 200 || p.Events[0].Gap.Reason != "retention" || !strings.Contains(p.Events[0].Error, "slow") {
		t.Errorf("gaps = %+v, %v, want one of 200 events", p.Events, err)
	}
	if _, err := j.Get(t.Context(), "1"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("event 1: %v", err)
	}
	if events, err := j.Read(t.Context(), 0, 10); err != nil || len(events) == 0 || events[0].Seq != 301 {
		t.Errorf("first read = %+v, %v", events, err)
	}
	j.Close()
	if j = openWith(t, dir, journal.Options{}); j.Recovered() != "" {
		t.Errorf("recovered %q", j.Recovered())
	}
}

// A consumer that reads on while retention removes what it has not had: all that it
// did not see is counted, and once, though it goes on storing places in what went.
func TestRetainCountsForReader(t *testing.T) {
	const sink, batch = "sink", 10
	j := openWith(t, t.TempDir(), journal.Options{SegmentEvents: batch, KeepOpen: true})
	for range 40 {
		appendSamples(t, j, batch)
	}
	place, missed := uint64(1), uint64(0)
	step := func() {
		events, err := j.Read(t.Context(), place, batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			missed += ev.Seq - place - 1
			place = ev.Seq
		}
		time.Sleep(2 * time.Millisecond) // the delivery
		if err := j.Append(t.Context(), nil, journal.Mark{Consumer: sink, Seq: place}); err != nil {
			t.Fatal(err)
		}
	}
	step()
	j.SetRetention(journal.Retention{MaxBytes: 1, MaxLag: 1, Consumers: []string{sink}})
	j.Work()
	for deadline := time.Now().Add(20 * time.Second); place < j.Last() || j.First() < 350; step() {
		if time.Now().After(deadline) {
			t.Fatalf("after 20 s: at %d of %d, first %d", place, j.Last(), j.First())
		}
	}
	counted := lostIn(t, j)
	if counted < missed || counted > missed+2*batch || missed == 0 { // read and not stored yet
		t.Errorf("%d events were missed, gaps count %d", missed, counted)
	}
	for range 3 { // nothing is counted later
		j.Work()
		step()
	}
	if again := lostIn(t, j); again != counted {
		t.Errorf("gaps count %d, and later %d", counted, again)
	}
}

// A sensor that ends between the count and the removal goes on with the removal, and
// counts nothing twice.
func TestRetainCutShort(t *testing.T) {
	dir := t.TempDir()
	keep := journal.Retention{MaxBytes: 1, MaxLag: 1, Consumers: []string{"sink"}}
	j := openWith(t, dir, journal.Options{SegmentEvents: 100})
	appendSamples(t, j, 300)
	if err := j.Append(t.Context(), nil, journal.Mark{Consumer: "sink", Seq: 30}); err != nil {
		t.Fatal(err)
	}
	j.SetRetention(journal.Retention{Consumers: keep.Consumers})
	if err := j.CountMissed(t.Context()); err != nil {
		t.Fatal(err)
	}
	j.Close()
	j = openWith(t, dir, journal.Options{SegmentEvents: 100, Retention: keep})
	until(t, j, "the old segments are still there", func() bool { return j.First() > 200 })
	for range 3 {
		j.Work()
		time.Sleep(5 * time.Millisecond)
	}
	if at, err := j.Mark("sink"); at < 200 || err != nil || lostIn(t, j) != at-30 {
		t.Errorf("mark = %d, %v; gaps count %d", at, err, lostIn(t, j))
	}
}

// A segment goes by its age only after it has been too old for a while.
func TestRetainAge(t *testing.T) {
	o := journal.Options{Retention: journal.Retention{MaxAge: time.Hour}, SegmentEvents: 100}
	o.Agree(300 * time.Millisecond)
	j := openWith(t, t.TempDir(), o)
	old := func(age time.Duration) (batch []*sdk.Event) {
		for i := range 100 {
			ev := sample(i)
			ev.Time = time.Now().Add(-age)
			batch = append(batch, ev)
		}
		return batch
	}
	began := time.Now()
	appendAll(t, j, old(3*time.Hour)...)
	appendAll(t, j, old(30*time.Minute)...)
	appendAll(t, j, old(0)...)
	until(t, j, "the old segment is still there", func() bool { return j.First() == 101 })
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("it went after %v", took)
	}
	for range 20 {
		j.Work()
		time.Sleep(10 * time.Millisecond)
	}
	if j.First() != 101 {
		t.Errorf("first = %d: a segment went that is not too old", j.First())
	}
}

func TestStats(t *testing.T) {
	dir := t.TempDir()
	j := openWith(t, dir, journal.Options{})
	all := appendSamples(t, j, 1700)
	appendAll(t, j, detection("d", "tool-sweep", sdk.SeverityHigh, "10.0.0.1"))
	look := func() {
		t.Helper()
		s, err := j.Stats()
		if err != nil {
			t.Fatal(err)
		}
		if s.Events != 1701 || s.Kinds["access"] != 1700 || s.Severities["high"] != 1 || s.UniqueSources != 280 || !s.Exact {
			t.Errorf("stats = %+v", s)
		}
		if len(s.Rules) != 1 || s.Rules[0] != (journal.Count{Name: "tool-sweep", Count: 1}) || len(s.Tools) != 38 || s.Tools[0].Count != 45 {
			t.Errorf("rules %+v, tools %+v", s.Rules, s.Tools)
		}
		n := uint32(0)
		for _, m := range s.Minutes {
			n += m.Events
		}
		if n != 1700 || !s.From.Equal(all[0].Time) {
			t.Errorf("%d events in the timeline, from %v", n, s.From)
		}
	}
	look()
	awaitSealed(t, j)
	look()
	j.Close()
	j = openWith(t, dir, journal.Options{})
	look()
}

func TestSessions(t *testing.T) {
	dir := t.TempDir()
	j := openWith(t, dir, journal.Options{})
	appendSamples(t, j, 900) // 30 of each session
	mint := sample(900)
	mint.Kind, mint.Canary = sdk.KindCanary, &sdk.Canary{Value: "AKIA1", Kind: "aws key"}
	appendAll(t, j, mint)
	look := func() {
		t.Helper()
		until(t, j, "sessions are not told", func() bool { s, _ := j.Tables().Sessions(0, 1000); return len(s) >= 30 })
		s, err := j.Tables().Session("session-3")
		if err != nil || s.Events != 30 || s.FirstSeq != 91 || s.LastSeq != 120 || s.Client.Name != "probe" || s.Calls != 30 {
			t.Errorf("session = %+v, %v", s, err)
		}
		page, err := j.Tables().Sessions(91, 2)
		if err != nil || len(page) != 2 || page[0].ID != "session-2" || page[1].ID != "session-1" {
			t.Errorf("page = %+v, %v", page, err)
		}
		if c, err := j.Tables().Canary("AKIA1"); err != nil || c.Seq != mint.Seq || c.EventID != mint.ID {
			t.Errorf("canary = %+v, %v", c, err)
		}
	}
	look()
	j.Close()
	if err := os.Remove(filepath.Join(dir, "state.db")); err != nil {
		t.Fatal(err)
	}
	j = openWith(t, dir, journal.Options{})
	look() // read back from the events
	if _, err := j.Tables().Canary("other"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("unknown canary: %v", err)
	}
}

// Damage to a sealed segment costs what is damaged: the file is set aside, what
// can be read of it takes its place, and the loss is an event.
func TestDamagedSegment(t *testing.T) {
	for _, c := range []struct {
		name   string
		spoil  func(b []byte) []byte
		lost   int // at the most
		aside  bool
		atOpen bool
	}{
		{"flipped byte in a block", func(b []byte) []byte { b[len(b)/3] ^= 0x40; return b }, 64, true, false},
		{"flipped byte in the dictionary", func(b []byte) []byte { b[100] ^= 1; return b }, 0, true, true},
		{"flipped byte in the foot", func(b []byte) []byte { b[len(b)-20] ^= 1; return b }, 0, true, true},
		{"truncated", func(b []byte) []byte { return b[:len(b)/3] }, 499, true, true},
		{"zero length", func([]byte) []byte { return nil }, 500, true, true},
		{"garbage", func(b []byte) []byte { return []byte(strings.Repeat("garbage", 5000)) }, 500, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			j := openWith(t, dir, journal.Options{})
			all := appendSamples(t, j, 1600)
			awaitSealed(t, j)
			j.Close()
			files, _ := filepath.Glob(filepath.Join(dir, "events", "*.sealed"))
			b, err := os.ReadFile(files[1])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(files[1], c.spoil(b), 0o600); err != nil {
				t.Fatal(err)
			}
			j = openWith(t, dir, journal.Options{})
			if (j.Recovered() != "") != c.atOpen {
				t.Errorf("recovered %q", j.Recovered())
			}
			for after := uint64(0); after < 1600; { // whoever reads finds the damage
				events, err := j.Read(t.Context(), after, 100)
				if bad, ok := errors.AsType[*journal.RecordError](err); ok {
					after = bad.Seq
				} else if len(events) > 0 {
					after = events[len(events)-1].Seq
				}
			}
			until(t, j, "the damage is not reported", func() bool {
				p, _ := j.Query(t.Context(), journal.Query{Kind: sdk.KindGap})
				return len(p.Events) > 0
			})
			gap, err := j.Query(t.Context(), journal.Query{Kind: sdk.KindGap})
			if err != nil || len(gap.Events) != 1 || gap.Events[0].Gap.Reason != "segment_damaged" || int(gap.Events[0].Gap.Lost) > c.lost {
				t.Fatalf("gaps = %+v, %v", gap.Events, err)
			}
			kept, lost := 0, int(gap.Events[0].Gap.Lost)
			for after := uint64(0); ; {
				events, err := j.Read(t.Context(), after, 1000)
				if err != nil {
					t.Fatal(err)
				}
				if len(events) == 0 {
					break
				}
				for _, ev := range events {
					if ev.Kind == sdk.KindAccess {
						kept++
						if ev.ID != all[ev.Seq-1].ID {
							t.Fatalf("event %d is %s, was %s", ev.Seq, ev.ID, all[ev.Seq-1].ID)
						}
					}
				}
				after = events[len(events)-1].Seq
			}
			if kept+lost != 1600 {
				t.Errorf("%d events kept and %d lost of 1600", kept, lost)
			}
			if err := j.Sound(); err != nil {
				t.Error(err)
			}
			if aside, _ := journal.Aside(dir); len(aside) != 1 {
				t.Errorf("set aside: %q", aside)
			}
			t.Logf("%d events lost", lost)
		})
	}
}

// What a repair saves of a segment reaches a consumer that had not had it; when the
// segment cannot be repaired, that is counted, and the consumer goes on.
func TestDamagedSegmentIsRead(t *testing.T) {
	const sink, had, each = "sink", 50, 100
	for _, c := range []struct {
		name string
		foot bool // is damaged, which is seen at the start, and not a directory
		stay bool // the segment cannot be repaired
	}{{"directory", false, false}, {"foot", true, false}, {"not repaired", false, true}} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			o := journal.Options{SegmentEvents: each, Retention: journal.Retention{Consumers: []string{sink}, MaxLag: 1 << 30}}
			j := openWith(t, dir, o)
			total := len(appendSamples(t, j, 2*each+each/10))
			if err := j.Append(t.Context(), nil, journal.Mark{Consumer: sink, Seq: had}); err != nil {
				t.Fatal(err)
			}
			awaitSealed(t, j)
			file, at := j.Directory()
			j.Close()
			if c.foot {
				info, err := os.Stat(file)
				if err != nil {
					t.Fatal(err)
				}
				at = info.Size() - 1
			}
			spoil(t, file, at)
			j = openWith(t, dir, o)
			if c.stay { // no draft can have its name
				if err := os.MkdirAll(filepath.Join(file+".new", "in the way"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			got := make(chan int)
			go func() { got <- readFrom(t, j, had, uint64(total)) }()
			read := -1
			until(t, j, "the consumer does not go on", func() bool {
				select {
				case read = <-got:
				default:
				}
				return read >= 0
			})
			lost := int(lostIn(t, j))
			if read+lost != total-had || c.stay != (lost > 0) {
				t.Errorf("the consumer got %d of %d, gaps count %d", read, total-had, lost)
			}
			if err := os.RemoveAll(file + ".new"); err != nil {
				t.Fatal(err)
			}
			until(t, j, "the segment is not repaired", func() bool { return j.Sound() == nil && readKept(t, j) == total })
			if again := int(lostIn(t, j)); again != lost {
				t.Errorf("gaps count %d after the repair, %d before", again, lost)
			}
		})
	}
}

// spoil changes one byte of a file.
func spoil(t *testing.T, file string, at int64) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 0xff
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A reader who waits for a repair ends with his context, and with the journal.
func TestHeldReadEnds(t *testing.T) {
	dir := t.TempDir()
	j := openWith(t, dir, journal.Options{SegmentEvents: 100})
	appendSamples(t, j, 110)
	awaitSealed(t, j)
	file, at := j.Directory()
	j.Close()
	spoil(t, file, at)
	j = openWith(t, dir, journal.Options{SegmentEvents: 100})
	if err := os.MkdirAll(filepath.Join(file+".new", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if events, err := j.Read(short, 0, 10); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read %d events, %v", len(events), err)
	}
	ended := make(chan error)
	go func() {
		_, err := j.Read(t.Context(), 0, 10)
		ended <- err
	}()
	time.Sleep(20 * time.Millisecond)
	j.Close()
	if err := <-ended; !errors.Is(err, journal.ErrClosed) {
		t.Errorf("read while the journal was closed: %v", err)
	}
}

// readFrom reads as a consumer does, and returns how many accesses there are behind a
// number and up to another.
func readFrom(t *testing.T, j *journal.Journal, place, last uint64) (n int) {
	for place < last {
		events, err := j.Read(t.Context(), place, 16)
		if err != nil {
			t.Error(err)
			return n
		}
		for _, ev := range events {
			if place = ev.Seq; ev.Kind == sdk.KindAccess {
				n++
			}
		}
	}
	return n
}

// unpack makes a file of its gzip: a bbolt file is megabytes of nothing.
func unpack(t *testing.T, file string) {
	t.Helper()
	packed, err := os.Open(file + ".gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A log from before there were segments becomes the first one.
func TestLegacy(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/legacy")); err != nil {
		t.Fatal(err)
	}
	unpack(t, filepath.Join(dir, "journal.db"))
	r, err := journal.OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(readAll(t, r, 0)); n != 300 {
		t.Errorf("a reader finds %d events, want 300", n)
	}
	r.Close()
	j := openWith(t, dir, journal.Options{})
	if n, err := j.Mark("siem"); n != 120 || err != nil || j.Recovered() != "" {
		t.Errorf("mark = %d, %v; recovered %q", n, err, j.Recovered())
	}
	appendSamples(t, j, 10)
	awaitSealed(t, j)
	if n := len(readAll(t, j, 0)); n != 310 {
		t.Errorf("%d events, want 310", n)
	}
	s, err := j.Stats()
	if err != nil || s.Events != 310 {
		t.Errorf("stats: %d events, %v", s.Events, err)
	}
	if err := j.Sound(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "journal.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("journal.db: %v", err)
	}
}

// The newest segment, which no other bounds, is salvaged as well.
func TestSalvageNewest(t *testing.T) {
	for _, n := range []int{1, 2, 300} {
		dir := t.TempDir()
		j := open(t, dir)
		for i := range n {
			ev := sample(i)
			ev.Head, ev.Body = "", nil // short ones, which bbolt stores inside another bucket
			appendAll(t, j, ev)
		}
		j.Close()
		path := fileOf(t, dir, ".seg")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			b[16+i], b[os.Getpagesize()+16+i] = 0xff, 0xff // both meta pages
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		j = openWith(t, dir, journal.Options{})
		until(t, j, "the damage is not reported", func() bool {
			p, _ := j.Query(t.Context(), journal.Query{Kind: sdk.KindGap})
			return len(p.Events) > 0
		})
		if events := readKept(t, j); events != n {
			t.Errorf("%d of %d events were kept; recovered %q", events, n, j.Recovered())
		}
		aside, err := journal.Aside(dir)
		if err != nil || len(aside) != 1 {
			t.Fatalf("set aside %q, %v", aside, err)
		}
		s, err := journal.SalvageEvents(t.Context(), aside[0], func([]byte) error { return nil })
		if err != nil || s.Events != uint64(n) || s.First != 1 || s.Last != uint64(n) {
			t.Errorf("salvaged %+v, %v", s, err)
		}
		j.Close()
	}
}

// readKept counts the accesses that can be read.
func readKept(t *testing.T, j *journal.Journal) (n int) {
	t.Helper()
	for after := uint64(0); ; {
		events, err := j.Read(t.Context(), after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			return n
		}
		for _, ev := range events {
			if ev.Kind == sdk.KindAccess {
				n++
			}
		}
		after = events[len(events)-1].Seq
	}
}

// lostIn adds up what gaps count.
func lostIn(t *testing.T, j *journal.Journal) (n uint64) {
	t.Helper()
	p, err := j.Query(t.Context(), journal.Query{Kind: sdk.KindGap, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range p.Events {
		n += ev.Gap.Lost
	}
	return n
}
