package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	// agreeAfter is how long a segment must have been too old, by an undisturbed
	// clock, before it goes: a clock that jumps wipes nothing.
	agreeAfter = time.Hour

	// A clock that leaps less than this against the machine's steady one is only
	// being adjusted. Forward, a machine that slept looks the same.
	stepBack    = time.Second
	stepForward = time.Minute
)

// watch compares the wall clock with the steady one.
type watch struct {
	j     *Journal
	agree time.Duration
	seen  time.Time // at the last look, with both readings
	old   map[*segment]time.Time
}

func newWatch(j *Journal) *watch {
	return &watch{j: j, agree: positive(j.o.agree, agreeAfter), old: map[*segment]time.Time{}}
}

// look records a step of the clock. Until it has looked for a while, no segment
// is too old.
func (w *watch) look(ctx context.Context, now time.Time) error {
	var step time.Duration
	if w.seen.IsZero() {
		step = w.sinceLastRun(now)
	} else {
		step = now.Round(0).Sub(w.seen.Round(0)) - now.Sub(w.seen)
	}
	w.seen = now
	if step > -stepBack && step < stepForward {
		return nil
	}
	clear(w.old)
	w.j.log.Warn("the clock was set", "by", step)
	return w.j.report(ctx, &sdk.Event{
		V: sdk.EventVersion, ID: newID(now), Kind: sdk.KindClock, Time: now.UTC(),
		Clock: &sdk.ClockStep{By: step.Seconds()},
	})
}

// sinceLastRun returns by how much the clock is behind the last time that was
// noted, by this process or an earlier one.
func (w *watch) sinceLastRun(now time.Time) time.Duration {
	noted, err := w.j.tables.noted()
	if err != nil || !noted.After(now) {
		return 0
	}
	return now.Sub(noted)
}

// tooOld reports whether a segment has been too old for long enough.
func (w *watch) tooOld(seg *segment, newest, now time.Time) bool {
	if w.j.keeping().MaxAge <= 0 || newest.IsZero() || now.Round(0).Sub(newest) < w.j.keeping().MaxAge {
		delete(w.old, seg)
		return false
	}
	since, known := w.old[seg]
	if !known {
		w.old[seg] = now
		return false
	}
	return now.Sub(since) >= w.agree
}

// retain removes the oldest segments as far as the limits ask, by unlinking them:
// that needs no free space. The newest always stays.
func (j *Journal) retain(ctx context.Context, w *watch) error {
	segs := j.shelf.all()
	sizes, total := j.sizes(segs)
	low, _ := j.room.short()
	due := 0 // segments that the limits let go
	for left := total; due < len(segs)-1; due++ {
		over := j.keeping().MaxBytes > 0 && left > j.keeping().MaxBytes
		if !over && !(low && due == 0) && !w.tooOld(segs[due], newestIn(segs[due]), time.Now()) {
			break
		}
		left -= sizes[due]
	}
	kept := 0
	if !low {
		var err error
		if kept, err = j.keptForConsumers(segs[:due], sizes); err != nil {
			return err
		}
	}
	return j.drop(ctx, w, segs, due-kept)
}

// drop removes the first n segments. What consumers miss is counted before the files
// go: one that reads on past them stores a place that does not tell any more. A full
// disk can take the count only afterwards.
func (j *Journal) drop(ctx context.Context, w *watch, segs []*segment, n int) error {
	if n == 0 && len(j.keeper.pending()) > 0 {
		return nil // what is not there may come back
	}
	for _, seg := range segs[:n] {
		j.shelf.remove(seg) // what is counted is not read any more
	}
	missed, marks, err := j.missed(segs[n].name.base)
	if err == nil {
		err = j.Append(ctx, missed, marks...)
	}
	full := isFull(err)
	if err != nil && !full {
		for _, seg := range segs[:n] {
			j.shelf.add(seg)
		}
		return err
	}
	err = nil
	for _, seg := range segs[:n] {
		err = errors.Join(err, j.unlink(seg))
		delete(w.old, seg)
	}
	if full {
		err = errors.Join(err, j.Append(ctx, missed, marks...))
	}
	return err
}

// keptForConsumers returns how many of the segments that the limits let go, from
// the newest of them back, stay for consumers that have not had them.
func (j *Journal) keptForConsumers(due []*segment, sizes []int64) (kept int, err error) {
	if len(due) == 0 || j.keeping().MaxLag <= 0 || len(j.keeping().Consumers) == 0 {
		return 0, nil
	}
	wanted, err := j.wanted()
	if err != nil {
		return 0, err
	}
	lag := int64(0)
	for i, d := range slices.Backward(due) {
		_, last := d.bounds()
		if lag += sizes[i]; last <= wanted || lag > j.keeping().MaxLag {
			break
		}
		kept++
	}
	return kept, nil
}

func (j *Journal) sizes(segs []*segment) (each []int64, total int64) {
	for _, seg := range segs {
		n := j.sizeOf(seg.name)
		each, total = append(each, n), total+n
	}
	return each, total
}

// sizeOf returns what a segment's files take on disk.
func (j *Journal) sizeOf(n segName) (bytes int64) {
	for _, suffix := range []string{suffixEvents, suffixIndex, suffixSealed} {
		if info, err := os.Stat(n.path(j.dir, suffix)); err == nil {
			bytes += diskUse(info)
		}
	}
	return bytes
}

// newestIn returns the time of a segment's newest event.
func newestIn(seg *segment) time.Time {
	if z := seg.sealed(); z != nil {
		return z.head.To
	}
	if st := seg.store(); st != nil {
		_, to := st.tail.times()
		return to
	}
	return time.Time{}
}

// unlink removes the files of a segment that is off the shelf. Those who read it
// meanwhile are waited for.
func (j *Journal) unlink(seg *segment) error {
	err := remove(seg.name.path(j.dir, suffixSealed), seg.name.path(j.dir, suffixEvents), seg.name.path(j.dir, suffixIndex))
	if err = errors.Join(err, seg.swap(nil), syncDir(j.eventsDir())); err != nil {
		return fmt.Errorf("remove segment %s: %w", seg.name, err)
	}
	j.log.Info("an old segment was removed", "segment", seg.name.String())
	return nil
}

// missed returns the places of consumers that are behind an edge, moved there, and
// what each of them will not see.
func (j *Journal) missed(edge uint64) (gaps []*sdk.Event, marks []Mark, err error) {
	marks, err = j.Marks()
	if err != nil {
		return nil, nil, err
	}
	now := time.Now().UTC()
	marks = slices.DeleteFunc(marks, func(m Mark) bool { return m.Seq >= edge })
	for i, m := range marks {
		marks[i].Seq = edge
		if !j.keeping().reads(m.Consumer) {
			continue // nobody misses anything
		}
		ev := gapEvent(sdk.Gap{Lost: edge - m.Seq, Reason: reasonRetention, From: now, To: now}, now)
		ev.Error = fmt.Sprintf("consumer %q was behind the oldest event", m.Consumer)
		gaps = append(gaps, ev)
	}
	return gaps, marks, nil
}
