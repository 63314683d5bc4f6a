package decoy

import (
	"bytes"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// message is one JSON-RPC 2.0 message, or what could be read of it.
type message struct {
	id     sdk.RawJSON // nil when absent or not a string or number
	method string
	params guest.Object

	rawParams sdk.RawJSON
	fault     profile.Code // why it cannot be served: ParseError or InvalidRequest
	detail    string       // for the operator
	answer    bool         // a response to us, not a request

	result, refusal sdk.RawJSON // of a response: one of them
}

// isRequest reports whether the message must be answered.
func (m *message) isRequest() bool { return m.fault != "" || (m.id != nil && !m.answer) }

// parseBody reads a request body: one message, or a batch of at most maxBatch.
func parseBody(body []byte, limits *Limits) (msgs []*message, batch bool, refusal profile.Code) {
	if !guest.Valid(body, limits.Depth) {
		return nil, false, profile.ParseError
	}
	if firstByte(body) != '[' {
		return []*message{parseMessage(body)}, false, ""
	}
	err := guest.Elements(body, func(v []byte) {
		if len(msgs) <= limits.Batch {
			msgs = append(msgs, parseMessage(v))
		}
	})
	switch {
	case err != nil:
		return nil, true, profile.ParseError
	case len(msgs) == 0:
		return nil, true, profile.InvalidRequest
	case len(msgs) > limits.Batch:
		return nil, true, profile.BatchTooLarge
	}
	return msgs, true, ""
}

// parseMessage reads one message from valid JSON.
func parseMessage(b []byte) *message {
	m := &message{}
	o, err := guest.ParseObject(b)
	if err != nil {
		return m.invalid("not an object")
	}
	rawID := o.Raw("id")
	if validID(rawID) {
		m.id = bytes.Clone(rawID) // it may be needed long after the body
	}
	m.method = o.Str("method")
	switch {
	case o.Str("jsonrpc") != "2.0":
		return m.invalid(`"jsonrpc" is not "2.0"`)
	case o.Raw("method") == nil && (o.Raw("result") != nil || o.Raw("error") != nil): // its id may be null
		m.answer, m.result, m.refusal = true, o.Raw("result"), o.Raw("error")
		return m
	case rawID != nil && m.id == nil:
		return m.invalid(`"id" is neither a string nor a number, or too long`)
	case firstByte(o.Raw("method")) != '"':
		return m.invalid(`"method" is not a string`)
	}
	m.rawParams = o.Raw("params")
	if m.rawParams == nil {
		return m
	}
	if m.params, err = guest.ParseObject(m.rawParams); err != nil {
		return m.invalid(`"params" is not an object`)
	}
	return m
}

func (m *message) invalid(why string) *message {
	m.fault, m.detail = profile.InvalidRequest, why
	return m
}

// batched returns the message as it may stand in a batch, which the handshake may
// not.
func (m *message) batched() *message {
	if m.method == "initialize" {
		return m.invalid("initialize inside a batch")
	}
	return m
}

// maxID bounds an id, which answers and everything around them repeat.
const maxID = 1 << 10

// validID reports whether v is an id as MCP has it: a string or a number.
func validID(v []byte) bool {
	return len(v) > 0 && len(v) <= maxID && (v[0] == '"' || v[0] == '-' || (v[0] >= '0' && v[0] <= '9'))
}

func firstByte(b []byte) byte {
	for _, c := range b {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c
		}
	}
	return 0
}
