package journal

import (
	"testing"

	"github.com/killdeer-mcp/killdeer/sdk"
)

func TestNewest(t *testing.T) {
	var r newest
	if _, ok := r.after(0, 10); ok {
		t.Error("nothing is everything")
	}
	add := func(from, n, size int) {
		for i := range n {
			r.add([]*sdk.Event{{Seq: uint64(from + i)}}, [][]byte{make([]byte, size)})
		}
	}
	add(1, Newest+10, 1)
	tests := []struct{ after, limit, n int }{
		{0, 5, 0},
		{9, 5, 0},
		{10, 5, 5},
		{Newest + 8, 5, 2},
		{Newest + 10, 5, 0},
		{Newest + 99, 5, 0},
		{20, 0, 0},
		{20, -1, 0},
	}
	for _, tt := range tests {
		events, ok := r.after(uint64(tt.after), tt.limit)
		if len(events) != tt.n || ok != (tt.n > 0) || tt.n > 0 && events[0].Seq != uint64(tt.after+1) {
			t.Errorf("after %d, at most %d: %d events, %v", tt.after, tt.limit, len(events), ok)
		}
	}
	given, _ := r.after(100, 1)
	given[0] = nil
	if again, _ := r.after(100, 1); again[0] == nil {
		t.Error("who reads events changes which are kept")
	}
	add(Newest+11, 10, newestBytes/4)
	if len(r.events) > 4 || r.size > newestBytes {
		t.Errorf("%d events of %d bytes are kept", len(r.events), r.size)
	}
	add(Newest+99, 1, 1) // after a hole
	if _, ok := r.after(Newest+15, 5); ok || len(r.events) != 1 {
		t.Errorf("%d events across a hole", len(r.events))
	}
	r.add([]*sdk.Event{nil}, [][]byte{nil})
	if len(r.events) != 0 {
		t.Error("events before one that cannot be kept are kept")
	}
}

func TestFaithful(t *testing.T) {
	for args, want := range map[string]bool{`{"a":1}`: true, `{"a": 1}`: false, ``: true, `{"a":"<b>"}`: true} {
		ev := &sdk.Event{Kind: sdk.KindAccess, Args: sdk.RawJSON(args)}
		b, kept, err := encodeEvent(nil, ev)
		if err != nil || (kept != nil) != want {
			t.Errorf("%s in %s: kept %v, %v", args, b, kept != nil, err)
		}
	}
}
