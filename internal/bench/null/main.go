// Command null is a sink that takes everything and keeps nothing, to measure what
// comes before a sink.
package main

import (
	"context"
	"encoding/json"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
)

func main() {
	plugin.Serve(func(json.RawMessage) (sdk.Sink, error) { return sink{}, nil })
}

type sink struct{}

var _ sdk.JSONSink = sink{}

func (sink) Write(context.Context, []sdk.Event) error       { return nil }
func (sink) WriteJSON(context.Context, []sdk.RawJSON) error { return nil }
