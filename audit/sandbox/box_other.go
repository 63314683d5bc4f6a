//go:build !linux

package sandbox

import (
	"context"
	"errors"
	"os/exec"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// Box cannot be made on this system. See [New].
type Box struct{}

// Snapshot is empty on this system.
type Snapshot struct{ Incomplete string }

// Main reports that this process is no holder: there are none on this system.
func Main() (code int, ours bool) { return 0, false }

// New always fails: the box is made of Linux's namespaces.
func New(context.Context, Options) (*Box, error) {
	return nil, &Unavailable{Reason: "audits run on Linux only", Fix: "run it on Linux, or in a virtual machine with it"}
}

// Diff returns nothing on this system.
func Diff(_, _ *Snapshot) []evidence.FileChange { return nil }

// Command fails: there is no box on this system.
func (*Box) Command(Launch) (*exec.Cmd, error) {
	return nil, errors.New("start a server: no box on this system")
}

// Snapshot fails: there is no box on this system.
func (*Box) Snapshot() (*Snapshot, error) { return nil, errors.New("no box on this system") }

// TracerDir is empty on this system.
func (*Box) TracerDir() string { return "" }

// Home is empty on this system.
func (*Box) Home() string { return "" }

// Dir is empty on this system.
func (*Box) Dir() string { return "" }

// Describe is empty on this system.
func (*Box) Describe() string { return "" }

// Ended is empty on this system.
func (*Box) Ended() string { return "" }

// Gaps is empty on this system.
func (*Box) Gaps() []string { return nil }

// Canaries is empty on this system.
func (*Box) Canaries() []evidence.Canary { return nil }

// Flows is empty on this system.
func (*Box) Flows() []evidence.Flow { return nil }

// Lookups is empty on this system.
func (*Box) Lookups() []evidence.Lookup { return nil }

// Survivors is empty on this system.
func (*Box) Survivors() []string { return nil }

// Kill has nothing to end on this system.
func (*Box) Kill() bool { return true }

// Close has nothing to end on this system.
func (*Box) Close() error { return nil }

// Terminate fails: there is no box on this system.
func (*Box) Terminate(*exec.Cmd, bool) error { return errors.New("no box on this system") }
