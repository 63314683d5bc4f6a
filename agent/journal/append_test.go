package journal

import (
	"errors"
	"fmt"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// batchOf returns n events.
func batchOf(prefix string, n int) (all []*sdk.Event) {
	for i := range n {
		all = append(all, &sdk.Event{V: sdk.EventVersion, ID: fmt.Sprint(prefix, i), Kind: sdk.KindAccess, Time: time.Now()})
	}
	return all
}

// A commit that failed at its very end is on disk after all: whether the next one goes to
// the same segment or another, no number is used twice and the segment can be sealed.
func TestLateCommit(t *testing.T) {
	const each, late = 10, 5
	for _, full := range []bool{false, true} {
		t.Run(fmt.Sprintf("full=%v", full), func(t *testing.T) {
			j, err := Open(t.TempDir(), Options{SegmentAge: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			if err := j.Append(t.Context(), batchOf("a", each)); err != nil {
				t.Fatal(err)
			}
			c, err := prepare(nil, batchOf("b", late), []Mark{{Consumer: "sink", Seq: each}})
			if err != nil {
				t.Fatal(err)
			}
			err = update(j.live.db, func(tx *bolt.Tx) error { // what is done before the error
				last := lastSeq(tx)
				return errors.Join(c.putEvents(tx, last), c.putMarks(tx, last+late))
			})
			if err != nil {
				t.Fatal(err)
			}
			first := j.live
			if full {
				j.live.made = time.Now().Add(-2 * time.Hour)
			}
			again := batchOf("b", late)
			if err := j.Append(t.Context(), again); err != nil {
				t.Fatal(err)
			}
			if again[0].Seq != each+late+1 || (j.live != first) != full {
				t.Errorf("the first number is %d, want %d; another segment: %v", again[0].Seq, each+late+1, j.live != first)
			}
			if at, err := j.Mark("sink"); at != each || err != nil {
				t.Errorf("mark = %d, %v", at, err)
			}
			for deadline := time.Now().Add(20 * time.Second); full; time.Sleep(5 * time.Millisecond) {
				if _, sealed := j.Sealed(); sealed == 1 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("the segment is not sealed")
				}
				j.keeper.nudge()
			}
			if n, err := j.Count(t.Context(), Query{Kind: sdk.KindAccess}); n.Events != each+2*late || err != nil {
				t.Errorf("%d events, %v, want %d", n.Events, err, each+2*late)
			}
			if err := j.Sound(); err != nil {
				t.Error(err)
			}
		})
	}
}
