package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	maxRead      = 4096    // events of one Read
	maxReadBytes = 8 << 20 // of records copied in one read transaction, the last one not counted
)

// stored is a record that was copied out of a file, or why it could not be.
type stored struct {
	seq uint64
	rec []byte
	err error
}

func (s stored) event() (*sdk.Event, error) {
	ev, err := (*sdk.Event)(nil), s.err
	if err == nil {
		ev, err = decodeRecord(s.rec)
	}
	if err == nil && ev.Seq != s.seq {
		err = fmt.Errorf("%w: it says it is %d", ErrDamaged, ev.Seq)
	}
	if err != nil {
		return nil, &RecordError{Seq: s.seq, Err: err}
	}
	return ev, nil
}

// closing turns what happens to a reader while the journal closes into
// [ErrClosed].
func closing(j *Journal, err error) error {
	if j.closed.Load() && errors.Is(err, errGone) {
		return ErrClosed
	}
	return err
}

// Mark returns how far consumer has come, 0 when it has not begun.
func (j *Journal) Mark(consumer string) (uint64, error) {
	marks, err := j.Marks()
	if err != nil {
		return 0, fmt.Errorf("read mark of %q: %w", consumer, err)
	}
	for _, m := range marks {
		if m.Consumer == consumer {
			return m.Seq, nil
		}
	}
	return 0, nil
}

// Marks returns how far all consumers have come.
func (j *Journal) Marks() ([]Mark, error) {
	for {
		marks, err := j.shelf.newest().marks()
		if !errors.Is(err, errGone) {
			return marks, err
		}
		if j.closed.Load() {
			return nil, ErrClosed
		}
	}
}

// Read returns the events after the given number in order, at most limit of
// them and perhaps fewer; none means that there are none yet. Numbers may be
// missing where retention or damage took events. At a damaged record it returns
// what precedes it together with a [*RecordError]. Readers share events: they are not to
// be changed.
func (j *Journal) Read(ctx context.Context, after uint64, limit int) ([]*sdk.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if events, ok := j.newest.after(after, min(limit, maxRead)); ok && !j.closed.Load() && after+1 >= j.First() {
		return events, nil
	}
	found, err := j.readForward(ctx, after, min(limit, maxRead))
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

// readForward reads from the oldest segment that has something to give. It waits for
// the repair of one that stands in the way.
func (j *Journal) readForward(ctx context.Context, after uint64, limit int) (found []stored, err error) {
	if after >= maxSeq {
		return nil, nil
	}
	for seg := j.shelf.after(after); seg != nil; {
		if waited, err := j.keeper.awaitSalvage(ctx, after, seg); err != nil {
			return nil, err
		} else if waited {
			seg = j.shelf.after(after)
			continue
		}
		bytes := 0
		err := seg.view(nil, func(p part) error {
			found = nil
			if limit <= 0 {
				return nil
			}
			return p.forward(after, func(seq uint64, rec []byte, err error) bool {
				found = append(found, stored{seq: seq, rec: slices.Clone(rec), err: err})
				bytes += len(rec)
				return err == nil && len(found) < limit && bytes < maxReadBytes
			})
		})
		switch {
		case err == nil && len(found) > 0:
			return found, nil
		case errors.Is(err, errGone) && j.closed.Load():
			return nil, ErrClosed
		case errors.Is(err, errGone):
			seg = j.shelf.after(after)
			continue
		case errors.Is(err, ErrDamaged) && j.mends(seg):
			if waited, err := j.keeper.awaitRepair(ctx, seg, err); err != nil {
				return nil, err
			} else if waited {
				seg = j.shelf.after(after)
				continue
			}
		case err != nil:
			return nil, err
		}
		seg = j.shelf.next(seg.name)
	}
	return nil, nil
}

// Get returns the event with the given id or decimal number. The error wraps
// [ErrNotFound] when there is none.
func (j *Journal) Get(ctx context.Context, id string) (*sdk.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found, err := j.find(idKey(id))
	if n, bad := strconv.ParseUint(id, 10, 64); err == nil && found.rec == nil && bad == nil && n > 0 {
		found, err = j.numbered(n)
	}
	if err != nil {
		return nil, fmt.Errorf("get event %.140q: %w", id, err)
	}
	if found.rec == nil {
		return nil, fmt.Errorf("get event %.140q: %w", id, ErrNotFound)
	}
	return found.event()
}

// find looks an id up, in the newest segment first.
func (j *Journal) find(id []byte) (found stored, err error) {
	for _, seg := range slices.Backward(j.shelf.all()) {
		found, err := seg.find(id)
		if err = j.bearable(seg, err); err != nil || found.rec != nil {
			return found, err
		}
	}
	return stored{}, nil
}

// find looks an id up in one segment.
func (s *segment) find(id []byte) (found stored, err error) {
	look := func(p part) error {
		seq, err := p.byID(id)
		if err != nil || seq == 0 {
			return err
		}
		rec, err := p.record(seq)
		found = stored{seq: seq, rec: slices.Clone(rec)}
		return err
	}
	for err = errMoved; errors.Is(err, errMoved); {
		err = s.view(nil, look)
	}
	return found, err
}

// numbered looks a number up.
func (j *Journal) numbered(seq uint64) (found stored, err error) {
	seg := j.shelf.below(min(seq, maxSeq) + 1)
	if seg == nil {
		return stored{}, nil
	}
	err = seg.view(nil, func(p part) error {
		rec, err := p.record(seq)
		found = stored{seq: seq, rec: slices.Clone(rec)}
		return err
	})
	return found, closing(j, err)
}

// bearable returns an error that must end a search through all segments: what is
// wrong with one of them must not hide the others.
func (j *Journal) bearable(seg *segment, err error) error {
	switch {
	case errors.Is(err, errGone) && !j.closed.Load():
		return nil
	case errors.Is(err, ErrDamaged) && j.mends(seg):
		j.keeper.suspect(seg, err)
		return nil
	}
	return closing(j, err)
}

// Since returns a number such that every event at or after t has it or a higher
// one. It is exact to the minute, and one above the last when time has not come
// to t.
func (j *Journal) Since(ctx context.Context, t time.Time) (seq uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	for _, seg := range j.shelf.all() {
		var last uint64
		err := seg.view(nil, func(p part) error {
			_, last = p.bounds()
			seq = notBefore(p, t)
			return nil
		})
		if err = j.bearable(seg, err); err != nil {
			return 0, fmt.Errorf("find first event since %s: %w", t.Format(time.RFC3339), err)
		}
		if seq > 0 && seq <= last {
			return seq, nil
		}
	}
	return j.Last() + 1, nil
}
