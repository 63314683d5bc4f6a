package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const maxConsumer = 128 // bytes of a consumer's name

// commit is what one Append writes, made ready before it is its turn. Only the
// numbers are missing.
type commit struct {
	json    []byte   // of all events
	events  [][]byte // of each, without "seq"
	kept    []*sdk.Event
	ids     [][]byte
	minutes []uint64
	terms   map[string]*[]int     // term -> offsets of its events, rising
	last    ['z' - 'a' + 1]valued // of each field
	term    []byte
	marks   []Mark
	edge    uint64 // no event up to it is kept

	records []byte // what is written
}

// valued is a field's value, and the offsets of the events that have it.
type valued struct {
	value   string
	offsets *[]int
}

// maxBuffer is how large a buffer of a commit may be to serve for the next.
const maxBuffer = 2 << 20

// recycle keeps the buffers of a commit for the next.
func (j *Journal) recycle(buf *[2][]byte, c *commit) {
	if buf[0], buf[1] = c.json, c.records; cap(c.json)+cap(c.records) <= maxBuffer {
		j.buffers.Put(buf)
	}
}

// prepare encodes events into a buffer, which the commit has from then on.
func prepare(buf []byte, events []*sdk.Event, marks []Mark) (*commit, error) {
	c := &commit{
		json:    buf[:0],
		events:  make([][]byte, len(events)),
		kept:    make([]*sdk.Event, len(events)),
		ids:     make([][]byte, len(events)),
		minutes: make([]uint64, len(events)),
		terms:   make(map[string]*[]int),
		marks:   marks,
	}
	for _, m := range marks {
		if m.Consumer == "" || len(m.Consumer) > maxConsumer {
			return nil, fmt.Errorf("mark of consumer %.140q: name must have 1 to %d bytes", m.Consumer, maxConsumer)
		}
	}
	for i, ev := range events {
		at := len(c.json)
		b, kept, err := encodeEvent(c.json, ev)
		if err != nil {
			return nil, fmt.Errorf("encode event %d of %d: %w", i+1, len(events), err)
		}
		c.json = b
		c.events[i], c.kept[i], c.minutes[i] = b[at:len(b):len(b)], kept, minuteOf(writable(ev.Time))
		if ev.ID != "" {
			c.ids[i] = idKey(ev.ID)
		}
		eventValues(ev, func(f field, value string) { c.addValue(f, value, i) })
	}
	return c, nil
}

// addValue adds what an event is found by. It often is what the one before is found by.
func (c *commit) addValue(f field, value string, offset int) {
	last := &c.last[f-'a']
	if last.offsets == nil || last.value != value {
		c.term = appendTerm(c.term[:0], f, value)
		*last = valued{value, c.offsets(c.term)}
	}
	// An event and its detection often share a value.
	if o := last.offsets; len(*o) == 0 || (*o)[len(*o)-1] != offset {
		*o = append(*o, offset)
	}
}

// offsets are those of the events that a term finds.
func (c *commit) offsets(t []byte) *[]int {
	o := c.terms[string(t)]
	if o == nil {
		o = new([]int)
		c.terms[string(t)] = o
	}
	return o
}

// Append records events in order, and stores marks, in one commit that is on
// disk when Append returns nil. It sets Seq on each event, and Sensor where an
// event names none. When it fails no number was used; an error that wraps
// [ErrEvent] means that one of the events can never be recorded.
func (j *Journal) Append(ctx context.Context, events []*sdk.Event, marks ...Mark) error {
	if j.ro == readOnly {
		return ErrReadOnly
	}
	if len(events) == 0 && len(marks) == 0 {
		return nil
	}
	for _, ev := range events {
		if ev != nil && ev.Sensor == "" {
			ev.Sensor = j.sensor
		}
	}
	buf, _ := j.buffers.Get().(*[2][]byte)
	if buf == nil {
		buf = new([2][]byte)
	}
	c, err := prepare(buf[0], events, marks)
	if err != nil {
		return err
	}
	c.records = buf[1]
	defer j.recycle(buf, c)
	select {
	case j.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-j.done:
		return ErrClosed
	}
	defer func() { <-j.turn }()
	if err := ctx.Err(); err != nil {
		return err
	}
	base, err := j.write(c, events)
	if err != nil {
		return fmt.Errorf("append %d events: %w", len(events), err)
	}
	size := 0
	for i, ev := range events {
		ev.Seq = base + uint64(i) + 1
		if c.kept[i] != nil {
			c.kept[i].Seq = ev.Seq
		}
		size += len(c.events[i])
		j.tables.note(ev)
	}
	j.newest.add(c.kept, c.events)
	j.keeper.appended(j.live, j.tables)
	j.touch(size)
	j.advance(base + uint64(len(events)))
	return nil
}

// write commits c to the newest segment, starting another when that is full, and
// returns the number before its first event.
func (j *Journal) write(c *commit, events []*sdk.Event) (base uint64, err error) {
	if err := j.room.admit(events); err != nil {
		return 0, err
	}
	c.edge = j.First() - 1
	st, err := j.writable()
	if err == nil {
		base, err = st.commit(c, events, j.ceiling)
	}
	switch {
	case isFull(err):
		j.room.exhausted()
	case errors.Is(err, ErrDamaged):
		j.keeper.suspect(j.shelf.newest(), err)
	}
	return base, err
}

// commit writes c. The numbers come from the file each time, never from memory: a
// commit that failed at its very end may be on disk after all.
func (s *store) commit(c *commit, events []*sdk.Event, ceil *ceiling) (base uint64, err error) {
	if s.tail.length() >= maxTail {
		if err := s.flush(); err != nil {
			return 0, err
		}
	}
	err = update(s.db, func(tx *bolt.Tx) error {
		base = lastSeq(tx)
		last := base + uint64(len(c.events))
		if last > maxSeq {
			return errors.New("sequence numbers are used up")
		}
		if base != s.last.Load() { // a commit was on disk although it had failed
			s.tail.catchUp(tx)
		}
		if err := ceil.cover(last); err != nil {
			return err
		}
		if err := c.putEvents(tx, base); err != nil {
			return err
		}
		s.size.Store(tx.Size())
		return c.putMarks(tx, last)
	})
	if err != nil {
		return base, err
	}
	s.tail.extend(c, events, base)
	s.last.Store(base + uint64(len(c.events)))
	return base, nil
}

// settle takes in what a commit that failed at its very end has left on disk after all,
// before a segment follows. It returns the places of consumers, as of the end.
func (s *store) settle() ([]Mark, error) {
	err := view(s.db, func(tx *bolt.Tx) error {
		if last := lastSeq(tx); last != s.last.Load() {
			s.tail.catchUp(tx)
			s.last.Store(last)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.marks()
}

func (c *commit) putEvents(tx *bolt.Tx, base uint64) error {
	events, times := tx.Bucket(bucketEvents), tx.Bucket(bucketTime)
	events.FillPercent, times.FillPercent = appendFill, appendFill
	clock := clockAt(tx, base)
	c.records = slices.Grow(c.records[:0], len(c.json)+len(c.events)*frameRoom)
	for i, b := range c.events {
		seq, at := base+uint64(i)+1, len(c.records)
		c.records = appendFrame(c.records, b, seq)
		if err := events.Put(be64(seq), c.records[at:len(c.records):len(c.records)]); err != nil {
			return err
		}
		further, late := clock.pass(c.minutes[i])
		if late {
			o := c.offsets([]byte(lateTerm))
			*o = append(*o, i)
		}
		if further {
			if err := times.Put(be64(c.minutes[i]), be64(seq)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *commit) putMarks(tx *bolt.Tx, last uint64) error {
	var marks []Mark
	for _, m := range c.marks {
		if m.Seq > last {
			return fmt.Errorf("mark of consumer %q: seq %d is above the last, %d", m.Consumer, m.Seq, last)
		}
		if !c.stale(tx, m) {
			marks = append(marks, m)
		}
	}
	return putMarks(tx, marks)
}

// stale reports whether a place lies in what was removed and its consumer is known to
// be past that: what lies between has been counted, and would be once more.
func (c *commit) stale(tx *bolt.Tx, m Mark) bool {
	return c.edge > 0 && m.Seq <= c.edge && fromBE64(tx.Bucket(bucketMarks).Get([]byte(m.Consumer))) >= c.edge
}

func putMarks(tx *bolt.Tx, marks []Mark) error {
	bucket := tx.Bucket(bucketMarks)
	for _, m := range marks {
		if err := bucket.Put([]byte(m.Consumer), be64(m.Seq)); err != nil {
			return err
		}
	}
	return nil
}
