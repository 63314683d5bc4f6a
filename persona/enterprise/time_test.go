package enterprise_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise"
	"github.com/killdeer-mcp/killdeer/persona/world"
)

// sampled are 100 times in order: neighbours are a minute to weeks apart, so that
// answers overlap.
func sampled(r *rand.Rand) []time.Time {
	gaps := []time.Duration{time.Minute, 7 * time.Minute, 3 * time.Hour, 26 * time.Hour, 6 * 24 * time.Hour, 19 * 24 * time.Hour}
	now := time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(500*24*60)) * time.Minute)
	var out []time.Time
	for range 100 {
		now = now.Add(time.Duration(1+r.IntN(100)) * gaps[r.IntN(len(gaps))] / 50).Truncate(time.Minute)
		out = append(out, now)
	}
	return out
}

// At any time nothing lies in the future, and whatever was said before is said
// again, by a persona that was restarted in between, too.
func TestTimeOnlyAdds(t *testing.T) {
	for _, seed := range []uint64{7, 1 << 40} {
		facts := map[string]said{}
		var p *enterprise.Persona
		var w *world.World
		for i, now := range sampled(rand.New(rand.NewPCG(seed, 1))) {
			if i%10 == 0 {
				p, w = enterprise.New(), world.New(seed)
			}
			k := newWalker(walk{t, p, w, seed, now}, facts)
			calls := validCalls(w, now)
			for _, tool := range slices.Sorted(maps.Keys(calls)) {
				a := k.look(tool, calls[tool])
				timesIn("", a.doc, func(s string, at time.Time) {
					if at.After(now) {
						t.Errorf("seed %d: %s at %v speaks of the future: %s", seed, tool, now, s)
					}
				})
			}
			if t.Failed() {
				return
			}
		}
		t.Logf("seed %d: %d facts", seed, len(facts))
	}
}
