package decoy

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// FuzzHeaders holds that a 2026-07-28 request is served only when its headers say
// what its body says.
func FuzzHeaders(f *testing.F) {
	for _, s := range [][4]string{
		{"2026-07-28", "tools/call", "t", "1"},
		{"2026-07-28", "tools/call", "=?base64?dA==?=", "=?base64?MQ==?="},
		{"2025-11-25", "tools/list", "", ""},
		{"", "resources/read", "doc://r", "\x00"},
		{"2026-07-28", "tools/call", "=?base64?dA?=", "1e0"},
		{"2026-07-28\n", "=?base64?dG9vbHMvY2FsbA==?=", "t", "0x1"},
	} {
		f.Add(s[0], s[1], s[2], s[3], `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":1},`+fuzzMeta+`}}`)
	}
	t1 := &tool{headers: paramHeaders(fuzzCatalog.Tools[0].InputSchema)}
	f.Fuzz(func(t *testing.T, version, method, name, param, body string) {
		h := http.Header{}
		for k, v := range map[string]string{headerVersion: version, headerMethod: method, headerName: name, "Mcp-Param-A": param} {
			if v != "" {
				h[k] = []string{v}
			}
		}
		if !json.Valid([]byte(body)) {
			return
		}
		m := parseMessage([]byte(body))
		_ = eraOf(h, m)
		if code, _ := checkModern(h, m); code != "" || m.fault != "" || !m.isRequest() {
			return
		}
		if version != profile.Rev2026_07_28 || m.params.Object("_meta").Str(metaVersion) != version {
			t.Errorf("served as version %q", version)
		}
		if got, ok := decodeHeader(method); !ok || got != m.method {
			t.Errorf("served %s as %q", m.method, method)
		}
		if got, ok := decodeHeader(name); m.method == "tools/call" && (!ok || got != m.params.Str("name")) {
			t.Errorf("served a call of %q as %q", m.params.Str("name"), name)
		}
		args := m.params.Raw("arguments")
		if !isObject(args) || t1.checkHeaders(h, args) != "" {
			return
		}
		if has := argument(args, []string{"a"}) != nil; has != (param != "") {
			t.Errorf("served arguments %s beside the header %q", args, param)
		}
	})
}

// FuzzParamHeaders holds that any schema can be searched for annotations, and
// any arguments compared with what was found.
func FuzzParamHeaders(f *testing.F) {
	f.Add(`{"properties":{"a":{"x-mcp-header":"A"},"b":{"properties":{"c":{"x-mcp-header":"C"}}}}}`, `{"a":"x","b":{"c":1}}`, "x")
	f.Add(`{"x-mcp-header":"A","properties":[]}`, `{}`, "")
	f.Add(`{"properties":{"a":{"x-mcp-header":"A b\r\n"}}}`, `{"a":1.0e0}`, "1")
	f.Fuzz(func(t *testing.T, schema, args, value string) {
		if !json.Valid([]byte(schema)) || !json.Valid([]byte(args)) {
			return
		}
		tool := &tool{headers: paramHeaders([]byte(schema))}
		h := http.Header{}
		for _, p := range tool.headers {
			h[p.header] = []string{value}
		}
		detail := tool.checkHeaders(h, []byte(args))
		for _, p := range tool.headers {
			v := argument([]byte(args), p.path)
			if detail == "" && v == nil {
				t.Errorf("%s passed without its argument", p.header)
			}
			if got, _ := decodeHeader(value); detail == "" && v[0] == '"' && !sameValue(got, v) {
				t.Errorf("%s: %q passed for %s", p.header, value, v)
			}
		}
	})
}

// FuzzEventID holds that an event id which is understood is one that we could
// have made, and that looking for its stream harms nothing.
func FuzzEventID(f *testing.F) {
	for _, s := range []string{"0-0", "1-64", "-1", "1-", "1--1", "1-+1", "1-007", "\x00-1", "99999999999999999999-1", "1-9223372036854775807"} {
		f.Add(s)
	}
	limits := DefaultLimits()
	f.Fuzz(func(t *testing.T, id string) {
		name, number, ok := parseEventID(id)
		if !ok {
			return
		}
		n := newSessions(t.Context(), func() *Limits { return &limits }, func(string) {}).open("a", false, time.Now())
		s := newTestStream("", newBudget(replayOwner, replayTotal))
		n.reply(s)
		s.send([]byte("{}"))
		if found := n.find(name); (found != nil) != (name == "1") {
			t.Errorf("%q found %v", id, found)
		}
		to := &frames{n: 10}
		s.attach(number, to)
		if len(to.got) != 0 && number > 0 {
			t.Errorf("%q replayed %q", id, to.got)
		}
	})
}

// FuzzTokens holds that nothing opens but what was sealed, as what it was sealed.
func FuzzTokens(f *testing.F) {
	f.Add("tools/list 1", 3, byte(1), "AAAA")
	f.Add(`{"expires":1,"actor":"a","digest":"d","round":1,"requests":{"k":{"method":"roots/list"}},"resume":1}`, 40, byte(0x80), "")
	f.Add("", 0, byte(0), "=\n")
	s, other := newSealer([]byte("one")), newSealer([]byte("two"))
	f.Fuzz(func(t *testing.T, plain string, at int, flip byte, made string) {
		token := s.seal(cursorToken, []byte(plain))
		if got, err := s.open(cursorToken, token); len(token) <= maxToken && (err != nil || string(got) != plain) {
			t.Errorf("what was sealed opens as %q, %v", got, err)
		}
		changed := []byte(token)
		changed[uint(at)%uint(len(changed))] ^= flip
		for what, open := range map[string]func() ([]byte, error){
			"another kind": func() ([]byte, error) { return s.open(stateToken, token) },
			"another key":  func() ([]byte, error) { return other.open(cursorToken, token) },
			"a made one":   func() ([]byte, error) { return s.open(cursorToken, made) },
			"a changed one": func() ([]byte, error) {
				if flip == 0 {
					return nil, errToken
				}
				return s.open(cursorToken, string(changed))
			},
		} {
			if got, err := open(); err == nil {
				t.Errorf("%s opens: %q", what, got)
			}
		}
	})
}

// FuzzDecodeState holds that any plain text is read or refused, and what was
// written is read back.
func FuzzDecodeState(f *testing.F) {
	f.Add([]byte(`{"expires":1,"actor":"a","digest":"d","round":1,"requests":{"k":{"method":"roots/list","params":{}}},"resume":{}}`))
	f.Add([]byte(`{"expires":1e99,"round":-1,"requests":[]}`))
	f.Add([]byte(`{"requests":{"k":7}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		state, err := decodeState(b)
		if err != nil || !json.Valid(b) {
			return
		}
		again, err := decodeState(state.encode())
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if again.actor != state.actor || again.round != state.round || !again.expires.Equal(state.expires) || len(again.requests) != len(state.requests) {
			t.Errorf("wrote %+v, read %+v", state, again)
		}
	})
}

// FuzzCursor holds that a cursor is good for the list it was made for only.
func FuzzCursor(f *testing.F) {
	for _, s := range []string{"", "AAAA", "tools/list 1", "="} {
		f.Add(s)
	}
	of := &sdk.Catalog{}
	for i := range 3 {
		of.Tools = append(of.Tools, sdk.Tool{Name: strconv.Itoa(i), Definition: sdk.RawJSON("{}"), InputSchema: sdk.RawJSON("{}")})
	}
	c := newCatalog(of, 1, newSealer(nil))
	if _, err := c.cursor("tools/list", c.sealer.seal(cursorToken, make([]byte, maxToken))); err == nil {
		f.Error("a token over the limit was opened")
	}
	f.Fuzz(func(t *testing.T, made string) {
		if n, err := c.cursor("tools/list", made); err == nil {
			t.Errorf("%q is page %d", made, n)
		}
		if _, err := c.cursor("prompts/list", c.sealer.seal(cursorToken, []byte("tools/list "+made))); err == nil {
			t.Error("a cursor of another list was taken")
		}
	})
}
