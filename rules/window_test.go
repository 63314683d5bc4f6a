package rules

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func mustWindow(t testing.TB, spec sdk.Window) *window {
	t.Helper()
	spec.Name = "w"
	w, err := parseWindow(spec, newFilterset())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// see lets a window of its own count the event and returns the event's group.
func see(w *window, ev *sdk.Event) group {
	v := &view{}
	v.reset(ev)
	w.filters.begin(v)
	w.observe(v)
	return w.look(v)
}

// shown returns what a rule would be shown of the event's group.
func shown(t testing.TB, w *window, ev *sdk.Event) string {
	t.Helper()
	var out guest.Writer
	out.Obj()
	see(w, ev)
	v := &view{}
	v.reset(ev)
	w.write(&out, v)
	out.End()
	b := string(out.Bytes())
	if !json.Valid([]byte(b)) {
		t.Fatalf("not JSON: %s", b)
	}
	return strings.TrimSuffix(strings.TrimPrefix(b, `{"w":`), "}")
}

func TestWindow(t *testing.T) {
	type step struct {
		at   time.Duration
		ev   sdk.Event
		want string
	}
	from := func(ip, tool string) sdk.Event { return sdk.Event{IP: ip, Tool: tool} }
	cases := []struct {
		name  string
		spec  sdk.Window
		steps []step
	}{
		{"count", sdk.Window{By: "ip", Over: "5m", Count: true}, []step{
			{0, from("a", ""), `{"n":1}`},
			{time.Minute, from("b", ""), `{"n":1}`},
			{2 * time.Minute, from("a", ""), `{"n":2}`},
			{5*time.Minute - 1, from("a", ""), `{"n":3}`},
			{5 * time.Minute, from("a", ""), `{"n":3}`}, // the first has left
			{time.Hour, from("a", ""), `{"n":1}`},
		}},
		{"distinct", sdk.Window{By: "ip", Over: "5m", Distinct: "tool"}, []step{
			{0, from("a", "x"), `{"n":1,"values":["x"]}`},
			{1, from("a", "y"), `{"n":2,"values":["x","y"]}`},
			{2, from("a", "x"), `{"n":2,"values":["y","x"]}`},
			{3, from("a", ""), `{"n":2,"values":["y","x"]}`}, // nothing to count
			{4, from("b", "z"), `{"n":1,"values":["z"]}`},
			{5*time.Minute + 1, from("a", "z"), `{"n":2,"values":["x","z"]}`},
		}},
		{"sum", sdk.Window{By: "ip", Over: "1m", Sum: "result_bytes"}, []step{
			{0, sdk.Event{IP: "a", ResultBytes: 100}, `{"n":1,"sum":100}`},
			{1, sdk.Event{IP: "a", ResultBytes: 23}, `{"n":2,"sum":123}`},
			{time.Minute, sdk.Event{IP: "a", ResultBytes: 1}, `{"n":2,"sum":24}`},
		}},
		{"last", sdk.Window{By: "session", Over: "1h", Last: "tool"}, []step{
			{0, sdk.Event{Session: "s", Tool: "x"}, `{"n":1,"values":["x"]}`},
			{1, sdk.Event{Session: "s", Tool: "x"}, `{"n":2,"values":["x","x"]}`},
			{2, sdk.Event{Session: "s", Tool: "y"}, `{"n":3,"values":["x","x","y"]}`},
			{3, sdk.Event{Session: "", Tool: "y"}, `{"n":0,"values":[]}`},
		}},
		{"where", sdk.Window{By: "ip", Over: "5m", Distinct: "tool", Where: map[string]string{"outcome": "result|tool_error"}}, []step{
			{0, sdk.Event{IP: "a", Tool: "x", Outcome: "result"}, `{"n":1,"values":["x"]}`},
			{1, sdk.Event{IP: "a", Tool: "y", Outcome: "unknown_tool"}, `{"n":1,"values":["x"]}`},
			{2, sdk.Event{IP: "a", Tool: "z", Outcome: "tool_error"}, `{"n":2,"values":["x","z"]}`},
			{3, sdk.Event{IP: "a", Tool: "v", Outcome: "result|tool_error"}, `{"n":2,"values":["x","z"]}`},
			{5*time.Minute + 1, sdk.Event{IP: "a"}, `{"n":1,"values":["z"]}`}, // looking on makes it run out
		}},
		{"where on numbers", sdk.Window{By: "all", Over: "5m", Count: true, Where: map[string]string{"status": "404"}}, []step{
			{0, sdk.Event{Status: 404}, `{"n":1}`},
			{1, sdk.Event{Status: 40}, `{"n":1}`},
			{2, sdk.Event{Status: 404, IP: "b"}, `{"n":2}`},
		}},
		{"by client", sdk.Window{By: "client", Over: "5m", Count: true}, []step{
			{0, sdk.Event{Client: &sdk.ClientInfo{Name: "c", Version: "1"}}, `{"n":1}`},
			{1, sdk.Event{Client: &sdk.ClientInfo{Name: "c", Version: "2"}}, `{"n":2}`},
			{2, sdk.Event{}, `{"n":0}`},
		}},
		{"by tool", sdk.Window{By: "tool", Over: "5m", Distinct: "ip"}, []step{
			{0, from("a", "x"), `{"n":1,"values":["a"]}`},
			{1, from("b", "x"), `{"n":2,"values":["a","b"]}`},
		}},
		{"by actor", sdk.Window{By: "actor", Over: "5m", Distinct: "ip"}, []step{
			{0, sdk.Event{Actor: "k", IP: "a"}, `{"n":1,"values":["a"]}`},
			{1, sdk.Event{Actor: "k", IP: "b"}, `{"n":2,"values":["a","b"]}`},
		}},
		{"time that runs backwards", sdk.Window{By: "ip", Over: "5m", Count: true}, []step{
			{10 * time.Minute, from("a", ""), `{"n":1}`},
			{9 * time.Minute, from("a", ""), `{"n":2}`},
			{15 * time.Minute, from("a", ""), `{"n":1}`},
		}},
		{"clock set right by a year", sdk.Window{By: "ip", Over: "5m", Count: true}, []step{
			{365 * 24 * time.Hour, from("a", ""), `{"n":1}`},
			{0, from("a", ""), `{"n":1}`},
			{time.Minute, from("a", ""), `{"n":2}`},
			{time.Hour, from("a", ""), `{"n":1}`},
		}},
		{"clock set right by less than a span", sdk.Window{By: "ip", Over: "1h", Count: true}, []step{
			{30 * time.Minute, from("a", ""), `{"n":1}`},
			{0, from("a", ""), `{"n":2}`},
			{time.Hour, from("a", ""), `{"n":3}`},
			{91 * time.Minute, from("a", ""), `{"n":2}`},
		}},
		{"clock set right, in order", sdk.Window{By: "ip", Over: "5m", First: "tool"}, []step{
			{24 * time.Hour, from("a", "x"), `{"n":1,"values":["x"]}`},
			{0, from("a", "y"), `{"n":1,"values":["y"]}`},
			{1, from("a", "x"), `{"n":2,"values":["y","x"]}`},
		}},
		// A request that took its time must not make a short window forget the others.
		{"late event", sdk.Window{By: "ip", Over: "5s", Count: true}, []step{
			{5 * time.Minute, from("a", ""), `{"n":1}`},
			{0, from("a", ""), `{"n":2}`},
			{5*time.Minute + time.Second, from("a", ""), `{"n":3}`},
			{5*time.Minute + 5*time.Second, from("a", ""), `{"n":2}`},
		}},
		{"long values", sdk.Window{By: "ip", Over: "5m", Distinct: "tool"}, []step{
			{0, from("a", strings.Repeat("ü", 100)+"1"), `{"n":1,"values":["` + strings.Repeat("ü", 64) + `"]}`},
			{1, from("a", strings.Repeat("ü", 100)+"2"), `{"n":2,"values":["` + strings.Repeat("ü", 64) + `","` + strings.Repeat("ü", 64) + `"]}`},
		}},
		{"long keys", sdk.Window{By: "tool", Over: "5m", Count: true}, []step{
			{0, from("a", strings.Repeat("x", 5000)+"1"), `{"n":1}`},
			{1, from("a", strings.Repeat("x", 5000)+"2"), `{"n":1}`},
			{2, from("a", strings.Repeat("x", 5000)+"1"), `{"n":2}`},
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := mustWindow(t, c.spec)
			for i, s := range c.steps {
				s.ev.Time = epoch.Add(s.at)
				if got := shown(t, w, &s.ev); got != s.want {
					t.Errorf("step %d: window shows %s, want %s", i, got, s.want)
				}
			}
		})
	}
}

func TestDistinctSaturates(t *testing.T) {
	w := mustWindow(t, sdk.Window{By: "ip", Over: "24h", Distinct: "tool"})
	var v sdk.WindowValue
	for i := range 1000 {
		ev := &sdk.Event{IP: "a", Tool: fmt.Sprint("t", i), Time: epoch.Add(time.Duration(i))}
		if err := json.Unmarshal([]byte(shown(t, w, ev)), &v); err != nil {
			t.Fatal(err)
		}
	}
	if v.N != maxDistinct || len(v.Values) != maxValues || v.Values[maxValues-1] != "t999" || v.Values[0] != "t968" {
		t.Errorf("n = %d, %d values %v", v.N, len(v.Values), v.Values)
	}
	if w.entries != maxDistinct {
		t.Errorf("entries = %d, want %d", w.entries, maxDistinct)
	}
}

// A count stays within one slice of the truth however many events there are.
func TestCountCoarsens(t *testing.T) {
	w := mustWindow(t, sdk.Window{By: "ip", Over: "1h", Count: true})
	for i := range 20_000 {
		ev := &sdk.Event{IP: "a", Time: epoch.Add(time.Duration(i) * time.Second)}
		n := 0
		for _, e := range see(w, ev) {
			n += e.n
		}
		exact := min(i+1, 3600)
		if n < exact || n > exact+3600/mergeFraction+1 {
			t.Fatalf("after %d events n = %d, want %d to %d", i+1, n, exact, exact+3600/mergeFraction+1)
		}
		if w.entries > exactEntries+mergeFraction+2 {
			t.Fatalf("%d entries", w.entries)
		}
	}
}

func TestWindowEvicts(t *testing.T) {
	w := mustWindow(t, sdk.Window{By: "ip", Over: "5m", Distinct: "tool"})
	w.limit = windowLimit{groups: 100, entries: 150}
	see := func(ip, tool string) int {
		return len(see(w, &sdk.Event{IP: ip, Tool: tool, Time: epoch}))
	}
	for i := range 1000 {
		see(fmt.Sprint(i), "x")
		see("busy", "x") // is used, so it stays
	}
	if w.groups.len() != 100 || w.entries != 100 || w.evicted != 901 {
		t.Errorf("%d groups, %d entries, %d evicted; want 100, 100, 901", w.groups.len(), w.entries, w.evicted)
	}
	if n := see("busy", "y"); n != 2 {
		t.Errorf("busy group has %d values, want 2", n)
	}
	for i := range 250 {
		see("greedy", fmt.Sprint(i))
	}
	if w.entries > 250 || w.groups.len() > 100 {
		t.Errorf("%d entries in %d groups", w.entries, w.groups.len())
	}
	see("next", "x")
	total := 0
	for e := w.groups.root.next; e != &w.groups.root; e = e.next {
		total += len(e.value)
	}
	if total != w.entries || total > 251 {
		t.Errorf("%d entries counted as %d", total, w.entries)
	}
}

// Groups that ran out go without being counted as evicted.
func TestWindowForgets(t *testing.T) {
	w := mustWindow(t, sdk.Window{By: "ip", Over: "1m", Count: true})
	for i := range 10_000 {
		see(w, &sdk.Event{IP: fmt.Sprint(i), Time: epoch.Add(time.Duration(i) * time.Second)})
	}
	if w.groups.len() > 60 || w.evicted != 0 {
		t.Errorf("%d groups, %d evicted", w.groups.len(), w.evicted)
	}
}

// Nor do groups from a time that the clock has not come to again keep others.
func TestWindowForgetsTheFuture(t *testing.T) {
	w := mustWindow(t, sdk.Window{By: "ip", Over: "1m", Count: true})
	for i := range 100 {
		see(w, &sdk.Event{IP: fmt.Sprint("ahead", i), Time: epoch.AddDate(1, 0, 0)})
	}
	for i := range 1000 {
		see(w, &sdk.Event{IP: fmt.Sprint(i), Time: epoch.Add(time.Duration(i) * time.Second)})
	}
	if w.groups.len() > 60 || w.evicted != 0 {
		t.Errorf("%d groups, %d evicted", w.groups.len(), w.evicted)
	}
}

// A window that only counted, as in a replay, shows what one shows that was looked
// at with every event.
func TestLookingChangesNothing(t *testing.T) {
	looked := mustWindow(t, sdk.Window{By: "ip", Over: "1m", Count: true, Where: map[string]string{"tool": "x"}})
	counted := mustWindow(t, sdk.Window{By: "ip", Over: "1m", Count: true, Where: map[string]string{"tool": "x"}})
	last := &sdk.Event{IP: "a", Tool: "x", Time: epoch.Add(time.Second)}
	for _, ev := range []*sdk.Event{
		{IP: "a", Tool: "x", Time: epoch},
		{IP: "a", Tool: "y", Time: epoch.AddDate(1, 0, 0)}, // not counted
	} {
		see(looked, ev)
		v := &view{}
		v.reset(ev)
		counted.filters.begin(v)
		counted.observe(v)
	}
	if a, b := shown(t, looked, last), shown(t, counted, last); a != b || a != `{"n":2}` {
		t.Errorf("it shows %s where it was looked at, %s where not", a, b)
	}
}

// A million sources cost no more memory than the limit allows.
func TestWindowMemoryIsFlat(t *testing.T) {
	w := mustWindow(t, sdk.Window{By: "ip", Over: "24h", Distinct: "tool"})
	w.limit = windowLimit{groups: 1000, entries: 4000}
	flood := func(from, to int) uint64 {
		for i := from; i < to; i++ {
			see(w, &sdk.Event{IP: fmt.Sprint("2001:db8::", i), Tool: "x", Time: epoch.Add(time.Duration(i) * time.Millisecond)})
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := flood(0, 10_000)
	after := flood(10_000, 1_000_000)
	if after > before+1<<20 {
		t.Errorf("heap grew from %d to %d bytes", before, after)
	}
	if w.groups.len() != 1000 || w.evicted != 999_000 {
		t.Errorf("%d groups, %d evicted", w.groups.len(), w.evicted)
	}
}

// wholeEnvelope writes what a pack is sent whose one rule reads everything.
func wholeEnvelope(t testing.TB, w *guest.Writer, ev *sdk.Event, aggregate string) {
	t.Helper()
	p, err := parseDescription("p", []byte(`{"abi":1,"kind":"rules","id":"p","version":"1","rules":[{"id":"A","title":"a","severity":"low"}],
		"windows":[{"name":"w","by":"ip","over":"5m",`+aggregate+`}]}`))
	if err != nil {
		t.Fatal(err)
	}
	v := &view{}
	v.reset(ev)
	p.observe(v)
	p.envelope(w, v, p.plan(p.candidates(v, newDedup())))
}

func TestEnvelope(t *testing.T) {
	ev := &sdk.Event{
		V: 1, Seq: 9, ID: "e", Kind: sdk.KindAccess, Time: epoch, IP: "192.0.2.1", Head: "secret head", Body: &sdk.Body{Text: "b"},
		Tool: "t<&>\"\xff", RPCID: sdk.RawJSON(`"x"`), Args: sdk.RawJSON(`{"q": "<b>"}`), Status: 200, LatencyMS: 1.5,
		Client: &sdk.ClientInfo{Name: "c"}, Notes: map[string]string{"lure": "k"},
	}
	var w guest.Writer
	wholeEnvelope(t, &w, ev, `"count":true`)
	var got struct {
		ABI     int
		Op      string
		Now     time.Time
		Event   map[string]any
		Windows map[string]sdk.WindowValue
	}
	if err := json.Unmarshal(w.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, w.Bytes())
	}
	want := map[string]any{
		"v": 1.0, "seq": 9.0, "id": "e", "kind": "access", "time": "2026-03-01T12:00:00Z", "ip": "192.0.2.1", "tool": "t<&>\"\uFFFD",
		"rpc_id": "x", "args": map[string]any{"q": "<b>"}, "status": 200.0, "latency_ms": 1.5,
		"client": map[string]any{"name": "c"}, "notes": map[string]any{"lure": "k"},
	}
	if diff := cmp.Diff(want, got.Event); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if got.ABI != 1 || got.Op != "evaluate" || !got.Now.Equal(epoch) || got.Windows["w"].N != 1 {
		t.Errorf("envelope %s", w.Bytes())
	}
}

// FuzzEnvelope holds that no event makes an envelope that is no JSON, and that
// arguments which cannot be sent as they are are sent as text.
func FuzzEnvelope(f *testing.F) {
	for _, args := range []string{`{"q":1}`, `{`, strings.Repeat("[", 80) + strings.Repeat("]", 80), "\"\xff\"", `"\"[[["`, `1 2`} {
		f.Add([]byte(args), "tool\x00", int64(0))
	}
	f.Fuzz(func(t *testing.T, args []byte, tool string, at int64) {
		ev := &sdk.Event{IP: "a", Tool: tool, Args: args, Session: tool, Time: time.Unix(0, at)}
		var w guest.Writer
		wholeEnvelope(t, &w, ev, `"last":"args"`)
		if !json.Valid(w.Bytes()) {
			t.Fatalf("envelope is no JSON: %s", w.Bytes())
		}
		env, err := guest.ParseObject(w.Bytes())
		if err != nil {
			t.Fatalf("a guest cannot read %s: %v", w.Bytes(), err)
		}
		if got := env.Object("event"); len(args) > 0 && !got.Has("args") && string(args) != "null" {
			if v := strings.TrimSpace(string(args)); v != "null" {
				t.Errorf("args %q are missing in %s", args, w.Bytes())
			}
		}
	})
}

func BenchmarkWindow(b *testing.B) {
	for _, c := range []struct {
		name    string
		spec    sdk.Window
		sources int
	}{
		{"count/one", sdk.Window{By: "ip", Over: "5m", Count: true}, 1},
		{"distinct/one", sdk.Window{By: "ip", Over: "5m", Distinct: "tool"}, 1},
		{"distinct/100k", sdk.Window{By: "ip", Over: "5m", Distinct: "tool"}, 100_000},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := mustWindow(b, c.spec)
			ips := make([]string, c.sources)
			for i := range ips {
				ips[i] = fmt.Sprint("192.0.2.", i)
			}
			tools := [...]string{"a", "b", "c", "d"}
			ev := &sdk.Event{}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				ev.IP, ev.Tool, ev.Time = ips[i%len(ips)], tools[i%4], epoch.Add(time.Duration(i)*time.Millisecond)
				see(w, ev)
			}
		})
	}
}

// A filter of "*" wants a field to be there.
func TestFilterAnything(t *testing.T) {
	matches := func(where map[string]string, ev *sdk.Event) bool {
		f, err := newFilter(where, nil)
		if err != nil {
			t.Fatal(err)
		}
		v := &view{}
		v.reset(ev)
		return f.match(v)
	}
	tokens := map[string]string{"canaries_seen": "*"}
	with := &sdk.Event{CanariesSeen: []sdk.CanarySeen{{Position: "path"}}}
	if !matches(tokens, with) || matches(tokens, &sdk.Event{CanariesMinted: []sdk.CanaryRef{{ID: "c"}}}) {
		t.Error("it does not tell an event with tokens from one without")
	}
	tools := map[string]string{"tool": "a|*"}
	if !matches(tools, &sdk.Event{Tool: "b"}) || matches(tools, &sdk.Event{}) {
		t.Error("among other values it is no wildcard, or takes none for one")
	}
}
