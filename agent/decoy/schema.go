package decoy

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

const (
	maxProblems = 5   // schema faults named in one answer
	maxNumber   = 128 // characters of a number in arguments
	maxExponent = 3   // digits of its exponent; a double needs three
)

// check validates arguments and returns what the schema refuses, in words of no
// particular validator. Values of the arguments are never repeated.
func (t *tool) check(args []byte) ([]string, error) {
	t.once.Do(func() { t.schema, t.err = compileSchema(t.InputSchema) })
	if t.err != nil {
		return nil, t.err
	}
	if len(args) > maxEventArgs || wildNumber(args) {
		return []string{"too large"}, nil
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(args))
	if err != nil {
		return []string{"not valid JSON"}, nil
	}
	err = t.schema.Validate(v)
	if err == nil {
		return nil, nil
	}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return nil, fmt.Errorf("validate arguments of %s: %w", t.Name, err)
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

// compileSchema compiles an input schema. Nothing outside it is ever loaded.
func compileSchema(schema []byte) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, fmt.Errorf("read input schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(jsonschema.SchemeURLLoader{})
	if err := c.AddResource("mem:///tool.json", doc); err != nil {
		return nil, fmt.Errorf("add input schema: %w", err)
	}
	s, err := c.Compile("mem:///tool.json")
	if err != nil {
		return nil, fmt.Errorf("compile input schema: %w", err)
	}
	return s, nil
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
