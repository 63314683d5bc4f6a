package agent

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/honeytoken"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// keeper keeps the last event.
type keeper struct{ last *sdk.Event }

func (k *keeper) Record(ev *sdk.Event) { k.last = ev }

func TestOwnTrafficIsTagged(t *testing.T) {
	own := config.Rules{Operator: []string{"10.1.0.0/16", "2001:db8::7", "ua:acme-scan/", "header:X-Own: 0123456789abcdef0"}}
	kept := &keeper{}
	r := tagOwn(kept, own.OwnTraffic(), "demo")
	cases := []struct {
		name string
		ev   sdk.Event
		want string
	}{
		{"prefix", sdk.Event{IP: "10.1.2.3"}, "10.1.0.0/16"},
		{"prefix, mapped", sdk.Event{IP: "::ffff:10.1.2.3"}, "10.1.0.0/16"},
		{"beside the prefix", sdk.Event{IP: "10.2.2.3"}, ""},
		{"address", sdk.Event{IP: "2001:db8::7"}, "2001:db8::7"},
		{"another address", sdk.Event{IP: "2001:db8::8"}, ""},
		{"no address", sdk.Event{}, ""},
		{"user agent", sdk.Event{IP: "192.0.2.1", UA: "acme-scan/2.1"}, "ua:acme-scan/"},
		{"user agent further on", sdk.Event{UA: "not acme-scan/2.1"}, ""},
		{"header", sdk.Event{Head: "POST / HTTP/1.1\r\nHost: x\r\nx-own:0123456789abcdef0\r\n\r\n"}, "header:X-Own"},
		{"header, other value", sdk.Event{Head: "POST / HTTP/1.1\r\nX-Own: 0123456789abcdef\r\n\r\n"}, ""},
		{"header in the target", sdk.Event{Head: "POST /X-Own: 0123456789abcdef0 HTTP/1.1\r\n\r\n"}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.ev.Kind = sdk.KindAccess
			r.Record(&c.ev)
			if kept.last.Operator != c.want {
				t.Errorf("operator = %q, want %q", kept.last.Operator, c.want)
			}
		})
	}
}

// counter is a rulebook that only counts.
type counter struct{ judged, observed int }

func (c *counter) Judge(context.Context, *sdk.Event) ([]*sdk.Event, error) {
	c.judged++
	return nil, nil
}
func (c *counter) Observe(*sdk.Event)     { c.observed++ }
func (c *counter) Seen(*sdk.Event)        {}
func (c *counter) Horizon() time.Duration { return time.Hour }

// When more events wait than may, the oldest are counted in the windows only, and
// a gap says how many: nothing is skipped and nothing is silent.
func TestJudgeSheds(t *testing.T) {
	j := openJournal(t, t.TempDir())
	defer j.Close()
	const events = 2000
	var batch []*sdk.Event
	for i := range events {
		batch = append(batch, &sdk.Event{V: 1, ID: fmt.Sprintf("e%d", i), Kind: sdk.KindAccess, Time: time.Now()})
	}
	if err := j.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := &counter{}
	g := &judge{journal: j, rules: c, tokens: honeytoken.New(), log: slog.New(slog.DiscardHandler), limit: 1000}
	done := make(chan error)
	go func() { done <- g.run(ctx) }()
	var gap *sdk.Event
	for gap == nil {
		page, err := j.Query(t.Context(), journal.Query{Kind: sdk.KindGap, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		if mark, _ := j.Mark(judgeConsumer); len(page.Events) > 0 && mark >= events {
			gap = page.Events[0]
		} else {
			time.Sleep(10 * time.Millisecond)
			if len(page.Events) > 0 { // something to move the place on with
				_ = j.Append(t.Context(), []*sdk.Event{{V: 1, ID: fmt.Sprint(time.Now().UnixNano()), Kind: sdk.KindClock, Time: time.Now(), Clock: &sdk.ClockStep{By: 1}}})
			}
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if c.judged+c.observed != events || c.observed == 0 || c.judged < 400 {
		t.Errorf("%d judged and %d observed of %d", c.judged, c.observed, events)
	}
	if gap.Gap.Reason != reasonUnjudged || gap.Gap.Lost != uint64(c.observed) {
		t.Errorf("gap %+v, %d were observed", gap.Gap, c.observed)
	}
	if s, err := j.Stats(); err != nil || s.Lost != 0 {
		t.Errorf("%d events count as lost, %v", s.Lost, err)
	}
}

// carried is a rulebook that counts the events that carry honeytokens.
type carried struct {
	counter
	tokens int
}

func (c *carried) Observe(ev *sdk.Event) {
	c.counter.Observe(ev)
	c.tokens += len(ev.CanariesSeen)
}

// Honeytokens that are handed out among events that are not judged are known all
// the same, and the windows see the events that carry them.
func TestShedLearnsHoneytokens(t *testing.T) {
	j := openJournal(t, t.TempDir())
	defer j.Close()
	const value = "AKIAIOSFODNN7KILLDER"
	batch := []*sdk.Event{{V: 1, ID: "c", Kind: sdk.KindCanary, Time: time.Now(), Canary: &sdk.Canary{ID: "c1", Value: value, Kind: "aws_key.id"}}}
	for i := range 1000 {
		batch = append(batch, &sdk.Event{V: 1, ID: fmt.Sprintf("e%d", i), Kind: sdk.KindAccess, Time: time.Now()})
	}
	batch[100].Path = "/latest/" + value
	if err := j.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	c := &carried{}
	g := &judge{journal: j, rules: c, tokens: honeytoken.New(), log: slog.New(slog.DiscardHandler), limit: 400}
	if _, err := g.shed(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if g.tokens.Len() != 1 || c.tokens != 1 {
		t.Errorf("%d honeytokens are known, the windows saw %d; want 1 and 1", g.tokens.Len(), c.tokens)
	}
}

// Judging goes on as of the time of the events that wait, not of the clock: a
// sensor that was down for days has its windows all the same.
func TestJudgeResumesInThePast(t *testing.T) {
	j := openJournal(t, t.TempDir())
	defer j.Close()
	old := time.Now().Add(-72 * time.Hour)
	var batch []*sdk.Event
	for i := range 20 {
		batch = append(batch, &sdk.Event{V: 1, ID: fmt.Sprintf("e%d", i), Kind: sdk.KindAccess, Time: old.Add(time.Duration(i) * time.Second)})
	}
	if err := j.Append(t.Context(), batch, journal.Mark{Consumer: judgeConsumer, Seq: 10}); err != nil {
		t.Fatal(err)
	}
	c := &counter{}
	g := &judge{journal: j, rules: c, tokens: honeytoken.New(), log: slog.New(slog.DiscardHandler)}
	at, err := g.restore(t.Context())
	if err != nil || at != 10 || c.observed != 10 {
		t.Errorf("restored to %d with %d events, %v; want 10 and 10", at, c.observed, err)
	}
}
