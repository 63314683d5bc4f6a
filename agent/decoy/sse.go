package decoy

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
)

const (
	sseKeepAlive = 25 * time.Second
	sseQueue     = 64 // answers that wait for a slow reader before they are dropped
)

// sseStream is the server's half of an HTTP+SSE session. The GET handler owns
// the connection; POST handlers hand it their answers.
type sseStream struct {
	answers chan []byte
	done    chan struct{} // closed when the stream ends, by either side
	once    sync.Once
}

func newSSEStream() *sseStream {
	return &sseStream{answers: make(chan []byte, sseQueue), done: make(chan struct{})}
}

func (t *sseStream) end() { t.once.Do(func() { close(t.done) }) }

// send queues an answer; it reports false when the stream is gone or full.
func (t *sseStream) send(ctx context.Context, b []byte) bool {
	select {
	case <-t.done:
		return false
	default:
	}
	timer := time.NewTimer(writeTimeout)
	defer timer.Stop()
	select {
	case t.answers <- b:
		return true
	case <-t.done:
	case <-ctx.Done():
	case <-timer.C:
	}
	return false
}

// sse opens the stream of an HTTP+SSE session, revision 2024-11-05.
func (s *Server) sse(a *arrival) {
	_, refusal := s.readBody(a)
	if refusal == "" {
		refusal = s.guard(a)
	}
	source := limitKey(a.event.IP)
	switch {
	case refusal != "":
		s.refuse(a, refusal, "")
		return
	case a.r.Method != http.MethodGet:
		s.refuse(a, profile.MethodNotAllowed, "GET")
		return
	case !s.streams.add(source):
		s.refuse(a, profile.TooManyStreams, "")
		return
	}
	defer s.streams.remove(source)
	stream := newSSEStream()
	n := s.engine.sessions.open(source, a.arrival)
	s.engine.sessions.attach(n, stream)
	defer s.engine.sessions.end(n.id)
	a.event.Transport, a.event.Session, a.event.Event = "sse", n.id, "connect"
	end := s.branch(a.exchange, 0)
	s.record(a.exchange, profile.Outcome{Code: profile.StreamOpened}, http.StatusOK, 0)
	s.stream(a, stream, n.id)

	_, end.event.Client = s.engine.sessions.facts(n)
	end.event.Time, end.event.Event = time.Now().UTC(), "disconnect"
	end.event.Head, end.event.HeadB64 = "", nil
	s.record(end, profile.Outcome{Code: profile.StreamClosed}, http.StatusOK, 0)
}

// stream writes the endpoint event and then answers until either side ends it.
func (s *Server) stream(a *arrival, t *sseStream, id string) {
	defer t.end()
	a.written = true
	h := a.w.Header()
	h["Content-Type"] = []string{"text/event-stream"}
	h["Cache-Control"] = []string{"no-cache"}
	a.w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(a.w)
	emit := func(b string) bool {
		if rc.SetWriteDeadline(time.Now().Add(writeTimeout)) != nil {
			return false
		}
		_, err := a.w.Write([]byte(b))
		return err == nil && rc.Flush() == nil
	}
	if !emit("event: endpoint\ndata: " + messagesPath + "?sessionId=" + id + "\n\n") {
		return
	}
	tick := time.NewTicker(sseKeepAlive)
	defer tick.Stop()
	for {
		ok := true
		select {
		case b := <-t.answers:
			ok = emit("event: message\ndata: " + string(b) + "\n\n")
		case <-tick.C:
			ok = emit(": keep-alive\n\n")
		case <-a.r.Context().Done():
			return
		case <-t.done:
			return
		}
		if !ok {
			return
		}
	}
}

// messages takes a client's message of an HTTP+SSE session; the answer travels
// on the session's stream.
func (s *Server) messages(a *arrival) {
	a.event.Transport, a.era = "sse", profile.Legacy
	body, refusal := s.readBody(a)
	if refusal == "" {
		refusal = s.guard(a)
	}
	id := a.r.URL.Query().Get("sessionId")
	a.event.Session = cutString(id, maxEventField)
	switch {
	case refusal != "":
	case a.r.Method != http.MethodPost:
		s.refuse(a, profile.MethodNotAllowed, "POST")
		return
	case !isJSON(a.r.Header.Get("Content-Type")):
		refusal = profile.WrongContentType
	case len(body) == 0:
		refusal = profile.EmptyBody
	}
	var msgs []*message
	if refusal == "" {
		msgs, _, refusal = parseBody(body, &s.Limits)
	}
	if refusal == "" {
		refusal = s.sseSession(a, id)
	}
	if refusal != "" {
		s.refuse(a, refusal, "")
		return
	}
	s.answerOnStream(a, msgs)
}

func (s *Server) sseSession(a *arrival, id string) profile.Code {
	if id == "" {
		return profile.NoSession
	}
	n := s.engine.sessions.touch(id, a.arrival)
	if n == nil || n.stream == nil {
		return profile.UnknownSession
	}
	a.session, a.source = n, id
	a.event.Protocol, a.event.Client = s.engine.sessions.facts(n)
	if a.event.Protocol == "" {
		a.event.Protocol = profile.Rev2024_11_05
	}
	return ""
}

func (s *Server) answerOnStream(a *arrival, msgs []*message) {
	accepted := s.Profile.HTTP(profile.Outcome{Code: profile.Accepted})
	s.write(a, accepted)
	if err := http.NewResponseController(a.w).Flush(); err != nil {
		s.Log.Debug("flush", "error", err)
	}
	// The client may close this request's connection and still wait on its stream.
	ctx, cancel := context.WithCancel(context.WithoutCancel(a.r.Context()))
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	for i, m := range msgs {
		x := s.branch(a.exchange, i)
		o := s.engine.serve(ctx, x, m)
		answer := s.Profile.Message(o)
		if answer != nil && !a.session.stream.send(ctx, answer) {
			x.event.Error = "the stream ended before the answer"
		}
		s.record(x, o, accepted.Status, len(answer))
	}
}

// attach makes a session one of HTTP+SSE.
func (s *sessions) attach(n *session, t *sseStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n.stream = t
}

// closeStreams ends every stream, for shutdown.
func (s *sessions) closeStreams() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.byID {
		if n.stream != nil {
			n.stream.end()
		}
	}
}
