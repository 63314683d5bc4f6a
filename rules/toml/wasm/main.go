//go:build wasip1

// Command wasm runs rules that were written in TOML, as a guest.
package main

import (
	"github.com/killdeer-mcp/killdeer/rules/toml"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

func init() { guest.ConfiguredRules(toml.Configure) }

func main() {}
