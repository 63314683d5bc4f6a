package agent

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/agent/honeytoken"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// tokenPage is how many honeytokens are read back in one step.
const tokenPage = 1000

// learn fills the set of honeytokens from before this start: from the journal's
// table, which outlives the events it was made from, and from the events that are
// not in it yet, all of them if it was lost or is damaged.
func (j *judge) learn(ctx context.Context) error {
	place, err := j.learnTable()
	if errors.Is(err, journal.ErrDamaged) {
		j.log.Error("the table of honeytokens is damaged: they are learned from the events that are kept", "error", err)
		place, err = 0, nil
	}
	if err != nil {
		return err
	}
	return j.learnSince(ctx, place)
}

// learnTable learns from the table what can be read of it, the oldest first, and
// returns how far it goes.
func (j *judge) learnTable() (place uint64, err error) {
	place, err = j.journal.Tables().Place()
	var rows []journal.HeldCanary
	for before := uint64(0); err == nil; {
		var page []journal.HeldCanary
		page, err = j.journal.Tables().HeldCanaries(before, tokenPage)
		rows = append(rows, page...)
		if len(page) < tokenPage {
			break
		}
		before = page[len(page)-1].Seq
	}
	for _, c := range slices.Backward(rows) {
		j.tokens.Learn(c.Canary.Canary, honeytoken.Origin{Session: c.Session, Actor: c.Actor, IP: c.IP, Event: c.EventID, Time: c.Time})
		for _, l := range c.Later {
			j.tokens.Learn(c.Canary.Canary, honeytoken.Origin{Session: l.Session, Actor: l.Actor, IP: l.IP, Event: l.EventID, Time: l.Time})
		}
	}
	return place, err
}

// learnSince learns from events behind a place, the oldest first.
func (j *judge) learnSince(ctx context.Context, place uint64) error {
	var late []*sdk.Event
	for q := (journal.Query{Kind: sdk.KindCanary, Limit: tokenPage}); ; {
		page, err := j.journal.Query(ctx, q)
		if err != nil {
			return err
		}
		late = append(late, page.Events...)
		if q.Before = page.Next; q.Before <= place+1 {
			break
		}
	}
	for _, ev := range slices.Backward(late) {
		learn(j.tokens, ev)
	}
	return nil
}

// learn takes a honeytoken in from its event.
func learn(tokens *honeytoken.Set, ev *sdk.Event) {
	if ev.Canary != nil {
		tokens.Learn(*ev.Canary, honeytoken.Origin{Session: ev.Session, Actor: ev.Actor, IP: ev.IP, Event: ev.ID, Time: ev.Time})
	}
}

// examined is an event with the honeytokens that its request carries. The
// journal's own stays as it was recorded.
func examined(tokens *honeytoken.Set, ev *sdk.Event) *sdk.Event {
	seen := tokens.Seen(ev)
	if seen == nil {
		return ev
	}
	with := *ev
	with.CanariesSeen = seen
	return &with
}

// recordDescribed records the honeytokens that personas describe, which nobody
// has to ask for, unless an earlier start did.
func (s *Sensor) recordDescribed() {
	now := time.Now().UTC()
	for _, c := range s.personas.Canaries() {
		if _, err := s.journal.Tables().Canary(c.Value); err == nil {
			continue
		}
		s.writer.Record(&sdk.Event{
			V: sdk.EventVersion, ID: uuid.Must(uuid.NewV7()).String(), Kind: sdk.KindCanary, Time: now,
			Sensor: s.cfg.Sensor.Name, Canary: &c,
		})
	}
}
