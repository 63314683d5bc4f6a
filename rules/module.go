package rules

import (
	"context"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
)

// callDeadline is how long a guest may run on one event. Nobody waits for it, and
// on a machine that is busy the clock runs while the guest does not.
const callDeadline = 2 * time.Second

type module struct{ m *wasm.Module }

// FromModule makes a [Guest] of a WebAssembly module. What a rules module answers
// reaches no client, so all events share its instances.
func FromModule(m *wasm.Module) Guest { return module{m} }

// Call runs the module on an input.
func (g module) Call(ctx context.Context, input []byte, now time.Time) ([]byte, error) {
	reply, err := g.m.Call(ctx, wasm.Request{Shared: true, Input: input, Deadline: callDeadline, Now: now})
	return reply.Output, err
}
