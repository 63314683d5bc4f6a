package decoy

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
)

// reply is the answer to a POST: one JSON document, or an event stream from the
// moment on that something has to be said before it.
type reply struct {
	s      *Server
	a      *arrival
	stays  atomic.Bool   // the request goes on though the connection may end
	cut    chan struct{} // closed when the connection is to end before the answer
	once   sync.Once
	stream *stream // nil until it is one
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
	if !r.s.writeFrame(r.a, frame) {
		r.close()
		return false
	}
	return true
}

// close implements [sink].
func (r *reply) close() { r.once.Do(func() { close(r.cut) }) }

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
	r.stream.end()
	if !heard && r.a.event.Error == "" {
		r.a.event.Error = "the client was gone before the answer"
	}
}

// outlives are the methods during which the client may be asked or told something
// on a stream that it can take up again: they may outlive their connection.
var outlives = map[string]bool{"tools/call": true, "prompts/get": true, "resources/read": true}

// respond serves one request and answers it.
func (s *Server) respond(a *arrival, m *message, serve func(ctx context.Context) profile.Outcome) {
	r := &reply{s: s, a: a, cut: make(chan struct{})}
	a.out = r
	if a.session != nil && a.era == profile.Legacy && outlives[m.method] {
		s.respondBeside(r, m, serve)
		return
	}
	ctx, leave := context.WithCancelCause(s.life)
	defer leave(nil)
	defer context.AfterFunc(a.r.Context(), func() { r.left(leave) })()
	r.finish(serve(ctx))
}

// respondBeside serves a request that may outlive its connection.
func (s *Server) respondBeside(r *reply, m *message, serve func(ctx context.Context) profile.Outcome) {
	a, n, left := r.a, r.a.session, r.a.r.Context().Done()
	select {
	case n.slots <- struct{}{}:
	case <-left:
		r.finish(profile.Outcome{Code: profile.ClientGone, Era: a.era, ID: m.id})
		return
	case <-s.life.Done():
		r.finish(profile.Outcome{Code: profile.ClientGone, Era: a.era, ID: m.id})
		return
	}
	ctx, leave, ended := n.begin(m)
	done := make(chan profile.Outcome)
	s.crew.run(func() {
		defer func() { <-n.slots }()
		defer ended()
		defer s.recoverPanic(a)
		o := serve(ctx)
		select {
		case done <- o:
		case <-r.cut:
			r.finish(o)
		}
	})
	for {
		select {
		case o := <-done:
			r.finish(o)
			return
		case <-r.cut:
			return
		case <-left:
			r.left(leave)
			left = nil
		}
	}
}

// left ends a request whose connection has, unless it can be taken up again.
func (r *reply) left(leave context.CancelCauseFunc) {
	if !r.stays.Load() {
		leave(errLeft)
	}
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
