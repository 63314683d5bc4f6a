package journal

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// patience is how many attempts to repair a segment may fail until those who read in
// order go on without it.
const patience = 10

// Whoever reads in order waits while a segment is repaired: what can be read of it again
// would otherwise be behind them. When it cannot be repaired they go on, and what each
// consumer misses of it is a gap.

// awaitRepair waits until a segment was repaired that could not be read. It returns
// false when there is no waiting for that.
func (k *keeper) awaitRepair(ctx context.Context, seg *segment, why error) (bool, error) {
	if k == nil || k.hopeless(seg.name) {
		return false, nil
	}
	k.suspect(seg, why)
	_, err := k.await(ctx, func() bool { return k.suspects[seg] != nil && k.tries[seg.name] < patience })
	return !k.hopeless(seg.name), err
}

// awaitSalvage waits until what was set aside between a number and a segment is back in
// place. It returns false when there is nothing.
func (k *keeper) awaitSalvage(ctx context.Context, after uint64, seg *segment) (bool, error) {
	if k == nil {
		return false, nil
	}
	return k.await(ctx, func() bool {
		return slices.ContainsFunc(k.damaged, func(d damaged) bool {
			if compareNames(d.name, seg.name) >= 0 || k.tries[d.name] >= patience {
				return false
			}
			above := k.j.shelf.next(d.name)
			return above != nil && above.name.base > after
		})
	})
}

// await waits until something is not so any more, and reports whether it was. The
// keeper's mu is held when it asks.
func (k *keeper) await(ctx context.Context, so func() bool) (waited bool, err error) {
	for {
		k.mu.Lock()
		wait, ended := so(), k.ended
		k.mu.Unlock()
		if !wait {
			return waited, nil
		}
		waited = true
		select {
		case <-ended:
		case <-ctx.Done():
			return true, ctx.Err()
		case <-k.ctx.Done():
			return true, ErrClosed
		}
	}
}

// hopeless reports whether the repair of a segment was given up, for those who read.
func (k *keeper) hopeless(n segName) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.tries[n] >= patience
}

// change changes what is under repair, and lets those who wait for it look.
func (k *keeper) change(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
	close(k.ended)
	k.ended = make(chan struct{})
}

// pending returns what was set aside and is not salvaged yet.
func (k *keeper) pending() []damaged {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.damaged)
}

// suspected returns the segments that could not be read.
func (k *keeper) suspected() map[*segment]error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.suspects)
}

// failed notes that a segment with numbers up to last was not repaired.
func (k *keeper) failed(n segName, last uint64, why error) error {
	k.mu.Lock()
	tries := k.tries[n] + 1
	k.mu.Unlock()
	if k.ctx.Err() != nil {
		return why
	}
	if tries == patience {
		if err := k.j.giveUp(k.ctx, n, last, why); err != nil {
			return fmt.Errorf("%w, nor counted: %w", why, err) // and nobody goes on yet
		}
	}
	k.change(func() { k.tries[n] = tries })
	return why
}

// giveUp counts what consumers that are not past a segment miss of it, and moves those
// that are in it behind it.
func (j *Journal) giveUp(ctx context.Context, n segName, last uint64, why error) error {
	all, err := j.Marks()
	if err != nil {
		return err
	}
	var gaps []*sdk.Event
	var marks []Mark
	for now := time.Now().UTC(); len(all) > 0; all = all[1:] {
		m := all[0]
		if m.Seq >= last || !j.keeping().reads(m.Consumer) {
			continue
		}
		ev := gapEvent(sdk.Gap{Lost: last - max(m.Seq, n.base), Reason: reasonDamaged, From: now, To: now}, now)
		ev.Error = fmt.Sprintf("consumer %q goes on behind segment %s, which is not repaired: %v", m.Consumer, n, why)
		if gaps = append(gaps, ev); m.Seq >= n.base {
			marks = append(marks, Mark{Consumer: m.Consumer, Seq: last})
		}
	}
	return j.Append(ctx, gaps, marks...)
}
