//go:build wasip1

// Command wasm is the enterprise persona as a guest.
package main

import (
	"github.com/killdeer-mcp/killdeer/persona/enterprise"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

func init() { guest.Personas("enterprise", "1.0.0", enterprise.New()) }

func main() {}
