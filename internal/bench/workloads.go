package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// counterDigits is the width of the number that makes one echoed text unlike
// all others.
const counterDigits = 15

// prose is what the echoed text is made of. One long run of letters would be looked
// at as if it were encoded data.
const prose = " What went wrong with the deployment of the billing service last night, and who was on call?"

// perClient is more requests than one client sends.
const perClient = 1_000_000_000

// fixed repeats one request.
func fixed(name, method, tool, params, want string) *workload {
	return &workload{name: name, want: want, prepare: func(c *client) func() []byte {
		request := c.frame(method, tool, params)
		return func() []byte { return request }
	}}
}

// enterpriseWorkloads are requests to the enterprise persona.
func enterpriseWorkloads() []*workload {
	return []*workload{
		fixed("initialize", "initialize", "", initializeParams, ""),
		fixed("tools/list", "tools/list", "", "{}", ""),
		fixed("tools/call, same arguments", "tools/call", "jira_search_issues",
			callParams("jira_search_issues", `{"jql":"text ~ \"deploy\"","max_results":10}`), ""),
		{name: "tools/call, varied arguments", prepare: func(c *client) func() []byte { return c.variedCall }},
	}
}

func callParams(tool, args string) string { return `{"name":"` + tool + `","arguments":` + args + `}` }

// variedCall makes a request that differs from all before it.
func (c *client) variedCall() []byte {
	words := [...]string{"deploy", "payment", "timeout", "release", "login", "invoice", "cache", "migration", "rollback", "latency"}
	n := c.sent
	c.sent++
	word, unique := words[n%len(words)], c.number*perClient+n
	call := func(tool, format string, a ...any) []byte {
		return c.frame("tools/call", tool, callParams(tool, fmt.Sprintf(format, a...)))
	}
	switch n % 4 {
	case 0:
		return call("slack_conversations_search_messages", `{"query":"%s %d","count":%d}`, word, unique, 5+n%20)
	case 1:
		// Keys have six digits: clients begin apart, and a key returns late.
		return call("jira_get_issue", `{"issue_key":"OPS-%d"}`, (c.number*62_501+n)%1_000_000)
	case 2:
		return call("postgresql_execute_select_query", `{"query":"SELECT * FROM users WHERE id = %d LIMIT 5"}`, unique)
	}
	return call("github_search_repositories", `{"query":"%s %d","per_page":5}`, word, unique)
}

// echoWorkloads call the tool echo with a text of some size: always with the
// same one, which a server may remember, and with one that is new each time.
func echoWorkloads(size int) []*workload {
	text := strings.Repeat("0", counterDigits) + strings.Repeat(prose, 1+size/len(prose))[:max(size-counterDigits, 0)]
	params := callParams("echo", `{"text":"`+text+`"}`)
	varied := func(c *client) func() []byte {
		request := c.frame("tools/call", "echo", params)
		at := bytes.Index(request, []byte(text))
		return func() []byte {
			digits := strconv.AppendInt(nil, int64(c.number*perClient+c.sent), 10)
			c.sent++
			copy(request[at+counterDigits-len(digits):], digits)
			return request
		}
	}
	return []*workload{
		fixed("same", "tools/call", "echo", params, text),
		{name: "varied", prepare: varied, want: text[counterDigits:]},
	}
}
