package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	legacyRevision = "2025-11-25"
	modernRevision = "2026-07-28"

	initializeParams = `{"protocolVersion":"` + legacyRevision + `","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}`
	modernMeta       = `"_meta":{"io.modelcontextprotocol/protocolVersion":"` + modernRevision + `",` +
		`"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`

	kindJSON = "application/json"
	kindSSE  = "text/event-stream"
)

// speech is how a client talks to an endpoint.
type speech struct {
	path   string
	modern bool   // revision 2026-07-28: no session, _meta and routing headers
	kind   string // Content-Type that answers must have
}

// client is one connection and, in the legacy era, its session.
type client struct {
	*wire
	speech
	number  int // unlike any other client's of this run
	sent    int // requests so far
	session string
	buf     bytes.Buffer
}

// dial connects a client and, in the legacy era, opens its session.
func (b *benchmark) dial(addr string, sp speech) (*client, error) {
	socket, err := dialBlocking(addr)
	if err != nil {
		return nil, err
	}
	b.clients++
	c := &client{wire: newWire(socket, loadBuffer), speech: sp, number: b.clients}
	if sp.modern {
		return c, nil
	}
	if err := c.initialize(); err != nil {
		c.close()
		return nil, fmt.Errorf("initialize: %w", err)
	}
	return c, nil
}

func (c *client) close() { _ = c.conn.Close() }

// waitUntil bounds all that is sent and read from now on.
func (c *client) waitUntil(t time.Time) error { return c.conn.SetDeadline(t) }

func (c *client) initialize() error {
	rep, _, err := c.ask(c.frame("initialize", "", initializeParams))
	if err != nil {
		return err
	}
	c.session = rep.session
	return nil
}

// frame makes the bytes of a request. They are valid until the next call; name
// is what the Mcp-Name header says, "" for none.
func (c *client) frame(method, name, params string) []byte {
	if c.modern {
		params = "{" + modernMeta + "," + strings.TrimPrefix(params, "{")
	}
	body := `{"jsonrpc":"2.0","id":7,"method":"` + method + `","params":` + params + `}`
	c.buf.Reset()
	c.buf.WriteString("POST " + c.path + " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench/1\r\nContent-Type: application/json\r\n" +
		"Accept: application/json, text/event-stream\r\nContent-Length: ")
	c.buf.WriteString(strconv.Itoa(len(body)))
	switch {
	case c.modern:
		c.buf.WriteString("\r\nMcp-Protocol-Version: " + modernRevision + "\r\nMcp-Method: " + method)
		if name != "" {
			c.buf.WriteString("\r\nMcp-Name: " + name)
		}
	case method != "initialize":
		c.buf.WriteString("\r\nMcp-Protocol-Version: " + legacyRevision)
		if c.session != "" {
			c.buf.WriteString("\r\nMcp-Session-Id: " + c.session)
		}
	}
	c.buf.WriteString("\r\n\r\n")
	c.buf.WriteString(body)
	return c.buf.Bytes()
}

// ask sends a request and keeps the answer, which must be one that a benchmark
// may count: a result, and framed as it was meant to be.
func (c *client) ask(request []byte) (reply, string, error) {
	if err := c.waitUntil(time.Now().Add(answerTimeout)); err != nil {
		return reply{}, "", err
	}
	if err := c.send(request); err != nil {
		return reply{}, "", err
	}
	var body bytes.Buffer
	rep, err := c.receive(&body)
	switch text := body.String(); {
	case err != nil:
		return rep, "", err
	case rep.status != http.StatusOK || !strings.Contains(text, `"result":`) || strings.Contains(text, `"isError":true`):
		return rep, "", fmt.Errorf("status %d: %.200q", rep.status, text)
	case c.kind != "" && !strings.HasPrefix(rep.kind, c.kind):
		return rep, "", fmt.Errorf("answered with %q, not %q", rep.kind, c.kind)
	default:
		return rep, text, nil
	}
}
