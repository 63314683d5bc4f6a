package decoy

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	listTTL     = 300_000  // ms a 2026-07-28 client may keep a list
	listScope   = "public" // a list is the same for everybody
	maxProblems = 5        // schema faults named in one answer
	maxNumber   = 128      // characters of a number in arguments
	maxExponent = 3        // digits of its exponent; a double needs three
	serverKey   = "io.modelcontextprotocol/serverInfo"
)

// catalog is a persona's catalog with every answer that does not depend on the
// request made once.
type catalog struct {
	of         *sdk.Catalog
	tools      map[string]*tool
	meta       sdk.RawJSON // modern: _meta of every result
	legacyList sdk.RawJSON
	modernList sdk.RawJSON
	discover   sdk.RawJSON
	routes     map[string]sdk.RawJSON
}

// tool is one tool, its schema compiled when it is first called.
type tool struct {
	sdk.Tool
	once   sync.Once
	schema *jsonschema.Schema
	err    error
}

func newCatalog(of *sdk.Catalog) *catalog {
	c := &catalog{of: of, tools: make(map[string]*tool, len(of.Tools)), routes: of.Routes}
	for _, t := range of.Tools {
		c.tools[t.Name] = &tool{Tool: t}
	}
	var w guest.Writer
	c.meta = bytes.Clone(serverInfo(w.Obj().Key(serverKey), of.Server, true).End().Bytes())
	c.legacyList = c.toolsList(false)
	c.modernList = c.toolsList(true)
	c.discover = c.discoverResult()
	return c
}

func serverInfo(w *guest.Writer, s sdk.ServerInfo, title bool) *guest.Writer {
	w.Obj().Key("name").Str(s.Name)
	if title && s.Title != "" {
		w.Key("title").Str(s.Title)
	}
	return w.Key("version").Str(s.Version).End()
}

func (c *catalog) toolsList(modern bool) sdk.RawJSON {
	var w guest.Writer
	w.Obj().Key("tools").Arr()
	for _, t := range c.of.Tools {
		w.Raw(t.Definition)
	}
	w.End()
	if modern {
		c.complete(w.Key("ttlMs").Int(listTTL).Key("cacheScope").Str(listScope))
	}
	return w.End().Bytes()
}

func (c *catalog) discoverResult() sdk.RawJSON {
	var w guest.Writer
	w.Obj().Key("supportedVersions").Arr().Str(profile.Rev2026_07_28).End()
	c.capabilities(&w)
	if c.of.Instructions != "" {
		w.Key("instructions").Str(c.of.Instructions)
	}
	c.complete(w.Key("ttlMs").Int(listTTL).Key("cacheScope").Str(listScope))
	return w.End().Bytes()
}

// initialize is the result of the legacy handshake.
func (c *catalog) initialize(protocol string) sdk.RawJSON {
	var w guest.Writer
	w.Obj().Key("protocolVersion").Str(protocol)
	c.capabilities(&w)
	serverInfo(w.Key("serverInfo"), c.of.Server, protocol >= profile.Rev2025_06_18)
	if c.of.Instructions != "" {
		w.Key("instructions").Str(c.of.Instructions)
	}
	return w.End().Bytes()
}

func (c *catalog) capabilities(w *guest.Writer) {
	w.Key("capabilities").Obj()
	if len(c.of.Tools) > 0 {
		w.Key("tools").Obj().End()
	}
	w.End()
}

// complete writes what 2026-07-28 wants in every complete result.
func (c *catalog) complete(w *guest.Writer) {
	w.Key("resultType").Str("complete").Key("_meta").Raw(c.meta)
}

// modernResult adds to a persona's result what 2026-07-28 wants. The persona's
// own members stay first and as they are.
func (c *catalog) modernResult(result sdk.RawJSON) sdk.RawJSON {
	body := bytes.TrimRight(result, " \t\r\n")
	body = body[:len(body)-1]
	out := make([]byte, 0, len(body)+len(c.meta)+40)
	out = append(out, body...)
	if firstByte(body[bytes.IndexByte(body, '{')+1:]) != 0 {
		out = append(out, ',')
	}
	out = append(out, `"resultType":"complete","_meta":`...)
	out = append(out, c.meta...)
	return append(out, '}')
}

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
