package journal

import (
	"bytes"
	"slices"
	"sync"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Newest is how many of the newest events are at hand, for consumers that are close
// behind: they need not have decoded what was an event a moment ago. Large ones are
// fewer.
const Newest = 4096

const newestBytes = 6 << 20 // of their records

// newest holds the newest events without a hole, oldest first.
type newest struct {
	mu     sync.Mutex
	events []*sdk.Event
	sizes  []int
	size   int
}

// faithful reports whether an event is what decoding its record would give:
// encoding takes blanks out of raw JSON.
func faithful(ev *sdk.Event, record []byte) bool {
	return bytes.Contains(record, ev.Args) && bytes.Contains(record, ev.RPCID)
}

// add appends committed events, whose records have the given sizes. One that is
// nil cannot be kept, and nothing before it is.
func (r *newest) add(events []*sdk.Event, records [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, ev := range events {
		if n := len(r.events); ev == nil || n > 0 && r.events[n-1].Seq+1 != ev.Seq {
			r.events, r.sizes, r.size = nil, nil, 0
		}
		if ev != nil {
			r.events, r.sizes = append(r.events, ev), append(r.sizes, len(records[i]))
			r.size += len(records[i])
		}
	}
	drop := 0
	for drop < len(r.events) && (len(r.events)-drop > Newest || r.size > newestBytes) {
		r.size -= r.sizes[drop]
		drop++
	}
	r.events, r.sizes = slices.Delete(r.events, 0, drop), slices.Delete(r.sizes, 0, drop)
}

// after returns the events that follow a number, at most limit; ok is false when
// they are not all here, or there are none. Others get the same ones.
func (r *newest) after(seq uint64, limit int) (events []*sdk.Event, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.events)
	if limit <= 0 || n == 0 || seq < r.events[0].Seq-1 || seq >= r.events[n-1].Seq {
		return nil, false
	}
	skip := int(seq + 1 - r.events[0].Seq)
	return slices.Clone(r.events[skip:min(skip+limit, n)]), true
}
