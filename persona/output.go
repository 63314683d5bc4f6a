package persona

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// Limits of an output document.
const (
	maxState = 16 << 10
	maxNotes = 16
	maxNote  = 256
	maxDelay = 60 * time.Second
	maxList  = 4096 // elements of content, contents or messages
)

// output is a guest's reply to a call, checked: one of result, input and fault.
type output struct {
	size   int  // about what it holds in memory
	plain  bool // it has no placeholder
	result sdk.RawJSON
	failed bool // result has isError
	input  *sdk.InputRequired
	fault  *sdk.Fault
	notify []sdk.Notice
	delay  time.Duration
	state  sdk.RawJSON // nil: unchanged; null: cleared
	notes  map[string]string
}

// faultKinds are the kinds of refusal a persona may give.
var faultKinds = map[string]bool{
	sdk.FaultTool: true, sdk.FaultBadArgs: true, sdk.FaultUnknownTool: true, sdk.FaultUnknownResource: true,
	sdk.FaultUnknownPrompt: true, sdk.FaultRPC: true, sdk.FaultInternal: true,
}

var (
	outputShape = shape{
		{"result", isObject, false},
		{"input_required", isObject, false},
		{"error", isObject, false},
		{"delay_ms", isNumber, false},
		{"notify", isList, false},
		{"notes", isObject, false},
	}
	faultShape = shape{{"kind", isString, true}, {"message", isString, false}, {"data", isObject, false}}
	codeShape  = shape{{"code", isInteger, true}}
)

// decodeOutput checks a guest's reply: one valid UTF-8 JSON object with exactly
// one outcome, within the limits of the ABI.
func decodeOutput(b []byte, e expected) (*output, error) {
	if !guest.Valid(b, guest.MaxDepth) {
		return nil, errors.New("output is not valid JSON within the depth limit")
	}
	b, err := oneLine(b)
	if err != nil {
		return nil, err
	}
	if err := checkPlaceholders(b, e.mark); err != nil {
		return nil, err
	}
	o, err := outputShape.read("output", b)
	if err != nil {
		return nil, err
	}
	out := &output{size: len(b), plain: isPlain(b, e.mark), state: o.Raw("state")}
	if err := out.decodeOutcome(o, e); err != nil {
		return nil, err
	}
	return out, out.decodeBeside(o)
}

func (out *output) decodeOutcome(o guest.Object, e expected) (err error) {
	result, input, fault := o.Raw("result"), o.Raw("input_required"), o.Raw("error")
	switch {
	case result != nil && input == nil && fault == nil:
		out.result = result
		out.failed, err = e.checkResult(result)
	case input != nil && result == nil && fault == nil:
		out.input, err = decodeInput(e.op, input)
	case fault != nil && result == nil && input == nil:
		out.fault, err = decodeFault(fault)
	default:
		return errors.New(`output needs exactly one of "result", "input_required" and "error"`)
	}
	return err
}

// decodeBeside reads what may stand beside the outcome.
func (out *output) decodeBeside(o guest.Object) (err error) {
	if len(out.state) > maxState {
		return fmt.Errorf("state is over %d bytes", maxState)
	}
	if out.delay, err = milliseconds("delay_ms", o.Int("delay_ms", 0), 0, maxDelay); err != nil {
		return err
	}
	if out.notify, err = decodeNotices(o.Raw("notify")); err != nil {
		return err
	}
	out.size += len(o.Raw("notify")) + len(out.notify)*entryOverhead
	out.notes, err = decodeNotes(o.Raw("notes"))
	return err
}

// oneLine takes line breaks between tokens out: a message is one line on stdio
// and in an event stream. Everything else stays as the guest wrote it.
func oneLine(b []byte) ([]byte, error) {
	b = bytes.TrimSpace(b)
	if !bytes.ContainsAny(b, "\r\n") {
		return b, nil
	}
	var line bytes.Buffer
	if err := json.Compact(&line, b); err != nil {
		return nil, fmt.Errorf("output: %w", err)
	}
	return line.Bytes(), nil
}

func decodeFault(b []byte) (*sdk.Fault, error) {
	o, err := faultShape.read("error", b)
	if err != nil {
		return nil, err
	}
	f := &sdk.Fault{Kind: o.Str("kind"), Message: o.Str("message")}
	if !faultKinds[f.Kind] {
		return nil, fmt.Errorf("error.kind %.80q is not one of the ABI's", f.Kind)
	}
	if f.Kind != sdk.FaultRPC {
		return f, nil
	}
	data, err := codeShape.read("error.data", orElse(o.Raw("data"), "{}"))
	if err != nil {
		return nil, err
	}
	code := data.Int("code", 0)
	if f.Code = int(code); code != int64(int32(code)) {
		return nil, errors.New("error.data.code is beyond 32 bits")
	}
	return f, nil
}

func decodeNotes(v []byte) (map[string]string, error) {
	if v == nil {
		return nil, nil
	}
	notes := map[string]string{}
	var fault error
	_ = guest.Members(v, func(k string, v []byte) {
		if notes[k] = guest.String(v); !isString.fits(v) {
			fault = errors.New("a note is not a string")
		} else if len(k)+len(notes[k]) > maxNote {
			fault = fmt.Errorf("a note is over %d bytes", maxNote)
		}
	})
	if len(notes) > maxNotes {
		return nil, fmt.Errorf("notes has over %d members", maxNotes)
	}
	return notes, fault
}
