package agent

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/monitor"
	"github.com/killdeer-mcp/killdeer/internal/guests"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// packPart begins a rule pack's name among the parts of the sensor whose health is
// recorded.
const packPart = "rules/"

// A Lack is a rule pack that the configuration names and that does not judge, since it
// could not be loaded when the sensor started.
type Lack struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
	Remedy string `json:"remedy"`
}

func newLack(name string, err error) Lack {
	l := Lack{name, err.Error(), `put a file there that "killdeer check" takes, then "killdeer reload"`}
	if config.IsPack(name) {
		l.Remedy = `"killdeer pack install" a pack that works, then "killdeer reload"`
	}
	return l
}

// mayLack reports whether a sensor starts without a rule pack. One that is built in does
// not break by itself: this program was built wrongly, and no other pack will do better.
func mayLack(name string) bool { return !guests.Known(name) }

// lacksPack reports whether a rule pack of that name was left out.
func (s *cast) lacksPack(name string) bool {
	return slices.ContainsFunc(s.lacks, func(l Lack) bool { return l.Name == name })
}

// leaveOut leaves out the rule packs that were loaded since there were n: the last of them
// was at fault.
func (s *cast) leaveOut(ctx context.Context, name string, n int, cause error) {
	if err := closeMembers(ctx, s.packs[n:], s.before); err != nil {
		s.log.Error("close a rule pack that is left out", "pack", name, "error", err)
	}
	s.packs = s.packs[:n]
	s.lacks = append(s.lacks, newLack(name, cause))
}

// sayLacks logs and records which rule packs do not judge, and which judge again after
// they did not.
func (s *Sensor) sayLacks(before []Lack, now *cast) {
	for _, l := range now.lacks {
		s.log.Error("a rule pack cannot be loaded: the others judge without it", "pack", l.Name, "error", l.Reason, "remedy", l.Remedy)
		if !slices.Contains(before, l) {
			s.writer.Record(s.packHealth(l.Name, "down", l.Reason))
		}
	}
	for _, l := range before {
		if loaded(now.packs, l.Name) {
			s.writer.Record(s.packHealth(l.Name, "up", "it judges again"))
		}
	}
}

func loaded(packs []*member, name string) bool {
	return slices.ContainsFunc(packs, func(b *member) bool { return b.name == name })
}

func (s *Sensor) packHealth(name, state, detail string) *sdk.Event {
	return &sdk.Event{
		V: sdk.EventVersion, ID: uuid.Must(uuid.NewV7()).String(), Kind: sdk.KindHealth, Time: time.Now().UTC(), Sensor: s.cfg.Sensor.Name,
		Health: &sdk.Health{Part: packPart + name, State: state, Detail: detail},
	}
}

// lacks are the rule packs that do not judge now.
func (s *Sensor) lacks() []Lack {
	now := s.guests.current.Load()
	if now == nil {
		return nil
	}
	return now.lacks
}

// packsReady says which rule packs do not judge.
func (s *Sensor) packsReady() (checks []monitor.Check) {
	for _, l := range s.lacks() {
		checks = append(checks, monitor.Check{Name: packPart + l.Name, Detail: l.Reason + "; " + l.Remedy})
	}
	return checks
}

// lacking is why a rule pack still does not judge after a reload, nil if it does.
func (r *Reloaded) lacking(name string) error {
	for _, l := range r.Lacks {
		if l.Name == name {
			return errors.New(l.Reason)
		}
	}
	return nil
}
