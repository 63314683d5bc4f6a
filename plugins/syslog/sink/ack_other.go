//go:build !linux

package sink

import (
	"context"
	"net"
)

const tcpProof = "sent; whether the receiver's TCP has it is only known on Linux"

// acknowledged knows nothing here: what was written counts as delivered.
func acknowledged(context.Context, net.Conn) error { return nil }
