package journal

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	// flushEvery is how many events the tail gathers before they go into the
	// index. A list for each term and commit would touch a page for nearly every
	// key; gathering first makes appends several times cheaper.
	flushEvery = 4096

	// maxTail is where an append indexes by itself because the indexer does not
	// keep up: it bounds memory, and the time to open after a crash.
	maxTail = 2 * flushEvery
)

// tail is the part of the index that is not in the file yet: the terms and ids
// of the newest events, and what all events of the segment add up to. It is
// derived from the records and read back from them when a journal is opened.
// Whoever searches takes the tail first and opens the transaction after it: what
// left the tail meanwhile is then in the index.
type tail struct {
	mu      sync.RWMutex
	from    uint64 // events above it are in the tail
	last    uint64
	lists   map[string]listed
	ids     map[string]uint64
	parting *parting // events that are on their way into the file
	sum     *summary // of all events up to last
}

// parting is a tail that is being put into the index.
type parting struct {
	upto  uint64
	lists map[string]listed
	ids   map[string]uint64
	sum   *summary
}

// load rebuilds the tail from the records above from. A damaged one is left out:
// it is found by its number only, and whoever reads it is told.
func (t *tail) load(tx *bolt.Tx, from uint64, sum *summary) {
	t.mu.Lock()
	t.from, t.last, t.parting, t.sum = from, from, nil, sum
	t.lists, t.ids = make(map[string]listed), make(map[string]uint64)
	t.mu.Unlock()
	t.catchUp(tx)
}

// catchUp takes in records that are in the file and not in the tail.
func (t *tail) catchUp(tx *bolt.Tx) {
	t.mu.Lock()
	defer t.mu.Unlock()
	clock := clockAt(tx, t.last)
	c := tx.Bucket(bucketEvents).Cursor()
	for k, v := c.Seek(be64(t.last + 1)); k != nil; k, v = c.Next() {
		t.last = fromBE64(k)
		ev, err := decodeRecord(v)
		if err != nil {
			continue
		}
		_, late := clock.pass(minuteOf(ev.Time))
		t.add(ev, t.last, late)
	}
}

// add takes in one event. The caller holds mu.
func (t *tail) add(ev *sdk.Event, seq uint64, late bool) {
	put := func(term string) {
		if l := t.lists[term]; len(l) == 0 || l[len(l)-1] != seq {
			t.lists[term] = append(l, seq)
		}
	}
	eventTerms(ev, func(term []byte) { put(string(term)) })
	if late {
		put(lateTerm)
	}
	if ev.ID != "" {
		t.ids[string(idKey(ev.ID))] = seq
	}
	t.sum.add(ev)
}

// extend adds the events of a commit that is on disk.
func (t *tail) extend(c *commit, events []*sdk.Event, base uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for term, offsets := range c.terms {
		l := t.lists[term]
		for _, offset := range *offsets {
			l = append(l, base+uint64(offset)+1)
		}
		t.lists[term] = l
	}
	for i, id := range c.ids {
		if id != nil {
			t.ids[string(id)] = base + uint64(i) + 1
		}
	}
	for _, ev := range events {
		t.sum.add(ev)
	}
	t.last = base + uint64(len(c.events))
}

// length is how many events are not in the index.
func (t *tail) length() uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.last - t.from
}

// part takes the tail out, to be written. Until [tail.forget] readers go on to
// find it there. It returns nil when there is nothing to write.
func (t *tail) part() *parting {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.parting == nil && t.last > t.from {
		t.parting = &parting{upto: t.last, lists: t.lists, ids: t.ids, sum: t.sum.clone()}
		t.lists, t.ids = make(map[string]listed), make(map[string]uint64)
	}
	return t.parting
}

func (t *tail) forget(p *parting) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.parting, t.from = nil, p.upto
}

// write puts the lists into the index, in the order in which the tree is
// cheapest to write.
func (p *parting) write(tx *bolt.Tx) error {
	index, ids, meta := tx.Bucket(bucketIndex), tx.Bucket(bucketIDs), tx.Bucket(bucketMeta)
	for _, term := range slices.Sorted(maps.Keys(p.lists)) {
		seqs := p.lists[term]
		if err := index.Put(postingKey(term, seqs[0]), encodePosting(seqs)); err != nil {
			return fmt.Errorf("term %.140q: %w", term, err)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.ids)) {
		if err := ids.Put([]byte(id), be64(p.ids[id])); err != nil {
			return fmt.Errorf("id %.140q: %w", id, err)
		}
	}
	if err := meta.Put(metaSummary, p.sum.encode()); err != nil {
		return err
	}
	return meta.Put(metaIndexed, be64(p.upto))
}

// recent is what a search takes from a tail: by term, rising lists one behind
// the other.
type recent map[string][2]listed

// begin returns the last number that is in the index.
func (t *tail) begin() uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.from
}

// pick returns the lists of the given terms and of late events, and the last number that
// is in the index. The lists only grow behind their end, so they may be read without the
// lock.
func (t *tail) pick(terms [][]string) (lists recent, from uint64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	lists = recent{lateTerm: t.both(lateTerm)}
	for _, alternatives := range terms {
		for _, term := range alternatives {
			lists[term] = t.both(term)
		}
	}
	return lists, t.from
}

func (t *tail) both(term string) [2]listed {
	if t.parting == nil {
		return [2]listed{t.lists[term]}
	}
	return [2]listed{t.lists[term], t.parting.lists[term]}
}

// find returns the number of the event with an id, 0 when it is not in the tail.
func (t *tail) find(id []byte) uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if n := t.ids[string(id)]; n > 0 || t.parting == nil {
		return n
	}
	return t.parting.ids[string(id)]
}

// summary returns what the segment's events add up to.
func (t *tail) summary() *summary {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.sum.clone()
}

// times returns the first and the last time of an event.
func (t *tail) times() (from, to time.Time) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.sum.From, t.sum.To
}
