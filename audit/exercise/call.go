package exercise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Outcomes of calls, as evidence says them.
const (
	okay      = "ok"
	toolError = "tool_error"
	rpcError  = "rpc_error"
	timeout   = "timeout"
	closed    = "closed"
	tooLarge  = "too_large"
)

const (
	maxRounds = 8               // of input that a server wants before it answers
	slowTool  = 2 * time.Second // for all its calls, at least, until a tool is called slow
	maxSilent = 2               // calls in a row without a reply, until it is asked whether it lives
)

var errRounds = fmt.Errorf("the server asked for input more than %d times", maxRounds)

// do makes one call and records it. The method and params are what goes out.
func (s *Session) do(ctx context.Context, c *evidence.Call, method string, params map[string]any, patience time.Duration) {
	c.Given = s.given(c.Args)
	s.begin(c)
	callCtx, stop := within(ctx, patience, "no reply")
	defer stop()
	id, raw, err := s.rounds(callCtx, c, method, params)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errPatience) || errors.Is(err, context.Canceled) {
		s.peer.notify("notifications/cancelled", map[string]any{"requestId": json.Number(id), "reason": "timeout"})
	}
	s.finish(c, raw, err)
	s.follow(ctx, c)
}

func (s *Session) begin(c *evidence.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.N = len(s.pass.Calls) + 1
	s.pass.Calls = append(s.pass.Calls, c)
	s.call = c.N
	c.From = Monotonic()
}

// rounds sends a request, and again with what the server wanted to know, as
// 2026-07-28 has it.
func (s *Session) rounds(ctx context.Context, c *evidence.Call, method string, params map[string]any) (string, json.RawMessage, error) {
	for range maxRounds {
		id, raw, err := s.peer.call(ctx, method, s.params(params), func(r reply) { s.late(c, r) })
		if err != nil {
			return id, nil, err
		}
		more, asks := s.inputs(raw)
		if !asks {
			return id, raw, nil
		}
		for key, v := range params {
			if _, ok := more[key]; !ok {
				more[key] = v
			}
		}
		params = more
	}
	return "0", nil, errRounds
}

// inputs answers what a result asks for instead of being one.
func (s *Session) inputs(raw json.RawMessage) (map[string]any, bool) {
	var r struct {
		Type  string                     `json:"resultType"`
		State json.RawMessage            `json:"requestState"`
		Asked map[string]json.RawMessage `json:"inputRequests"`
	}
	if s.opts.Era != Modern || json.Unmarshal(raw, &r) != nil || r.Type != "input_required" {
		return nil, false
	}
	more, answers := map[string]any{}, map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(r.Asked)) {
		var q struct {
			Method string          `json:"method"`
			Params json.RawMessage `json:"params"`
		}
		// What cannot be read is answered like an unknown method.
		_ = json.Unmarshal(r.Asked[key], &q)
		if a := s.request(&jsonrpc.Request{Method: q.Method, Params: q.Params}); a.Error == nil {
			answers[key] = a.Result
		}
	}
	more["inputResponses"] = answers
	if r.State != nil {
		more["requestState"] = r.State
	}
	return more, true
}

// finish records what came of a call.
func (s *Session) finish(c *evidence.Call, raw json.RawMessage, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.call = 0
	c.To = Monotonic()
	s.pass.Spans = append(s.pass.Spans, evidence.Span{Phase: evidence.InCall, Call: c.N, From: c.From, To: c.To})
	if err == nil {
		c.Outcome = okay
		var r struct {
			IsError bool `json:"isError"`
		}
		if json.Unmarshal(raw, &r) == nil && r.IsError {
			c.Outcome = toolError
		}
		if !s.result(c, raw) {
			c.Outcome = tooLarge
		}
		return
	}
	c.Error = cut(err.Error(), maxError)
	c.Outcome = outcome(err)
	if c.Outcome == timeout || c.Outcome == closed {
		c.To = 0
	}
	if refused, ok := errors.AsType[*jsonrpc.Error](err); ok {
		c.Error = cut(fmt.Sprintf("%d: %s", refused.Code, refused.Message), maxError)
		if data, ok := s.keep(refused.Data); ok {
			c.Result = data // what leaks may stand here too
		}
	}
}

func outcome(err error) string {
	if _, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return rpcError
	}
	if _, ok := errors.AsType[*TooLargeError](err); ok {
		return tooLarge
	}
	if errors.Is(err, errPatience) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return timeout
	}
	if errors.Is(err, errRounds) {
		return toolError
	}
	return closed
}

// follow notes what a call says of the server: that it is gone, or silent.
func (s *Session) follow(ctx context.Context, c *evidence.Call) {
	switch c.Outcome {
	case closed:
		s.stop = fmt.Errorf("call %d (%s): %s", c.N, c.Name, c.Error)
	case timeout:
		if s.silent++; s.silent >= maxSilent && ctx.Err() == nil {
			if s.silent = 0; !s.alive(ctx) && s.stop == nil && ctx.Err() == nil {
				s.stop = fmt.Errorf("the server stopped answering with call %d (%s)", c.N, c.Name)
			}
		}
	default:
		s.silent = 0
	}
}

// late records a reply that came when nobody waited any more. The outcome stays.
func (s *Session) late(c *evidence.Call, r reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.To = Monotonic(); r.err == nil {
		s.result(c, r.result)
	}
}

// tally is what the calls of one thing have cost so far.
type tally struct {
	calls, timeouts int
	slowest, spent  time.Duration // slowest of the calls that were answered
}

// patience is how long the next call may take.
func (s *Session) patience(t *tally) time.Duration {
	if t.calls == 0 {
		return s.opts.CallTimeout
	}
	return min(s.opts.CallTimeout, max(s.opts.Patience, 2*t.slowest))
}

// add counts a call.
func (t *tally) add(outcome string, took time.Duration) {
	t.calls++
	t.spent += took
	if outcome == timeout {
		t.timeouts++
	} else {
		t.slowest = max(t.slowest, took)
	}
}

// weary reports whether a thing has cost enough: one that is slow is not called
// in every way.
func (s *Session) weary(t *tally) bool {
	return t.timeouts >= maxSilent || t.calls >= minCalls && t.spent > max(slowTool, s.opts.CallTimeout/3) || t.spent > 2*s.opts.CallTimeout
}

// skip records what was left out of one thing.
func (s *Session) skip(kind, name string, cases int, reason string) {
	if cases == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass.Skipped = append(s.pass.Skipped, evidence.Skip{Kind: kind, Name: name, Cases: cases, Reason: reason})
}

// settle lets the acts of a call show before the next begins.
func (s *Session) settle(ctx context.Context, call int, d time.Duration) {
	if s.stop == nil {
		s.phase(evidence.Drain, call, func() { s.wait(ctx, d) })
	}
}

// encoded is a value of our own making as JSON.
func encoded(v any) sdk.RawJSON {
	b, err := json.Marshal(v)
	if err != nil {
		panic("exercise: a value of our own making: " + err.Error())
	}
	return b
}
