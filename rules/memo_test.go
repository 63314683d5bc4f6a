package rules

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/rules/core"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// toolRule hits on every call of the tool "bad".
type toolRule struct{ fields []string }

func (r toolRule) Info() sdk.RuleInfo {
	return sdk.RuleInfo{
		ID: "BAD_TOOL", Title: "t", Severity: sdk.SeverityLow, Fields: r.fields,
		Dedup: &sdk.Dedup{By: "ip", Over: "1s"},
	}
}

func (toolRule) Evaluate(in *sdk.Evaluation) []sdk.Hit {
	if in.Event.Tool != "bad" {
		return nil
	}
	return []sdk.Hit{{Reason: "called " + in.Event.Tool}}
}

type countingGuest struct {
	handle func([]byte) []byte
	inputs []string
}

func (g *countingGuest) Call(_ context.Context, in []byte, _ time.Time) ([]byte, error) {
	if !strings.Contains(string(in), "describe") {
		g.inputs = append(g.inputs, string(in))
	}
	return append([]byte(nil), g.handle(in)...), nil
}

// A pack that reads no time is asked once about equal events; one that does is
// asked about each, and both find the same.
func TestVerdictsAreRemembered(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fields []string
		asked  int
	}{
		{"fields without time", []string{"tool"}, 2},
		{"fields with time", []string{"tool", "time"}, 20},
		{"all fields", nil, 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := &countingGuest{handle: guest.RulesHandler("p", "1", toolRule{tt.fields})}
			e := New(slog.New(slog.DiscardHandler))
			if err := e.Add(t.Context(), "p", g); err != nil {
				t.Fatal(err)
			}
			at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			found := 0
			for i := range 20 {
				tool := []string{"good", "bad"}[i%2]
				ev := &sdk.Event{Kind: sdk.KindAccess, ID: fmt.Sprint(i), IP: "10.0.0.1", Tool: tool, MCPMethod: "tools/call", Time: at.Add(time.Duration(i) * time.Second)}
				out, err := e.Judge(t.Context(), ev)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range out {
					if d.Detection == nil || d.Detection.Events[0] != ev.ID || !d.Time.Equal(ev.Time) {
						t.Errorf("event %d gave %+v", i, d)
					}
					found++
				}
			}
			if len(g.inputs) != tt.asked || found != 10 {
				t.Errorf("asked %d times, want %d; found %d, want 10", len(g.inputs), tt.asked, found)
			}
			if told := strings.Contains(g.inputs[0], `"now"`); told != (tt.asked == 20) {
				t.Errorf("now is in the input: %v", told)
			}
		})
	}
}

func TestVerdictsAreBounded(t *testing.T) {
	v := newVerdicts()
	for i := range 3 * maxVerdicts {
		key, _, ok := v.recall([]byte(fmt.Sprint(i)))
		if ok {
			t.Fatal("remembered what it never saw")
		}
		v.remember(key, nil)
	}
	if v.by.len() != maxVerdicts {
		t.Errorf("%d verdicts are kept, want %d", v.by.len(), maxVerdicts)
	}
}

// busyRule is shown the user agent.
type busyRule struct{}

func (busyRule) Info() sdk.RuleInfo {
	i := toolRule{[]string{"ua"}}.Info()
	i.ID = "BUSY"
	return i
}

func (busyRule) Evaluate(in *sdk.Evaluation) []sdk.Hit { return []sdk.Hit{{Reason: in.Event.UA}} }

// A rule whose answer is known is left out of a call that another needs, and the
// hits come in the rules' order all the same.
func TestVerdictsAreOfRules(t *testing.T) {
	g := &countingGuest{handle: guest.RulesHandler("p", "1", toolRule{[]string{"tool"}}, busyRule{})}
	e := New(slog.New(slog.DiscardHandler))
	if err := e.Add(t.Context(), "p", g); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i, agent := range []string{"a", "b", "a", "c"} {
		ev := &sdk.Event{Kind: sdk.KindAccess, ID: fmt.Sprint(i), IP: "10.0.0.1", Tool: "bad", UA: agent, MCPMethod: "tools/call", Time: at.Add(time.Duration(i) * 2 * time.Second)}
		out, err := e.Judge(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		if len(out) != 2 || out[0].Detection.RuleID != "BAD_TOOL" || out[1].Detection.RuleID != "BUSY" || out[1].Detection.Summary != agent {
			t.Errorf("event %d gave %+v", i, out)
		}
	}
	want := []string{`"rules":[0,1]`, `"rules":[1]`, `"rules":[1]`}
	if len(g.inputs) != len(want) {
		t.Fatalf("asked %d times, want %d: %q", len(g.inputs), len(want), g.inputs)
	}
	for i, in := range g.inputs {
		if !strings.Contains(in, want[i]) {
			t.Errorf("call %d was %s, want %s", i, in, want[i])
		}
	}
}

// What is kept of the event before, since this one asks the same, changes nothing: an
// engine that forgets all of it after each event finds the same.
func TestNothingIsMistakenForTheSame(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 11))
	one := func(of ...string) string { return of[random.IntN(len(of))] }
	keeping, forgetting := New(slog.New(slog.DiscardHandler)), New(slog.New(slog.DiscardHandler))
	for _, e := range []*Engine{keeping, forgetting} {
		if err := e.Add(t.Context(), "core", &countingGuest{handle: guest.RulesHandler(core.ID, core.Version, core.All()...)}); err != nil {
			t.Fatal(err)
		}
	}
	at, found := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), 0
	last := &sdk.Event{}
	for i := range 20_000 {
		at = at.Add(time.Duration(random.IntN(2000)) * time.Millisecond)
		ev := &sdk.Event{
			Method: one("POST", "POST", "GET"), Class: one("read", "secret"), Category: one("", "identity"), Event: one("", "", "connect"),
			Kind: sdk.KindAccess, ID: fmt.Sprintf("%08x-0000-7000-8000-%012x", i, i), Time: at, Transport: "http",
			IP: one("10.0.0.1", "10.0.0.2"), Actor: one("a", "b"), Session: one("", "s1", "s2"), UA: one("curl/8", "node"),
			MCPMethod: one("tools/call", "tools/call", "tools/list", "resources/read", "initialize"), Outcome: one("result", "result", "unknown_tool", "bad_params"),
			Tool: one("", "jira_search", "postgresql_execute_select_query"), URI: one("", "", "file:///etc/passwd"),
			Args:        sdk.RawJSON(one(`{"q":"a' OR 1=1 --"}`, `{"q":"the year's report"}`, `{"id":"CUST-1"}`, `{"id":"CUST-2"}`)),
			ResultBytes: random.IntN(1 << 20),
			Head:        one("POST /mcp HTTP/1.1\r\nHost: a\r\n\r\n", "POST /mcp HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer x\r\n\r\n"),
		}
		if random.IntN(2) == 0 { // asks what the one before did, or nearly so
			ev.Method, ev.MCPMethod, ev.Tool, ev.URI, ev.Args = last.Method, last.MCPMethod, last.Tool, last.URI, last.Args
			ev.Class, ev.Category, ev.Event = last.Class, last.Category, last.Event
			if random.IntN(2) == 0 {
				ev.Outcome = last.Outcome
			}
		}
		last = ev
		var out [2][]*sdk.Event
		for n, e := range []*Engine{keeping, forgetting} {
			given := *ev
			var err error
			if out[n], err = e.Judge(t.Context(), &given); err != nil {
				t.Fatal(err)
			}
		}
		forgetting.view = view{}
		if diff := cmp.Diff(out[1], out[0]); diff != "" {
			t.Fatalf("event %d (-forgetting +keeping):\n%s", i, diff)
		}
		found += len(out[0])
	}
	if found < 100 {
		t.Errorf("only %d detections were compared", found)
	}
}

// What is kept for the next event that asks the same follows from nothing else.
func TestAskedDecides(t *testing.T) {
	one := &sdk.Event{
		Method: "POST", MCPMethod: "tools/call", Tool: "lookup", URI: "file:///a", Prompt: "p", Service: "s", Class: "read", Category: "c",
		Event: "connect", Outcome: "parse_error", Args: sdk.RawJSON(`{"customer_id":"CUST-12","page":3,"q":"aaaaaaaaaa \u202e"}`),
	}
	other := *one
	for _, f := range reflect.ValueOf(&other).Elem().Fields() {
		if f.IsZero() && f.Kind() == reflect.String {
			f.SetString("other")
		}
	}
	other.Time, other.LatencyMS, other.ResultBytes, other.Status = epoch, 7, 9, 200
	other.Head = "POST /mcp HTTP/1.1\r\nHost: other\r\n\r\n"
	var a, b view
	a.reset(one)
	b.reset(&other)
	differ := 0
	for _, c := range columns() {
		switch x, y := a.get(c), b.get(c); {
		case c.asked() && (x != y || x == ""):
			t.Errorf("%s: %q and %q of events that ask the same", c.name, x, y)
		case x != y:
			differ++
		}
	}
	if differ < 10 {
		t.Errorf("the events differ in %d columns only", differ)
	}
}

// Filters that only look alike when they are printed are told apart, those of gates,
// windows and steps.
func TestFiltersAreToldApart(t *testing.T) {
	phrase, words := sdk.Match{Contains: []string{"drop table"}}, sdk.Match{Contains: []string{"drop", "table"}}
	all := newFilterset()
	numbers := map[int]bool{}
	for _, m := range []sdk.Match{
		phrase, words, {Contains: []string{"drop] [table"}}, {Is: []string{"drop table"}}, {Is: []string{"drop", "table"}}, {Prefix: []string{"drop", "table"}},
	} {
		f, err := newFilter(nil, map[string]sdk.Match{"tool": m})
		if err != nil {
			t.Fatal(err)
		}
		numbers[all.add(f)] = true
		numbers[all.add(f)] = true // once for equal ones
	}
	if len(numbers) != 6 || len(all.filters) != 6 {
		t.Errorf("6 filters are %d", len(all.filters))
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w := mustWindow(t, sdk.Window{By: "ip", Over: "5m", Steps: []sdk.Step{
		{Name: "one", Match: map[string]sdk.Match{"tool": phrase}}, {Name: "two", Match: map[string]sdk.Match{"tool": words}},
	}})
	see(w, &sdk.Event{IP: "a", Tool: "drop table", Time: at})
	if n := len(w.steps.chain(see(w, &sdk.Event{IP: "a", Tool: "table", Time: at.Add(time.Second)}))); n != 2 {
		t.Errorf("%d steps were taken, want 2", n)
	}
}
