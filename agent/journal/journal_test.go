package journal_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

func open(t *testing.T, dir string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(dir, journal.Options{Sensor: "s1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func reopen(t *testing.T, j *journal.Journal, dir string) *journal.Journal {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

func appendAll(t *testing.T, j *journal.Journal, events ...*sdk.Event) {
	t.Helper()
	if err := j.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

// readAll reads everything after a number and checks that there are no holes.
func readAll(t *testing.T, j *journal.Journal, after uint64) []*sdk.Event {
	t.Helper()
	var all []*sdk.Event
	for {
		events, err := j.Read(t.Context(), after, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			return all
		}
		for _, ev := range events {
			if ev.Seq != after+1 {
				t.Fatalf("event %d follows event %d", ev.Seq, after)
			}
			after = ev.Seq
		}
		all = append(all, events...)
	}
}

func TestAppendRead(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	var want []*sdk.Event
	for i := range 250 {
		want = append(want, sample(i))
	}
	appendAll(t, j, want[:1]...)
	appendAll(t, j, want[1:]...)
	if want[0].Seq != 1 || want[249].Seq != 250 || j.Last() != 250 || want[0].Sensor != "s1" {
		t.Fatalf("seqs %d..%d, last %d, sensor %q", want[0].Seq, want[249].Seq, j.Last(), want[0].Sensor)
	}
	if diff := cmp.Diff(want, readAll(t, j, 0)); diff != "" {
		t.Fatalf("read differs (-want +got):\n%s", diff)
	}
	j = reopen(t, j, dir)
	if diff := cmp.Diff(want[200:], readAll(t, j, 200)); diff != "" {
		t.Fatalf("read after reopening differs (-want +got):\n%s", diff)
	}
	more := sample(250)
	appendAll(t, j, more)
	if more.Seq != 251 {
		t.Errorf("first seq after reopening = %d, want 251", more.Seq)
	}
	if err := j.Sound(); err != nil {
		t.Error(err)
	}
}

func TestReadLimits(t *testing.T) {
	j := open(t, t.TempDir())
	appendAll(t, j, sample(0), sample(1), sample(2))
	for _, c := range []struct {
		after uint64
		limit int
		want  int
	}{{0, 2, 2}, {1, 10, 2}, {3, 10, 0}, {0, 0, 0}, {0, -1, 0}, {math.MaxUint64, 10, 0}} {
		got, err := j.Read(t.Context(), c.after, c.limit)
		if err != nil || len(got) != c.want {
			t.Errorf("Read(%d, %d) = %d events, %v, want %d", c.after, c.limit, len(got), err, c.want)
		}
	}
}

func TestGet(t *testing.T) {
	j := open(t, t.TempDir())
	odd := sample(1)
	odd.ID = strings.Repeat("odd\xff", 100)
	digits := sample(2)
	digits.ID = "77"
	none := sample(3)
	none.ID = ""
	appendAll(t, j, sample(0), odd, digits, none)
	for _, c := range []struct {
		id   string
		want uint64
	}{
		{sample(0).ID, 1},
		{odd.ID, 2},
		{"2", 2},
		{"77", 3},
		{"4", 4},
		{"5", 0},
		{"0", 0},
		{"", 0},
		{sample(9).ID, 0},
		{strings.ToUpper(sample(0).ID + "A"), 0},
	} {
		ev, err := j.Get(t.Context(), c.id)
		switch {
		case c.want == 0 && !errors.Is(err, journal.ErrNotFound):
			t.Errorf("Get(%.40q) = %v, want ErrNotFound", c.id, err)
		case c.want != 0 && (err != nil || ev.Seq != c.want):
			t.Errorf("Get(%.40q) = %+v, %v, want event %d", c.id, ev, err, c.want)
		}
	}
}

func TestMarks(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	mark := func(c string) uint64 {
		t.Helper()
		n, err := j.Mark(c)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := mark("siem"); n != 0 {
		t.Errorf("mark of a new consumer = %d, want 0", n)
	}
	ctx := t.Context()
	if err := j.Append(ctx, []*sdk.Event{sample(0), sample(1)}, journal.Mark{Consumer: "siem", Seq: 2}); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(ctx, nil, journal.Mark{Consumer: "file", Seq: 1}); err != nil {
		t.Fatal(err)
	}
	ahead := sample(2)
	if err := j.Append(ctx, []*sdk.Event{ahead}, journal.Mark{Consumer: "siem", Seq: 4}); err == nil {
		t.Error("a mark above the last event was stored")
	}
	if err := j.Append(ctx, []*sdk.Event{ahead}, journal.Mark{Consumer: strings.Repeat("x", 200)}); err == nil {
		t.Error("a mark with a long name was stored")
	}
	if j.Last() != 2 || ahead.Seq != 0 {
		t.Errorf("after failed appends last = %d and seq = %d, want 2 and 0", j.Last(), ahead.Seq)
	}
	j = reopen(t, j, dir)
	if a, b := mark("siem"), mark("file"); a != 2 || b != 1 {
		t.Errorf("marks after reopening = %d, %d, want 2, 1", a, b)
	}
	if n := len(readAll(t, j, 0)); n != 2 {
		t.Errorf("%d events after failed appends, want 2", n)
	}
}

// Whatever an event holds, it is recorded, and read back without an error.
func TestAppendMendsEvents(t *testing.T) {
	far := time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		spoil func(*sdk.Event)
		check func(*sdk.Event) bool
	}{
		{
			"args are not JSON", func(e *sdk.Event) { e.Args = sdk.RawJSON(`{"a":`) },
			func(e *sdk.Event) bool { return string(e.Args) == `"{\"a\":"` && e.Error != "" },
		},
		{
			"id is not JSON", func(e *sdk.Event) { e.RPCID = sdk.RawJSON("\xff") },
			func(e *sdk.Event) bool { return len(e.RPCID) > 0 },
		},
		{"args nested to the decoder's limit", func(e *sdk.Event) {
			e.Args = sdk.RawJSON(strings.Repeat("[", 10000) + strings.Repeat("]", 10000))
		}, func(e *sdk.Event) bool { return len(e.Args) == 20002 }},
		{"numbers that JSON has not", func(e *sdk.Event) {
			e.LatencyMS = math.NaN()
			e.Guest = &sdk.GuestError{TookMS: math.Inf(1)}
		}, func(e *sdk.Event) bool { return e.LatencyMS == 0 && e.Guest.TookMS == 0 }},
		{
			"a year that RFC 3339 has not", func(e *sdk.Event) { e.Time = far; e.Gap = &sdk.Gap{From: far, To: far} },
			func(e *sdk.Event) bool { return e.Time.IsZero() },
		},
		{
			"markup is kept as it is", func(e *sdk.Event) { e.UA = "<b>&" },
			func(e *sdk.Event) bool { return e.UA == "<b>&" && e.Error == "" },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := open(t, t.TempDir())
			ev := sample(0)
			c.spoil(ev)
			appendAll(t, j, ev)
			if got := readAll(t, j, 0); len(got) != 1 || !c.check(got[0]) {
				t.Errorf("read back %+v", got)
			}
		})
	}
}

func TestAppendRefuses(t *testing.T) {
	j := open(t, t.TempDir())
	big := sample(0)
	big.Head = strings.Repeat("x", 17<<20)
	for name, ev := range map[string]*sdk.Event{"nil": nil, "too big": big} {
		if err := j.Append(t.Context(), []*sdk.Event{sample(1), ev}); !errors.Is(err, journal.ErrEvent) {
			t.Errorf("append of an event that is %s: %v, want ErrEvent", name, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Append(ended, []*sdk.Event{sample(1)}); !errors.Is(err, context.Canceled) {
		t.Errorf("append with an ended context: %v", err)
	}
	if j.Last() != 0 {
		t.Errorf("last = %d after failed appends, want 0", j.Last())
	}
}

func TestConcurrentAppends(t *testing.T) {
	const writers, commits, size = 8, 20, 60 // enough for the tail to be flushed twice
	j := open(t, t.TempDir())
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for c := range commits {
				var batch []*sdk.Event
				for i := range size {
					ev := sample(i)
					ev.ID = fmt.Sprintf("%d/%d/%d", w, c, i)
					batch = append(batch, ev)
				}
				if err := j.Append(t.Context(), batch, journal.Mark{Consumer: fmt.Sprint(w), Seq: 1}); err != nil {
					t.Error(err)
				}
				if batch[size-1].Seq != batch[0].Seq+size-1 {
					t.Errorf("batch has seqs %d to %d", batch[0].Seq, batch[size-1].Seq)
				}
			}
		})
	}
	wg.Go(func() {
		for n := uint64(0); n < writers*commits*size; n = j.Last() {
			if err := j.Wait(t.Context(), n); err != nil {
				t.Error(err)
				return
			}
			if p, err := j.Query(t.Context(), journal.Query{Kind: sdk.KindAccess, Tool: "tool_0", Limit: 1000}); err != nil || uint64(len(p.Events)) < n/size*2 { // two in each batch
				t.Errorf("query found %d events of %d, %v", len(p.Events), n, err)
			}
		}
	})
	wg.Wait()
	seen := map[string]bool{}
	for _, ev := range readAll(t, j, 0) {
		seen[ev.ID] = true
	}
	if len(seen) != writers*commits*size {
		t.Errorf("%d different events, want %d", len(seen), writers*commits*size)
	}
}

func TestWait(t *testing.T) {
	j := open(t, t.TempDir())
	appendAll(t, j, sample(0))
	if err := j.Wait(t.Context(), 0); err != nil {
		t.Errorf("wait for an event that exists: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan error, 2)
	go func() { got <- j.Wait(ctx, 1) }()
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Errorf("wait with an ended context: %v", err)
	}
	go func() { got <- j.Wait(t.Context(), 1) }()
	appendAll(t, j, sample(1))
	if err := <-got; err != nil {
		t.Errorf("wait for an event that came: %v", err)
	}
	go func() { got <- j.Wait(t.Context(), 2) }()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; !errors.Is(err, journal.ErrClosed) {
		t.Errorf("wait at a closed journal: %v", err)
	}
}

func TestClosed(t *testing.T) {
	j := open(t, t.TempDir())
	appendAll(t, j, sample(0))
	if err := errors.Join(j.Close(), j.Close()); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	_, read := j.Read(ctx, 0, 1)
	_, query := j.Query(ctx, journal.Query{})
	_, get := j.Get(ctx, "1")
	_, mark := j.Mark("x")
	_, since := j.Since(ctx, time.Now())
	for name, err := range map[string]error{
		"append": j.Append(ctx, []*sdk.Event{sample(1)}), "read": read, "query": query, "get": get, "mark": mark, "since": since,
	} {
		if !errors.Is(err, journal.ErrClosed) {
			t.Errorf("%s after close: %v, want ErrClosed", name, err)
		}
	}
}
