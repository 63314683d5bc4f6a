package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	keepEvery   = time.Second // between two looks at what there is to do
	forgetEvery = 60          // times that
)

// keeper does the journal's housekeeping: one goroutine indexes, one keeps the
// tables, and one seals, repairs and removes segments and watches the clock. What it
// fails to do it tries again; nothing of it is needed for an event to be recorded or
// found.
type keeper struct {
	j      *Journal
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	index  chan struct{} // one token: a tail is long enough
	work   chan struct{} // one token: there is a segment to see to
	rows   chan struct{} // one token: the tables have much news

	mu       sync.Mutex
	suspects map[*segment]error
	damaged  []damaged       // set aside and not salvaged yet
	tries    map[segName]int // to repair them, that failed
	ended    chan struct{}   // closed and replaced when one of these changes
	failing  map[string]bool // what was logged and has not succeeded since
}

func newKeeper(j *Journal, d []damaged) *keeper {
	ctx, cancel := context.WithCancel(context.Background())
	return &keeper{
		j: j, ctx: ctx, cancel: cancel, index: make(chan struct{}, 1), work: make(chan struct{}, 1), rows: make(chan struct{}, 1),
		suspects: map[*segment]error{}, damaged: d, tries: map[segName]int{}, ended: make(chan struct{}), failing: map[string]bool{},
	}
}

func (k *keeper) start() {
	if len(k.damaged) > 0 {
		signal(k.work) // readers wait for it
	}
	k.tasks.Go(k.runIndex)
	k.tasks.Go(k.runWork)
	k.tasks.Go(k.runTables)
}

// stop ends the goroutines. A nil keeper, a reader's, has none.
func (k *keeper) stop() {
	if k == nil {
		return
	}
	k.cancel()
	k.tasks.Wait()
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// nudge lets the keeper look at the segments now.
func (k *keeper) nudge() {
	if k != nil {
		signal(k.work)
		signal(k.index)
		signal(k.rows)
	}
}

// appended lets the keeper work when there is enough to do.
func (k *keeper) appended(s *store, t *Tables) {
	if s.tail.length() >= flushEvery {
		signal(k.index)
	}
	if t.full() {
		signal(k.rows)
	}
}

// suspect notes a segment that could not be read, to be repaired, and returns
// how many events it should hold.
func (k *keeper) suspect(seg *segment, err error) int {
	first, last := seg.bounds()
	if k != nil {
		k.mu.Lock()
		if !seg.mendedSince(err) {
			k.suspects[seg] = err
		}
		k.mu.Unlock()
		signal(k.work)
	}
	return int(last + 1 - first)
}

// runIndex puts tails into the index.
func (k *keeper) runIndex() {
	for {
		select {
		case <-k.index:
		case <-k.ctx.Done():
			return
		}
		for _, seg := range k.j.shelf.all() {
			st := seg.store()
			if st == nil || st.tail.length() < flushEvery {
				continue
			}
			err := st.flush()
			if errors.Is(err, ErrDamaged) {
				k.suspect(seg, err)
			}
			k.note("index events", err)
		}
	}
}

// runWork sees to the segments.
func (k *keeper) runWork() {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	watch, ticks := newWatch(k.j), 0
	for {
		select {
		case <-tick.C:
			if ticks++; ticks%forgetEvery == 0 {
				k.forget()
			}
		case <-k.work:
		case <-k.ctx.Done():
			return
		}
		k.j.room.look()
		k.note("record a clock step", watch.look(k.ctx, time.Now()))
		k.note("repair segments", errors.Join(k.repair(), k.restoreDamaged()))
		k.note("remove old segments", k.j.retain(k.ctx, watch))
		if !k.j.o.KeepOpen {
			k.note("seal segments", k.seal())
		}
	}
}

// runTables keeps the tables up to date.
func (k *keeper) runTables() {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-k.rows:
		case <-k.ctx.Done():
			return
		}
		k.note("store sessions", k.j.tabulate(k.ctx))
	}
}

// forget drops what searches keep unpacked.
func (k *keeper) forget() {
	for _, seg := range k.j.shelf.all() {
		if z := seg.sealed(); z != nil {
			z.cache.clear()
		}
	}
}

// note logs a failure once, until it succeeds.
func (k *keeper) note(what string, err error) {
	if k.ctx.Err() != nil {
		return
	}
	k.mu.Lock()
	was := k.failing[what]
	k.failing[what] = err != nil
	k.mu.Unlock()
	switch {
	case err != nil && !was:
		k.j.log.Error("journal housekeeping fails, will try again", "step", what, "error", err)
	case err == nil && was:
		k.j.log.Info("journal housekeeping succeeds again", "step", what)
	}
}

// seal seals the segments that take no more events, oldest first.
func (k *keeper) seal() error {
	for _, seg := range k.j.shelf.all() {
		st := seg.store()
		if st == nil || seg == k.j.shelf.newest() || st.tooLarge() {
			continue
		}
		if low, free := k.j.room.short(); low || free > 0 && free < st.size.Load() {
			return nil // there is no room to make room
		}
		if err := k.j.sealSegment(k.ctx, seg, st); err != nil {
			return fmt.Errorf("seal %s: %w", seg.name, err)
		}
	}
	return nil
}

// tooLarge reports whether a segment, one from before there were segments, has
// more events than sealing takes in.
func (s *store) tooLarge() bool { return s.last.Load()-s.name.base > 4_000_000 }

// sealSegment puts a sealed file in the place of a segment's two. The new file is
// complete and read back before it gets its name, and the old ones go only after
// that is on disk: whatever the moment of a crash, one of them is whole.
func (j *Journal) sealSegment(ctx context.Context, seg *segment, st *store) error {
	path := seg.name.path(j.dir, suffixSealed)
	draft := path + suffixDraft
	err := st.seal(ctx, draft)
	if errors.Is(err, ErrDamaged) {
		j.keeper.suspect(seg, err)
	}
	if err == nil {
		err = verify(ctx, draft, st)
	}
	if err == nil {
		err = os.Rename(draft, path)
	}
	if err != nil {
		return errors.Join(err, remove(draft))
	}
	if err := syncDir(j.eventsDir()); err != nil {
		return err
	}
	z, err := openSealedFile(path)
	if err != nil {
		return err
	}
	if err := seg.swap(z); err != nil {
		return err
	}
	return remove(seg.name.path(j.dir, suffixIndex), seg.name.path(j.dir, suffixEvents))
}

// verify reads a sealed draft as a whole and compares it with what it stands for.
func verify(ctx context.Context, path string, st *store) error {
	z, err := openSealedFile(path)
	if err != nil {
		return err
	}
	defer z.close()
	z.memory = &blockMemory{}
	if err := z.readThrough(ctx); err != nil {
		return err
	}
	if _, last := st.bounds(); z.head.Last != last {
		return fmt.Errorf("%w: draft goes up to %d, not %d", ErrDamaged, z.head.Last, last)
	}
	return nil
}

// report appends an event of the journal's own.
func (j *Journal) report(ctx context.Context, ev *sdk.Event, marks ...Mark) error {
	return j.Append(ctx, []*sdk.Event{ev}, marks...)
}

func (j *Journal) eventsDir() string { return filepath.Join(j.dir, eventsDir) }
