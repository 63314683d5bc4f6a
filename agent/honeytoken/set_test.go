package honeytoken

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/persona/canary"
	"github.com/killdeer-mcp/killdeer/sdk"
)

type source struct{ *rand.Rand }

func (s source) Below(n int) int           { return s.IntN(n) }
func (s source) Public(seed []byte) []byte { return seed }

func mint(kind string, seed uint64) sdk.Canary {
	return sdk.Canary{
		ID: fmt.Sprintf("%s-%d", kind, seed), Kind: kind, Label: "billing", Scope: "session",
		Value: canary.Value(kind, "billing", canary.Place{Domain: "int.example.com", Account: 1}, source{rand.New(rand.NewPCG(seed, 2))}),
	}
}

var first = Origin{Session: "s-1", Actor: "a-1", IP: "192.0.2.1", Event: "e-1", Time: time.Unix(1, 0).UTC()}

// with returns a set of one token, and the token.
func with(kind string) (*Set, string) {
	s, c := New(), mint(kind, 1)
	s.Learn(c, first)
	return s, c.Value
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestPositions(t *testing.T) {
	type want struct {
		position, encoding  string
		credential, partial bool
	}
	q := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	head := func(field string) *sdk.Event {
		return &sdk.Event{Path: "/mcp", Head: "POST /mcp HTTP/1.1\r\nHost: x\r\n" + field + "\r\n\r\n"}
	}
	args := func(s string) *sdk.Event { return &sdk.Event{Args: sdk.RawJSON(s)} }
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	tests := []struct {
		name, kind string
		event      func(v string) *sdk.Event
		want       want
	}{
		{"argument", "github_pat", func(v string) *sdk.Event { return args(`{"query":` + q("find "+v+"!") + `}`) }, want{position: "args.query"}},
		{"nested argument", "github_pat", func(v string) *sdk.Event { return args(`{"a":[{"b":` + q(v) + `}]}`) }, want{position: "args.a[0].b"}},
		{"credential argument", "github_pat", func(v string) *sdk.Event { return args(`{"auth":{"api_token":` + q(v) + `}}`) }, want{position: "args.auth.api_token", credential: true}},
		{"name of an argument", "github_pat", func(v string) *sdk.Event { return args(`{` + q(v) + `:1}`) }, want{position: "args"}},
		{"escaped by JSON", "aws_key.secret", func(v string) *sdk.Event {
			return args(`{"q":"\u00` + hex.EncodeToString([]byte(v[:1])) + strings.ReplaceAll(v[1:], "/", `\/`) + `"}`)
		}, want{position: "args.q"}},
		{"JSON in a string", "aws_key.secret", func(v string) *sdk.Event {
			return args(`{"q":` + q(`{"k":"`+strings.ReplaceAll(v+"/", "/", `\/`)+`"}`) + `}`)
		}, want{position: "args.q", encoding: "json"}},
		{"base64", "github_pat", func(v string) *sdk.Event { return args(`{"q":` + q(b64("user:"+v)) + `}`) }, want{position: "args.q", encoding: "base64"}},
		{"base64 of base64", "github_pat", func(v string) *sdk.Event { return args(`{"q":` + q(b64("x "+b64(v))) + `}`) }, want{position: "args.q", encoding: "base64 base64"}},
		{"base64 for URLs in a path", "dsn", func(v string) *sdk.Event {
			return &sdk.Event{Path: "/files/" + strings.TrimRight(base64.URLEncoding.EncodeToString([]byte(v)), "=")}
		}, want{position: "path", encoding: "base64", credential: true}},
		{"hexadecimal", "github_pat", func(v string) *sdk.Event { return args(`{"q":"0x` + hex.EncodeToString([]byte(v)) + `"}`) }, want{position: "args.q", encoding: "hex"}},
		{"percent", "aws_key.secret", func(v string) *sdk.Event { return &sdk.Event{Path: "/x?k=" + url.QueryEscape("/"+v)} }, want{position: "path", encoding: "percent", credential: true}},
		{"path", "url", func(v string) *sdk.Event { return &sdk.Event{Path: v[strings.LastIndex(v, "/"):]} }, want{position: "path", credential: true}},
		{"no path", "github_pat", func(v string) *sdk.Event { return &sdk.Event{Head: "GET /" + v + " HTTP/1.1\r\n\r\n"} }, want{position: "path", credential: true}},
		{"bearer", "jwt", func(v string) *sdk.Event { return head("Authorization: Bearer " + v) }, want{position: "header.authorization", credential: true}},
		{"basic", "password", func(v string) *sdk.Event { return head("authorization: " + basic("admin", v)) }, want{position: "header.authorization", encoding: "base64", credential: true}},
		{"basic user", "username", func(v string) *sdk.Event { return head("Authorization: " + basic(v, "guess")) }, want{position: "header.authorization", encoding: "base64", credential: true}},
		{"cookie", "gitlab_pat", func(v string) *sdk.Event { return head("Cookie: a=b; session=" + v) }, want{position: "header.cookie", credential: true}},
		{"own header", "slack_bot", func(v string) *sdk.Event { return head("X-Note: " + v) }, want{position: "header.x-note"}},
		{"raw head", "slack_bot", func(v string) *sdk.Event {
			return &sdk.Event{Path: "/", HeadB64: []byte("GET / HTTP/1.1\r\nX-A: \xff" + v)}
		}, want{position: "header.x-a"}},
		{"host", "hostname", func(v string) *sdk.Event { return head("Host: " + strings.ToUpper(v)) }, want{position: "header.host"}},
		{"short host in SQL", "hostname", func(v string) *sdk.Event { h, _, _ := strings.Cut(v, "."); return args(`{"query":"ping ` + h + `;"}`) }, want{position: "args.query"}},
		{"uri", "uuid", func(v string) *sdk.Event { return &sdk.Event{URI: "vault://" + v} }, want{position: "uri"}},
		{"prompt", "uuid", func(v string) *sdk.Event { return &sdk.Event{Prompt: v} }, want{position: "prompt"}},
		{"client", "stripe_key", func(v string) *sdk.Event { return &sdk.Event{Client: &sdk.ClientInfo{Name: v}} }, want{position: "client"}},
		{"body", "npm_token", func(v string) *sdk.Event { return &sdk.Event{Body: &sdk.Body{Text: "user=a&p=" + v}} }, want{position: "body"}},
		{"body of bytes", "npm_token", func(v string) *sdk.Event { return &sdk.Event{Body: &sdk.Body{Base64: b64("\xff" + v)}} }, want{position: "body"}},
		{"a line of a key", "ssh_key", func(v string) *sdk.Event { return args(`{"q":` + q(strings.Split(v, "\n")[3]) + `}`) }, want{position: "args.q"}},
		{"a key", "ssh_key", func(v string) *sdk.Event { return args(`{"q":` + q(v) + `}`) }, want{position: "args.q"}},
		{"password of a DSN", "dsn", func(v string) *sdk.Event {
			u, _ := url.Parse(v)
			p, _ := u.User.Password()
			return args(`{"q":"` + p + `"}`)
		}, want{position: "args.q"}},
		{"prefix", "google_api_key", func(v string) *sdk.Event { return args(`{"q":"` + v[:20] + `"}`) }, want{position: "args.q", partial: true}},
		{"all of it before a prefix", "google_api_key", func(v string) *sdk.Event { return args(`{"a":"` + v[:20] + `","q":"` + v + `"}`) }, want{position: "args.q"}},
		{"credential before text", "google_api_key", func(v string) *sdk.Event { return args(`{"a":"` + v + `","token":"` + v + `"}`) }, want{position: "args.token", credential: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, v := with(tt.kind)
			all := s.Seen(tt.event(v))
			if len(all) != 1 {
				t.Fatalf("%d tokens seen: %+v", len(all), all)
			}
			c := all[0]
			if got := (want{c.Position, c.Encoding, c.Credential, c.Partial}); got != tt.want {
				t.Errorf("seen %+v, want %+v", got, tt.want)
			}
			if c.ID != tt.kind+"-1" || c.OriginSession != "s-1" || c.OriginActor != "a-1" || c.OriginIP != "192.0.2.1" || c.OriginEvent != "e-1" || !c.OriginTime.Equal(first.Time) {
				t.Errorf("origin %+v", c)
			}
		})
	}
}

// What was not handed out is not seen, whatever it looks like.
func TestNotSeen(t *testing.T) {
	s := New()
	for i, kind := range []string{"github_pat", "aws_key.id", "dsn", "hostname", "ssh_key", "jwt", "username", "kubeconfig"} {
		s.Learn(mint(kind, uint64(i)), first)
	}
	for _, kind := range []string{"github_pat", "aws_key.id", "dsn", "hostname", "ssh_key", "jwt", "username", "kubeconfig"} {
		v, _ := json.Marshal(mint(kind, 99).Value)
		if all := s.Seen(&sdk.Event{Args: sdk.RawJSON(`{"q":` + string(v) + `}`)}); all != nil {
			t.Errorf("a strange %s is taken for %+v", kind, all)
		}
	}
	if New().Seen(&sdk.Event{Path: "/mcp"}) != nil {
		t.Error("an empty set sees something")
	}
}

func TestOrigins(t *testing.T) {
	c := mint("github_pat", 1)
	second := Origin{Session: "s-2", Actor: "a-2", IP: "192.0.2.2", Event: "e-2", Time: time.Unix(2, 0)}
	tests := []struct {
		name                    string
		origins                 []Origin
		ev                      sdk.Event
		session, actor, address bool
	}{
		{"same session", []Origin{first}, sdk.Event{Session: "s-1", Actor: "a-1", IP: "192.0.2.1"}, true, true, true},
		{"another session of the actor", []Origin{first}, sdk.Event{Session: "s-9", Actor: "a-1", IP: "192.0.2.1"}, false, true, true},
		{"no session any more", []Origin{first}, sdk.Event{Actor: "a-1", IP: "192.0.2.1"}, false, true, true},
		{"somebody else", []Origin{first}, sdk.Event{Session: "s-9", Actor: "a-9", IP: "192.0.2.9"}, false, false, false},
		{"the second who was given it", []Origin{first, second}, sdk.Event{Session: "s-2", Actor: "a-2", IP: "192.0.2.2"}, true, true, true},
		{"without sessions", []Origin{{Actor: "a-1"}}, sdk.Event{Actor: "a-1"}, true, true, false},
		{"without sessions, another", []Origin{{Actor: "a-1"}}, sdk.Event{Actor: "a-2"}, false, false, false},
		{"now with a session", []Origin{{Actor: "a-1"}}, sdk.Event{Session: "s-1", Actor: "a-1"}, false, true, false},
		{"told everybody", []Origin{{}}, sdk.Event{Session: "s-1", Actor: "a-1"}, true, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := New()
			for _, o := range tt.origins {
				s.Learn(c, o)
				s.Learn(c, o)
			}
			tt.ev.Path = "/" + c.Value
			all := s.Seen(&tt.ev)
			if len(all) != 1 || all[0].SameSession != tt.session || all[0].SameActor != tt.actor || all[0].SameIP != tt.address {
				t.Errorf("seen %+v", all)
			}
			if all[0].OriginSession != tt.origins[0].Session {
				t.Errorf("the first is %q", all[0].OriginSession)
			}
		})
	}
}

// The set is bounded, and what is forgotten is the oldest.
func TestForget(t *testing.T) {
	s := newSet(100)
	for i := range uint64(1000) {
		s.Learn(mint("github_pat", i), first)
	}
	if s.Len() > 100 || s.Len() < 50 {
		t.Errorf("%d tokens are kept", s.Len())
	}
	for i := range uint64(1000) {
		known := s.Seen(&sdk.Event{URI: mint("github_pat", i).Value}) != nil
		if i >= 950 && !known || i < 900 && known {
			t.Errorf("token %d is known: %v", i, known)
		}
	}
}

// A hostile request is searched within bounds: whatever it is made of, the head
// comes first.
func TestBounds(t *testing.T) {
	s, v := with("github_pat")
	bomb := strings.Repeat(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("%41", 30)))+" ", 2000)
	q, _ := json.Marshal(strings.Repeat(`\u0041`, 100_000) + bomb)
	many := "{" + strings.TrimSuffix(strings.Repeat(`"a":[[[["`+v[:12]+`"]]]],`, 10_000), ",") + "}"
	deep := strings.Repeat("[", 60) + `"` + v + `"` + strings.Repeat("]", 60)
	for _, args := range []string{`{"q":` + string(q) + `}`, many, deep} {
		ev := &sdk.Event{Args: sdk.RawJSON(args), Path: "/mcp", Head: "POST /mcp HTTP/1.1\r\nCookie: " + v + "\r\n"}
		search := &search{set: s, left: maxTotal}
		for p := range parts(ev) {
			search.part(p)
		}
		if search.left < 0 {
			t.Errorf("%d bytes too many were looked at", -search.left)
		}
		if all := s.Seen(ev); len(all) != 1 || all[0].Position != "header.cookie" {
			t.Errorf("seen %+v", all)
		}
	}
	many = strings.Repeat("x", maxPart) + v
	if all := s.Seen(&sdk.Event{URI: many}); all != nil {
		t.Error("the documented bound of a part is wrong")
	}
}

func TestManySeen(t *testing.T) {
	s := New()
	var text strings.Builder
	for i := range uint64(100) {
		c := mint("github_pat", i)
		s.Learn(c, first)
		text.WriteString(c.Value + "\n")
	}
	if all := s.Seen(&sdk.Event{URI: text.String()}); len(all) != maxSeen {
		t.Errorf("%d tokens seen", len(all))
	}
}

func TestDecodings(t *testing.T) {
	got := map[string][]string{}
	decodings(`a%2fb%zz \n\u0041\x AAAAAAAAAAAAAAAAAAAA-414243444546474849505152535455 short`, func(name, text string) bool {
		got[name] = append(got[name], text)
		return true
	})
	want := map[string][]string{
		"percent": {`a/b%zz \n\u0041\x AAAAAAAAAAAAAAAAAAAA-414243444546474849505152535455 short`},
		"json":    {"a%2fb%zz \nA\\x AAAAAAAAAAAAAAAAAAAA-414243444546474849505152535455 short"},
		"base64": {
			string(decode64("AAAAAAAAAAAAAAAAAAAA-414243444546474849505152535455")), strings.Repeat("\x00", 15),
		},
		"hex": {"ABCDEFGHIPQRSTU"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzSeen(f *testing.F) {
	s := New()
	for i, kind := range []string{"github_pat", "dsn", "ssh_key", "jwt", "hostname"} {
		c := mint(kind, uint64(i))
		s.Learn(c, first)
		f.Add("POST / HTTP/1.1\r\nAuthorization: Bearer "+c.Value+"\r\n", "/x%2f"+c.Value, `{"a":"b"}`, c.Value)
	}
	f.Add("", "", `{"a":[{"b":"c2VjcmV0c2VjcmV0c2VjcmV0"}]}`, `\u00`)
	f.Add("\n:\n", "%%%4", `"\u004`, "====")
	f.Fuzz(func(t *testing.T, head, path, args, body string) {
		ev := &sdk.Event{Head: head, Path: path, Args: sdk.RawJSON(args), Body: &sdk.Body{Text: body}}
		for _, c := range s.Seen(ev) {
			if c.ID == "" || c.Position == "" {
				t.Fatalf("seen %+v", c)
			}
		}
	})
}

// An ordinary call, looked at with a hundred thousand tokens handed out.
func BenchmarkSeen(b *testing.B) {
	s := New()
	for i := range uint64(100_000) {
		s.Learn(mint("github_pat", i), first)
	}
	body := `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"postgresql_execute_select_query","arguments":{"query":"SELECT id, email FROM users WHERE status = 'active' ORDER BY id LIMIT 10"}}}`
	ev := &sdk.Event{
		Path: "/mcp", Args: sdk.RawJSON(`{"query":"SELECT id, email FROM users WHERE status = 'active' ORDER BY id LIMIT 10"}`), Body: &sdk.Body{Text: body},
		Head: "POST /mcp HTTP/1.1\r\nHost: hub.example.com:3110\r\nUser-Agent: python-httpx/0.27.0\r\nAccept: application/json, text/event-stream\r\n" +
			"Content-Type: application/json\r\nMcp-Session-Id: 4d0c9c1e-6b0a-4a63-9a34-0d2f5c1f7a11\r\nMcp-Protocol-Version: 2025-06-18\r\nContent-Length: 180\r\n\r\n",
	}
	b.ReportAllocs()
	for b.Loop() {
		if s.Seen(ev) != nil {
			b.Fatal("seen")
		}
	}
}

// The dearest request: 64 KiB that decode twice.
func BenchmarkSeenHostile(b *testing.B) {
	s := New()
	for i := range uint64(100_000) {
		s.Learn(mint("github_pat", i), first)
	}
	inner := strings.Repeat(base64.StdEncoding.EncodeToString([]byte("select * from users;"))+" ", 1500)
	q, _ := json.Marshal(base64.StdEncoding.EncodeToString([]byte(inner)))
	ev := &sdk.Event{Args: sdk.RawJSON(`{"q":` + string(q) + `}`), Body: &sdk.Body{Text: string(q)}}
	for b.Loop() {
		s.Seen(ev)
	}
}
