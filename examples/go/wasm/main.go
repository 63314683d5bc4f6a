//go:build wasip1

// Command wasm is the vault persona as a guest.
package main

import (
	vault "github.com/killdeer-mcp/killdeer/examples/go"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

func init() { guest.Personas("vault", "1.0.0", vault.Persona{}) }

func main() {}
