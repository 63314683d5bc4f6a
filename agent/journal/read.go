package journal

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	maxRead      = 4096    // events of one Read
	maxReadBytes = 8 << 20 // of records copied in one read transaction, the last one not counted
)

// stored is a record that was copied out of the file.
type stored struct {
	seq uint64
	rec []byte
}

func (s stored) event() (*sdk.Event, error) {
	ev, err := decodeRecord(s.rec)
	if err == nil && ev.Seq != s.seq {
		err = fmt.Errorf("%w: it says it is %d", ErrDamaged, ev.Seq)
	}
	if err != nil {
		return nil, &RecordError{Seq: s.seq, Err: err}
	}
	return ev, nil
}

// Mark returns how far consumer has come, 0 when it has not begun.
func (j *Journal) Mark(consumer string) (seq uint64, err error) {
	err = j.store.view(func(tx *bolt.Tx) error {
		seq = fromBE64(tx.Bucket(bucketMarks).Get([]byte(consumer)))
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("read mark of %q: %w", consumer, err)
	}
	return seq, nil
}

// Read returns the events after the given number in order, at most limit of
// them and perhaps fewer; none means that there are none yet. At a damaged
// record it returns what precedes it together with a [*RecordError].
func (j *Journal) Read(ctx context.Context, after uint64, limit int) ([]*sdk.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var found []stored
	err := j.store.view(func(tx *bolt.Tx) error {
		found = readForward(tx, after, min(limit, maxRead))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read events after %d: %w", after, err)
	}
	events := make([]*sdk.Event, 0, len(found))
	size := 0
	defer func() { j.touch(size) }()
	for _, s := range found {
		size += len(s.rec)
		ev, err := s.event()
		if err != nil {
			return events, err
		}
		events = append(events, ev)
	}
	return events, nil
}

func readForward(tx *bolt.Tx, after uint64, limit int) (found []stored) {
	if after >= maxSeq {
		return nil
	}
	bytes := 0
	c := tx.Bucket(bucketEvents).Cursor()
	for k, v := c.Seek(be64(after + 1)); k != nil && len(found) < limit && bytes < maxReadBytes; k, v = c.Next() {
		found = append(found, stored{seq: fromBE64(k), rec: slices.Clone(v)})
		bytes += len(v)
	}
	return found
}

// Get returns the event with the given id or decimal number. The error wraps
// [ErrNotFound] when there is none.
func (j *Journal) Get(ctx context.Context, id string) (*sdk.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var found stored
	err := j.store.view(func(tx *bolt.Tx) error {
		found = lookUp(tx, id)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("get event %.140q: %w", id, err)
	}
	if found.rec == nil {
		return nil, fmt.Errorf("get event %.140q: %w", id, ErrNotFound)
	}
	return found.event()
}

func lookUp(tx *bolt.Tx, id string) stored {
	events := tx.Bucket(bucketEvents)
	seq := fromBE64(tx.Bucket(bucketIDs).Get(idKey(id)))
	if n, err := strconv.ParseUint(id, 10, 64); seq == 0 && err == nil {
		seq = n
	}
	return stored{seq: seq, rec: slices.Clone(events.Get(be64(seq)))}
}

// Since returns a number such that every event at or after t has it or a higher
// one. It is exact to the minute, and one above the last when time has not come
// to t.
func (j *Journal) Since(ctx context.Context, t time.Time) (seq uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	err = j.store.view(func(tx *bolt.Tx) error {
		seq = notBefore(tx, t)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("find first event since %s: %w", t.Format(time.RFC3339), err)
	}
	return seq, nil
}
