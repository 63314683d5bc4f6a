//go:build wasip1

// Command wasm runs a persona that was written in TOML, as a guest.
package main

import (
	"github.com/killdeer-mcp/killdeer/persona/toml"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

func init() {
	guest.ConfiguredPersona(func(config []byte) (id, version string, p sdk.Persona, err error) {
		return toml.Configure(config, func(line string) { guest.Log(guest.LevelError, line) })
	})
}

func main() {}
