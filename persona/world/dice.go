package world

import "math/bits"

// dice is a keyed pseudo-random function, SipHash-1-3. It is one-way as far as a
// seed of 64 bits can be: its keys are words of the function that has the seed
// for its key, so that no number of words that appear in answers tells another
// one, and the seed is found by trying all seeds or not at all.
type dice struct{ k0, k1 uint64 }

func newDice(seed uint64) dice {
	const version = 0x6b6c6472776c6431 // "kldrwld1"
	d := dice{seed, version}
	return dice{d.word(0, 1), d.word(0, 2)}
}

// sub derives an independent function for a label.
func (d dice) sub(label string) dice {
	h0, h1 := d.word(1, uint64(len(label))), d.word(2, uint64(len(label)))
	for len(label) > 0 {
		var chunk uint64
		n := min(8, len(label))
		for i := range n {
			chunk |= uint64(label[i]) << (8 * i)
		}
		h0, h1 = dice{h0, h1}.word(chunk, 1), dice{h0, h1}.word(chunk, 2)
		label = label[n:]
	}
	return dice{h0, h1}
}

// word is SipHash-1-3 of the message (i, c).
func (d dice) word(i, c uint64) uint64 {
	v0, v1 := d.k0^0x736f6d6570736575, d.k1^0x646f72616e646f6d
	v2, v3 := d.k0^0x6c7967656e657261, d.k1^0x7465646279746573
	// Written out, since a guest pays for every turn of a loop.
	const length = 16 << 56
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3^i)
	v0, v1, v2, v3 = sipRound(v0^i, v1, v2, v3^c)
	v0, v1, v2, v3 = sipRound(v0^c, v1, v2, v3^length)
	v0, v1, v2, v3 = sipRound(v0^length, v1, v2^0xff, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	return v0 ^ v1 ^ v2 ^ v3
}

func sipRound(v0, v1, v2, v3 uint64) (uint64, uint64, uint64, uint64) {
	v0 += v1
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v0 = bits.RotateLeft64(v0, 32)
	v2 += v3
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 += v3
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	v2 += v1
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v2 = bits.RotateLeft64(v2, 32)
	return v0, v1, v2, v3
}

// at starts the draws of item i.
func (d dice) at(i int) roll { return roll{d: d, i: uint64(i)} }

// roll gives the draws of one item, one after the other.
type roll struct {
	d    dice
	i, n uint64
	pool uint64 // bits not yet given out
	left int
}

func (r *roll) next() uint64 {
	r.n++
	return r.d.word(r.i, r.n)
}

// below returns a number in [0, n), 0 when n is not positive. Up to 1024 it takes
// 16 bits, so that four draws share one word. It calls little: a guest pays for
// calls as it does for loops.
func (r *roll) below(n int) int {
	if n <= 1 {
		return 0
	}
	if n > 1<<10 {
		r.n++
		hi, _ := bits.Mul64(r.d.word(r.i, r.n), uint64(n))
		return int(hi)
	}
	if r.left == 0 {
		r.n++
		r.pool, r.left = r.d.word(r.i, r.n), 4
	}
	v := r.pool & 0xffff
	r.pool >>= 16
	r.left--
	return int(v * uint64(n) >> 16)
}

// between returns a number in [lo, hi].
func (r *roll) between(lo, hi int) int { return lo + r.below(hi-lo+1) }

// chance is true in percent of 100 cases.
func (r *roll) chance(percent int) bool { return r.below(100) < percent }

func (r *roll) pick(list []string) string { return list[r.below(len(list))] }

// shuffle permutes n things.
func (r *roll) shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, r.below(i+1))
	}
}
