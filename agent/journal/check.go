package journal

import (
	"context"
	"errors"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
)

const maxFaults = 100 // of a segment that are told one by one

// Progress is told how far long work has come, in bytes of files.
type Progress func(done, total int64)

// Fault is one thing that [Journal.Check] found wrong.
type Fault struct {
	Segment string `json:"segment"`
	What    string `json:"what"`
}

// Checked says what [Journal.Check] looked at.
type Checked struct {
	Segments int     `json:"segments"`
	Events   uint64  `json:"events"`
	Terms    uint64  `json:"terms"`
	Faults   []Fault `json:"faults"`
}

// Check reads everything: the pages or blocks of every segment, every record,
// and every posting list, whose entries must be as many as the terms of the
// events.
func (j *Journal) Check(ctx context.Context, progress Progress) (Checked, error) {
	segs := j.shelf.all()
	sizes, total := j.sizes(segs)
	var c Checked
	var done int64
	for i, seg := range segs {
		if err := ctx.Err(); err != nil {
			return c, err
		}
		for _, err := range j.checkAtRest(ctx, seg, &c) {
			c.Faults = append(c.Faults, Fault{Segment: seg.name.String(), What: err.Error()})
		}
		c.Segments++
		if done += sizes[i]; progress != nil {
			progress(done, total)
		}
	}
	for i, seg := range segs[:max(0, len(segs)-1)] {
		if _, last := seg.bounds(); last > segs[i+1].name.base {
			c.Faults = append(c.Faults, Fault{Segment: seg.name.String(), What: fmt.Sprintf("ends at %d, behind the beginning of the next", last)})
		}
	}
	return c, ctx.Err()
}

// tally compares what an index should hold with what it holds.
type tally struct {
	records, terms, listed uint64
	last                   uint64
	faults                 []error
}

func (t *tally) fault(format string, args ...any) {
	if len(t.faults) < maxFaults {
		t.faults = append(t.faults, fmt.Errorf(format, args...))
	}
}

// record takes in one event of the segment.
func (t *tally) record(seq uint64, rec []byte, clock *clock) {
	if seq <= t.last {
		t.fault("event %d follows %d", seq, t.last)
	}
	t.last = seq
	t.records++
	ev, err := stored{seq: seq, rec: rec}.event()
	if err != nil {
		t.fault("%w", err)
		return
	}
	seen := map[string]bool{}
	eventTerms(ev, func(term []byte) { seen[string(term)] = true })
	if _, late := clock.pass(minuteOf(ev.Time)); late {
		seen[lateTerm] = true
	}
	t.terms += uint64(len(seen))
}

// list takes in one posting list.
func (t *tally) list(k, v []byte) {
	if len(k) < 9 {
		t.fault("%w: key of the index", ErrDamaged)
		return
	}
	words, err := decodePosting(nil, fromBE64(k[len(k)-8:]), v)
	if err != nil {
		t.fault("%w", err)
		return
	}
	t.listed += population(words)
}

// checkAtRest checks a segment while nothing is appended to it.
func (j *Journal) checkAtRest(ctx context.Context, seg *segment, c *Checked) []error {
	if j.ro == readWrite && seg == j.shelf.newest() {
		select {
		case j.turn <- struct{}{}:
			defer func() { <-j.turn }()
		case <-ctx.Done():
			return nil
		}
	}
	return j.checkSegment(ctx, seg, c)
}

func (j *Journal) checkSegment(ctx context.Context, seg *segment, c *Checked) []error {
	seg.mu.RLock()
	defer seg.mu.RUnlock()
	t := &tally{}
	var err error
	switch b := seg.body.(type) {
	case *store:
		err = b.check(t)
	case *sealed:
		err = b.check(ctx, t)
	}
	if err != nil {
		t.fault("%w", err)
	}
	if t.terms != t.listed {
		t.fault("the index has %d entries, the events have %d terms", t.listed, t.terms)
	}
	c.Events += t.records
	c.Terms += t.terms
	return t.faults
}

// check reads both files and the tail.
func (s *store) check(t *tally) error {
	err := view(s.db, func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			t.fault("%w: %w", ErrDamaged, err)
		}
		var clock clock
		return tx.Bucket(bucketEvents).ForEach(func(k, v []byte) error {
			if n := fromBE64(k); t.last > 0 && n != t.last+1 {
				t.fault("event %d follows %d", n, t.last)
			}
			t.record(fromBE64(k), v, &clock)
			return nil
		})
	})
	s.flushing.Lock()
	defer s.flushing.Unlock()
	s.tail.mu.RLock()
	defer s.tail.mu.RUnlock()
	if s.ix != nil {
		err = errors.Join(err, view(s.ix, func(tx *bolt.Tx) error {
			for err := range tx.Check() {
				t.fault("%w: index: %w", ErrDamaged, err)
			}
			return tx.Bucket(bucketIndex).ForEach(func(k, v []byte) error { t.list(k, v); return nil })
		}))
	}
	for _, l := range s.tail.lists {
		t.listed += uint64(len(l))
	}
	if p := s.tail.parting; p != nil { // an attempt to write it has failed
		for _, l := range p.lists {
			t.listed += uint64(len(l))
		}
	}
	if sum := s.tail.sum; sum.Events != t.records && !s.unsummed {
		t.fault("the statistics count %d events of %d", sum.Events, t.records)
	}
	return err
}

// check reads every block.
func (z *sealed) check(ctx context.Context, t *tally) error {
	if err := z.load(); err != nil {
		return err
	}
	var clock clock
	p := &sealedPart{z: z, at: -1}
	err := p.forward(0, func(seq uint64, rec []byte, err error) bool {
		if err != nil {
			t.fault("%w", err)
		} else {
			t.record(seq, rec, &clock)
		}
		return ctx.Err() == nil
	})
	if err != nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	if t.records != z.head.Events {
		t.fault("%d events can be read of %d", t.records, z.head.Events)
	}
	if sum, err := z.summary(); err != nil {
		t.fault("%w", err)
	} else if sum.Events != z.head.Events {
		t.fault("the statistics count %d events of %d", sum.Events, z.head.Events)
	}
	z.eachEntry(z.index, t, func(e entry) { t.list(e.k, e.v) })
	z.eachEntry(z.ids, t, func(entry) {})
	return nil
}

// eachEntry reads a table as a whole.
func (z *sealed) eachEntry(d *tableDir, t *tally, f func(entry)) {
	r := newTableReader(z, d)
	for i := range d.keys {
		if err := r.load(i); err != nil {
			t.fault("%w", err)
			continue
		}
		for _, e := range r.all {
			f(e)
		}
	}
}

// readThrough reads every block of a file and counts, without looking into the
// records.
func (z *sealed) readThrough(ctx context.Context) error {
	if err := z.load(); err != nil {
		return err
	}
	var n uint64
	p := &sealedPart{z: z, at: -1}
	for i := range z.blocks {
		if err := errors.Join(p.load(i), ctx.Err()); err != nil {
			return err
		}
		n += uint64(len(p.all))
	}
	if n != z.head.Events {
		return fmt.Errorf("%w: %d events can be read of %d", ErrDamaged, n, z.head.Events)
	}
	t := &tally{}
	z.eachEntry(z.index, t, func(entry) {})
	z.eachEntry(z.ids, t, func(entry) {})
	return errors.Join(t.faults...)
}

// Aside returns the damaged files of a state directory that were set aside.
func Aside(dir string) ([]string, error) {
	l, err := list(dir)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	return append(asideIn(dir, entries), l.aside...), nil
}
