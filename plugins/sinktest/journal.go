package sinktest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/plugins"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Journal is a journal in memory, for tests of sinks and of their host.
type Journal struct {
	mu     sync.Mutex
	events [][]byte
	places map[string]uint64
	grown  chan struct{}
}

var _ plugins.Journal = (*Journal)(nil)

// NewJournal makes an empty one.
func NewJournal() *Journal {
	return &Journal{places: map[string]uint64{}, grown: make(chan struct{})}
}

// Event returns an event for tests: a call of a tool, unlike any other.
func Event(n int) *sdk.Event {
	return &sdk.Event{
		V: sdk.EventVersion, ID: uuid.Must(uuid.NewV7()).String(), Kind: sdk.KindAccess, Time: time.Now().UTC(), Sensor: "test",
		IP: fmt.Sprintf("192.0.2.%d", n%256), Transport: "http", Method: "POST", Path: "/mcp", MCPMethod: "tools/call",
		Tool: "jira_search_issues", Args: sdk.RawJSON(fmt.Sprintf(`{"jql":"text ~ \"deploy %d\""}`, n)), Persona: "enterprise",
		Outcome: "result", Status: 200,
	}
}

// Append adds events, and returns the ids that they have.
func (j *Journal) Append(events ...*sdk.Event) (ids []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, ev := range events {
		ev.Seq = uint64(len(j.events)) + 1
		b, err := json.Marshal(ev)
		if err != nil {
			panic(err) // the test's own fault
		}
		j.events = append(j.events, b)
		ids = append(ids, ev.ID)
	}
	close(j.grown)
	j.grown = make(chan struct{})
	return ids
}

// AppendRaw adds a record as it is.
func (j *Journal) AppendRaw(record []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, record)
	close(j.grown)
	j.grown = make(chan struct{})
}

// Read implements [plugins.Journal].
func (j *Journal) Read(_ context.Context, after uint64, limit int) (records []plugins.Record, end uint64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	end = after
	for end < uint64(len(j.events)) && len(records) < limit {
		records = append(records, plugins.Record{Seq: end + 1, JSON: j.events[end]})
		end++
	}
	return records, end, nil
}

// Wait implements [plugins.Journal].
func (j *Journal) Wait(ctx context.Context, after uint64) error {
	for {
		j.mu.Lock()
		n, grown := uint64(len(j.events)), j.grown
		j.mu.Unlock()
		if n > after {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Last implements [plugins.Journal].
func (j *Journal) Last() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return uint64(len(j.events))
}

// Place implements [plugins.Journal].
func (j *Journal) Place(sink string) (seq uint64, ok bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	seq, ok = j.places[sink]
	return seq, ok, nil
}

// Keep implements [plugins.Journal].
func (j *Journal) Keep(_ context.Context, sink string, seq uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.places[sink] = max(seq, j.places[sink])
	return nil
}

// Record implements [plugins.Journal].
func (j *Journal) Record(_ context.Context, seq uint64) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if seq == 0 || seq > uint64(len(j.events)) || j.events[seq-1] == nil {
		return nil, plugins.ErrNoEvent
	}
	return j.events[seq-1], nil
}

// Forget makes events up to a number ones that are not kept.
func (j *Journal) Forget(seq uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range seq {
		j.events[i] = nil
	}
}
