package decoy

import (
	"context"
	"maps"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// metaSubscription marks every message of a subscriptions/listen stream.
const metaSubscription = "io.modelcontextprotocol/subscriptionId"

// subscription is what subscriptions/listen agreed on: what goes out first, what
// makes later messages, and what goes out when the server ends it.
type subscription struct {
	listening
	ack []byte
	end profile.Outcome
}

// listen serves subscriptions/listen, MCP 2026-07-28. Its answer is the stream
// that the transport makes of the exchange's subscription.
func (e *engine) listen(_ context.Context, c *catalog, x *exchange, m *message) profile.Outcome {
	if !isObject(m.params.Raw("notifications")) {
		return badParams("notifications is required")
	}
	asked := m.params.Object("notifications")
	lists := map[string]bool{
		"tools":     asked.Bool("toolsListChanged") && c.of.Changes.Tools,
		"prompts":   asked.Bool("promptsListChanged") && c.of.Changes.Prompts,
		"resources": asked.Bool("resourcesListChanged") && c.of.Changes.Resources,
	}
	uris, ok := c.subscribable(asked.Raw("resourceSubscriptions"))
	if !ok {
		return badParams("resourceSubscriptions is not a short list of URIs")
	}
	sub := &subscription{end: profile.Outcome{
		Code: profile.Result, Era: profile.Modern, Protocol: profile.Rev2026_07_28, ID: m.id,
		Result: c.lastWord(m.id),
	}}
	sub.source = x.source
	sub.changed = func(list string) bool { return lists[list] }
	sub.updated = func(uri string) bool { return uris[uri] }
	sub.ack = e.profile.Notification("notifications/subscriptions/acknowledged", accepted(lists, asked.Raw("resourceSubscriptions"), uris, m.id))
	x.listen = sub
	return profile.Outcome{Code: profile.Listening}
}

// subscribable returns those of the URIs that exist, or false when v is not a
// list of at most maxSubscriptions strings.
func (c *catalog) subscribable(v []byte) (uris map[string]bool, ok bool) {
	uris, n := map[string]bool{}, 0
	if v == nil || string(v) == "null" {
		return uris, true
	}
	err := guest.Elements(v, func(e []byte) {
		if n++; n > maxSubscriptions || !c.of.Subscribe {
			return
		}
		uri := guest.String(e)
		if _, known := c.resource(uri); known {
			uris[uri] = true
		}
	})
	return uris, err == nil && n <= maxSubscriptions
}

// accepted is the params of the acknowledgement: the part of what was asked for
// that will be told.
func accepted(lists map[string]bool, asked []byte, uris map[string]bool, id sdk.RawJSON) []byte {
	var w guest.Writer
	w.Obj().Key("_meta").Obj().Key(metaSubscription).Raw(id).End().Key("notifications").Obj()
	for _, list := range []string{"tools", "prompts", "resources"} {
		if lists[list] {
			w.Key(list + "ListChanged").Bool(true)
		}
	}
	if len(uris) > 0 {
		w.Key("resourceSubscriptions").Arr()
		named := maps.Clone(uris)
		for _, uri := range guest.Strings(asked) {
			if named[uri] {
				w.Str(uri)
				delete(named, uri)
			}
		}
		w.End()
	}
	return w.End().End().Bytes()
}

// subscriptionMeta adds the subscription's id to the params of a notification.
func subscriptionMeta(params []byte, id sdk.RawJSON) []byte {
	var w guest.Writer
	w.Obj()
	_ = guest.Members(params, func(key string, v []byte) { w.Key(key).Raw(v) }) // made by us
	return w.Key("_meta").Obj().Key(metaSubscription).Raw(id).End().End().Bytes()
}

// lastWord is the result with which the server ends a subscription.
func (c *catalog) lastWord(id sdk.RawJSON) sdk.RawJSON {
	var w guest.Writer
	w.Obj().Key("resultType").Str("complete").Key("_meta").Obj()
	_ = guest.Members(c.meta, func(key string, v []byte) { w.Key(key).Raw(v) }) // made by us
	return w.Key(metaSubscription).Raw(id).End().End().Bytes()
}

// start begins to pass on what changes, after the acknowledgement. ok is false
// when too many listen already.
func (e *engine) start(x *exchange, m *message, send func(message []byte)) (stop func(), ok bool) {
	sub, id := x.listen, m.id // not the message for as long as it listens
	sub.send = func(method string, params []byte) {
		send(e.profile.Notification(method, subscriptionMeta(params, id)))
	}
	return e.bulletins.listen(&sub.listening, func() { send(sub.ack) })
}
