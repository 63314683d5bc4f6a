package decoy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Paths of the HTTP+SSE transport of revision 2024-11-05.
const (
	ssePath      = "/sse"
	messagesPath = "/messages"
)

// arrival is one HTTP request on its way to an answer.
type arrival struct {
	*exchange
	w       http.ResponseWriter
	r       *http.Request
	wire    *conn // nil in tests
	written bool
}

// clientContext is the context that ends when the client leaves, which is watched for from
// now on. Nobody takes it from the request itself.
func (a *arrival) clientContext() context.Context {
	a.watch()
	return a.r.Context()
}

// watch is [conn.watch].
func (a *arrival) watch() {
	if a.wire != nil {
		a.wire.watch()
	}
}

// writeBy is [conn.writeBy] for the answer.
func (a *arrival) writeBy(d time.Duration) {
	if a.wire != nil {
		a.wire.writeBy(d)
	}
}

// handle answers every HTTP request there is.
func (s *Server) handle(c echo.Context) error {
	s.wg.Add(1)
	defer s.wg.Done()
	now := time.Now()
	r := c.Request()
	var head wireHead
	wire, ok := r.Context().Value(connKey{}).(*conn)
	if ok {
		if head = wire.takeHead(); r.Close {
			wire.watch() // nobody reads later what comes behind: it is recorded as not served
		}
	}
	a := &arrival{w: c.Response().Writer, r: r, wire: wire, exchange: &exchange{arrival: now, event: s.httpEvent(now, r, head)}}
	if ok {
		a.event.Peer = wire.peer
		noteTLS(a.event, wire)
	}
	defer s.recoverPanic(a)
	a.writeBy(s.now().Limits.Write)
	if head.refusal != "" {
		s.refuse(a, head.refusal, "")
		return nil
	}
	s.route(a)
	return nil
}

// recoverPanic keeps a fault of ours from the attacker.
func (s *Server) recoverPanic(a *arrival) {
	p := recover()
	if p == nil {
		return
	}
	s.Log.Error("panic while answering a request", "panic", p, "stack", string(debug.Stack()))
	a.event.Error = "panic"
	if !a.written {
		s.refuse(a, profile.Internal, "")
	}
}

func (s *Server) route(a *arrival) {
	switch path := a.r.URL.Path; path {
	case s.Path:
		s.streamable(a)
	case ssePath:
		s.sse(a)
	case messagesPath:
		s.messages(a)
	default:
		s.personaRoute(a, path)
	}
}

// personaRoute serves the persona's own paths beside MCP, as /health.
func (s *Server) personaRoute(a *arrival, path string) {
	c, err := s.engine.catalog(a.clientContext())
	body, ok := sdk.RawJSON(nil), false
	if err == nil {
		body, ok = c.routes[path]
	}
	_, refusal := s.readBody(a)
	switch {
	case refusal != "":
		s.refuse(a, refusal, "")
	case !ok:
		s.refuse(a, profile.RouteNotFound, "")
	case a.r.Method != http.MethodGet && a.r.Method != http.MethodHead:
		s.refuse(a, profile.MethodNotAllowed, "GET, HEAD")
	default:
		s.finish(a, profile.Outcome{Code: profile.Route, Result: body})
	}
}

// refuse ends a request that never became a message.
func (s *Server) refuse(a *arrival, code profile.Code, detail string) {
	s.finish(a, profile.Outcome{Code: code, Protocol: a.r.Header.Get(headerVersion), Detail: detail})
}

// finish answers a request that led to one outcome, and records it.
func (s *Server) finish(a *arrival, o profile.Outcome) {
	resp := s.Profile.HTTP(o)
	if s.committer != nil {
		a.watch() // what comes during a long commit is recorded, should the server stop
	}
	s.settle(a.exchange, func() { s.write(a, resp) }, func() { s.record(a.exchange, o, resp.Status, resp.Size()) })
}

func (s *Server) write(a *arrival, resp profile.Response) {
	a.written = true
	a.writeBy(s.now().Limits.Write)
	h := a.w.Header()
	values := make([]string, 0, len(resp.Header)+1) // of all fields: most have one
	add := func(name, value string) {
		if values = append(values, value); h[name] != nil {
			h[name] = append(h[name], value)
			return
		}
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	for _, f := range resp.Header {
		add(f[0], f[1])
	}
	if resp.Status != http.StatusNoContent {
		add("Content-Length", strconv.Itoa(resp.Size()))
	}
	a.w.WriteHeader(resp.Status)
	// One write: net/http would flush the pieces of a large answer one by one.
	joined := s.buffers.Get().(*bytes.Buffer)
	defer s.buffers.Put(joined)
	joined.Reset()
	for _, piece := range resp.Body {
		joined.Write(piece)
	}
	if _, err := a.w.Write(joined.Bytes()); err != nil && a.event.Error == "" && !errors.Is(err, http.ErrBodyNotAllowed) {
		a.event.Error = "the client was gone before the answer"
	}
}

// readBody reads the request body under its limit and puts it into the event.
func (s *Server) readBody(a *arrival) (_ []byte, refusal profile.Code) {
	if a.r.ContentLength == 0 {
		return nil, ""
	}
	if a.wire == nil || !a.wire.bodyIsHere() {
		rc := http.NewResponseController(a.w)
		if err := rc.SetReadDeadline(time.Now().Add(s.now().Limits.Read)); err != nil {
			s.Log.Debug("set read deadline", "error", err)
		}
		defer func() {
			if refusal == "" { // else net/http would wait for the rest before it answers
				_ = rc.SetReadDeadline(time.Time{}) // the connection is gone when it fails
			}
		}()
	}
	limit := int64(s.now().Limits.Body)
	var buf []byte
	if n := a.r.ContentLength; n > 0 {
		buf = make([]byte, 0, min(n, limit)+1)
	}
	body, err := readAll(io.LimitReader(a.r.Body, limit+1), buf)
	if len(body) > 0 {
		a.event.Body = newBody(body, s.now().Limits.RecordedBody)
	}
	switch {
	case int64(len(body)) > limit:
		return nil, profile.BodyTooLarge
	case err != nil:
		a.event.Error = "the body broke off"
		return nil, profile.BadBody
	}
	return body, ""
}

// readAll is [io.ReadAll] into a buffer of the announced size.
func readAll(r io.Reader, buf []byte) ([]byte, error) {
	if buf == nil {
		return io.ReadAll(r)
	}
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

// guard refuses foreign origins and, on a loopback listener, foreign host names:
// both are how a web page reaches a local server (DNS rebinding).
func (s *Server) guard(a *arrival) profile.Code {
	host := hostOnly(a.r.Host)
	if s.local && !isLoopbackName(host) && !contains(s.now().AllowedHosts, host) {
		return profile.HostForbidden
	}
	origins := a.r.Header["Origin"]
	switch {
	case len(origins) == 0:
		return ""
	case len(origins) > 1: // which of them it is, nobody can say
		return profile.OriginForbidden
	}
	origin := origins[0]
	if contains(s.now().AllowedOrigins, origin) {
		return ""
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return profile.OriginForbidden
	}
	if s.local && isLoopbackName(u.Hostname()) || strings.EqualFold(u.Host, a.r.Host) {
		return ""
	}
	return profile.OriginForbidden
}

func hostOnly(hostport string) string {
	if strings.Contains(hostport, ":") { // else the error would be made for nothing
		if h, _, err := net.SplitHostPort(hostport); err == nil {
			return h
		}
	}
	return strings.Trim(hostport, "[]")
}

func isLoopbackName(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func contains(list []string, v string) bool {
	return slices.ContainsFunc(list, func(e string) bool { return strings.EqualFold(e, v) })
}

// usualAccept is what the official SDKs send.
const usualAccept = "application/json, text/event-stream"

// acceptsBoth reports whether Accept names JSON and an event stream, as a client
// of Streamable HTTP must.
func acceptsBoth(h http.Header) bool {
	if lines := h["Accept"]; len(lines) == 1 && lines[0] == usualAccept {
		return true
	}
	return accepts(h, "application/json") && accepts(h, "text/event-stream")
}

func accepts(h http.Header, want string) bool {
	kind, _, _ := strings.Cut(want, "/")
	for _, line := range h["Accept"] {
		for part := range strings.SplitSeq(line, ",") {
			t, params, _ := strings.Cut(part, ";")
			t = strings.TrimSpace(t)
			if (strings.EqualFold(t, want) || t == "*/*" || strings.EqualFold(t, kind+"/*")) && !unwanted(params) {
				return true
			}
		}
	}
	return false
}

// unwanted reports whether the parameters of a media range have a weight of 0, which
// is that of what is not acceptable, RFC 9110 §12.4.2.
func unwanted(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		name, weight, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			q, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
			return err == nil && q == 0
		}
	}
	return false
}

func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && t == "application/json"
}
