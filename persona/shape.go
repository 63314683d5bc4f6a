package persona

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// shape is what MCP says of an object's members. Others may stand beside them.
type shape []member

type member struct {
	name     string
	kind     kind
	required bool
}

// kind is a type of JSON value, by the words that a fault names it with.
type kind string

const (
	isString  kind = "a string"
	isFilled  kind = "a string with something in it"
	isBase64  kind = "padded base64"
	isNumber  kind = "a number"
	isInteger kind = "an integer"
	isBoolean kind = "a boolean"
	isObject  kind = "an object"
	isList    kind = "a list"
)

// with returns the shape with more members.
func (s shape) with(more ...member) shape { return append(slices.Clip(s), more...) }

// read splits an object and checks it. At is what the fault calls it.
func (s shape) read(at string, v []byte) (guest.Object, error) {
	o, err := guest.ParseObject(v)
	if err != nil {
		return o, fmt.Errorf("%s is not an object", at)
	}
	return o, s.check(at, o)
}

// check looks at the members of an object that is split already.
func (s shape) check(at string, o guest.Object) error {
	for _, m := range s {
		switch value := o.Raw(m.name); {
		case value == nil && m.required:
			return fmt.Errorf("%s.%s is missing", at, m.name)
		case value != nil && !m.kind.fits(value):
			return fmt.Errorf("%s.%s is not %s", at, m.name, m.kind)
		}
	}
	return nil
}

// fits reports whether a value of valid JSON is of the kind.
func (k kind) fits(v []byte) bool {
	number := v[0] == '-' || (v[0] >= '0' && v[0] <= '9')
	switch k {
	case isString:
		return v[0] == '"'
	case isFilled:
		return v[0] == '"' && len(v) > 2
	case isBase64:
		return v[0] == '"' && paddedBase64(guest.String(v))
	case isNumber:
		return number
	case isInteger:
		return number && !bytes.ContainsAny(v, ".eE")
	case isBoolean:
		return v[0] == 't' || v[0] == 'f'
	case isObject:
		return v[0] == '{'
	}
	return v[0] == '['
}

// paddedBase64 is stricter than encoding/base64, which skips line breaks.
func paddedBase64(s string) bool {
	if len(s)%4 != 0 {
		return false
	}
	end := len(s)
	for end > 0 && len(s)-end < 2 && s[end-1] == '=' {
		end--
	}
	return strings.IndexFunc(s[:end], func(c rune) bool {
		return (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '+' && c != '/'
	}) < 0
}

// each calls f for the elements of a list of at most limit, until one is at
// fault.
func each(at string, v []byte, limit int, f func(at string, v []byte) error) error {
	var fault error
	n := 0
	err := guest.Elements(v, func(v []byte) {
		if n++; fault == nil && n <= limit {
			fault = f(fmt.Sprintf("%s[%d]", at, n-1), v)
		}
	})
	switch {
	case err != nil:
		return fmt.Errorf("%s is not a list", at)
	case n > limit:
		return fmt.Errorf("%s has %d elements, at most %d are allowed", at, n, limit)
	}
	return fault
}
