package sink_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/receivers"
	"github.com/killdeer-mcp/killdeer/plugins/encode/encodetest"
	"github.com/killdeer-mcp/killdeer/plugins/webhook/sink"
	"github.com/killdeer-mcp/killdeer/sdk"
)

func secret(b string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(b, 32)))
}

func newSink(t *testing.T, config map[string]any) *sink.Sink {
	t.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sink.New(text, "1.0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// local is the configuration for a receiver on this machine.
func local(url string, more map[string]any) map[string]any {
	config := map[string]any{"url": url, "plain_http": true, "allow": []string{"127.0.0.0/8"}}
	maps.Copy(config, more)
	return config
}

// recorder is a receiver that keeps what it gets and answers as it is told.
type recorder struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
	answer   func(n int, w http.ResponseWriter)
}

func record(t *testing.T, answer func(n int, w http.ResponseWriter)) *recorder {
	t.Helper()
	r := &recorder{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.requests, r.bodies = append(r.requests, request), append(r.bodies, string(body))
		if r.answer != nil {
			r.answer(len(r.requests), w)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.bodies)
}

// TestOfficialLibrary: the official library verifies what we sign, with either of
// two secrets while they change, and refuses a message of which a byte was changed.
func TestOfficialLibrary(t *testing.T) {
	for name, secrets := range map[string][]string{
		"one": {secret("a")}, "new one first": {secret("b"), secret("a")}, "old one first": {secret("a"), secret("b")},
	} {
		t.Run(name, func(t *testing.T) {
			url, next := python(t, secret("a"))
			s := newSink(t, local(url, map[string]any{"secrets": secrets}))
			batch := []sdk.Event{encodetest.Call(), encodetest.Verdict()}
			for _, text := range encodetest.Hostile() {
				batch = append(batch, encodetest.Filled(true, text))
			}
			for i := range batch {
				batch[i].Args, batch[i].RPCID = nil, nil // hostile text is no JSON
			}
			for i := range batch {
				if err := s.Write(t.Context(), batch[i:i+1]); err != nil {
					t.Fatal(err)
				}
				seen := next()
				if seen.Refused != "" || seen.Tampered != "No matching signature found" || seen.Signatures != len(secrets) {
					t.Errorf("event %d: %+v", i, seen)
				}
				if seen.ID != "evt_"+batch[i].ID || seen.Payload.Data.ID != batch[i].ID {
					t.Errorf("event %d has id %s and payload %+v", i, seen.ID, seen.Payload)
				}
			}
		})
	}
	t.Run("another secret", func(t *testing.T) {
		url, next := python(t, secret("a"))
		s := newSink(t, local(url, map[string]any{"secrets": []string{secret("c")}}))
		if err := s.Write(t.Context(), []sdk.Event{encodetest.Call()}); err == nil {
			t.Error("a signature by another secret was accepted")
		}
		if seen := next(); seen.Refused == "" {
			t.Errorf("%+v", seen)
		}
	})
}

type verified struct {
	ID         string
	Signatures int
	Refused    string
	Tampered   string
	Payload    struct {
		Type string
		Data struct{ ID string }
	}
}

func python(t *testing.T, secret string) (url string, next func() verified) {
	t.Helper()
	command := exec.Command(receivers.Python(t), receivers.Script(t, "webhook.py"), secret)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		t.Fatal("the receiver does not start")
	}
	return "http://127.0.0.1:" + lines.Text() + "/", func() (v verified) {
		t.Helper()
		if !lines.Scan() {
			t.Fatal("the receiver has ended")
		}
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestRetry: an event that comes again has the id that it had, another time.
func TestRetry(t *testing.T) {
	r := record(t, func(n int, w http.ResponseWriter) {
		if n == 2 {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	s := newSink(t, local(r.URL, map[string]any{"secrets": []string{secret("a")}}))
	batch := []sdk.Event{encodetest.Call(), encodetest.Verdict()}
	err := s.Write(t.Context(), batch)
	failure, ok := errors.AsType[*sdk.WriteError](err)
	if !ok || failure.Done != 1 || failure.After != 7*time.Second || errors.Is(err, sdk.ErrPermanent) {
		t.Fatalf("Write = %#v, want the first done, and 7 s", err)
	}
	if err := s.Write(t.Context(), batch[1:]); err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, request := range r.requests {
		ids = append(ids, request.Header.Get("webhook-id"))
	}
	if len(ids) != 3 || ids[1] != ids[2] || ids[0] == ids[1] {
		t.Errorf("ids %v, want the last two to be one", ids)
	}
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		status int
		want   error // nil: comes again
		text   string
	}{
		{http.StatusBadRequest, sdk.ErrPermanent, "400"},
		{http.StatusRequestEntityTooLarge, sdk.ErrPermanent, "413"},
		{http.StatusUnprocessableEntity, sdk.ErrPermanent, "422"},
		{http.StatusGone, sdk.ErrGone, "wants no more"},
		{http.StatusUnauthorized, nil, "401"},
		{http.StatusNotFound, nil, "404"},
		{http.StatusTooManyRequests, nil, "429"},
		{http.StatusInternalServerError, nil, "500"},
		{http.StatusFound, nil, "redirects are not followed"},
		{http.StatusPermanentRedirect, nil, "redirects are not followed"},
	}
	for _, tt := range tests {
		t.Run(strconv.Itoa(tt.status), func(t *testing.T) {
			r := record(t, func(_ int, w http.ResponseWriter) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
			})
			s := newSink(t, local(r.URL+"/services/T0/SECRET", nil))
			err := s.Write(t.Context(), []sdk.Event{encodetest.Call()})
			if err == nil || !strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("Write = %v, want %q", err, tt.text)
			}
			for _, kind := range []error{sdk.ErrPermanent, sdk.ErrGone} {
				if errors.Is(err, kind) != errors.Is(kind, tt.want) {
					t.Errorf("Write = %v, is %v: %t", err, kind, errors.Is(err, kind))
				}
			}
			if len(r.got()) != 1 {
				t.Errorf("%d requests, want one", len(r.got()))
			}
		})
	}
}

// TestNoSecretsInErrors: whatever goes wrong, the address and the secrets stay out.
func TestNoSecretsInErrors(t *testing.T) {
	for _, url := range []string{
		"http://127.0.0.1:1/services/SECRET?key=SECRET", "http://no.such.host.invalid/SECRET", "http://10.0.0.1/SECRET",
	} {
		s := newSink(t, local(url, map[string]any{"headers": map[string]string{"Authorization": "SECRET"}, "timeout": "2s"}))
		if err := s.Write(t.Context(), []sdk.Event{encodetest.Call()}); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("Write = %v", err)
		}
	}
	for _, config := range []string{
		`{"url":"ftp://host/SECRET"}`, `{"url":"https://SECRET@host/"}`, `{"url":"https://h/","secrets":["SECRET"]}`,
	} {
		if _, err := sink.New(json.RawMessage(config), ""); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("New(%s) = %v", config, err)
		}
	}
}

// TestAnswersAreBounded: a receiver that never stops answering holds nothing up.
func TestAnswersAreBounded(t *testing.T) {
	r := record(t, func(_ int, w http.ResponseWriter) {
		for range 1 << 10 {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	s := newSink(t, local(r.URL, nil))
	if err := s.Write(t.Context(), []sdk.Event{encodetest.Call()}); err != nil {
		t.Error(err)
	}
}

func TestTimeout(t *testing.T) {
	stuck := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stuck }))
	defer server.Close()
	defer close(stuck)
	s := newSink(t, local(server.URL, map[string]any{"timeout": "100ms"}))
	if err := s.Write(t.Context(), []sdk.Event{encodetest.Call()}); err == nil || !strings.Contains(err.Error(), "timeout of 100ms") {
		t.Errorf("Write = %v, want the timeout", err)
	}
}

// TestBodies: a message is JSON below its limit, whatever an event holds, and says
// what was left out.
func TestBodies(t *testing.T) {
	for _, batch := range []int{1, 16} {
		for name, text := range encodetest.Hostile() {
			r := record(t, nil)
			s := newSink(t, local(r.URL, map[string]any{"max_bytes": 4096, "batch": batch}))
			var events []sdk.Event
			for i := range 5 {
				e := encodetest.Filled(i%2 == 0, text)
				quoted, err := json.Marshal(text)
				if err != nil {
					t.Fatal(err)
				}
				e.Args, e.RPCID = quoted, quoted
				events = append(events, e)
			}
			if err := s.Write(t.Context(), events); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			seen := 0
			for _, body := range r.got() {
				var got struct {
					Type string
					Data json.RawMessage
				}
				if err := json.Unmarshal([]byte(body), &got); err != nil || len(body) > 4096 {
					t.Errorf("%s: %d bytes: %v", name, len(body), err)
				}
				seen += max(1, strings.Count(string(got.Data), `"v":1,`))
				if strings.HasPrefix(name, "long") && !strings.Contains(body, `"reduced":["head","body"`) {
					t.Errorf("%s: nothing is said to be left out: %.300s", name, body)
				}
			}
			if seen != len(events) {
				t.Errorf("%s: %d events of %d", name, seen, len(events))
			}
		}
	}
}

func TestTemplate(t *testing.T) {
	r := record(t, nil)
	s := newSink(t, local(r.URL, map[string]any{
		"form": "template", "template": `{"n":{{len .Events}},"tool":{{(index .Events 0).Tool | text 20 | json}},"all":{{json .Events}}}`,
		"content_type": "application/vnd.example+json",
	}))
	e := encodetest.Filled(false, "x\n\"},{\"n\":9")
	e.Args, e.RPCID = nil, nil
	if err := s.Write(t.Context(), []sdk.Event{e}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		N    int
		Tool string
	}
	if err := json.Unmarshal([]byte(r.got()[0]), &got); err != nil || got.N != 1 || got.Tool != `x\u000a"},{"n":9` {
		t.Errorf("%v, %+v of %s", err, got, r.got()[0])
	}
	if of := r.requests[0].Header.Get("Content-Type"); of != "application/vnd.example+json" {
		t.Errorf("Content-Type %s", of)
	}
}

// TestTemplateTooLong: events that are too much for one message make several.
func TestTemplateTooLong(t *testing.T) {
	r := record(t, nil)
	s := newSink(t, local(r.URL, map[string]any{"form": "template", "template": `{{json .Events}}`, "max_bytes": 5000}))
	batch := make([]sdk.Event, 20)
	for i := range batch {
		batch[i] = encodetest.Verdict()
	}
	if err := s.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, body := range r.got() {
		seen += strings.Count(body, `"v":1,`)
	}
	if seen != len(batch) || len(r.got()) < 2 {
		t.Errorf("%d events in %d messages", seen, len(r.got()))
	}
}

// TestCoolDown: one rule and source is told once, and then counted.
func TestCoolDown(t *testing.T) {
	r := record(t, nil)
	s := newSink(t, local(r.URL, map[string]any{"form": "slack", "cooldown": "1h"}))
	same, other := encodetest.Verdict(), encodetest.Verdict()
	other.Detection.RuleID = "MCP_OTHER"
	for _, batch := range [][]sdk.Event{{same, same}, {same}, {other, same}} {
		if err := s.Write(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	got := r.got()
	if len(got) != 2 || !strings.Contains(got[0], "1 like earlier") || !strings.Contains(got[1], "MCP_OTHER") || !strings.Contains(got[1], "2 like earlier") {
		t.Errorf("%d messages: %q", len(got), got)
	}
}

// TestDigest: within its time one message is sent, and the next waits; a caller
// that cannot wait is told when to come again.
func TestDigest(t *testing.T) {
	r := record(t, nil)
	s := newSink(t, local(r.URL, map[string]any{"form": "discord", "digest": "300ms"}))
	begin := time.Now()
	for range 3 {
		if err := s.Write(t.Context(), []sdk.Event{encodetest.Verdict(), encodetest.Verdict()}); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begin); took < 600*time.Millisecond || len(r.got()) != 3 {
		t.Errorf("%d messages within %s", len(r.got()), took)
	}
}

// TestChats: whatever a client chose, a chat shows it as text: no mention, no
// markup, no link, and a message that the chat takes.
func TestChats(t *testing.T) {
	for _, form := range []string{"slack", "teams", "discord"} {
		for name, text := range encodetest.Hostile() {
			r := record(t, nil)
			s := newSink(t, local(r.URL, map[string]any{"form": form}))
			var batch []sdk.Event
			for i := range 30 {
				batch = append(batch, encodetest.Filled(i%2 == 0, text))
			}
			if err := s.Write(t.Context(), batch); err != nil {
				t.Fatalf("%s, %s: %v", form, name, err)
			}
			if got := r.got(); len(got) != 1 {
				t.Fatalf("%s, %s: %d messages", form, name, len(got))
			}
			checkChat(t, form+", "+name, form, r.got()[0])
		}
	}
}

func checkChat(t *testing.T, name, form, body string) {
	t.Helper()
	var message map[string]any
	if err := json.Unmarshal([]byte(body), &message); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if strings.Contains(strings.ReplaceAll(body, "http://adaptivecards.io/schemas/adaptive-card.json", ""), "://") {
		t.Errorf("%s: a link is left in %s", name, body)
	}
	texts := 0
	walk(message, func(object map[string]any) {
		switch object["type"] {
		case "mrkdwn", "TextBlock", "FactSet", "markdown":
			t.Errorf("%s: %v knows markup", name, object["type"])
		case "plain_text", "TextRun":
			texts++
		}
	})
	switch form {
	case "slack":
		if blocks := message["blocks"].([]any); len(blocks) > 50 || texts == 0 || strings.ContainsAny(message["text"].(string), "<>") {
			t.Errorf("%s: %d blocks, text %v", name, len(blocks), message["text"])
		}
	case "teams":
		if len(body) > 28_000 || texts == 0 {
			t.Errorf("%s: %d bytes", name, len(body))
		}
	case "discord":
		checkDiscord(t, name, message)
	}
}

func checkDiscord(t *testing.T, name string, message map[string]any) {
	t.Helper()
	embeds, total := message["embeds"].([]any), 0
	for _, embed := range embeds {
		description := embed.(map[string]any)["description"].(string)
		total += len([]rune(description)) + len([]rune(embed.(map[string]any)["title"].(string)))
		for line := range strings.SplitSeq(description, "\n") {
			_, value, _ := strings.Cut(line, ": ")
			if bare := strings.NewReplacer(`\\`, "", `\<`, "", `\*`, "", `\_`, "", "\\`", "", `\[`, "", `\]`, "", `\@`, "", `\>`, "", `\~`, "", `\|`, "", `\(`, "", `\)`, "").Replace(value); strings.ContainsAny(bare, "<>*_`[]@~|()") {
				t.Errorf("%s: markup is left in %q", name, value)
			}
		}
	}
	if len(embeds) > 10 || total > 6000 {
		t.Errorf("%s: %d embeds with %d characters", name, len(embeds), total)
	}
	if parse := message["allowed_mentions"].(map[string]any)["parse"].([]any); len(parse) != 0 {
		t.Errorf("%s: mentions %v", name, parse)
	}
}

func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, child := range v {
			walk(child, visit)
		}
	case []any:
		for _, child := range v {
			walk(child, visit)
		}
	}
}

// TestGuard: private, local and metadata addresses are refused however they are
// written, and whatever name stands for them.
func TestGuard(t *testing.T) {
	r := record(t, nil)
	port := r.URL[strings.LastIndexByte(r.URL, ':'):]
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1",
		"169.254.169.254", "100.100.100.200", "192.0.0.192", "[fd00:ec2::254]", "[fe80::1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]",
		"[::127.0.0.1]", "224.0.0.1", "255.255.255.255", "[ff02::1]",
	} {
		s := newSink(t, map[string]any{"url": "http://" + host + port + "/", "plain_http": true, "timeout": "1s"})
		err := s.Write(t.Context(), []sdk.Event{encodetest.Call()})
		if err == nil || !strings.Contains(err.Error(), "list its network in allow") {
			t.Errorf("%s: Write = %v, want a refusal", host, err)
		}
	}
	if len(r.got()) != 0 {
		t.Error("a refused address was reached")
	}
}

func TestConfig(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"least", `{"url":"https://hooks.example/x"}`, ""},
		{"plain", `{"url":"http://hooks.example/x"}`, "plain_http"},
		{"no url", `{}`, "url"},
		{"unknown key", `{"url":"https://h/","secret":"x"}`, "secret"},
		{"form", `{"url":"https://h/","form":"irc"}`, `form "irc"`},
		{"short secret", `{"url":"https://h/","secrets":["whsec_AAAA"]}`, "number 1"},
		{"allow", `{"url":"https://h/","allow":["10.0.0.1"]}`, "no network"},
		{"template missing", `{"url":"https://h/","form":"template"}`, "template"},
		{"template broken", `{"url":"https://h/","form":"template","template":"{{.Nope}}"}`, "try template"},
		{"template syntax", `{"url":"https://h/","form":"template","template":"{{"}`, "read template"},
		{"digest", `{"url":"https://h/","digest":"1m"}`, "sends every event"},
		{"batch", `{"url":"https://h/","form":"slack","batch":9}`, "batch"},
		{"header", `{"url":"https://h/","headers":{"A B":"x"}}`, "no header"},
		{"header value", `{"url":"https://h/","headers":{"A":"x\r\nB: y"}}`, "no header"},
		{"small", `{"url":"https://h/","max_bytes":10}`, "max_bytes 10"},
		{"ca", `{"url":"https://h/","ca":"/none"}`, "read ca"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := sink.New(json.RawMessage(tt.config), "1.0")
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("New = %v, want %q", err, tt.want)
			}
		})
	}
}

// One event that a receiver refuses for what it is costs that event, and not those of
// its message. The loop does what the sensor does with a refusal.
func TestOneOfMany(t *testing.T) {
	var posts atomic.Int32
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		posts.Add(1)
		if body, _ := io.ReadAll(r.Body); bytes.Contains(body, []byte("poison")) {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer receiver.Close()
	for name, config := range map[string]map[string]any{
		"batches":   {"form": "standard", "batch": 20},
		"template":  {"form": "template", "template": `{{json .Events}}`},
		"cool-down": {"form": "template", "template": `{{json .Events}}`, "cooldown": "1h"},
	} {
		t.Run(name, func(t *testing.T) {
			config["url"], config["plain_http"], config["allow"] = receiver.URL, true, []string{"127.0.0.0/8"}
			text, err := json.Marshal(config)
			if err != nil {
				t.Fatal(err)
			}
			s, err := sink.New(text, "1")
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			pending := make([]sdk.Event, 45)
			for i := range pending {
				pending[i] = sdk.Event{V: 1, ID: fmt.Sprint("e", i), Kind: sdk.KindAccess, Time: time.Now().UTC(), IP: fmt.Sprint("10.0.0.", i%40)}
			}
			pending[10].Tool, pending[30].Tool = "poison", "poison"
			var dead []string
			for {
				err := s.Write(t.Context(), pending)
				if err == nil {
					break
				}
				refused, ok := errors.AsType[*sdk.WriteError](err)
				if !ok || !errors.Is(err, sdk.ErrPermanent) {
					t.Fatal(err)
				}
				dead = append(dead, pending[refused.Done].ID)
				pending = pending[refused.Done+1:]
			}
			if !slices.Equal(dead, []string{"e10", "e30"}) {
				t.Errorf("refused are %v after %d posts", dead, posts.Load())
			}
		})
	}
}
