package decoy

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	maxRounds  = 8 // times a persona may ask the client before it answers
	askTimeout = 60 * time.Second
)

// consult asks a persona, and where it wants to know something first, the
// client: on the request's own stream up to 2025-11-25, by an input_required
// result since 2026-07-28. It sends what the persona has to tell beside the
// answer and returns when the answer is due. With a nil answer the outcome is
// final.
func (e *engine) consult(ctx context.Context, c *catalog, x *exchange, m *message, call *sdk.Call) (*sdk.Answer, profile.Outcome) {
	call.Can, call.Now = x.session.abilities(), x.arrival
	if x.era == profile.Modern {
		call.Can = abilities(m.params.Object("_meta").Object(metaCapabilities), profile.Rev2026_07_28)
		if o, done := e.resume(c, x, m, call); done {
			return nil, o
		}
	}
	for {
		a, err := e.backend.Call(ctx, x.source, call)
		if err != nil {
			return nil, e.gone(ctx, x, err)
		}
		x.guest, x.canaries = a.Guest, append(x.canaries, a.Canaries...)
		for k, v := range a.Notes {
			note(x.event, k, v)
		}
		e.tell(ctx, c, x, m, call.Now, a)
		if ctx.Err() != nil {
			return nil, e.gone(ctx, x, ctx.Err())
		}
		if a.Input == nil {
			return a, profile.Outcome{}
		}
		if o, done := e.ask(ctx, c, x, m, call, a.Input); done {
			return nil, o
		}
	}
}

// ask puts a persona's questions to the client. When it reports false the answers
// are in call and the persona is to be asked again.
func (e *engine) ask(ctx context.Context, c *catalog, x *exchange, m *message, call *sdk.Call, in *sdk.InputRequired) (o profile.Outcome, done bool) {
	if call.Round >= maxRounds {
		x.event.Error = "the persona asks for ever"
		return profile.Outcome{Code: profile.Internal}, true
	}
	if missing := missingAbility(call.Can, in.Requests); missing != nil {
		if x.era == profile.Modern {
			return profile.Outcome{Code: profile.MissingCapability, Data: missing}, true
		}
		return unasked(call), true
	}
	if x.era == profile.Modern {
		// A client that knows what will be asked may answer without having been.
		inputs, missing := inputResponses(m, in.Requests)
		if call.Round > 0 || !m.params.Has("inputResponses") || missing != "" {
			return e.inputRequired(c, x, m, call, in), true
		}
		call.Inputs, call.Resume = inputs, in.Resume
		call.Round++
		call.Now = time.Now()
		return profile.Outcome{}, false
	}
	if x.out == nil || x.session == nil {
		return unasked(call), true
	}
	inputs, refused, err := e.question(ctx, x, in.Requests)
	if err != nil {
		x.event.Error = err.Error()
		if ctx.Err() != nil || x.session.life.Err() != nil {
			return e.gone(ctx, x, err), true
		}
		return unasked(call), true
	}
	call.Inputs, call.Refused, call.Resume = inputs, refused, in.Resume
	call.Round++
	call.Now = time.Now()
	return profile.Outcome{}, false
}

// unasked is the outcome where a client cannot be asked what has to be known.
func unasked(call *sdk.Call) profile.Outcome {
	const text = "the client does not support a request this needs"
	if call.Op == sdk.OpCall {
		return profile.Outcome{Code: profile.ToolError, Result: toolError(text)}
	}
	return profile.Outcome{Code: profile.Internal, Detail: text}
}

// gone tells a request that was taken back, or whose client left, from a failure.
func (e *engine) gone(ctx context.Context, x *exchange, err error) profile.Outcome {
	switch {
	case errors.Is(context.Cause(ctx), errLeft):
		return profile.Outcome{Code: profile.ClientGone}
	case x.session != nil && x.session.life.Err() != nil:
		if x.session.sse {
			return profile.Outcome{Code: profile.ClientGone}
		}
		return profile.Outcome{Code: profile.UnknownSession}
	case ctx.Err() != nil:
		return profile.Outcome{Code: profile.Cancelled}
	}
	x.event.Error = err.Error()
	return profile.Outcome{Code: profile.Internal}
}

// errLeft is why the context of a request ends whose connection ended.
var errLeft = errors.New("the client left")

var (
	errNoAnswer = errors.New("the client did not answer in time")
	errEnded    = errors.New("the session ended")
)

// question sends requests to the client and collects its answers. Those it
// refuses, or answers in a shape they cannot have, are in refused.
func (e *engine) question(ctx context.Context, x *exchange, requests []sdk.InputRequest) (inputs, refused sdk.RawJSON, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, errNoAnswer)
	defer cancel()
	answers := make(chan *message, len(requests))
	by := map[string]int{}
	for i := range requests {
		id, ok := x.session.ask(answers)
		if !ok {
			return nil, nil, errors.New("too many questions wait for an answer")
		}
		defer x.session.unask(id)
		by[strconv.Itoa(id)] = i
		if !x.out.send(e.profile.Request(id, requests[i].Method, legacyParams(&requests[i]))) {
			return nil, nil, errLeft
		}
	}
	got := make([]*message, len(requests)) // in the order of the questions, however they are answered
	for range requests {
		select {
		case m := <-answers:
			got[by[string(m.id)]] = m
		case <-x.session.deaf.Done():
			return nil, nil, silence(ctx, x.session)
		case <-ctx.Done():
			why := silence(ctx, x.session)
			if !errors.Is(why, errEnded) { // then there is nobody to tell
				e.takeBack(x, by, got)
			}
			return nil, nil, why
		}
	}
	var good, bad guest.Writer
	good.Obj()
	bad.Obj()
	for i, m := range got {
		collect(&good, &bad, &requests[i], m)
	}
	inputs = good.End().Bytes()
	if refused = bad.End().Bytes(); len(refused) == len("{}") {
		refused = nil
	}
	return inputs, refused, nil
}

// silence is why no answer comes. A session's end ends its requests as well: which of
// the two is noticed first says nothing.
func silence(ctx context.Context, n *session) error {
	cause := context.Cause(ctx)
	switch {
	case cause != nil && !errors.Is(cause, context.Canceled):
		return cause
	case n.life.Err() != nil:
		return errEnded
	case cause != nil:
		return cause
	}
	return errNoAnswer
}

// takeBack tells the client that questions need no answer any more.
func (e *engine) takeBack(x *exchange, by map[string]int, got []*message) {
	for id, i := range by {
		if got[i] == nil {
			var w guest.Writer
			x.out.send(e.profile.Notification("notifications/cancelled", w.Obj().Key("requestId").Raw([]byte(id)).End().Bytes()))
		}
	}
}

// legacyParams are the params of a question as a request. Up to 2025-11-25 an
// elicitation by URL has an id.
func legacyParams(r *sdk.InputRequest) []byte {
	params, err := guest.ParseObject(r.Params)
	if err != nil || r.Method != methodElicit || params.Str("mode") != "url" || params.Has("elicitationId") {
		return r.Params
	}
	var w guest.Writer
	w.Obj()
	_ = guest.Members(r.Params, func(key string, v []byte) { w.Key(key).Raw(v) }) // parsed above
	return w.Key("elicitationId").Str(uuid.NewString()).End().Bytes()
}

// collect files one answer. The messages come from the client: only what has the
// shape that was asked for goes to the persona.
func collect(good, bad *guest.Writer, r *sdk.InputRequest, m *message) {
	if m.result != nil && fitsRequest(r, m.result) {
		good.Key(r.Key).Raw(m.result)
		return
	}
	code, text := int64(-32602), "invalid answer"
	if m.refusal != nil {
		refusal, _ := guest.ParseObject(m.refusal) // a refusal in no shape is one all the same
		code, text = refusal.Int("code", -32603), clip(refusal.Str("message"))
	}
	bad.Key(r.Key).Obj().Key("code").Int(code).Key("message").Str(text).End()
}

// note adds a remark to an event. What is there stays.
func note(ev *sdk.Event, key, value string) {
	if ev.Notes == nil {
		ev.Notes = map[string]string{}
	}
	if _, ok := ev.Notes[key]; !ok {
		ev.Notes[key] = value
	}
}
