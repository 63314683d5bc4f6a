package persona

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A validator computes with all of a number's digits, and an exponent makes a
// million of them from nine bytes.
const (
	maxNumber   = 128 // characters of a number
	maxExponent = 3   // digits of its exponent; a double needs three
	maxMisfit   = 256 // bytes of what is told of a value that does not fit
)

// compileSchema compiles an output schema. Nothing outside it is ever loaded.
func compileSchema(schema []byte) (*jsonschema.Schema, error) {
	if wildNumber(schema) {
		return nil, errors.New("a number is too long")
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(jsonschema.SchemeURLLoader{})
	const at = "mem:///output.json"
	if err := c.AddResource(at, doc); err != nil {
		return nil, fmt.Errorf("add: %w", err)
	}
	s, err := c.Compile(at)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	return s, nil
}

// fits says what a schema finds wrong with a value, the first of it.
func fits(s *jsonschema.Schema, value []byte) error {
	if wildNumber(value) {
		return errors.New("a number is too long")
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	err = s.Validate(v)
	if invalid, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		for len(invalid.Causes) > 0 {
			invalid = invalid.Causes[0]
		}
		text := invalid.Error()
		return errors.New(text[:min(len(text), maxMisfit)])
	}
	return err
}

// wildNumber reports whether valid JSON holds a number that would cost a
// validator seconds.
func wildNumber(b []byte) bool {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			i = stringEnd(b, i) - 1
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
