package journal

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// flushEvery is how many events the tail gathers before they go into the index.
// A list for each term and commit would touch a page for nearly every key;
// gathering first makes appends several times cheaper.
const flushEvery = 4096

// tail is the part of the index that is not in the file yet: the terms of the
// newest events. It is derived from the records and read back from them when a
// journal is opened. Whoever searches takes the tail first and opens the
// transaction after it: what left the tail meanwhile is then in the index.
type tail struct {
	mu    sync.RWMutex
	from  uint64 // events above it are in the tail
	last  uint64
	lists map[string]listed
}

// load rebuilds the tail from the records. A damaged one is left out: it is
// found by its number only, and whoever reads it is told.
func (t *tail) load(tx *bolt.Tx) {
	from := fromBE64(tx.Bucket(bucketMeta).Get(metaIndexed))
	lists, last, clock := make(map[string]listed), from, clockAt(tx, from)
	c := tx.Bucket(bucketEvents).Cursor()
	for k, v := c.Seek(be64(from + 1)); k != nil; k, v = c.Next() {
		last = fromBE64(k)
		ev, err := decodeRecord(v)
		if err != nil {
			continue
		}
		add := func(t string) {
			if l := lists[t]; len(l) == 0 || l[len(l)-1] != last {
				lists[t] = append(l, last)
			}
		}
		eventTerms(ev, add)
		if _, late := clock.pass(minuteOf(ev.Time)); late {
			add(lateTerm)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.from, t.last, t.lists = from, last, lists
}

// flushAt writes the tail into the index when it is long enough. The events to
// follow begin after base. Only the one who may write calls it.
func (t *tail) flushAt(tx *bolt.Tx, base uint64) (bool, error) {
	if t.last != base { // a commit was on disk although it had failed
		t.load(tx)
	}
	if base-t.from < flushEvery {
		return false, nil
	}
	index := tx.Bucket(bucketIndex)
	for _, term := range slices.Sorted(maps.Keys(t.lists)) { // the order in which the tree is cheapest to write
		seqs := t.lists[term]
		if err := index.Put(postingKey(term, seqs[0]), encodePosting(seqs)); err != nil {
			return false, fmt.Errorf("index events: %w", err)
		}
	}
	return true, tx.Bucket(bucketMeta).Put(metaIndexed, be64(base))
}

// extend adds the events of a commit that is on disk.
func (t *tail) extend(c *commit, base uint64, flushed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if flushed {
		t.from, t.lists = base, make(map[string]listed)
	}
	for term, offsets := range c.terms {
		l := t.lists[term]
		for _, offset := range offsets {
			l = append(l, base+uint64(offset)+1)
		}
		t.lists[term] = l
	}
	t.last = base + uint64(len(c.events))
}

// pick returns the lists of the given terms and of late events. They only grow
// behind their end, so they may be read without the lock.
func (t *tail) pick(terms [][]string) map[string]listed {
	t.mu.RLock()
	defer t.mu.RUnlock()
	lists := map[string]listed{lateTerm: t.lists[lateTerm]}
	for _, alternatives := range terms {
		for _, term := range alternatives {
			lists[term] = t.lists[term]
		}
	}
	return lists
}
