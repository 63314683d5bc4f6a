package exercise

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// What is kept of a pass. What goes beyond is counted in the pass.
const (
	maxJunk         = 100      // lines
	maxMessages     = 512      // requests and notifications each
	maxParams       = 1 << 20  // bytes of one of them
	maxParamsTotal  = 8 << 20  // of all
	maxResultsTotal = 64 << 20 // bytes of results
	maxError        = 1 << 10  // of an error's text
)

// kept counts what is kept.
type kept struct{ params, results int }

var _ listener = (*Session)(nil)

// keep is a copy of a message's params, nil when there is no room.
func (s *Session) keep(raw json.RawMessage) (sdk.RawJSON, bool) {
	if len(raw) > maxParams || s.kept.params+len(raw) > maxParamsTotal {
		return nil, false
	}
	s.kept.params += len(raw)
	return sdk.RawJSON(raw), true
}

// note keeps a message of the server in a list of the pass, or counts it.
func (s *Session) note(in *[]evidence.Request, r evidence.Request, params json.RawMessage) {
	r.At, r.Call = Monotonic(), s.call
	r.Method = cut(r.Method, keptLine)
	var whole bool
	if r.Params, whole = s.keep(params); !whole {
		s.pass.MessagesDropped++
	}
	if len(*in) >= maxMessages {
		if whole {
			s.pass.MessagesDropped++
		}
		return
	}
	*in = append(*in, r)
}

// notification implements listener.
func (s *Session) notification(m *jsonrpc.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m.Method {
	case "notifications/tools/list_changed", "notifications/resources/list_changed", "notifications/prompts/list_changed":
		s.changed = true
	}
	s.note(&s.pass.Notifications, evidence.Request{Method: m.Method}, m.Params)
}

// stray implements listener.
func (s *Session) stray(m *jsonrpc.Response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(&s.pass.Notifications, evidence.Request{Method: "(reply to nothing)"}, m.Result)
}

// junk implements listener.
func (s *Session) junk(e *JunkError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pass.JunkLines++; len(s.pass.Junk) < maxJunk {
		s.pass.Junk = append(s.pass.Junk, e.Line)
	}
}

// unsent implements listener.
func (s *Session) unsent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass.MessagesDropped++
}

// result keeps what a call gave, and reports false when there is no room. It was
// not looked at then, and must not pass for clean.
func (s *Session) result(c *evidence.Call, raw json.RawMessage) bool {
	if s.kept.results+len(raw) > maxResultsTotal {
		c.Error = fmt.Sprintf("a result of %d bytes was not kept: all results together are more than %d", len(raw), maxResultsTotal)
		return false
	}
	s.kept.results += len(raw)
	c.Result = sdk.RawJSON(raw)
	return true
}

// fault adds an operational failure, once.
func (s *Session) fault(text string) {
	text = cut(text, maxError)
	if slices.Contains(s.pass.Faults, text) {
		return
	}
	s.pass.Faults = append(s.pass.Faults, text)
}
