package plugin

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin/pluginpb"
)

// Batches are full, large or 5 ms old when they go.
func TestBatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		var lost uint64
		b := newBatcher(func(p *pluginpb.ObservationBatch) error {
			sizes, lost = append(sizes, len(p.Observations)), p.LostSoFar
			return nil
		})
		add := func(o sdk.Observation) {
			t.Helper()
			if err := b.add(o); err != nil {
				t.Fatal(err)
			}
		}
		// Under the lock: the timer's goroutine is not ordered by its end.
		sent := func() []int {
			b.mu.Lock()
			defer b.mu.Unlock()
			return slices.Clone(sizes)
		}
		for range MaxBatch + 3 {
			add(sdk.Observation{Kind: sdk.ObservedOpen})
		}
		if got := sent(); !slices.Equal(got, []int{MaxBatch}) {
			t.Fatalf("sent %v at once", got)
		}
		time.Sleep(batchWithin)
		synctest.Wait()
		if got := sent(); !slices.Equal(got, []int{MaxBatch, 3}) {
			t.Fatalf("sent %v after a while", got)
		}
		add(sdk.Observation{Kind: sdk.ObservedLoss, Lost: 7})
		add(sdk.Observation{Data: []byte(strings.Repeat("x", maxBatchBytes))})
		if got := sent(); len(got) != 4 || lost != 7 {
			t.Errorf("sent %v with a large one, %d lost", got, lost)
		}
		add(sdk.Observation{})
		if err := b.close(); err != nil || len(sent()) != 5 {
			t.Errorf("sent %v in the end: %v", sent(), err)
		}
		if err := b.add(sdk.Observation{}); err == nil {
			t.Error("an observation is taken after the end")
		}
	})
}

func TestBatcherFails(t *testing.T) {
	gone := errors.New("gone")
	b := newBatcher(func(*pluginpb.ObservationBatch) error { return gone })
	for range MaxBatch - 1 {
		_ = b.add(sdk.Observation{})
	}
	if err := b.add(sdk.Observation{}); !errors.Is(err, gone) {
		t.Errorf("add = %v", err)
	}
	if err := b.close(); !errors.Is(err, gone) {
		t.Errorf("close = %v", err)
	}
}
