package encode

import (
	"encoding/json"
	"fmt"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Format is a form of line.
type Format string

// The formats of [Lines].
const (
	NDJSON Format = "ndjson" // the event as docs/events.md has it
	ECS    Format = "ecs"
	OCSF   Format = "ocsf"
)

// Lines turns events into lines of JSON.
type Lines struct {
	format  Format
	version string
}

// NewLines makes lines of one format. Version is the product's, where the format
// has a place for it.
func NewLines(format Format, version string) (*Lines, error) {
	switch format {
	case NDJSON, ECS, OCSF:
		return &Lines{format: format, version: version}, nil
	}
	return nil, fmt.Errorf("format %q: there are %s, %s and %s", format, NDJSON, ECS, OCSF)
}

// Append appends the line for e, which ends with the only line feed in it.
func (l *Lines) Append(dst []byte, e *sdk.Event) ([]byte, error) {
	var doc any
	switch l.format {
	case ECS:
		doc = ecs(e, l.version)
	case OCSF:
		doc = ocsf(e, l.version)
	default:
		doc = sound(e)
	}
	dst, err := appendJSON(dst, doc)
	if err != nil {
		return nil, fmt.Errorf("encode event %q as %s: %w", e.ID, l.format, err)
	}
	return append(dst, '\n'), nil
}

// sound returns e with what no JSON can hold taken out of it.
func sound(e *sdk.Event) *sdk.Event {
	copied := *e
	copied.RPCID, copied.Args = value(e.RPCID), value(e.Args)
	return &copied
}

// value returns raw if it is JSON, and else as a JSON string.
func value(raw sdk.RawJSON) sdk.RawJSON {
	if len(raw) == 0 || json.Valid(raw) {
		return raw
	}
	text, _ := json.Marshal(string(raw)) // a string always can be
	return text
}
