package decoy

import (
	"math/big"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// headerParamPrefix begins the headers that repeat arguments, MCP 2026-07-28.
const headerParamPrefix = "Mcp-Param-"

const maxHeaderNumber = 64 // characters

// paramHeader is an argument whose schema wants it in a header as well, by
// "x-mcp-header".
type paramHeader struct {
	path   []string // of property names
	header string   // canonical
}

// paramHeaders finds the annotated properties of an input schema, at any depth.
func paramHeaders(schema []byte) []paramHeader {
	var out []paramHeader
	var walk func(schema []byte, path []string)
	walk = func(schema []byte, path []string) {
		o, err := guest.ParseObject(schema) // refuses what nests too deeply
		if err != nil {
			return
		}
		if name := o.Str("x-mcp-header"); name != "" && len(path) > 0 {
			out = append(out, paramHeader{path, textproto.CanonicalMIMEHeaderKey(headerParamPrefix + name)})
		}
		_ = guest.Members(o.Raw("properties"), func(key string, v []byte) {
			walk(v, append(slices.Clip(path), key))
		})
	}
	walk(schema, nil)
	return out
}

// checkHeaders compares arguments with the headers that repeat them; detail is ""
// when they agree. An argument that is null or absent has no header.
func (t *tool) checkHeaders(h http.Header, args []byte) (detail string) {
	for _, p := range t.headers {
		value := argument(args, p.path)
		given, ok := headerValue(h, p.header)
		switch {
		case !ok:
			return p.header + " is not valid"
		case given == nil && value == nil:
		case given == nil:
			return p.header + " is missing"
		case value == nil || !sameValue(*given, value):
			return p.header + " does not match the request body"
		}
	}
	return ""
}

// argument returns the value at a path, nil when it is null or absent.
func argument(args []byte, path []string) []byte {
	for _, key := range path {
		o, err := guest.ParseObject(args)
		if err != nil || !o.Has(key) {
			return nil
		}
		args = o.Raw(key)
	}
	return args
}

// sameValue compares a header's text with a JSON value, numbers as numbers.
func sameValue(text string, value []byte) bool {
	if value[0] == '"' {
		return text == guest.String(value)
	}
	if text == string(value) {
		return true
	}
	a, ok1 := number(text)
	b, ok2 := number(string(value))
	return ok1 && ok2 && a.Cmp(b) == 0
}

// number reads a decimal number exactly. Longer ones than any client's integers
// are none.
func number(s string) (*big.Rat, bool) {
	if len(s) > maxHeaderNumber || strings.Trim(s, "+-.0123456789") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// headerValue returns a header's decoded text, nil when it is absent. ok is
// false for one that is given twice, or cannot be decoded.
func headerValue(h http.Header, name string) (text *string, ok bool) {
	values := h[name]
	switch len(values) {
	case 0:
		return nil, true
	case 1:
		v, ok := decodeHeader(values[0])
		return &v, ok
	}
	return nil, false
}
