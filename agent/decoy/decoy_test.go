package decoy_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy"
	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// backend is a persona with a few tools, without a guest.
type backend struct {
	mu       sync.Mutex
	released []string
}

func (b *backend) Catalog(context.Context) (*sdk.Catalog, error) { return catalog, nil }

var catalog = &sdk.Catalog{
	Server:       sdk.ServerInfo{Name: "acme-hub", Title: "Acme Hub", Version: "2.8.1"},
	Instructions: "Use the tools.",
	Tools: []sdk.Tool{
		tool("echo", `{"type":"object","properties":{"text":{"type":"string"},"n":{"type":"number","minimum":1}},"required":["text"]}`),
		tool("fail", `{"type":"object"}`),
		tool("slow", `{"type":"object"}`),
		tool("boom", `{"type":"object"}`),
		tool("late", `{"type":"object"}`),
	},
	Routes: map[string]sdk.RawJSON{"/health": sdk.RawJSON(`{"status":"ok"}`)},
}

func tool(name, schema string) sdk.Tool {
	def := fmt.Sprintf(`{"name":%q,"description":"d","inputSchema":%s}`, name, schema)
	return sdk.Tool{Name: name, Definition: sdk.RawJSON(def), InputSchema: sdk.RawJSON(schema), Persona: "p", Service: "svc", Category: "docs"}
}

func (b *backend) Call(_ context.Context, _ string, c *sdk.Call) (*sdk.Answer, error) {
	switch c.Tool {
	case "fail":
		return &sdk.Answer{Fault: &sdk.Fault{Kind: "tool", Message: "upstream said no"}}, nil
	case "slow":
		return &sdk.Answer{
			Fault: &sdk.Fault{Kind: "tool", Message: "upstream request timed out"},
			Guest: &sdk.GuestError{Module: "p", Op: "call", Code: "timeout"},
		}, nil
	case "late":
		return &sdk.Answer{Result: sdk.RawJSON(`{"content":[]}`), Delay: 30 * time.Second}, nil
	case "boom":
		panic("runtime error: index out of range [5] with length 3")
	}
	var w bytes.Buffer
	_ = json.Compact(&w, c.Args)
	text, _ := json.Marshal(w.String())
	return &sdk.Answer{Result: sdk.RawJSON(`{"content":[{"type":"text","text":` + string(text) + `}]}`)}, nil
}

func (b *backend) Release(source string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.released = append(b.released, source)
}

// recorder keeps events as they would be stored.
type recorder struct {
	mu     sync.Mutex
	events []*sdk.Event
}

func (r *recorder) Record(ev *sdk.Event) {
	b, err := json.Marshal(ev)
	if err != nil {
		panic(err)
	}
	var kept sdk.Event
	if err := json.Unmarshal(b, &kept); err != nil {
		panic(err)
	}
	ev.Seq = 1 // as the journal does: the event is no longer the decoy's
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, &kept)
}

// wait returns the events once there are at least n of them.
func (r *recorder) wait(t testing.TB, n int) []*sdk.Event {
	t.Helper()
	for range 500 {
		r.mu.Lock()
		events := append([]*sdk.Event(nil), r.events...)
		r.mu.Unlock()
		if len(events) >= n {
			return events
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("fewer than %d events were recorded", n)
	return nil
}

func (r *recorder) outcomes(t testing.TB, n int) string {
	t.Helper()
	var out []string
	for _, ev := range r.wait(t, n) {
		out = append(out, ev.Outcome)
	}
	return strings.Join(out, " ")
}

type sensor struct {
	*decoy.Server
	addr    string
	url     string
	rec     *recorder
	backend *backend
}

// decoyFor makes a decoy that does not listen yet.
func decoyFor(t testing.TB, change func(*decoy.Options)) *sensor {
	t.Helper()
	s := &sensor{rec: &recorder{}, backend: &backend{}}
	o := decoy.Options{
		Sensor: "test", Profile: profile.Strict{}, Backend: s.backend, Recorder: s.rec,
		Limits: decoy.DefaultLimits(), Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&o)
	}
	s.Server = decoy.New(o)
	return s
}

func start(t testing.TB, change func(*decoy.Options)) *sensor {
	t.Helper()
	s := decoyFor(t, change)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr, s.url = l.Addr().String(), "http://"+l.Addr().String()
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// raw sends bytes and returns everything that comes back until the server closes
// or stays silent.
func raw(t testing.TB, addr, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	b, _ := io.ReadAll(c)
	return string(b)
}

// leaks are words that would tell an attacker what he talks to.
var leaks = []string{
	"killdeer", "goroutine", "panic", "runtime error", "echo/", "labstack", "net/http", ".go:", "json:", "invalid character",
	"400 Bad Request: ", "404 page not found", "unexpected EOF", "malformed", "wazero",
}

// leaksWASM is for a word so short that a random token may have it inside.
var leaksWASM = regexp.MustCompile(`(?i)(^|[^0-9a-z_-])wasm`)

func checkNoLeak(t testing.TB, answer string) {
	t.Helper()
	low := strings.ToLower(answer)
	if leaksWASM.MatchString(answer) {
		t.Errorf("the answer says what guests are:\n%s", answer)
	}
	for _, l := range leaks {
		if strings.Contains(low, l) {
			t.Errorf("the answer contains %q:\n%s", l, answer)
		}
	}
}

const both = "Accept: application/json, text/event-stream\r\n"

func post(path, headers, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s%sContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		path, both, headers, len(body), body)
}

// Every one of these must be answered in the profile's words and be recorded.
func TestHostileRequests(t *testing.T) {
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	tests := []struct {
		name, request, status, outcome string
	}{
		{"empty line first", "\r\nGET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "200", "route"},
		{"root", "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "404", "route_not_found"},
		{"dashboard", "GET /api/logs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "404", "route_not_found"},
		{"http/1.0 without host", "GET /health HTTP/1.0\r\n\r\n", "200", "route"},
		{"options star", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "404", "route_not_found"},
		{"connect", "CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "404", "route_not_found"},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "400", "bad_head"},
		{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", "bad_head"},
		{"bad host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400", "bad_head"},
		{"user in host", "GET / HTTP/1.1\r\nHost: me@a\r\n\r\n", "400", "bad_head"},
		{"bad version", "GET / HTTP/3.7\r\nHost: a\r\n\r\n", "400", "bad_head"},
		{"http2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400", "bad_head"},
		{"tls hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400", "bad_head"},
		{"binary", "\x00\x01\x02\x03", "400", "bad_head"},
		{"header without colon", "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", "400", "bad_head"},
		{"space before colon", "GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", "400", "bad_head"},
		{"folded header", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", "400", "bad_head"},
		{"nul in header", "GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", "400", "bad_head"},
		{"two lengths", "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400", "bad_head"},
		{"length and chunked", "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", "bad_head"},
		{"negative length", "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400", "bad_head"},
		{"strange coding", "POST /mcp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "400", "bad_head"},
		{"bad escape in target", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "400", "bad_head"},
		{"huge head", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", 20000) + "\r\n\r\n", "431", "head_too_large"},
		{"unknown expectation", "POST /mcp HTTP/1.1\r\nHost: localhost\r\nExpect: cake\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "415", "wrong_content_type"},
		{"forbidden trailer", "POST /mcp HTTP/1.1\r\nHost: localhost\r\nTrailer: Content-Length\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "415", "wrong_content_type"},
		{"bad chunk", "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + both + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", "400", "bad_body"},
		{"short body", "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + both + "Content-Length: 50\r\n\r\n{}", "400", "bad_body"},
		{"foreign host", "GET /mcp HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "403", "host_forbidden"},
		{"foreign origin", post("/mcp", "Origin: http://evil.example\r\n", "{}"), "403", "origin_forbidden"},
		{"null origin", post("/mcp", "Origin: null\r\n", "{}"), "403", "origin_forbidden"},
		{"get", "GET /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "406", "not_acceptable"},
		{"put", "PUT /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "405", "method_not_allowed"},
		{"odd method", "BREW /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "405", "method_not_allowed"},
		{"empty body", post("/mcp", "", ""), "400", "empty_body"},
		{"malformed json", post("/mcp", "", `{"jsonrpc":"2.0","id":1,`), "400", "parse_error"},
		{"not utf-8", post("/mcp", "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}"), "400", "parse_error"},
		{"deep json", post("/mcp", "", deep), "400", "parse_error"},
		{"not json-rpc", post("/mcp", "", `{"foo":1}`), "400", "invalid_request"},
		{"null id", post("/mcp", "", `{"jsonrpc":"2.0","id":null,"method":"ping"}`), "400", "invalid_request"},
		{"params array", post("/mcp", "", `{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}`), "400", "invalid_request"},
		{"wrong case", post("/mcp", "", `{"JSONRPC":"2.0","ID":1,"Method":"ping"}`), "400", "invalid_request"},
		{"empty batch", post("/mcp", "", `[]`), "400", "invalid_request"},
		{"huge batch", post("/mcp", "", "["+strings.Repeat("1,", 100)+"1]"), "400", "batch_too_large"},
		{"huge body", post("/mcp", "", strings.Repeat(" ", 2<<20)), "413", "body_too_large"},
		{"no session", post("/mcp", "", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`), "400", "no_session"},
		{"unknown session", post("/mcp", "Mcp-Session-Id: nope\r\n", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`), "404", "unknown_session"},
		{"unknown revision", post("/mcp", "MCP-Protocol-Version: banana\r\n", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`), "400", "bad_version_header"},
		{"accept json only", strings.Replace(post("/mcp", "", "{}"), both, "Accept: application/json\r\n", 1), "406", "not_acceptable"},
		{"wrong type", strings.Replace(post("/mcp", "", "{}"), "application/json\r\n", "text/plain\r\n", 1), "415", "wrong_content_type"},
		{"initialize without version", post("/mcp", "", `{"jsonrpc":"2.0","id":1,"method":"initialize"}`), "200", "bad_params"},
		{"message for no stream", post("/messages?sessionId=x", "", `{"jsonrpc":"2.0","id":1,"method":"ping"}`), "404", "unknown_session"},
		{"post to sse", post("/sse", "", "{}"), "405", "method_not_allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, nil)
			answer := raw(t, s.addr, tt.request)
			if !strings.HasPrefix(answer, "HTTP/1.1 "+tt.status) && !strings.HasPrefix(answer, "HTTP/1.0 "+tt.status) {
				t.Errorf("answer = %.200q, want status %s", answer, tt.status)
			}
			checkNoLeak(t, answer)
			events := s.rec.wait(t, 1)
			if events[0].Outcome != tt.outcome {
				t.Errorf("outcome = %s (%s), want %s", events[0].Outcome, events[0].Error, tt.outcome)
			}
			if len(events) != 1 {
				t.Errorf("%d events for one request", len(events))
			}
			head := events[0].Head + string(events[0].HeadB64)
			if head == "" || !strings.Contains(tt.request, head) {
				t.Errorf("recorded head %q is not what was sent", head)
			}
		})
	}
}

// A head that never ends is recorded when the connection does.
func TestIncompleteHead(t *testing.T) {
	s := start(t, nil)
	raw(t, s.addr, "GET /mcp HTTP/1.1\r\nHost: loc")
	ev := s.rec.wait(t, 1)[0]
	if ev.Outcome != "head_incomplete" || ev.Head != "GET /mcp HTTP/1.1\r\nHost: loc" {
		t.Errorf("event = %s %q", ev.Outcome, ev.Head)
	}
}

// A panic of ours is an internal error to the client and an event to us.
func TestPanic(t *testing.T) {
	s := start(t, nil)
	c := s.initialize(t, "2025-11-25")
	status, body := c.call(t, `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"boom"}}`)
	if status != http.StatusOK || !strings.Contains(body, "-32603") {
		t.Errorf("answer = %d %s", status, body)
	}
	checkNoLeak(t, body)
	if ev := s.rec.wait(t, 2)[1]; ev.Error != "panic" || ev.Outcome != "internal" {
		t.Errorf("event = %s %s", ev.Outcome, ev.Error)
	}
}

// client speaks Streamable HTTP by hand.
type client struct {
	url     string
	headers http.Header
}

func (s *sensor) initialize(t testing.TB, version string) *client {
	t.Helper()
	c := &client{s.url + "/mcp", http.Header{}}
	status, body := c.call(t, `{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"`+version+
		`","capabilities":{},"clientInfo":{"name":"kd-test","version":"1.0"}}}`)
	if status != http.StatusOK || !strings.Contains(body, `"protocolVersion":"`) {
		t.Fatalf("initialize: %d %s", status, body)
	}
	return c
}

func (c *client) call(t testing.TB, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = c.headers.Clone()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if id := resp.Header.Get("Mcp-Session-Id"); id != "" {
		c.headers.Set("Mcp-Session-Id", id)
	}
	return resp.StatusCode, string(b)
}

func TestLegacySession(t *testing.T) {
	s := start(t, nil)
	c := s.initialize(t, "2025-11-25")
	steps := []struct {
		name, body string
		status     int
		want       string
	}{
		{"initialized", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, 202, ``},
		{"ping", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, 200, `{"jsonrpc":"2.0","id":1,"result":{}}`},
		{"string id", `{"jsonrpc":"2.0","id":"a\"b","method":"ping"}`, 200, `{"jsonrpc":"2.0","id":"a\"b","result":{}}`},
		{"call", `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"text":"<b>&"}}}`, 200, `{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"{\"text\":\"\u003cb\u003e\u0026\"}"}]}}`},
		{"unknown tool", `{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"nope"}}`, 200, `{"jsonrpc":"2.0","id":3,"error":{"code":-32602,"message":"Unknown tool: nope"}}`},
		{"bad arguments", `{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"echo","arguments":{"n":0}}}`, 200, `{"jsonrpc":"2.0","id":4,"result":{"content":[{"type":"text","text":"Invalid arguments for tool echo: text: required; n: too small"}],"isError":true}}`},
		{"tool failure", `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"fail"}}`, 200, `{"jsonrpc":"2.0","id":5,"result":{"content":[{"type":"text","text":"upstream said no"}],"isError":true}}`},
		{"broken guest", `{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"slow"}}`, 200, `{"jsonrpc":"2.0","id":6,"result":{"content":[{"type":"text","text":"upstream request timed out"}],"isError":true}}`},
		{"unknown method", `{"jsonrpc":"2.0","id":7,"method":"resources/list"}`, 200, `{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"Method not found"}}`},
		{"cursor", `{"jsonrpc":"2.0","id":8,"method":"tools/list","params":{"cursor":"x"}}`, 200, `{"jsonrpc":"2.0","id":8,"error":{"code":-32602,"message":"Invalid params: unknown cursor"}}`},
		{"response", `{"jsonrpc":"2.0","id":9,"result":{}}`, 202, ``},
		{"batch", `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, 400, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request: batching is not supported in this protocol version"}}`},
		{"malformed", `{`, 400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}`},
	}
	for _, st := range steps {
		status, body := c.call(t, st.body)
		if status != st.status || body != st.want {
			t.Errorf("%s:\n got %d %s\nwant %d %s", st.name, status, body, st.status, st.want)
		}
	}
	want := "result accepted result result result unknown_tool bad_args tool_error tool_error  unknown_method bad_params accepted batch_rejected parse_error"
	if got := s.rec.outcomes(t, len(steps)+2); got != want {
		t.Errorf("outcomes:\n got %s\nwant %s", got, want)
	}
	for i, ev := range s.rec.wait(t, len(steps)+2) {
		if i > 0 && ev.Outcome != "parse_error" && (ev.Session != c.headers.Get("Mcp-Session-Id") || ev.Actor == "") {
			t.Errorf("event %d (%s): session %q, actor %q", i, ev.MCPMethod, ev.Session, ev.Actor)
		}
		if ev.MCPMethod == "tools/call" && (ev.Client == nil || ev.Client.Name != "kd-test" || ev.Protocol != "2025-11-25" || ev.Service == "" != (ev.Tool == "nope")) {
			t.Errorf("event %d lacks client, protocol or service: %+v", i, ev)
		}
	}
	c.end(t, http.StatusNoContent)
	c.end(t, http.StatusNotFound)
	if status, _ := c.call(t, `{"jsonrpc":"2.0","id":1,"method":"ping"}`); status != http.StatusNotFound {
		t.Errorf("a call after DELETE: %d, want 404", status)
	}
	if len(s.backend.released) != 1 {
		t.Errorf("released = %q, want the session", s.backend.released)
	}
}

func (c *client) end(t *testing.T, want int) {
	t.Helper()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodDelete, c.url, nil)
	req.Header = c.headers
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != want {
		t.Errorf("DELETE: %d, want %d", resp.StatusCode, want)
	}
}

func TestVersionNegotiation(t *testing.T) {
	s := start(t, nil)
	for asked, want := range map[string]string{
		"2024-11-05": "2024-11-05", "2025-03-26": "2025-03-26", "2025-06-18": "2025-06-18", "2025-11-25": "2025-11-25",
		"2026-07-28": "2025-11-25", "1999-01-01": "2025-11-25", "banana": "2025-11-25",
	} {
		c := &client{s.url + "/mcp", http.Header{}}
		_, body := c.call(t, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"`+asked+`","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`)
		if !strings.Contains(body, `"protocolVersion":"`+want+`"`) {
			t.Errorf("asked %s: %s", asked, body)
		}
		if title := strings.Contains(body, `"title"`); title != (want >= "2025-06-18") {
			t.Errorf("asked %s: title in serverInfo is %v", asked, title)
		}
	}
}

func TestBatch(t *testing.T) {
	s := start(t, nil)
	c := s.initialize(t, "2025-03-26")
	status, body := c.call(t, `[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/x"},{"jsonrpc":"2.0","id":2,"method":"initialize"},7]`)
	want := `[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":2,"error":{"code":-32600,"message":"Invalid Request"}},{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid Request"}}]`
	if status != 200 || body != want {
		t.Errorf("batch:\n got %d %s\nwant 200 %s", status, body, want)
	}
	if got := s.rec.outcomes(t, 5); got != "result result accepted invalid_request invalid_request" {
		t.Errorf("outcomes = %s", got)
	}
	if status, _ := c.call(t, `[{"jsonrpc":"2.0","method":"notifications/x"}]`); status != http.StatusAccepted {
		t.Errorf("a batch of notifications: %d, want 202", status)
	}
}

const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"kd-modern","version":"3"},"io.modelcontextprotocol/clientCapabilities":{}}`

func TestModern(t *testing.T) {
	s := start(t, nil)
	serverMeta := `"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"acme-hub","title":"Acme Hub","version":"2.8.1"}}`
	tests := []struct {
		name, version, method, tool, body string
		status                            int
		want                              string
	}{
		{
			"discover", "2026-07-28", "server/discover", "", `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + meta + `}}`, 200,
			`{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"instructions":"Use the tools.","ttlMs":300000,"cacheScope":"public",` + serverMeta + `}}`,
		},
		{
			"call", "2026-07-28", "tools/call", "echo", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"},` + meta + `}}`, 200,
			`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\"text\":\"x\"}"}],` + serverMeta + `}}`,
		},
		{"base64 name", "2026-07-28", "tools/call", "=?base64?ZWNobw==?=", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"},` + meta + `}}`, 200, ``},
		{"bad base64 name", "2026-07-28", "tools/call", "=?base64?ZWN?=", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"},` + meta + `}}`, 400, `-32020`},
		{
			"bad arguments", "2026-07-28", "tools/call", "echo", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",` + meta + `}}`, 200,
			`{"jsonrpc":"2.0","id":1,"result":{` + serverMeta + `,"content":[{"type":"text","text":"Invalid arguments for tool echo: text: required"}],"isError":true}}`,
		},
		{"unknown tool", "2026-07-28", "tools/call", "nope", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"nope",` + meta + `}}`, 200, `-32602`},
		{"name mismatch", "2026-07-28", "tools/call", "other", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",` + meta + `}}`, 400, `-32020`},
		{"no name", "2026-07-28", "tools/call", "", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",` + meta + `}}`, 400, `-32020`},
		{"method mismatch", "2026-07-28", "tools/list", "", `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + meta + `}}`, 400, `-32020`},
		{"no method header", "2026-07-28", "", "", `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + meta + `}}`, 400, `-32020`},
		{"meta only", "", "tools/list", "", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` + meta + `}}`, 400, `-32020`},
		{"header only", "2026-07-28", "tools/list", "", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, 400, `-32602`},
		{"no capabilities", "2026-07-28", "tools/list", "", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`, 400, `-32602`},
		{
			"future revision", "2030-01-01", "tools/list", "", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2030-01-01"}}}`, 400,
			`{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"Unsupported protocol version","data":{"supported":["2026-07-28"],"requested":"2030-01-01"}}}`,
		},
		{"legacy revision in meta", "2025-06-18", "tools/list", "", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2025-06-18"}}}`, 400, `-32022`},
		{"ping", "2026-07-28", "ping", "", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{` + meta + `}}`, 404, `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}`},
		{"initialize", "2026-07-28", "initialize", "", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{` + meta + `}}`, 404, `-32601`},
		{"notification", "2026-07-28", "notifications/cancelled", "", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{` + meta + `}}`, 202, ``},
		{"batch", "2026-07-28", "", "", `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, 400, `-32600`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &client{s.url + "/mcp", http.Header{}}
			for k, v := range map[string]string{"MCP-Protocol-Version": tt.version, "Mcp-Method": tt.method, "Mcp-Name": tt.tool} {
				if v != "" {
					c.headers.Set(k, v)
				}
			}
			status, body := c.call(t, tt.body)
			if status != tt.status || (strings.HasPrefix(tt.want, "{") && body != tt.want) || !strings.Contains(body, tt.want) {
				t.Errorf("\n got %d %s\nwant %d %s", status, body, tt.status, tt.want)
			}
			if c.headers.Get("Mcp-Session-Id") != "" {
				t.Error("a session was issued")
			}
		})
	}
	for _, ev := range s.rec.wait(t, len(tests)) {
		if ev.Outcome == "result" && (ev.Era != "modern" || ev.Client == nil || ev.Client.Name != "kd-modern" || ev.Protocol != "2026-07-28") {
			t.Errorf("event lacks the era's facts: %+v", ev)
		}
	}
}

func TestHTTPAndSSE(t *testing.T) {
	s := start(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/sse", nil)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	next := func() string {
		t.Helper()
		var frame []string
		for lines.Scan() && lines.Text() != "" {
			frame = append(frame, lines.Text())
		}
		return strings.Join(frame, "|")
	}
	endpoint, ok := strings.CutPrefix(next(), "event: endpoint|data: ")
	if !ok {
		t.Fatal("no endpoint event")
	}
	c := &client{s.url + endpoint, http.Header{}}
	if status, body := c.call(t, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"old","version":"0"}}}`); status != 202 || body != "" {
		t.Errorf("POST: %d %q", status, body)
	}
	if got := next(); !strings.HasPrefix(got, `event: message|data: {"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2024-11-05"`) {
		t.Errorf("initialize on the stream: %s", got)
	}
	c.call(t, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"text":1}}}`)
	if got := next(); got != `event: message|data: {"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"Invalid arguments for tool echo: text: expected string, received number"}}` {
		t.Errorf("bad arguments on the stream: %s", got)
	}
	cancel()
	// An event follows its answer, so the last call's may come after the end.
	ends := map[string]int{}
	for _, ev := range s.rec.wait(t, 4) {
		ends[ev.Event]++
		if ev.Transport != "sse" || !strings.HasSuffix(endpoint, ev.Session) || (ev.Client == nil && ev.Event != "connect") {
			t.Errorf("event %+v", ev)
		}
	}
	if ends["connect"] != 1 || ends["disconnect"] != 1 || ends[""] != 2 {
		t.Errorf("events by kind of end: %v", ends)
	}
	if status, _ := c.call(t, `{"jsonrpc":"2.0","id":3,"method":"ping"}`); status != http.StatusNotFound {
		t.Errorf("a message after the stream ended: %d", status)
	}
}

func TestStdio(t *testing.T) {
	s := start(t, func(o *decoy.Options) { o.Limits.Body = 4096 })
	in := strings.Join([]string{
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"pipe","version":"1"}}}`,
		``, `not json`, `{"foo":1}`, `{"jsonrpc":"2.0","method":"notifications/initialized"}`,
		strings.Repeat("x", 10000),
		`{"jsonrpc":"2.0","id":2,"method":"server/discover","params":{` + meta + `}}`,
		`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"}}}`,
	}, "\n")
	var out bytes.Buffer
	if err := s.ServeStdio(t.Context(), strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []string{`"protocolVersion":"2025-11-25"`, `-32700`, `-32600`, `-32600`, `"supportedVersions"`, `{\"text\":\"x\"}`}
	if len(lines) != len(want) {
		t.Fatalf("%d lines: %s", len(lines), out.String())
	}
	for i, w := range want {
		if !strings.Contains(lines[i], w) || !json.Valid([]byte(lines[i])) {
			t.Errorf("line %d = %s, want %s", i, lines[i], w)
		}
	}
	if got := s.rec.outcomes(t, 7); got != "result parse_error invalid_request accepted body_too_large result result" {
		t.Errorf("outcomes = %s", got)
	}
}

func TestConnectionLimit(t *testing.T) {
	s := start(t, func(o *decoy.Options) { o.Limits.ConnectionsPerSource = 3 })
	var open []net.Conn
	for range 6 {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	ev := s.rec.wait(t, 1)[0]
	if ev.Outcome != "connection_refused" || ev.IP != "127.0.0.1" {
		t.Errorf("event = %+v", ev)
	}
	open[0].Close()
	open[1].Close()
	open[2].Close()
	time.Sleep(100 * time.Millisecond)
	if answer := raw(t, s.addr, "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 200") {
		t.Errorf("after others left: %q", answer)
	}
}

func TestSessionLimit(t *testing.T) {
	s := start(t, func(o *decoy.Options) { o.Limits.SessionsPerSource = 2 })
	first := s.initialize(t, "2025-11-25")
	s.initialize(t, "2025-11-25")
	s.initialize(t, "2025-11-25")
	if status, _ := first.call(t, `{"jsonrpc":"2.0","id":1,"method":"ping"}`); status != http.StatusNotFound {
		t.Errorf("the oldest session: %d, want 404", status)
	}
}

// Behind a proxy all clients come from one address: only the limit for all holds for its
// connections.
func TestProxyHasNoLimitOfItsOwn(t *testing.T) {
	s := start(t, func(o *decoy.Options) {
		o.Limits.ConnectionsPerSource, o.Limits.Connections = 2, 5
		o.TrustedProxies = parsePrefixes("127.0.0.1/32")
	})
	served := func() bool {
		t.Helper()
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(c, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n") // it may be closed already
		_, err = c.Read(make([]byte, 1))
		return err == nil
	}
	for n := range 5 {
		if !served() {
			t.Fatalf("connection %d of the proxy was refused", n+1)
		}
	}
	if served() {
		t.Error("the limit for all does not hold for a proxy")
	}
}

func TestForwardedFor(t *testing.T) {
	tests := []struct {
		name, trusted, header, want string
	}{
		{"not trusted", "", "203.0.113.7", "127.0.0.1"},
		{"trusted", "127.0.0.1/32", "203.0.113.7", "203.0.113.7"},
		{"forged first hop", "127.0.0.1/32", "198.51.100.1, 203.0.113.7", "203.0.113.7"},
		{"two proxies", "127.0.0.1/32 10.0.0.0/8", "203.0.113.7, 10.1.2.3", "203.0.113.7"},
		{"port", "127.0.0.1/32", "198.51.100.1, 203.0.113.7:5678", "203.0.113.7"},
		{"port of IPv6", "127.0.0.1/32", "[2001:db8::1]:443", "2001:db8::1"},
		{"brackets", "127.0.0.1/32", "[2001:db8::1]", "2001:db8::1"},
		{"IPv6", "127.0.0.1/32", "2001:db8::1", "2001:db8::1"},
		{"proxy with a port", "127.0.0.1/32 10.0.0.0/8", "203.0.113.7, 10.1.2.3:443", "203.0.113.7"},
		{"nonsense", "127.0.0.1/32", "banana", "127.0.0.1"},
		{"nonsense with a port", "127.0.0.1/32", "203.0.113.7:", "127.0.0.1"},
		{"half a bracket", "127.0.0.1/32", "[2001:db8::1", "127.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, func(o *decoy.Options) { o.TrustedProxies = parsePrefixes(tt.trusted) })
			raw(t, s.addr, "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: "+tt.header+"\r\nConnection: close\r\n\r\n")
			if ev := s.rec.wait(t, 1)[0]; ev.IP != tt.want || !strings.HasPrefix(ev.Peer, "127.0.0.1:") {
				t.Errorf("ip = %s, peer = %s", ev.IP, ev.Peer)
			}
		})
	}
}

// Requests that follow one another on a connection keep their own heads.
func TestPipelined(t *testing.T) {
	s := start(t, nil)
	one := "GET /health HTTP/1.1\r\nHost: localhost\r\nX-N: %d\r\n\r\n"
	chunked := "POST /nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
	answer := raw(t, s.addr, fmt.Sprintf(one, 1)+chunked+fmt.Sprintf(one, 2)+"garbage\x00\r\n\r\n")
	if n := strings.Count(answer, "HTTP/1.1 "); n != 4 {
		t.Fatalf("%d answers:\n%s", n, answer)
	}
	events := s.rec.wait(t, 4)
	for i, want := range []string{"X-N: 1", "chunked", "X-N: 2", "garbage"} {
		if !strings.Contains(events[i].Head+string(events[i].HeadB64), want) {
			t.Errorf("event %d has head %q", i, events[i].Head)
		}
	}
	if b := events[1].Body; b == nil || b.Text != "abc" {
		t.Errorf("chunked body recorded as %+v", b)
	}
}
