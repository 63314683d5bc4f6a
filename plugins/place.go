package plugins

import (
	"context"
	"fmt"
	"time"
)

const (
	// A place is stored at least this often.
	keepEvery = time.Second

	// maxTwice is how many events may come twice after a crash of the sensor: those
	// whose delivery is not stored yet, and a batch on its way.
	maxTwice   = 1000
	keepEvents = maxTwice/2 - MaxBatch/2
)

// place is how far a sink has come. It is stored while the next events are on their
// way, since that takes as long as several batches.
type place struct {
	journal Journal
	sink    string

	at     uint64 // everything up to it is done
	kept   uint64 // stored
	keptAt time.Time
	unkept int // events delivered since
	begun  bool
	saving *saving
}

// saving is a place that is being stored.
type saving struct {
	at     uint64
	events int
	done   chan error
}

// begin finds the place to go on from.
func (p *place) begin(ctx context.Context, newest bool) error {
	at, ok, err := p.journal.Place(p.sink)
	if err != nil {
		return fmt.Errorf("read place: %w", err)
	}
	if !ok && newest {
		at = p.journal.Last()
		if err := p.journal.Keep(ctx, p.sink, at); err != nil {
			return fmt.Errorf("store place: %w", err)
		}
	}
	p.at, p.kept, p.keptAt, p.begun = at, at, time.Now(), true
	return nil
}

// due is when the place has to be stored, by the clock.
func (p *place) due() (at time.Time, ok bool) {
	return p.keptAt.Add(keepEvery), p.at != p.kept && p.saving == nil
}

// keep stores the place, if that is due, and returns without waiting for it unless
// too much would come twice.
func (p *place) keep() error {
	if err := p.settle(p.unkept+MaxBatch > maxTwice); err != nil {
		return err
	}
	if p.saving != nil || p.at == p.kept || p.unkept < keepEvents && time.Since(p.keptAt) < keepEvery {
		return nil
	}
	p.save()
	return p.settle(p.unkept+MaxBatch > maxTwice)
}

// save begins to store the place. A stop does not tear that: it takes a commit.
func (p *place) save() {
	s := &saving{at: p.at, events: p.unkept, done: make(chan error, 1)}
	p.saving = s
	go func() { s.done <- p.journal.Keep(context.Background(), p.sink, s.at) }() // settle joins it
}

// settle takes note of a place that was stored.
func (p *place) settle(wait bool) error {
	s := p.saving
	if s == nil {
		return nil
	}
	var err error
	if wait {
		err = <-s.done
	} else {
		select {
		case err = <-s.done:
		default:
			return nil
		}
	}
	p.saving = nil
	if err != nil {
		return fmt.Errorf("store place: %w", err)
	}
	p.kept, p.keptAt, p.unkept = s.at, time.Now(), p.unkept-s.events
	return nil
}

// finish stores what is left to store.
func (p *place) finish() error {
	err := p.settle(true)
	if p.at == p.kept {
		return err
	}
	p.save()
	return p.settle(true)
}
