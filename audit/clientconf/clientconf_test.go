package clientconf_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killdeer-mcp/killdeer/audit/clientconf"
)

func TestParse(t *testing.T) {
	notes := clientconf.Server{Name: "notes", Argv: []string{"npx", "-y", "notes"}, Transport: "stdio", Env: []string{"A", "TOKEN"}, Line: 3}
	for _, tt := range []struct {
		name, in string
		want     []clientconf.Server
	}{
		{"claude", "{\"mcpServers\": {\n\n \"notes\": {\"command\": \"npx\", \"args\": [\"-y\", \"notes\"], \"env\": {\"TOKEN\": \"x\", \"A\": 1}, \"disabled\": true}}}", []clientconf.Server{notes}},
		{"vs code", "\ufeff{\"inputs\": [],\n\"servers\": {// c\n\"notes\": {\"type\": \"stdio\", \"command\": \"npx\", \"args\": [\"-y\", \"notes\",], \"env\": {\"TOKEN\": \"${input:t}\", \"A\": null,},},}, /* \" */ }", []clientconf.Server{notes}},
		{"settings", `{"mcp": {"servers": {"r": {"url": "https://x.example/mcp"}}}}`, []clientconf.Server{{Name: "r", URL: "https://x.example/mcp", Transport: "streamable-http", Line: 1}}},
		{"sse", `{"mcpServers": {"r": {"type": "sse", "url": "https://x.example//sse"}}}`, []clientconf.Server{{Name: "r", URL: "https://x.example//sse", Transport: "sse", Line: 1}}},
		{"windsurf", `{"mcpServers": {"r": {"serverUrl": "https://x.example"}}}`, []clientconf.Server{{Name: "r", URL: "https://x.example", Transport: "streamable-http", Line: 1}}},
		{"slashes in strings", `{"mcpServers": {"a//b": {"command": "/*x*/", "args": ["\\\"//,}"]}}}`, []clientconf.Server{{Name: "a//b", Argv: []string{"/*x*/", `\"//,}`}, Transport: "stdio", Line: 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := clientconf.Parse([]byte(tt.in))
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", "not the configuration"},
		{"none", "{}", "no servers"},
		{"two ways", `{"servers": {"a": {"command": "x", "url": "y"}}}`, `server "a": has a command and a url`},
		{"no way", `{"servers": {"a": {}}}`, "neither a command nor a url"},
		{"type", `{"servers": {"a": {"command": ["x"]}}}`, `server "a": json`},
		{"nul", `{"servers": {"a": {"command": "x\u0000"}}}`, "NUL"},
		{"many words", `{"servers": {"a": {"command": "x", "args": [` + strings.Repeat(`"",`, 2000) + `]}}}`, "2001 arguments"},
		{"many servers", `{"servers": {` + strings.Repeat(`"a":{},`, 3) + `"b":{}}}`, "neither"},
		{"deep", strings.Repeat("[", 100000), "nested deeper than 64"},
		{"open comment", `{"servers": /* `, "not the configuration"},
		{"slash", `{/}`, "not the configuration"},
		{"large", strings.Repeat(" ", clientconf.MaxFile+1), "larger than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := clientconf.Parse([]byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Parse = %v, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// FuzzParse holds that every server that is found can be audited.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"mcpServers": {"a": {"command": "x", "args": ["y",],}, /* c */ "b": {"url": "https://x"}}} // end`))
	f.Fuzz(func(t *testing.T, data []byte) {
		servers, err := clientconf.Parse(data)
		if err != nil {
			return
		}
		for _, s := range servers {
			if (len(s.Argv) == 0) == (s.URL == "") || s.Transport == "" || s.Line < 1 {
				t.Fatalf("%+v of %q", s, data)
			}
		}
	})
}
