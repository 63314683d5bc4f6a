package journal

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// memory keeps posting lists as a segment's index does in a file.
type memory struct {
	keys   [][]byte
	values [][]byte
}

func (m *memory) floor(want []byte) (k, v []byte, err error) {
	i, found := slices.BinarySearchFunc(m.keys, want, slices.Compare[[]byte])
	if !found {
		i--
	}
	if i < 0 {
		return nil, nil, nil
	}
	return m.keys[i], m.values[i], nil
}

// put stores a list in pieces that end anywhere, within words too.
func (m *memory) put(r *rand.Rand, term string, seqs []uint64) {
	for len(seqs) > 0 {
		n := 1 + r.IntN(min(len(seqs), 1<<r.IntN(12)))
		m.keys = append(m.keys, postingKey(term, seqs[0]))
		m.values = append(m.values, encodePosting(seqs[:n]))
		seqs = seqs[n:]
	}
}

// draw returns about one in so many of the numbers from 1 to last, in runs.
func draw(r *rand.Rand, last, oneIn int) (seqs []uint64) {
	for n := 1; n <= last; n++ {
		if r.IntN(oneIn) == 0 {
			seqs = append(seqs, uint64(n))
		}
		if r.IntN(200) == 0 {
			n += r.IntN(300)
		}
	}
	return seqs
}

// Whatever the density and the borders of the lists, sources find what a look at
// every number finds.
func TestSourcesAgreeWithSets(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		const last = 5000
		m, sets := &memory{}, make([]map[uint64]bool, 4)
		var sources []source
		for i := range sets {
			term := string(rune('a' + i))
			seqs := draw(r, last, []int{1, 2, 9, 40, 700}[r.IntN(5)])
			sets[i] = map[uint64]bool{}
			for _, n := range seqs {
				sets[i][n] = true
			}
			cut := r.IntN(len(seqs) + 1) // the newest are in the tail
			m.put(r, term, seqs[:cut])
			sources = append(sources, anyOf{listed(seqs[cut:]), newTermSource(m, term)})
		}
		high := uint64(r.IntN(last + 100))
		query := allOf{through(last), sources[0], anyOf{sources[1], sources[2]}, sources[3]}
		var want, got []uint64
		for n := min(high, last); n > 0; n-- {
			if sets[0][n] && (sets[1][n] || sets[2][n]) && sets[3][n] {
				want = append(want, n)
			}
		}
		for n, err := range falling(query, high) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, n)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: found %d numbers, want %d\n%v\n%v", seed, len(got), len(want), got, want)
		}
	}
}

func TestDamagedPostings(t *testing.T) {
	for name, c := range map[string]struct {
		first uint64
		v     []byte
	}{
		"distance of nothing":       {7, []byte{1, 0}},
		"cut distance":              {7, []byte{0x80}},
		"beyond the last number":    {maxSeq, []byte{1}},
		"first beyond the last":     {maxSeq + 1, nil},
		"empty bitmap":              {7, []byte{0}},
		"bitmap of nothing":         {7, []byte{0, 0, 0}},
		"bitmap begins below first": {7, []byte{0, 0xc0}},
		"bitmap begins above first": {7, []byte{0, 0, 1}},
		"bitmap beyond the last":    {maxSeq, slices.Concat([]byte{0}, make([]byte, 8), []byte{1})},
	} {
		if words, err := decodePosting(nil, c.first, c.v); !errors.Is(err, ErrDamaged) || len(words) > 0 {
			t.Errorf("%s: %v, %v", name, words, err)
		}
	}
}

// A dense list takes a bit a number, a sparse one a byte or more.
func TestPostingForms(t *testing.T) {
	var dense, sparse []uint64
	for n := range uint64(1000) {
		dense, sparse = append(dense, 1+n), append(sparse, 1+n*20)
	}
	if v := encodePosting(dense); v[0] != bitmapForm || len(v) > 130 {
		t.Errorf("dense list takes %d bytes", len(v))
	}
	if v := encodePosting(sparse); v[0] == bitmapForm || len(v) != 999 {
		t.Errorf("sparse list takes %d bytes", len(v))
	}
}
