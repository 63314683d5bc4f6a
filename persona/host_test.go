package persona

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const describeDoc = `{"abi":1,"kind":"persona","id":"t","version":"1","personas":[{"id":"t",
 "server":{"name":"{{fake:org_slug:0}}-hub","version":"1.2.3"},
 "tools":[{"name":"echo","inputSchema":{"type":"object"}}],
 "tool_info":{"echo":{"service":"svc","class":"read","category":"docs"}},
 "routes":{"/health":{
   "server":"{{server:name}}"
 }},
 "fallback":{"text":"try later","delay_ms":[10,20]}}]}`

// fakeGuest answers describe with a document and calls with a function.
type fakeGuest struct {
	described int
	describe  string
	call      func(in guest.Object) (string, error)
	calls     int
	released  []string
	prepared  []string
}

func (g *fakeGuest) Digest() [32]byte { return [32]byte{1} }

func (g *fakeGuest) Prepare(_ context.Context, steps ...wasm.Request) error {
	for _, r := range steps {
		g.prepared = append(g.prepared, string(r.Input))
	}
	return nil
}

func (g *fakeGuest) Release(source string) { g.released = append(g.released, source) }

func (g *fakeGuest) Call(_ context.Context, r wasm.Request) (wasm.Reply, error) {
	in, err := guest.ParseObject(r.Input)
	if err != nil {
		return wasm.Reply{}, err
	}
	if in.Str("op") == "describe" {
		g.described++
		return wasm.Reply{Output: []byte(g.describe)}, nil
	}
	g.calls++
	out, err := g.call(in)
	return wasm.Reply{Output: []byte(out)}, err
}

// echo answers with the arguments' "text" as the tool's text.
func echo(in guest.Object) (string, error) {
	text := guest.Quote(in.Object("args").Str("text"))
	return `{"result":{"content":[{"type":"text","text":` + string(text) + `}]}}`, nil
}

func open(t testing.TB, g *fakeGuest, change func(*Options)) *Host {
	t.Helper()
	if g.describe == "" {
		g.describe = describeDoc
	}
	o := Options{WorldSeed: []byte("seed"), Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	h := NewHost(o)
	if err := h.Open(t.Context(), []Module{{"t", g}}, nil); err != nil {
		t.Fatal(err)
	}
	return h
}

var noon = time.Date(2026, 3, 4, 12, 0, 30, 0, time.UTC)

func call(t testing.TB, h *Host, source, args string) *sdk.Answer {
	t.Helper()
	a, err := h.Call(t.Context(), source, &sdk.Call{Op: sdk.OpCall, Persona: "t", Tool: "echo", Args: sdk.RawJSON(args), Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestCatalog(t *testing.T) {
	h := open(t, &fakeGuest{}, nil)
	c, err := h.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(c.Server.Name, "{{") || !strings.HasSuffix(c.Server.Name, "-hub") {
		t.Errorf("server name = %q", c.Server.Name)
	}
	if got := string(c.Routes["/health"]); got != `{"server":"`+c.Server.Name+`"}` {
		t.Errorf("route = %s", got)
	}
	tool := c.Tools[0]
	if tool.Persona != "t" || tool.Service != "svc" || tool.Class != "read" || tool.Category != "docs" {
		t.Errorf("tool = %+v", tool)
	}
	other := open(t, &fakeGuest{}, func(o *Options) { o.WorldSeed = []byte("another") })
	if c2, _ := other.Catalog(t.Context()); c2.Server.Name == c.Server.Name {
		t.Errorf("two deployments are both called %q", c.Server.Name)
	}
	named := open(t, &fakeGuest{}, func(o *Options) { o.ServerName = "mine" })
	if c3, _ := named.Catalog(t.Context()); c3.Server.Name != "mine" || string(c3.Routes["/health"]) != `{"server":"mine"}` {
		t.Errorf("catalog with a configured name = %+v", c3)
	}
}

// A persona that says so is prepared with what all its calls have in common, and
// none else with anything.
func TestHostPrepares(t *testing.T) { synctest.Test(t, testHostPrepares) }

func testHostPrepares(t *testing.T) {
	g := &fakeGuest{}
	h := open(t, g, nil)
	if len(g.prepared) != 0 {
		t.Errorf("one that did not ask was prepared with %s", g.prepared)
	}
	g = &fakeGuest{describe: strings.Replace(describeDoc, `[{"id":"t"`, `[{"id":"t","prepare":true,"grain":"24h"`, 1)}
	err := h.Swap(t.Context(), []Module{{Name: "m", Guest: Configured(g, []byte(`{"a":1}`))}})
	if err != nil {
		t.Fatal(err)
	}
	seed := strconv.FormatUint(h.by["t"].seed, 10)
	company := strconv.FormatUint(h.by["t"].company, 10)
	today := time.Now().UTC().Truncate(24 * time.Hour).Format(time.RFC3339)
	want := `{"config":{"a":1},"abi":1,"op":"prepare","persona":"t","seed":"` + seed + `","company":"` + company + `","now":"` + today + `"}`
	if len(g.prepared) != 1 || g.prepared[0] != want {
		t.Errorf("prepared with %s, want %s", g.prepared, want)
	}
}

// Equal requests reach the guest once, whoever sends them; what the guest sees
// names no source.
func TestMemo(t *testing.T) {
	var inputs []string
	g := &fakeGuest{}
	g.call = func(in guest.Object) (string, error) {
		inputs = append(inputs, strings.Join(in.Keys(), " "))
		return echo(in)
	}
	h := open(t, g, nil)
	first := call(t, h, "alice", `{"text":"x"}`)
	second := call(t, h, "bob", `{"text":"x"}`)
	if g.calls != 1 || string(first.Result) != string(second.Result) {
		t.Errorf("%d calls; answers %s and %s", g.calls, first.Result, second.Result)
	}
	call(t, h, "bob", `{"text":"y"}`)
	if g.calls != 2 {
		t.Errorf("%d calls after another argument", g.calls)
	}
	if want := "abi op persona seed company now state can friction tool args mark"; inputs[0] != want {
		t.Errorf("envelope has %q, want %q", inputs[0], want)
	}
}

func TestStateIsPerSource(t *testing.T) {
	g := &fakeGuest{}
	g.call = func(in guest.Object) (string, error) {
		n := in.Object("state").Int("n", 0) + 1
		if in.Object("args").Str("text") == "clear" {
			return `{"result":{"content":[]},"state":null}`, nil
		}
		return fmt.Sprintf(`{"result":{"content":[{"type":"text","text":"%d"}]},"state":{"n":%d}}`, n, n), nil
	}
	h := open(t, g, nil)
	for i, step := range []struct{ source, args, want string }{
		{"a", `{}`, "1"},
		{"a", `{}`, "2"},
		{"b", `{}`, "1"},
		{"a", `{}`, "3"},
		{"a", `{"text":"clear"}`, ""},
		{"a", `{}`, "1"},
		{"b", `{}`, "2"},
	} {
		if got := string(call(t, h, step.source, step.args).Result); !strings.Contains(got, `"`+step.want+`"`) && step.want != "" {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
	h.Release("b")
	if got := string(call(t, h, "b", `{}`).Result); !strings.Contains(got, `"1"`) {
		t.Errorf("after release: %s", got)
	}
}

// A caller who gives up is not a guest that failed.
func TestHangUpIsNoGuestError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	g := &fakeGuest{call: func(guest.Object) (string, error) {
		cancel()
		return "", &wasm.CallError{Code: "timeout", Err: wasm.ErrTimeout}
	}}
	h := open(t, g, nil)
	a, err := h.Call(ctx, "s", &sdk.Call{Op: sdk.OpCall, Persona: "t", Tool: "echo", Args: sdk.RawJSON(`{}`), Now: noon})
	if !errors.Is(err, context.Canceled) || a != nil {
		t.Errorf("answer %+v, error %v", a, err)
	}
}

// A message is one line, however a guest lays out its JSON.
func TestResultIsOneLine(t *testing.T) {
	h := open(t, &fakeGuest{call: func(guest.Object) (string, error) {
		return "{\n \"result\": {\r\n  \"content\": [ {\"type\": \"text\", \"text\": \"a\\nb\"} ]\n }\n}\n", nil
	}}, nil)
	want := `{"content":[{"type":"text","text":"a\nb"}]}`
	if got := string(call(t, h, "s", `{}`).Result); got != want {
		t.Errorf("result = %q, want %q", got, want)
	}
}

// Whatever a guest does wrong, the client sees the persona's fallback.
func TestBrokenGuest(t *testing.T) {
	tests := []struct {
		name, out string
		err       error
		code      string
	}{
		{"trap", "", &wasm.CallError{Code: "trap", Err: errors.New("wasm trap: unreachable")}, "trap"},
		{"timeout", "", &wasm.CallError{Code: "timeout", Err: wasm.ErrTimeout}, "timeout"},
		{"nothing", "", nil, "json"},
		{"not json", "panic: oh", nil, "json"},
		{"not utf-8", "{\"result\":{\"content\":[],\"x\":\"\xff\"}}", nil, "json"},
		{"two outcomes", `{"result":{"content":[]},"error":{"kind":"tool","message":"x"}}`, nil, "json"},
		{"no outcome", `{"delay_ms":1}`, nil, "json"},
		{"two values", `{"result":{"content":[]}}{}`, nil, "json"},
		{"result no object", `{"result":[]}`, nil, "json"},
		{"content no list", `{"result":{"content":"x"}}`, nil, "json"},
		{"content without type", `{"result":{"content":[{"text":"x"}]}}`, nil, "json"},
		{"unknown error kind", `{"error":{"kind":"oops","message":"x"}}`, nil, "json"},
		{"delay too long", `{"result":{"content":[]},"delay_ms":99999999}`, nil, "json"},
		{"negative delay", `{"result":{"content":[]},"delay_ms":-1}`, nil, "json"},
		{"state too large", `{"result":{"content":[]},"state":"` + strings.Repeat("x", 20000) + `"}`, nil, "json"},
		{"note too large", `{"result":{"content":[]},"notes":{"a":"` + strings.Repeat("x", 300) + `"}}`, nil, "json"},
		{"too deep", `{"result":{"content":[],"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}}`, nil, "json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := open(t, &fakeGuest{call: func(guest.Object) (string, error) { return tt.out, tt.err }}, nil)
			a := call(t, h, "s", `{}`)
			if a.Result != nil || a.Fault == nil || a.Fault.Kind != "tool" || a.Fault.Message != "try later" {
				t.Errorf("answer = %+v", a)
			}
			if a.Guest == nil || a.Guest.Code != tt.code {
				t.Errorf("guest error = %+v, want code %s", a.Guest, tt.code)
			}
			if a.Delay < 10*time.Millisecond || a.Delay > 20*time.Millisecond {
				t.Errorf("delay = %v, want the fallback's", a.Delay)
			}
		})
	}
}

func TestDescribeRefused(t *testing.T) {
	tests := []struct{ name, from, to, want string }{
		{"newer abi", `"abi":1`, `"abi":2`, "abi is 2, this sensor speaks 1: install a newer Killdeer"},
		{"no abi", `"abi":1,`, ``, "abi is 0, this sensor speaks 1: build the guest for"},
		{"no persona", `"personas":[`, `"others":[`, "list at least one"},
		{"kind", `"kind":"persona"`, `"kind":"rules"`, "belongs in rules.packs"},
		{"id", `"personas":[{"id":"t"`, `"personas":[{"id":"T!"`, "id does not match"},
		{"server", `"version":"1.2.3"`, `"version":""`, "server.name and server.version"},
		{"tool name", `"name":"echo"`, `"name":"e cho"`, "tool name"},
		{"schema", `"inputSchema":{"type":"object"}`, `"inputSchema":{"type":"string"}`, "inputSchema"},
		{"grain", `"fallback"`, `"grain":"1ms","fallback"`, "grain"},
		{"needs", `"fallback"`, `"needs":["auth"],"fallback"`, "needs"},
		{"fallback", `[10,20]`, `[20,10]`, "fallback.delay_ms"},
		{"two of a name", `[{"name":"echo"`, `[{"name":"echo","inputSchema":{"type":"object"}},{"name":"echo"`, "is offered by"},
		{"json", `{"abi"`, `{{"abi"`, "docs/guest-abi.md"},
		{"type", `"version":"1.2.3"`, `"version":1`, "docs/guest-abi.md"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := NewHost(Options{Log: slog.New(slog.DiscardHandler)})
			doc := strings.Replace(describeDoc, tt.from, tt.to, 1)
			err := h.Open(t.Context(), []Module{{"t", &fakeGuest{describe: doc}}}, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
}

// Two personas of a sensor show one company, and hand out canaries of their own.
func TestPersonasShareTheCompany(t *testing.T) {
	said := func(id string) (fakes, canary string) {
		g := &fakeGuest{describe: strings.Replace(describeDoc, `[{"id":"t"`, `[{"id":"`+id+`"`, 1), call: func(in guest.Object) (string, error) {
			c := &sdk.Call{Mark: in.Str("mark")}
			return string(guest.Text(guest.Fake(c, "org_name", 0) + " " + guest.Fake(c, "email", 3) + "|" + guest.Canary(c, "npm_token", "x"))), nil
		}}
		h := NewHost(Options{WorldSeed: []byte("seed"), Log: slog.New(slog.DiscardHandler)})
		if err := h.Open(t.Context(), []Module{{id, g}}, nil); err != nil {
			t.Fatal(err)
		}
		a, err := h.Call(t.Context(), "s", &sdk.Call{Op: sdk.OpCall, Persona: id, Tool: "echo"})
		if err != nil {
			t.Fatal(err)
		}
		fakes, canary, _ = strings.Cut(string(a.Result), "|")
		return fakes, canary
	}
	fakes, canary := said("t")
	otherFakes, otherCanary := said("enterprise")
	if fakes != otherFakes || canary == otherCanary {
		t.Errorf("one persona says %s|%s, the other %s|%s", fakes, canary, otherFakes, otherCanary)
	}
}

// silent fails every call, after a line in its log.
type silent struct{ fakeGuest }

func (*silent) Call(context.Context, wasm.Request) (wasm.Reply, error) {
	return wasm.Reply{Log: []wasm.LogLine{{Text: "TypeError: x is\nundefined"}}}, wasm.ErrStatus
}

func TestDescribeTellsWhatTheGuestLogged(t *testing.T) {
	h := NewHost(Options{Log: slog.New(slog.DiscardHandler)})
	err := h.Open(t.Context(), []Module{{"t", &silent{}}}, nil)
	if want := `: it logged "TypeError: x is\nundefined"`; !errors.Is(err, wasm.ErrStatus) || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("error = %v, want it to end in %s", err, want)
	}
}

func TestDescribeCache(t *testing.T) {
	dir := t.TempDir()
	withCache := func(o *Options) { o.CacheDir = dir }
	open(t, &fakeGuest{}, withCache)
	open(t, &fakeGuest{describe: "the guest is not asked again"}, withCache)
	files, _ := filepath.Glob(filepath.Join(dir, "describe-*"))
	if len(files) != 1 {
		t.Fatalf("cache has %q", files)
	}
	if err := os.WriteFile(files[0], []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, &fakeGuest{}, withCache)
}

// A guest is asked to describe itself when it is loaded, twice, to see whether it
// is pure, and never again, whatever is asked of it and of the catalog.
func TestDescribeAtLoad(t *testing.T) {
	g := &fakeGuest{call: echo}
	h := open(t, g, nil)
	first, err := h.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		call(t, h, fmt.Sprintf("s%d", i), `{"text":"x"}`)
		if again, err := h.Catalog(t.Context()); err != nil || again != first {
			t.Fatalf("the catalog was made again: %v", err)
		}
	}
	if g.described != 2 {
		t.Errorf("described %d times, want 2", g.described)
	}
}

// An attacker's text comes back as he sent it and expands to nothing, even when
// the guest copies it into its answer.
func TestEchoDoesNotExpand(t *testing.T) {
	h := open(t, &fakeGuest{call: echo}, nil)
	for _, text := range []string{
		"{{fake:login:1}}", "{{canary:aws_key:x}}", "a{{{{fake:login:1}}}}", "\uF8FE",
		"{{7*7}}", "plain", `"\`, "{{server:name}}",
	} {
		args, _ := json.Marshal(map[string]string{"text": text})
		escaped := strings.ReplaceAll(string(args), "{", `\u007b`)
		escaped = `{` + strings.TrimPrefix(escaped, `\u007b`)
		for _, in := range []string{string(args), escaped} {
			if got := echoed(t, call(t, h, "s", in)); got != text {
				t.Errorf("%q came back as %q", text, got)
			}
		}
	}
}

func echoed(t testing.TB, a *sdk.Answer) string {
	t.Helper()
	var r struct{ Content []struct{ Text string } }
	if err := json.Unmarshal(a.Result, &r); err != nil || len(r.Content) != 1 {
		t.Fatalf("result %s: %v", a.Result, err)
	}
	return r.Content[0].Text
}

// expand is what becomes of a part of a description.
func expand(raw string, seed uint64) []byte {
	p := &loaded{company: seed, mint: newMint([]byte("seed"), "t", seed)}
	return p.expander("", "").json([]byte(raw))
}

func TestExpand(t *testing.T) {
	out := string(expand(`{"a":"{{fake:login:3}} {{fake:nope:1}} {{canary:aws_key:x}} {{other:1}} {{fake:login:x}}"}`, 7))
	if strings.Contains(out, "{{fake:login:3}}") || strings.Contains(out, "{{fake:nope") || strings.Contains(out, "{{canary") {
		t.Errorf("not expanded: %s", out)
	}
	if !strings.Contains(out, "{{other:1}}") || !json.Valid([]byte(out)) {
		t.Errorf("damaged: %s", out)
	}
	if again := string(expand(`{"a":"{{fake:login:3}} {{fake:nope:1}} {{canary:aws_key:x}} {{other:1}} {{fake:login:x}}"}`, 7)); again != out {
		t.Error("two expansions differ")
	}
}

// An owner with many sources loses his own states, never another's, and nobody
// waits for a turn longer than his request lasts.
func TestStatesOfOwners(t *testing.T) {
	s := newStates()
	s.set("192.0.2.1 a", "p", []byte(`1`), noon)
	for i := range 3 * maxOwnerStates {
		s.set(fmt.Sprintf("192.0.2.2 %d", i), "p", []byte(`2`), noon)
	}
	if got := string(s.get("192.0.2.1 a", "p", noon)); got != "1" {
		t.Errorf("the other owner's state is %q", got)
	}
	if s.order.Len() != maxOwnerStates+2 || len(s.owned) != 2 {
		t.Errorf("%d states of %d owners", s.order.Len(), len(s.owned))
	}
	if got := string(s.get("192.0.2.1 b", "p", noon.Add(keepState))); got != "1" {
		t.Errorf("the owner's next session has %q", got)
	}
	if got := s.get("192.0.2.1 b", "p", noon.Add(keepState+1)); got != nil {
		t.Errorf("a day later it has %q", got)
	}
	if got := s.get("192.0.2.3 b", "p", noon); got != nil {
		t.Errorf("somebody else has %q", got)
	}
	for _, source := range []string{"192.0.2.1 a", "192.0.2.1", "192.0.2.2 0", "192.0.2.2"} {
		s.drop(source)
	}
	for i := range 3 * maxOwnerStates {
		s.drop(fmt.Sprintf("192.0.2.2 %d", i))
	}
	if s.order.Len()+len(s.by)+len(s.owned) != 0 {
		t.Errorf("%d, %d and %d are left", s.order.Len(), len(s.by), len(s.owned))
	}

	turn, err := s.lock(t.Context(), "s", "p")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.lock(ctx, "s", "p"); err == nil {
		t.Error("got a turn that another has")
	}
	turn.unlock()
	if len(s.turns) != 0 {
		t.Errorf("%d turns are left", len(s.turns))
	}
}

// Turns come in the order in which they were asked for, one at a time, and who gives up
// leaves the line, or passes on the turn that came meanwhile.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStates()
		var order []int
		first, err := s.lock(t.Context(), "s", "p")
		if err != nil {
			t.Fatal(err)
		}
		gaveUp, cancel := context.WithCancel(t.Context())
		for i := range 4 {
			ctx := t.Context()
			if i == 1 {
				ctx = gaveUp
			}
			go func() {
				turn, err := s.lock(ctx, "s", "p")
				if err != nil {
					return
				}
				order = append(order, i)
				time.Sleep(time.Second) // the next must wait
				turn.unlock()
			}()
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		other, err := s.lock(t.Context(), "s", "other persona")
		if err != nil {
			t.Fatal(err)
		}
		other.unlock()
		first.unlock()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if fmt.Sprint(order) != "[0 2 3]" || len(s.turns) != 0 {
			t.Errorf("turns came in the order %v; %d are left", order, len(s.turns))
		}

		// Both at once: whichever is noticed, the turn is somebody's or nobody's.
		for range 100 {
			first, _ := s.lock(t.Context(), "s", "p")
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				if turn, err := s.lock(ctx, "s", "p"); err == nil {
					turn.unlock()
				}
			}()
			synctest.Wait()
			first.unlock()
			cancel()
			synctest.Wait()
			if len(s.turns) != 0 {
				t.Fatal("a turn is left when nobody wants it")
			}
		}
	})
}

// A call that is under way ends with the module that it began with, and Swap
// waits for it; the next one meets the new module. State stays.
func TestSwap(t *testing.T) { synctest.Test(t, testSwap) }

func testSwap(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	before := &fakeGuest{call: func(guest.Object) (string, error) {
		close(entered)
		<-release
		return `{"result":{"content":[{"type":"text","text":"old"}]},"state":{"n":1}}`, nil
	}}
	h := open(t, before, nil)
	answered, swapped := make(chan *sdk.Answer), make(chan error)
	go func() { answered <- call(t, h, "s", `{}`) }()
	<-entered
	state := ""
	after := &digested{fakeGuest{describe: describeDoc, call: func(in guest.Object) (string, error) {
		state = string(in.Raw("state"))
		return `{"result":{"content":[{"type":"text","text":"new"}]}}`, nil
	}}}
	go func() { swapped <- h.Swap(t.Context(), []Module{{"t2", after}}) }()
	synctest.Wait()
	select {
	case err := <-swapped:
		t.Fatalf("Swap returned during a call: %v", err)
	default:
	}
	close(release)
	if a := <-answered; !strings.Contains(string(a.Result), "old") {
		t.Errorf("the call under way was answered %s", a.Result)
	}
	if err := <-swapped; err != nil {
		t.Fatal(err)
	}
	if a := call(t, h, "s", `{}`); !strings.Contains(string(a.Result), "new") || state != `{"n":1}` {
		t.Errorf("the next call was answered %s, with state %s", a.Result, state)
	}
}

// digested is a guest of another digest, as a new module has.
type digested struct{ fakeGuest }

func (*digested) Digest() [32]byte { return [32]byte{2} }

func TestBadSwapChangesNothing(t *testing.T) {
	h := open(t, &fakeGuest{call: echo}, nil)
	want, _ := h.Catalog(t.Context())
	for _, doc := range []string{`{}`, `{"abi":1,"kind":"rules"}`, "x"} {
		if err := h.Swap(t.Context(), []Module{{"bad", &digested{fakeGuest{describe: doc}}}}); err == nil {
			t.Errorf("Swap to %s succeeded", doc)
		}
	}
	if got, err := h.Catalog(t.Context()); err != nil || got != want {
		t.Errorf("the catalog changed: %v", err)
	}
	if a := call(t, h, "s", `{"text":"still"}`); !strings.Contains(string(a.Result), "still") {
		t.Errorf("answer = %s", a.Result)
	}
}

// Placeholders cost next to nothing: a world is not made for each.
func BenchmarkFakes(b *testing.B) {
	f := &fakes{seed: 7}
	for b.Loop() {
		if _, ok := f.value("email", 3); !ok {
			b.Fatal("unknown kind")
		}
	}
}
