package persona

import (
	"context"
	"strconv"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// prepareTimeout is how long a persona may prepare itself.
const prepareTimeout = 10 * time.Second

// prepare has modules made ready for the calls to come. One that fails at it
// answers as it did, only slower at first.
func (h *Host) prepare(ctx context.Context, modules []Module) {
	for _, m := range modules {
		if err := m.Guest.Prepare(ctx, h.steps(m, time.Now())...); err != nil && ctx.Err() == nil {
			h.Log.Warn("persona not prepared, first answers of sessions take longer", "module", m.Name, "error", err)
		}
	}
}

// steps are what the personas of a module want to have done: what they compute
// from their seed alone, which all sources share. Nothing of a source is there yet.
func (h *Host) steps(m Module, now time.Time) []wasm.Request {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var steps []wasm.Request
	for _, id := range h.ids() {
		if p := h.by[id]; p.module == m.Name && p.prepares {
			at := p.now(now)
			steps = append(steps, wasm.Request{Input: p.preparation(at), Now: at, Deadline: prepareTimeout})
		}
	}
	return steps
}

func (p *loaded) preparation(now time.Time) []byte {
	var w guest.Writer
	w.Obj().Key("abi").Int(sdk.ABIVersion).Key("op").Str(sdk.OpPrepare).Key("persona").Str(p.id)
	w.Key("seed").Str(strconv.FormatUint(p.seed, 10)).Key("company").Str(strconv.FormatUint(p.company, 10))
	return w.Key("now").Str(now.Format(time.RFC3339)).End().Bytes()
}
