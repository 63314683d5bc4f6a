package agent

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/honeytoken"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/internal/guests"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// book is a rulebook that finds something in every third event.
type book struct {
	judged, observed []uint64
	seen             int
	stopAt           uint64
	stop             context.CancelFunc
}

func (b *book) Judge(_ context.Context, ev *sdk.Event) ([]*sdk.Event, error) {
	if ev.Seq == b.stopAt {
		b.stop()
	}
	b.judged = append(b.judged, ev.Seq)
	if ev.Seq%3 != 0 {
		return nil, nil
	}
	id := fmt.Sprintf("d%d", ev.Seq)
	return []*sdk.Event{{V: 1, ID: id, Kind: sdk.KindDetection, Time: ev.Time, Detection: &sdk.Detection{ID: id, RuleID: "R", Events: []string{ev.ID}}}}, nil
}

func (b *book) Observe(ev *sdk.Event)  { b.observed = append(b.observed, ev.Seq) }
func (b *book) Seen(*sdk.Event)        { b.seen++ }
func (b *book) Horizon() time.Duration { return time.Hour }

func openJournal(t *testing.T, dir string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(dir, journal.Options{Sensor: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// A page of the newest segment that rots costs verdicts on what was on it, and does not
// end the sensor.
func TestJudgeOverRottenPage(t *testing.T) {
	const total = 2000
	dir := t.TempDir()
	j := openJournal(t, dir)
	var batch []*sdk.Event
	for i := range total {
		batch = append(batch, &sdk.Event{V: 1, ID: fmt.Sprintf("e%d", i), Kind: sdk.KindAccess, Time: time.Now()})
	}
	if err := j.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	j.Close()
	files, err := filepath.Glob(filepath.Join(dir, "events", "*.seg"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for page := range slices.Chunk(b, os.Getpagesize()) {
		if strings.Contains(string(page), `"id":"e1000"`) {
			clear(page)
		}
	}
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	j = openJournal(t, dir)
	defer j.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	rules := &book{stopAt: total, stop: cancel}
	if err := (&judge{tokens: honeytoken.New(), journal: j, rules: rules, log: slog.New(slog.DiscardHandler)}).run(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(rules.judged); n < total-200 || n >= total || rules.judged[n-1] != total {
		t.Errorf("%d events of %d were judged", n, total)
	}
}

// Judging that is broken off anywhere goes on where its last commit was, and
// nothing is found twice.
func TestJudgeResumes(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	var batch []*sdk.Event
	for i := range 200 {
		batch = append(batch, &sdk.Event{V: 1, ID: fmt.Sprintf("e%d", i), Kind: sdk.KindAccess, Time: time.Now()})
	}
	if err := j.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	for _, stopAt := range []uint64{5, 50, 51, 199, 0} {
		ctx, cancel := context.WithCancel(t.Context())
		b := &book{stopAt: stopAt, stop: cancel}
		g := &judge{tokens: honeytoken.New(), journal: j, rules: b, log: slog.New(slog.DiscardHandler)}
		if stopAt == 0 {
			time.AfterFunc(500*time.Millisecond, cancel)
		}
		if err := g.run(ctx); err != nil {
			t.Fatal(err)
		}
		mark, err := j.Mark(judgeConsumer)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.observed) > 0 && b.judged[0] != b.observed[len(b.observed)-1]+1 {
			t.Errorf("stop at %d: observed up to %d, judged from %d", stopAt, b.observed[len(b.observed)-1], b.judged[0])
		}
		t.Logf("stop at %d: mark %d, %d judged, %d observed, %d seen", stopAt, mark, len(b.judged), len(b.observed), b.seen)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = openJournal(t, dir)
	}
	defer j.Close()
	page, err := j.Query(t.Context(), journal.Query{Kind: sdk.KindDetection, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, ev := range page.Events {
		found[ev.ID]++
	}
	for seq := 3; seq <= 200; seq += 3 {
		if n := found[fmt.Sprintf("d%d", seq)]; n != 1 {
			t.Errorf("event %d was found %d times", seq, n)
		}
	}
}

func TestRest(t *testing.T) {
	const whole = paceFactor * 100 * time.Millisecond
	for _, tt := range []struct {
		arrived, n int
		waits      uint64
		want       time.Duration
	}{
		{0, 256, 0, 0},
		{64, 256, 100, whole / 4},
		{256, 256, 256, whole},
		{9999, 256, hurryFrom - 1, whole},
		{1, 1, 0, whole},
		{256, 256, hurryFrom, 0},
		{256, 256, journal.Newest, 0},
		{256, 256, journal.Newest + 1, whole},
		{256, 256, maxUnjudged, whole},
	} {
		if got := rest(100*time.Millisecond, tt.arrived, tt.n, tt.waits); got != tt.want {
			t.Errorf("rest(100ms, %d, %d, %d) = %v, want %v", tt.arrived, tt.n, tt.waits, got, tt.want)
		}
	}
}

func TestWorldSeed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sub", "world.seed")
	first, err := worldSeed(file)
	if err != nil || len(first) != worldSeedBytes {
		t.Fatalf("%d bytes, %v", len(first), err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, err := worldSeed(file)
	if err != nil || string(again) != string(first) {
		t.Errorf("a second read differs: %v", err)
	}
	for _, damaged := range []string{"", "zz", strings.Repeat("0", 62)} {
		if err := os.WriteFile(file, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := worldSeed(file); err == nil || !strings.Contains(err.Error(), "restore it from a backup") {
			t.Errorf("%q: error = %v", damaged, err)
		}
	}
}

func TestQueryParameters(t *testing.T) {
	q := journal.Query{
		Kind: sdk.KindDetection, IP: "::1", Tool: "a b&c", MCPMethod: "tools/call", Session: "s", Rule: "R", Actor: "a",
		Outcome: "result", Severity: sdk.SeverityHigh, MinSeverity: sdk.SeverityLow,
		From: time.Unix(1, 5).UTC(), To: time.Unix(2, 0).UTC(), Before: 1 << 60, Limit: 7,
	}
	got, err := decodeQuery(encodeQuery(q))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(q, got); diff != "" {
		t.Errorf("query changed on its way (-want +got):\n%s", diff)
	}
}

func FuzzDecodeQuery(f *testing.F) {
	f.Add("kind=access&limit=5&before=7&from=2026-01-01T00:00:00Z")
	f.Add("nope=1")
	f.Add("limit=-1&to=x")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		q, err := decodeQuery(v)
		if err != nil {
			return
		}
		if again, err := decodeQuery(encodeQuery(q)); err != nil || (again.Before != q.Before || again.Tool != q.Tool) {
			t.Fatalf("%+v became %+v, %v", q, again, err)
		}
	})
}

// The names that a configuration may use are those that the program has.
func TestBuiltInNames(t *testing.T) {
	for _, name := range slices.Concat(config.BuiltInPersonas, config.BuiltInPacks) {
		if !guests.Known(name) {
			t.Errorf("%q is in package config and not in the program", name)
		}
	}
}
