package persona

import (
	"errors"
	"fmt"
	"strings"

	"github.com/killdeer-mcp/killdeer/internal/schema"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const maxValues = 100 // of a completion; MCP's own limit

// Every MCP object may carry these.
var metaShape = shape{{"_meta", isObject, false}}

var annotatedShape = metaShape.with(member{"annotations", isObject, false})

// contentShapes are the content objects by their type.
var contentShapes = map[string]shape{
	"text":  annotatedShape.with(member{"text", isString, true}),
	"image": annotatedShape.with(member{"data", isBase64, true}, member{"mimeType", isString, true}),
	"audio": annotatedShape.with(member{"data", isBase64, true}, member{"mimeType", isString, true}),
	"resource_link": annotatedShape.with(
		member{"uri", isFilled, true}, member{"name", isString, true}, member{"title", isString, false},
		member{"description", isString, false}, member{"mimeType", isString, false}, member{"size", isNumber, false},
		member{"icons", isList, false}),
	"resource": annotatedShape.with(member{"resource", isObject, true}),
}

var (
	contentShape     = shape{{"type", isString, true}}
	annotationsShape = shape{{"audience", isList, false}, {"priority", isNumber, false}, {"lastModified", isString, false}}
	contentsShape    = metaShape.with(
		member{"uri", isFilled, true}, member{"mimeType", isString, false}, member{"text", isString, false}, member{"blob", isBase64, false})
	messageShape    = shape{{"role", isString, true}, {"content", isObject, true}}
	completionShape = shape{{"values", isList, true}, {"total", isInteger, false}, {"hasMore", isBoolean, false}}
)

// resultShapes are the results by their operation.
var resultShapes = map[string]shape{
	sdk.OpCall:     {{"content", isList, true}, {"isError", isBoolean, false}, {"structuredContent", isObject, false}},
	sdk.OpResource: {{"contents", isList, true}},
	sdk.OpPrompt:   {{"messages", isList, true}, {"description", isString, false}},
	sdk.OpComplete: {{"completion", isObject, true}},
}

// addedByHost are members that the host writes into every result itself.
var addedByHost = []string{"resultType", "ttlMs", "cacheScope", "_meta"}

// expected says what an output answers.
type expected struct {
	op     string
	output *schema.Schema // of the tool, nil when it has none
	mark   string         // of the placeholders
	expand func([]byte) []byte
}

// checkResult refuses a result that is not what MCP has for the operation.
// Failed says whether a tool's result reports an error.
func (e expected) checkResult(b []byte) (failed bool, err error) {
	o, err := resultShapes[e.op].read("result", b)
	if err != nil {
		return false, err
	}
	for _, name := range addedByHost {
		if o.Raw(name) != nil {
			return false, fmt.Errorf("result.%s is the host's to write", name)
		}
	}
	switch e.op {
	case sdk.OpCall:
		return e.checkCall(o)
	case sdk.OpResource:
		return false, checkRead(o)
	case sdk.OpPrompt:
		return false, checkPrompt(o)
	}
	return false, checkCompletion(o)
}

func (e expected) checkCall(o guest.Object) (failed bool, err error) {
	if err := each("result.content", o.Raw("content"), maxList, checkContent); err != nil {
		return false, err
	}
	failed = o.Bool("isError")
	return failed, e.checkStructured(o.Raw("structuredContent"), failed)
}

// checkStructured validates what the client will see: placeholders expanded.
func (e expected) checkStructured(value []byte, failed bool) error {
	switch {
	case e.output == nil || (value == nil && failed):
		return nil
	case value == nil:
		return errors.New("result.structuredContent is missing, and the tool has an outputSchema")
	}
	problems, err := e.output.Problems(e.expand(value))
	if err != nil {
		return fmt.Errorf("result.structuredContent: %w", err)
	}
	if problems != nil {
		return fmt.Errorf("result.structuredContent does not fit the tool's outputSchema: %s", strings.Join(problems, "; "))
	}
	return nil
}

func checkContent(at string, v []byte) error {
	o, err := contentShape.read(at, v)
	if err != nil {
		return err
	}
	kind := o.Str("type")
	of, ok := contentShapes[kind]
	if !ok {
		return fmt.Errorf("%s.type is %q, not text, image, audio, resource_link or resource", at, kind)
	}
	if err := of.check(at, o); err != nil {
		return err
	}
	if kind == "resource" {
		if err := checkContents(at+".resource", o.Raw("resource")); err != nil {
			return err
		}
	}
	return checkAnnotations(at, o)
}

func checkAnnotations(at string, o guest.Object) error {
	if !o.Has("annotations") {
		return nil
	}
	_, err := annotationsShape.read(at+".annotations", o.Raw("annotations"))
	return err
}

// checkContents checks one resource with its text or bytes.
func checkContents(at string, v []byte) error {
	o, err := contentsShape.read(at, v)
	if err != nil {
		return err
	}
	if (o.Raw("text") == nil) == (o.Raw("blob") == nil) {
		return fmt.Errorf(`%s needs exactly one of "text" and "blob"`, at)
	}
	return nil
}

func checkRead(o guest.Object) error {
	return each("result.contents", o.Raw("contents"), maxList, checkContents)
}

func checkPrompt(o guest.Object) error {
	return each("result.messages", o.Raw("messages"), maxList, func(at string, v []byte) error {
		m, err := messageShape.read(at, v)
		if err != nil {
			return err
		}
		if role := m.Str("role"); role != "user" && role != "assistant" {
			return fmt.Errorf("%s.role is %q, not user or assistant", at, role)
		}
		return checkContent(at+".content", m.Raw("content"))
	})
}

func checkCompletion(o guest.Object) error {
	c, err := completionShape.read("result.completion", o.Raw("completion"))
	if err != nil {
		return err
	}
	return each("result.completion.values", c.Raw("values"), maxValues, func(at string, v []byte) error {
		if !isString.fits(v) {
			return fmt.Errorf("%s is not a string", at)
		}
		return nil
	})
}
