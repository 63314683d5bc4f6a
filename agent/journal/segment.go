package journal

import (
	"errors"
	"slices"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

// part is what a reader sees of one segment, for as long as it looks. Bytes that
// it returns are copied by whoever keeps them.
type part interface {
	// bounds returns the lowest number that the segment can hold and its highest.
	bounds() (first, last uint64)
	// times returns the first and the last time of an event, zero when they are
	// not known.
	times() (from, to time.Time)
	// reached returns the first number at which event times had come to a minute,
	// and one above the last when they have not.
	reached(minute uint64) uint64
	// term returns the numbers of events that have a term, which must be one of
	// those that were asked for when the view began.
	term(t string) source
	// record returns nil when there is none.
	record(seq uint64) ([]byte, error)
	// forward calls f with the records after a number until it returns false. A
	// record that cannot be read is a [*RecordError]; f may be called after it.
	forward(after uint64, f func(seq uint64, rec []byte, err error) bool) error
	// byID returns 0 when there is none, and errMoved when that takes another view.
	byID(id []byte) (uint64, error)
}

// body is a segment's files.
type body interface {
	bounds() (first, last uint64)
	view(terms [][]string, f func(part) error) error
	summary() (*summary, error)
	close() error
}

// segment is one stretch of the log. Its files may change under it, when it is
// sealed or removed; those who look at it meanwhile are waited for.
type segment struct {
	name segName
	mu   sync.RWMutex
	body body // nil: removed
}

// errGone means that a segment was removed after it was looked up.
var errGone = errors.New("segment is gone")

// errMoved means that the tail went into the index while a reader looked.
var errMoved = errors.New("index has changed")

// view calls f with what a reader sees.
func (s *segment) view(terms [][]string, f func(part) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.body == nil {
		return errGone
	}
	err := s.body.view(terms, f)
	if errors.Is(err, ErrDamaged) {
		return &damageIn{error: err, body: s.body}
	}
	return err
}

// damageIn is damage that a reader met in one of the bodies that a segment has had.
type damageIn struct {
	error
	body body
}

func (d *damageIn) Unwrap() error { return d.error }

// mendedSince reports whether the segment has other files than those in which a reader
// met damage.
func (s *segment) mendedSince(err error) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	d, ok := errors.AsType[*damageIn](err)
	return ok && d.body != s.body
}

// bounds returns the lowest number that the segment can hold and its highest.
func (s *segment) bounds() (first, last uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.body == nil {
		return s.name.base + 1, s.name.base
	}
	return s.body.bounds()
}

// summary returns what the segment's events add up to.
func (s *segment) summary() (*summary, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.body == nil {
		return nil, errGone
	}
	return s.body.summary()
}

// marks returns how far consumers had come at the segment's end.
func (s *segment) marks() ([]Mark, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if m, ok := s.body.(interface{ marks() ([]Mark, error) }); ok {
		return m.marks()
	}
	return nil, errGone
}

// store returns the segment's store, nil when it is sealed or gone.
func (s *segment) store() *store {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st, _ := s.body.(*store)
	return st
}

// swap puts other files in the place of the segment's, nil for none, and closes
// those.
func (s *segment) swap(b body) error {
	s.mu.Lock()
	old := s.body
	s.body = b
	s.mu.Unlock()
	if old == nil {
		return nil
	}
	return old.close()
}

// shelf holds the segments in order.
type shelf struct {
	mu   sync.RWMutex
	segs []*segment
}

func (s *shelf) all() []*segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.segs)
}

func (s *shelf) add(seg *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segs = append(s.segs, seg)
	slices.SortFunc(s.segs, func(a, b *segment) int { return compareNames(a.name, b.name) })
}

func (s *shelf) remove(seg *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segs = slices.DeleteFunc(s.segs, func(other *segment) bool { return other == seg })
}

// below returns the newest segment that can hold a number below the given one,
// nil for none.
func (s *shelf) below(seq uint64) *segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, seg := range slices.Backward(s.segs) {
		if seg.name.base+1 < seq {
			return seg
		}
	}
	return nil
}

// after returns the oldest segment with a number above the given one, nil for
// none.
func (s *shelf) after(seq uint64) *segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i, seg := range s.segs {
		// The last number of a segment is known from the next one, but for the newest.
		if i+1 == len(s.segs) || s.segs[i+1].name.base > seq {
			return seg
		}
	}
	return nil
}

// next returns the oldest segment that begins above the given one, which need not be on
// the shelf, nil for none.
func (s *shelf) next(than segName) *segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, seg := range s.segs {
		if compareNames(seg.name, than) > 0 {
			return seg
		}
	}
	return nil
}

// endOf returns the last number that a segment which is not on the shelf can have
// had. It is 0, not known, when its end and not the next one's beginning is in
// doubt.
func (s *shelf) endOf(n segName) uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i, seg := range s.segs {
		if compareNames(seg.name, n) > 0 && i+1 < len(s.segs) {
			return seg.name.base
		}
	}
	return 0
}

// newest returns the segment that events go to.
func (s *shelf) newest() *segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.segs) == 0 {
		return nil
	}
	return s.segs[len(s.segs)-1]
}

// oldest returns the segment that retention would remove first.
func (s *shelf) oldest() *segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.segs) == 0 {
		return nil
	}
	return s.segs[0]
}

// storePart is a view of a store: one transaction for each of its files.
type storePart struct {
	s      *store
	tx     *bolt.Tx
	ix     *bolt.Tx // nil: there is no index file
	recent recent
	from   uint64 // where the tail began
	high   uint64
}

func (s *store) view(terms [][]string, f func(part) error) error {
	recent, from := s.tail.pick(terms) // before the transactions, see tail
	return s.viewBoth(func(tx, ix *bolt.Tx) error {
		return f(&storePart{s: s, tx: tx, ix: ix, recent: recent, from: from, high: lastSeq(tx)})
	})
}

// viewBoth runs f in a read transaction of each file, of which ix is nil when there is no
// index file. No file is read in two at a time: a writer who needs a larger map waits for
// the first, and the second waits for him.
func (s *store) viewBoth(f func(tx, ix *bolt.Tx) error) error {
	return view(s.db, func(tx *bolt.Tx) error {
		switch s.ix {
		case nil:
			return f(tx, nil)
		case s.db:
			return f(tx, tx)
		}
		return view(s.ix, func(ix *bolt.Tx) error { return f(tx, ix) })
	})
}

func (s *store) summary() (*summary, error) { return s.tail.summary(), nil }

func (p *storePart) bounds() (first, last uint64) { return p.s.name.base + 1, p.high }

func (p *storePart) times() (from, to time.Time) {
	if p.s.unsummed {
		return from, to
	}
	return p.s.tail.times()
}

func (p *storePart) reached(minute uint64) uint64 {
	if k, v := p.tx.Bucket(bucketTime).Cursor().Seek(be64(minute)); k != nil {
		return fromBE64(v)
	}
	return p.high + 1
}

func (p *storePart) term(t string) source {
	lists := p.recent[t]
	all := anyOf{lists[0], lists[1]}
	if p.ix != nil {
		all = append(all, newTermSource(boltFloor{p.ix.Bucket(bucketIndex).Cursor()}, t))
	}
	return all
}

func (p *storePart) record(seq uint64) ([]byte, error) {
	return p.tx.Bucket(bucketEvents).Get(be64(seq)), nil
}

func (p *storePart) forward(after uint64, f func(seq uint64, rec []byte, err error) bool) error {
	c := p.tx.Bucket(bucketEvents).Cursor()
	for k, v := c.Seek(be64(after + 1)); k != nil; k, v = c.Next() {
		if !f(fromBE64(k), v, nil) {
			return nil
		}
	}
	return nil
}

func (p *storePart) byID(id []byte) (uint64, error) {
	if n := p.s.tail.find(id); n > 0 {
		return n, nil
	}
	if p.ix == nil {
		return 0, nil
	}
	n := fromBE64(p.ix.Bucket(bucketIDs).Get(id))
	if n == 0 && p.s.tail.begin() != p.from {
		return 0, errMoved
	}
	return n, nil
}

// boltFloor finds keys in a bbolt bucket.
type boltFloor struct{ c *bolt.Cursor }

func (b boltFloor) floor(want []byte) (k, v []byte, err error) {
	k, v = b.c.Seek(want)
	switch {
	case k == nil:
		k, v = b.c.Last()
	case slices.Compare(k, want) != 0:
		k, v = b.c.Prev()
	}
	return k, v, nil
}
