package sink

import (
	"fmt"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// lines makes the lines of a file.
type lines struct{ format string }

func newLines(format, _ string) (*lines, error) {
	if format != formatNDJSON {
		return nil, fmt.Errorf("format: want %q, got %q", formatNDJSON, format)
	}
	return &lines{format}, nil
}

// record appends the line of an event that is not decoded.
func (l *lines) record(dst []byte, record sdk.RawJSON) ([]byte, error) {
	return append(append(dst, record...), '\n'), nil
}

// event appends the line of an event.
func (l *lines) event(dst []byte, ev *sdk.Event) ([]byte, error) {
	return dst, nil
}
