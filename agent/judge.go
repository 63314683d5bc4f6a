package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/agent/honeytoken"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	judgeConsumer = "rules" // the journal's name for how far judging is
	judgeBatch    = 256     // events judged before their detections are committed
	markEvery     = time.Second
	retryEvery    = time.Second // to append what the journal did not take
	// Where events come as fast as they are judged, judging rests this many times
	// as long as it works: a flood delays verdicts, not answers.
	paceFactor = 1
	// From so many events that wait judging does not rest, until they are more than
	// the journal has at hand: those that it must read from its files cost twice as much.
	hurryFrom = journal.Newest / 4
	// Beyond so many events that wait for judgement the oldest are only counted in
	// the windows, until half as many wait; the count is recorded.
	maxUnjudged = 1 << 18
	// reasonUnjudged is the reason of the gap that says so.
	reasonUnjudged = "not_judged"
)

// rulebook judges events; *rules.Engine is one.
type rulebook interface {
	Judge(ctx context.Context, ev *sdk.Event) ([]*sdk.Event, error)
	Observe(ev *sdk.Event)
	Seen(detection *sdk.Event)
	Horizon() time.Duration
}

// judge reads the journal after the fact and appends what the rules find. Its
// place in the journal is stored in the same commit as the detections, so that a
// crash neither loses a verdict nor gives one twice; events without a verdict
// only move the place now and then, since judging them again finds nothing.
type judge struct {
	journal *journal.Journal
	rules   rulebook
	tokens  *honeytoken.Set
	log     *slog.Logger
	marked  time.Time
	limit   uint64                // of events that wait, maxUnjudged when 0
	found   func(severity string) // counts detections; may be nil
}

// run judges until ctx ends.
func (j *judge) run(ctx context.Context) error {
	if err := j.learn(ctx); err != nil {
		return stopped(ctx, fmt.Errorf("read honeytokens back: %w", err))
	}
	at, err := j.restore(ctx)
	if err != nil {
		return stopped(ctx, fmt.Errorf("restore rule windows: %w", err))
	}
	for {
		events, end, err := readOn(ctx, j.journal, at, judgeBatch, j.log)
		if err != nil {
			return stopped(ctx, fmt.Errorf("read events to judge: %w", err))
		}
		if end == at {
			if err := j.journal.Wait(ctx, at); err != nil {
				return stopped(ctx, err)
			}
			continue
		}
		if j.journal.Last()-end > j.waiting() {
			if at, err = j.shed(ctx, at); err != nil {
				return stopped(ctx, err)
			}
			continue
		}
		began, newest := time.Now(), j.journal.Last()
		found, judged := j.verdicts(ctx, events, end)
		if judged == 0 {
			return nil
		}
		at = judged
		if err := j.commit(ctx, found, at); err != nil {
			return stopped(ctx, err)
		}
		last := j.journal.Last()
		pause(ctx, rest(time.Since(began), int(last-newest), max(1, len(events)), last-at))
	}
}

func (j *judge) waiting() uint64 {
	if j.limit == 0 {
		return maxUnjudged
	}
	return j.limit
}

// shed counts events in the windows without judging them, until half of what may
// wait is left, and records how many there were.
func (j *judge) shed(ctx context.Context, at uint64) (uint64, error) {
	gap := sdk.Gap{Reason: reasonUnjudged}
	for j.journal.Last()-at > j.waiting()/2 {
		events, end, err := readOn(ctx, j.journal, at, judgeBatch, j.log)
		if err != nil || end == at {
			return at, err
		}
		at = end
		for _, ev := range events {
			j.pass(ev, &gap)
		}
	}
	if gap.Lost == 0 {
		return at, j.commit(ctx, nil, at)
	}
	j.log.Error("events come faster than they are judged: the oldest were not", "events", gap.Lost)
	ev := &sdk.Event{V: sdk.EventVersion, ID: uuid.Must(uuid.NewV7()).String(), Kind: sdk.KindGap, Time: time.Now().UTC(), Gap: &gap}
	return at, j.commit(ctx, []*sdk.Event{ev}, at)
}

// pass takes in what an event leaves behind for the judging of later ones, and
// counts it as not judged if it would have been. A honeytoken is learned whatever
// waits: its use may come at any later time.
func (j *judge) pass(ev *sdk.Event, gap *sdk.Gap) {
	switch ev.Kind {
	case sdk.KindCanary:
		learn(j.tokens, ev)
	case sdk.KindAccess:
		j.rules.Observe(examined(j.tokens, ev))
		if gap.Lost++; gap.Lost == 1 {
			gap.From = ev.Time
		}
		gap.To = ev.Time
	}
}

// rest is how long to leave the processor to those who answer, after judging n
// events while others arrived and waits are not judged.
func rest(worked time.Duration, arrived, n int, waits uint64) time.Duration {
	if waits >= hurryFrom && waits <= journal.Newest {
		return 0
	}
	return paceFactor * worked * time.Duration(min(arrived, n)) / time.Duration(n)
}

// pause waits, but not past the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	if d < time.Millisecond {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// stopped turns an error into none when the sensor is stopping.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// readOn reads the events after a place and returns where they end. A damaged
// record is logged and passed over: it must not hold up those behind it.
func readOn(ctx context.Context, from *journal.Journal, after uint64, limit int, log *slog.Logger) (events []*sdk.Event, end uint64, err error) {
	events, err = from.Read(ctx, after, limit)
	if end = after; len(events) > 0 {
		end = events[len(events)-1].Seq
	}
	if bad, ok := errors.AsType[*journal.RecordError](err); ok {
		log.Error("a damaged record is passed over", "seq", bad.Seq, "error", bad.Err)
		return events, bad.Seq, nil
	}
	return events, end, err
}

// verdicts judges a batch that ends at a place, and returns how far it came, 0
// when ctx ended before the first.
func (j *judge) verdicts(ctx context.Context, events []*sdk.Event, end uint64) (found []*sdk.Event, judged uint64) {
	for _, ev := range events {
		if ctx.Err() != nil {
			return found, judged
		}
		switch ev.Kind {
		case sdk.KindCanary:
			learn(j.tokens, ev)
		case sdk.KindAccess:
			hits, err := j.rules.Judge(ctx, examined(j.tokens, ev))
			if ctx.Err() != nil {
				return found, judged // a verdict cut short is none
			}
			if err != nil {
				j.log.Warn("event not judged by all rules", "seq", ev.Seq, "error", err)
			}
			found = append(found, hits...)
		}
		judged = ev.Seq
	}
	return found, end
}

// tell counts what was found.
func (j *judge) tell(found []*sdk.Event) {
	for _, ev := range found {
		if j.found != nil && ev.Detection != nil {
			j.found(string(ev.Detection.Severity))
		}
	}
}

// commit stores verdicts and place. While the journal takes none, as on a full
// disk, judging waits: what is not judged now is judged later.
func (j *judge) commit(ctx context.Context, found []*sdk.Event, at uint64) error {
	if len(found) == 0 && time.Since(j.marked) < markEvery {
		return nil
	}
	for failing := false; ; failing = true {
		// A stop must not tear verdicts and place apart from the judging just done.
		err := j.journal.Append(context.WithoutCancel(ctx), found, journal.Mark{Consumer: judgeConsumer, Seq: at})
		switch {
		case err == nil:
			if failing {
				j.log.Info("journal takes detections again")
			}
			j.marked = time.Now()
			j.tell(found)
			return nil
		case hopeless(err) || ctx.Err() != nil:
			return fmt.Errorf("append detections: %w", err)
		case !failing:
			j.log.Error("journal does not take detections, will try again", "error", err)
		}
		pause(ctx, retryEvery)
	}
}

// hopeless reports whether appending again cannot help.
func hopeless(err error) bool {
	return errors.Is(err, journal.ErrEvent) || errors.Is(err, journal.ErrClosed) || errors.Is(err, journal.ErrReadOnly)
}

// resumed is the time at which judging goes on: that of the last event that was
// judged. What waited since is judged as of its own time, however long the sensor
// was down.
func (j *judge) resumed(ctx context.Context, at uint64) time.Time {
	now := time.Now()
	events, err := j.journal.Read(ctx, at-1, 1)
	if err == nil && len(events) == 1 && events[0].Time.Before(now) {
		return events[0].Time
	}
	return now
}

// restore rebuilds windows and deduplication from what was judged before, and
// returns the place to go on from.
func (j *judge) restore(ctx context.Context) (uint64, error) {
	at, err := j.journal.Mark(judgeConsumer)
	if err != nil || at == 0 {
		return 0, err
	}
	from, err := j.journal.Since(ctx, j.resumed(ctx, at).Add(-j.rules.Horizon()))
	if err != nil {
		return 0, err
	}
	for seq := max(from, 1) - 1; ; {
		events, end, err := readOn(ctx, j.journal, seq, judgeBatch, j.log)
		if err != nil || end == seq {
			return at, err
		}
		seq = end
		for _, ev := range events {
			switch {
			case ev.Kind == sdk.KindDetection:
				j.rules.Seen(ev)
			case ev.Kind == sdk.KindAccess && ev.Seq <= at:
				j.rules.Observe(examined(j.tokens, ev))
			}
		}
	}
}
