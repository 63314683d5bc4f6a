//go:build wasip1

// Command wasm is the conformance persona as a guest. It is built by tests and
// shipped with nothing.
package main

import (
	"github.com/killdeer-mcp/killdeer/internal/conformance"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

func init() { guest.Personas("conformance", "1.0.0", conformance.New()) }

func main() {}
