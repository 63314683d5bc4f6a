package journal_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// How many events TestScale appends, and where.
const (
	scaleEvents = "JOURNAL_SCALE_EVENTS"
	scaleDir    = "JOURNAL_SCALE_DIR"
)

const (
	scaleProducers = 4
	scaleBatch     = 512
	scaleQueries   = 400 // of each kind
)

// TestScale is a measurement: how fast bulk producers append, with every commit
// synced, and how fast queries are answered at the end. It prints a table.
func TestScale(t *testing.T) {
	total, _ := strconv.Atoi(os.Getenv(scaleEvents))
	if total <= 0 {
		t.Skipf("a measurement: set %s to a number of events", scaleEvents)
	}
	dir := filepath.Join(os.Getenv(scaleDir), "journal-scale")
	if os.Getenv(scaleDir) == "" {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &scale{T: t, dir: dir, total: total}
	s.open()
	s.fill()
	s.describe("right after")
	s.ask("right after")
	s.seal()
	s.describe("sealed")
	s.ask("sealed")
	s.reopen()
}

// scale is one measurement.
type scale struct {
	*testing.T
	dir   string
	total int
	j     *journal.Journal
}

func (s *scale) open() {
	began := time.Now()
	j, err := journal.Open(s.dir, journal.Options{Sensor: "scale"})
	if err != nil {
		s.Fatal(err)
	}
	s.j = j
	s.Logf("opened in %v, %d events", time.Since(began).Round(100*time.Microsecond), j.Last())
}

// fill appends, and prints the rate of each tenth.
func (s *scale) fill() {
	var next atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	mark, at := begin, 0
	var mu sync.Mutex
	var took []time.Duration
	for range scaleProducers {
		wg.Go(func() {
			for {
				n := int(next.Add(scaleBatch))
				if n > s.total {
					return
				}
				began := time.Now()
				if err := s.j.Append(s.Context(), scaleEventsOf(n, scaleBatch)); err != nil {
					s.Error(err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(began))
				if last := int(s.j.Last()); last-at >= s.total/10 {
					s.Logf("%9d events: %6.0f events/s", last, float64(last-at)/time.Since(mark).Seconds())
					mark, at = time.Now(), last
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	all := time.Since(begin)
	s.Logf("appended %d events in %v: %.0f events/s; a batch of %d from %d producers takes %s", s.j.Last(), all.Round(time.Millisecond),
		float64(s.j.Last())/all.Seconds(), scaleBatch, scaleProducers, quantiles(took))
}

func scaleEventsOf(from, n int) []*sdk.Event {
	batch := make([]*sdk.Event, n)
	for i := range batch {
		k := from + i
		batch[i] = sample(k)
		unlikely(batch[i], k)
		if k%50 == 0 {
			d := detection(batch[i].ID, fmt.Sprint("rule-", k%11), sdk.SeverityHigh, batch[i].IP)
			d.Time, d.Detection.Session, d.Detection.Tool = batch[i].Time, batch[i].Session, batch[i].Tool
			batch[i] = d
		}
	}
	return batch
}

// unlikely gives an event what does not compress: ids, digests, tokens.
func unlikely(ev *sdk.Event, i int) {
	r := rand.New(rand.NewPCG(uint64(i), 7))
	ev.ID = fmt.Sprintf("01976f00-%04x-7%03x-%04x-%012x", i>>12&0xffff, r.IntN(1<<12), 0x8000+r.IntN(1<<14), r.Uint64()>>16)
	ev.Body.SHA256 = fmt.Sprintf("%016x%016x%016x%016x", r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())
	ev.Head = strings.Replace(ev.Head, strings.Repeat("x", 120), fmt.Sprintf("Authorization: Bearer %016x%016x\r\nMcp-Session-Id: %s\r\nX-Request-Id: %016x",
		r.Uint64(), r.Uint64(), ev.Session, r.Uint64()), 1)
	ev.LatencyMS = float64(r.IntN(40000)) / 1000
}

func quantiles(d []time.Duration) string {
	slices.Sort(d)
	at := func(q float64) time.Duration {
		return d[min(len(d)-1, int(q*float64(len(d))))].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("p50 %v, p99 %v, max %v", at(0.5), at(0.99), at(1))
}

func (s *scale) describe(when string) {
	info, err := s.j.Info()
	if err != nil {
		s.Fatal(err)
	}
	var unsealed, sealed, ue, se int64
	for _, seg := range info.Segments {
		if seg.Sealed {
			sealed, se = sealed+seg.Bytes, se+int64(seg.Events)
		} else {
			unsealed, ue = unsealed+seg.Bytes, ue+int64(seg.Events)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.Logf("%s: %d segments, %d MB; unsealed %d B/event of %d, sealed %d B/event of %d; heap %d MB",
		when, len(info.Segments), info.Bytes>>20, unsealed/max(ue, 1), ue, sealed/max(se, 1), se, m.HeapInuse>>20)
	began := time.Now()
	st, err := s.j.Stats()
	if err != nil || int64(st.Events) != ue+se {
		s.Errorf("stats: %d events, %v", st.Events, err)
	}
	s.Logf("%s: stats in %v, %d sources (exact %v)", when, time.Since(began).Round(time.Microsecond), st.UniqueSources, st.Exact)
}

// ask measures queries for the latest 50.
func (s *scale) ask(when string) {
	r := rand.New(rand.NewPCG(3, 4))
	ip := func() string { return sample(r.IntN(s.total)).IP }
	tool := func() string { return fmt.Sprint("tool_", r.IntN(38)) }
	for _, c := range []struct {
		name string
		next func() journal.Query
	}{
		{"latest", func() journal.Query { return journal.Query{} }},
		{"source", func() journal.Query { return journal.Query{IP: ip()} }},
		{"tool", func() journal.Query { return journal.Query{Tool: tool()} }},
		{"session", func() journal.Query { return journal.Query{Session: fmt.Sprint("session-", r.IntN(s.total/30))} }},
		{"rule", func() journal.Query { return journal.Query{Rule: fmt.Sprint("rule-", r.IntN(11))} }},
		{"absent", func() journal.Query { return journal.Query{IP: "192.0.2.1"} }},
		{"source, tool", func() journal.Query { return journal.Query{IP: ip(), Tool: tool()} }},
		{"source, tool, outcome", func() journal.Query { return journal.Query{IP: ip(), Tool: tool(), Outcome: "result"} }},
		{"tool, outcome, method", func() journal.Query {
			return journal.Query{Tool: tool(), Outcome: "tool_error", MCPMethod: "tools/list"}
		}},
		{"rule, source", func() journal.Query { return journal.Query{Rule: fmt.Sprint("rule-", r.IntN(11)), IP: ip()} }},
		{"never together", func() journal.Query { return journal.Query{Tool: "tool_1", MCPMethod: "tools/list", Outcome: "result"} }},
		{"an hour in the past", func() journal.Query {
			at := sample(r.IntN(s.total)).Time
			return journal.Query{Tool: tool(), From: at.Add(-time.Hour), To: at}
		}},
	} {
		var took []time.Duration
		found := 0
		for range scaleQueries {
			q := c.next()
			began := time.Now()
			p, err := s.j.Query(s.Context(), q)
			if err != nil {
				s.Fatal(err)
			}
			took, found = append(took, time.Since(began)), found+len(p.Events)
		}
		s.Logf("%s: query %-24s %s; %d events a page", when, c.name, quantiles(took), found/scaleQueries)
	}
}

// seal waits until all segments but the newest are sealed.
func (s *scale) seal() {
	began := time.Now()
	_, had := s.j.Sealed()
	for {
		s.j.Work()
		if all, sealed := s.j.Sealed(); sealed == all-1 {
			s.Logf("sealed the last %d of %d segments in %v", sealed-had, all, time.Since(began).Round(time.Millisecond))
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *scale) reopen() {
	if err := s.j.Close(); err != nil {
		s.Fatal(err)
	}
	s.open()
	began := time.Now()
	if _, err := s.j.Stats(); err != nil {
		s.Error(err)
	}
	s.Logf("first statistics after opening in %v", time.Since(began).Round(time.Microsecond))
	began = time.Now()
	c, err := s.j.Check(s.Context(), nil)
	if err != nil || len(c.Faults) > 0 {
		s.Errorf("check: %+v, %v", c, err)
	}
	s.Logf("checked %d events in %v", c.Events, time.Since(began).Round(time.Millisecond))
	if err := s.j.Close(); err != nil {
		s.Error(err)
	}
}
