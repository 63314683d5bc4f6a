package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/bits"
	"slices"
)

const (
	// exactSources is how many different values are counted exactly; from there
	// on the count is an estimate whose standard error is 0.8 %.
	exactSources = 4096
	sketchBits   = 14 // 16384 registers, 1.04/sqrt(16384)
)

// distinct counts different values: exactly while they are few, then by a
// HyperLogLog sketch. Two of them can be joined.
type distinct struct {
	exact  map[uint64]struct{}
	sketch []uint8 // nil while exact
}

func newDistinct() *distinct { return &distinct{exact: make(map[uint64]struct{})} }

func (d *distinct) add(value string) {
	if value != "" {
		d.hash(hashOf(value))
	}
}

// hashOf is the same in every process: sketches are stored.
func hashOf(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // never fails
	x := h.Sum64()
	// FNV leaves the high bits of short values alike: the finish of MurmurHash3.
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

func (d *distinct) hash(h uint64) {
	if d.sketch != nil {
		d.mark(h)
		return
	}
	d.exact[h] = struct{}{}
	if len(d.exact) > exactSources {
		d.estimate()
	}
}

// estimate goes over to the sketch.
func (d *distinct) estimate() {
	if d.sketch != nil {
		return
	}
	d.sketch = make([]uint8, 1<<sketchBits)
	for h := range d.exact {
		d.mark(h)
	}
	d.exact = nil
}

func (d *distinct) mark(h uint64) {
	at := h >> (64 - sketchBits)
	rank := uint8(min(bits.LeadingZeros64(h<<sketchBits), 64-sketchBits) + 1)
	d.sketch[at] = max(d.sketch[at], rank)
}

// merge joins the values of another.
func (d *distinct) merge(o *distinct) {
	for h := range o.exact {
		d.hash(h)
	}
	if o.sketch == nil {
		return
	}
	d.estimate()
	for i, rank := range o.sketch {
		d.sketch[i] = max(d.sketch[i], rank)
	}
}

// count returns how many values there are, and whether that is exact.
func (d *distinct) count() (n uint64, exact bool) {
	if d.sketch == nil {
		return uint64(len(d.exact)), true
	}
	const m = 1 << sketchBits
	sum, empty := 0.0, 0
	for _, rank := range d.sketch {
		sum += math.Pow(2, -float64(rank))
		if rank == 0 {
			empty++
		}
	}
	est := 0.7213 / (1 + 1.079/m) * m * m / sum
	if est <= 2.5*m && empty > 0 {
		est = m * math.Log(m/float64(empty)) // linear counting, better while few
	}
	return uint64(est + 0.5), false
}

func (d *distinct) clone() *distinct {
	return &distinct{exact: maps.Clone(d.exact), sketch: bytes.Clone(d.sketch)}
}

type storedDistinct struct {
	Exact  []uint64 `json:"exact,omitempty"`
	Sketch []byte   `json:"sketch,omitempty"`
}

// MarshalJSON stores the values' hashes, or the sketch.
func (d *distinct) MarshalJSON() ([]byte, error) {
	return json.Marshal(storedDistinct{Exact: slices.Sorted(maps.Keys(d.exact)), Sketch: d.sketch})
}

// UnmarshalJSON reads what was stored.
func (d *distinct) UnmarshalJSON(b []byte) error {
	var s storedDistinct
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	switch {
	case s.Sketch != nil && len(s.Sketch) != 1<<sketchBits:
		return fmt.Errorf("sketch of %d registers", len(s.Sketch))
	case len(s.Exact) > exactSources || s.Sketch != nil && s.Exact != nil:
		return errors.New("too many values")
	}
	for _, rank := range s.Sketch {
		if rank > 64-sketchBits+1 {
			return errors.New("register out of range")
		}
	}
	*d = distinct{sketch: s.Sketch}
	if s.Sketch == nil {
		d.exact = make(map[uint64]struct{}, len(s.Exact))
		for _, h := range s.Exact {
			d.exact[h] = struct{}{}
		}
	}
	return nil
}
