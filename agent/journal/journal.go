package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
)

// The errors a caller may branch on.
var (
	ErrLocked   = errors.New("state directory is in use")
	ErrClosed   = errors.New("journal is closed")
	ErrReadOnly = errors.New("journal is open for reading only")
	ErrNotFound = errors.New("no such event")
	ErrDamaged  = errors.New("journal is damaged")
	ErrEvent    = errors.New("event cannot be recorded") // no retry will help
	ErrQuery    = errors.New("bad query")
)

// Options of a journal that is open for writing.
type Options struct {
	Sensor string       // stamped on events that name no sensor
	Log    *slog.Logger // nil: say nothing
}

// Mark is how far a consumer has come: it needs no event up to Seq any more.
type Mark struct {
	Consumer string
	Seq      uint64
}

// Journal is an open event log. Its methods may be called concurrently.
type Journal struct {
	store     *store
	lock      *dirLock
	ceiling   *ceiling // nil when open for reading only
	sensor    string
	log       *slog.Logger
	recovered string

	turn    chan struct{} // holds one token: whoever has it may write
	closed  atomic.Bool
	done    chan struct{} // closed by Close
	last    atomic.Uint64
	touched atomic.Int64 // bytes of records read or written since the last forget

	mu    sync.Mutex
	grown chan struct{} // closed and replaced when last rises; guarded by mu
}

// Open opens the journal in dir for writing, and creates both if need be. A
// damaged journal is set aside, not deleted, and a new one started in its place;
// [Journal.Recovered] then says so. When another process has the journal open,
// the error wraps [ErrLocked].
func Open(dir string, o Options) (_ *Journal, err error) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create state directory: %w", err)
	}
	lock, err := lockDir(dir, exclusive)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lock.release()
		}
	}()
	r := recovery{dir: dir, sensor: o.Sensor, log: log}
	st, ceil, err := r.open()
	if err != nil {
		return nil, fmt.Errorf("open journal in %s: %w", dir, err)
	}
	if err := lock.sign(); err != nil {
		return nil, errors.Join(err, st.close())
	}
	j := newJournal(st, lock, log)
	j.ceiling, j.sensor, j.recovered = ceil, o.Sensor, r.said()
	return j, nil
}

// OpenReader opens the journal in dir for reading, for use while no sensor
// runs: the error wraps [ErrLocked] if one does. It repairs nothing.
func OpenReader(dir string) (_ *Journal, err error) {
	lock, err := lockDir(dir, shared)
	if err != nil {
		return nil, err
	}
	st, err := openStore(storePath(dir), readOnly)
	if err != nil {
		lock.release()
		return nil, fmt.Errorf("open journal in %s: %w", dir, lockedBy(dir, err))
	}
	return newJournal(st, lock, slog.New(slog.DiscardHandler)), nil
}

func newJournal(st *store, lock *dirLock, log *slog.Logger) *Journal {
	j := &Journal{
		store: st, lock: lock, log: log,
		turn: make(chan struct{}, 1), done: make(chan struct{}), grown: make(chan struct{}),
	}
	j.last.Store(st.last)
	return j
}

// Last returns the newest sequence number, 0 when nothing was ever recorded.
func (j *Journal) Last() uint64 { return j.last.Load() }

// Epoch tells sequence numbers of one sensor apart when their order was lost:
// (sensor, epoch, seq) names an event for ever.
func (j *Journal) Epoch() uint64 { return j.store.epoch }

// Recovered says what Open found damaged or missing and what it did about it,
// for the caller to record; it is empty when all was well.
func (j *Journal) Recovered() string { return j.recovered }

// maxResident is about how many bytes of the log may stay mapped in.
const maxResident = 32 << 20

// touch counts bytes that went through the mapping, and lets go of it in time.
func (j *Journal) touch(bytes int) {
	if j.touched.Add(int64(bytes)) < maxResident {
		return
	}
	j.touched.Store(0)
	if err := j.store.forget(); err != nil {
		j.log.Debug("journal stays resident", "error", err)
	}
}

// Wait returns nil as soon as an event with a number above after exists.
func (j *Journal) Wait(ctx context.Context, after uint64) error {
	for {
		j.mu.Lock()
		grown := j.grown
		j.mu.Unlock()
		if j.Last() > after {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		case <-j.done:
			return ErrClosed
		}
	}
}

// advance publishes a new last number and wakes those who wait for it.
func (j *Journal) advance(last uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last.Store(last)
	close(j.grown)
	j.grown = make(chan struct{})
}

// Close waits for the calls in progress, then closes the journal. A second call
// does nothing.
func (j *Journal) Close() error {
	if j.closed.Swap(true) {
		return nil
	}
	close(j.done)
	j.turn <- struct{}{} // kept: nobody writes after this
	var err error
	if j.ceiling != nil {
		// Exact after a clean end, so that a loss of the log leaves no hole.
		err = j.ceiling.settle(j.Last())
	}
	err = errors.Join(err, j.store.close())
	j.lock.release()
	return err
}
