package sink

import (
	"encoding/json"

	"github.com/killdeer-mcp/killdeer/plugins/encode"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// lines makes the lines of a file.
type lines struct {
	*encode.Lines
	asIs bool // a record is a line
}

func newLines(format, version string) (*lines, error) {
	l, err := encode.NewLines(encode.Format(format), version)
	return &lines{l, encode.Format(format) == encode.NDJSON}, err
}

// record appends the line of an event that is not decoded.
func (l *lines) record(dst []byte, record sdk.RawJSON) ([]byte, error) {
	if l.asIs {
		return append(append(dst, record...), '\n'), nil
	}
	var ev sdk.Event
	if err := json.Unmarshal(record, &ev); err != nil {
		return nil, err
	}
	return l.Append(dst, &ev)
}
