package decoy

import (
	"net/http"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// streamable serves the Streamable HTTP endpoint. There is no GET stream: the
// server has nothing to say on its own account, and the specification lets it
// answer 405.
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
	case a.r.Method == http.MethodDelete:
		s.delete(a)
	default:
		s.refuse(a, profile.MethodNotAllowed, "POST, DELETE")
	}
}

func (s *Server) delete(a *arrival) {
	id := a.r.Header.Get(headerSession)
	a.event.Session = cutString(id, maxEventField)
	switch {
	case id == "":
		s.refuse(a, profile.NoSession, "")
	case s.engine.sessions.streamable(id, a.arrival) == nil || !s.engine.sessions.end(id):
		s.refuse(a, profile.UnknownSession, "")
	default:
		s.refuse(a, profile.SessionEnded, "")
	}
}

func (s *Server) post(a *arrival, body []byte) {
	switch {
	case !isJSON(a.r.Header.Get("Content-Type")):
		s.refuse(a, profile.WrongContentType, "")
		return
	case !acceptsBoth(a.r.Header):
		s.refuse(a, profile.NotAcceptable, "")
		return
	case len(body) == 0:
		s.refuse(a, profile.EmptyBody, "")
		return
	}
	msgs, batch, refusal := parseBody(body, &s.Limits)
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
	s.finish(a, s.engine.modern(a.r.Context(), a.exchange, a.r.Header, m))
}

func (s *Server) postLegacy(a *arrival, m *message) {
	a.era = profile.Legacy
	if m.method == "initialize" && m.fault == "" && m.isRequest() {
		s.handshake(a, m)
		return
	}
	if code := s.legacySession(a, m.fault != ""); code != "" {
		a.event.MCPMethod, a.event.RPCID = m.method, m.id
		noteTool(a.event, m)
		s.finish(a, profile.Outcome{Code: code, Era: a.era, Protocol: a.event.Protocol, ID: m.id})
		return
	}
	s.finish(a, s.engine.serve(a.r.Context(), a.exchange, m))
}

// handshake opens a session for an initialize that succeeds.
func (s *Server) handshake(a *arrival, m *message) {
	o := s.engine.serve(a.r.Context(), a.exchange, m)
	if o.Code == profile.Result {
		n := s.engine.sessions.open(limitKey(a.event.IP), a.arrival)
		s.engine.sessions.initialized(n, a.event.Protocol, a.event.Client)
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
	if version != "" && !legacyRevisions[version] {
		return profile.BadVersionHeader
	}
	a.event.Protocol = version
	if id != "" {
		a.session = s.engine.sessions.streamable(id, a.arrival)
	}
	if a.session == nil && !optional {
		if id == "" {
			return profile.NoSession
		}
		return profile.UnknownSession
	}
	negotiated, client := s.engine.sessions.facts(a.session)
	if version == "" {
		if version = negotiated; version == "" {
			version = profile.Rev2025_03_26
		}
	}
	a.event.Protocol, a.event.Client, a.source = version, client, id
	return ""
}

// postBatch serves a batch, which revisions up to 2025-03-26 have.
func (s *Server) postBatch(a *arrival, msgs []*message) {
	a.era = profile.Legacy
	code := s.legacySession(a, false)
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
		if m.method == "initialize" {
			m.invalid("initialize inside a batch")
		}
		o := s.engine.serve(a.r.Context(), x, m)
		answer := s.Profile.Message(o)
		if answer != nil {
			answers = append(answers, answer)
		}
		all = append(all, done{x, o, len(answer)})
	}
	resp := s.Profile.Batch(answers)
	s.write(a, resp)
	for _, d := range all {
		s.record(d.x, d.o, resp.Status, d.n)
	}
}

// branch makes the exchange of the i-th message of a batch: same request, own
// event. Only the first one's keeps head and body, else a batch would be recorded
// many times over.
func (s *Server) branch(x *exchange, i int) *exchange {
	n, ev := *x, *x.event
	ev.ID = s.newEvent(x.arrival, ev.Transport).ID
	if i > 0 {
		ev.Head, ev.HeadB64 = "", nil
		if ev.Body != nil {
			ev.Body = &sdk.Body{Size: ev.Body.Size, SHA256: ev.Body.SHA256, Cut: true}
		}
	}
	n.event = &ev
	return &n
}
