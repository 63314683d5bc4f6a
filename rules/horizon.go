package rules

import "time"

// Horizon is how far back the packs' memory reaches: the longest window or
// deduplication, and the slice of time by which a window may be late. Whoever
// restores the engine after a restart replays that much before the first event
// that is to be judged.
func (e *Engine) Horizon() time.Duration {
	var h time.Duration
	for _, p := range e.packs {
		for _, w := range p.windows {
			h = max(h, w.over+w.over/mergeFraction)
		}
		for _, r := range p.rules {
			h = max(h, r.over)
		}
	}
	return h
}
