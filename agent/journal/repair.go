package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Reasons of gaps that the journal itself finds.
const (
	reasonDamaged   = "segment_damaged"
	reasonRetention = "retention"
)

// repair sets damaged segments aside and puts what can be read of them in their
// place.
func (k *keeper) repair() error {
	suspects := k.suspected()
	var errs []error
	for _, seg := range k.j.shelf.all() {
		why := suspects[seg]
		if z := seg.sealed(); why == nil && z != nil && z.faults.Load() > 0 {
			why = fmt.Errorf("%w: a block cannot be read", ErrDamaged)
		}
		if why == nil {
			continue
		}
		suspects[seg] = why
		if err := k.j.leave(k.ctx, seg); err != nil {
			errs = append(errs, fmt.Errorf("begin a segment behind %s: %w", seg.name, err))
			delete(suspects, seg)
			continue
		}
		if err := k.j.repairSegment(k.ctx, seg, why); err != nil {
			_, last := seg.bounds()
			errs = append(errs, k.failed(seg.name, last, err))
			delete(suspects, seg)
		}
	}
	if len(suspects) > 0 { // repaired, or removed meanwhile
		k.change(func() {
			for seg := range suspects {
				delete(k.suspects, seg)
				delete(k.tries, seg.name)
			}
		})
	}
	return errors.Join(errs...)
}

// sealed returns the segment's sealed file, nil when it has none.
func (s *segment) sealed() *sealed {
	s.mu.RLock()
	defer s.mu.RUnlock()
	z, _ := s.body.(*sealed)
	return z
}

// repairSegment salvages a segment of a running journal. The damaged file keeps
// its place until the salvaged one is complete. What was lost is counted by
// [keeper.restoreDamaged], which also goes on where this fails or ends half-way.
func (j *Journal) repairSegment(ctx context.Context, seg *segment, why error) error {
	file := seg.name.path(j.dir, suffixSealed)
	if seg.store() != nil {
		file = seg.name.path(j.dir, suffixEvents)
	}
	_, last := seg.bounds()
	made, _, err := restore(ctx, file, j.dir, seg.name, last)
	if err != nil {
		return fmt.Errorf("repair %s: %w", seg.name, err)
	}
	aside, err := setAside(file, stamp()+suffixPending)
	if err != nil {
		return err
	}
	j.keeper.change(func() {
		j.keeper.damaged = append(j.keeper.damaged, damaged{name: seg.name, file: aside, why: why, last: last})
	})
	if err := j.takeRestored(seg, made); err != nil {
		j.log.Error("a repaired segment is made once more", "segment", seg.name.String(), "error", err)
		j.shelf.remove(seg)
		_ = seg.swap(nil)
	}
	return nil
}

// restoreDamaged salvages the segments that were set aside and are not back in place.
// What was lost is reported once that is known.
func (k *keeper) restoreDamaged() error {
	var errs []error
	for _, d := range k.pending() {
		if err := k.j.restoreAside(k.ctx, d); err != nil {
			err = fmt.Errorf("salvage %s: %w", d.file, err)
			errs = append(errs, k.failed(d.name, k.j.lastOf(d), err))
			continue
		}
		k.change(func() {
			k.damaged = slices.DeleteFunc(k.damaged, func(other damaged) bool { return other.file == d.file })
			delete(k.tries, d.name)
		})
	}
	return errors.Join(errs...)
}

// lastOf returns the highest number of a segment that was set aside, 0 when it is not
// known.
func (j *Journal) lastOf(d damaged) uint64 {
	if d.last > 0 {
		return d.last
	}
	return j.shelf.endOf(d.name)
}

// restoreAside salvages one, unless it is back in place already, and counts what was
// lost. A crash at the very end of it counts that once more.
func (j *Journal) restoreAside(ctx context.Context, d damaged) error {
	last := j.lastOf(d)
	z, err := j.putBack(ctx, d, last)
	if err != nil {
		return err
	}
	var kept, lost uint64
	if z != nil {
		kept, last = z.head.Events, z.head.Last
	}
	if last > 0 {
		lost = last - d.name.base - kept
	}
	aside := withoutPending(d.file)
	j.log.Error("a segment was damaged: what can be read of it was kept", "file", aside, "kept", kept, "lost", lost)
	if err := j.report(ctx, damageEvent(d.why, filepath.Base(aside), kept, lost)); err != nil {
		return err
	}
	if err := salvaged(d.file); err != nil {
		j.log.Warn("a damaged segment will be counted again at the next start", "file", d.file, "error", err)
	}
	return nil
}

// putBack returns what could be salvaged of a segment, nil for nothing, and sees that
// it is on the shelf.
func (j *Journal) putBack(ctx context.Context, d damaged, last uint64) (*sealed, error) {
	for _, seg := range j.shelf.all() {
		if z := seg.sealed(); z != nil && seg.name == d.name {
			return z, nil
		}
	}
	draft, _, err := restore(ctx, d.file, j.dir, d.name, last)
	if err != nil || draft == "" {
		return nil, err
	}
	z, err := adopt(draft, d.name.path(j.dir, suffixSealed))
	if err == nil {
		j.shelf.add(&segment{name: d.name, body: z})
	}
	return z, err
}

// takeRestored puts a restored draft in a segment's place; "" is none.
func (j *Journal) takeRestored(seg *segment, draft string) error {
	if draft == "" {
		j.shelf.remove(seg)
		return errors.Join(seg.swap(nil), remove(seg.name.path(j.dir, suffixIndex)))
	}
	z, err := adopt(draft, seg.name.path(j.dir, suffixSealed))
	if err != nil {
		return err
	}
	return errors.Join(seg.swap(z), remove(seg.name.path(j.dir, suffixIndex)))
}

// adopt gives a sealed draft its name and opens it.
func adopt(draft, path string) (*sealed, error) {
	if err := os.Rename(draft, path); err != nil {
		return nil, err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return openSealedFile(path)
}

func stamp() string { return time.Now().UTC().Format("20060102T150405.000000000Z") }

func damageEvent(why error, aside string, kept, lost uint64) *sdk.Event {
	now := time.Now().UTC()
	ev := gapEvent(sdk.Gap{Lost: lost, Reason: reasonDamaged, From: now, To: now}, now)
	ev.Error = fmt.Sprintf("%s was set aside, %d of its events were kept: %v", aside, kept, why)
	return ev
}

// restore writes what can be read of a damaged file as a sealed draft, and
// returns its path and how many events it holds; the path is "" when there are
// none. Last is the highest number that the segment had, 0 when it is not known.
func restore(ctx context.Context, file, dir string, name segName, last uint64) (draft string, kept uint64, err error) {
	draft = name.path(dir, suffixSealed) + suffixDraft
	var b *rebuilder
	_, err = Salvage(ctx, file, func(seq uint64, rec []byte) error {
		if seq <= name.base || last > 0 && seq > last {
			return nil
		}
		if b == nil {
			if b, err = newRebuilder(draft, name, rec); err != nil {
				return err
			}
		}
		return b.add(seq, rec)
	})
	if b == nil {
		return "", 0, err
	}
	defer b.w.close()
	if err == nil {
		err = b.finish(last)
	}
	if err != nil {
		return "", 0, errors.Join(err, remove(draft))
	}
	return draft, b.w.head.Events, nil
}

// rebuilder writes a sealed file from records alone.
type rebuilder struct {
	w     *sealer
	lists map[string][]uint64
	ids   map[string]uint64
	clock clock
	times []minuteRef
	last  uint64
}

func newRebuilder(draft string, name segName, like []byte) (*rebuilder, error) {
	w, err := newSealer(draft, sealedHead{Epoch: name.epoch, Base: name.base, Made: time.Now().UTC()}, like[:min(len(like), dictBytes)])
	if err != nil {
		return nil, err
	}
	w.sum = newSummary()
	return &rebuilder{w: w, lists: map[string][]uint64{}, ids: map[string]uint64{}}, nil
}

func (b *rebuilder) add(seq uint64, rec []byte) error {
	ev, err := decodeRecord(rec)
	if err != nil {
		return err
	}
	put := func(term string) {
		if l := b.lists[term]; len(l) == 0 || l[len(l)-1] != seq {
			b.lists[term] = append(l, seq)
		}
	}
	eventTerms(ev, func(term []byte) { put(string(term)) })
	further, late := b.clock.pass(minuteOf(ev.Time))
	if late {
		put(lateTerm)
	}
	if further {
		b.times = append(b.times, minuteRef{minute: minuteOf(ev.Time), seq: seq})
	}
	if ev.ID != "" {
		b.ids[string(idKey(ev.ID))] = seq
	}
	b.last = seq
	b.w.record(seq, rec)
	return b.w.err
}

func (b *rebuilder) finish(last uint64) error {
	b.w.head.Last = max(b.last, last)
	l := &lists{to: b.w.table(magicIndex)}
	for _, term := range slices.Sorted(maps.Keys(b.lists)) {
		seqs := b.lists[term]
		if err := l.add(postingKey(term, seqs[0]), encodePosting(seqs)); err != nil {
			return err
		}
	}
	l.end()
	index := l.to.finish()
	ids := b.w.table(magicIDs)
	for _, id := range slices.Sorted(maps.Keys(b.ids)) {
		ids.put([]byte(id), uvarint(b.ids[id]))
	}
	return b.w.finish(index, ids.finish(), b.times, nil, nil)
}
