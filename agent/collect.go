package agent

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// smallHeap is up to where a heap may grow whatever lives in it: a sensor at work has
	// some 20 MiB, and would collect every few hundred requests.
	smallHeap = 96 << 20
	// ordinaryHeap is what lives in a sensor that is busy but not crowded.
	ordinaryHeap = 80 << 20
	// headroom is what a crowded heap may grow beyond what lives in it before garbage is
	// collected. At Go's own pace it is as much again as what lives: with ten thousand
	// connections hundreds of megabytes of garbage.
	headroom     = 16 << 20
	ordinaryPace = 100 // percent, Go's own
	slowestPace  = 5
	fastestPace  = 400
	paceEvery    = 100 * time.Millisecond // a flood doubles the heap in less than a second
	paceStep     = 10                     // percent that are not worth stopping the world for
)

const liveHeapMetric = "/gc/heap/live:bytes"

// paceFor is the garbage collector's pace, in percent, for a live heap: one that lets a
// small heap grow to smallHeap, Go's own up to ordinaryHeap, then one that leaves less
// room the more lives, down to headroom.
func paceFor(live uint64) int {
	if live <= ordinaryHeap {
		return max(ordinaryPace, int(min(fastestPace, ordinaryPace*smallHeap/max(live, 1)))-ordinaryPace)
	}
	return max(slowestPace, int(ordinaryPace*max(headroom, 2*ordinaryHeap-min(live, 2*ordinaryHeap))/live))
}

// paceCollector holds the heap close to what lives in it, until ctx ends, unless GOGC
// says otherwise.
func (s *Sensor) paceCollector(ctx context.Context) {
	tick := time.NewTicker(paceEvery)
	defer tick.Stop()
	sample := []metrics.Sample{{Name: liveHeapMetric}}
	first := debug.SetGCPercent(ordinaryPace)
	defer func() { debug.SetGCPercent(first) }()
	if first != ordinaryPace {
		return // somebody knows better
	}
	pace := first
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		metrics.Read(sample)
		if sample[0].Value.Kind() != metrics.KindUint64 {
			return // this Go does not tell
		}
		next := paceFor(sample[0].Value.Uint64())
		if d := next - pace; d >= paceStep || -d >= paceStep || next < 2*paceStep && d != 0 {
			pace = next
			debug.SetGCPercent(pace)
		}
	}
}
