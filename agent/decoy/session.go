package decoy

import (
	"container/list"
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// What one session may hold.
const (
	maxSubscriptions = 64      // resources
	maxSubscribed    = 8 << 10 // bytes of their URIs
	maxRunning       = 64      // requests at once that may outlive their connection
	maxAsked         = 16      // requests to the client that wait for an answer
)

// session is a legacy-era MCP session, or the life of an SSE stream or a stdio
// client.
type session struct {
	id     string
	source string // address it was opened from
	sse    bool   // of HTTP+SSE: lives as long as its stream

	slots chan struct{} // held by requests that may outlive their connection

	life   context.Context // ends with the session
	end    context.CancelFunc
	deaf   context.Context // ends when the client can answer nothing any more
	deafen context.CancelFunc

	lastSeen time.Time // these two are guarded by the store
	place    *list.Element

	mu       sync.Mutex
	protocol string // negotiated, "" before initialize
	client   *sdk.ClientInfo
	can      []string // abilities of the client, see sdk.Call
	level    int      // least severity of log notifications, as logLevels has it

	running    map[string]*requestContext // by request id as it was spelled
	asked      map[string]chan<- *message // by the id of our request
	asks       int
	subscribed map[string]bool

	standing *stream   // where messages go that belong to no request
	replies  []*stream // of requests, the newest last
	streams  int
	closed   bool
	closers  []func() // called once it has ended
}

// newSession makes a session that ends with life, or before.
func newSession(life context.Context, source string, sse bool, now time.Time) *session {
	n := &session{id: uuid.NewString(), source: source, sse: sse, lastSeen: now, slots: make(chan struct{}, maxRunning)}
	n.life, n.end = context.WithCancel(life)
	n.deaf, n.deafen = context.WithCancel(n.life)
	return n
}

// key is the session as the owner of guest state.
func (n *session) key() string { return n.source + " " + n.id }

// sessions holds the open sessions, bounded in all and per source: the one that
// was idle longest makes room, so that an attacker who opens many only loses his
// own and nobody is ever refused.
type sessions struct {
	life    context.Context // of all of them
	limits  func() *Limits
	release func(source string) // the session ended: its guest instances may go

	ending sync.WaitGroup // sessions that made room

	mu       sync.Mutex
	byID     map[string]*session
	bySource map[string]int
	order    *list.List // least recently seen first
}

func newSessions(life context.Context, limits func() *Limits, release func(source string)) *sessions {
	return &sessions{
		life: life, limits: limits, release: release,
		byID: map[string]*session{}, bySource: map[string]int{}, order: list.New(),
	}
}

// count is how many sessions there are.
func (s *sessions) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byID)
}

// open creates a session; sse says that it lives as long as a stream.
func (s *sessions) open(source string, sse bool, now time.Time) *session {
	n := newSession(s.life, source, sse, now)
	s.mu.Lock()
	var gone []*session
	if s.bySource[source] >= s.limits().SessionsPerSource {
		gone = append(gone, s.evict(source))
	}
	if len(s.byID) >= s.limits().Sessions {
		gone = append(gone, s.evict(""))
	}
	for e := s.order.Front(); e != nil; {
		old := e.Value.(*session)
		e = e.Next()
		if now.Sub(old.lastSeen) < s.limits().SessionIdle {
			break
		}
		if !old.sse {
			gone = append(gone, s.drop(old))
		}
	}
	s.byID[n.id] = n
	s.bySource[source]++
	n.place = s.order.PushBack(n)
	s.mu.Unlock()
	for _, old := range slices.DeleteFunc(gone, func(old *session) bool { return old == nil }) {
		// Its streams may be stuck in a write: that is not for this client to wait for.
		s.ending.Go(func() { s.bury(old) })
	}
	return n
}

// bury frees what a dropped session held; n may be nil.
func (s *sessions) bury(n *session) {
	if n == nil {
		return
	}
	n.close()
	s.release(n.key())
}

// evict drops the session of a source (or of all) that was idle longest.
func (s *sessions) evict(source string) *session {
	for e := s.order.Front(); e != nil; e = e.Next() {
		old := e.Value.(*session)
		if !old.sse && (source == "" || old.source == source) {
			return s.drop(old)
		}
	}
	return nil
}

func (s *sessions) drop(old *session) *session {
	delete(s.byID, old.id)
	s.order.Remove(old.place)
	if s.bySource[old.source]--; s.bySource[old.source] == 0 {
		delete(s.bySource, old.source)
	}
	return old
}

// touch finds a session of the HTTP+SSE (sse) or the Streamable HTTP transport
// and marks it as seen.
func (s *sessions) touch(id string, sse bool, now time.Time) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.byID[id]
	if n == nil || n.sse != sse || (!sse && now.Sub(n.lastSeen) >= s.limits().SessionIdle) {
		return nil
	}
	n.lastSeen = now
	s.order.MoveToBack(n.place)
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
	s.bury(n)
	return n != nil
}

// close ends everything that goes on within a session.
func (n *session) close() {
	n.end()
	n.mu.Lock()
	streams, closers := n.replies, n.closers
	if n.standing != nil {
		streams = append(streams, n.standing)
	}
	n.replies, n.standing, n.closers, n.closed = nil, nil, nil, true
	n.mu.Unlock()
	for _, f := range closers {
		f()
	}
	for _, t := range streams {
		t.forget()
	}
}

// onClose has f called when the session ends, at once if it has.
func (n *session) onClose(f func()) {
	n.mu.Lock()
	closed := n.closed
	if !closed {
		n.closers = append(n.closers, f)
	}
	n.mu.Unlock()
	if closed {
		f()
	}
}

// initialized stores what initialize agreed on.
func (n *session) initialized(protocol string, client *sdk.ClientInfo, can []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.protocol, n.client, n.can = protocol, client, can
}

// facts returns what initialize agreed on; n may be nil.
func (n *session) facts() (protocol string, client *sdk.ClientInfo) {
	if n == nil {
		return "", nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.protocol, n.client
}

// abilities returns what the client can be asked for.
func (n *session) abilities() []string {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.can
}

// begin makes a request cancellable by its id, in the slot that the caller has taken for
// it; it ends with the session at the latest. It is called before the goroutine that
// serves it runs: what arrives next may take it back. Of several requests with one id,
// the first can be.
func (n *session) begin(m *message) *requestContext {
	ctx := &requestContext{parent: n.life, session: n}
	if !m.isRequest() {
		return ctx
	}
	key := string(m.id)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running == nil {
		n.running = map[string]*requestContext{}
	}
	if n.running[key] == nil {
		ctx.key, n.running[key] = key, ctx
	}
	return ctx
}

// finished takes a request out of the session, and gives its slot back.
func (n *session) finished(ctx *requestContext) {
	n.mu.Lock()
	if ctx.key != "" {
		delete(n.running, ctx.key)
	}
	n.mu.Unlock()
	<-n.slots
}

// cancel ends the request with an id, if it is running.
func (n *session) cancel(id sdk.RawJSON) {
	if n == nil {
		return
	}
	n.mu.Lock()
	ctx := n.running[string(id)]
	n.mu.Unlock()
	if ctx != nil {
		ctx.cancel(nil)
	}
}

// ask reserves an id for a request to the client, whose answer goes to c.
func (n *session) ask(c chan<- *message) (id int, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.asked) >= maxAsked {
		return 0, false
	}
	if n.asked == nil {
		n.asked = map[string]chan<- *message{}
	}
	n.asks++
	n.asked[strconv.Itoa(n.asks)] = c
	return n.asks, true
}

// unask gives up waiting.
func (n *session) unask(id int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.asked, strconv.Itoa(id))
}

// answered hands a client's response to whoever asked, and reports whether
// anybody did. c never blocks: it has room for every answer it can get.
func (n *session) answered(m *message) bool {
	if n == nil {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.asked[string(m.id)]
	if c == nil {
		return false
	}
	delete(n.asked, string(m.id))
	c <- m
	return true
}

// subscribe adds a resource, and reports false when there are too many.
func (n *session) subscribe(uri string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.subscribed[uri] {
		return true
	}
	size := len(uri)
	for known := range n.subscribed {
		size += len(known)
	}
	if len(n.subscribed) >= maxSubscriptions || size > maxSubscribed {
		return false
	}
	if n.subscribed == nil {
		n.subscribed = map[string]bool{}
	}
	n.subscribed[uri] = true
	return true
}

func (n *session) unsubscribe(uri string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.subscribed, uri)
}

func (n *session) wants(uri string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.subscribed[uri]
}

// reply names the stream of a request, so that it can be asked for again. The
// oldest one that nobody listens to makes room; with none, t stays without name
// and replay.
func (n *session) reply(t *stream) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	if len(n.replies) >= replayStreams {
		i := slices.IndexFunc(n.replies, func(t *stream) bool { return !t.connected() })
		if i < 0 {
			return
		}
		n.replies[i].forget()
		n.replies = slices.Delete(n.replies, i, i+1)
	}
	n.streams++
	t.name = strconv.Itoa(n.streams)
	t.live.Store(true) // its connection is on the way: it is not the one that makes room
	n.replies = append(n.replies, t)
}

// stand returns the stream for messages that belong to no request, made by the
// first who asks.
func (n *session) stand(t *stream) *stream {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		t.name = "" // nobody will ever ask for it again
		return t
	}
	if n.standing == nil {
		n.standing = t
	}
	return n.standing
}

// find returns the stream that an event id belongs to, nil if it is not kept.
func (n *session) find(name string) *stream {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.standing != nil && n.standing.name == name {
		return n.standing
	}
	for _, t := range n.replies {
		if t.name == name {
			return t
		}
	}
	return nil
}
