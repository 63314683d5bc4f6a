package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
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
	ErrFull     = errors.New("disk is full")
)

// The defaults of [Options].
const (
	defaultSegmentEvents = 256_000
	defaultSegmentBytes  = 256 << 20
	defaultSegmentAge    = 24 * time.Hour
	defaultReserve       = 64 << 20
	defaultMinFree       = 256 << 20
)

// Options of a journal that is open for writing. What is not positive takes its
// default, except for the limits of retention, which it turns off.
type Options struct {
	Sensor string       // stamped on events that name no sensor
	Log    *slog.Logger // nil: say nothing

	// A segment takes no more events when it has this many, these many bytes, or
	// this age: 256000, 256 MiB, 24 h.
	SegmentEvents int
	SegmentBytes  int64
	SegmentAge    time.Duration

	Retention

	// Reserve is held on disk for what must be written when it is full, and
	// MinFree is how much is left free beside it: 64 MiB, 256 MiB. On a small file
	// system each is at most a twentieth of it.
	Reserve int64
	MinFree int64

	KeepOpen bool // do not seal segments

	agree time.Duration // instead of agreeAfter, in tests
}

// Retention says how long events are kept, and for whom. It may change while a
// journal is open.
type Retention struct {
	MaxAge   time.Duration // of the newest event in a segment that is kept
	MaxBytes int64         // of all segments; the newest is always kept

	// Consumers are those that read this journal now. What they have not had yet is
	// kept beyond MaxAge and MaxBytes, up to MaxLag bytes and while the disk is not
	// short of space; what goes before one of them has stored a place behind it is a
	// gap. The places of others are moved on silently. Nil: nothing is kept for anybody, and all misses are gaps.
	Consumers []string
	MaxLag    int64
}

// SetRetention changes what is kept, from the next look at the segments on.
func (j *Journal) SetRetention(r Retention) { j.retention.Store(&r) }

// keeping is the retention in force.
func (j *Journal) keeping() *Retention { return j.retention.Load() }

func (o Options) withDefaults() Options {
	o.SegmentEvents = positive(o.SegmentEvents, defaultSegmentEvents)
	o.SegmentBytes = positive(o.SegmentBytes, defaultSegmentBytes)
	o.SegmentAge = positive(o.SegmentAge, defaultSegmentAge)
	o.Reserve = positive(o.Reserve, defaultReserve)
	o.MinFree = positive(o.MinFree, defaultMinFree)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Mark is how far a consumer has come: it needs no event up to Seq any more.
type Mark struct {
	Consumer string
	Seq      uint64
}

// Journal is an open event log. Its methods may be called concurrently.
type Journal struct {
	dir       string
	o         Options
	ro        access
	shelf     shelf
	live      *store // the newest segment's; changed only by whoever may write
	lock      *dirLock
	ceiling   *ceiling // nil when open for reading only
	room      *room
	tables    *Tables
	sums      sums
	newest    newest
	sensor    string
	epoch     uint64
	log       *slog.Logger
	recovered string
	retention atomic.Pointer[Retention]

	buffers  sync.Pool     // of *[2][]byte: what a commit is encoded into, and written from
	turn     chan struct{} // holds one token: whoever has it may write
	openedAt uint64        // the last number then

	closed  atomic.Bool
	done    chan struct{} // closed by Close
	last    atomic.Uint64
	touched atomic.Int64 // bytes of records read or written since the last forget
	keeper  *keeper

	mu    sync.Mutex
	grown chan struct{} // closed and replaced when last rises; guarded by mu
}

// Open opens the journal in dir for writing, and creates both if need be. A
// damaged segment is set aside, not deleted, and the rest is served;
// [Journal.Recovered] then says so. When another process has the journal open,
// the error wraps [ErrLocked].
func Open(dir string, o Options) (_ *Journal, err error) {
	o = o.withDefaults()
	for _, d := range []string{dir, filepath.Join(dir, eventsDir)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("create state directory: %w", err)
		}
	}
	lock, err := lockDir(dir, exclusive)
	if err != nil {
		return nil, err
	}
	j := newJournal(dir, o, readWrite, lock)
	defer func() {
		if err != nil {
			_ = j.closeFiles()
		}
	}()
	j.room = newRoom(dir, o, o.Log)
	r := recovery{dir: dir, sensor: o.Sensor, log: o.Log, shelf: &j.shelf, room: j.room}
	if j.live, j.ceiling, err = r.open(); err != nil {
		return nil, fmt.Errorf("open journal in %s: %w", dir, err)
	}
	if err := lock.sign(); isFull(err) {
		o.Log.Debug("lock is not signed", "error", err) // it holds all the same
	} else if err != nil {
		return nil, err
	}
	if j.tables, err = openTables(dir, readWrite); err != nil {
		return nil, fmt.Errorf("open journal in %s: %w", dir, err)
	}
	j.recovered = r.said()
	j.begin()
	j.keeper = newKeeper(j, r.damaged)
	j.keeper.start()
	return j, nil
}

// OpenReader opens the journal in dir for reading, for use while no sensor
// runs: the error wraps [ErrLocked] if one does. It repairs nothing, and leaves
// damaged segments out.
func OpenReader(dir string) (_ *Journal, err error) {
	lock, err := lockDir(dir, shared)
	if err != nil {
		return nil, err
	}
	j := newJournal(dir, Options{}.withDefaults(), readOnly, lock)
	defer func() {
		if err != nil {
			_ = j.closeFiles()
		}
	}()
	r := recovery{dir: dir, log: j.log, shelf: &j.shelf}
	if j.live, err = r.openForReading(); err != nil {
		return nil, fmt.Errorf("open journal in %s: %w", dir, lockedBy(dir, err))
	}
	if j.tables, err = openTables(dir, readOnly); err != nil {
		return nil, fmt.Errorf("open journal in %s: %w", dir, lockedBy(dir, err))
	}
	j.recovered = r.said()
	j.begin()
	return j, nil
}

func newJournal(dir string, o Options, ro access, lock *dirLock) *Journal {
	j := &Journal{
		dir: dir, o: o, ro: ro, lock: lock, log: o.Log, sensor: o.Sensor,
		turn: make(chan struct{}, 1), done: make(chan struct{}), grown: make(chan struct{}),
	}
	j.SetRetention(o.Retention)
	return j
}

// begin takes what is known from the newest segment.
func (j *Journal) begin() {
	newest := j.shelf.newest()
	_, last := newest.bounds()
	j.last.Store(last)
	j.openedAt = last
	j.epoch = newest.name.epoch
}

// Last returns the newest sequence number, 0 when nothing was ever recorded.
func (j *Journal) Last() uint64 { return j.last.Load() }

// Epoch tells sequence numbers of one sensor apart when their order was lost:
// (sensor, epoch, seq) names an event for ever.
func (j *Journal) Epoch() uint64 { return j.epoch }

// First returns the lowest sequence number that is still kept, one above the
// last when nothing is.
func (j *Journal) First() uint64 {
	if s := j.shelf.oldest(); s != nil {
		return s.name.base + 1
	}
	return j.Last() + 1
}

// Recovered says what Open found damaged or missing and what it did about it,
// for the caller to record; it is empty when all was well.
func (j *Journal) Recovered() string { return j.recovered }

// Tables returns the tables of canaries and sessions.
func (j *Journal) Tables() *Tables { return j.tables }

// maxResident is about how many bytes of the log may stay mapped in.
const maxResident = 32 << 20

// touch counts bytes that went through the mapping, and lets go of it in time.
func (j *Journal) touch(bytes int) {
	if j.touched.Add(int64(bytes)) < maxResident {
		return
	}
	j.touched.Store(0)
	st := j.shelf.newest().store()
	if st == nil {
		return
	}
	if err := st.forget(); err != nil {
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
	j.keeper.stop()
	var err error
	if j.ro == readWrite {
		// What is in the index need not be read again at the next start.
		err = errors.Join(err, j.flushAll())
		if j.tables.caughtUp {
			err = errors.Join(err, j.tables.end())
		}
		// Exact after a clean end, so that a loss of the log leaves no hole.
		err = errors.Join(err, j.ceiling.settle(j.Last()))
	}
	return errors.Join(err, j.closeFiles())
}

// flushAll indexes what is not indexed. A full disk is no fault: the index is
// made up for at the next start.
func (j *Journal) flushAll() error {
	for _, seg := range j.shelf.all() {
		st := seg.store()
		if st == nil {
			continue
		}
		if err := st.flush(); err != nil && !isFull(err) {
			return err
		}
	}
	return nil
}

func (j *Journal) closeFiles() error {
	var err error
	for _, seg := range j.shelf.all() {
		err = errors.Join(err, seg.swap(nil))
	}
	err = errors.Join(err, j.tables.close())
	j.lock.release()
	return err
}

// writable returns the store that events go to, starting a new segment when the
// newest is full. Only the one who may write calls it.
func (j *Journal) writable() (*store, error) {
	if !j.isFull(j.live, time.Now()) {
		return j.live, nil
	}
	return j.roll()
}

// roll starts a new segment. Only the one who may write calls it.
func (j *Journal) roll() (*store, error) {
	st := j.live
	marks, err := st.settle()
	if errors.Is(err, ErrDamaged) {
		marks, err = j.olderMarks(), nil
	}
	if err != nil {
		return nil, err
	}
	base := max(st.last.Load(), st.name.base+1) // no two segments have one name
	if err := j.ceiling.cover(base); err != nil {
		return nil, err
	}
	next, err := createStore(j.dir, segName{epoch: j.epoch, base: base}, j.sensor, marks)
	if err != nil {
		return nil, fmt.Errorf("begin segment: %w", err)
	}
	j.live = next
	j.shelf.add(&segment{name: next.name, body: next})
	j.keeper.nudge()
	return next, nil
}

// olderMarks returns how far consumers had come when the newest segment began, as far as
// that is known.
func (j *Journal) olderMarks() []Mark {
	for _, seg := range slices.Backward(j.shelf.all()) {
		if marks, err := seg.marks(); err == nil && len(marks) > 0 { // a repaired one has none
			return marks
		}
	}
	return nil
}

// leave starts a new segment when the given one is the newest: it is to be repaired.
func (j *Journal) leave(ctx context.Context, seg *segment) error {
	select {
	case j.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-j.turn }()
	if seg != j.shelf.newest() {
		return nil
	}
	_, err := j.roll()
	if isFull(err) {
		j.room.exhausted()
	}
	return err
}

// mends reports whether a segment that cannot be read is repaired, or can be done
// without: a reader's newest cannot.
func (j *Journal) mends(seg *segment) bool { return j.keeper != nil || seg != j.shelf.newest() }

// isFull reports whether a segment takes no more events.
func (j *Journal) isFull(s *store, now time.Time) bool {
	first, last := s.bounds()
	if last < first {
		return false // an empty one never is
	}
	age := now.Sub(s.made)
	return last-first+1 >= uint64(j.o.SegmentEvents) || s.size.Load() >= j.o.SegmentBytes || age >= j.o.SegmentAge
}
