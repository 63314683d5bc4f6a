package decoy

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// stateLife is how long a client may take to answer an input_required result.
const stateLife = 10 * time.Minute

// requestState is what the requestState of an input_required result carries:
// enough to go on without having kept anything.
type requestState struct {
	expires  time.Time
	actor    string
	digest   string // of the request it belongs to
	round    int
	requests []sdk.InputRequest
	resume   sdk.RawJSON
}

// inputRequired asks the client by a result, MCP 2026-07-28.
func (e *engine) inputRequired(c *catalog, x *exchange, m *message, call *sdk.Call, in *sdk.InputRequired) profile.Outcome {
	state := &requestState{
		expires: x.arrival.Add(stateLife), actor: x.event.Actor, digest: requestDigest(m),
		round: call.Round + 1, requests: in.Requests, resume: in.Resume,
	}
	return e.again(c, state)
}

// again makes the input_required result of a state.
func (e *engine) again(c *catalog, state *requestState) profile.Outcome {
	token := e.sealer.seal(stateToken, state.encode())
	if len(token) > maxToken {
		return profile.Outcome{Code: profile.Internal}
	}
	var w guest.Writer
	w.Obj().Key("resultType").Str("input_required")
	if len(state.requests) > 0 {
		writeRequests(w.Key("inputRequests"), state.requests)
	}
	w.Key("requestState").Str(token)
	return profile.Outcome{Code: profile.InputRequired, Result: w.Key("_meta").Raw(c.meta).End().Bytes()}
}

func writeRequests(w *guest.Writer, requests []sdk.InputRequest) {
	w.Obj()
	for _, r := range requests {
		params := r.Params
		if params == nil {
			params = sdk.RawJSON("{}") // may be left out, but clients trip over that
		}
		w.Key(r.Key).Obj().Key("method").Str(r.Method).Key("params").Raw(params).End()
	}
	w.End()
}

// resume fills in what a retried request answers. It reports true when the
// outcome is final already: the state is not ours, or answers are missing.
func (e *engine) resume(c *catalog, x *exchange, m *message, call *sdk.Call) (o profile.Outcome, done bool) {
	if call.Op == sdk.OpComplete || !m.params.Has("requestState") {
		return profile.Outcome{}, false
	}
	plain, err := e.sealer.open(stateToken, m.params.Str("requestState"))
	if err != nil {
		x.event.Error = "request state: " + err.Error()
		return badParams("invalid requestState"), true
	}
	state, err := decodeState(plain)
	if err != nil || state.actor != x.event.Actor || state.digest != requestDigest(m) {
		x.event.Error = "request state: of another request"
		return badParams("invalid requestState"), true
	}
	if x.arrival.After(state.expires) {
		return badParams("requestState has expired"), true
	}
	if missing := missingAbility(call.Can, state.requests); missing != nil { // it declares less than it did
		return profile.Outcome{Code: profile.MissingCapability, Data: missing}, true
	}
	inputs, missing := inputResponses(m, state.requests)
	if missing != "" {
		x.event.Error = "no fitting answer to " + missing
		state.expires = x.arrival.Add(stateLife)
		return e.again(c, state), true
	}
	call.Inputs, call.Resume, call.Round = inputs, state.resume, state.round
	return profile.Outcome{}, false
}

// inputResponses collects a client's answers to requests, and names the first
// that is missing or does not fit. Answers to nothing are ignored.
func inputResponses(m *message, requests []sdk.InputRequest) (inputs sdk.RawJSON, missing string) {
	answers := m.params.Object("inputResponses")
	var w guest.Writer
	w.Obj()
	for i := range requests {
		r := &requests[i]
		answer := answers.Raw(r.Key)
		if answer == nil || !fitsRequest(r, answer) {
			return nil, r.Key
		}
		w.Key(r.Key).Raw(answer)
	}
	return w.End().Bytes(), ""
}

// requestDigest identifies a request but for what changes in a retry: spelling,
// answers, state and metadata.
func requestDigest(m *message) string {
	params := map[string]any{}
	_ = guest.Members(m.rawParams, func(key string, raw []byte) { // parsed before
		switch key {
		case "_meta", "inputResponses", "requestState":
			return
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber() // a number stays the text it is
		var v any
		if d.Decode(&v) == nil {
			params[key] = v
		}
	})
	canonical, err := json.Marshal([]any{m.method, params})
	if err != nil {
		return "" // no digest of ours is empty
	}
	sum := sha256.Sum256(canonical)
	return base64.RawStdEncoding.EncodeToString(sum[:])
}

func (s *requestState) encode() []byte {
	var w guest.Writer
	w.Obj().Key("expires").Int(s.expires.Unix()).Key("actor").Str(s.actor).Key("digest").Str(s.digest)
	w.Key("round").Int(int64(s.round))
	writeRequests(w.Key("requests"), s.requests)
	if s.resume != nil {
		w.Key("resume").Raw(s.resume)
	}
	return w.End().Bytes()
}

func decodeState(b []byte) (*requestState, error) {
	o, err := guest.ParseObject(b)
	if err != nil {
		return nil, err
	}
	s := &requestState{
		expires: time.Unix(o.Int("expires", 0), 0), actor: o.Str("actor"), digest: o.Str("digest"),
		round: int(o.Int("round", 0)), resume: o.Raw("resume"),
	}
	err = guest.Members(o.Raw("requests"), func(key string, v []byte) {
		r, _ := guest.ParseObject(v) // sealed by us
		s.requests = append(s.requests, sdk.InputRequest{Key: key, Method: r.Str("method"), Params: r.Raw("params")})
	})
	return s, err
}
