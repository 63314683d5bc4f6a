//go:build wasip1

// Command wasm is the core rule pack as a guest.
package main

import (
	"github.com/killdeer-mcp/killdeer/rules/core"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

func init() { guest.Rules(core.ID, core.Version, core.All()...) }

func main() {}
