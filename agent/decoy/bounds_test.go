package decoy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// What is kept of a long string does not keep the rest of it.
func TestCutStringIsACopy(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	if cut := cutString(long, 10); cut != "xxxxxxxxxx" || unsafe.StringData(cut) == unsafe.StringData(long) {
		t.Errorf("%q is a part of the long string", cut)
	}
	body := []byte(`{"jsonrpc":"2.0","id":"a","method":"ping"}`)
	if m := parseMessage(body); bytes.Contains(body, []byte(`"a"`)) && unsafe.SliceData(m.id) == &body[bytes.Index(body, []byte(`"a"`))] {
		t.Error("the id is a part of the body")
	}
}

// A response is never answered, not even one to nobody: two peers that did would
// talk for ever.
func TestResponsesAreNotAnswered(t *testing.T) {
	for _, body := range []string{
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}`, `{"jsonrpc":"2.0","error":{"code":-32700,"message":"x"}}`,
		`{"jsonrpc":"2.0","id":1,"result":{}}`,
	} {
		if m := parseMessage([]byte(body)); !m.answer || m.isRequest() {
			t.Errorf("%s is to be answered", body)
		}
	}
	if m := parseMessage([]byte(`{"jsonrpc":"2.0","id":null,"method":"ping"}`)); m.fault != profile.InvalidRequest {
		t.Error("a request without a usable id was taken")
	}
}

// Integers are compared exactly, whatever a double would make of them.
func TestHeaderNumbers(t *testing.T) {
	tests := []struct {
		text, value string
		same        bool
	}{
		{"42", "42", true},
		{"42.0", "42", true},
		{"+42", "42", true},
		{"9007199254740992", "9007199254740993", false},
		{"0x2a", "42", false},
		{"1e2", "100", false},
		{strings.Repeat("9", 1000), "1", false},
		{"true", "true", true},
		{"a", `"a"`, true},
		{"1", `"1.0"`, false},
	}
	for _, tt := range tests {
		if got := sameValue(tt.text, []byte(tt.value)); got != tt.same {
			t.Errorf("%s and %s: %v", tt.text, tt.value, got)
		}
	}
}

// The state of a request is opened before anything is computed of the request.
func TestForeignStateCostsNothing(t *testing.T) {
	s := newTestServer(func(*sdk.Call) *sdk.Answer { return &sdk.Answer{Result: sdk.RawJSON(done)} })
	var junk strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&junk, `"k%d":0,`, i)
	}
	m := parseMessage([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{` + junk.String() + `"name":"t","requestState":"x","_meta":{` +
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`))
	x := &exchange{arrival: time.Now(), event: s.newEvent(time.Now(), "http")}
	if o := s.engine.modern(t.Context(), x, nil, m); o.Code != profile.BadParams {
		t.Errorf("outcome %s", o.Code)
	}
	if testing.AllocsPerRun(1, func() { _ = requestDigest(m) }) > 1e6 {
		t.Error("a digest takes more than a few allocations for each member")
	}
}

// A client on standard input that asks for too much at once is refused, and its
// answers are still read.
func TestStdioNeverBlocks(t *testing.T) {
	release := make(chan struct{})
	s := newTestServer(func(*sdk.Call) *sdk.Answer {
		<-release
		return &sdk.Answer{Result: sdk.RawJSON(done)}
	})
	in, client := io.Pipe()
	out := &lockedBuffer{}
	served := make(chan error, 1)
	go func() { served <- s.ServeStdio(t.Context(), in, out) }()
	for i := range maxRunning + 1 {
		fmt.Fprintf(client, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"t"}}`+"\n", i)
	}
	fmt.Fprintln(client, `{"jsonrpc":"2.0","id":"last","method":"ping"}`)
	for end := time.Now().Add(20 * time.Second); !strings.Contains(out.String(), `"last"`); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no answer to the ping: %s", out)
		}
	}
	if n := strings.Count(out.String(), "-32603"); n != 1 {
		t.Errorf("%d requests were refused, want 1", n)
	}
	close(release)
	_ = client.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if n := strings.Count(out.String(), `"content":[]`); n != maxRunning {
		t.Errorf("%d answers, want %d", n, maxRunning)
	}
}

// Log notifications need the capability that announces them.
func TestLogsNeedTheirCapability(t *testing.T) {
	s := newTestServer(func(*sdk.Call) *sdk.Answer {
		return &sdk.Answer{Result: sdk.RawJSON(done), Notify: []sdk.Notice{{Log: sdk.RawJSON(`{}`), Level: "error"}}}
	})
	c := newCatalog(&sdk.Catalog{Tools: []sdk.Tool{{Name: "t", InputSchema: sdk.RawJSON(`{"type":"object"}`)}}}, 10, s.engine.sealer)
	out := &told{start: time.Now()}
	x := &exchange{arrival: time.Now(), out: out, era: profile.Legacy, session: newTestSession(t), event: s.newEvent(time.Now(), "http")}
	s.engine.tell(t.Context(), c, x, parseMessage([]byte(`{}`)), time.Now(), &sdk.Answer{Notify: []sdk.Notice{{Log: sdk.RawJSON(`{}`), Level: "error"}}})
	if len(out.lines) != 0 {
		t.Errorf("sent %q", out.lines)
	}
}

// A refused event stream opens no session, which would push another one out.
func TestRefusedStreamOpensNothing(t *testing.T) {
	s := newTestServer(func(*sdk.Call) *sdk.Answer { return nil })
	s.streams = newCounter(0, 0)
	w := &plainWriter{header: http.Header{}}
	r, _ := http.NewRequest(http.MethodGet, "http://localhost/sse", nil)
	r.RemoteAddr = "192.0.2.1:5"
	a := &arrival{w: w, r: r, exchange: &exchange{arrival: time.Now(), event: s.newEvent(time.Now(), "http")}}
	s.sse(a)
	if w.status != http.StatusServiceUnavailable || len(s.engine.sessions.byID) != 0 {
		t.Errorf("status %d, %d sessions", w.status, len(s.engine.sessions.byID))
	}
}

type plainWriter struct {
	header http.Header
	status int
}

func (w *plainWriter) Header() http.Header         { return w.header }
func (w *plainWriter) WriteHeader(status int)      { w.status = status }
func (w *plainWriter) Write(b []byte) (int, error) { return len(b), nil }

// An elicitation by URL has an id where the revision wants one.
func TestElicitationID(t *testing.T) {
	for params, added := range map[string]bool{
		`{"mode":"url","message":"m","url":"https://x.example/"}`:                       true,
		`{"mode":"url","message":"m","url":"https://x.example/","elicitationId":"own"}`: false,
		`{"message":"m","requestedSchema":{}}`:                                          false,
	} {
		got := string(legacyParams(&sdk.InputRequest{Method: methodElicit, Params: sdk.RawJSON(params)}))
		if added != (got != params) || added && !strings.Contains(got, `"url":"https://x.example/","elicitationId":"`) {
			t.Errorf("%s became %s", params, got)
		}
	}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
