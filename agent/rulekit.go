package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/honeytoken"
	"github.com/killdeer-mcp/killdeer/internal/pack"
	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/rules"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// maxEventLine is the longest line of an event file.
const maxEventLine = 8 << 20

// RuleKit judges events by rule packs outside of a sensor, for those who write
// them. Close it.
type RuleKit struct {
	engine *rules.Engine
	tokens *honeytoken.Set // that the events of a journal tell of
	rt     *wasm.Runtime
}

// OpenRules loads packs: built-in names, modules, rules in TOML, and what is
// installed where a configuration says. Without one nothing is installed, and no
// compiled module is kept. version is this program's.
func OpenRules(ctx context.Context, c *config.Config, version string, packs []string, log *slog.Logger) (_ *RuleKit, err error) {
	o := wasm.Options{Limits: wasm.DefaultLimits(), Log: log}
	all := &cast{log: log, limit: o.Limits.Module, rules: rules.New(log)}
	if c != nil {
		o.CacheDir = c.Sensor.CacheDir
		if all.store, err = pack.Open(packOptions(c, version, log)); err != nil {
			return nil, err
		}
	}
	if all.rt, err = wasm.New(ctx, o); err != nil {
		return nil, err
	}
	k := &RuleKit{engine: all.rules, tokens: honeytoken.New(), rt: all.rt}
	if err := all.loadRules(ctx, packs); err != nil {
		return nil, errors.Join(err, k.Close(ctx))
	}
	return k, nil
}

// Close ends the guests.
func (k *RuleKit) Close(ctx context.Context) error { return k.rt.Close(ctx) }

// Judge returns the detections of events that stand one a line. A guest that
// fails is an error.
func (k *RuleKit) Judge(ctx context.Context, events io.Reader) (found []*sdk.Event, err error) {
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, maxEventLine)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		ev := &sdk.Event{}
		if err := json.Unmarshal(line, ev); err != nil {
			return found, fmt.Errorf("line %d: %w", n, err)
		}
		if ev.Kind == "" {
			ev.Kind = sdk.KindAccess
		}
		if ev.ID == "" {
			ev.ID = fmt.Sprintf("event-%d", n)
		}
		more, err := k.judge(ctx, ev)
		if err != nil {
			return found, fmt.Errorf("line %d: %w", n, err)
		}
		found = append(found, more...)
	}
	return found, lines.Err()
}

func (k *RuleKit) judge(ctx context.Context, ev *sdk.Event) ([]*sdk.Event, error) {
	found, err := k.engine.Judge(ctx, ev)
	for _, d := range found {
		if d.Guest != nil {
			return nil, fmt.Errorf("pack %s failed on event %s: %s: %s", d.Guest.Module, ev.ID, d.Guest.Code, d.Guest.Detail)
		}
	}
	return found, err
}

// Silent returns the rules that are in none of the detections.
func (k *RuleKit) Silent(found []*sdk.Event) (ids []string) {
	for _, p := range k.engine.Packs() {
		for _, id := range p.Rules {
			if !slices.ContainsFunc(found, func(d *sdk.Event) bool { return d.Detection.RuleID == id }) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// Replayed is what packs find in a journal beside what was found when its events
// came.
type Replayed struct {
	Events int          // that were judged
	Found  []*sdk.Event // in the order of their events
	New    []*sdk.Event // of Found, that the journal does not have
	Gone   []*sdk.Event // that only the journal has, of packs that were replayed
}

// errReplayed ends a replay at the event that was the last when it began.
var errReplayed = errors.New("replayed")

// Replay judges the events of a journal since a time, zero for all. Windows know
// what came before it.
func (k *RuleKit) Replay(ctx context.Context, log Log, since time.Time) (*Replayed, error) {
	last, err := log.Last(ctx)
	if err != nil || last == 0 {
		return &Replayed{}, err
	}
	out, had := &Replayed{}, map[string]*sdk.Event{}
	err = log.Follow(ctx, 0, func(ev *sdk.Event) error {
		if ev.Seq > last {
			return errReplayed
		}
		if err := k.replayed(ctx, ev, since, out, had); err != nil {
			return err
		}
		if ev.Seq == last {
			return errReplayed
		}
		return nil
	})
	if err != nil && !errors.Is(err, errReplayed) && !errors.Is(err, ErrNoSensor) {
		return nil, err
	}
	for _, d := range out.Found {
		if had[d.ID] == nil {
			out.New = append(out.New, d)
		}
		delete(had, d.ID)
	}
	for _, d := range had {
		out.Gone = append(out.Gone, d)
	}
	slices.SortFunc(out.Gone, func(a, b *sdk.Event) int { return int(a.Seq) - int(b.Seq) })
	return out, nil
}

func (k *RuleKit) replayed(ctx context.Context, ev *sdk.Event, since time.Time, out *Replayed, had map[string]*sdk.Event) error {
	switch {
	case ev.Kind == sdk.KindDetection && !ev.Time.Before(since):
		if d := ev.Detection; d != nil && slices.ContainsFunc(k.engine.Packs(), func(p rules.PackInfo) bool { return p.ID == d.Pack }) {
			had[ev.ID] = ev
		}
	case ev.Kind == sdk.KindCanary:
		learn(k.tokens, ev)
	case ev.Kind != sdk.KindAccess || ev.Time.Before(since.Add(-k.engine.Horizon())):
	case ev.Time.Before(since):
		k.engine.Observe(examined(k.tokens, ev))
	default:
		out.Events++
		found, err := k.judge(ctx, examined(k.tokens, ev))
		out.Found = append(out.Found, found...)
		return err
	}
	return nil
}
