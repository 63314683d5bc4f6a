package persona

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// output is a guest's reply to a call, checked.
type output struct {
	size   int // bytes of the whole reply
	result sdk.RawJSON
	failed bool // result has isError
	plain  bool // result has neither placeholder nor mark
	fault  *sdk.Fault
	delay  time.Duration
	state  sdk.RawJSON // nil: unchanged; null: cleared
	notes  map[string]string
}

// faultKinds are the kinds of refusal a persona may give to a call.
var faultKinds = map[string]bool{"tool": true, "bad_args": true, "unknown_tool": true, "internal": true}

// decodeOutput checks a guest's reply: one valid UTF-8 JSON object with exactly
// one outcome, within the limits of the ABI.
func decodeOutput(b []byte) (*output, error) {
	if !utf8.Valid(b) || !json.Valid(b) {
		return nil, errors.New("output is not valid JSON")
	}
	o, err := guest.ParseObject(b)
	if err != nil {
		return nil, errors.New("output is not one JSON object within the depth limit")
	}
	result, fault := o.Raw("result"), o.Raw("error")
	if (result == nil) == (fault == nil) {
		return nil, errors.New(`output needs exactly one of "result" and "error"`)
	}
	if result, err = oneLine(result); err != nil {
		return nil, err
	}
	out := &output{size: len(b), result: result, state: o.Raw("state")}
	if fault != nil {
		if out.fault, err = decodeFault(fault); err != nil {
			return nil, err
		}
	} else if out.failed, err = checkResult(result); err != nil {
		return nil, err
	}
	out.plain = isPlain(result)
	if len(out.state) > maxState {
		return nil, fmt.Errorf("state is over %d bytes", maxState)
	}
	delay := time.Duration(o.Int("delay_ms", 0)) * time.Millisecond
	if delay < 0 || delay > maxDelay {
		return nil, fmt.Errorf("delay_ms is not within 0 to %d", maxDelay.Milliseconds())
	}
	out.delay = delay
	out.notes, err = decodeNotes(o)
	return out, err
}

// oneLine takes line breaks between tokens out: a message is one line on stdio
// and in an event stream. Everything else stays as the guest wrote it.
func oneLine(b []byte) ([]byte, error) {
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
	o, err := guest.ParseObject(b)
	if err != nil || !faultKinds[o.Str("kind")] {
		return nil, errors.New(`"error" is not an object with a known kind`)
	}
	return &sdk.Fault{Kind: o.Str("kind"), Message: o.Str("message")}, nil
}

// checkResult refuses a result that could not be an MCP CallToolResult, and says
// whether it reports a failure.
func checkResult(b []byte) (failed bool, err error) {
	o, err := guest.ParseObject(b)
	if err != nil {
		return false, errors.New(`"result" is not an object`)
	}
	n := 0
	err = guest.Elements(o.Raw("content"), func(v []byte) {
		if c, err := guest.ParseObject(v); err == nil && c.Str("type") != "" {
			n++
		} else {
			n = -1 << 20
		}
	})
	if err != nil || n < 0 {
		return false, errors.New(`"result.content" is not a list of content objects`)
	}
	return o.Bool("isError"), nil
}

func decodeNotes(o guest.Object) (map[string]string, error) {
	if !o.Has("notes") {
		return nil, nil
	}
	notes := map[string]string{}
	err := guest.Members(o.Raw("notes"), func(k string, v []byte) { notes[k] = guest.String(v) })
	if err != nil || len(notes) > maxNotes {
		return nil, fmt.Errorf(`"notes" is not an object of at most %d strings`, maxNotes)
	}
	for k, v := range notes {
		if len(k)+len(v) > maxNote {
			return nil, fmt.Errorf("a note is over %d bytes", maxNote)
		}
	}
	return notes, nil
}
