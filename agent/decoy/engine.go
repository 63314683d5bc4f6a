package decoy

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// catalogWait is how long a request waits for personas that are still loading.
const catalogWait = 20 * time.Second

// maxClientField bounds what is kept of each clientInfo field.
const maxClientField = 256

// legacyRevisions are the revisions with a handshake.
var legacyRevisions = map[string]bool{
	profile.Rev2024_11_05: true, profile.Rev2025_03_26: true,
	profile.Rev2025_06_18: true, profile.Rev2025_11_25: true,
}

// Backend answers for the personas.
type Backend interface {
	// Catalog returns what is on offer, waiting until it is loaded.
	Catalog(ctx context.Context) (*sdk.Catalog, error)
	// Call asks a persona. The source keeps guest instance and state: an address, a
	// blank, and its session, or its actor where there is none. What takes its time waits
	// for the end of ctx as well: only then is a client noticed that leaves.
	Call(ctx context.Context, source string, c *sdk.Call) (*sdk.Answer, error)
	// Release says that a source will not call again.
	Release(source string)
}

// outlet carries what belongs to a request before its answer does.
type outlet interface {
	// send passes one message on; false when nobody will get it.
	send(message []byte) bool
	// hangUp ends the connection and has the client come back for the rest, where
	// the transport can.
	hangUp(retry time.Duration)
}

// exchange is what is known about one message before it is dispatched, and the
// event that it becomes.
type exchange struct {
	era     profile.Era
	session *session    // nil in the modern era, but for stdio
	source  string      // owner of guest state: session or actor
	header  http.Header // modern era over HTTP only
	out     outlet      // nil where nothing can be sent before the answer
	arrival time.Time
	event   *sdk.Event
	guest   *sdk.GuestError

	canaries []sdk.Canary  // that the answer hands out
	listen   *subscription // of a request that Listening answers
}

// engine turns messages into outcomes. It knows no transport and writes no bytes.
type engine struct {
	log       *slog.Logger
	backend   Backend
	profile   profile.Profile
	sessions  *sessions
	sealer    *sealer
	page      func() int // entries on a page of a list
	bulletins *bulletins
	waiting   *counter // calls that wait for their delay, by address
	current   atomic.Pointer[catalog]
}

// catalog returns the prepared catalog.
func (e *engine) catalog(ctx context.Context) (*catalog, error) {
	if e.current.Load() == nil { // later there is nothing to wait for
		limited, cancel := context.WithTimeout(ctx, catalogWait)
		defer cancel()
		ctx = limited
	}
	of, err := e.backend.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	if c := e.current.Load(); c != nil && c.of == of {
		return c, nil
	}
	c := newCatalog(of, e.page(), e.sealer)
	e.current.Store(c)
	return c, nil
}

// serve decides on one message. It fills the event with what the message says.
func (e *engine) serve(ctx context.Context, x *exchange, m *message) (o profile.Outcome) {
	x.event.MCPMethod, x.event.RPCID = m.method, m.id
	defer func() {
		// A fault of ours must cost this message only, and show the client nothing.
		if p := recover(); p != nil {
			e.log.Error("panic while serving a message", "panic", p, "stack", string(debug.Stack()))
			x.event.Error, o = "panic", profile.Outcome{Code: profile.Internal}
		}
		o.ID, o.Era, o.Protocol = m.id, x.era, x.event.Protocol
	}()
	if m.fault != "" {
		x.event.Error = m.detail
		return profile.Outcome{Code: m.fault}
	}
	noteTarget(x.event, m)
	if !m.isRequest() {
		e.heed(x, m)
		return profile.Outcome{Code: profile.Accepted}
	}
	return e.dispatch(ctx, x, m)
}

// heed takes notice of a message that wants no answer.
func (e *engine) heed(x *exchange, m *message) {
	switch {
	case m.answer && x.session.answered(m):
		note(x.event, "answer", "expected")
	case m.method == "notifications/cancelled":
		x.session.cancel(m.params.Raw("requestId"))
	}
}

// method serves one MCP method.
type method func(e *engine, ctx context.Context, c *catalog, x *exchange, m *message) profile.Outcome

// The methods of both eras, and of each.
var (
	methods = map[string]method{
		"tools/list":               (*engine).list,
		"tools/call":               (*engine).call,
		"resources/list":           (*engine).list,
		"resources/templates/list": (*engine).list,
		"resources/read":           (*engine).read,
		"prompts/list":             (*engine).list,
		"prompts/get":              (*engine).prompt,
		"completion/complete":      (*engine).complete,
	}
	legacyMethods = map[string]method{
		"initialize":            (*engine).initialize,
		"ping":                  (*engine).ping,
		"logging/setLevel":      (*engine).setLevel,
		"resources/subscribe":   (*engine).subscribe,
		"resources/unsubscribe": (*engine).unsubscribe,
	}
	modernMethods = map[string]method{
		"server/discover":      (*engine).discover,
		"subscriptions/listen": (*engine).listen,
	}
)

func (e *engine) dispatch(ctx context.Context, x *exchange, m *message) profile.Outcome {
	f := methods[m.method]
	if f == nil && x.era == profile.Modern {
		f = modernMethods[m.method]
	} else if f == nil {
		f = legacyMethods[m.method]
	}
	if f == nil {
		return profile.Outcome{Code: profile.UnknownMethod, Detail: m.method}
	}
	c, err := e.catalog(ctx)
	if err != nil {
		x.event.Error = "catalog: " + err.Error()
		return profile.Outcome{Code: profile.Internal}
	}
	if !c.offers(m.method) {
		return profile.Outcome{Code: profile.UnknownMethod, Detail: m.method}
	}
	return f(e, ctx, c, x, m)
}

// noteTarget records what is asked for before anything can go wrong.
func noteTarget(ev *sdk.Event, m *message) {
	switch m.method {
	case "tools/call":
		ev.Tool, ev.Args = m.params.Str("name"), m.params.Raw("arguments")
	case "prompts/get":
		ev.Prompt, ev.Args = m.params.Str("name"), m.params.Raw("arguments")
	case "resources/read", "resources/subscribe", "resources/unsubscribe":
		ev.URI = m.params.Str("uri")
	case "completion/complete":
		ref := m.params.Object("ref")
		ev.Prompt, ev.URI, ev.Args = ref.Str("name"), ref.Str("uri"), m.params.Raw("argument")
	}
}

func (e *engine) initialize(_ context.Context, c *catalog, x *exchange, m *message) profile.Outcome {
	if asked := m.params.Raw("protocolVersion"); firstByte(asked) != '"' {
		return badParams("protocolVersion is required")
	}
	version := m.params.Str("protocolVersion")
	if !legacyRevisions[version] {
		version = profile.Rev2025_11_25
	}
	client := clientInfo(m.params.Object("clientInfo"))
	x.event.Protocol, x.event.Client = version, client
	if x.session != nil {
		x.session.initialized(version, client, abilities(m.params.Object("capabilities"), version))
	}
	return profile.Outcome{Code: profile.Result, Result: c.initialize(version)}
}

func (e *engine) ping(context.Context, *catalog, *exchange, *message) profile.Outcome {
	return profile.Outcome{Code: profile.Result, Result: sdk.RawJSON("{}")}
}

func (e *engine) discover(_ context.Context, c *catalog, _ *exchange, _ *message) profile.Outcome {
	return profile.Outcome{Code: profile.Result, Result: c.discover}
}

// list answers one of the list methods, page by page.
func (e *engine) list(_ context.Context, c *catalog, x *exchange, m *message) profile.Outcome {
	pages, n := c.lists[m.method], 0
	if m.params.Has("cursor") {
		var err error
		if n, err = c.cursor(m.method, m.params.Str("cursor")); err != nil {
			return badParams("unknown cursor")
		}
	}
	if n >= len(pages) {
		return badParams("unknown cursor")
	}
	if x.era == profile.Modern {
		return profile.Outcome{Code: profile.Result, Result: pages[n].modern}
	}
	return profile.Outcome{Code: profile.Result, Result: pages[n].legacy}
}

func badParams(detail string) profile.Outcome {
	return profile.Outcome{Code: profile.BadParams, Detail: detail}
}

func clientInfo(o guest.Object) *sdk.ClientInfo {
	c := &sdk.ClientInfo{Name: clip(o.Str("name")), Version: clip(o.Str("version")), Title: clip(o.Str("title"))}
	if *c == (sdk.ClientInfo{}) {
		return nil
	}
	return c
}

func clip(s string) string { return cutString(s, maxClientField) }

// abilities says what a client with these capabilities can be asked for. Before
// 2025-06-18 there was no elicitation, and before 2025-11-25 none by URL.
func abilities(capabilities guest.Object, version string) []string {
	var can []string
	if capabilities.Has("elicitation") && version >= profile.Rev2025_06_18 {
		how := capabilities.Object("elicitation")
		if how.Has("form") || !how.Has("url") {
			can = append(can, sdk.CanElicitForm)
		}
		if how.Has("url") && version >= profile.Rev2025_11_25 {
			can = append(can, sdk.CanElicitURL)
		}
	}
	if capabilities.Has("roots") {
		can = append(can, sdk.CanRoots)
	}
	if capabilities.Has("sampling") {
		can = append(can, sdk.CanSampling)
		if capabilities.Object("sampling").Has("tools") && version >= profile.Rev2025_11_25 {
			can = append(can, sdk.CanSamplingTools)
		}
	}
	return can
}

// modern serves a message of the 2026-07-28 era; h is nil on stdio.
func (e *engine) modern(ctx context.Context, x *exchange, h http.Header, m *message) profile.Outcome {
	x.era, x.header = profile.Modern, h
	x.event.Client = clientInfo(modernClient(m))
	x.event.Protocol = cutString(m.params.Object("_meta").Str(metaVersion), maxClientField)
	x.event.Actor = actorOf(x.event)
	x.source = limitKey(x.event.IP) + " actor:" + x.event.Actor
	code, detail := checkModern(h, m)
	if code == "" {
		return e.serve(ctx, x, m)
	}
	x.event.MCPMethod, x.event.RPCID = m.method, m.id
	noteTarget(x.event, m)
	return profile.Outcome{Code: code, Detail: detail, Era: profile.Modern, Protocol: profile.Rev2026_07_28, ID: m.id}
}
