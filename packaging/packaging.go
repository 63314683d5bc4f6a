// Package packaging holds what an installed sensor needs beside its program: the
// units of systemd, the user, the configuration and the manual.
//
// It only holds them. "make packages" puts them into packages, agent/service
// installs them without one, and agent/config reads the configuration's comments.
package packaging

import (
	"embed"
	_ "embed" // the configuration
)

// AgentTOML is the configuration of an installed sensor: agent.toml of the
// repository with the folders of a service, and with the decoy open to the network.
//
//go:embed agent.toml
var AgentTOML string

// Systemd holds the units and the sysusers file, under systemd/.
//
//go:embed systemd
var Systemd embed.FS

// Manual is killdeer(1), in mdoc.
//
//go:embed man/killdeer.1
var Manual string
