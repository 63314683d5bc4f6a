package main

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestTrend makes samples with a known slope: the estimate lies within four of its own
// standard errors, which is as large as what many such series scatter.
func TestTrend(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, slope := range []float64{0, 1, -3, 25} {
		var found, errors []float64
		for range 200 {
			samples := make([]float64, 3617) // an hour of seconds, and some that make no block
			for i := range samples {
				samples[i] = 190 + slope*float64(i)/3600 + 9*random.NormFloat64()
			}
			perHour, standardError := trend(samples, time.Duration(len(samples))*time.Second)
			if math.Abs(perHour-slope) > 4*standardError {
				t.Errorf("slope %v is found to be %v ± %v", slope, perHour, standardError)
			}
			found, errors = append(found, perHour-slope), append(errors, standardError)
		}
		scatter, told := 0.0, 0.0
		for i := range found {
			scatter, told = scatter+found[i]*found[i]/200, told+errors[i]/200
		}
		if ratio := told / math.Sqrt(scatter); ratio < 0.8 || ratio > 1.25 {
			t.Errorf("slope %v: the standard errors told are %v of the scatter", slope, ratio)
		}
	}
	if _, e := trend([]float64{1, 2}, time.Second); !math.IsInf(e, 1) {
		t.Errorf("two samples have an error of %v", e)
	}
}
