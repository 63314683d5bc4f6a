package rules_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/rules"
	"github.com/killdeer-mcp/killdeer/rules/core"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// native is a guest that is ordinary Go.
type native func(in []byte) []byte

func (n native) Call(_ context.Context, in []byte, _ time.Time) ([]byte, error) { return n(in), nil }

func coreGuest() rules.Guest {
	return native(guest.RulesHandler(core.ID, core.Version, core.All()...))
}

// guestFunc is a guest that may fail.
type guestFunc func(ctx context.Context, in []byte) ([]byte, error)

func (f guestFunc) Call(ctx context.Context, in []byte, _ time.Time) ([]byte, error) {
	return f(ctx, in)
}

const describe = `{"abi":1,"kind":"rules","id":%q,"version":"1","rules":[{"id":%q,"title":"t","severity":"low"%s}]}`

// answering is a guest of one rule that describes itself well and answers
// evaluate as it is told.
func answering(id, rule, extra string, f func() ([]byte, error)) rules.Guest {
	return guestFunc(func(_ context.Context, in []byte) ([]byte, error) {
		if strings.Contains(string(in), `"op":"describe"`) {
			return fmt.Appendf(nil, describe, id, rule, extra), nil
		}
		return f()
	})
}

func hitting(id, rule, extra string) rules.Guest {
	return answering(id, rule, extra, func() ([]byte, error) {
		return fmt.Appendf(nil, `{"hits":[{"rule":%q,"reason":"r"}]}`, rule), nil
	})
}

func engine(t testing.TB, guests ...rules.Guest) *rules.Engine {
	t.Helper()
	e := rules.New(slog.New(slog.DiscardHandler))
	for i, g := range guests {
		if err := e.Add(t.Context(), fmt.Sprint("pack", i), g); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func judge(t testing.TB, e *rules.Engine, ev *sdk.Event) []*sdk.Event {
	t.Helper()
	out, err := e.Judge(t.Context(), ev)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func ids(events []*sdk.Event) (out []string) {
	for _, e := range events {
		if e.Detection != nil {
			out = append(out, e.Detection.RuleID)
		} else {
			out = append(out, string(e.Kind)+" "+e.Guest.Code)
		}
	}
	return out
}

func access(n int, at time.Duration, ip, method, tool, category, outcome, args string) *sdk.Event {
	return &sdk.Event{
		V: 1, ID: fmt.Sprintf("01900000-0000-7000-8000-%012d", n), Kind: sdk.KindAccess, Time: epoch.Add(at),
		IP: ip, Actor: "actor-" + ip, Session: "s1", Method: "POST", Path: "/mcp", UA: "node", Head: "POST /mcp HTTP/1.1\r\n",
		MCPMethod: method, Tool: tool, Category: category, Outcome: outcome, Args: sdk.RawJSON(args),
		Client: &sdk.ClientInfo{Name: "probe", Version: "1"},
	}
}

// vectors is one visit, as a sensor would record it.
func vectors() []*sdk.Event {
	const call = "tools/call"
	return []*sdk.Event{
		access(1, 0, "192.0.2.1", "initialize", "", "", "result", ""),
		access(2, time.Second, "192.0.2.1", "tools/list", "", "", "result", "{}"),
		access(3, 2*time.Second, "192.0.2.1", call, "postgresql_list_databases", "datastore", "result", "{}"),
		access(4, 3*time.Second, "192.0.2.1", call, "postgresql_list_databases", "datastore", "result", "{}"),
		access(5, 4*time.Second, "192.0.2.1", call, "vault_read", "", "unknown_tool", `{"path":"\u0073ecret/prod"}`),
		access(6, 5*time.Second, "192.0.2.1", call, "github_search_code", "source", "result", `{"query":"filename:.env DB_PASSWORD"}`),
		access(7, 6*time.Second, "192.0.2.9", call, "slack_get_user_info", "identity", "tool_error", `{"user":"U1"}`),
		access(8, 7*time.Second, "192.0.2.1", call, "jenkins_getjobscm", "ci", "result", `{"job_name":"deploy"}`),
		access(9, 8*time.Second, "192.0.2.1", call, "confluence_search", "docs", "bad_args", `{"cql":1}`),
		access(10, 9*time.Second, "192.0.2.1", call, "postgresql_list_databases", "datastore", "no_session", `{"q":"password"}`),
		access(11, 10*time.Minute, "192.0.2.1", call, "postgresql_list_databases", "datastore", "result", `{"q":"<&>`+strings.Repeat("x", 2000)+` token"}`),
		access(12, 10*time.Minute, "192.0.2.1", call, "deep", "docs", "result", strings.Repeat("[", 90)+`"password"`+strings.Repeat("]", 90)),
	}
}

var wantVectors = [][]string{
	nil,
	{"MCP_TOOL_ENUMERATION"},
	{"MCP_DATASTORE_RECON"},
	nil,
	{"MCP_UNKNOWN_TOOL_PROBE", "MCP_SECRET_HUNTING_ARGS"},
	{"MCP_SECRET_HUNTING_ARGS", "MCP_SOURCE_CODE_RECON"},
	{"MCP_IDENTITY_RECON"},
	{"MCP_MULTI_TOOL_RECON", "MCP_SOURCE_CODE_RECON"},
	{"MCP_AGENT_CLASSIFIED"},
	nil,
	{"MCP_SECRET_HUNTING_ARGS", "MCP_DATASTORE_RECON"},
	{"MCP_SECRET_HUNTING_ARGS"},
}

func TestJudgeCore(t *testing.T) {
	e := engine(t, coreGuest())
	for i, ev := range vectors() {
		if diff := cmp.Diff(wantVectors[i], ids(judge(t, e, ev))); diff != "" {
			t.Errorf("event %s (-want +got):\n%s", ev.ID, diff)
		}
	}
	var ids []string
	for _, r := range core.All() {
		ids = append(ids, r.Info().ID)
	}
	want := []rules.PackInfo{{Name: "pack0", ID: "core", Version: core.Version, Rules: ids}}
	if diff := cmp.Diff(want, e.Packs()); diff != "" {
		t.Errorf("packs (-want +got):\n%s", diff)
	}
	// initialize and the call without a session are of interest to no rule.
	if s := e.Stats(); s.Judged != 12 || s.Calls != 10 || s.Detections != 13 || s.Failures != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestDetectionEvent(t *testing.T) {
	e := engine(t, coreGuest())
	ev := access(6, 0, "192.0.2.1", "tools/call", "github_search_code", "docs", "result", `{"query":"DB_PASSWORD"}`)
	ev.Sensor = "dmz-1"
	out := judge(t, e, ev)
	if len(out) != 1 {
		t.Fatalf("%d events", len(out))
	}
	id := out[0].ID
	if !regexp.MustCompile(`^019[0-9a-f]{5}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
		t.Errorf("id %s is no UUIDv7", id)
	}
	want := &sdk.Event{
		V: 1, ID: id, Kind: sdk.KindDetection, Time: epoch, Sensor: "dmz-1", IP: "192.0.2.1", Actor: "actor-192.0.2.1", Session: "s1",
		MCPMethod: "tools/call", Tool: "github_search_code", Client: &sdk.ClientInfo{Name: "probe", Version: "1"},
		Detection: &sdk.Detection{
			ID: id, RuleID: "MCP_SECRET_HUNTING_ARGS", Title: "Secrets searched for", Pack: "core",
			Severity: sdk.SeverityHigh, Confidence: sdk.ConfidenceHigh, SourceIP: "192.0.2.1", Actor: "actor-192.0.2.1", Session: "s1",
			Tool: "github_search_code", MCPMethod: "tools/call", Subject: "github_search_code",
			Summary: `the arguments look for secrets: "password"`, Count: 1, Events: []string{ev.ID},
			Evidence: &sdk.Evidence{Path: "args.query", Snippet: "DB_PASSWORD"},
			Attack:   []string{"T1552"}, Atlas: []string{"AML.T0098"}, OWASP: []string{"MCP01"},
		},
	}
	if diff := cmp.Diff(want, out[0]); diff != "" {
		t.Errorf("detection (-want +got):\n%s", diff)
	}
}

// Two engines that see the same stream say the same, ids included.
func TestReplayIsIdentical(t *testing.T) {
	run := func() (out []*sdk.Event) {
		e := engine(t, coreGuest())
		for _, ev := range vectors() {
			out = append(out, judge(t, e, ev)...)
		}
		return out
	}
	a, b := run(), run()
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("second run (-first +second):\n%s", diff)
	}
	seen := map[string]bool{}
	for _, d := range a {
		if seen[d.ID] {
			t.Errorf("id %s twice", d.ID)
		}
		seen[d.ID] = true
	}
}

// An engine that was rebuilt from a journal goes on where the first one stopped.
func TestRestart(t *testing.T) {
	for stop := range len(vectors()) {
		whole, before, after := engine(t, coreGuest()), engine(t, coreGuest()), engine(t, coreGuest())
		var want, got []*sdk.Event
		for i, ev := range vectors() {
			want = append(want, judge(t, whole, ev)...)
			if i >= stop {
				got = append(got, judge(t, after, ev)...)
				continue
			}
			found := judge(t, before, ev)
			got = append(got, found...)
			after.Observe(ev)
			for _, d := range found {
				after.Seen(d)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("stopped before event %d (-whole +restarted):\n%s", stop, diff)
		}
	}
}

func TestDedup(t *testing.T) {
	type step struct {
		at                 time.Duration
		ip, actor, session string
		tool               string
		want               bool
	}
	const m = time.Minute
	cases := []struct {
		name, extra string
		steps       []step
	}{
		{"by actor over 5 minutes unless told", ``, []step{
			{0, "1", "a", "s", "t", true},
			{1, "1", "a", "s", "t", false},
			{2, "2", "a", "s", "t", false},
			{3, "1", "b", "s", "t", true},
			{4, "1", "a", "s", "u", true}, // another subject
			{5*m - 1, "1", "a", "s", "t", false},
			{5 * m, "1", "a", "s", "t", true}, // from the first, not from the latest
			{10*m - 1, "1", "a", "s", "t", false},
			{10 * m, "1", "a", "s", "t", true},
		}},
		{"by ip", `,"dedup":{"by":"ip","over":"1m"}`, []step{
			{0, "1", "a", "s", "t", true},
			{1, "1", "b", "r", "t", false},
			{2, "2", "a", "s", "t", true},
			{m, "1", "a", "s", "t", true},
		}},
		{"by session", `,"dedup":{"by":"session","over":"1m"}`, []step{
			{0, "1", "a", "s", "t", true},
			{1, "2", "b", "s", "t", false},
			{2, "1", "a", "r", "t", true},
			{3, "1", "a", "", "t", true}, // no session: by actor
			{4, "2", "a", "", "t", false},
			{5, "1", "b", "", "t", true},
		}},
		{"a clock that was set back", `,"dedup":{"by":"ip","over":"1m"}`, []step{
			{time.Hour, "1", "a", "s", "t", true},
			{time.Hour - 1, "1", "a", "s", "t", false},
			{0, "1", "a", "s", "t", true},
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := engine(t, hitting("p", "A", c.extra))
			for i, s := range c.steps {
				ev := access(i, s.at, s.ip, "tools/call", s.tool, "", "result", "{}")
				ev.Actor, ev.Session = s.actor, s.session
				if got := len(judge(t, e, ev)) == 1; got != s.want {
					t.Errorf("step %d: detection = %v, want %v", i, got, s.want)
				}
			}
		})
	}
}

// A guest that fails costs its own verdicts, not those of the others.
func TestGuestFailure(t *testing.T) {
	cases := []struct {
		name  string
		reply string
		err   error
		want  string
	}{
		{"trap", "", &wasm.CallError{Code: "trap", Err: wasm.ErrTrap}, "guest_error trap"},
		{"timeout", "", fmt.Errorf("wrapped: %w", &wasm.CallError{Code: "timeout", Err: wasm.ErrTimeout}), "guest_error timeout"},
		{"other error", "", errors.New("pipe"), "guest_error trap"},
		{"bad JSON", "{", nil, "guest_error json"},
		{"unknown rule", `{"hits":[{"rule":"A"},{"rule":"NO"}]}`, nil, "guest_error json"},
		{"another pack's rule", `{"hits":[{"rule":"B"}]}`, nil, "guest_error json"},
		{"nothing", "", nil, "guest_error json"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bad := answering("bad", "A", "", func() ([]byte, error) { return []byte(c.reply), c.err })
			e := engine(t, bad, hitting("good", "B", ""))
			out := judge(t, e, access(1, 0, "192.0.2.1", "tools/call", "t", "", "result", "{}"))
			if diff := cmp.Diff([]string{c.want, "B"}, ids(out)); diff != "" {
				t.Fatalf("events (-want +got):\n%s", diff)
			}
			g := out[0]
			if g.Kind != sdk.KindGuest || g.ID == "" || g.Guest.Module != "pack0" || g.Guest.Op != "evaluate" || g.Guest.Detail == "" || g.IP == "" {
				t.Errorf("guest error %+v, %+v", g, g.Guest)
			}
		})
	}
}

func TestJudgeEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	slow := answering("slow", "A", "", func() ([]byte, error) {
		cancel()
		return nil, ctx.Err()
	})
	e := engine(t, slow, hitting("good", "B", ""))
	out, err := e.Judge(ctx, access(1, 0, "192.0.2.1", "tools/call", "t", "", "result", "{}"))
	if len(out) != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("Judge = %v, %v, want nothing and %v", ids(out), err, context.Canceled)
	}
}

func TestOtherKindsAreNotJudged(t *testing.T) {
	e := engine(t, hitting("p", "A", ""))
	for _, k := range []sdk.Kind{sdk.KindDetection, sdk.KindGap, sdk.KindGuest, ""} {
		ev := access(1, 0, "192.0.2.1", "tools/call", "t", "", "result", "{}")
		ev.Kind = k
		if out := judge(t, e, ev); len(out) != 0 {
			t.Errorf("kind %q: %v", k, ids(out))
		}
	}
	e.Observe(nil)
	e.Seen(nil)
	e.Seen(&sdk.Event{Detection: &sdk.Detection{RuleID: "GONE"}})
}

func TestAddRefuses(t *testing.T) {
	calls := 0
	moody := guestFunc(func(context.Context, []byte) ([]byte, error) {
		calls++
		return fmt.Appendf(nil, describe, fmt.Sprint("p", calls), "A", ""), nil
	})
	cases := []struct {
		name       string
		g          rules.Guest
		code, want string
	}{
		{"two describes", moody, "describe", "two calls of describe gave different documents"},
		{"failing", guestFunc(func(context.Context, []byte) ([]byte, error) {
			return nil, &wasm.CallError{Code: "timeout", Err: wasm.ErrTimeout}
		}), "timeout", "describe: "},
		{"rule of another pack", hitting("q", "A", ""), "describe", `rule A is in pack "pack0" too`},
		{"id of another pack", hitting("p", "B", ""), "describe", `id "p" is that of pack "pack0"`},
		{"bad document", guestFunc(func(context.Context, []byte) ([]byte, error) { return nil, nil }), "describe", "decode describe document"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := engine(t, hitting("p", "A", ""))
			err := e.Add(t.Context(), "new", c.g)
			var pe *rules.PackError
			if !errors.As(err, &pe) || pe.Code != c.code || pe.Name != "new" || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v (%+v), want code %s and %q", err, pe, c.code, c.want)
			}
			if len(e.Packs()) != 1 {
				t.Errorf("packs %v", e.Packs())
			}
		})
	}
}

// What a client wrote at length is not copied at length into every detection.
func TestDetectionIsBounded(t *testing.T) {
	e := engine(t, hitting("p", "A", ""))
	ev := access(1, 0, "192.0.2.1", "tools/call", strings.Repeat("ü", 100_000)+"\xff", "", "unknown_tool", "{}")
	ev.Client = &sdk.ClientInfo{Name: strings.Repeat("n", 100_000)}
	d := judge(t, e, ev)[0]
	if len(d.Tool) > 256 || len(d.Detection.Tool) > 256 || len(d.Detection.Subject) > 256 || len(d.Client.Name) > 256 {
		t.Errorf("tool %d, subject %d, client %d bytes", len(d.Tool), len(d.Detection.Subject), len(d.Client.Name))
	}
}
