package decoy_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"runtime/pprof"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy"
	"github.com/killdeer-mcp/killdeer/sdk"
)

func startHub(t *testing.T, change func(*decoy.Options)) *sensor {
	t.Helper()
	return start(t, func(o *decoy.Options) {
		o.Backend = &hub{}
		if change != nil {
			change(o)
		}
	})
}

// session opens a session that can be asked everything.
func (s *sensor) session(t *testing.T) *client {
	t.Helper()
	c := &client{s.url + "/mcp", http.Header{}}
	c.call(t, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{},"sampling":{},"roots":{}}}}`)
	return c
}

// send writes a request on a connection of its own and returns the connection.
func (s *sensor) send(t *testing.T, c *client, method, path, body string) *wire {
	t.Helper()
	w, err := newWire(s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	head := fmt.Sprintf("%s %s HTTP/1.1\nHost: localhost\nContent-Type: application/json\nAccept: application/json, text/event-stream\n", method, path)
	for k, v := range c.headers {
		head += k + ": " + v[0] + "\n"
	}
	if err := w.send(request(head+"\n"+body, "")); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *wire) read(t *testing.T, events int) string {
	t.Helper()
	text, err := w.receive(events)
	if err != nil {
		t.Fatalf("%v after\n%s", err, text)
	}
	return text
}

func toolCall(id int, tool string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q}}`, id, tool)
}

// Nothing that was started is left after a stop, whatever was going on.
func TestNothingIsLeft(t *testing.T) {
	before := serverStacks(nil)
	s := startHub(t, nil)
	c := s.session(t)
	s.send(t, c, "GET", "/mcp", "").read(t, 1)
	s.send(t, c, "POST", "/mcp", toolCall(2, "form")).read(t, 2)
	s.send(t, c, "POST", "/mcp", toolCall(3, "wait")).read(t, 2)
	s.send(t, c, "POST", "/mcp", toolCall(4, "late"))
	broken := s.send(t, c, "POST", "/mcp", toolCall(5, "wait"))
	broken.read(t, 2)
	broken.close()
	old := s.send(t, &client{}, "GET", "/sse", "").read(t, 1)
	_, path, _ := strings.Cut(strings.TrimSpace(old[strings.Index(old, "data: "):]), "data: ")
	s.send(t, &client{}, "POST", path, toolCall(6, "late")).read(t, -1)
	listen := &client{headers: http.Header{"MCP-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {"subscriptions/listen"}}}
	s.send(t, listen, "POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{},`+meta+`}}`).read(t, 1)
	pipes := newPipes(s)
	for _, line := range []string{toolCall(1, "late"), `{"jsonrpc":"2.0","id":2,"method":"ping"}`} {
		if err := pipes.send(line + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pipes.receive(1); err != nil {
		t.Fatal(err)
	}
	pipes.stop()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_ = s.Shutdown(ctx) // it says that it cut answers off
	pipes.close()
	var left map[string]string
	for range 200 {
		if left = serverStacks(before); len(left) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("still running after the stop: %v", slices.Collect(maps.Values(left)))
}

// serverStacks are the goroutines in the code of the package, but for its tests
// and what was there before, by number.
func serverStacks(before map[string]string) map[string]string {
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 2)
	out := map[string]string{}
	for g := range strings.SplitSeq(b.String(), "\n\n") {
		number, _, _ := strings.Cut(g, " [")
		if strings.Contains(g, "agent/decoy.(") && !strings.Contains(g, "agent/decoy_test") && before[number] == "" {
			out[number] = g
		}
	}
	return out
}

// A client whose answer a stop cuts off reads nothing that would tell.
func TestCutOffAnswer(t *testing.T) {
	s := startHub(t, nil)
	c := s.session(t)
	plain := s.send(t, c, "POST", "/mcp", toolCall(2, "late"))
	stream := s.send(t, c, "POST", "/mcp", toolCall(3, "wait"))
	stream.read(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_ = s.Shutdown(ctx)
	for name, w := range map[string]*wire{"plain": plain, "stream": stream} {
		if text, _ := w.receive(-1); strings.Contains(text, "error") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// Who does not read what he asked for is cut off, and holds nobody up.
func TestSlowReader(t *testing.T) {
	s := startHub(t, func(o *decoy.Options) { o.Limits.Write = 200 * time.Millisecond })
	w, err := newWire(s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	_ = w.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	if err := w.send("GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	text := w.read(t, 1)
	_, path, _ := strings.Cut(strings.TrimSpace(text[strings.Index(text, "data: "):]), "data: ")
	c := &client{s.url + path, http.Header{}}
	large := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"` + strings.Repeat("x", 200<<10) + `"}}}`
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if status, _ := c.call(t, large); status == http.StatusNotFound {
			return // the stream is closed, and with it the session
		}
	}
	t.Error("a client that does not read is not cut off")
}

// Every message leaves its event, with what it was about.
func TestEventTargets(t *testing.T) {
	s := startHub(t, nil)
	c := s.session(t)
	tests := []struct{ body, want string }{
		{`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"}}}`, `result echo   {"text":"x"} p`},
		{`{"jsonrpc":"2.0","id":2,"method":"resources/read","params":{"uri":"doc://user/ann"}}`, `result   doc://user/ann  p`},
		{`{"jsonrpc":"2.0","id":2,"method":"resources/read","params":{"uri":"doc://nope"}}`, `unknown_resource   doc://nope  `},
		{`{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"doc://readme"}}`, `result   doc://readme  `},
		{`{"jsonrpc":"2.0","id":2,"method":"resources/unsubscribe","params":{"uri":"doc://readme"}}`, `result   doc://readme  `},
		{`{"jsonrpc":"2.0","id":2,"method":"prompts/get","params":{"name":"greet","arguments":{"who":"Ann"}}}`, `result  greet  {"who":"Ann"} p`},
		{`{"jsonrpc":"2.0","id":2,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"who","value":"A"}}}`, `result  greet  {"name":"who","value":"A"} p`},
		{`{"jsonrpc":"2.0","id":2,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"doc://user/{name}"},"argument":{"name":"name","value":""}}}`, `result   doc://user/{name} {"name":"name","value":""} p`},
		{`{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`, `accepted     `},
	}
	for i, tt := range tests {
		c.call(t, tt.body)
		ev := s.rec.wait(t, i+2)[i+1]
		got := strings.Join([]string{ev.Outcome, ev.Tool, ev.Prompt, ev.URI, string(ev.Args), ev.Persona}, " ")
		if got != tt.want || ev.Session == "" || ev.Actor == "" || ev.Kind != sdk.KindAccess || ev.Body.Text != tt.body {
			t.Errorf("%s:\n got %q\nwant %q", tt.body, got, tt.want)
		}
	}
}

// Lines of blanks are nothing; any other line is answered and recorded.
func TestStdioOddLines(t *testing.T) {
	s := startHub(t, nil)
	var out bytes.Buffer
	in := "\n \t\r\n\x00\n\x00{}\n\xff\n\xef\xbb\xbf{}\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n"
	if err := s.ServeStdio(t.Context(), strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "-32700"); got != 4 || !strings.HasSuffix(out.String(), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n") {
		t.Errorf("answers:\n%s", out.String())
	}
	if n := len(s.rec.wait(t, 5)); n != 5 {
		t.Errorf("%d events, want 5", n)
	}
}

// chatty tells something while it completes, and more a minute later.
type chatty struct{ hub }

func (h *chatty) Call(ctx context.Context, source string, c *sdk.Call) (*sdk.Answer, error) {
	if c.Op != sdk.OpComplete {
		return h.hub.Call(ctx, source, c)
	}
	later := logged("info")
	later.After = time.Minute
	return &sdk.Answer{Result: sdk.RawJSON(`{"completion":{"values":[]}}`), Notify: []sdk.Notice{logged("info"), later}}, nil
}

// Whatever a persona is asked about ends with its session, on whichever connection its
// stream is.
func TestRequestsEndWithTheirSession(t *testing.T) {
	for _, body := range []string{
		toolCall(9, "wait"),
		`{"jsonrpc":"2.0","id":9,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"who","value":"A"}}}`,
	} {
		s := start(t, func(o *decoy.Options) { o.Backend = &chatty{} })
		c := s.session(t)
		s.send(t, c, "POST", "/mcp", body).read(t, 2)
		again := s.send(t, &client{headers: http.Header{"Mcp-Session-Id": c.headers["Mcp-Session-Id"], "Last-Event-ID": {"1-0"}}}, "GET", "/mcp", "")
		again.read(t, 1)
		c.end(t, http.StatusNoContent)
		s.rec.wait(t, 5) // initialize, the request, both ends of the later stream, DELETE
	}
}

// A client that leaves while a persona takes its time ends the call, in a session that
// cannot be taken up again, in a batch, and without one.
func TestClientLeaves(t *testing.T) {
	modern := "MCP-Protocol-Version: 2026-07-28\nMcp-Method: tools/call\nMcp-Name: late\n"
	for name, tt := range map[string]struct{ version, headers, body, outcome string }{
		"session":    {"2025-06-18", "", toolCall(2, "late"), "client_disconnected"},
		"batch":      {"2025-03-26", "", `[` + toolCall(2, "late") + `]`, "cancelled"},
		"2026-07-28": {"", modern, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"late",` + meta + `}}`, "client_disconnected"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, nil)
			head := "POST /mcp HTTP/1.1\nHost: localhost\nContent-Type: application/json\nAccept: application/json, text/event-stream\n" + tt.headers
			if tt.version != "" {
				for k, v := range s.initialize(t, tt.version).headers {
					head += k + ": " + v[0] + "\n"
				}
			}
			before := len(s.rec.wait(t, 0))
			w, err := newWire(s.addr)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.send(request(head+"\n"+tt.body, "")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond) // it waits for its delay
			w.close()
			if got := s.rec.wait(t, before+1)[before].Outcome; got != tt.outcome {
				t.Errorf("the outcome is %s, want %s", got, tt.outcome)
			}
		})
	}
}

// gate holds up whoever passes until it is opened.
type gate struct{ waits, open chan struct{} }

func newGate() gate { return gate{make(chan struct{}, 1), make(chan struct{})} }

func (g gate) pass() {
	g.waits <- struct{}{}
	<-g.open
}

// slowCommits takes its time to record.
type slowCommits struct {
	*recorder
	gate
}

func (s slowCommits) Commit() { s.pass() }

// slowCatalog takes its time, but for the first, and waits for nobody.
type slowCatalog struct {
	*backend
	gate
	asked atomic.Int32
}

func (s *slowCatalog) Catalog(context.Context) (*sdk.Catalog, error) {
	if s.asked.Add(1) > 1 {
		s.pass()
	}
	return catalog, nil
}

// What comes behind a request after which its connection ends is recorded, and the client
// sees an orderly end: the last request of a connection, whatever takes its time, and one
// during a stop.
func TestBehindTheLast(t *testing.T) {
	const behind = "GET /behind HTTP/1.1\r\nHost: localhost\r\n\r\n"
	list := post("/mcp", "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/list\r\n", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{`+meta+`}}`)
	for name, tt := range map[string]struct {
		commit, stop bool
		more         string
		outcomes     string
	}{
		"a request behind a slow commit": {true, false, behind, "result result not_served"},
		"a part of a head":               {true, false, behind[:12], "result result head_incomplete"},
		"a blank line":                   {true, false, "\r\n", "result result"},
		"a stop during a slow commit":    {true, true, behind, "result result not_served"},
		"a request behind a slow answer": {false, false, behind, "result result not_served"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec, g := &recorder{}, newGate()
			s := start(t, func(o *decoy.Options) {
				o.Recorder, o.Backend = rec, &slowCatalog{backend: &backend{}, gate: g}
				if tt.commit {
					o.Recorder, o.Backend = slowCommits{rec, g}, &backend{}
				}
			})
			if tt.commit {
				go func() { <-g.waits; g.open <- struct{}{} }()
			}
			raw(t, s.addr, list) // nobody asks for the end of a context to get the catalog from now on
			c, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			last := list
			if tt.stop {
				last = strings.Replace(list, "Connection: close\r\n", "", 1)
			}
			_, _ = io.WriteString(c, last)
			<-g.waits
			_, _ = io.WriteString(c, tt.more)
			time.Sleep(200 * time.Millisecond) // it is read
			stopped := make(chan error, 1)
			if tt.stop {
				go func() { stopped <- s.Shutdown(t.Context()) }()
				time.Sleep(50 * time.Millisecond)
			}
			close(g.open)
			_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
			if answer, err := io.ReadAll(c); err != nil || !strings.Contains(string(answer), "HTTP/1.1 200") {
				t.Errorf("%v after %q", err, answer)
			}
			if got := rec.outcomes(t, len(strings.Fields(tt.outcomes))); got != tt.outcomes {
				t.Errorf("outcomes %q, want %q", got, tt.outcomes)
			}
			if tt.stop {
				if err := <-stopped; err != nil {
					t.Error(err)
				}
			}
		})
	}
}
