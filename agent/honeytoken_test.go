package agent_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

var (
	awsID     = regexp.MustCompile(`AKIA[A-Z2-7]{16}`)
	awsSecret = regexp.MustCompile(`AWS secret: ([A-Za-z0-9+/]{40})`)
)

// stolen reads a credential in a session, which it returns.
func stolen(t *testing.T, r *running) (session, id, secret string) {
	t.Helper()
	c := r.connect(t)
	read := func() (id, secret string) {
		page := c.call("confluence_get_page", `{"title":"Backup and restore"}`)
		s := awsSecret.FindStringSubmatch(page)
		if id = awsID.FindString(page); id == "" || s == nil {
			t.Fatalf("no key in %s", page)
		}
		return id, s[1]
	}
	id, secret = read()
	if again, other := read(); again != id || other != secret {
		t.Errorf("a repeated read gave %s and %s", id, again)
	}
	return c.session, id, secret
}

// replays are the ways in which the key is used, from an address of its own each.
var replays = []struct {
	name, ip, position string
	request            func(id, secret string) *http.Request
}{
	{"argument", "127.0.0.11", "args.query", func(id, _ string) *http.Request { return callTool("github_search_code", `{"query":"`+id+`"}`) }},
	{"base64 in an argument", "127.0.0.12", "args.query", func(_, secret string) *http.Request {
		return callTool("github_search_code", `{"query":"`+base64.StdEncoding.EncodeToString([]byte("key "+secret))+`"}`)
	}},
	{"header", "127.0.0.13", "header.x-aws-key", func(id, _ string) *http.Request {
		req := callTool("jira_get_issue", `{"issue_key":"ZZ-1"}`)
		req.Header.Set("X-Aws-Key", id)
		return req
	}},
	{"path", "127.0.0.14", "path", func(id, _ string) *http.Request { return get("/latest/" + id) }},
	{"Basic", "127.0.0.15", "header.authorization", func(id, secret string) *http.Request {
		req := get("/s3")
		req.SetBasicAuth(id, secret)
		return req
	}},
}

func callTool(tool, args string) *http.Request {
	req, _ := http.NewRequest(http.MethodPost, "/mcp", strings.NewReader(
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+tool+`","arguments":`+args+
			`,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"other","version":"1"}}}}`))
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "User-Agent": "thief/1",
		"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool,
	} {
		req.Header.Set(name, value)
	}
	return req
}

func get(path string) *http.Request {
	req, _ := http.NewRequest(http.MethodGet, path, nil)
	req.Header.Set("User-Agent", "thief/1")
	return req
}

// replayed sends the requests and waits for the verdicts.
func replayed(t *testing.T, r *running, session, id, secret string) {
	t.Helper()
	for _, use := range replays {
		req := use.request(id, secret)
		url, err := req.URL.Parse(r.url + req.URL.RequestURI())
		if err != nil {
			t.Fatal(err)
		}
		req.URL = url
		resp, err := from(t, use.ip).Do(req.WithContext(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	log := r.log()
	for _, use := range replays {
		t.Run(use.name, func(t *testing.T) {
			found := settled(t, log, journal.Query{Rule: "MCP_HONEYTOKEN_REPLAY", IP: use.ip}, 1)
			d := found[0].Detection
			if d.Severity != sdk.SeverityCritical || d.Confidence != sdk.ConfidenceHigh {
				t.Errorf("%s, %s", d.Severity, d.Confidence)
			}
			if !strings.Contains(d.Summary, session) || d.Evidence == nil || !strings.Contains(d.Evidence.Snippet, session) || d.Evidence.Path != use.position {
				t.Errorf("summary %q, evidence %+v: they do not name session %s and %s", d.Summary, d.Evidence, session, use.position)
			}
			if len(found[0].CanariesSeen) == 0 || found[0].CanariesSeen[0].OriginSession != session || found[0].CanariesSeen[0].SameSession {
				t.Errorf("canaries_seen %+v", found[0].CanariesSeen)
			}
			if strings.Contains(d.Summary+d.Evidence.Snippet, id) || strings.Contains(d.Summary+d.Evidence.Snippet, secret) {
				t.Error("the verdict repeats the credential")
			}
		})
	}
}

// A credential that one session was shown and that somebody else uses gives a
// critical detection which names the first session.
func TestHoneytokenReplayed(t *testing.T) {
	r := start(t, configure(t, t.TempDir(), ""))
	session, id, secret := stolen(t, r)
	if _, other, _ := stolen(t, r); other == id {
		t.Error("two sessions were shown one key")
	}
	replayed(t, r, session, id, secret)
}

func TestHoneytokenReplayedAfterRestart(t *testing.T) {
	for _, lost := range []string{"", "state.db"} {
		t.Run("lost "+lost, func(t *testing.T) {
			dir := t.TempDir()
			r := start(t, configure(t, dir, ""))
			session, id, secret := stolen(t, r)
			stop(t, r.Sensor)
			if lost != "" {
				if err := os.Remove(filepath.Join(dir, "state", lost)); err != nil {
					t.Fatal(err)
				}
			}
			replayed(t, start(t, configure(t, dir, "")), session, id, secret)
		})
	}
}

// Whoever quotes in its own session what it was told is no thief.
func TestHoneytokenCarried(t *testing.T) {
	r := start(t, configure(t, t.TempDir(), ""))
	c := r.connect(t)
	id := awsID.FindString(c.call("confluence_get_page", `{"title":"Backup and restore"}`))
	c.call("github_search_code", `{"query":"`+id+`"}`)
	found := settled(t, r.log(), journal.Query{Rule: "MCP_HONEYTOKEN_REPLAY"}, 1)
	if len(found) != 1 || found[0].Detection.Severity != sdk.SeverityInfo || !found[0].CanariesSeen[0].SameSession {
		t.Errorf("found %+v", found[0].Detection)
	}
}

// Each honeytoken has an event before the one whose answer holds it, and none
// twice while it is the same client's.
func TestHoneytokensAreRecorded(t *testing.T) {
	r := start(t, configure(t, t.TempDir(), ""))
	session, id, _ := stolen(t, r)
	log := r.log()
	calls := settled(t, log, journal.Query{Tool: "confluence_get_page", Kind: sdk.KindAccess}, 2)
	minted := events(t, log, journal.Query{Kind: sdk.KindCanary})
	if len(minted) != 2 {
		t.Fatalf("%d canary events", len(minted))
	}
	for i, ev := range minted {
		if ev.Seq >= calls[0].Seq || ev.Session != session || ev.IP != "127.0.0.1" || ev.Tool != "confluence_get_page" {
			t.Errorf("canary event %+v", ev)
		}
		for _, call := range calls {
			if len(call.CanariesMinted) != 2 || call.CanariesMinted[i].ID != ev.Canary.ID {
				t.Errorf("call %d lists %+v", call.Seq, call.CanariesMinted)
			}
		}
	}
	if c := minted[0].Canary; c.Value != id || c.Kind != "aws_key.id" || c.Label != "backup" || c.Scope != "session" {
		t.Errorf("canary %+v", c)
	}
}

// The reason that a client gives for reading sensitive data is recorded, under
// whatever name the deployment asks for it. Left empty, it is asked for once.
func TestJustificationIsRecorded(t *testing.T) {
	r := start(t, configure(t, t.TempDir(), ""))
	c := r.connect(t)
	var list struct {
		Result struct {
			Tools []struct {
				Name        string
				InputSchema struct{ Required []string }
			}
		}
	}
	if err := json.Unmarshal([]byte(c.post(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)), &list); err != nil {
		t.Fatal(err)
	}
	name := ""
	for _, tool := range list.Result.Tools {
		if tool.Name == "google_sheets_read" {
			name = tool.InputSchema.Required[1]
		}
	}
	ask := func(reason string) string {
		return c.call("google_sheets_read", `{"file_name":"On-call rota","`+name+`":"`+reason+`"}`)
	}
	if got := c.call("google_sheets_read", `{"file_name":"On-call rota"}`); !strings.Contains(got, name) || strings.Contains(got, "spreadsheetId") {
		t.Errorf("without %s: %s", name, got)
	}
	if got := ask(" "); !strings.Contains(got, `"isError":true`) || !strings.Contains(got, name) {
		t.Errorf("an empty reason: %s", got)
	}
	if got := ask(""); !strings.Contains(got, "spreadsheetId") {
		t.Errorf("an empty reason again: %s", got)
	}
	if got := ask("user asked who is on call, ticket 7"); !strings.Contains(got, "spreadsheetId") {
		t.Errorf("with a reason: %s", got)
	}
	all := settled(t, r.log(), journal.Query{Tool: "google_sheets_read", Kind: sdk.KindAccess}, 4)
	if got := all[3].Justification; got != "user asked who is on call, ticket 7" {
		t.Errorf("recorded %q", got)
	}
}
