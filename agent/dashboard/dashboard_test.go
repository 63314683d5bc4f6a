package dashboard_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/dashboard"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// record is what a journal would hand in, in memory.
type record struct {
	mu       sync.Mutex
	events   []*sdk.Event
	sessions []dashboard.Session
	canaries []dashboard.Canary
	stats    dashboard.Stats
	status   dashboard.Status
	news     chan struct{}
}

func newRecord() *record { return &record{news: make(chan struct{})} }

func (r *record) add(events ...*sdk.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ev := range events {
		ev.V, ev.Seq = 1, uint64(len(r.events)+1)
		r.events = append(r.events, ev)
	}
	close(r.news)
	r.news = make(chan struct{})
}

func (r *record) all() []*sdk.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

func matches(ev *sdk.Event, q dashboard.Query) bool {
	d := ev.Detection
	if d == nil {
		d = &sdk.Detection{}
	}
	for _, pair := range [][2]string{
		{string(q.Kind), string(ev.Kind)},
		{q.IP, ev.IP},
		{q.Tool, ev.Tool},
		{q.MCPMethod, ev.MCPMethod},
		{q.Session, ev.Session},
		{q.Actor, ev.Actor},
		{q.Outcome, ev.Outcome},
		{q.Rule, d.RuleID},
		{string(q.Severity), string(d.Severity)},
	} {
		if pair[0] != "" && pair[0] != pair[1] {
			return false
		}
	}
	return (q.From.IsZero() || !ev.Time.Before(q.From)) && (q.To.IsZero() || ev.Time.Before(q.To)) && (q.MinSeverity == "" || ev.Detection != nil)
}

func (r *record) Query(_ context.Context, q dashboard.Query) (page dashboard.Page, err error) {
	if q.Tool == "broken" {
		return page, errors.New("disk on fire at /var/lib/secret")
	}
	for _, ev := range slices.Backward(r.all()) {
		if q.Before > 0 && ev.Seq >= q.Before || !matches(ev, q) {
			continue
		}
		if len(page.Events) == q.Limit {
			page.Next = page.Events[q.Limit-1].Seq
			break
		}
		page.Events = append(page.Events, ev)
	}
	return page, nil
}

func (r *record) Count(_ context.Context, q dashboard.Query) (dashboard.Tally, error) {
	n := uint64(0)
	for _, ev := range r.all() {
		if matches(ev, q) {
			n++
		}
	}
	return dashboard.Tally{Events: n, Exact: true}, nil
}

func (r *record) Get(_ context.Context, id string) (*sdk.Event, error) {
	for _, ev := range r.all() {
		if ev.ID == id || fmt.Sprint(ev.Seq) == id {
			return ev, nil
		}
	}
	return nil, dashboard.ErrNotFound
}

func (r *record) Last() uint64 { return uint64(len(r.all())) }

func (r *record) Read(_ context.Context, after uint64, limit int) ([]*sdk.Event, uint64, error) {
	all := r.all()
	if after >= uint64(len(all)) {
		return nil, after, nil
	}
	all = all[after:]
	all = all[:min(limit, len(all))]
	return all, all[len(all)-1].Seq, nil
}

func (r *record) Wait(ctx context.Context, after uint64) error {
	for {
		r.mu.Lock()
		news, last := r.news, uint64(len(r.events))
		r.mu.Unlock()
		if last > after {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *record) Session(id string) (dashboard.Session, error) {
	for _, s := range r.sessions {
		if s.ID == id {
			return s, nil
		}
	}
	return dashboard.Session{}, dashboard.ErrNotFound
}

func (r *record) Sessions(before uint64, limit int) (out []dashboard.Session, err error) {
	for _, s := range slices.Backward(r.sessions) {
		if (before == 0 || s.FirstSeq < before) && len(out) < limit {
			out = append(out, s)
		}
	}
	return out, nil
}

func (r *record) Canaries(before uint64, limit int) (out []dashboard.Canary, err error) {
	for _, c := range slices.Backward(r.canaries) {
		if (before == 0 || c.Seq < before) && len(out) < limit {
			out = append(out, c)
		}
	}
	return out, nil
}

func (r *record) Stats(context.Context) (dashboard.Stats, error)   { return r.stats, nil }
func (r *record) Status(context.Context) (dashboard.Status, error) { return r.status, nil }
func (r *record) Tools(context.Context) ([]string, error)          { return []string{"jira_get_issue"}, nil }

const token = "correct-horse-battery-staple-0123456789"

// board is a dashboard that is served.
type board struct {
	t   testing.TB
	url string
	log *bytes.Buffer
	l   *listener
}

// listener lets a test end all connections, as a network does.
type listener struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, c)
	return c, err
}

func (b *board) cut() {
	b.l.mu.Lock()
	defer b.l.mu.Unlock()
	for _, c := range b.l.conns {
		_ = c.Close()
	}
	b.l.conns = nil
}

func serve(t testing.TB, r *record, change func(*dashboard.Options)) *board {
	t.Helper()
	b := &board{t: t, log: &bytes.Buffer{}}
	sum := sha256.Sum256([]byte(token))
	o := dashboard.Options{
		Events: r, Feed: r, Tables: r, Sensor: r, TokenHash: sum[:],
		Log: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&o)
	}
	d := dashboard.New(o)
	l := &listener{Listener: httptest.NewUnstartedServer(nil).Listener}
	b.l = l
	done := make(chan error, 1)
	go func() { done <- d.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := d.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	b.url = "http://" + l.Addr().String()
	return b
}

// ask sends a request, with the token unless header says otherwise.
func (b *board) ask(method, path string, body string, header ...string) *http.Response {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		switch {
		case header[i] == "Host":
			req.Host = header[i+1]
		case header[i+1] == "":
			req.Header.Del(header[i])
		default:
			req.Header.Set(header[i], header[i+1])
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// get reads an answer of JSON.
func (b *board) get(path string, into any) {
	b.t.Helper()
	resp := b.ask(http.MethodGet, path, "")
	text := read(b.t, resp)
	if resp.StatusCode != http.StatusOK {
		b.t.Fatalf("GET %s: %s: %s", path, resp.Status, text)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		b.t.Fatalf("GET %s: %v in %.300s", path, err, text)
	}
}

func read(t testing.TB, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func access(id, ip, tool, session string, at time.Duration) *sdk.Event {
	return &sdk.Event{
		ID: id, Kind: sdk.KindAccess, Time: noon.Add(at), IP: ip, Tool: tool, Session: session, MCPMethod: "tools/call", Outcome: "result",
		Method: "POST", Path: "/mcp", UA: "curl/8", Head: "POST /mcp HTTP/1.1\r\n\r\n", Body: &sdk.Body{Size: 2, SHA256: "00", Text: "{}"},
		Class: "read", Args: sdk.RawJSON(`{"q":"x"}`), Status: 200,
	}
}

func detection(id, rule string, severity sdk.Severity, ip, session string, at time.Duration) *sdk.Event {
	return &sdk.Event{
		ID: id, Kind: sdk.KindDetection, Time: noon.Add(at), IP: ip, Session: session,
		Detection: &sdk.Detection{ID: id, RuleID: rule, Severity: severity, Confidence: sdk.ConfidenceHigh, SourceIP: ip, Summary: "why", Count: 1},
	}
}
