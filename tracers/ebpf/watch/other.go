//go:build !linux || !amd64

package watch

import (
	"context"
	"errors"
	"runtime"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Tracer is none on this machine: its programs are compiled for Linux on x86-64.
type Tracer struct{ version string }

var _ sdk.Tracer = (*Tracer)(nil)

var errElsewhere = errors.New("the programs for the kernel are compiled for linux/amd64, and this is " + runtime.GOOS + "/" + runtime.GOARCH + ": use tracer = \"strace\"")

// New returns a tracer that says so.
func New(version string) *Tracer { return &Tracer{version} }

// Capabilities implements [sdk.Tracer].
func (t *Tracer) Capabilities(context.Context) (sdk.TracerCapabilities, error) {
	return sdk.TracerCapabilities{Name: "ebpf", Version: t.version, Mode: sdk.TracerCgroup, NeedsRoot: true, Reason: errElsewhere.Error()}, nil
}

// Prepare implements [sdk.Tracer].
func (*Tracer) Prepare(context.Context, sdk.TracerSpec) (sdk.TracerPlan, error) {
	return sdk.TracerPlan{}, errElsewhere
}

// Observe implements [sdk.Tracer].
func (*Tracer) Observe(context.Context, string, func(sdk.Observation) error) error {
	return errElsewhere
}

// Stop implements [sdk.Tracer].
func (*Tracer) Stop(context.Context, string) (sdk.TracerSummary, error) {
	return sdk.TracerSummary{}, errElsewhere
}
