// Package profile turns what the decoy's engine decided into the bytes an
// imitated server stack would send.
//
// The engine hands over an [Outcome], which says what happened and nothing about
// wires; a [Profile] answers with a status, headers and a body. The package
// parses nothing, keeps no state and never sees a connection.
package profile

import "github.com/killdeer-mcp/killdeer/sdk"

// Code says what the engine made of a message or of an HTTP request. The text of
// a code is also the "outcome" of the recorded event.
type Code string

// Outcomes of a JSON-RPC message.
const (
	Result             Code = "result"
	ToolError          Code = "tool_error"          // a result with isError
	Accepted           Code = "accepted"            // a notification or a response
	InputRequired      Code = "input_required"      // modern: the client is asked something first
	UnknownTool        Code = "unknown_tool"        // Detail: the name
	UnknownPrompt      Code = "unknown_prompt"      // Detail: the name
	UnknownResource    Code = "unknown_resource"    // Detail: the URI
	BadArgs            Code = "bad_args"            // Problems: what the schema refuses
	BadParams          Code = "bad_params"          // Detail: which parameter
	UnknownMethod      Code = "unknown_method"      // Detail: the method
	RPCError           Code = "rpc_error"           // the persona's own: RPCCode, Detail
	Internal           Code = "internal"            // Detail: what may be shown, or ""
	Cancelled          Code = "cancelled"           // the client took the request back; no message
	Listening          Code = "listening"           // subscriptions/listen: the stream is the answer
	ParseError         Code = "parse_error"         // not JSON
	InvalidRequest     Code = "invalid_request"     // JSON, but no JSON-RPC message
	BatchRejected      Code = "batch_rejected"      // the revision has no batches
	BatchTooLarge      Code = "batch_too_large"     //
	BadVersionHeader   Code = "bad_version_header"  // legacy: not a revision we speak
	UnsupportedVersion Code = "unsupported_version" // modern: Detail is what was asked for
	HeaderMismatch     Code = "header_mismatch"     // modern: Detail says which
	MissingMeta        Code = "missing_meta"        // modern: Detail is the key
	MissingCapability  Code = "missing_capability"  // modern: Data is what the client should declare
	NoSession          Code = "no_session"          // no Mcp-Session-Id
	UnknownSession     Code = "unknown_session"     // ended or never issued
)

// Outcomes of an HTTP request that never became a message.
const (
	RouteNotFound    Code = "route_not_found"
	Route            Code = "route"              // one of the persona's own; Result is the body
	MethodNotAllowed Code = "method_not_allowed" // Detail: the Allow list
	NotAcceptable    Code = "not_acceptable"     // Detail: what has to be accepted
	WrongContentType Code = "wrong_content_type"
	EmptyBody        Code = "empty_body"
	BodyTooLarge     Code = "body_too_large"
	BadBody          Code = "bad_body" // the body broke off or its framing is wrong
	OriginForbidden  Code = "origin_forbidden"
	HostForbidden    Code = "host_forbidden"
	TooManyStreams   Code = "too_many_streams"
	SessionEnded     Code = "session_ended" // DELETE
	StreamOpened     Code = "stream_opened" // GET of an event stream
	StreamClosed     Code = "stream_closed" // its end
	BadHead          Code = "bad_head"      // no HTTP request
	HeadTooLarge     Code = "head_too_large"
	HeadIncomplete   Code = "head_incomplete"     // the connection ended within a head
	NotServed        Code = "not_served"          // it came behind a request that ended the connection
	ConnRefused      Code = "connection_refused"  // over a connection limit
	TLSFailed        Code = "tls_failed"          // no handshake came of what was sent
	BadProxyHeader   Code = "bad_proxy_header"    // a trusted proxy did not say whose connection it is
	ClientGone       Code = "client_disconnected" // before the answer was due
)

// Codes returns all codes.
func Codes() []Code {
	return []Code{
		Result, ToolError, Accepted, InputRequired, UnknownTool, UnknownPrompt, UnknownResource, BadArgs,
		BadParams, UnknownMethod, RPCError, Internal, Cancelled, Listening, ParseError, InvalidRequest,
		BatchRejected, BatchTooLarge, BadVersionHeader, UnsupportedVersion, HeaderMismatch, MissingMeta, MissingCapability, NoSession,
		UnknownSession, RouteNotFound, Route, MethodNotAllowed, NotAcceptable, WrongContentType, EmptyBody, BodyTooLarge,
		BadBody, OriginForbidden, HostForbidden, TooManyStreams, SessionEnded, StreamOpened, StreamClosed, BadHead,
		HeadTooLarge, HeadIncomplete, NotServed, ConnRefused, TLSFailed, BadProxyHeader, ClientGone,
	}
}

// Era is one of the two ways in which MCP is spoken.
type Era string

// The eras: a handshake up to revision 2025-11-25, per-request metadata after.
const (
	Legacy Era = "legacy"
	Modern Era = "modern"
)

// MCP protocol revisions, oldest first. They compare as strings.
const (
	Rev2024_11_05 = "2024-11-05"
	Rev2025_03_26 = "2025-03-26"
	Rev2025_06_18 = "2025-06-18"
	Rev2025_11_25 = "2025-11-25"
	Rev2026_07_28 = "2026-07-28"
)

// Outcome is the engine's decision on one message or request.
type Outcome struct {
	Code     Code
	Era      Era
	Protocol string      // revision in force, "" when unknown
	ID       sdk.RawJSON // of the request, nil when there is none or it is unreadable
	Result   sdk.RawJSON
	Meta     sdk.RawJSON // modern: the _meta object that goes with every result
	Detail   string
	Data     sdk.RawJSON
	RPCCode  int // of RPCError
	Problems []string
}

// Response is an HTTP answer. Header keeps its order and spelling. Body is in
// pieces, so that a large result is not copied to put its envelope around it.
type Response struct {
	Status int
	Header [][2]string
	Body   [][]byte
}

// Size is the length of the body.
func (r Response) Size() int {
	n := 0
	for _, piece := range r.Body {
		n += len(piece)
	}
	return n
}

// Profile is an imitated server stack.
type Profile interface {
	Name() string
	// Message returns the JSON-RPC message for an outcome, nil for none.
	Message(o Outcome) []byte
	// Notification returns a message that the server sends on its own account.
	// Params are left out when nil.
	Notification(method string, params []byte) []byte
	// Request returns a request to the client. Params are left out when nil.
	Request(id int, method string, params []byte) []byte
	// HTTP returns the answer to a request that led to one outcome.
	HTTP(o Outcome) Response
	// Batch returns the answer to a batch from its messages, which may be none.
	Batch(messages [][]byte) Response

	// Stream returns status and headers of an event stream; its events follow.
	Stream() Response
	// Event frames a message for an event stream. id is "" where there is none.
	Event(id string, message []byte) []byte
	// Prime frames the event that only gives an id and, unless it is 0, the time
	// in milliseconds after which to come back.
	Prime(id string, retry int64) []byte
	// Endpoint frames the event that opens an HTTP+SSE stream.
	Endpoint(target string) []byte
	// KeepAlive is written to an event stream that is silent.
	KeepAlive() []byte
}
