package decoy

import (
	"context"
	"net/http"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
)

// sse opens the stream of an HTTP+SSE session, revision 2024-11-05.
func (s *Server) sse(a *arrival) {
	_, refusal := s.readBody(a)
	if refusal == "" {
		refusal = s.guard(a)
	}
	switch {
	case refusal != "":
		s.refuse(a, refusal, "")
		return
	case a.r.Method != http.MethodGet:
		s.refuse(a, profile.MethodNotAllowed, "GET")
		return
	}
	leave, ok := s.takeStream(a)
	if !ok {
		return
	}
	n := s.engine.sessions.open(limitKey(a.event.IP), true, a.arrival)
	a.session, a.event.Transport, a.event.Session = n, "sse", n.id
	box := newMailbox()
	box.push(s.Profile.Endpoint(messagesPath + "?sessionId=" + n.id))
	t := s.standing(n)
	t.attach(0, box)
	s.holdRecorded(a, box, nil, func() {
		t.detach(box)
		s.engine.sessions.end(n.id)
		leave()
	})
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
	batch := false
	if refusal == "" {
		msgs, batch, refusal = parseBody(body, &s.now().Limits)
	}
	if refusal == "" {
		refusal = s.sseSession(a, id)
	}
	if refusal == "" && batch && a.event.Protocol > profile.Rev2025_03_26 {
		refusal = profile.BatchRejected
	}
	if refusal != "" {
		s.refuse(a, refusal, "sessionId parameter") // which is what a session is missing here
		return
	}
	s.answerOnStream(a, msgs)
}

func (s *Server) sseSession(a *arrival, id string) profile.Code {
	if id == "" {
		return profile.NoSession
	}
	if a.session = s.engine.sessions.touch(id, true, a.arrival); a.session == nil {
		return profile.UnknownSession
	}
	a.source = a.session.key()
	a.event.Protocol, a.event.Client = a.session.facts()
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
	out := streamOutlet{s.standing(a.session)}
	for i, m := range msgs {
		if len(msgs) > 1 {
			m = m.batched()
		}
		x := s.branch(a.exchange, i)
		x.out = out
		if !outlives[m.method] || !m.isRequest() {
			s.serveOnStream(s.life, x, m, out)
			continue
		}
		// The client may be asked something, and may answer on this connection: it
		// has to be free by then.
		select {
		case a.session.slots <- struct{}{}:
		case <-a.session.deaf.Done():
			s.record(x, profile.Outcome{Code: profile.ClientGone}, accepted.Status, 0)
			continue
		}
		ctx := a.session.begin(m)
		s.wg.Go(func() {
			defer ctx.done()
			s.serveOnStream(ctx, x, m, out)
		})
	}
}

func (s *Server) serveOnStream(ctx context.Context, x *exchange, m *message, out streamOutlet) {
	o := s.engine.serve(ctx, x, m)
	answer := s.Profile.Message(o)
	send := func() {
		if answer != nil && !out.send(answer) {
			x.event.Error = "the stream ended before the answer"
		}
	}
	s.settle(x, send, func() { s.record(x, o, http.StatusAccepted, len(answer)) })
}

// streamOutlet sends what belongs to a request on the session's one stream.
type streamOutlet struct{ *stream }

// hangUp does nothing: this transport cannot take up a stream again.
func (streamOutlet) hangUp(time.Duration) {}
