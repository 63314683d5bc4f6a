// Command file is the sink plugin that writes events to a file, one line each, and
// rotates it. docs/sinks.md has its configuration.
//
// The sensor starts it. By itself it does nothing.
package main

import (
	"encoding/json"

	"github.com/killdeer-mcp/killdeer/plugins/file/sink"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
)

// version is set by the build.
var version = "dev"

func main() {
	plugin.Serve(func(config json.RawMessage) (sdk.Sink, error) { return sink.New(config, version) })
}
