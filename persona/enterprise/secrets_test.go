package enterprise_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/canary"
	"github.com/killdeer-mcp/killdeer/persona/enterprise"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// placeholders finds what the host fills in.
var placeholders = regexp.MustCompile(`\{\{0011223344556677:canary:([a-z0-9_.]+):([a-z0-9_.-]+)\}\}`)

func ask(p *enterprise.Persona, seed uint64, now time.Time, tool, args string) string {
	return string(p.Call(&sdk.Call{Op: "call", Seed: seed, Now: now, Mark: "0011223344556677", Tool: tool, Args: sdk.RawJSON(args)}))
}

// An attacker's usual searches find credentials in every kind of service, and
// never the stand-ins of the world.
func TestUsualSearchesFindCredentials(t *testing.T) {
	searches := map[string][]string{
		"github_search_code":    {`{"query":".env"}`, `{"query":"AKIA"}`, `{"query":"password"}`, `{"query":"secret"}`, `{"query":"token"}`, `{"query":"sk_live"}`},
		"gitlab_search_code":    {`{"query":".env"}`, `{"query":"AKIA"}`, `{"query":"token"}`},
		"bitbucket_search_code": {`{"query":".env"}`, `{"query":"AKIA"}`, `{"query":"token"}`, `{"query":"npm_"}`},
		"confluence_get_page": {
			`{"title":"Deploy key for the build agents"}`, `{"title":"Backup and restore"}`, `{"title":"Break-glass access"}`, `{"title":"Connecting dashboards to the warehouse"}`,
		},
		"google_docs_read":   {`{"file_name":"Staging cluster access"}`},
		"google_sheets_read": {`{"file_name":"Shared accounts"}`},
		"slack_conversations_search_messages": {
			`{"query":"password","count":100}`, `{"query":"token","count":100}`, `{"query":"AKIA","count":100}`, `{"query":"link","count":100}`,
		},
		"google_chat_search_message":      {`{"query":"token"}`, `{"query":"password"}`},
		"elasticsearch_search_logs":       {`{"query":"Bearer","size":50}`, `{"query":"postgres","size":50}`},
		"postgresql_execute_select_query": {`{"query":"SELECT * FROM integration_credentials"}`},
		"confluence_search":               {`{"cql":"text ~ \"Private key\""}`, `{"cql":"text ~ \"AWS secret\""}`},
	}
	labels, services := map[string]bool{}, map[string]bool{}
	for seed := range uint64(4) {
		p, w := enterprise.New(), world.New(seed)
		for tool, all := range searches {
			for _, args := range all {
				out := ask(p, seed, dates[2], tool, args)
				service, _, _ := strings.Cut(tool, "_")
				for _, m := range placeholders.FindAllStringSubmatch(out, -1) {
					if !canary.Known(m[1]) {
						t.Fatalf("%s is of no known kind", m[0])
					}
					labels[m[1]+" "+m[2]], services[service] = true, true
				}
				for _, s := range w.Secrets() {
					if strings.Contains(out, s.Value) {
						t.Errorf("seed %d: %s %s shows the stand-in of %s %s", seed, tool, args, s.Kind, s.Label)
					}
				}
			}
		}
		for _, j := range w.Jobs {
			for n := 1; n < 20; n++ {
				for _, s := range placeholders.FindAllStringSubmatch(ask(p, seed, dates[2], "jenkins_searchbuildlog", `{"job_name":`+quote(j.Name)+`,"pattern":"AWS_|oauth2","build_number":`+string('0'+rune(n%10))+`}`), -1) {
					labels[s[1]+" "+s[2]], services["jenkins"] = true, true
				}
			}
		}
	}
	for _, direct := range []struct{ tool, args, label string }{
		{"github_search_code", `{"query":"AKIA"}`, "aws_key.id"},
		{"github_search_code", `{"query":"sk_live"}`, "stripe_key"},
		{"slack_conversations_search_messages", `{"query":"AKIA"}`, "aws_key.id"},
		{"slack_conversations_search_messages", `{"query":"xoxb"}`, "slack_bot"},
		{"slack_conversations_search_messages", `{"query":"ghp_"}`, "github_pat"},
	} {
		found := 0
		for seed := range uint64(6) {
			if strings.Contains(ask(enterprise.New(), seed, dates[2], direct.tool, direct.args), ":canary:"+direct.label) {
				found++
			}
		}
		if found == 0 {
			t.Errorf("%s %s finds no %s in six worlds", direct.tool, direct.args, direct.label)
		}
		t.Logf("%s %s: in %d of 6", direct.tool, direct.args, found)
	}
	t.Logf("%d credentials in %d services", len(labels), len(services))
	if len(labels) < 30 {
		t.Errorf("only %d credentials are found: %v", len(labels), labels)
	}
	for _, want := range []string{"github", "confluence", "google", "slack", "elasticsearch", "postgresql", "jenkins"} {
		if !services[want] {
			t.Errorf("none is found in %s", want)
		}
	}
}

// Queries work on credentials as on any text.
func TestQueriesOnCredentials(t *testing.T) {
	p := enterprise.New()
	for _, tt := range []struct{ query, want string }{
		{`SELECT provider FROM integration_credentials WHERE secret LIKE 'sk_live_%'`, "stripe"},
		{`SELECT provider FROM integration_credentials WHERE secret LIKE 'ghp_%'`, "github"},
		{`SELECT secret FROM integration_credentials WHERE provider = 'slack'`, "canary:slack_bot:row1"},
	} {
		if out := ask(p, 7, dates[2], "postgresql_execute_select_query", `{"query":`+quote(tt.query)+`}`); !strings.Contains(out, tt.want) {
			t.Errorf("%s: %s", tt.query, out)
		}
	}
}

func TestSecretsAreApart(t *testing.T) {
	for seed := range uint64(20) {
		all := world.New(seed).Secrets()
		for i, a := range all {
			if len(a.Value) < 16 || !canary.Known(a.Kind) {
				t.Errorf("%s %s is %q", a.Kind, a.Label, a.Value)
			}
			for j, b := range all {
				if i != j && strings.Contains(a.Value, b.Value) {
					t.Errorf("%s %s holds %s %s", a.Kind, a.Label, b.Kind, b.Label)
				}
			}
		}
	}
}

// Nobody pastes the same words every other week: a search for credentials in chat
// finds each text a few times at most.
func TestPastedSecretsAreFew(t *testing.T) {
	for seed := range uint64(6) {
		times, all := map[string]int{}, 0
		w := world.New(seed)
		for _, m := range w.Messages(dates[2]) {
			for _, s := range w.Secrets() {
				if strings.Contains(m.Text, s.Value) {
					times[m.Text]++
					all++
					break
				}
			}
		}
		for text, n := range times {
			if n > 6 {
				t.Errorf("seed %d: %d times %s", seed, n, text)
			}
		}
		if all < 8 {
			t.Errorf("seed %d: only %d messages have credentials", seed, all)
		}
	}
}
