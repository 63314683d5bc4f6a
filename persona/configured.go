package persona

import (
	"context"
	"crypto/sha256"
	"slices"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
)

// Configured returns a guest that is given a configuration, one JSON value, with
// every call, as that for personas written in TOML is; see [ParseTOML]. Module and
// configuration together are one guest: its digest, and so what is remembered of
// it, is that of both.
func Configured(g Guest, config []byte) Guest {
	digest := g.Digest()
	return &configured{
		Guest: g, config: slices.Concat([]byte(`{"config":`), config, []byte(",")),
		digest: sha256.Sum256(slices.Concat(digest[:], config)),
	}
}

type configured struct {
	Guest
	config []byte // with the opening of the envelope
	digest [32]byte
}

// Digest implements [Guest].
func (c *configured) Digest() [32]byte { return c.digest }

// Call implements [Guest].
func (c *configured) Call(ctx context.Context, r wasm.Request) (wasm.Reply, error) {
	return c.Guest.Call(ctx, c.with(r))
}

// Prepare implements [Guest].
func (c *configured) Prepare(ctx context.Context, steps ...wasm.Request) error {
	given := make([]wasm.Request, len(steps))
	for i, r := range steps {
		given[i] = c.with(r)
	}
	return c.Guest.Prepare(ctx, given...)
}

func (c *configured) with(r wasm.Request) wasm.Request {
	r.Input = slices.Concat(c.config, r.Input[1:])
	return r
}
