package decoy

import (
	"encoding/base64"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// Keys of a 2026-07-28 request's _meta, and its headers.
const (
	metaVersion      = "io.modelcontextprotocol/protocolVersion"
	metaClient       = "io.modelcontextprotocol/clientInfo"
	metaCapabilities = "io.modelcontextprotocol/clientCapabilities"

	headerVersion = "Mcp-Protocol-Version"
	headerMethod  = "Mcp-Method"
	headerName    = "Mcp-Name"
	headerSession = "Mcp-Session-Id"

	headerLastEvent = "Last-Event-Id"
)

// eraOf decides in which era a message is meant. h is nil on transports without
// headers, where only _meta can tell.
func eraOf(h http.Header, m *message) profile.Era {
	if m.params.Object("_meta").Raw(metaVersion) != nil {
		return profile.Modern
	}
	if h == nil || m.method == "initialize" {
		return profile.Legacy
	}
	if isModernHeader(h) {
		return profile.Modern
	}
	if h.Get(headerMethod) != "" && h.Get(headerSession) == "" {
		return profile.Modern
	}
	return profile.Legacy
}

// isModernHeader reports whether the version header names a modern revision.
func isModernHeader(h http.Header) bool {
	v := h.Get(headerVersion)
	return isRevision(v) && v >= profile.Rev2026_07_28
}

// isRevision reports whether v has the form of a revision, YYYY-MM-DD.
func isRevision(v string) bool {
	if len(v) != 10 {
		return false
	}
	for i := range len(v) {
		if dash := i == 4 || i == 7; dash != (v[i] == '-') || (!dash && (v[i] < '0' || v[i] > '9')) {
			return false
		}
	}
	return true
}

// checkModern validates the envelope of a 2026-07-28 request; code is "" when it
// may be served. The specification leaves headers of notifications undefined.
func checkModern(h http.Header, m *message) (code profile.Code, detail string) {
	if !m.isRequest() || m.fault != "" {
		return "", ""
	}
	meta := m.params.Object("_meta")
	version := meta.Str(metaVersion)
	switch {
	case version == "":
		return profile.MissingMeta, metaVersion
	case h != nil && (h.Get(headerVersion) != version || len(h[headerVersion]) > 1):
		return profile.HeaderMismatch, "MCP-Protocol-Version does not match the request body"
	case version != profile.Rev2026_07_28:
		return profile.UnsupportedVersion, version
	case !isObject(meta.Raw(metaCapabilities)):
		return profile.MissingMeta, metaCapabilities
	}
	if h == nil {
		return "", ""
	}
	return checkRoutingHeaders(h, m)
}

func checkRoutingHeaders(h http.Header, m *message) (code profile.Code, detail string) {
	if v := h[headerMethod]; len(v) != 1 || v[0] != m.method { // base64 is for names and parameters
		return profile.HeaderMismatch, "Mcp-Method does not match the request body"
	}
	param := ""
	switch m.method {
	case "tools/call", "prompts/get":
		param = "name"
	case "resources/read":
		param = "uri"
	default:
		return "", ""
	}
	if v, ok := headerValue(h, headerName); !ok || v == nil || *v == "" || *v != m.params.Str(param) {
		return profile.HeaderMismatch, "Mcp-Name does not match the request body"
	}
	return "", ""
}

// decodeHeader undoes the base64 form in which a header carries any text. Without
// both of its marks a value stands for itself, and may hold visible ASCII and
// blanks only.
func decodeHeader(v string) (string, bool) {
	rest, begins := strings.CutPrefix(v, "=?base64?")
	rest, ends := strings.CutSuffix(rest, "?=")
	if !begins || !ends {
		return v, strings.IndexFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) < 0
	}
	b, err := base64.StdEncoding.Strict().DecodeString(rest)
	return string(b), err == nil && utf8.Valid(b) && !strings.ContainsAny(rest, "\r\n")
}

func isObject(v []byte) bool { return len(v) > 0 && v[0] == '{' }

// modernClient reads clientInfo from a request's _meta.
func modernClient(m *message) guest.Object { return m.params.Object("_meta").Object(metaClient) }
