package exercise

import (
	"encoding/json"
	"net/url"
	"path"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/exercise/synth"
)

// How a request of the server was answered, as evidence says it.
const (
	answeredCanary   = "canary"
	answeredDeclined = "declined"
	answeredNone     = "none"
)

// codeRefused is what clients answer when their user says no to sampling.
const codeRefused = -1

// request implements listener.
func (s *Session) request(m *jsonrpc.Request) *jsonrpc.Response {
	if m.Method == "ping" {
		return &jsonrpc.Response{Result: json.RawMessage("{}")}
	}
	result, how := s.answer(m.Method, m.Params)
	s.mu.Lock()
	s.note(&s.pass.Requests, evidence.Request{Method: m.Method, Answer: how}, m.Params)
	s.mu.Unlock()
	switch {
	case result != nil:
		return response(result)
	case how == answeredDeclined:
		return &jsonrpc.Response{Error: &jsonrpc.Error{Code: codeRefused, Message: "User rejected the request"}}
	}
	return &jsonrpc.Response{Error: &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "Method not found"}}
}

func response(result any) *jsonrpc.Response {
	raw, err := json.Marshal(result)
	if err != nil {
		panic("exercise: an answer of our own making: " + err.Error())
	}
	return &jsonrpc.Response{Result: raw}
}

// answer makes the answer to a request of the server, nil for an error, and says
// how it answers.
func (s *Session) answer(method string, params json.RawMessage) (any, string) {
	if s.opts.Answers == AnswerNone {
		return nil, answeredNone
	}
	willing := s.opts.Answers == AnswerCanaries
	switch method {
	case "roots/list":
		return s.roots(willing)
	case "sampling/createMessage":
		return s.sample(willing)
	case "elicitation/create":
		return s.elicit(willing, params)
	}
	return nil, answeredNone
}

func (s *Session) roots(willing bool) (any, string) {
	roots := []any{}
	if !willing {
		return map[string]any{"roots": roots}, answeredDeclined
	}
	for _, dir := range s.opts.Roots {
		uri := url.URL{Scheme: "file", Path: dir}
		roots = append(roots, map[string]any{"uri": uri.String(), "name": path.Base(dir)})
	}
	return map[string]any{"roots": roots}, answeredCanary
}

func (s *Session) sample(willing bool) (any, string) {
	if !willing {
		return nil, answeredDeclined
	}
	return map[string]any{
		"role": "assistant", "model": "model-1", "stopReason": "endTurn",
		"content": map[string]any{"type": "text", "text": s.planted("answer", "answer:sampling")},
	}, answeredCanary
}

func (s *Session) elicit(willing bool, params json.RawMessage) (any, string) {
	var asked struct {
		Mode   string          `json:"mode"`
		Schema json.RawMessage `json:"requestedSchema"`
	}
	// An odd request is answered like one that asks for nothing.
	_ = json.Unmarshal(params, &asked)
	if !willing || asked.Mode == "url" {
		return map[string]any{"action": "decline"}, answeredDeclined
	}
	want := s.want(synth.Full)
	want.Words.Text = s.planted("answer", "answer:elicitation")
	made := synth.New(asked.Schema).Make(want)
	return map[string]any{"action": "accept", "content": json.RawMessage(made.JSON)}, answeredCanary
}

// planted is the value of a canary of a kind, of the named ones if there are any.
func (s *Session) planted(kind, id string) string {
	found := ""
	for _, c := range s.opts.Canaries {
		if c.Kind != kind || len(c.Values) == 0 {
			continue
		}
		if strings.HasPrefix(c.ID, id) {
			return c.Values[0]
		}
		if found == "" {
			found = c.Values[0]
		}
	}
	if found == "" {
		return word(s.opts.Seed, kind)
	}
	return found
}

// given are the ids of the canaries that stand in text.
func (s *Session) given(raw []byte) []string {
	var ids []string
	for _, c := range s.opts.Canaries {
		for _, v := range c.Values {
			written, err := json.Marshal(v)
			if err == nil && v != "" && strings.Contains(string(raw), string(written[1:len(written)-1])) {
				ids = append(ids, c.ID)
				break
			}
		}
	}
	return ids
}
