package journal

import (
	"errors"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// ofIDs opens a journal with an event of each id.
func ofIDs(t *testing.T, ids ...string) *Journal {
	t.Helper()
	j, err := Open(t.TempDir(), Options{KeepOpen: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := j.Append(t.Context(), []*sdk.Event{{V: sdk.EventVersion, ID: id, Kind: sdk.KindAccess, Time: time.Now()}}); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

// An event is found by its id although the tail goes into the index meanwhile, and what
// is not there is not looked for again and again.
func TestFindWhileIndexing(t *testing.T) {
	j := ofIDs(t, "a", "b")
	defer j.Close()
	err := j.live.view(nil, func(p part) error {
		if n, err := p.byID(idKey("b")); n != 2 || err != nil {
			t.Errorf("b in the tail: %d, %v", n, err)
		}
		flushed := make(chan error)
		go func() { flushed <- j.live.flush() }()
		if err := <-flushed; err != nil {
			return err
		}
		_, err := p.byID(idKey("b"))
		return err
	})
	if !errors.Is(err, errMoved) {
		t.Errorf("looked up in a view from before the index had it: %v, want errMoved", err)
	}
	for id, want := range map[string]uint64{"a": 1, "b": 2, "none": 0} {
		found, err := j.shelf.newest().find(idKey(id))
		if found.seq != want || err != nil {
			t.Errorf("%s: %d, %v, want %d", id, found.seq, err, want)
		}
	}
}

// A look-up does not wait for an indexer who needs a larger map, and so for it.
func TestFindWhileIndexGrows(t *testing.T) {
	j := ofIDs(t, "a")
	grown := make(chan error, 1)
	done := make(chan error, 1)
	go func() {
		done <- j.live.view(nil, func(p part) error {
			go func() {
				grown <- update(j.live.ix, func(tx *bolt.Tx) error {
					return tx.Bucket(bucketIDs).Put([]byte("large"), make([]byte, mappedIndex))
				})
			}()
			time.Sleep(500 * time.Millisecond) // until it waits
			_, err := p.byID(idKey("none"))
			return err
		})
	}()
	select {
	case err := <-done:
		if err = errors.Join(err, <-grown, j.Close()); err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second): // and the journal cannot be closed
		t.Fatal("a look-up and the indexer wait for each other")
	}
}
