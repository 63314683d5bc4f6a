package plugin

import (
	"errors"
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
		for range MaxBatch + 3 {
			add(sdk.Observation{Kind: sdk.ObservedOpen})
		}
		if len(sizes) != 1 || sizes[0] != MaxBatch {
			t.Fatalf("sent %v at once", sizes)
		}
		time.Sleep(batchWithin)
		synctest.Wait()
		if len(sizes) != 2 || sizes[1] != 3 {
			t.Fatalf("sent %v after a while", sizes)
		}
		add(sdk.Observation{Kind: sdk.ObservedLoss, Lost: 7})
		add(sdk.Observation{Data: []byte(strings.Repeat("x", maxBatchBytes))})
		if len(sizes) != 4 || lost != 7 {
			t.Errorf("sent %v with a large one, %d lost", sizes, lost)
		}
		add(sdk.Observation{})
		if err := b.close(); err != nil || len(sizes) != 5 {
			t.Errorf("sent %v in the end: %v", sizes, err)
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
