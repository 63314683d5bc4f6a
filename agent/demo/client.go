package demo

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxAnswer = 4 << 20 // bytes that are read of an answer
	patience  = 30 * time.Second
	revision  = "2025-11-25"
)

// call is a tool and its arguments.
type call struct {
	tool string
	args map[string]any
}

// client is one attacker.
type client struct {
	play    *play
	http    *http.Client
	ua      string
	session string
	bearer  string
	id      int
}

// client returns one that comes from an address of this machine's loopback network
// where the system lends it one, so that attackers can be told apart.
func (p *play) client(from, ua string) *client {
	own := &net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	any := &net.Dialer{Timeout: patience}
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if c, err := own.DialContext(ctx, network, addr); err == nil {
			return c, nil
		}
		return any.DialContext(ctx, network, addr)
	}
	// The decoy is on this machine, and its certificate for names that do not lead there.
	secure := &tls.Config{InsecureSkipVerify: true}
	return &client{play: p, ua: ua, http: &http.Client{Transport: &http.Transport{DialContext: dial, TLSClientConfig: secure}, Timeout: patience}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// open makes a session.
func (c *client) open(ctx context.Context, name, version string) error {
	_, err := c.ask(ctx, "initialize", map[string]any{
		"protocolVersion": revision, "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": name, "version": version},
	})
	if err != nil {
		return err
	}
	_, err = c.fetch(ctx, http.MethodPost, "", `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return err
}

func (c *client) call(ctx context.Context, what call) (string, error) {
	return c.ask(ctx, "tools/call", map[string]any{"name": what.tool, "arguments": what.args})
}

// ask sends a request and returns the answer, whatever it is.
func (c *client) ask(ctx context.Context, method string, params map[string]any) (string, error) {
	c.id++
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.id, "method": method, "params": params})
	if err != nil {
		return "", err
	}
	return c.fetch(ctx, http.MethodPost, "", string(body))
}

// fetch sends an HTTP request to a path of the decoy, "" for its MCP endpoint.
func (c *client) fetch(ctx context.Context, method, path, body string) (string, error) {
	u, err := url.Parse(c.play.URL)
	if err != nil {
		return "", err
	}
	if path != "" {
		u.Path = path
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(body))
	if err != nil {
		return "", err
	}
	c.mark(req.Header, body != "")
	c.play.requests++
	resp, err := c.http.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if id := resp.Header.Get("Mcp-Session-Id"); id != "" {
		c.session = id
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	return string(answer), nil
}

func (c *client) mark(h http.Header, message bool) {
	h.Set(c.play.Header, c.play.Value)
	h.Set("User-Agent", c.ua)
	if message {
		h.Set("Content-Type", "application/json")
		h.Set("Accept", "application/json, text/event-stream")
	}
	if c.session != "" {
		h.Set("Mcp-Session-Id", c.session)
		h.Set("Mcp-Protocol-Version", revision)
	}
	if c.bearer != "" {
		h.Set("Authorization", "Bearer "+c.bearer)
	}
}
