// Command syslog is the sink plugin that sends events to a syslog receiver: RFC
// 5424 messages or CEF over UDP, TCP or TLS. docs/siem.md has its configuration.
//
// The sensor starts it. By itself it does nothing.
package main

import (
	"encoding/json"

	"github.com/killdeer-mcp/killdeer/plugins/syslog/sink"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
)

// version is set by the build.
var version = "dev"

func main() {
	plugin.Serve(func(config json.RawMessage) (sdk.Sink, error) { return sink.New(config, version) })
}
