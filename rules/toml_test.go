package rules_test

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/internal/guests/guesttest"
	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/rules"
	"github.com/killdeer-mcp/killdeer/rules/toml"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const sameRules = `
id = "same"
version = "1"
[[rule]]
id = "SELECTS"
title = "a select of users"
severity = "low"
subject = "tool"
[rule.match]
mcp_method = "tools/call"
tool = { prefix = ["postgresql_"] }
"args.query" = { regex = ["(?i)select .* from customers"] }
ip = { cidr = ["10.0.1.0/24", "10.0.2.0/24"] }
[[rule]]
id = "GUESSES"
title = "guesses"
severity = "high"
[rule.match]
mcp_method = "tools/call"
outcome = "unknown_tool"
[rule.count]
n = 2
distinct = "tool"
by = "ip"
over = "10s"
[[rule]]
id = "STEPS"
title = "steps"
severity = "medium"
dedup = { by = "ip", over = "1m" }
[rule.sequence]
by = "ip"
within = "1m"
[[rule.sequence.step]]
name = "list"
match = { mcp_method = "tools/list" }
[[rule.sequence.step]]
name = "secret"
match = { mcp_method = "tools/call", args = { contains = ["PASSWORD"] } }
`

// ruleFunc is a rule in Go.
type ruleFunc struct {
	info     sdk.RuleInfo
	evaluate func(in *sdk.Evaluation) []sdk.Hit
}

func (r ruleFunc) Info() sdk.RuleInfo                    { return r.info }
func (r ruleFunc) Evaluate(in *sdk.Evaluation) []sdk.Hit { return r.evaluate(in) }

// sameInGo are the rules of sameRules by hand.
func sameInGo() []sdk.Rule {
	is := func(s string) sdk.Match { return sdk.Match{Is: []string{s}} }
	return []sdk.Rule{
		ruleFunc{sdk.RuleInfo{ID: "SELECTS", Title: "a select of users", Severity: sdk.SeverityLow}, func(in *sdk.Evaluation) []sdk.Hit {
			ev, q := in.Event, guest.Lookup(in.Event.Args, "query")
			low := strings.ToLower(q)
			at := strings.Index(low, "select ")
			if ev.MCPMethod != "tools/call" || !strings.HasPrefix(ev.Tool, "postgresql_") || at < 0 || !strings.Contains(low[at:], " from customers") ||
				!strings.HasPrefix(ev.IP, "10.0.1.") && !strings.HasPrefix(ev.IP, "10.0.2.") {
				return nil
			}
			return []sdk.Hit{{Subject: ev.Tool, Reason: "a select of users", Evidence: &sdk.Evidence{Path: "args.query", Snippet: q}}}
		}},
		ruleFunc{sdk.RuleInfo{
			ID: "GUESSES", Title: "guesses", Severity: sdk.SeverityHigh,
			Windows: []sdk.Window{{Name: "g", By: "ip", Over: "10s", Distinct: "tool", Where: map[string]string{"mcp_method": "tools/call", "outcome": "unknown_tool"}}},
		}, func(in *sdk.Evaluation) []sdk.Hit {
			if n := in.Windows["g"].N; n >= 2 && in.Event.Outcome == "unknown_tool" && in.Event.MCPMethod == "tools/call" {
				return []sdk.Hit{{Reason: "guesses", Count: n, Evidence: &sdk.Evidence{Path: "mcp_method", Snippet: "tools/call"}}}
			}
			return nil
		}},
		ruleFunc{sdk.RuleInfo{
			ID: "STEPS", Title: "steps", Severity: sdk.SeverityMedium, Dedup: &sdk.Dedup{By: "ip", Over: "1m"},
			Windows: []sdk.Window{{Name: "s", By: "ip", Over: "1m", Steps: []sdk.Step{
				{Name: "list", Match: map[string]sdk.Match{"mcp_method": is("tools/list")}},
				{Name: "secret", Match: map[string]sdk.Match{"mcp_method": is("tools/call"), "args": {Contains: []string{"PASSWORD"}}}},
			}}},
		}, func(in *sdk.Evaluation) []sdk.Hit {
			if in.Windows["s"].N < 2 || in.Event.MCPMethod != "tools/call" || !strings.Contains(string(in.Event.Args), "PASSWORD") {
				return nil
			}
			return []sdk.Hit{{Reason: "steps", Count: 2}}
		}},
	}
}

func tomlEngine(t testing.TB, g rules.Guest, text string) *rules.Engine {
	t.Helper()
	config, err := rules.ParseTOML("same.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	e := rules.New(slog.New(slog.DiscardHandler))
	if err := e.AddConfigured(t.Context(), "same.toml", g, config); err != nil {
		t.Fatal(err)
	}
	return e
}

func tomlNative() rules.Guest { return native(guest.ConfiguredHandler(toml.Configure)) }

// The same rules in TOML, run by the module that ships, and in Go find the same,
// event for event.
func TestTOMLAgreesWithGo(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a guest")
	}
	code, err := os.ReadFile(guesttest.Build(t, t.TempDir(), "rules-toml", guesttest.RulesTOML))
	if err != nil {
		t.Fatal(err)
	}
	rt, err := wasm.New(t.Context(), wasm.Options{Limits: wasm.DefaultLimits(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close(t.Context())
	m, err := rt.Load(t.Context(), "rules-toml", code)
	if err != nil {
		t.Fatal(err)
	}
	module, plain := tomlEngine(t, rules.FromModule(m), sameRules), tomlEngine(t, tomlNative(), sameRules)
	byHand := engine(t, native(guest.RulesHandler("same", "1", sameInGo()...)))
	found := map[string]int{}
	for _, ev := range traffic(6000) {
		want := judge(t, byHand, ev)
		for name, e := range map[string]*rules.Engine{"module": module, "native": plain} {
			if diff := cmp.Diff(want, judge(t, e, ev)); diff != "" {
				t.Fatalf("%s on event %s (-Go +TOML):\n%s", name, ev.ID, diff)
			}
		}
		for _, d := range want {
			found[d.Detection.RuleID]++
		}
	}
	for _, id := range []string{"SELECTS", "GUESSES", "STEPS"} {
		if found[id] == 0 {
			t.Errorf("%s never fired: the events show nothing (%v)", id, found)
		}
	}
}

func TestTOMLFaults(t *testing.T) {
	cases := []struct{ name, old, new, want string }{
		{"good", "", "", ""},
		{"no TOML", `id = "same"`, `id = `, "f.toml:2: "},
		{"unknown key", `title = "guesses"`, "title = \"guesses\"\nseverty = \"x\"", `f.toml:17: unknown key "rule.severty"`},
		{"unknown table", "[rule.count]", "[rule.cuont]", `f.toml:22: unknown key`},
		{"form", `prefix = [`, `prefx = [`, "f.toml:"},
		{"regex", `(?i)select`, `(?i`, `f.toml:4: rule SELECTS: match: args.query: regex`},
		{"cidr", `10.0.1.0/24`, `10.0.1/24`, `rule SELECTS: match: ip: want an address`},
		{"count", `n = 2`, `n = 1`, `f.toml:14: rule GUESSES: count.n: want at least 2`},
		{"two steps of one name", `name = "secret"`, `name = "list"`, `rule STEPS: sequence: two steps "list"`},
		{"wrong type", `n = 2`, `n = "2"`, "f.toml:"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := rules.ParseTOML("f.toml", []byte(strings.ReplaceAll(sameRules, c.old, c.new)))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}

// A file that the host cannot fault by itself is faulted by what the guest
// describes.
func TestTOMLRefused(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`severity = "low"`, `severity = "lo"`, `rule SELECTS: severity is "lo"`},
		{`ip = {`, `ipp = {`, `events have no field "ipp"`},
		{`by = "ip"`, `by = "status"`, `by is "status"`},
		{`id = "GUESSES"`, `id = "SELECTS"`, "rule SELECTS: declared twice"},
	} {
		config, err := rules.ParseTOML("f.toml", []byte(strings.ReplaceAll(sameRules, c.old, c.new)))
		if err == nil {
			err = rules.New(slog.New(slog.DiscardHandler)).AddConfigured(t.Context(), "f.toml", tomlNative(), config)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.new, err, c.want)
		}
	}
}

// FuzzTOML holds that no file makes the host panic, and that what it accepts the
// guest can read.
func FuzzTOML(f *testing.F) {
	f.Add(sameRules)
	f.Add("id=\"a\"\nversion=\"1\"\n[[rule]]\nid=\"A\"\nmatch={ip={min=1,not=true}}")
	f.Add("id='a'\nversion='1'\n[[rule]]\nid='A'\ntitle='t'\nseverity='low'\nmatch={ua={regex=['(?i)(a|b){9}[pL]*']}}")
	f.Add("[[rule]]\nmatch={a=[1]}\n[[rule.sequence.step]]\nmatch={}")
	f.Fuzz(func(t *testing.T, text string) {
		config, err := rules.ParseTOML("f", []byte(text))
		if err != nil {
			return
		}
		if _, _, _, err := toml.Configure(config); err != nil {
			t.Errorf("accepted, but the guest says %v: %s", err, strconv.Quote(text))
		}
		_ = rules.New(slog.New(slog.DiscardHandler)).AddConfigured(t.Context(), "f", tomlNative(), config)
	})
}

// Two engines that begin at different places of a stream, but a horizon apart from
// where both judge, say the same from there on.
func TestRestartInTheMiddle(t *testing.T) {
	events := traffic(3000)
	whole := engine(t, coreGuest())
	var want []string
	show := func(d *sdk.Event) string {
		return fmt.Sprint(d.ID, d.Detection.RuleID, d.Detection.Count, d.Detection.Summary, d.Detection.Events)
	}
	detections := make([][]*sdk.Event, len(events))
	for i, ev := range events {
		detections[i] = judge(t, whole, ev)
	}
	for _, stop := range []int{1, 777, 1500, 2999} {
		again := engine(t, coreGuest())
		want = nil
		var got []string
		for i, ev := range events {
			if i < stop {
				again.Observe(ev)
				for _, d := range detections[i] {
					again.Seen(d)
				}
				continue
			}
			for _, d := range judge(t, again, ev) {
				got = append(got, show(d))
			}
			for _, d := range detections[i] {
				want = append(want, show(d))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("stopped before %d (-whole +restarted):\n%s", stop, diff)
		}
	}
}

// The operator's own traffic is neither judged nor remembered.
func TestOperatorIsLeftOut(t *testing.T) {
	e := engine(t, coreGuest())
	for i, ev := range traffic(200) {
		ev.Operator = "10.0.0.0/8"
		if found := judge(t, e, ev); len(found) > 0 {
			t.Fatalf("event %d gave %v", i, ids(found))
		}
		e.Observe(ev)
	}
	if s := e.Stats(); s.Judged != 0 || s.Calls != 0 {
		t.Errorf("stats %+v", s)
	}
}
