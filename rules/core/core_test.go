package core_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/rules/core"
	"github.com/killdeer-mcp/killdeer/sdk"
)

func call(tool, category, outcome, args string) *sdk.Event {
	return &sdk.Event{
		Kind: sdk.KindAccess, ID: "e1", IP: "192.0.2.7", MCPMethod: "tools/call",
		Tool: tool, Category: category, Outcome: outcome, Args: sdk.RawJSON(args),
	}
}

func list(kind sdk.Kind, outcome string) *sdk.Event {
	return &sdk.Event{Kind: kind, MCPMethod: "tools/list", Outcome: outcome}
}

// hits returns "RULE confidence subject path" for every hit on the event.
// first is how many rules the pack has from before it had more: these tests are
// of them, the transcripts of package rules of all.
const first = 7

func hits(ev *sdk.Event, windows map[string]sdk.WindowValue) []string {
	var out []string
	in := &sdk.Evaluation{Event: ev, Windows: windows}
	for _, r := range core.All()[:first] {
		for _, h := range r.Evaluate(in) {
			line := r.Info().ID
			for _, s := range []string{string(h.Confidence), h.Subject} {
				if s != "" {
					line += " " + s
				}
			}
			if h.Evidence != nil {
				line += " " + h.Evidence.Path
			}
			out = append(out, line)
		}
	}
	return out
}

func tools(n int) map[string]sdk.WindowValue {
	return map[string]sdk.WindowValue{"tools_5m": {N: n}}
}

func TestReconRules(t *testing.T) {
	renamed := call("pg", "datastore", "result", `{}`) // the category counts, not the name
	notification := list(sdk.KindAccess, "accepted")
	detection := call("postgresql_list_databases", "datastore", "result", `{}`)
	detection.Kind = sdk.KindDetection
	otherMethod := call("postgresql_list_databases", "datastore", "result", `{}`)
	otherMethod.MCPMethod = "prompts/get"
	cases := []struct {
		name    string
		event   *sdk.Event
		windows map[string]sdk.WindowValue
		want    []string
	}{
		{"list", list(sdk.KindAccess, "result"), nil, []string{"MCP_TOOL_ENUMERATION tools/list"}},
		{
			"list, second page", &sdk.Event{Kind: sdk.KindAccess, MCPMethod: "tools/list", Outcome: "result", RPCID: sdk.RawJSON("2")}, nil,
			[]string{"MCP_TOOL_ENUMERATION tools/list"},
		},
		{
			"list with a tool name put in", &sdk.Event{Kind: sdk.KindAccess, MCPMethod: "tools/list", Outcome: "result", Tool: "x"}, nil,
			[]string{"MCP_TOOL_ENUMERATION tools/list"},
		},
		{"list without a session", list(sdk.KindAccess, "no_session"), nil, nil},
		{"list as a notification", notification, nil, nil},
		{"list in another kind of event", list(sdk.KindGuest, "result"), nil, nil},
		{"other list", &sdk.Event{Kind: sdk.KindAccess, MCPMethod: "resources/list", Outcome: "result"}, nil, nil},

		{"three tools", call("a", "docs", "result", `{}`), tools(3), []string{"MCP_MULTI_TOOL_RECON tools/call"}},
		{"many tools, failing", call("a", "docs", "tool_error", `{}`), tools(256), []string{"MCP_MULTI_TOOL_RECON tools/call"}},
		{"three tools, bad arguments", call("a", "docs", "bad_args", `{}`), tools(3), []string{"MCP_MULTI_TOOL_RECON tools/call"}},
		{"three tools, hung up", call("a", "docs", "client_disconnected", `{}`), tools(3), []string{"MCP_MULTI_TOOL_RECON tools/call"}},
		{"two tools", call("a", "docs", "result", `{}`), tools(2), nil},
		{"three tools before, now a ping", &sdk.Event{Kind: sdk.KindAccess, MCPMethod: "ping", Outcome: "result"}, tools(3), nil},
		{"three tools before, now no session", call("a", "", "unknown_session", `{}`), tools(3), nil},
		{"no window", call("a", "docs", "result", `{}`), nil, nil},

		{"unknown tool", call("vault_read", "", "unknown_tool", `{}`), nil, []string{"MCP_UNKNOWN_TOOL_PROBE vault_read"}},
		{"unknown tool, third of its kind", call("x", "", "unknown_tool", `{}`), tools(3), []string{"MCP_UNKNOWN_TOOL_PROBE x"}},
		{"unknown tool that is markup", call("<b>", "", "unknown_tool", `{}`), nil, []string{"MCP_UNKNOWN_TOOL_PROBE <b>"}},
		{
			"unknown tool, name of its own size", call(strings.Repeat("é", 4000), "", "unknown_tool", `{}`), nil,
			[]string{"MCP_UNKNOWN_TOOL_PROBE " + strings.Repeat("é", 128)},
		},
		{"unknown method", &sdk.Event{Kind: sdk.KindAccess, MCPMethod: "tools/cal", Outcome: "unknown_method"}, nil, nil},
		{"known tool, wrong arguments", call("a", "docs", "bad_args", `{}`), nil, nil},
		{"unknown tool in another kind of event", &sdk.Event{Kind: sdk.KindDetection, MCPMethod: "tools/call", Outcome: "unknown_tool"}, nil, nil},

		{"datastore", call("postgresql_list_databases", "datastore", "result", `{}`), nil, []string{"MCP_DATASTORE_RECON"}},
		{"datastore, tool error", call("cassandra_server_info", "datastore", "tool_error", `{}`), nil, []string{"MCP_DATASTORE_RECON"}},
		{"datastore, broken guest", call("elasticsearch_list_indices", "datastore", "internal", `{}`), nil, []string{"MCP_DATASTORE_RECON"}},
		{"datastore by another name", renamed, nil, []string{"MCP_DATASTORE_RECON"}},
		{"datastore's name, no category", call("postgresql_list_databases", "", "result", `{}`), nil, nil},
		{"datastore, category in another case", call("a", "Datastore", "result", `{}`), nil, nil},
		{"datastore, no session", call("postgresql_list_databases", "datastore", "no_session", `{}`), nil, nil},
		{"datastore, detection event", detection, nil, nil},
		{"datastore, other method", otherMethod, nil, nil},

		{"source", call("github_search_code", "source", "result", `{}`), nil, []string{"MCP_SOURCE_CODE_RECON"}},
		{"ci", call("jenkins_getjobscm", "ci", "result", `{}`), nil, []string{"MCP_SOURCE_CODE_RECON"}},
		{"source, bad arguments", call("gitlab_search_code", "source", "bad_args", `{}`), nil, []string{"MCP_SOURCE_CODE_RECON"}},
		{"source under a neutral name", call("read", "source", "result", `{}`), nil, []string{"MCP_SOURCE_CODE_RECON"}},
		{"docs", call("confluence_search", "docs", "result", `{}`), nil, nil},
		{"unknown tool that sounds like source", call("github_delete", "", "unknown_tool", `{}`), nil, []string{"MCP_UNKNOWN_TOOL_PROBE github_delete"}},
		{"source, rejected batch", call("github_search_code", "source", "batch_rejected", `{}`), nil, nil},

		{"identity", call("slack_get_user_info", "identity", "result", `{}`), nil, []string{"MCP_IDENTITY_RECON"}},
		{"identity, tool error", call("slack_get_user_info", "identity", "tool_error", `{}`), nil, []string{"MCP_IDENTITY_RECON"}},
		{"identity, input required", call("slack_channels_list", "identity", "input_required", `{}`), nil, []string{"MCP_IDENTITY_RECON"}},
		{"identity, hung up", call("people", "identity", "client_disconnected", `{}`), nil, []string{"MCP_IDENTITY_RECON"}},
		{"crm", call("salesforce_get_account", "crm", "result", `{}`), nil, nil},
		{"identity, accepted only", call("slack_channels_list", "identity", "accepted", `{}`), nil, nil},
		{"identity without a tool", call("", "identity", "result", `{}`), nil, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, hits(c.event, c.windows)); diff != "" {
				t.Errorf("hits (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSecretHunting(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 63) + `"password"` + strings.Repeat("}", 63)
	cases := []struct{ name, args, want string }{
		{"word", `{"query":"password"}`, "high args.query"},
		{"key-like", `{"query":"DB_PASSWORD="}`, "high args.query"},
		{"plural", `{"query":"all credentials"}`, "high args.query"},
		{"camel case", `{"query":"dbPassword"}`, "high args.query"},
		{"acronym", `{"query":"DBPassword"}`, "high args.query"},
		{"api key, every spelling", `{"q":"apiKey"}`, "high args.q"},
		{"api key, hyphen", `{"q":"X-Api-Key"}`, "high args.q"},
		{"api key, space", `{"q":"api key"}`, "high args.q"},
		{"private key", `{"q":"BEGIN RSA PRIVATE KEY"}`, "high args.q"},
		{"access key", `{"q":"aws_access_key_id"}`, "high args.q"},
		{"passwd", `{"q":"/etc/passwd"}`, "high args.q"},
		{"dot env", `{"q":".env"}`, "high args.q"},
		{"dot env path", `{"q":"filename:/app/.env.production"}`, "high args.q"},
		{"dot env of something", `{"q":"process.env.HOME"}`, "medium args.q"},
		{"token", `{"q":"token"}`, "medium args.q"},
		{"tokens", `{"q":"slack tokens"}`, "medium args.q"},
		{"access token", `{"q":"accessToken"}`, "medium args.q"},
		{"secret", `{"q":"client_secret"}`, "medium args.q"},
		{"inside a word", `{"q":"passwordless"}`, "medium args.q"},
		{"key", `{"password":"x"}`, "high args.password"},
		{"nested", `{"filter":[{"a":1},{"name":"credential"}]}`, "high args.filter.1.name"},
		{"array of arrays", `{"a":[[1,"x"],["y","api_key"]]}`, "high args.a.1.1"},
		{"high after medium", `{"a":"token","b":"password"}`, "high args.b"},
		{"escaped key", `{"\u0071":"password"}`, "high args.q"},

		{"evasion: escapes", `{"q":"pass\u0077ord"}`, "high args.q"},
		{"evasion: escapes throughout", `{"q":"\u0050\u0061\u0073\u0073\u0057\u006F\u0072\u0064"}`, "high args.q"},
		{"evasion: case", `{"q":"PaSsWoRd"}`, "high args.q"},
		{"evasion: zero width", "{\"q\":\"pass\u200bword\"}", "high args.q"},
		{"evasion: zero width escape", `{"q":"pass\u200Bword"}`, "high args.q"},
		{"evasion: fullwidth", `{"q":"ｐａｓｓｗｏｒｄ"}`, "high args.q"},
		{"evasion: long s", `{"q":"paſſword"}`, "high args.q"},
		{"evasion: no-break space", "{\"q\":\"api\u00a0key\"}", "high args.q"},
		{"evasion: depth", deep, "high args" + strings.Repeat(".a", 63)},
		{"evasion: padding", `{"q":"` + strings.Repeat("x", 200_000) + ` password"}`, "high args"},
		{"evasion: padding with harmless words", `{"q":"` + strings.Repeat("tokenizer ", 10_000) + `", "r":"password"}`, "medium args"},
		{"evasion: restart inside a term", `{"q":"passpassword"}`, "medium args.q"},

		{"near: broken word", `{"q":"pass word"}`, ""},
		{"near: secretary", `{"q":"secretary of state"}`, ""},
		{"near: tokenizer", `{"q":"tokenizer vocabulary"}`, ""},
		{"near: environment", `{"q":"prod.environment"}`, ""},
		{"near: env without a dot", `{"q":"env"}`, ""},
		{"near: page token", `{"pageToken":"abc"}`, ""},
		{"near: max tokens", `{"max_tokens":100}`, ""},
		{"near: next page token", `{"next_page_token":"abc"}`, ""},
		{"near: over two strings", `{"a":"pass","word":"b"}`, ""},
		{"near: an escaped backslash", `{"q":"pass\\u0077ord"}`, ""},
		{"empty", `{}`, ""},
		{"nothing", ``, ""},
		{"cut off", `{"q":"password`, ""},
		{"too deep", strings.Repeat("[", 70) + `"password"`, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			want := []string(nil)
			if c.want != "" {
				conf, path, _ := strings.Cut(c.want, " ")
				want = []string{"MCP_SECRET_HUNTING_ARGS " + conf + " a " + path}
			}
			if diff := cmp.Diff(want, hits(call("a", "docs", "result", c.args), nil)); diff != "" {
				t.Errorf("hits on %.200s (-want +got):\n%s", c.args, diff)
			}
		})
	}
}

func TestSecretHuntingOutcomes(t *testing.T) {
	const args = `{"q":"password"}`
	cases := []struct {
		event *sdk.Event
		want  []string
	}{
		{call("a", "docs", "bad_args", args), []string{"MCP_SECRET_HUNTING_ARGS high a args.q"}},
		{call("a", "", "unknown_tool", args), []string{"MCP_UNKNOWN_TOOL_PROBE a", "MCP_SECRET_HUNTING_ARGS high a args.q"}},
		{call("a", "", "no_session", args), nil},
		{call("a", "", "parse_error", args), nil},
		{&sdk.Event{Kind: sdk.KindAccess, MCPMethod: "initialize", Outcome: "result", Args: sdk.RawJSON(args)}, nil},
	}
	for _, c := range cases {
		if diff := cmp.Diff(c.want, hits(c.event, nil)); diff != "" {
			t.Errorf("outcome %s (-want +got):\n%s", c.event.Outcome, diff)
		}
	}
}

func TestSnippet(t *testing.T) {
	args := `{"q":"` + strings.Repeat("ü", 300) + `password` + strings.Repeat("ß", 300) + `"}`
	for _, r := range core.All() {
		for _, h := range r.Evaluate(&sdk.Evaluation{Event: call("a", "docs", "result", args)}) {
			s := h.Evidence.Snippet
			if len(s) > 256 || !utf8.ValidString(s) || !strings.Contains(s, "üpasswordß") {
				t.Errorf("snippet of %d bytes: %q", len(s), s)
			}
		}
	}
}

func TestInfo(t *testing.T) {
	seen := map[string]bool{}
	for n, r := range core.All() {
		i := r.Info()
		if seen[i.ID] {
			t.Errorf("rule %s twice", i.ID)
		}
		seen[i.ID] = true
		if i.Title == "" || i.Description == "" || i.FalsePositives == "" || i.Severity == "" || i.Confidence == "" || len(i.Attack)+len(i.Atlas) == 0 {
			t.Errorf("rule %s is not fully described: %+v", i.ID, i)
		}
		if i.Dedup == nil || n < first && *i.Dedup != (sdk.Dedup{By: "ip", Over: "5m"}) {
			t.Errorf("rule %s: dedup = %v, want ip over 5m", i.ID, i.Dedup)
		}
		if len(i.Fields) == 0 {
			t.Errorf("rule %s names no fields: the pack would be sent all of them", i.ID)
		}
	}
	if len(seen) != 32 {
		t.Errorf("%d rules, want 32", len(seen))
	}
}

// FuzzRules holds that no bytes in what a client chooses make a rule panic or
// return evidence that is too long or broken.
func FuzzRules(f *testing.F) {
	for _, args := range []string{
		`{"q":"password"}`, `{"q":"pass\u0077ord"}`, `{"\ud800":".env\u"}`, "{\"q\":\"pass\u200bword\xff\"}", `[[[{"a":["token`,
		`{"q":"\`, `}}}]`, `"\ud83d\ude00 api key"`, `{"a":{"a":{"a":"secret"},"b":"credential"}}`, "\xff\xfe\x00",
		`{"q":"1' or '1'='1' union/**/select%20null;drop table x--"}`, `{"q":"%2e%2e%2f%c0%ae%u002e&#x2e;\\u002e"}`, `{"q":"$(id);'c'u\"r\"l x` + "`id`" + `"}`,
		`{"u":"http://0x7f.1/","v":"http://[::ffff:127.0.0.1]:1/","w":"gopher://x"}`, `{"q":"{{7*'7'}} ${${lower:j}ndi} <%= 1 %>"}`,
		`{"q":"ignore all previous instructions <|im_start|>"}`, "{\"q\":\"\U000E0041\u202e\"}", `{"q":"` + strings.Repeat("UEsDBA", 60) + `"}`, `{"q":"` + strings.Repeat("or(((", 90) + `"}`,
	} {
		f.Add([]byte(args), "tool", "result", 3)
	}
	f.Add([]byte(`{}`), strings.Repeat("\xff", 300), "unknown_tool", -1)
	f.Fuzz(func(t *testing.T, args []byte, tool, outcome string, n int) {
		text := string(args)
		window := sdk.WindowValue{N: n, Sum: float64(n), Values: []string{text, tool, outcome, text, text, text}}
		windows := map[string]sdk.WindowValue{}
		for _, r := range core.All() {
			for _, w := range r.Info().Windows {
				windows[w.Name] = window
			}
		}
		for _, ev := range []*sdk.Event{
			call(tool, "datastore", outcome, text),
			{
				Kind: sdk.KindAccess, MCPMethod: "resources/read", Outcome: outcome, URI: text, Path: text, UA: text, Prompt: tool, Method: "POST",
				Justification: text, Client: &sdk.ClientInfo{Name: text, Version: tool, Title: outcome},
			},
		} {
			in := &sdk.Evaluation{Event: ev, Windows: windows, Facts: sdk.Facts{
				Host: text, Origin: tool, Headers: text, AuthUser: text, AuthSecret: text, Fault: text, Call: text, Key: text, Page: text, Pace: text, OddChars: n, LongestRun: n,
			}}
			for _, r := range core.All() {
				for _, h := range r.Evaluate(in) {
					if len(h.Subject) > 256 {
						t.Errorf("%s: subject of %d bytes", r.Info().ID, len(h.Subject))
					}
					if e := h.Evidence; e != nil && (len(e.Path) > 256 || len(e.Snippet) > 256 || e.Path == "") {
						t.Errorf("%s: evidence %q, %q", r.Info().ID, e.Path, e.Snippet)
					}
				}
			}
		}
	})
}
