package wasm

import (
	"testing"
	"testing/synctest"
	"time"
)

// step is a call: when it comes after the last one, whether it is admitted, and
// how it ends.
type step struct {
	after    time.Duration
	admitted bool
	outcome  outcome
}

func TestBreaker(t *testing.T) {
	const bad, good, none = outcomeFailure, outcomeGood, outcomeNone
	fail := func(every time.Duration, n int) []step {
		steps := make([]step, n)
		for i := range steps {
			steps[i] = step{every, true, bad}
		}
		return steps
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"opens", append(fail(0, 5), step{0, false, none}, step{59 * time.Second, false, none})},
		{"stays closed below", append(fail(0, 4), step{0, true, good}, step{0, true, good})},
		{"forgets after the window", append(fail(15*time.Second, 12), step{0, true, good})},
		{"good calls between do not help", append(append(fail(0, 4), step{0, true, good}), step{0, true, bad}, step{0, false, none})},
		{"a good probe closes", append(fail(0, 5), step{time.Minute, true, good}, step{0, true, bad}, step{0, true, good})},
		{"a bad probe rests again", append(fail(0, 5), step{time.Minute, true, bad}, step{0, false, none}, step{59 * time.Second, false, none}, step{time.Second, true, good})},
		{"a probe without outcome is repeated", append(fail(0, 5), step{time.Minute, true, none}, step{0, true, good}, step{0, true, good})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b breaker
				for i, s := range tt.steps {
					time.Sleep(s.after)
					probe, ok := b.admit()
					if ok != s.admitted {
						t.Fatalf("step %d: admitted = %v, want %v", i, ok, s.admitted)
					}
					if ok {
						b.report(probe, s.outcome)
					}
				}
			})
		})
	}
}

func TestBreakerProbesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b breaker
		for range breakerFailures + 3 { // the last three were under way as it opened
			b.report(false, outcomeFailure)
		}
		if !b.open() {
			t.Fatal("not open")
		}
		time.Sleep(breakerRest)
		probe, ok := b.admit()
		if !probe || !ok {
			t.Fatalf("admit = %v, %v, want a probe", probe, ok)
		}
		if _, ok := b.admit(); ok {
			t.Error("a second call beside the probe")
		}
		b.report(probe, outcomeGood)
		if b.open() {
			t.Error("open after a good probe")
		}
	})
}
