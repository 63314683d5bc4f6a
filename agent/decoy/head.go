package decoy

import (
	"bytes"
	"net/url"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
)

// maxContentLength is the largest length a request may announce. What is really
// read is bounded by the body limit; this only keeps the number sane.
const maxContentLength = 1 << 40

// framing says what follows a request head on the wire.
type framing struct {
	length  int64
	chunked bool
}

// checkHead decides whether net/http may see a request head. It refuses all that
// net/http would answer by itself, in its own words and without our handler:
// such a request must be recorded and answered by the profile like any other.
// clean is the head for net/http, which is head itself unless a field had to go.
func checkHead(head []byte) (clean []byte, f framing, refusal profile.Code) {
	line, rest := cutLine(head)
	http11, ok := checkRequestLine(line)
	if !ok {
		return nil, f, profile.BadHead
	}
	h := headFields{clean: head, whole: head}
	for {
		line, rest = cutLine(rest)
		if len(line) == 0 {
			break
		}
		if !h.field(line, len(head)-len(rest)) {
			return nil, f, profile.BadHead
		}
	}
	if !h.consistent(http11) {
		return nil, f, profile.BadHead
	}
	return h.clean, h.framing, ""
}

// headFields gathers what matters of the header fields.
type headFields struct {
	framing
	whole, clean            []byte
	hosts, lengths, codings int
}

// field takes one header line, which ends at offset end of the head, and reports
// whether it is well formed.
func (h *headFields) field(line []byte, end int) bool {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || !isToken(line[:colon]) {
		return false
	}
	value := bytes.Trim(line[colon+1:], " \t")
	for _, c := range value {
		if (c < ' ' && c != '\t') || c == 0x7f {
			return false
		}
	}
	switch name := line[:colon]; {
	case equalFold(name, "host"):
		h.hosts++
		return validHost(value)
	case equalFold(name, "content-length"):
		h.lengths++
		var ok bool
		h.length, ok = parseLength(value)
		return ok
	case equalFold(name, "transfer-encoding"):
		h.codings++
		h.chunked = true
		return equalFold(value, "chunked")
	case equalFold(name, "expect") && !equalFold(value, "100-continue"), equalFold(name, "trailer"):
		// net/http answers an unknown expectation and a forbidden trailer by itself.
		h.drop(line, end)
	}
	return true
}

// drop leaves a line out of what net/http sees.
func (h *headFields) drop(line []byte, end int) {
	tail := len(h.whole) - end
	eol := 1
	if end >= 2 && h.whole[end-2] == '\r' {
		eol = 2
	}
	keep := len(h.clean) - tail - len(line) - eol
	h.clean = slices.Concat(h.clean[:keep], h.whole[end:])
}

func (h *headFields) consistent(http11 bool) bool {
	if h.hosts > 1 || (http11 && h.hosts == 0) {
		return false // RFC 9112 §3.2
	}
	if h.lengths > 1 || h.codings > 1 || (h.lengths > 0 && h.codings > 0) {
		return false // request smuggling, RFC 9112 §6.3
	}
	return h.codings == 0 || http11
}

func checkRequestLine(line []byte) (http11, ok bool) {
	method, rest, ok1 := bytes.Cut(line, []byte(" "))
	target, version, ok2 := bytes.Cut(rest, []byte(" "))
	if !ok1 || !ok2 || !isToken(method) || len(target) == 0 {
		return false, false
	}
	switch string(version) {
	case "HTTP/1.1":
		http11 = true
	case "HTTP/1.0":
	default:
		return false, false
	}
	return http11, validTarget(string(method), target)
}

// validTarget accepts what net/http's own parse accepts.
func validTarget(method string, target []byte) bool {
	plain := target[0] == '/'
	for _, c := range target {
		if c <= ' ' || c >= 0x7f {
			return false
		}
		plain = plain && (isAlnum(c) || strings.IndexByte("/._~-?=&", c) >= 0)
	}
	if plain && !bytes.HasPrefix(target, []byte("//")) {
		return true
	}
	raw := string(target)
	if method == "CONNECT" && raw[0] != '/' {
		raw = "http://" + raw
	}
	u, err := url.ParseRequestURI(raw)
	return err == nil && validHost([]byte(u.Host))
}

// validHost accepts what net/http takes for a host.
func validHost(v []byte) bool {
	for _, c := range v {
		if !isAlnum(c) && strings.IndexByte("!$%&'()*+,-.:;=[]_~", c) < 0 {
			return false
		}
	}
	return true
}

func parseLength(v []byte) (int64, bool) {
	if len(v) == 0 {
		return 0, false
	}
	var n int64
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + int64(c-'0'); n > maxContentLength {
			return 0, false
		}
	}
	return n, true
}

// cutLine splits off the first line, without its CRLF or LF.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil
	}
	line, rest = b[:i], b[i+1:]
	if i > 0 && line[i-1] == '\r' {
		line = line[:i-1]
	}
	return line, rest
}

// headEnd returns the length of the head that b starts with, 0 when the blank
// line that ends it is not there yet. from is where an earlier look stopped.
func headEnd(b []byte, from int) int {
	for i := max(from-3, 0); ; i++ {
		next := bytes.IndexByte(b[min(i, len(b)):], '\n')
		if next < 0 {
			return 0
		}
		i += next
		if i+1 < len(b) && b[i+1] == '\n' {
			return i + 2
		}
		if i+2 < len(b) && b[i+1] == '\r' && b[i+2] == '\n' {
			return i + 3
		}
	}
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// tokenChars are the characters of a token, RFC 9110 §5.6.2.
var tokenChars = func() (set [256]bool) {
	for c := range set {
		set[c] = isAlnum(byte(c)) || strings.IndexByte("!#$%&'*+-.^_`|~", byte(c)) >= 0
	}
	return set
}()

func isTokenChar(c byte) bool { return tokenChars[c] }

func isToken(b []byte) bool {
	for _, c := range b {
		if !isTokenChar(c) {
			return false
		}
	}
	return len(b) > 0
}

// equalFold compares with an ASCII lower-case word.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
