// Command ebpf is the tracer plugin that watches a process tree from inside the
// kernel. It needs root.
//
// "killdeer audit" starts it. By itself it does nothing.
package main

import (
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
	"github.com/killdeer-mcp/killdeer/tracers/ebpf/watch"
)

// version is set by the build.
var version = "dev"

func main() { plugin.ServeTracer(watch.New(version)) }
