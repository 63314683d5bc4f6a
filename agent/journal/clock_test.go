package journal

import (
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// A clock that is behind the time at which the journal was last open was set
// back: that is an event, once.
func TestClockStep(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []int{0, 1, 1} {
		j, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var found []*sdk.Event
		for deadline := time.Now().Add(10 * time.Second); len(found) < want && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			j.keeper.nudge()
			p, err := j.Query(t.Context(), Query{Kind: sdk.KindClock})
			if err != nil {
				t.Fatal(err)
			}
			found = p.Events
		}
		if len(found) != want || want > 0 && (found[0].Clock.By > -3590 || found[0].Clock.By < -3610) {
			t.Fatalf("%d events of a clock that was set, want %d: %+v", len(found), want, found)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if want > 0 {
			continue // the clock goes on from where it is
		}
		tables, err := openTables(dir, readWrite)
		if err != nil {
			t.Fatal(err)
		}
		err = update(tables.db, func(tx *bolt.Tx) error {
			return tx.Bucket(bucketMeta).Put(metaNoted, be64(uint64(time.Now().Add(time.Hour).UnixNano())))
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := tables.close(); err != nil {
			t.Fatal(err)
		}
	}
}
