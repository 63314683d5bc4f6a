// Package schema compiles JSON Schemas that personas and servers bring, and holds
// JSON to them.
//
// Both sides may be hostile: nothing outside a schema is ever loaded, numbers that
// would cost seconds are refused, and what does not fit is told in words of no
// particular validator that repeat no value. It does not read Go types and makes
// no schemas.
package schema

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

const (
	maxProblems = 5   // faults named of one value
	maxNumber   = 128 // characters of a number
	maxExponent = 3   // digits of its exponent; a double needs three
)

// Schema is a compiled JSON Schema. It may be used concurrently.
type Schema struct{ of *jsonschema.Schema }

// Compile compiles a schema; without "$schema" it is of draft 2020-12.
func Compile(doc []byte) (*Schema, error) {
	if wildNumber(doc) {
		return nil, errors.New("compile schema: a number is too long")
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(jsonschema.SchemeURLLoader{})
	const at = "mem:///schema.json"
	if err := c.AddResource(at, v); err != nil {
		return nil, fmt.Errorf("add schema: %w", err)
	}
	of, err := c.Compile(at)
	if err != nil {
		return nil, fmt.Errorf("compile schema: %w", err)
	}
	return &Schema{of}, nil
}

// Problems says what the schema refuses in a JSON value, nil for nothing. The
// error is for a schema that cannot be applied.
func (s *Schema) Problems(value []byte) ([]string, error) {
	if wildNumber(value) {
		return []string{"too large"}, nil
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return []string{"not valid JSON"}, nil
	}
	err = s.of.Validate(v)
	if err == nil {
		return nil, nil
	}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return nil, fmt.Errorf("apply schema: %w", err)
	}
	var problems []string
	collectProblems(invalid, &problems)
	return problems, nil
}

// wildNumber reports whether valid JSON holds a number that would cost the
// validator seconds: it computes with all of a number's digits, and an exponent
// makes a million of them from nine bytes.
func wildNumber(b []byte) bool {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case c == '-' || (c >= '0' && c <= '9'):
			end := i
			for end < len(b) && bytes.IndexByte([]byte("+-.0123456789Ee"), b[end]) >= 0 {
				end++
			}
			e := bytes.IndexAny(b[i:end], "eE")
			if end-i > maxNumber || (e >= 0 && len(bytes.TrimLeft(b[i+e+1:end], "+-0")) > maxExponent) {
				return true
			}
			i = end - 1
		}
	}
	return false
}

func collectProblems(e *jsonschema.ValidationError, out *[]string) {
	if len(*out) >= maxProblems {
		return
	}
	if len(e.Causes) == 0 {
		*out = append(*out, problem(e)...)
		return
	}
	for _, cause := range e.Causes {
		collectProblems(cause, out)
	}
}

func problem(e *jsonschema.ValidationError) []string {
	at := strings.Join(e.InstanceLocation, ".")
	say := func(text string) []string {
		if at == "" {
			return []string{text}
		}
		return []string{at + ": " + text}
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		var out []string
		for _, name := range k.Missing {
			out = append(out, strings.TrimPrefix(at+"."+name, ".")+": required")
		}
		return out
	case *kind.Type:
		return say("expected " + strings.Join(k.Want, " or ") + ", received " + k.Got)
	case *kind.AdditionalProperties:
		return say("unexpected property")
	case *kind.Enum:
		return say("not one of the allowed values")
	case *kind.Pattern:
		return say("does not match the expected pattern")
	case *kind.MinLength, *kind.MinItems, *kind.Minimum, *kind.ExclusiveMinimum:
		return say("too small")
	case *kind.MaxLength, *kind.MaxItems, *kind.Maximum, *kind.ExclusiveMaximum:
		return say("too large")
	}
	return say("not valid")
}
