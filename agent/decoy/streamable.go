package decoy

import (
	"context"
	"maps"
	"math"
	"net/http"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// standingName names a session's own stream in event ids; those of requests are
// numbered from 1.
const standingName = "0"

// streamable serves the Streamable HTTP endpoint.
func (s *Server) streamable(a *arrival) {
	body, refusal := s.readBody(a)
	if refusal == "" {
		refusal = s.guard(a)
	}
	switch {
	case refusal != "":
		s.refuse(a, refusal, "")
	case a.r.Method == http.MethodPost:
		s.post(a, body)
	case a.r.Method == http.MethodGet && !isModernHeader(a.r.Header):
		s.get(a)
	case a.r.Method == http.MethodDelete && !isModernHeader(a.r.Header):
		s.delete(a)
	case isModernHeader(a.r.Header):
		s.refuse(a, profile.MethodNotAllowed, "POST")
	default:
		s.refuse(a, profile.MethodNotAllowed, "GET, POST, DELETE")
	}
}

func (s *Server) delete(a *arrival) {
	a.era = profile.Legacy
	if code := s.legacySession(a, false); code != "" {
		s.refuse(a, code, "")
		return
	}
	if !s.engine.sessions.end(a.session.id) { // another DELETE was faster
		s.refuse(a, profile.UnknownSession, "")
		return
	}
	s.finish(a, profile.Outcome{Code: profile.SessionEnded, Era: a.era, Protocol: a.event.Protocol})
}

// get opens a session's stream for messages that belong to no request, or takes
// up one again that broke off.
func (s *Server) get(a *arrival) {
	a.era = profile.Legacy
	if !accepts(a.r.Header, "text/event-stream") {
		s.refuse(a, profile.NotAcceptable, "text/event-stream")
		return
	}
	if code := s.legacySession(a, false); code != "" {
		s.refuse(a, code, "")
		return
	}
	t, after := s.standing(a.session), math.MaxInt
	if id := a.r.Header.Get(headerLastEvent); id != "" {
		if name, n, ok := parseEventID(id); ok {
			if again := a.session.find(name); again != nil {
				t, after = again, n
			}
		}
	}
	leave, ok := s.takeStream(a)
	if !ok {
		return
	}
	box := newMailbox()
	t.attach(after, box)
	if after == math.MaxInt && a.event.Protocol >= profile.Rev2025_11_25 {
		t.prime(0)
	}
	s.holdRecorded(a, box, nil, func() {
		t.detach(box)
		leave()
	})
}

// standing returns a session's stream for messages that belong to no request. The
// first time it also begins to hear what changes.
func (s *Server) standing(n *session) *stream {
	t := s.newStream(standingName, n)
	if n.sse {
		t.name = ""
	}
	if first := n.stand(t); first != t {
		return first
	}
	n.onClose(s.engine.attend(n, func(message []byte) { t.send(message) }))
	return t
}

// attend has a session of the legacy era hear what changes.
func (e *engine) attend(n *session, send func(message []byte)) (stop func()) {
	stop, _ = e.bulletins.listen(&listening{ // one too many hears nothing
		source:  n.key(),
		changed: func(string) bool { return true },
		updated: n.wants,
		send:    func(method string, params []byte) { send(e.profile.Notification(method, params)) },
	}, nil)
	return stop
}

// takeStream takes one of the streams that a source may have, or refuses.
func (s *Server) takeStream(a *arrival) (leave func(), ok bool) {
	source := limitKey(a.event.IP)
	if !s.streams.add(source) {
		s.refuse(a, profile.TooManyStreams, "")
		return nil, false
	}
	return func() { s.streams.remove(source) }, true
}

func (s *Server) post(a *arrival, body []byte) {
	switch {
	case !isJSON(a.r.Header.Get("Content-Type")):
		s.refuse(a, profile.WrongContentType, "")
		return
	case !acceptsBoth(a.r.Header):
		s.refuse(a, profile.NotAcceptable, "application/json and text/event-stream")
		return
	case len(body) == 0:
		s.refuse(a, profile.EmptyBody, "")
		return
	}
	msgs, batch, refusal := parseBody(body, &s.now().Limits)
	switch {
	case refusal != "":
		s.refuse(a, refusal, "")
	case batch:
		s.postBatch(a, msgs)
	case eraOf(a.r.Header, msgs[0]) == profile.Modern:
		s.postModern(a, msgs[0])
	default:
		s.postLegacy(a, msgs[0])
	}
}

func (s *Server) postModern(a *arrival, m *message) {
	a.era = profile.Modern
	if m.method == "subscriptions/listen" {
		s.postListen(a, m)
		return
	}
	s.respond(a, m, func(ctx context.Context) profile.Outcome {
		return s.engine.modern(ctx, a.exchange, a.r.Header, m)
	})
}

// postListen answers subscriptions/listen with a stream that stays open.
func (s *Server) postListen(a *arrival, m *message) {
	o := s.engine.modern(a.clientContext(), a.exchange, a.r.Header, m)
	if o.Code != profile.Listening {
		s.finish(a, o)
		return
	}
	leave, ok := s.takeStream(a)
	if !ok {
		return
	}
	box := newMailbox()
	stop, ok := s.engine.start(a.exchange, m, func(message []byte) { box.push(s.Profile.Event("", message)) })
	if !ok {
		leave()
		s.refuse(a, profile.TooManyStreams, "")
		return
	}
	s.holdRecorded(a, box, s.Profile.Event("", s.Profile.Message(a.listen.end)), func() {
		stop()
		leave()
	})
}

func (s *Server) postLegacy(a *arrival, m *message) {
	a.era = profile.Legacy
	if m.method == "initialize" && m.fault == "" && m.isRequest() {
		s.handshake(a, m)
		return
	}
	if code := s.legacySession(a, m.fault != ""); code != "" {
		a.event.MCPMethod, a.event.RPCID = m.method, m.id
		noteTarget(a.event, m)
		s.finish(a, profile.Outcome{Code: code, Era: a.era, Protocol: a.event.Protocol, ID: m.id})
		return
	}
	s.respond(a, m, func(ctx context.Context) profile.Outcome { return s.engine.serve(ctx, a.exchange, m) })
}

// handshake opens a session for an initialize that succeeds.
func (s *Server) handshake(a *arrival, m *message) {
	o := s.engine.serve(a.clientContext(), a.exchange, m)
	if o.Code == profile.Result {
		n := s.engine.sessions.open(limitKey(a.event.IP), false, a.arrival)
		n.initialized(a.event.Protocol, a.event.Client, abilities(m.params.Object("capabilities"), a.event.Protocol))
		a.event.Session = n.id
		a.w.Header()[headerSession] = []string{n.id}
	}
	s.finish(a, o)
}

// legacySession finds the request's session and the revision in force. An
// invalid message needs none: it gets its error all the same.
func (s *Server) legacySession(a *arrival, optional bool) profile.Code {
	version := a.r.Header.Get(headerVersion)
	id := a.r.Header.Get(headerSession)
	a.event.Session = cutString(id, maxEventField)
	if version != "" && !legacyRevisions[version] || len(a.r.Header[headerVersion]) > 1 {
		return profile.BadVersionHeader
	}
	a.event.Protocol = version
	if id != "" && len(a.r.Header[headerSession]) == 1 {
		a.session = s.engine.sessions.touch(id, false, a.arrival)
	}
	if a.session == nil && !optional {
		if id == "" {
			return profile.NoSession
		}
		return profile.UnknownSession
	}
	negotiated, client := a.session.facts()
	if version == "" {
		if version = negotiated; version == "" {
			version = profile.Rev2025_03_26
		}
	}
	a.event.Protocol, a.event.Client = version, client
	if a.session != nil {
		a.source = a.session.key()
	}
	return ""
}

// postBatch serves a batch, which revisions up to 2025-03-26 have.
func (s *Server) postBatch(a *arrival, msgs []*message) {
	code := profile.BatchRejected
	if isModernHeader(a.r.Header) {
		a.era = profile.Modern
	} else {
		a.era, code = profile.Legacy, s.legacySession(a, false)
	}
	if code == "" && a.event.Protocol > profile.Rev2025_03_26 {
		code = profile.BatchRejected
	}
	if code != "" {
		s.finish(a, profile.Outcome{Code: code, Era: a.era, Protocol: a.event.Protocol})
		return
	}
	type done struct {
		x *exchange
		o profile.Outcome
		n int
	}
	all := make([]done, 0, len(msgs))
	var answers [][]byte
	for i, m := range msgs {
		x := s.branch(a.exchange, i)
		o := s.engine.serve(a.clientContext(), x, m.batched())
		answer := s.Profile.Message(o)
		if answer != nil {
			answers = append(answers, answer)
		}
		all = append(all, done{x, o, len(answer)})
	}
	resp := s.Profile.Batch(answers)
	s.settle(a.exchange, func() { s.write(a, resp) }, func() {
		for _, d := range all {
			s.record(d.x, d.o, resp.Status, d.n)
		}
	})
}

// branch makes the exchange of the i-th message of a batch: same request, own
// event. Only the first one's keeps head and body, else a batch would be recorded
// many times over.
func (s *Server) branch(x *exchange, i int) *exchange {
	n, ev := *x, *x.event
	ev.ID = s.newEvent(x.arrival, ev.Transport).ID
	ev.Notes = maps.Clone(ev.Notes)
	if i > 0 {
		ev.Head, ev.HeadB64 = "", nil
		if ev.Body != nil {
			ev.Body = &sdk.Body{Size: ev.Body.Size, SHA256: ev.Body.SHA256, Cut: true}
		}
	}
	n.event = &ev
	return &n
}
