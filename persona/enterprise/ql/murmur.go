package ql

import "math/bits"

// Token is the token that Cassandra's Murmur3Partitioner gives a partition key: the
// first half of MurmurHash3's 128 bits (Appleby, x64), with the last bytes taken as
// signed, as Cassandra does.
func Token(key []byte) int64 {
	const c1, c2 = 0x87c37b91114253d5, 0x4cf5ad432745937f
	var h1, h2 uint64
	n := len(key)
	for ; len(key) >= 16; key = key[16:] {
		h1 ^= bits.RotateLeft64(load8(string(key[:8]), 0)*c1, 31) * c2
		h1 = (bits.RotateLeft64(h1, 27)+h2)*5 + 0x52dce729
		h2 ^= bits.RotateLeft64(load8(string(key[8:16]), 0)*c2, 33) * c1
		h2 = (bits.RotateLeft64(h2, 31)+h1)*5 + 0x38495ab5
	}
	var k1, k2 uint64
	for i, b := range key {
		signed := uint64(int64(int8(b)))
		if i < 8 {
			k1 ^= signed << (8 * i)
		} else {
			k2 ^= signed << (8 * (i - 8))
		}
	}
	h2 ^= bits.RotateLeft64(k2*c2, 33) * c1
	h1 ^= bits.RotateLeft64(k1*c1, 31) * c2
	h1 ^= uint64(n)
	h2 ^= uint64(n)
	h1 += h2
	h2 += h1
	h1, h2 = mixed(h1), mixed(h2)
	if token := int64(h1 + h2); token != -1<<63 {
		return token
	}
	return 1<<63 - 1 // the least token is nobody's
}

func mixed(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
