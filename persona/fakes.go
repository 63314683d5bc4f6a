package persona

import (
	"sync"

	"github.com/killdeer-mcp/killdeer/persona/world"
)

// fakes has the values of a company that placeholders name. To make a company takes
// milliseconds, to look one of these up takes none: all personas of a host share it.
type fakes struct {
	seed uint64

	mu    sync.Mutex   // a world fills caches
	world *world.World // nil until it is asked
}

// value returns the N-th value of a kind, and whether there is such a kind.
func (f *fakes) value(kind string, n uint32) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.world == nil {
		f.world = world.New(f.seed)
	}
	return f.world.Fake(kind, n)
}
