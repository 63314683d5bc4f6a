package journal

import (
	"context"
	"fmt"
	"slices"
)

// Record is an event as it stands in the journal.
type Record struct {
	Seq  uint64
	JSON []byte // one object
}

// Records returns what [Journal.Read] returns, at most limit of them, without
// decoding it, for whoever hands the bytes on. It does not see whether they are
// an event: a page that a power cut tore may give something else.
func (j *Journal) Records(ctx context.Context, after uint64, limit int) ([]Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found, err := j.readForward(ctx, after, min(limit, maxRead))
	if err != nil {
		return nil, fmt.Errorf("read records after %d: %w", after, err)
	}
	records := make([]Record, 0, len(found))
	size := 0
	defer func() { j.touch(size) }()
	for _, s := range found {
		size += len(s.rec)
		b, err := s.json()
		if err != nil {
			return records, err
		}
		records = append(records, Record{Seq: s.seq, JSON: b})
	}
	return records, nil
}

// Record returns the event with a number as it stands in the journal. The error
// wraps [ErrNotFound] when there is none.
func (j *Journal) Record(ctx context.Context, seq uint64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found, err := j.numbered(seq)
	if err != nil {
		return nil, fmt.Errorf("read record %d: %w", seq, err)
	}
	if found.rec == nil {
		return nil, fmt.Errorf("read record %d: %w", seq, ErrNotFound)
	}
	return found.json()
}

// json returns a record without what stands before the event.
func (s stored) json() ([]byte, error) {
	err := s.err
	if err == nil {
		err = checkVersion(s.rec)
	}
	if err != nil {
		return nil, &RecordError{Seq: s.seq, Err: err}
	}
	return s.rec[1:], nil
}

// reads reports whether a consumer is one of those that read this journal now.
func (r *Retention) reads(consumer string) bool {
	return r.Consumers == nil || slices.Contains(r.Consumers, consumer)
}

// wanted returns the lowest place of the consumers that segments are kept for,
// the last number when there are none.
func (j *Journal) wanted() (uint64, error) {
	low := j.Last()
	marks, err := j.Marks()
	if err != nil {
		return 0, err
	}
	for _, consumer := range j.keeping().Consumers {
		at := uint64(0) // it has not begun
		if i := slices.IndexFunc(marks, func(m Mark) bool { return m.Consumer == consumer }); i >= 0 {
			at = marks[i].Seq
		}
		low = min(low, at)
	}
	return low, nil
}
