// Command strace is the tracer plugin that watches a process tree with strace, which
// must be installed.
//
// "killdeer audit" starts it. By itself it does nothing.
package main

import (
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
	"github.com/killdeer-mcp/killdeer/tracers/strace/trace"
)

// version is set by the build.
var version = "dev"

func main() { plugin.ServeTracer(trace.New(version)) }
