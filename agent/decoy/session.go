package decoy

import (
	"container/list"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// session is a legacy-era MCP session, or the life of an SSE stream or a stdio
// client. Its fields are guarded by the store's mutex after it was handed out.
type session struct {
	id       string
	source   string // address it was opened from
	protocol string // negotiated, "" before initialize
	client   *sdk.ClientInfo
	stream   *sseStream // HTTP+SSE only
	lastSeen time.Time
	place    *list.Element
}

// sessions holds the open sessions, bounded in all and per source: the one that
// was idle longest makes room, so that an attacker who opens many only loses his
// own and nobody is ever refused.
type sessions struct {
	limits  *Limits
	release func(id string) // the session ended: its guest instances may go

	mu       sync.Mutex
	byID     map[string]*session
	bySource map[string]int
	order    *list.List // least recently seen first
}

func newSessions(limits *Limits, release func(id string)) *sessions {
	return &sessions{
		limits: limits, release: release,
		byID: map[string]*session{}, bySource: map[string]int{}, order: list.New(),
	}
}

// open creates a session.
func (s *sessions) open(source string, now time.Time) *session {
	n := &session{id: uuid.NewString(), source: source, lastSeen: now}
	s.mu.Lock()
	var gone []string
	if s.bySource[source] >= s.limits.SessionsPerSource {
		gone = append(gone, s.evict(source))
	}
	if len(s.byID) >= s.limits.Sessions {
		gone = append(gone, s.evict(""))
	}
	for e := s.order.Front(); e != nil; {
		old := e.Value.(*session)
		e = e.Next()
		if now.Sub(old.lastSeen) < s.limits.SessionIdle {
			break
		}
		if old.stream == nil { // a stream's session lives as long as the stream
			gone = append(gone, s.drop(old))
		}
	}
	s.byID[n.id] = n
	s.bySource[source]++
	n.place = s.order.PushBack(n)
	s.mu.Unlock()
	for _, id := range gone {
		if id != "" {
			s.release(id)
		}
	}
	return n
}

// evict drops the session of a source (or of all) that was idle longest.
func (s *sessions) evict(source string) string {
	for e := s.order.Front(); e != nil; e = e.Next() {
		old := e.Value.(*session)
		if old.stream == nil && (source == "" || old.source == source) {
			return s.drop(old)
		}
	}
	return ""
}

func (s *sessions) drop(old *session) string {
	delete(s.byID, old.id)
	s.order.Remove(old.place)
	if s.bySource[old.source]--; s.bySource[old.source] == 0 {
		delete(s.bySource, old.source)
	}
	return old.id
}

// touch finds a session and marks it as seen.
func (s *sessions) touch(id string, now time.Time) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.byID[id]
	if n == nil || (n.stream == nil && now.Sub(n.lastSeen) >= s.limits.SessionIdle) {
		return nil
	}
	n.lastSeen = now
	s.order.MoveToBack(n.place)
	return n
}

// streamable finds a session of the Streamable HTTP transport.
func (s *sessions) streamable(id string, now time.Time) *session {
	n := s.touch(id, now)
	if n == nil || n.stream != nil {
		return nil
	}
	return n
}

// end closes a session and reports whether it was open.
func (s *sessions) end(id string) bool {
	s.mu.Lock()
	n := s.byID[id]
	if n != nil {
		s.drop(n)
	}
	s.mu.Unlock()
	if n != nil {
		s.release(id)
	}
	return n != nil
}

// initialized stores what initialize agreed on.
func (s *sessions) initialized(n *session, protocol string, client *sdk.ClientInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n.protocol, n.client = protocol, client
}

// facts returns what initialize agreed on; n may be nil.
func (s *sessions) facts(n *session) (protocol string, client *sdk.ClientInfo) {
	if n == nil {
		return "", nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return n.protocol, n.client
}
