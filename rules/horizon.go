package rules

import "time"

// Horizon is how far back the packs' memory reaches: the longest window or
// deduplication. Whoever restores the engine after a restart replays that much.
func (e *Engine) Horizon() time.Duration {
	var h time.Duration
	for _, p := range e.packs {
		for _, w := range p.windows {
			h = max(h, w.over)
		}
		for _, r := range p.rules {
			h = max(h, r.over)
		}
	}
	return h
}
