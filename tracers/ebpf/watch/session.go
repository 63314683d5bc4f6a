//go:build linux && amd64

package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	// readEvery is how often the buffers are read.
	readEvery = 4 * time.Millisecond
	// settled is how old a record must be for everything before it to be there: the
	// buffers are read one after the other, and a program takes a moment between its
	// look at the clock and its record.
	settled = int64(2 * time.Millisecond)
	// countEvery is how often losses are looked for.
	countEvery = 100 * time.Millisecond
	// drainWithin is how long records that were written are waited for.
	drainWithin = 2 * time.Second
	// maxWaiting is how many bytes of records are sorted at once: about what both
	// buffers hold.
	maxWaiting = 32 << 20
)

// session is one trace.
type session struct {
	spec   sdk.TracerSpec
	kernel *kernel
	group  *group // nil when processes are traced by their numbers
	pids   []int  // of them
	tls    *tls   // nil: not asked for
	t      *translator
	emit   func(sdk.Observation) error

	waiting  []record // read, and not old enough
	held     int      // bytes of them
	rings    requests
	read     uint64 // records
	reported map[string]uint64
	counted  time.Time
	epoch    uint64
	root     uint64 // the first process
	exit     string // how it ended
	now      int64
	sum      sdk.TracerSummary

	mu       sync.Mutex // guards observed and stopped
	observed bool
	stopped  bool
	stopping chan struct{} // closed by stop
	over     chan struct{} // closed when observe has returned
}

// monotonic is now, as the programs see it.
func monotonic() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // it cannot fail
	return t.Nano()
}

// observe reads records until the tree has ended.
func (s *session) observe(ctx context.Context, emit func(sdk.Observation) error) error {
	s.mu.Lock()
	if s.observed {
		s.mu.Unlock()
		return errors.New("this session is observed already")
	}
	s.observed, s.emit = true, emit
	s.mu.Unlock()
	defer close(s.over)
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.stopping:
			return s.cutShort()
		case <-tick.C:
		}
		if err := s.round(settled); err != nil {
			return err
		}
		if s.ended() {
			return s.finish()
		}
	}
}

// round reads both buffers and hands on what is old enough.
func (s *session) round(age int64) error {
	s.now = monotonic()
	for _, from := range []*ringbuf.Reader{s.kernel.bulk, s.kernel.vital} {
		if err := s.take(from); err != nil {
			return err
		}
	}
	s.epoch++
	_ = s.kernel.coll.Variables[traceVarEpoch].Set(s.epoch) // without it a flood counts for longer
	if err := s.flush(s.now - age); err != nil {
		return err
	}
	for _, o := range s.rings.overdue(s.now - int64(ringPatience)) {
		if err := s.send(o); err != nil {
			return err
		}
	}
	if time.Since(s.counted) < countEvery {
		return nil
	}
	return s.losses()
}

// take reads what is in a buffer.
func (s *session) take(from *ringbuf.Reader) error {
	from.SetDeadline(time.Unix(1, 0))
	var raw ringbuf.Record
	for s.held < maxWaiting {
		err := from.ReadInto(&raw)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the kernel's records: %w", err)
		}
		s.read++
		r, err := decode(raw.RawSample)
		if err != nil {
			return err
		}
		s.waiting = append(s.waiting, r)
		s.held += r.size
	}
	return nil
}

// flush hands on the records that were written before a moment, in their order.
func (s *session) flush(before int64) error {
	slices.SortStableFunc(s.waiting, func(a, b record) int {
		if a.done < b.done {
			return -1
		}
		return int(min(a.done-b.done, 1))
	})
	n := 0
	crowded := s.held >= maxWaiting
	for n < len(s.waiting) && (crowded || int64(s.waiting[n].done) <= before) {
		if err := s.one(s.waiting[n]); err != nil {
			return err
		}
		s.held -= s.waiting[n].size
		n++
	}
	s.waiting = slices.Delete(s.waiting, 0, n)
	return nil
}

// one hands a record on.
func (s *session) one(r record) error {
	if r.kind == ofRingDone {
		if o, ok := s.rings.end(r); ok {
			return s.send(o)
		}
		return nil
	}
	o, ok := s.t.observation(r)
	if !ok {
		return nil
	}
	if r.kind == ofRing {
		for _, old := range s.rings.begin(r.ring, o) {
			if err := s.send(old); err != nil {
				return err
			}
		}
		return nil
	}
	if r.kind == ofExit && uint64(r.pid) == s.started() {
		s.exit = o.Status
	}
	if s.tls != nil {
		s.tls.consider(&o)
	}
	return s.send(o)
}

func (s *session) started() uint64 {
	if s.root == 0 {
		s.root = s.kernel.number(traceVarStarted)
	}
	return s.root
}

func (s *session) send(o sdk.Observation) error {
	if o.Unreadable {
		s.sum.Unreadable++
	}
	o.Seq = s.sum.Emitted
	s.sum.Emitted++
	return s.emit(o)
}

// losses reports what was lost since the last time.
func (s *session) losses() error {
	s.counted = time.Now()
	now, err := s.kernel.counted()
	if err != nil {
		return err
	}
	for cause, n := range now {
		if cause == written || n <= s.reported[cause] {
			continue
		}
		if err := s.lose(cause, n-s.reported[cause]); err != nil {
			return err
		}
		s.reported[cause] = n
	}
	return nil
}

func (s *session) lose(cause string, n uint64) error {
	if s.sum.Lost == nil {
		s.sum.Lost = map[string]uint64{}
	}
	s.sum.Lost[cause] += n
	return s.send(sdk.Observation{
		Session: s.spec.Session, MonoNS: s.now, WallNS: s.now + s.t.offset, Kind: sdk.ObservedLoss, Cause: cause, Lost: n,
	})
}

// ended reports whether there is nothing left that could do anything.
func (s *session) ended() bool {
	if s.started() == 0 && !s.spec.Attaches() || s.kernel.number(traceVarAlive) != 0 {
		return false
	}
	if s.group != nil {
		return !s.group.populated()
	}
	return !slices.ContainsFunc(s.pids, func(pid int) bool { return !errors.Is(unix.Kill(pid, 0), unix.ESRCH) })
}

// drain reads until everything that was written has been read. Nothing is written
// any more.
func (s *session) drain() error {
	if err := s.kernel.detach(); err != nil {
		return fmt.Errorf("take the programs out of the kernel: %w", err)
	}
	for end := time.Now().Add(drainWithin); ; {
		if err := s.round(0); err != nil {
			return err
		}
		now, err := s.kernel.counted()
		if err != nil {
			return err
		}
		if s.read >= now[written] {
			break
		}
		if time.Now().After(end) {
			if err := s.lose("unread", now[written]-s.read); err != nil {
				return err
			}
			break
		}
	}
	if err := s.flush(monotonic()); err != nil {
		return err
	}
	for _, o := range s.rings.overdue(0) {
		if err := s.send(o); err != nil {
			return err
		}
	}
	return s.losses()
}

// finish reports the rest and the end.
func (s *session) finish() error {
	if err := s.drain(); err != nil {
		return err
	}
	s.sum.Complete = len(s.sum.Lost) == 0
	return s.send(sdk.Observation{
		Session: s.spec.Session, MonoNS: s.now, WallNS: s.now + s.t.offset, Kind: sdk.ObservedEnd, Status: s.exit,
	})
}

// cutShort ends a trace whose session is stopped. Of what ran before, that is the
// way it ends.
func (s *session) cutShort() error {
	if s.started() == 0 && !s.spec.Attaches() {
		return errors.New("nothing was traced")
	}
	if s.spec.Attaches() || s.ended() {
		return s.finish()
	}
	return errors.Join(s.drain(), errors.New("the session was stopped before the traced processes ended"))
}

// stop ends the session, also one that is being observed, and sums it up.
func (s *session) stop() (sdk.TracerSummary, error) {
	s.mu.Lock()
	observed := s.observed
	if !s.stopped {
		close(s.stopping)
	}
	s.observed, s.stopped = true, true // from now on nobody may begin to
	s.mu.Unlock()
	if observed {
		<-s.over
	}
	sum := s.sum
	if !s.spec.Attaches() {
		sum.Survivors = s.survivors()
		sum.Complete = sum.Complete && len(sum.Survivors) == 0
	}
	return sum, s.close()
}

// survivors are the processes that have not ended, also those that left the cgroup.
func (s *session) survivors() []int {
	all := s.kernel.living()
	if s.group != nil {
		all = append(all, s.group.members()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (s *session) close() error {
	err := s.kernel.close()
	if s.tls != nil {
		s.tls.close()
	}
	if s.group != nil {
		err = errors.Join(err, s.group.remove())
	}
	if err != nil {
		return fmt.Errorf("end the trace: %w", err)
	}
	return nil
}
