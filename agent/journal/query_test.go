package journal_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func seqs(events []*sdk.Event) []uint64 {
	var out []uint64
	for _, ev := range events {
		out = append(out, ev.Seq)
	}
	return out
}

func detection(id, rule string, s sdk.Severity, ip string) *sdk.Event {
	return &sdk.Event{
		V: sdk.EventVersion, ID: id, Kind: sdk.KindDetection, Time: noon.Add(5 * time.Minute), IP: ip,
		Detection: &sdk.Detection{ID: id, RuleID: rule, Severity: s, SourceIP: ip, Session: "s-9"},
	}
}

func TestQuery(t *testing.T) {
	long := strings.Repeat("long tool name ", 40)
	access := func(n int, ip, tool, outcome string, at time.Duration) *sdk.Event {
		return &sdk.Event{
			V: 1, ID: fmt.Sprint("a", n), Kind: sdk.KindAccess, Time: noon.Add(at),
			IP: ip, Tool: tool, Outcome: outcome, MCPMethod: "tools/call", Session: fmt.Sprint("s-", n%3), Actor: "who " + ip,
		}
	}
	j := open(t, t.TempDir())
	appendAll(t, j,
		access(1, "10.0.0.1", "query", "result", 0),
		access(2, "10.0.0.2", "query", "tool_error", time.Second),
		access(3, "10.0.0.1", "secret\x00get", "result", 61*time.Second),
		access(4, "10.0.0.1", long, "result", 2*time.Minute),
		access(5, "10.0.0.3", "bad\xffutf8", "result", 4*time.Minute))
	appendAll(t, j,
		detection("d6", "tool-sweep", sdk.SeverityHigh, "10.0.0.1"),
		detection("d7", "secret-read", sdk.SeverityCritical, "10.0.0.1"),
		detection("d8", "tool-sweep", sdk.SeverityLow, "10.0.0.2"))
	for _, c := range []struct {
		name string
		q    journal.Query
		want []uint64
		next uint64
	}{
		{"everything", journal.Query{}, []uint64{8, 7, 6, 5, 4, 3, 2, 1}, 0},
		{"limit", journal.Query{Limit: 3}, []uint64{8, 7, 6}, 6},
		{"next page", journal.Query{Limit: 3, Before: 6}, []uint64{5, 4, 3}, 3},
		{"last page", journal.Query{Limit: 3, Before: 3}, []uint64{2, 1}, 0},
		{"exact last page", journal.Query{Limit: 2, Before: 3}, []uint64{2, 1}, 0},
		{"before the first", journal.Query{Before: 1}, nil, 0},
		{"kind", journal.Query{Kind: sdk.KindDetection}, []uint64{8, 7, 6}, 0},
		{"ip, of detections too", journal.Query{IP: "10.0.0.1"}, []uint64{7, 6, 4, 3, 1}, 0},
		{"ip and kind, paged", journal.Query{IP: "10.0.0.1", Kind: sdk.KindAccess, Limit: 2}, []uint64{4, 3}, 3},
		{"three terms", journal.Query{IP: "10.0.0.1", Tool: "query", Outcome: "result"}, []uint64{1}, 0},
		{"terms that never meet", journal.Query{IP: "10.0.0.2", Outcome: "result"}, nil, 0},
		{"value with a separator", journal.Query{Tool: "secret\x00get"}, []uint64{3}, 0},
		{"start of that value", journal.Query{Tool: "secret"}, nil, 0},
		{"long value", journal.Query{Tool: long}, []uint64{4}, 0},
		{"start of the long value", journal.Query{Tool: long[:128]}, nil, 0},
		{"invalid UTF-8 as sent", journal.Query{Tool: "bad\xffutf8"}, []uint64{5}, 0},
		{"invalid UTF-8 as shown", journal.Query{Tool: "bad\ufffdutf8"}, []uint64{5}, 0},
		{"method", journal.Query{MCPMethod: "tools/call", Limit: 1}, []uint64{5}, 5},
		{"session", journal.Query{Session: "s-9"}, []uint64{8, 7, 6}, 0},
		{"actor", journal.Query{Actor: "who 10.0.0.3"}, []uint64{5}, 0},
		{"rule", journal.Query{Rule: "tool-sweep"}, []uint64{8, 6}, 0},
		{"rule and severity", journal.Query{Rule: "tool-sweep", Severity: sdk.SeverityHigh}, []uint64{6}, 0},
		{"at least a severity", journal.Query{MinSeverity: sdk.SeverityMedium}, []uint64{7, 6}, 0},
		{"at least the lowest, of one address", journal.Query{MinSeverity: sdk.SeverityInfo, IP: "10.0.0.2"}, []uint64{8}, 0},
		{"from", journal.Query{From: noon.Add(2 * time.Minute)}, []uint64{8, 7, 6, 5, 4}, 0},
		{"from, between events", journal.Query{From: noon.Add(62 * time.Second)}, []uint64{8, 7, 6, 5, 4}, 0},
		{"to is exclusive", journal.Query{To: noon.Add(61 * time.Second)}, []uint64{2, 1}, 0},
		{"from and to", journal.Query{From: noon.Add(time.Second), To: noon.Add(3 * time.Minute)}, []uint64{4, 3, 2}, 0},
		{"from after to", journal.Query{From: noon.Add(time.Hour), To: noon}, nil, 0},
		{"times and a term, paged", journal.Query{From: noon, To: noon.Add(time.Hour), IP: "10.0.0.1", Limit: 2, Before: 7}, []uint64{6, 4}, 4},
		{"far past", journal.Query{To: time.Unix(-1, 0)}, nil, 0},
		{"far future", journal.Query{From: noon.AddDate(100, 0, 0)}, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := j.Query(t.Context(), c.q)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, seqs(p.Events)); diff != "" || p.Next != c.next {
				t.Errorf("Query(%+v): next %d, want %d; seqs (-want +got):\n%s", c.q, p.Next, c.next, diff)
			}
		})
	}
}

func TestQueryRefuses(t *testing.T) {
	j := open(t, t.TempDir())
	for _, q := range []journal.Query{{Severity: "dire"}, {MinSeverity: "HIGH"}, {Limit: -1}} {
		if _, err := j.Query(t.Context(), q); !errors.Is(err, journal.ErrQuery) {
			t.Errorf("Query(%+v) = %v, want ErrQuery", q, err)
		}
	}
}

// The index must agree with a plain look at every event, whatever the order of
// their times, and whether its newest part is in memory or was read back.
func TestQueryAgainstScan(t *testing.T) {
	testQueryAgainstScan(t, open(t, t.TempDir()))
}

func testQueryAgainstScan(t *testing.T, j *journal.Journal) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var all []*sdk.Event
	now := noon
	for len(all) < 6000 {
		var batch []*sdk.Event
		for range 1 + r.IntN(300) {
			batch = append(batch, randomEvent(r, len(all)+len(batch), &now))
		}
		appendAll(t, j, batch...)
		all = append(all, batch...)
	}
	compare := func() {
		t.Helper()
		for range 150 {
			q := randomQuery(r, all)
			if diff := cmp.Diff(scan(all, q), pages(t, j, q)); diff != "" {
				t.Fatalf("Query(%+v) (-scan +index):\n%s", q, diff)
			}
		}
	}
	compare()
	j = reopen(t, j, j.Dir())
	compare()
}

func randomEvent(r *rand.Rand, i int, now *time.Time) *sdk.Event {
	switch r.IntN(400) {
	case 0:
		*now = now.Add(-3 * time.Hour) // the clock steps back
	case 1:
		*now = now.Add(24 * time.Hour)
	default:
		*now = now.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
	}
	ip := fmt.Sprint("10.0.0.", r.IntN(6))
	if r.IntN(5) == 0 {
		s := []sdk.Severity{"info", "low", "medium", "high", "critical"}[r.IntN(5)]
		ev := detection(fmt.Sprint(i), fmt.Sprint("rule-", r.IntN(4)), s, ip)
		ev.Time = *now
		return ev
	}
	late := time.Duration(r.IntN(90)) * time.Second
	return &sdk.Event{
		V: 1, ID: fmt.Sprint(i), Kind: sdk.KindAccess, Time: now.Add(-late), IP: ip,
		Tool: fmt.Sprint("tool", r.IntN(20)), Outcome: []string{"result", "tool_error"}[r.IntN(2)],
	}
}

func randomQuery(r *rand.Rand, all []*sdk.Event) journal.Query {
	q := journal.Query{Limit: 1 + r.IntN(1000)}
	if r.IntN(2) == 0 {
		q.IP = fmt.Sprint("10.0.0.", r.IntN(7))
	}
	switch r.IntN(4) {
	case 0:
		q.Tool = fmt.Sprint("tool", r.IntN(20))
	case 1:
		q.Outcome = "result"
	case 2:
		q.MinSeverity = []sdk.Severity{"info", "low", "medium", "high", "critical"}[r.IntN(5)]
	}
	if r.IntN(2) == 0 {
		q.From = all[r.IntN(len(all))].Time
	}
	if r.IntN(2) == 0 {
		q.To = all[r.IntN(len(all))].Time
	}
	return q
}

func scan(all []*sdk.Event, q journal.Query) (found []uint64) {
	rank := map[sdk.Severity]int{"info": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
	for _, ev := range slices.Backward(all) {
		severe := q.MinSeverity == "" || ev.Detection != nil && rank[ev.Detection.Severity] >= rank[q.MinSeverity]
		if (q.IP == "" || ev.IP == q.IP) && (q.Tool == "" || ev.Tool == q.Tool) && (q.Outcome == "" || ev.Outcome == q.Outcome) && severe &&
			(q.From.IsZero() || !ev.Time.Before(q.From)) && (q.To.IsZero() || ev.Time.Before(q.To)) {
			found = append(found, ev.Seq)
		}
	}
	return found
}

func pages(t *testing.T, j *journal.Journal, q journal.Query) (found []uint64) {
	t.Helper()
	for {
		p, err := j.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Events) > q.Limit {
			t.Fatalf("page of %d events, limit %d", len(p.Events), q.Limit)
		}
		found = append(found, seqs(p.Events)...)
		if p.Next == 0 {
			return found
		}
		q.Before = p.Next
	}
}

func TestSince(t *testing.T) {
	j := open(t, t.TempDir())
	at := func(d time.Duration) *sdk.Event { ev := sample(0); ev.Time = noon.Add(d); return ev }
	appendAll(t, j, at(0), at(time.Minute), at(30*time.Second), at(5*time.Minute))
	for _, c := range []struct {
		at   time.Duration
		want uint64
	}{{-time.Hour, 1}, {0, 1}, {59 * time.Second, 1}, {time.Minute, 2}, {2 * time.Minute, 4}, {5*time.Minute + time.Second, 4}, {time.Hour, 5}} {
		got, err := j.Since(t.Context(), noon.Add(c.at))
		if err != nil || got != c.want {
			t.Errorf("Since(noon + %v) = %d, %v, want %d", c.at, got, err, c.want)
		}
	}
}
