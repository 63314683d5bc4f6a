package exercise

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// The transports to a server elsewhere.
const (
	StreamableHTTP = "streamable-http"
	SSE            = "sse" // HTTP+SSE of 2024-11-05
)

// HTTP returns a transport to a URL, of the kind [StreamableHTTP] or [SSE]. The
// SDK's transports do the work; answers are bounded to [MaxMessage], nothing is
// retried, and no standing stream is opened. A nil client is the default one.
func HTTP(url, kind string, client *http.Client) (mcp.Transport, error) {
	if client == nil {
		client = http.DefaultClient
	}
	own, bounded := *client, &boundedHTTP{next: client.Transport}
	if bounded.next == nil {
		bounded.next = http.DefaultTransport
	}
	own.Transport = bounded
	t := &httpTransport{bounded: bounded}
	switch kind {
	case StreamableHTTP:
		t.Transport = &mcp.StreamableClientTransport{
			Endpoint: url, HTTPClient: &own, MaxRetries: -1, DisableStandaloneSSE: true, MaxEventSize: MaxMessage,
		}
	case SSE:
		t.Transport = &mcp.SSEClientTransport{Endpoint: url, HTTPClient: &own, MaxEventSize: MaxMessage}
	default:
		return nil, fmt.Errorf("connect to %s: transport %q is neither %s nor %s", url, kind, StreamableHTTP, SSE)
	}
	return t, nil
}

type httpTransport struct {
	mcp.Transport
	bounded *boundedHTTP
}

// Connect implements [mcp.Transport].
func (t *httpTransport) Connect(ctx context.Context) (mcp.Connection, error) {
	conn, err := t.Transport.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect over HTTP: %w", err)
	}
	return &httpConn{conn, t.bounded}, nil
}

type httpConn struct {
	mcp.Connection
	bounded *boundedHTTP
}

// negotiated is told the version that later requests must name in a header: the
// SDK's connection only learns it from the SDK's client.
func (c *httpConn) negotiated(version string) { c.bounded.version.Store(version) }

// boundedHTTP bounds answers that are read as a whole.
type boundedHTTP struct {
	next    http.RoundTripper
	version atomic.Value
}

// RoundTrip implements [http.RoundTripper].
func (b *boundedHTTP) RoundTrip(r *http.Request) (*http.Response, error) {
	const header = "MCP-Protocol-Version"
	if v, ok := b.version.Load().(string); ok && r.Header.Get(header) == "" {
		r = r.Clone(r.Context())
		r.Header.Set(header, v)
	}
	resp, err := b.next.RoundTrip(r)
	if err == nil && resp.Header.Get("Content-Type") != "text/event-stream" {
		resp.Body = &boundedBody{ReadCloser: resp.Body, left: MaxMessage}
	}
	return resp, err
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

// Read implements [io.Reader].
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, &TooLargeError{Size: MaxMessage - b.left}
	}
	return n, err
}
