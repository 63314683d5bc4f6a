package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
)

const mcpUsage = `usage: mcp call URL FILE    open a session, send the message in FILE, print the answer
       mcp send URL FILE    send it without a session
       mcp listen URL       open an event stream and print it until it ends`

// mcpMain is a small MCP client. It says "sent" on standard error when a request
// is on the wire, for scripts that have to wait for it.
func mcpMain() {
	if err := mcp(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mcp:", err)
		os.Exit(1)
	}
}

func mcp(args []string, out io.Writer) error {
	switch {
	case len(args) == 3 && args[0] == "call":
		c := &client{url: args[1]}
		if _, err := c.post(hello); err != nil {
			return err
		}
		return c.postFile(args[2], out)
	case len(args) == 3 && args[0] == "send":
		return (&client{url: args[1]}).postFile(args[2], out)
	case len(args) == 2 && args[0] == "listen":
		resp, err := http.Get(args[1])
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(out, resp.Body)
		return err
	}
	return errors.New(mcpUsage)
}

const hello = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"script","version":"1"}}}`

// client posts messages in the session that the first answer gives it.
type client struct {
	http.Client
	url, session string
	sent         func()
}

func (c *client) postFile(file string, out io.Writer) error {
	message, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	c.sent = func() { fmt.Fprintln(os.Stderr, "sent") }
	answer, err := c.post(string(message))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, answer)
	return err
}

func (c *client) post(message string) (string, error) {
	req, err := http.NewRequest(http.MethodPost, c.url, strings.NewReader(message))
	if err != nil {
		return "", err
	}
	if c.sent != nil {
		trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { c.sent() }}
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), trace))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("User-Agent", "script/1")
	if c.session != "" {
		req.Header.Set("Mcp-Session-Id", c.session)
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if id := resp.Header.Get("Mcp-Session-Id"); id != "" {
		c.session = id
	}
	answer, err := io.ReadAll(resp.Body)
	return string(answer), err
}
