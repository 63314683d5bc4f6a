// Package sinktest is what every sink must pass: it runs a sink's program under the
// sensor's own host and looks at what its receiver got. It is imported by tests
// only.
//
// It does not look at the form in which a receiver gets an event: how its id is
// found there the sink's own test says.
package sinktest

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/plugins"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
)

// patience is how long what has to happen may take on a busy machine.
const patience = time.Minute

// Sink is the sink that is tested.
type Sink struct {
	// Receiver makes a receiver that lasts as long as the test, and returns the table
	// of agent.toml for it, and a function that returns the ids of the events it got
	// so far, in order.
	Receiver func(t *testing.T) (config map[string]any, received func() []string)
	// Refuses are tables that the sink must refuse, beside one with an unknown key.
	Refuses []map[string]any
	// Large is false for a sink that may refuse events of a megabyte for ever.
	Large bool
}

// Main is the TestMain of a sink: where the test binary was started as a plugin it
// calls the program's main, and otherwise it runs the tests.
func Main(m *testing.M, main func()) {
	if plugin.Started() {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Program returns the path of a copy of the test binary that others cannot write
// to, whatever the machine's umask.
func Program(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	dir, err := os.MkdirTemp(t.TempDir(), "program") // 0700
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "sink")
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// Run runs every check as a subtest. The package's TestMain must call [Main].
func Run(t *testing.T, s Sink) {
	program := Program(t)
	for _, c := range []struct {
		name string
		run  func(t *testing.T, program string, s Sink)
	}{
		{"configuration", configuration},
		{"order", order},
		{"kinds", kinds},
		{"hostile text", hostileText},
		{"large event", largeEvent},
		{"test event", testEvent},
		{"killed", killed},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, program, s) })
	}
}

// running is a host with one sink.
type running struct {
	t        *testing.T
	host     *plugins.Host
	journal  *Journal
	received func() []string
}

func start(t *testing.T, program string, s Sink) *running {
	t.Helper()
	config, received := s.Receiver(t)
	r := &running{t: t, journal: NewJournal(), received: received}
	host, err := plugins.New(plugins.Options{
		Sinks:   []plugins.Spec{{Name: "tested", Program: program, Config: config}},
		Journal: r.journal, StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler),
		Report: func(*sdk.Event) {}, Fail: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.host = host
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		host.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

func (r *running) status() plugins.Status { return r.host.Status()[0] }

// until waits for what has to happen.
func (r *running) until(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("waited %v until %s: %+v", patience, what, r.status())
		}
	}
}

// delivered waits for events and wants them in order; those that come twice count
// where they came first.
func (r *running) delivered(want []string) {
	r.t.Helper()
	var got []string
	r.until("everything was delivered", func() bool {
		got = firsts(r.received())
		return len(got) >= len(want)
	})
	if !slices.Equal(got, want) {
		r.t.Errorf("received %d events, want %d in their order; the first that differs is %d", len(got), len(want), differs(got, want))
	}
}

func firsts(ids []string) (once []string) {
	seen := map[string]bool{}
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			once = append(once, id)
		}
	}
	return once
}

func differs(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func events(from, n int) (all []*sdk.Event) {
	for i := range n {
		all = append(all, Event(from+i))
	}
	return all
}

// configuration: a good one is taken without reaching for the receiver, others are
// refused with a reason.
func configuration(t *testing.T, program string, s Sink) {
	config, received := s.Receiver(t)
	try := func(config map[string]any) error {
		_, err := plugins.Try(t.Context(), plugins.Spec{Name: "tested", Program: program, Config: config}, nil, slog.New(slog.DiscardHandler))
		return err
	}
	if err := try(config); err != nil {
		t.Errorf("a good configuration is refused: %v", err)
	}
	if got := received(); len(got) > 0 {
		t.Errorf("a check of the configuration delivered %q", got)
	}
	config["no_such_key"] = 1
	for i, bad := range append(slices.Clone(s.Refuses), config) {
		if err := try(bad); err == nil || !strings.Contains(err.Error(), "cannot be used") {
			t.Errorf("configuration %d of those to refuse: error %v", i, err)
		}
	}
}

// order: everything arrives once and in order.
func order(t *testing.T, program string, s Sink) {
	r := start(t, program, s)
	var want []string
	for i := range 4 {
		want = append(want, r.journal.Append(events(i*200, 200)...)...)
		time.Sleep(20 * time.Millisecond) // batches of several sizes
	}
	r.delivered(want)
	if n := len(r.received()); n != len(want) {
		t.Errorf("%d events arrived twice", n-len(want))
	}
}

// kinds: an event of any kind is delivered, one of a kind that comes later too.
func kinds(t *testing.T, program string, s Sink) {
	r := start(t, program, s)
	var all []*sdk.Event
	for i, k := range []sdk.Kind{
		sdk.KindAccess, sdk.KindDetection, sdk.KindGap, sdk.KindGuest, sdk.KindClock, sdk.KindCanary,
		sdk.KindHealth, sdk.KindHeartbeat, "of_a_later_version",
	} {
		ev := &sdk.Event{V: sdk.EventVersion, ID: Event(0).ID, Kind: k, Time: time.Now().UTC(), Sensor: "test"}
		switch k {
		case sdk.KindAccess:
			ev = Event(i)
		case sdk.KindDetection:
			ev.Detection = &sdk.Detection{ID: ev.ID, RuleID: "test", Severity: sdk.SeverityLow, Confidence: sdk.ConfidenceLow, Summary: "test"}
		case sdk.KindGap:
			ev.Gap = &sdk.Gap{Lost: 3, Reason: "queue_full", From: ev.Time, To: ev.Time}
		case sdk.KindHealth:
			ev.Health = &sdk.Health{Part: "sink/x", State: "down", Detail: "test"}
		case sdk.KindHeartbeat:
			ev.Heartbeat = &sdk.Heartbeat{Every: 60, Uptime: 60, Last: 7}
		}
		all = append(all, ev)
	}
	// One without its own part: an older or newer sensor may send it.
	all = append(all, &sdk.Event{V: sdk.EventVersion, ID: Event(0).ID, Kind: sdk.KindDetection, Time: time.Now().UTC()})
	r.delivered(r.journal.Append(all...))
}

// hostileText: one event stays one, whatever a client wrote into it.
func hostileText(t *testing.T, program string, s Sink) {
	r := start(t, program, s)
	var all []*sdk.Event
	for i, text := range []string{
		"\n", "\r\n<133>1 - - - - - - forged", "]\"\\", "\x00\x01\x1b[2J\x7f", "\u2028\u2029\u0085", "\u202egnp.exe", "<!channel> @everyone",
		"{{.Secret}} ${jndi:x} %s%n", `","kind":"forged`, "=1+1", strings.Repeat("\U0001F600", 3000), "\xff\xfe",
	} {
		ev := Event(i)
		text = strings.ToValidUTF8(text, "\ufffd")
		ev.Tool, ev.UA, ev.Path, ev.MCPMethod, ev.Error, ev.Session = text, text, text, text, text, text
		ev.Head, ev.Client = text, &sdk.ClientInfo{Name: text, Version: text, Title: text}
		ev.Notes, ev.URI, ev.Prompt = map[string]string{text: text}, text, text
		all = append(all, ev)
	}
	want := r.journal.Append(all...)
	r.delivered(want)
	if n := len(r.received()); n != len(want) {
		t.Errorf("%d events arrived as %d", len(want), n)
	}
}

// largeEvent: the largest ones hold up nothing.
func largeEvent(t *testing.T, program string, s Sink) {
	r := start(t, program, s)
	large := Event(1)
	large.Args = sdk.RawJSON(`{"q":"` + strings.Repeat("x", 256<<10) + `"}`)
	large.Body = &sdk.Body{Size: 1 << 20, Text: strings.Repeat("y\u00e9", 1<<19)}
	want := r.journal.Append(Event(0), large, Event(2))
	var got []string
	r.until("the event after a large one was delivered", func() bool {
		got = firsts(r.received())
		return slices.Contains(got, want[2])
	})
	st := r.status()
	switch {
	case slices.Equal(got, want) && st.Dead == 0:
	case s.Large:
		t.Errorf("received %d of 3 events, dead letters %+v", len(got), st.Letters)
	case st.Dead != 1 || st.Letters[0].Seq != 2:
		t.Errorf("received %d of 3 events, dead letters %+v, want the large event to be the only one", len(got), st.Letters)
	}
}

// testEvent: the operator's test reaches the receiver.
func testEvent(t *testing.T, program string, s Sink) {
	config, received := s.Receiver(t)
	ev := &sdk.Event{
		V: sdk.EventVersion, ID: Event(0).ID, Kind: sdk.KindHealth, Time: time.Now().UTC(), Sensor: "test",
		Health: &sdk.Health{Part: "sink/tested", State: "test", Detail: "a test event"},
	}
	answer, err := plugins.Try(t.Context(), plugins.Spec{Name: "tested", Program: program, Config: config}, ev, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("%v, answer %+v", err, answer)
	}
	r := &running{t: t, received: received}
	deadline := time.Now().Add(patience)
	for len(r.received()) == 0 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	if got := received(); len(got) != 1 || got[0] != ev.ID {
		t.Errorf("received %q, want the test event", got)
	}
}

// killed: a program that is killed again and again loses nothing.
func killed(t *testing.T, program string, s Sink) {
	r := start(t, program, s)
	var want []string
	for round := range 5 {
		want = append(want, r.journal.Append(events(round*300, 300)...)...)
		r.until("there is a program to kill", func() bool {
			pid := r.status().PID
			time.Sleep(time.Duration(round) * 3 * time.Millisecond)
			return pid != 0 && syscall.Kill(pid, syscall.SIGKILL) == nil
		})
	}
	r.delivered(want)
	if twice := len(r.received()) - len(want); twice > 5*plugins.MaxBatch {
		t.Errorf("%d events arrived twice, at most a batch for each kill may", twice)
	}
}
