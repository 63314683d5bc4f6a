package journal

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// queue is the line in front of a journal: events, and gaps in the place of
// events that it had no room for. It is not safe for concurrent use.
type queue struct {
	items   []item
	head    int // items before it are gone
	bytes   int64
	pushed  uint64    // items ever pushed
	settled uint64    // items ever dropped
	gaps    []sdk.Gap // to be pushed before the next event, one for each reason
}

type item struct {
	ev   *sdk.Event
	size int64
}

func (q *queue) live() int   { return len(q.items) - q.head }
func (q *queue) empty() bool { return q.live() == 0 }

func (q *queue) push(ev *sdk.Event, size int64) {
	q.items = append(q.items, item{ev, size})
	q.bytes += size
	q.pushed++
}

// addGap counts one lost event that arrived at t.
func (q *queue) addGap(reason string, t time.Time) {
	q.mergeGap(sdk.Gap{Lost: 1, Reason: reason, From: t, To: t})
}

// mergeGap counts lost events.
func (q *queue) mergeGap(n sdk.Gap) {
	for i := range q.gaps {
		g := &q.gaps[i]
		if g.Reason != n.Reason {
			continue
		}
		g.Lost += n.Lost
		if n.From.Before(g.From) {
			g.From = n.From
		}
		if n.To.After(g.To) {
			g.To = n.To
		}
		return
	}
	q.gaps = append(q.gaps, n)
}

// pushGaps puts the open gaps in line.
func (q *queue) pushGaps() {
	for _, g := range q.gaps {
		ev := gapEvent(g, time.Now().UTC())
		q.push(ev, sizeOf(ev))
	}
	q.gaps = nil
}

// peek returns the events of the next commit, at least one if there is any.
func (q *queue) peek(limit int, maxBytes int64) []*sdk.Event {
	batch := make([]*sdk.Event, 0, min(limit, q.live()))
	var bytes int64
	for _, it := range q.items[q.head:] {
		if len(batch) == limit || len(batch) > 0 && bytes+it.size > maxBytes {
			break
		}
		batch = append(batch, it.ev)
		bytes += it.size
	}
	return batch
}

// drop removes the first n items.
func (q *queue) drop(n int) {
	for i := q.head; i < q.head+n; i++ {
		q.bytes -= q.items[i].size
		q.items[i] = item{}
	}
	q.head += n
	q.settled += uint64(n)
	if q.head < len(q.items)-q.head {
		return
	}
	// At least half of the array is spent: moving the rest costs less than it saves.
	rest := copy(q.items, q.items[q.head:])
	clear(q.items[rest:])
	q.items, q.head = q.items[:rest], 0
}

// eventOverhead stands for the parts of an event that sizeOf does not add up.
const eventOverhead = 512

// sizeOf estimates what ev takes in memory and on disk.
func sizeOf(ev *sdk.Event) int64 {
	n := eventOverhead + len(ev.Head) + len(ev.Args) + len(ev.RPCID) + len(ev.Path) + len(ev.UA) +
		len(ev.Tool) + len(ev.MCPMethod) + len(ev.Session) + len(ev.Error) + len(ev.Method)
	if ev.Body != nil {
		n += len(ev.Body.Text) + len(ev.Body.Base64)
	}
	if ev.Client != nil {
		n += len(ev.Client.Name) + len(ev.Client.Version) + len(ev.Client.Title)
	}
	for k, v := range ev.Notes {
		n += len(k) + len(v)
	}
	if ev.Detection != nil {
		n += eventOverhead + len(ev.Detection.Summary)
	}
	return int64(n)
}

func gapEvent(g sdk.Gap, now time.Time) *sdk.Event {
	return &sdk.Event{V: sdk.EventVersion, ID: newID(now), Kind: sdk.KindGap, Time: now, Gap: &g}
}

// newID returns a UUIDv7. RFC 9562 §5.7.
func newID(now time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process first
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(b[:6], ms[2:])
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
