package decoy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// leaving is a client that reads until the first flush and then closes; of an event
// stream that was taken over it reads the first frame.
type leaving struct {
	*httptest.ResponseRecorder
	leave context.CancelFunc
	end   *sync.WaitGroup
}

// Hijack implements [http.Hijacker].
func (w leaving) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	ours, its := net.Pipe()
	w.end.Go(func() {
		frame := make([]byte, 64<<10)
		n, _ := its.Read(frame)
		w.Body.Write(frame[:n])
		_ = its.Close()
	})
	c := newConn(ours, 1<<10, func(*conn, string, []wireHead) {})
	c.lobby = &lobby{inside: group{closed: true}} // of a server that stops
	return c, bufio.NewReadWriter(bufio.NewReader(ours), nil), nil
}

func (w leaving) FlushError() error {
	w.Flush()
	w.leave()
	return nil
}

// noPanics is a log handler that makes a recovered panic a failure.
type noPanics struct {
	slog.Handler
	t *testing.T
}

func (h noPanics) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "panic") {
		r.Attrs(func(a slog.Attr) bool { h.t.Log(a.Key, a.Value); return true })
		h.t.Error(r.Message)
	}
	return nil
}

func (noPanics) Enabled(context.Context, slog.Level) bool { return true }

// statuses are those with which a request may be answered.
var statuses = map[int]bool{200: true, 202: true, 204: true, 400: true, 403: true, 404: true, 405: true, 406: true, 413: true, 415: true, 503: true}

const (
	fuzzPost   = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
	fuzzModern = fuzzPost + "MCP-Protocol-Version: 2026-07-28\r\n"
	fuzzMeta   = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{},"roots":{}},"progressToken":1,"io.modelcontextprotocol/logLevel":"debug"}`
)

// FuzzRequest holds that any request the wire lets through is answered with a
// status of ours and, where it says so, valid JSON, and leaves an event. SESSION
// in it is a session's id.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		"GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nMcp-Session-Id: SESSION\r\nLast-Event-ID: 0-1\r\n\r\n",
		"GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"DELETE /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: SESSION\r\n\r\n",
		"POST /messages?sessionId=SESSION HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\r\n{}",
		fuzzPost + "\r\n" + `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"roots":{}}}}`,
		fuzzPost + "Mcp-Session-Id: SESSION\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":1},"_meta":{"progressToken":"p"}}}`,
		fuzzPost + "Mcp-Session-Id: SESSION\r\nMCP-Protocol-Version: 2025-03-26\r\n\r\n" + `[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"result":{}},[],null]`,
		fuzzPost + "Mcp-Session-Id: SESSION\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"debug"}}`,
		fuzzPost + "Mcp-Session-Id: SESSION\r\n\r\n" + `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`,
		fuzzPost + "Mcp-Session-Id: SESSION\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":"b"}}}`,
		fuzzModern + "Mcp-Method: server/discover\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + fuzzMeta + `}}`,
		fuzzModern + "Mcp-Method: tools/call\r\nMcp-Name: t\r\nMcp-Param-A: 1\r\n\r\n" + `{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"t","arguments":{"a":1},` + fuzzMeta + `}}`,
		fuzzModern + "Mcp-Method: tools/call\r\nMcp-Name: ask\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ask","requestState":"AAAA","inputResponses":{"k":{"roots":[]}},` + fuzzMeta + `}}`,
		fuzzModern + "Mcp-Method: resources/read\r\nMcp-Name: =?base64?ZG9jOi8veC9hL2I=?=\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"doc://x/a/b",` + fuzzMeta + `}}`,
		fuzzModern + "Mcp-Method: prompts/get\r\nMcp-Name: p\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"p","arguments":{"a":"b"},` + fuzzMeta + `}}`,
		fuzzModern + "Mcp-Method: subscriptions/listen\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["doc://x/a","doc://x/a"]},` + fuzzMeta + `}}`,
		fuzzModern + "Mcp-Method: tools/list\r\nOrigin: http://localhost\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"AAAA",` + fuzzMeta + `}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		rec := &events{}
		s := New(Options{Profile: profile.Strict{}, Recorder: rec, Backend: fuzzBackend{}, Log: slog.New(noPanics{t: t})})
		s.local = true
		n := s.engine.sessions.open("192.0.2.1", false, time.Now())
		n.initialized(profile.Rev2025_11_25, nil, nil) // without abilities: nobody answers questions
		r := readRequest(t, bytes.ReplaceAll(b, []byte("SESSION"), []byte(n.id)))
		if r == nil {
			return
		}
		ctx, leave := context.WithTimeout(context.Background(), 10*time.Second)
		defer leave()
		w := leaving{httptest.NewRecorder(), leave, &sync.WaitGroup{}}
		s.http.Handler.ServeHTTP(w, r.WithContext(ctx))
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		w.end.Wait()
		if ctx.Err() == context.DeadlineExceeded {
			t.Error("the answer took 10 s")
		}
		checkFuzzed(t, r.Method, w.ResponseRecorder, rec)
	})
}

// readRequest makes a request of bytes as the wire would, nil if it refuses them.
func readRequest(t *testing.T, b []byte) *http.Request {
	end := headEnd(b, 0)
	if end == 0 || !isTokenChar(b[0]) {
		return nil
	}
	clean, _, refusal := checkHead(b[:end])
	if refusal != "" {
		return nil
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(clean)))
	if err != nil {
		t.Fatalf("net/http refuses %q: %v", clean, err)
	}
	body := b[end:]
	r.Body, r.ContentLength, r.RemoteAddr = io.NopCloser(bytes.NewReader(body)), int64(len(body)), "192.0.2.1:1"
	return r
}

func checkFuzzed(t *testing.T, method string, w *httptest.ResponseRecorder, rec *events) {
	if !statuses[w.Code] {
		t.Errorf("status %d", w.Code)
	}
	kind, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type"))
	switch {
	case kind == "application/json" && !json.Valid(w.Body.Bytes()):
		t.Errorf("not JSON: %s", w.Body)
	case kind == "text/event-stream":
		for line := range strings.Lines(w.Body.String()) {
			data, ok := strings.CutPrefix(line, "data: {")
			if ok && !json.Valid([]byte("{"+data)) {
				t.Errorf("not JSON: %s", line)
			}
		}
	}
	all := rec.list()
	if len(all) == 0 {
		t.Errorf("no event for a %s that was answered %d", method, w.Code)
	}
	for _, ev := range all {
		if _, err := json.Marshal(ev); err != nil || ev.Outcome == "" {
			t.Errorf("event %+v: %v", ev, err)
		}
	}
}

// fuzzBackend has one of everything, and a tool that asks.
type fuzzBackend struct{}

func (fuzzBackend) Catalog(context.Context) (*sdk.Catalog, error) { return fuzzCatalog, nil }

func (fuzzBackend) Release(string) {}

var fuzzCatalog = &sdk.Catalog{
	Tools: []sdk.Tool{
		{Name: "t", Definition: sdk.RawJSON(`{}`), InputSchema: sdk.RawJSON(`{"type":"object","properties":{"a":{"type":"integer","x-mcp-header":"A"}}}`)},
		{Name: "ask", Definition: sdk.RawJSON(`{}`), InputSchema: sdk.RawJSON(`{"type":"object"}`)},
	},
	Resources:   []sdk.Resource{{URI: "doc://r", Definition: sdk.RawJSON(`{}`), Grain: time.Minute}},
	Templates:   []sdk.ResourceTemplate{{URITemplate: "doc://x/{a}{/b*}", Definition: sdk.RawJSON(`{}`), Grain: time.Minute}},
	Prompts:     []sdk.Prompt{{Name: "p", Definition: sdk.RawJSON(`{}`), Arguments: []sdk.PromptArgument{{Name: "a", Required: true}}}},
	Completions: true, Logging: true, Subscribe: true, Changes: sdk.Changes{Tools: true, Resources: true, Prompts: true},
}

func (fuzzBackend) Call(_ context.Context, _ string, c *sdk.Call) (*sdk.Answer, error) {
	if c.Tool == "ask" && c.Round == 0 {
		return &sdk.Answer{Input: &sdk.InputRequired{Requests: []sdk.InputRequest{{Key: "k", Method: methodRoots}}}}, nil
	}
	return &sdk.Answer{Result: sdk.RawJSON(done), Notify: []sdk.Notice{
		{Progress: sdk.RawJSON(`{"progress":1}`)}, {Log: sdk.RawJSON(`{"level":"info","data":1}`), Level: "info"}, {Changed: "tools"}, {Retry: time.Millisecond},
	}}, nil
}
