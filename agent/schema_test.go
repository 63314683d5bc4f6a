package agent_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaDir holds the JSON Schemas that the Model Context Protocol publishes,
// one file a revision. They are not part of this repository.
const schemaDir = "../../shared/data/mcp-schema"

// Every kind of message that the decoy sends is valid by the published schema of
// the revision in force.
func TestMessagesMatchSchemas(t *testing.T) {
	if _, err := os.Stat(schemaDir); err != nil {
		t.Skipf("the published MCP schemas are not here: %v", err)
	}
	r := start(t, configure(t, t.TempDir(), ""))
	for _, revision := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"} {
		t.Run(revision, func(t *testing.T) {
			check := compile(t, revision)
			c := &speaker{t: t, url: r.url + "/mcp", revision: revision}
			if revision < "2026" {
				check("InitializeResult", c.result("initialize", fmt.Sprintf(`"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"x","version":"1"}`, revision)))
				check("EmptyResult", c.result("ping", ``))
			} else {
				check("DiscoverResult", c.result("server/discover", ``))
			}
			check("ListToolsResult", c.result("tools/list", ``))
			for tool, args := range map[string]string{
				"jira_search_issues": `{"jql":"text ~ deploy"}`, "github_list_commits": `{"owner":"x","repo":"y"}`,
				"postgresql_execute_select_query": `{"query":"DROP TABLE users"}`, "slack_channels_list": `{}`,
			} {
				check("CallToolResult", c.result("tools/call", fmt.Sprintf(`"name":%q,"arguments":%s`, tool, args)))
			}
			errorName := "JSONRPCError"
			if revision >= "2025-11-25" {
				errorName = "JSONRPCErrorResponse"
			}
			check(errorName, c.message("tools/call", `"name":"nope"`))
			check(errorName, c.message("nope/nope", ``))
		})
	}
}

// compile returns a function that validates a value against one definition.
func compile(t *testing.T, revision string) func(def string, value []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(schemaDir, revision+".json"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	defs := "definitions"
	if strings.Contains(string(text), `"$defs"`) {
		defs = "$defs"
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("mem:///mcp.json", doc); err != nil {
		t.Fatal(err)
	}
	return func(def string, value []byte) {
		t.Helper()
		schema, err := compiler.Compile("mem:///mcp.json#/" + defs + "/" + def)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(value)))
		if err != nil {
			t.Fatalf("%s: %v in %s", def, err, value)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v\n%.400s", def, err, value)
		}
	}
}

// speaker speaks one revision over Streamable HTTP.
type speaker struct {
	t                      *testing.T
	url, revision, session string
}

const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`

// message returns the whole answer to a request.
func (s *speaker) message(method, params string) []byte {
	s.t.Helper()
	if s.revision >= "2026" {
		params = strings.TrimPrefix(params+","+modernMeta, ",")
	}
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{%s}}`, method, params)
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for k, v := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Mcp-Session-Id": s.session,
	} {
		if v != "" {
			req.Header.Set(k, v)
		}
	}
	if method != "initialize" {
		req.Header.Set("MCP-Protocol-Version", s.revision)
	}
	if s.revision >= "2026" {
		req.Header.Set("Mcp-Method", method)
		if name, rest, ok := strings.Cut(params, `"name":"`); ok && name == "" {
			tool, _, _ := strings.Cut(rest, `"`)
			req.Header.Set("Mcp-Name", tool)
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if id := resp.Header.Get("Mcp-Session-Id"); id != "" {
		s.session = id
	}
	var raw json.RawMessage
	if err := json.NewDecoder(resp.Body).Decode(&raw); err != nil {
		s.t.Fatalf("%s: status %d: %v", method, resp.StatusCode, err)
	}
	return raw
}

func (s *speaker) result(method, params string) []byte {
	s.t.Helper()
	raw := s.message(method, params)
	var m struct{ Result json.RawMessage }
	if err := json.Unmarshal(raw, &m); err != nil || m.Result == nil {
		s.t.Fatalf("%s has no result: %s", method, raw)
	}
	return m.Result
}
