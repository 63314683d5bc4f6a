package decoy

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// answers is a backend with one tool, "t".
type answers func(c *sdk.Call) *sdk.Answer

func (answers) Catalog(context.Context) (*sdk.Catalog, error) {
	return &sdk.Catalog{Logging: true, Tools: []sdk.Tool{{Name: "t", Definition: sdk.RawJSON(`{"name":"t"}`), InputSchema: sdk.RawJSON(`{"type":"object"}`)}}}, nil
}

func (f answers) Call(_ context.Context, _ string, c *sdk.Call) (*sdk.Answer, error) {
	return f(c), nil
}

func (answers) Release(string) {}

func newTestServer(f answers) *Server {
	return New(Options{Profile: profile.Strict{}, Recorder: &events{}, Backend: f, Log: slog.New(slog.DiscardHandler)})
}

// told is an outlet that notes what is sent and when.
type told struct {
	start time.Time
	lines []string
}

func (o *told) send(message []byte) bool {
	o.lines = append(o.lines, time.Since(o.start).String()+" "+string(message))
	return true
}

func (o *told) hangUp(time.Duration) {}

// call has a session's client call the tool.
func call(s *Server, n *session, out outlet, params string) profile.Outcome {
	m := parseMessage([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"` + params + `}}`))
	x := &exchange{arrival: time.Now(), session: n, out: out, era: profile.Legacy, event: s.newEvent(time.Now(), "http")}
	return s.engine.serve(context.Background(), x, m)
}

const done = `{"content":[]}`

// Notices go out at their times and the answer at its own, counted from the
// request's arrival.
func TestTellTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestServer(func(*sdk.Call) *sdk.Answer {
			return &sdk.Answer{Result: sdk.RawJSON(done), Delay: 5 * time.Second, Notify: []sdk.Notice{
				{After: time.Second, Log: sdk.RawJSON(`{}`), Level: "info"},
				{After: 3 * time.Second, Progress: sdk.RawJSON(`{"progress":1}`)},
			}}
		})
		out := &told{start: time.Now()}
		o := call(s, newTestSession(t), out, `,"_meta":{"progressToken":"p"}`)
		if o.Code != profile.Result || time.Since(out.start) != 5*time.Second {
			t.Errorf("%s after %v", o.Code, time.Since(out.start))
		}
		if len(out.lines) != 2 || !strings.HasPrefix(out.lines[0], "1s ") || !strings.HasPrefix(out.lines[1], "3s ") {
			t.Errorf("sent %q", out.lines)
		}
	})
}

// A client that never answers is waited for no longer than a minute.
func TestAskTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestServer(func(*sdk.Call) *sdk.Answer {
			return &sdk.Answer{Input: &sdk.InputRequired{Requests: []sdk.InputRequest{{Key: "k", Method: methodRoots}}}}
		})
		n := newTestSession(t)
		n.initialized(profile.Rev2025_11_25, nil, []string{sdk.CanRoots})
		out := &told{start: time.Now()}
		if o := call(s, n, out, ""); o.Code != profile.ToolError || time.Since(out.start) != askTimeout {
			t.Errorf("%s after %v", o.Code, time.Since(out.start))
		}
		if n.answered(&message{id: sdk.RawJSON("1")}) {
			t.Error("an answer that comes too late was taken")
		}
	})
}

// A requestState lasts ten minutes.
func TestStateExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestServer(func(c *sdk.Call) *sdk.Answer {
			if c.Round == 0 {
				return &sdk.Answer{Input: &sdk.InputRequired{Resume: sdk.RawJSON("1")}}
			}
			return &sdk.Answer{Result: sdk.RawJSON(done)}
		})
		modern := func(state string) profile.Outcome {
			m := parseMessage([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t",` + state +
				`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`))
			return s.engine.modern(context.Background(), &exchange{arrival: time.Now(), event: s.newEvent(time.Now(), "http")}, nil, m)
		}
		_, rest, _ := strings.Cut(string(modern("").Result), `"requestState":"`)
		token, _, _ := strings.Cut(rest, `"`)
		state := `"requestState":"` + token + `",`
		time.Sleep(stateLife)
		if o := modern(state); o.Code != profile.Result {
			t.Errorf("at its end: %s %s", o.Code, o.Detail)
		}
		time.Sleep(time.Second)
		if o := modern(state); o.Code != profile.BadParams || o.Detail != "requestState has expired" {
			t.Errorf("after its end: %s %s", o.Code, o.Detail)
		}
	})
}

// A call that waits for its delay ends with its request, and an address may have
// so many of them and no more.
func TestDelayIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestServer(func(*sdk.Call) *sdk.Answer { return &sdk.Answer{Result: sdk.RawJSON(done), Delay: time.Hour} })
		ask := func(ctx context.Context, ip string) (took time.Duration, note string) {
			m := parseMessage([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}`))
			x := &exchange{arrival: time.Now(), era: profile.Legacy, event: s.newEvent(time.Now(), "http")}
			x.event.IP = ip
			start := time.Now()
			s.engine.serve(ctx, x, m)
			return time.Since(start), x.event.Notes["delay"]
		}
		ctx, cancel := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		for range maxWaiting {
			waiting.Go(func() {
				if took, note := ask(ctx, "192.0.2.1"); took != time.Second || note != "" {
					t.Errorf("it took %v, %q", took, note)
				}
			})
		}
		synctest.Wait()
		if took, note := ask(ctx, "192.0.2.1"); took != 0 || note == "" {
			t.Errorf("one call too many took %v, %q", took, note)
		}
		waiting.Go(func() {
			if took, _ := ask(ctx, "192.0.2.2"); took != time.Second {
				t.Errorf("another address waited %v", took)
			}
		})
		time.Sleep(time.Second)
		cancel()
		waiting.Wait()
		if took, note := ask(t.Context(), "192.0.2.1"); took != time.Hour || note != "" {
			t.Errorf("after all of that it took %v, %q", took, note)
		}
	})
}

// A repeated read is recorded again after a while only, and by client.
func TestHanded(t *testing.T) {
	var h handed
	now := time.Now()
	for i, tt := range []struct {
		id, holder string
		at         time.Duration
		want       bool
	}{
		{"a", "s", 0, true},
		{"a", "s", time.Second, false},
		{"b", "s", 0, true},
		{"a", "t", 0, true},
		{"a", "s", recordAgain, true},
		{"a", "s", recordAgain + time.Second, false},
	} {
		if got := h.due(tt.id, tt.holder, now.Add(tt.at)); got != tt.want {
			t.Errorf("%d: due is %v", i, got)
		}
	}
	for i := range 3 * maxHanded {
		h.due("x", strconv.Itoa(i), now)
		if len(h.at) > maxHanded {
			t.Fatal("it grows without end")
		}
	}
}
