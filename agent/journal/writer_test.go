package journal_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// fakeJournal records what is appended to it, and when.
type fakeJournal struct {
	mu      sync.Mutex
	start   time.Time
	took    time.Duration // each append takes this long
	fail    error         // what appends return
	poison  string        // id of the event that can never be recorded
	tries   int
	commits []string // "5ms: a b c"
}

func newFake() *fakeJournal { return &fakeJournal{start: time.Now()} }

func (f *fakeJournal) Append(ctx context.Context, events []*sdk.Event, _ ...journal.Mark) error {
	time.Sleep(f.took)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries++
	if f.fail != nil {
		return f.fail
	}
	var names []string
	for _, ev := range events {
		if ev.ID == f.poison {
			return fmt.Errorf("encode: %w", journal.ErrEvent)
		}
		names = append(names, name(ev))
	}
	f.commits = append(f.commits, fmt.Sprintf("%v: %s", time.Since(f.start), strings.Join(names, " ")))
	return nil
}

func name(ev *sdk.Event) string {
	if g := ev.Gap; g != nil {
		return fmt.Sprintf("gap(%d %s %v)", g.Lost, g.Reason, g.To.Sub(g.From))
	}
	return ev.ID
}

func (f *fakeJournal) setFail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

func record(w *journal.Writer, ids ...string) {
	for _, id := range ids {
		w.Record(&sdk.Event{ID: id, Time: time.Now()})
	}
}

func numbered(from, to int) (ids []string) {
	for i := from; i <= to; i++ {
		ids = append(ids, fmt.Sprint(i))
	}
	return ids
}

func TestWriter(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name string
		o    journal.WriterOptions
		f    func(f *fakeJournal)
		do   func(w *journal.Writer, f *fakeJournal)
		want []string
		lost uint64
	}{
		{
			name: "events of five milliseconds are one commit",
			do: func(w *journal.Writer, _ *fakeJournal) {
				record(w, "a")
				time.Sleep(3 * ms)
				record(w, "b")
				time.Sleep(3 * ms)
				record(w, "c")
				time.Sleep(100 * ms)
			},
			want: []string{"5ms: a b", "11ms: c"},
		},
		{
			name: "a full batch does not wait",
			o:    journal.WriterOptions{Batch: 2},
			do: func(w *journal.Writer, _ *fakeJournal) {
				record(w, numbered(1, 5)...)
				time.Sleep(100 * ms)
			},
			want: []string{"0s: 1 2", "0s: 3 4", "5ms: 5"},
		},
		{
			name: "nor does a batch of many bytes",
			o:    journal.WriterOptions{BatchBytes: 1200},
			do: func(w *journal.Writer, _ *fakeJournal) {
				record(w, numbered(1, 3)...)
				time.Sleep(100 * ms)
			},
			want: []string{"0s: 1 2", "5ms: 3"},
		},
		{
			name: "flush does not wait, and says when all is written",
			f:    func(f *fakeJournal) { f.took = 20 * ms },
			do: func(w *journal.Writer, f *fakeJournal) {
				record(w, "a", "b")
				if err := w.Flush(context.Background()); err != nil || time.Since(f.start) != 20*ms {
					f.commits = append(f.commits, fmt.Sprint("flush: ", err, time.Since(f.start)))
				}
			},
			want: []string{"20ms: a b"},
		},
		{
			name: "what the queue cannot hold is a gap in its place",
			o:    journal.WriterOptions{Queue: 3},
			f:    func(f *fakeJournal) { f.took = 20 * ms },
			do: func(w *journal.Writer, _ *fakeJournal) {
				record(w, numbered(1, 4)...)
				time.Sleep(2 * ms)
				record(w, "5")
				time.Sleep(50 * ms)
				record(w, "6")
				time.Sleep(100 * ms)
			},
			want: []string{"25ms: 1 2 3", "50ms: gap(2 queue_full 2ms)", "77ms: 6"},
			lost: 2,
		},
		{
			name: "bytes bound the queue too",
			o:    journal.WriterOptions{QueueBytes: 1200},
			do: func(w *journal.Writer, _ *fakeJournal) {
				record(w, numbered(1, 3)...)
				time.Sleep(6 * ms)
				record(w, "4")
				time.Sleep(100 * ms)
			},
			want: []string{"5ms: 1 2", "10ms: gap(1 queue_full 0s) 4"},
			lost: 1,
		},
		{
			name: "a failing journal is tried again, nothing queued is lost",
			o:    journal.WriterOptions{Queue: 4},
			do: func(w *journal.Writer, f *fakeJournal) {
				f.setFail(errors.New("no space left on device"))
				record(w, "a", "b")
				time.Sleep(100 * ms) // tries at 5, 55 and 155 ms
				record(w, "c", "d", "e", "f")
				f.setFail(nil)
				time.Sleep(time.Second)
			},
			want: []string{"155ms: a b", "160ms: c d", "165ms: gap(2 write_failed 0s)"},
			lost: 2,
		},
		{
			name: "an event at fault does not hold up the others",
			f:    func(f *fakeJournal) { f.poison = "b" },
			do: func(w *journal.Writer, _ *fakeJournal) {
				record(w, "a", "b", "c")
				time.Sleep(100 * ms)
			},
			want: []string{"5ms: a", "5ms: c", "10ms: gap(1 write_failed 0s)"},
			lost: 1,
		},
		{
			name: "close writes what is left",
			do:   func(w *journal.Writer, _ *fakeJournal) { record(w, "a", "b") },
			want: []string{"0s: a b"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				if c.f != nil {
					c.f(f)
				}
				w := journal.NewWriter(f, c.o)
				c.do(w, f)
				if err := errors.Join(w.Close(t.Context()), w.Close(t.Context())); err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(c.want, f.commits); diff != "" {
					t.Errorf("commits (-want +got):\n%s", diff)
				}
				if w.Lost() != c.lost || w.Depth() != 0 {
					t.Errorf("lost %d, want %d; depth %d", w.Lost(), c.lost, w.Depth())
				}
			})
		})
	}
}

func TestWriterGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.fail = errors.New("no space left on device")
		w := journal.NewWriter(f, journal.WriterOptions{})
		record(w, "a", "b")
		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := w.Flush(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flush = %v, want deadline exceeded", err)
		}
		if f.tries < 10 || f.tries > 20 {
			t.Errorf("%d tries in a minute", f.tries)
		}
		short, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := w.Close(short)
		if err == nil || w.Lost() != 2 || err.Error() != w.Close(t.Context()).Error() {
			t.Errorf("close = %v, lost %d", err, w.Lost())
		}
		record(w, "c")
		if w.Lost() != 3 {
			t.Errorf("lost %d after recording to a closed writer, want 3", w.Lost())
		}
	})
}

// A journal that is closed under its writer must not keep Close waiting.
func TestWriterOnClosedJournal(t *testing.T) {
	j := open(t, t.TempDir())
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	w := journal.NewWriter(j, journal.WriterOptions{})
	w.Record(sample(0))
	if err := w.Flush(t.Context()); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("flush = %v, want ErrClosed", err)
	}
	if err := w.Close(t.Context()); err == nil || w.Lost() != 1 {
		t.Errorf("close = %v, lost %d", err, w.Lost())
	}
}

// Many sources at once, a small queue, a real journal: every event is recorded,
// in the order of its source, or counted in a gap.
func TestWriterKeepsCount(t *testing.T) {
	const sources, each = 4, 2000
	j := open(t, t.TempDir())
	w := journal.NewWriter(j, journal.WriterOptions{Queue: 300, Batch: 100})
	var wg sync.WaitGroup
	for s := range sources {
		wg.Go(func() {
			for i := range each {
				ev := sample(i)
				ev.Session, ev.Status = fmt.Sprint(s), i
				w.Record(ev)
				if i%500 == 0 {
					if err := w.Flush(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	recorded, lost := 0, uint64(0)
	next := make(map[string]int)
	for _, ev := range readAll(t, j, 0) {
		if ev.Gap != nil {
			lost += ev.Gap.Lost
			continue
		}
		recorded++
		if ev.Status < next[ev.Session] {
			t.Fatalf("event %d of source %s came late", ev.Status, ev.Session)
		}
		next[ev.Session] = ev.Status + 1
	}
	if recorded+int(lost) != sources*each || lost != w.Lost() {
		t.Errorf("%d recorded, %d in gaps, %d counted, of %d", recorded, lost, w.Lost(), sources*each)
	}
	t.Logf("%d recorded, %d lost", recorded, lost)
}

func TestGapEvent(t *testing.T) {
	j := open(t, t.TempDir())
	w := journal.NewWriter(j, journal.WriterOptions{QueueBytes: 1})
	record(w, "a") // more bytes than the queue may hold
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err := j.Query(t.Context(), journal.Query{Kind: sdk.KindGap})
	if err != nil || len(p.Events) != 1 {
		t.Fatalf("gaps = %v, %v", p, err)
	}
	ev := p.Events[0]
	if ev.V != sdk.EventVersion || len(ev.ID) != 36 || ev.ID[14] != '7' || !slices.Contains([]byte("89ab"), ev.ID[19]) || ev.Sensor != "s1" || ev.Gap.Lost != 1 {
		t.Errorf("gap event = %+v", ev)
	}
}

// stuck is a journal whose disk hangs until it is released.
type stuck struct{ release chan struct{} }

func (s stuck) Append(context.Context, []*sdk.Event, ...journal.Mark) error {
	<-s.release
	return nil
}

func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stuck{make(chan struct{})}
		w := journal.NewWriter(s, journal.WriterOptions{})
		look := func(times int) (age time.Duration) {
			for range times {
				age = w.Pulse()
				time.Sleep(5 * time.Second)
			}
			return age
		}
		if age := look(10); age > 6*time.Second {
			t.Errorf("with nothing to write the last turn was %v ago", age)
		}
		w.Record(&sdk.Event{ID: "a"})
		if age := look(10); age < 30*time.Second {
			t.Errorf("with a disk that hangs the last turn was %v ago", age)
		}
		close(s.release)
		if age := look(3); age > 6*time.Second {
			t.Errorf("after it the last turn was %v ago", age)
		}
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
