// Command webhook is the sink plugin that posts events to a web address: signed
// Standard Webhooks, templates, and messages for Slack, Teams and Discord.
// docs/siem.md has its configuration.
//
// The sensor starts it. By itself it does nothing.
package main

import (
	"encoding/json"

	"github.com/killdeer-mcp/killdeer/plugins/webhook/sink"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
)

// version is set by the build.
var version = "dev"

func main() {
	plugin.Serve(func(config json.RawMessage) (sdk.Sink, error) { return sink.New(config, version) })
}
