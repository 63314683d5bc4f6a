package rules_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/rules"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// visitor is the n-th of many sources, each with an address, a session, a client
// and arguments of its own, of whom some attack.
func visitor(n int) []*sdk.Event {
	ip := fmt.Sprintf("2001:db8:%x:%x::1", n>>16, n&0xffff)
	at := time.Duration(n) * time.Millisecond
	args := fmt.Sprintf(`{"issue_key":"PLAT-%d","cursor":"c%d"}`, n, n)
	if n%10 == 0 {
		args = fmt.Sprintf(`{"query":"x' UNION SELECT password, %d FROM users -- "}`, n)
	}
	events := []*sdk.Event{
		access(2*n, at, ip, "tools/list", "", "", "result", "{}"),
		access(2*n+1, at, ip, "tools/call", "jira_get_issue", "datastore", "result", args),
	}
	for _, ev := range events {
		ev.Session, ev.ResultBytes, ev.Class = "s-"+ip, 1500, "read"
		ev.Client = &sdk.ClientInfo{Name: fmt.Sprint("client-", n), Version: "1"}
		ev.Head = "POST /mcp HTTP/1.1\r\nHost: hub.example.com\r\nAuthorization: Bearer " + ip + "\r\n\r\n"
	}
	return events
}

// heapAfter judges the visitors from a to b and returns the bytes in use.
func heapAfter(t testing.TB, e *rules.Engine, a, b int) uint64 {
	t.Helper()
	for n := a; n < b; n++ {
		for _, ev := range visitor(n) {
			judge(t, e, ev)
		}
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	runtime.KeepAlive(e)
	return m.HeapAlloc
}

// What the engine remembers stops growing with the sources: once there are as many
// as a window and the deduplication hold, nothing is added.
func TestMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("judges 200 000 events")
	}
	e := engine(t, coreGuest())
	full := heapAfter(t, e, 0, 66_000)
	twice := heapAfter(t, e, 66_000, 100_000)
	t.Logf("heap %d MiB after 66 000 sources, %d MiB after 100 000", full>>20, twice>>20)
	if twice > full+full/10 {
		t.Errorf("memory grew from %d to %d bytes", full, twice)
	}
	const most = 512 << 20
	if twice > most {
		t.Errorf("%d bytes are in use, want at most %d", twice, most)
	}
	if s := e.Stats(); s.Evicted == 0 || s.Failures > 0 {
		t.Errorf("stats %+v: want evictions, else the limits were not reached", s)
	}
}

// BenchmarkMillionSources prints the heap after 100 000 sources and after a million.
func BenchmarkMillionSources(b *testing.B) {
	for b.Loop() {
		e := engine(b, coreGuest())
		began := time.Now()
		b.ReportMetric(float64(heapAfter(b, e, 0, 100_000))/(1<<20), "MiB-after-100k")
		b.ReportMetric(float64(heapAfter(b, e, 100_000, 1_000_000))/(1<<20), "MiB-after-1M")
		b.ReportMetric(2_000_000/time.Since(began).Seconds(), "events/s")
	}
}
