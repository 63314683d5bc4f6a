package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/internal/guests/guesttest"
	filesink "github.com/killdeer-mcp/killdeer/plugins/file/sink"
	syslogsink "github.com/killdeer-mcp/killdeer/plugins/syslog/sink"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
)

// shared is what all tests of this package use: guests, and the cache in which
// they are compiled once.
type shared struct{ dir, enterprise, core, hostile string }

var built struct {
	once sync.Once
	shared
}

func guests(t testing.TB) *shared {
	t.Helper()
	built.once.Do(func() {
		dir, err := os.MkdirTemp("", "killdeer-agent-test-")
		if err != nil {
			t.Fatal(err)
		}
		built.dir = dir
		built.enterprise = guesttest.Build(t, dir, "enterprise", guesttest.Enterprise)
		built.core = guesttest.Build(t, dir, "core", guesttest.Core)
		built.hostile = guesttest.Build(t, dir, "hostile", "./testdata/hostile")
	})
	if built.hostile == "" {
		t.Fatal("the guests could not be built")
	}
	return &built.shared
}

// TestMain also makes the test binary the program of a sink: of a file if its
// configuration has a path, and else of syslog.
func TestMain(m *testing.M) {
	if plugin.Started() {
		plugin.Serve(func(config json.RawMessage) (sdk.Sink, error) {
			if bytes.Contains(config, []byte(`"path":`)) {
				return filesink.New(config, "test")
			}
			return syslogsink.New(config, "test")
		})
		return
	}
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// atOnce has answers come without delay and always, unless a test says otherwise.
func atOnce(more string) (text string) {
	for _, key := range []string{"latency", "friction"} {
		if !strings.Contains(more, key+" =") {
			text += key + " = \"off\"\n"
		}
	}
	return text
}

// configure returns a configuration with its own state and the shared cache.
func configure(t testing.TB, dir, more string) *config.Config {
	t.Helper()
	g := guests(t)
	text := fmt.Sprintf("[sensor]\nname = \"test\"\ncache_dir = %q\n[dashboard]\nlisten = \"\"\n[rules]\npacks = [%q]\n[decoy]\nlisten = \"127.0.0.1:0\"\n%s", filepath.Join(g.dir, "cache"), g.core, atOnce(more))
	if !strings.Contains(more, "personas") {
		text += fmt.Sprintf("personas = [%q]\n", g.enterprise)
	}
	cfg, err := config.Parse("agent.toml", []byte(text+more), dir)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

type running struct {
	*agent.Sensor
	t   testing.TB
	url string
	dir string
}

func start(t testing.TB, cfg *config.Config) *running {
	t.Helper()
	s, err := agent.Start(t.Context(), agent.Options{Config: cfg, Log: slog.New(slog.DiscardHandler), Listen: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if _, err := s.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return &running{s, t, "http://" + s.Addr().String(), cfg.Sensor.StateDir}
}

func stop(t testing.TB, s *agent.Sensor) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// log opens the running sensor's journal as a command would.
func (r *running) log() agent.Log {
	r.t.Helper()
	log, err := agent.OpenLog(r.t.Context(), r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = log.Close() })
	return log
}

// events returns all events of a query, oldest first.
func events(t testing.TB, log agent.Log, q journal.Query) []*sdk.Event {
	t.Helper()
	var all []*sdk.Event
	for q.Limit = 1000; ; {
		page, err := log.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Events...)
		if q.Before = page.Next; q.Before == 0 {
			slices.Reverse(all)
			return all
		}
	}
}

// settled waits until n events of the query are there.
func settled(t testing.TB, log agent.Log, q journal.Query, n int) []*sdk.Event {
	t.Helper()
	for range 600 {
		if all := events(t, log, q); len(all) >= n {
			return all
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("fewer than %d events of %+v were recorded", n, q)
	return nil
}

// client is one hand-made session.
type client struct {
	t       testing.TB
	http    *http.Client
	url     string
	session string
}

func (r *running) connect(t testing.TB) *client {
	t.Helper()
	return r.connectFrom(t, http.DefaultClient)
}

func (r *running) connectFrom(t testing.TB, by *http.Client) *client {
	t.Helper()
	c := &client{t: t, http: by, url: r.url + "/mcp"}
	c.post(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"hand","version":"1"}}}`)
	if c.session == "" {
		t.Fatal("no session was issued")
	}
	return c
}

func (c *client) post(body string) string {
	c.t.Helper()
	return c.send(http.MethodPost, body)
}

// end ends the session.
func (c *client) end() {
	c.t.Helper()
	c.send(http.MethodDelete, "")
}

func (c *client) send(method, body string) string {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	return c.do(req)
}

// do sends a request as this session.
func (c *client) do(req *http.Request) string {
	c.t.Helper()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("User-Agent", "hand/1")
	if c.session != "" {
		req.Header.Set("Mcp-Session-Id", c.session)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Error(err)
		return ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Error(err)
	}
	if id := resp.Header.Get("Mcp-Session-Id"); id != "" {
		c.session = id
	}
	return string(b)
}

func (c *client) call(tool, args string) string {
	c.t.Helper()
	return c.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + tool + `","arguments":` + args + `}}`)
}

// A guest that loops, traps, eats memory or talks nonsense costs its own caller
// an excuse and nobody else anything.
func TestHostileGuestsStallNobody(t *testing.T) {
	g := guests(t)
	cfg := configure(t, t.TempDir(), fmt.Sprintf("personas = [%q, %q]\n[decoy.limits]\ncall_timeout = \"500ms\"\n", g.enterprise, g.hostile))
	r := start(t, cfg)
	stopGood := make(chan struct{})
	var good sync.WaitGroup
	var slowest time.Duration
	var mu sync.Mutex
	served := 0
	for i := range 3 {
		c := r.connect(t)
		good.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stopGood:
					return
				default:
				}
				began := time.Now()
				answer := c.call("jira_get_issue", fmt.Sprintf(`{"issue_key":"ZZ-%d"}`, i*100000+n))
				mu.Lock()
				slowest = max(slowest, time.Since(began))
				served++
				mu.Unlock()
				if !strings.Contains(answer, `"result"`) {
					t.Errorf("a good client was answered %s", answer)
				}
			}
		})
	}
	tools := []string{"spin", "trap", "hog", "flood", "nonsense", "deep"}
	var bad sync.WaitGroup
	for _, tool := range tools {
		c := r.connect(t)
		bad.Go(func() {
			for range 4 {
				answer := c.call(tool, `{}`)
				want := `"content":[{"type":"text","text":"upstream request timed out"}],"isError":true`
				if !strings.Contains(answer, want) {
					t.Errorf("%s was answered %s", tool, answer)
				}
			}
		})
	}
	bad.Wait()
	close(stopGood)
	good.Wait()
	t.Logf("%d good calls, slowest %v", served, slowest)
	if served < 20 {
		t.Errorf("only %d good calls were served beside the hostile guest", served)
	}
	failures := settled(t, r.log(), journal.Query{Kind: sdk.KindGuest}, 4*len(tools))
	codes := map[string]bool{}
	for _, ev := range failures {
		codes[ev.Tool+" "+ev.Guest.Code] = true
	}
	if !codes["spin timeout"] && !codes["spin degraded"] {
		t.Errorf("guest errors are %v", codes)
	}
}

// The circuit breaker lets the guest rest and the client see the same excuse.
func TestBreakerAnswersAtOnce(t *testing.T) {
	g := guests(t)
	r := start(t, configure(t, t.TempDir(), fmt.Sprintf("personas = [%q]\n", g.hostile)))
	c := r.connect(t)
	for range 8 {
		if answer := c.call("trap", `{}`); !strings.Contains(answer, "upstream request timed out") {
			t.Errorf("answer = %s", answer)
		}
	}
	all := settled(t, r.log(), journal.Query{Kind: sdk.KindGuest}, 8)
	if last := all[len(all)-1]; last.Guest.Code != "degraded" {
		t.Errorf("after eight traps the guest is %q, want degraded", last.Guest.Code)
	}
	if answer := c.call("fine", `{}`); !strings.Contains(answer, "upstream request timed out") {
		t.Errorf("a degraded guest answered %s", answer)
	}
}

// Detections are found once each, also when the sensor restarts in between.
func TestDetectionsSurviveRestart(t *testing.T) {
	dir := t.TempDir()
	first := start(t, configure(t, dir, ""))
	c := first.connect(t)
	c.post(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	c.call("jira_get_issue", `{"issue_key":"AB-1"}`)
	c.call("slack_channels_list", `{}`)
	settled(t, first.log(), journal.Query{Kind: sdk.KindDetection}, 2)
	stop(t, first.Sensor)

	second := start(t, configure(t, dir, ""))
	c = second.connect(t)
	c.post(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	c.call("slack_channels_list", `{}`)
	c.call("confluence_search", `{"cql":"text ~ \"pass\u0077ord\""}`)
	settled(t, second.log(), journal.Query{Kind: sdk.KindDetection}, 4)
	time.Sleep(200 * time.Millisecond) // for a fifth that must not come
	all := events(t, second.log(), journal.Query{Kind: sdk.KindDetection})
	var got []string
	for _, ev := range all {
		got = append(got, ev.Detection.RuleID+" "+ev.Detection.Subject)
	}
	slices.Sort(got)
	want := []string{
		"MCP_IDENTITY_RECON slack_channels_list", "MCP_MULTI_TOOL_RECON tools/call",
		"MCP_SECRET_HUNTING_ARGS confluence_search", "MCP_TOOL_ENUMERATION tools/list",
	}
	if !slices.Equal(got, want) {
		t.Errorf("detections:\n got %q\nwant %q", got, want)
	}
}

// Two deployments show different companies; a restart shows the same.
func TestWorldIsPerDeployment(t *testing.T) {
	name := func(dir string) string {
		r := start(t, configure(t, dir, ""))
		var init struct {
			Result struct{ ServerInfo sdk.ServerInfo }
		}
		c := &client{t: t, http: http.DefaultClient, url: r.url + "/mcp"}
		body := c.post(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"hand","version":"1"}}}`)
		if err := json.Unmarshal([]byte(body), &init); err != nil {
			t.Fatal(err)
		}
		users := c.call("postgresql_execute_select_query", `{"query":"SELECT email FROM users ORDER BY id LIMIT 3"}`)
		stop(t, r.Sensor)
		return init.Result.ServerInfo.Name + users
	}
	one, two := t.TempDir(), t.TempDir()
	first := name(one)
	if again := name(one); again != first {
		t.Errorf("after a restart:\n%s\nbefore:\n%s", again, first)
	}
	if other := name(two); other == first {
		t.Error("two deployments show the same company")
	}
}

// What a client is told never names us, whatever it asks.
func TestNoTrace(t *testing.T) {
	r := start(t, configure(t, t.TempDir(), ""))
	c := r.connect(t)
	answers := []string{
		c.post(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`), c.post(`{`), c.post(`[]`),
		c.post(`{"jsonrpc":"2.0","id":1,"method":"server/discover"}`), c.call("nope", `{}`), c.call("jira_get_issue", `{"issue_key":7}`),
	}
	for _, path := range []string{"/", "/health", "/.well-known/mcp", "/metrics", "/api/logs", "/sse/x"} {
		resp, err := http.Get(r.url + path)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		_ = resp.Write(&b)
		resp.Body.Close()
		answers = append(answers, b.String())
	}
	for _, a := range answers {
		for _, word := range []string{"killdeer", "decoy", "honeypot", "wasm", "wazero", "goroutine", "json:", ".go:"} {
			if strings.Contains(strings.ToLower(a), word) {
				t.Errorf("an answer contains %q: %.300s", word, a)
			}
		}
	}
}
