package journal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	schemaVersion = 1

	mappedEvents = 384 << 20
	mappedIndex  = 128 << 20
)

// The buckets, and what they hold.
var (
	bucketEvents = []byte("ev")    // BE64 seq -> record
	bucketTime   = []byte("t")     // BE64 minute -> BE64 first seq that reached it; see timeline
	bucketMarks  = []byte("marks") // consumer -> BE64 seq
	bucketMeta   = []byte("meta")
	bucketIndex  = []byte("ix") // term, 0x00, BE64 first seq -> posting list
	bucketIDs    = []byte("id") // event id -> BE64 seq

	eventBuckets  = [][]byte{bucketEvents, bucketTime, bucketMarks, bucketMeta}
	indexBuckets  = [][]byte{bucketIndex, bucketIDs, bucketMeta}
	legacyBuckets = [][]byte{bucketEvents, bucketTime, bucketMarks, bucketMeta, bucketIndex, bucketIDs}

	metaSchema = []byte("schema")
	metaEpoch  = []byte("epoch")
	metaBase   = []byte("base") // events of this file have numbers above it
	metaSensor = []byte("sensor")
	metaMade   = []byte("made") // unix seconds
	metaTwin   = []byte("twin") // random, the same in a segment's two files

	// Events up to this number are in the index; those above it in the tail.
	metaIndexed = []byte("indexed")
	metaSummary = []byte("summary") // of the indexed events, see summary
)

// store is a segment that is not sealed: an event file, which alone decides what
// was recorded, and an index file that follows it and can be made anew. Each has
// its own writer's lock, so that indexing never holds up a commit.
type store struct {
	db   *bolt.DB
	ix   *bolt.DB // the same as db in a log from before there were segments
	name segName
	ro   access
	made time.Time
	last atomic.Uint64
	size atomic.Int64 // bytes that its pages take
	tail tail

	unsummed bool // the summary lacks what was indexed before there were summaries

	flushing sync.Mutex
}

// openStore opens the segment called n in dir.
func openStore(dir string, n segName, a access) (*store, error) {
	db, err := openSound(n.path(dir, suffixEvents), a, mappedEvents, eventBuckets)
	if err != nil {
		return nil, err
	}
	s := &store{db: db, name: n, ro: a}
	if err := s.openIndex(n.path(dir, suffixIndex)); err != nil {
		return nil, errors.Join(err, guard(db.Close))
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// openLegacy opens a log that is one file with everything.
func openLegacy(path string, a access) (*store, error) {
	db, err := openSound(path, a, mappedEvents, legacyBuckets)
	if err != nil {
		return nil, err
	}
	s := &store{db: db, ix: db, ro: a}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// openIndex opens the index file. One that is missing, damaged or not of this
// segment is made anew: nothing is in it that the events do not say.
func (s *store) openIndex(path string) error {
	if s.hasOwnIndex() {
		s.ix = s.db
		return nil
	}
	ix, err := openSound(path, s.ro, mappedIndex, indexBuckets)
	switch {
	case err == nil && s.isTwin(ix):
		s.ix = ix
		return nil
	case err == nil:
		err = guard(ix.Close)
	case errors.Is(err, ErrDamaged), errors.Is(err, os.ErrNotExist):
		err = nil
	}
	if err != nil || s.ro == readOnly {
		return err // a reader does without
	}
	if err := s.createIndex(path); err != nil {
		return err
	}
	s.ix, err = openSound(path, s.ro, mappedIndex, indexBuckets)
	return err
}

func (s *store) hasOwnIndex() (own bool) {
	_ = view(s.db, func(tx *bolt.Tx) error {
		own = tx.Bucket(bucketIndex) != nil && tx.Bucket(bucketIDs) != nil
		return nil
	})
	return own
}

func (s *store) isTwin(ix *bolt.DB) bool {
	var ours, theirs, indexed []byte
	var last uint64
	err := errors.Join(
		view(s.db, func(tx *bolt.Tx) error {
			ours, last = bytes.Clone(tx.Bucket(bucketMeta).Get(metaTwin)), lastSeq(tx)
			return nil
		}),
		view(ix, func(tx *bolt.Tx) error {
			meta := tx.Bucket(bucketMeta)
			theirs, indexed = bytes.Clone(meta.Get(metaTwin)), bytes.Clone(meta.Get(metaIndexed))
			return nil
		}))
	return err == nil && len(ours) > 0 && bytes.Equal(ours, theirs) && fromBE64(indexed) <= last
}

func (s *store) createIndex(path string) error {
	meta := map[string][]byte{}
	err := view(s.db, func(tx *bolt.Tx) error {
		for _, k := range [][]byte{metaSchema, metaEpoch, metaBase, metaTwin} {
			meta[string(k)] = bytes.Clone(tx.Bucket(bucketMeta).Get(k))
		}
		return nil
	})
	if err != nil {
		return err
	}
	meta[string(metaIndexed)] = meta[string(metaBase)]
	return createFile(path, func(tx *bolt.Tx) error { return initialise(tx, indexBuckets, meta) })
}

// createStore makes the files of a new, empty segment, whose events will be
// numbered from base+1. Marks go on from what they were.
func createStore(dir string, n segName, sensor string, marks []Mark) (*store, error) {
	meta := map[string][]byte{
		string(metaSchema): be64(schemaVersion), string(metaEpoch): be64(n.epoch), string(metaBase): be64(n.base),
		string(metaSensor): []byte(sensor), string(metaMade): be64(uint64(max(0, time.Now().Unix()))), string(metaTwin): twin(),
	}
	err := createFile(n.path(dir, suffixEvents), func(tx *bolt.Tx) error {
		if err := initialise(tx, eventBuckets, meta); err != nil {
			return err
		}
		return putMarks(tx, marks)
	})
	if err != nil {
		return nil, err
	}
	return openStore(dir, n, readWrite)
}

func twin() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return b
}

func initialise(tx *bolt.Tx, buckets [][]byte, meta map[string][]byte) error {
	for _, name := range buckets {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	for k, v := range meta {
		if err := tx.Bucket(bucketMeta).Put([]byte(k), v); err != nil {
			return err
		}
	}
	return nil
}

// load reads what is kept in memory.
func (s *store) load() error {
	s.db.AllocSize = allocStep
	s.tail = tail{}
	return view(s.db, func(tx *bolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		s.name = segName{epoch: fromBE64(meta.Get(metaEpoch)), base: firstSeq(tx) - 1}
		s.made = time.Unix(int64(fromBE64(meta.Get(metaMade))), 0)
		s.last.Store(lastSeq(tx))
		s.size.Store(tx.Size())
		from, saved, err := s.indexed()
		if err != nil {
			return err
		}
		s.tail.load(tx, from, saved)
		return nil
	})
}

// indexed says how far the index has come, and what the events up to there add
// up to. A log from before there were summaries has none: its events are added
// up once more by the tail, from the beginning.
func (s *store) indexed() (from uint64, saved *summary, err error) {
	if s.ix == nil {
		return s.name.base, newSummary(), nil
	}
	err = view(s.ix, func(tx *bolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		from, saved = fromBE64(meta.Get(metaIndexed)), newSummary()
		sum, bad := decodeSummary(meta.Get(metaSummary))
		if s.unsummed = bad != nil && from > s.name.base; bad == nil {
			saved = sum
		}
		return nil
	})
	return max(from, s.name.base), saved, err
}

// bounds returns the lowest number that the segment can hold and its highest.
func (s *store) bounds() (first, last uint64) { return s.name.base + 1, s.last.Load() }

// firstSeq returns the lowest number that this file can hold.
func firstSeq(tx *bolt.Tx) uint64 { return fromBE64(tx.Bucket(bucketMeta).Get(metaBase)) + 1 }

// lastSeq returns the newest number in use.
func lastSeq(tx *bolt.Tx) uint64 {
	if k, _ := tx.Bucket(bucketEvents).Cursor().Last(); k != nil {
		return fromBE64(k)
	}
	return firstSeq(tx) - 1
}

// flush puts the tail into the index file.
func (s *store) flush() error {
	if s.ro == readOnly {
		return ErrReadOnly
	}
	s.flushing.Lock()
	defer s.flushing.Unlock()
	part := s.tail.part()
	if part == nil {
		return nil
	}
	if err := update(s.ix, part.write); err != nil {
		return fmt.Errorf("index events: %w", err)
	}
	s.tail.forget(part)
	return nil
}

// marks returns how far all consumers have come.
func (s *store) marks() (all []Mark, err error) {
	err = view(s.db, func(tx *bolt.Tx) error {
		return tx.Bucket(bucketMarks).ForEach(func(k, v []byte) error {
			all = append(all, Mark{Consumer: string(k), Seq: fromBE64(v)})
			return nil
		})
	})
	return all, err
}

func (s *store) close() error {
	err := guard(s.db.Close)
	if s.ix != nil && s.ix != s.db {
		err = errors.Join(err, guard(s.ix.Close))
	}
	return err
}
