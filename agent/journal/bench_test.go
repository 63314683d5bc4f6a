package journal_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// sample returns an event of about 1 KB of JSON, as a busy sensor sees them.
func sample(i int) *sdk.Event {
	ip := fmt.Sprintf("10.%d.%d.7", i%7, i%40)
	return &sdk.Event{
		V: sdk.EventVersion, Kind: sdk.KindAccess,
		ID:        fmt.Sprintf("01976f00-%04x-7%03x-8000-%012x", i>>16&0xffff, i>>4&0xfff, i),
		Time:      time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC).Add(time.Duration(i) * 10 * time.Millisecond),
		IP:        ip,
		Peer:      ip + ":40000",
		Actor:     fmt.Sprintf("actor-%d", i%280),
		Session:   fmt.Sprintf("session-%d", i/30),
		Transport: "http", Method: "POST", Path: "/mcp", UA: "python-httpx/0.28.1",
		Head:      "POST /mcp HTTP/1.1\r\nHost: hub.internal\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\n" + strings.Repeat("x", 120) + "\r\n\r\n",
		Era:       "legacy",
		Protocol:  "2025-06-18",
		RPCID:     sdk.RawJSON(`17`),
		MCPMethod: []string{"tools/call", "tools/call", "tools/list", "ping"}[i%4],
		Tool:      fmt.Sprintf("tool_%d", i%38),
		Args:      sdk.RawJSON(`{"query":"select * from customers where note like '%<b>%'","limit":` + fmt.Sprint(i) + `}`),
		Client:    &sdk.ClientInfo{Name: "probe", Version: "1.0"},
		Persona:   "enterprise", Profile: "strict", Outcome: []string{"result", "tool_error", "unknown_tool"}[i%3],
		Status: 200, LatencyMS: 12.25, ResultBytes: 4211,
		Body: &sdk.Body{Size: 200, SHA256: strings.Repeat("ab", 32), Text: `{"jsonrpc":"2.0"}`},
	}
}

func openBench(b *testing.B) *journal.Journal {
	j, err := journal.Open(b.TempDir(), journal.Options{Sensor: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { j.Close() })
	return j
}

// BenchmarkAppend syncs to disk at every commit; an iteration is one event.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 64, 256, 512} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) { benchAppend(b, size, sample) })
	}
	b.Run("batch=512, no two terms alike", func(b *testing.B) { benchAppend(b, 512, unlike) })
}

func benchAppend(b *testing.B, size int, next func(int) *sdk.Event) {
	j := openBench(b)
	batch := make([]*sdk.Event, 0, size)
	var took []time.Duration
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		batch = append(batch, next(i))
		if len(batch) < size {
			continue
		}
		start := time.Now()
		if err := j.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
		batch = batch[:0]
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	if n := len(took); n > 0 {
		slices.Sort(took)
		b.ReportMetric(float64(took[n/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(took[n*99/100].Microseconds())/1000, "p99-ms")
		b.ReportMetric(float64(took[n-1].Microseconds())/1000, "max-ms")
	}
}

// unlike returns events as a client sends them who wants the index to be large.
func unlike(i int) *sdk.Event {
	ev := sample(i)
	random := func() string { return fmt.Sprintf("%016x", rand.Uint64()) }
	ev.IP, ev.Actor, ev.Session, ev.Tool, ev.MCPMethod = random(), random(), random(), random(), random()
	return ev
}

func BenchmarkWriter(b *testing.B) {
	j := openBench(b)
	w := journal.NewWriter(j, journal.WriterOptions{Queue: 1 << 30, QueueBytes: 1 << 40})
	start := time.Now()
	for i := 0; b.Loop(); i++ {
		w.Record(sample(i))
	}
	if err := w.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "events/s") // until all are on disk
}

func BenchmarkQuery(b *testing.B) {
	const events = 200_000
	j := openBench(b)
	for i := 0; i < events; i += 500 {
		batch := make([]*sdk.Event, 0, 500)
		for k := range 500 {
			batch = append(batch, sample(i+k))
		}
		if err := j.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	mid := sample(events / 2).Time
	for _, c := range []struct {
		name string
		q    journal.Query
	}{
		{"latest", journal.Query{}},
		{"ip", journal.Query{IP: "10.1.1.7"}},
		{"tool and outcome", journal.Query{Tool: "tool_3", Outcome: "result"}},
		{"ip, tool and method", journal.Query{IP: "10.1.1.7", Tool: "tool_3", MCPMethod: "tools/call"}},
		{"one session", journal.Query{Session: "session-100"}},
		{"absent", journal.Query{Tool: "no such tool", Outcome: "result"}},
		{"a minute in the middle", journal.Query{From: mid, To: mid.Add(time.Minute)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := j.Query(b.Context(), c.q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
