package profile

import (
	"bytes"
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// JSON-RPC and MCP error codes.
const (
	codeParse              = -32700
	codeInvalidRequest     = -32600
	codeMethodNotFound     = -32601
	codeInvalidParams      = -32602
	codeInternal           = -32603
	codeHeaderMismatch     = -32020 // MCP 2026-07-28
	codeMissingCapability  = -32021 // MCP 2026-07-28
	codeUnsupportedVersion = -32022 // MCP 2026-07-28
	codeUnknownResource    = -32002 // MCP up to 2025-11-25
)

const contentTypeJSON = "application/json"

// Strict answers as the specification asks, to the letter, and resembles no
// particular SDK.
type Strict struct {
	// SSE has every answer to a request framed as an event stream. Without it an
	// answer is JSON unless something has to be sent before it.
	SSE bool
}

var _ Profile = Strict{}

// Name is "strict".
func (Strict) Name() string { return "strict" }

// Message implements [Profile].
func (Strict) Message(o Outcome) []byte {
	switch o.Code {
	case Accepted, Cancelled, Listening, ClientGone:
		return nil
	case Result, ToolError, InputRequired:
		return bytes.Join(resultMessage(o, o.Result), nil)
	case BadArgs:
		// 2025-11-25 made input errors tool results, so that a model can correct itself.
		if o.Protocol >= Rev2025_11_25 {
			return bytes.Join(resultMessage(o, badArgsResult(o)), nil)
		}
	}
	return errorMessage(o)
}

// HTTP implements [Profile].
func (s Strict) HTTP(o Outcome) Response {
	switch o.Code {
	case Accepted:
		return Response{Status: http.StatusAccepted}
	case Cancelled: // 202 is for what is no request; a stream may end without an answer
		return s.Stream()
	case Result, ToolError, InputRequired:
		return s.answer(resultMessage(o, o.Result)...)
	case Route:
		return jsonResponse(http.StatusOK, o.Result)
	case MethodNotAllowed:
		return Response{Status: http.StatusMethodNotAllowed, Header: [][2]string{{"Allow", o.Detail}}}
	case SessionEnded:
		return Response{Status: http.StatusNoContent}
	case ClientGone: // read only by one whose answer a stop cut off
		return Response{Status: http.StatusServiceUnavailable}
	case TooManyStreams:
		return Response{Status: http.StatusServiceUnavailable, Header: [][2]string{{"Retry-After", "30"}}}
	}
	status, isMessage := statusOf(o)
	switch {
	case !isMessage:
		return Response{Status: status}
	case status == http.StatusOK:
		return s.answer(s.Message(o))
	}
	return jsonResponse(status, s.Message(o))
}

// answer frames the answer to a request that was served.
func (s Strict) answer(message ...[]byte) Response {
	if !s.SSE {
		return jsonResponse(http.StatusOK, message...)
	}
	resp := s.Stream()
	resp.Body = append(append([][]byte{eventStart}, message...), eventEnd)
	return resp
}

var (
	eventStart = []byte("event: message\ndata: ")
	eventEnd   = []byte("\n\n")
)

// Batch implements [Profile].
func (Strict) Batch(messages [][]byte) Response {
	if len(messages) == 0 {
		return Response{Status: http.StatusAccepted}
	}
	body := []byte{'['}
	for i, m := range messages {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, m...)
	}
	return jsonResponse(http.StatusOK, append(body, ']'))
}

// statusOf returns the HTTP status of an outcome, and whether a JSON-RPC message
// goes with it.
func statusOf(o Outcome) (status int, isMessage bool) {
	switch o.Code {
	case RouteNotFound:
		return http.StatusNotFound, false
	case NotAcceptable:
		return http.StatusNotAcceptable, true
	case WrongContentType:
		return http.StatusUnsupportedMediaType, true
	case BodyTooLarge:
		return http.StatusRequestEntityTooLarge, true
	case HeadTooLarge:
		return http.StatusRequestHeaderFieldsTooLarge, false
	case BadHead:
		return http.StatusBadRequest, false
	case OriginForbidden, HostForbidden:
		return http.StatusForbidden, true
	case UnknownSession:
		return http.StatusNotFound, true
	case ParseError, InvalidRequest, EmptyBody, BadBody, BatchRejected, BatchTooLarge,
		BadVersionHeader, UnsupportedVersion, HeaderMismatch, MissingMeta, MissingCapability, NoSession:
		return http.StatusBadRequest, true
	case UnknownMethod:
		if o.Era == Modern {
			return http.StatusNotFound, true
		}
	}
	return http.StatusOK, true
}

// Notification implements [Profile].
func (Strict) Notification(method string, params []byte) []byte {
	var w guest.Writer
	w.Obj().Key("jsonrpc").Str("2.0").Key("method").Str(method)
	if params != nil {
		w.Key("params").Raw(params)
	}
	return w.End().Bytes()
}

// Request implements [Profile].
func (Strict) Request(id int, method string, params []byte) []byte {
	var w guest.Writer
	w.Obj().Key("jsonrpc").Str("2.0").Key("id").Int(int64(id)).Key("method").Str(method)
	if params != nil {
		w.Key("params").Raw(params)
	}
	return w.End().Bytes()
}

// Stream implements [Profile].
func (Strict) Stream() Response {
	return Response{Status: http.StatusOK, Header: [][2]string{{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache"}}}
}

// Event implements [Profile].
func (Strict) Event(id string, message []byte) []byte {
	b := make([]byte, 0, len(message)+len(id)+40)
	if id != "" {
		b = append(append(append(b, "id: "...), id...), '\n')
	}
	b = append(append(b, eventStart...), message...)
	return append(b, eventEnd...)
}

// Prime implements [Profile].
func (Strict) Prime(id string, retry int64) []byte {
	b := []byte("id: " + id + "\n")
	if retry > 0 {
		b = append(strconv.AppendInt(append(b, "retry: "...), retry, 10), '\n')
	}
	return append(b, "data: \n\n"...)
}

// Endpoint implements [Profile].
func (Strict) Endpoint(target string) []byte {
	return []byte("event: endpoint\ndata: " + target + "\n\n")
}

// KeepAlive implements [Profile].
func (Strict) KeepAlive() []byte { return []byte(": keep-alive\n\n") }

func jsonResponse(status int, body ...[]byte) Response {
	return Response{Status: status, Header: [][2]string{{"Content-Type", contentTypeJSON}}, Body: body}
}

// resultMessage returns the message in pieces: envelope, result, end.
func resultMessage(o Outcome, result []byte) [][]byte {
	head := make([]byte, 0, len(o.ID)+40)
	head = append(head, `{"jsonrpc":"2.0","id":`...)
	head = append(head, o.ID...)
	head = append(head, `,"result":`...)
	return [][]byte{head, result, closing}
}

var closing = []byte("}")

func errorMessage(o Outcome) []byte {
	code, text := errorOf(o)
	var w guest.Writer
	w.Obj().Key("jsonrpc").Str("2.0")
	switch {
	case len(o.ID) > 0:
		w.Key("id").Raw(o.ID)
	case o.Era != Modern && o.Protocol < Rev2025_11_25:
		// JSON-RPC 2.0 §5 wants null; MCP 2025-11-25 and later leave an unreadable id out.
		w.Key("id").Null()
	}
	w.Key("error").Obj().Key("code").Int(int64(code)).Key("message").Str(text)
	errorData(&w, o)
	return w.End().End().Bytes()
}

func errorData(w *guest.Writer, o Outcome) {
	switch o.Code {
	case UnsupportedVersion:
		w.Key("data").Obj().Key("supported").Arr().Str(Rev2026_07_28).End().Key("requested").Str(o.Detail).End()
	case MissingCapability:
		w.Key("data").Obj().Key("requiredCapabilities").Raw(o.Data).End()
	case UnknownResource:
		w.Key("data").Obj().Key("uri").Str(o.Detail).End()
	}
}

// errorOf returns the error code and text of an outcome.
func errorOf(o Outcome) (int, string) {
	switch o.Code {
	case ParseError:
		return codeParse, "Parse error"
	case UnknownTool:
		return codeInvalidParams, "Unknown tool: " + o.Detail
	case UnknownPrompt:
		return codeInvalidParams, "Unknown prompt: " + o.Detail
	case UnknownResource:
		if o.Era == Modern {
			return codeInvalidParams, "Resource not found"
		}
		return codeUnknownResource, "Resource not found"
	case RPCError:
		return o.RPCCode, o.Detail
	case BadArgs:
		return codeInvalidParams, argsText(o)
	case BadParams:
		return codeInvalidParams, "Invalid params: " + o.Detail
	case MissingMeta:
		return codeInvalidParams, "Invalid params: missing or invalid _meta field " + strconv.Quote(o.Detail)
	case UnknownMethod:
		return codeMethodNotFound, "Method not found"
	case Internal:
		if o.Detail != "" {
			return codeInternal, o.Detail
		}
		return codeInternal, "Internal error"
	case MissingCapability:
		return codeMissingCapability, "Missing required client capability"
	case UnsupportedVersion:
		return codeUnsupportedVersion, "Unsupported protocol version"
	case HeaderMismatch:
		return codeHeaderMismatch, "Header mismatch: " + o.Detail
	}
	return codeInvalidRequest, requestText(o)
}

// requestText says why a request was not served before it became a message.
func requestText(o Outcome) string {
	switch o.Code {
	case BatchRejected:
		return "Invalid Request: batching is not supported in this protocol version"
	case BatchTooLarge:
		return "Invalid Request: batch too large"
	case BadVersionHeader:
		return "Invalid Request: unsupported MCP-Protocol-Version"
	case NoSession:
		return "Invalid Request: " + cmp.Or(o.Detail, "Mcp-Session-Id header") + " is required"
	case UnknownSession:
		return "Session not found"
	case NotAcceptable:
		return "Not Acceptable: the client must accept " + o.Detail
	case WrongContentType:
		return "Unsupported Media Type: Content-Type must be application/json"
	case BodyTooLarge:
		return "Payload Too Large"
	case OriginForbidden:
		return "Forbidden: origin not allowed"
	case HostForbidden:
		return "Forbidden: host not allowed"
	}
	return "Invalid Request"
}

func argsText(o Outcome) string {
	text := "Invalid arguments for tool " + o.Detail
	if len(o.Problems) > 0 {
		text += ": " + strings.Join(o.Problems, "; ")
	}
	return text
}

func badArgsResult(o Outcome) []byte {
	var w guest.Writer
	w.Obj()
	if o.Era == Modern {
		w.Key("resultType").Str("complete").Key("_meta").Raw(o.Meta)
	}
	w.Key("content").Arr().Obj().Key("type").Str("text").Key("text").Str(argsText(o)).End().End()
	return w.Key("isError").Bool(true).End().Bytes()
}
