package decoy

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
)

// reply is the answer to a POST: one JSON document, or an event stream from the
// moment on that something has to be said before it.
type reply struct {
	s      *Server
	a      *arrival
	stays  atomic.Bool // the request goes on though the connection may end
	stream *stream     // nil until it is one
}

// send implements [outlet].
func (r *reply) send(message []byte) bool {
	r.open()
	return r.stream.send(message)
}

// hangUp implements [outlet]. Only a stream that can be asked for again is cut,
// and not that of a client which would trip over an event of empty data.
func (r *reply) hangUp(retry time.Duration) {
	if r.a.session == nil || r.a.event.Protocol < profile.Rev2025_11_25 {
		return
	}
	r.open()
	if r.stream.name != "" {
		r.stream.hangUp(retry)
	}
}

// open makes the answer an event stream. In a session it can be taken up again
// by Last-Event-ID, and so no longer ends with its connection.
func (r *reply) open() {
	if r.stream != nil {
		return
	}
	n := r.a.session
	r.stream = r.s.newStream("", n)
	if n != nil && r.a.era == profile.Legacy {
		n.reply(r.stream)
	}
	r.s.writeStreamHead(r.a)
	r.stream.attach(0, r)
	if r.stream.name == "" {
		return
	}
	r.stays.Store(true)
	if r.a.event.Protocol >= profile.Rev2025_11_25 { // older clients trip over empty data
		r.stream.prime(0)
	}
}

// push implements [sink].
func (r *reply) push(frame []byte) bool {
	if r.s.writeFrame(r.a, frame) {
		return true
	}
	r.letGo(false)
	return false
}

// close implements [sink].
func (r *reply) close() { r.letGo(true) }

// letGo ends the event stream's connection, which the client may use for the next
// request if the stream is whole. The request goes on, so it must be one that may:
// net/http no longer says when its client leaves.
func (r *reply) letGo(whole bool) {
	if !r.stays.Load() {
		return
	}
	if h := r.s.hijack(r.a); h != nil {
		r.s.wg.Go(func() {
			defer h.conn.contain(r.s.Log)
			h.end(whole)
		})
	}
}

// done leaves the connection, if the stream still has it, to net/http.
func (r *reply) done() {
	if r.stream != nil {
		r.stream.detach(r)
	}
}

// finish answers, and records the request.
func (r *reply) finish(o profile.Outcome) {
	if r.stream == nil {
		r.s.finish(r.a, o)
		return
	}
	message := r.s.Profile.Message(o)
	r.s.settle(r.a.exchange, func() { r.conclude(message) }, func() {
		r.s.record(r.a.exchange, o, http.StatusOK, len(message))
	})
}

// conclude ends the stream with an answer, nil for none.
func (r *reply) conclude(message []byte) {
	heard := message == nil || r.stream.send(message)
	r.done()
	r.stream.end()
	if !heard && r.a.event.Error == "" {
		r.a.event.Error = "the client was gone before the answer"
	}
}

// outlives are the methods that a persona is asked about, during which the client may be
// asked or told something on a stream that it can take up again: they may outlive their
// connection.
var outlives = map[string]bool{"tools/call": true, "prompts/get": true, "resources/read": true, "completion/complete": true}

// respond serves one request and answers it.
func (s *Server) respond(a *arrival, m *message, serve func(ctx context.Context) profile.Outcome) {
	r := &reply{s: s, a: a}
	a.out = r
	defer r.done()
	ctx := s.admit(a, m)
	if ctx == nil {
		r.finish(profile.Outcome{Code: profile.ClientGone, Era: a.era, ID: m.id})
		return
	}
	ctx.reply = r
	defer ctx.done()
	r.finish(serve(ctx))
}

// admit makes the context of a request: its session's if it may outlive its connection.
// There is none when the client left before the session had room for it.
func (s *Server) admit(a *arrival, m *message) *requestContext {
	n := a.session
	if n == nil || a.era != profile.Legacy || !outlives[m.method] {
		return &requestContext{parent: s.life}
	}
	if !s.takeSlot(a) {
		return nil
	}
	return n.begin(m)
}

// takeSlot waits until the session may have another request that outlives its
// connection. It returns false when nobody waits for that any more.
func (s *Server) takeSlot(a *arrival) bool {
	select {
	case a.session.slots <- struct{}{}:
		return true
	default:
	}
	select {
	case a.session.slots <- struct{}{}:
		return true
	case <-a.clientContext().Done():
	case <-s.life.Done():
	}
	return false
}

// newStream makes a stream of a session, which may be nil.
func (s *Server) newStream(name string, n *session) *stream {
	t := &stream{profile: s.Profile, name: name, budget: s.replay}
	if n != nil {
		t.owner = n.source
	}
	return t
}

// writeStreamHead begins an event stream.
func (s *Server) writeStreamHead(a *arrival) {
	a.written = true
	resp := s.Profile.Stream()
	h := a.w.Header()
	for _, f := range resp.Header {
		h[f[0]] = append(h[f[0]], f[1])
	}
	a.writeBy(s.now().Limits.Write)
	a.w.WriteHeader(resp.Status)
}

// writeFrame writes and flushes one frame of an event stream.
func (s *Server) writeFrame(a *arrival, frame []byte) bool {
	a.writeBy(s.now().Limits.Write)
	if _, err := a.w.Write(frame); err != nil {
		return false
	}
	return http.NewResponseController(a.w).Flush() == nil
}
