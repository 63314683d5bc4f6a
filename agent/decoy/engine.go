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
	Call(ctx context.Context, c sdk.ToolCall) (*sdk.Answer, error)
	// Release says that a source will not call again.
	Release(source string)
}

// exchange is what is known about one message before it is dispatched, and the
// event that it becomes.
type exchange struct {
	era     profile.Era
	session *session // nil in the modern era
	source  string   // owner of guest state: session or actor
	arrival time.Time
	event   *sdk.Event
	guest   *sdk.GuestError
}

// engine turns messages into outcomes. It knows no transport and writes no bytes.
type engine struct {
	log      *slog.Logger
	backend  Backend
	sessions *sessions
	current  atomic.Pointer[catalog]
}

// catalog returns the prepared catalog.
func (e *engine) catalog(ctx context.Context) (*catalog, error) {
	ctx, cancel := context.WithTimeout(ctx, catalogWait)
	defer cancel()
	of, err := e.backend.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	if c := e.current.Load(); c != nil && c.of == of {
		return c, nil
	}
	c := newCatalog(of)
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
	}
	return e.dispatch(ctx, x, m)
}

func (e *engine) dispatch(ctx context.Context, x *exchange, m *message) profile.Outcome {
	if m.fault != "" {
		return profile.Outcome{Code: m.fault}
	}
	noteTool(x.event, m)
	if !m.isRequest() {
		return profile.Outcome{Code: profile.Accepted}
	}
	c, err := e.catalog(ctx)
	if err != nil {
		x.event.Error = "catalog: " + err.Error()
		return profile.Outcome{Code: profile.Internal}
	}
	switch m.method {
	case "tools/list":
		return c.list(x, m)
	case "tools/call":
		return e.call(ctx, c, x, m)
	}
	if x.era == profile.Modern {
		if m.method == "server/discover" {
			return profile.Outcome{Code: profile.Result, Result: c.discover}
		}
		return profile.Outcome{Code: profile.UnknownMethod, Detail: m.method}
	}
	switch m.method {
	case "initialize":
		return e.initialize(c, x, m)
	case "ping":
		return profile.Outcome{Code: profile.Result, Result: sdk.RawJSON("{}")}
	}
	return profile.Outcome{Code: profile.UnknownMethod, Detail: m.method}
}

// noteTool records tool and arguments before anything can go wrong.
func noteTool(ev *sdk.Event, m *message) {
	if m.method == "tools/call" {
		ev.Tool = m.params.Str("name")
		ev.Args = m.params.Raw("arguments")
	}
}

func (e *engine) initialize(c *catalog, x *exchange, m *message) profile.Outcome {
	asked := m.params.Str("protocolVersion")
	if asked == "" {
		return profile.Outcome{Code: profile.BadParams, Detail: "protocolVersion is required"}
	}
	version := asked
	if !legacyRevisions[version] {
		version = profile.Rev2025_11_25
	}
	client := clientInfo(m.params.Object("clientInfo"))
	x.event.Protocol, x.event.Client = version, client
	if x.session != nil {
		e.sessions.initialized(x.session, version, client)
	}
	return profile.Outcome{Code: profile.Result, Result: c.initialize(version)}
}

func clientInfo(o guest.Object) *sdk.ClientInfo {
	c := &sdk.ClientInfo{Name: clip(o.Str("name")), Version: clip(o.Str("version")), Title: clip(o.Str("title"))}
	if *c == (sdk.ClientInfo{}) {
		return nil
	}
	return c
}

func clip(s string) string { return cutString(s, maxClientField) }

// list answers tools/list. There is one page, so every cursor is unknown.
func (c *catalog) list(x *exchange, m *message) profile.Outcome {
	if m.params.Has("cursor") {
		return profile.Outcome{Code: profile.BadParams, Detail: "unknown cursor"}
	}
	if x.era == profile.Modern {
		return profile.Outcome{Code: profile.Result, Result: c.modernList}
	}
	return profile.Outcome{Code: profile.Result, Result: c.legacyList}
}

func (e *engine) call(ctx context.Context, c *catalog, x *exchange, m *message) profile.Outcome {
	name := x.event.Tool
	if name == "" {
		return profile.Outcome{Code: profile.BadParams, Detail: "name is required"}
	}
	t := c.tools[name]
	if t == nil {
		return profile.Outcome{Code: profile.UnknownTool, Detail: name}
	}
	x.event.Persona, x.event.Service, x.event.Class, x.event.Category = t.Persona, t.Service, t.Class, t.Category
	args := x.event.Args
	if args == nil {
		args = sdk.RawJSON("{}")
	}
	if args[0] != '{' {
		return profile.Outcome{Code: profile.BadParams, Detail: "arguments must be an object"}
	}
	problems, err := t.check(args)
	if err != nil {
		x.event.Error = err.Error()
		return profile.Outcome{Code: profile.Internal}
	}
	if problems != nil {
		return profile.Outcome{Code: profile.BadArgs, Detail: name, Problems: problems, Meta: c.meta}
	}
	a, err := e.backend.Call(ctx, sdk.ToolCall{Source: x.source, Persona: t.Persona, Tool: name, Args: args, Now: x.arrival})
	switch {
	case err != nil && ctx.Err() != nil:
		return profile.Outcome{Code: profile.ClientGone}
	case err != nil:
		x.event.Error = err.Error()
		return profile.Outcome{Code: profile.Internal}
	}
	return c.answer(ctx, x, name, a)
}

// answer turns a persona's answer into an outcome, when it is due.
func (c *catalog) answer(ctx context.Context, x *exchange, name string, a *sdk.Answer) profile.Outcome {
	x.event.Notes, x.guest = a.Notes, a.Guest
	waitUntil(ctx, x.arrival.Add(a.Delay))
	result, failed := a.Result, a.Failed
	if a.Fault != nil {
		switch a.Fault.Kind {
		case "unknown_tool":
			return profile.Outcome{Code: profile.UnknownTool, Detail: name}
		case "bad_args":
			return profile.Outcome{Code: profile.BadArgs, Detail: name, Problems: []string{a.Fault.Message}, Meta: c.meta}
		case "tool":
			result, failed = toolError(a.Fault.Message), true
		default:
			return profile.Outcome{Code: profile.Internal}
		}
	}
	code := profile.Result
	if failed {
		code = profile.ToolError
	}
	if x.era == profile.Modern {
		result = c.modernResult(result)
	}
	return profile.Outcome{Code: code, Result: result}
}

func toolError(text string) sdk.RawJSON {
	var w guest.Writer
	w.Obj().Key("content").Arr().Obj().Key("type").Str("text").Key("text").Str(text).End().End()
	return w.Key("isError").Bool(true).End().Bytes()
}

// waitUntil waits for an instant or the end of the request.
func waitUntil(ctx context.Context, due time.Time) {
	d := time.Until(due)
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// modern serves a message of the 2026-07-28 era; h is nil on stdio.
func (e *engine) modern(ctx context.Context, x *exchange, h http.Header, m *message) profile.Outcome {
	x.era = profile.Modern
	x.event.Client = clientInfo(modernClient(m))
	x.event.Protocol = cutString(m.params.Object("_meta").Str(metaVersion), maxClientField)
	x.event.Actor = actorOf(x.event)
	x.source = "actor:" + x.event.Actor
	code, detail := checkModern(h, m)
	if code == "" {
		return e.serve(ctx, x, m)
	}
	x.event.MCPMethod, x.event.RPCID = m.method, m.id
	noteTool(x.event, m)
	return profile.Outcome{Code: code, Detail: detail, Era: profile.Modern, Protocol: profile.Rev2026_07_28, ID: m.id}
}
