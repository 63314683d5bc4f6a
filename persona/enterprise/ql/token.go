package ql

import (
	"encoding/base64"
	"math/bits"
	"strings"
)

// Key signs the tokens that lead to the next page of a result. It is SipHash-2-4
// (Aumasson and Bernstein, 2012) under a secret of the deployment: a token that
// somebody made up or changed is not one of ours, and tokens give the secret away
// to nobody. The standard library has no keyed hash that is as small in a guest.
type Key struct{ k0, k1 uint64 }

// NewKey derives a key from a deployment's seed.
func NewKey(seed uint64) Key {
	k := Key{seed, ^seed}
	return Key{k.Sum("page token", 0), k.Sum("page token", 1)}
}

// Sum is the keyed hash of a text and a number.
func (k Key) Sum(text string, n uint64) uint64 {
	h := sip{k.k0 ^ 0x736f6d6570736575, k.k1 ^ 0x646f72616e646f6d, k.k0 ^ 0x6c7967656e657261, k.k1 ^ 0x7465646279746573}
	total := len(text) + 8
	for ; len(text) >= 8; text = text[8:] {
		h.add(load8(text, 0))
	}
	h.add(n)
	last := uint64(total) << 56
	for i := range len(text) {
		last |= uint64(text[i]) << (8 * i)
	}
	h.add(last)
	h.c ^= 0xff
	for range 4 {
		h.round()
	}
	return h.a ^ h.b ^ h.c ^ h.d
}

type sip struct{ a, b, c, d uint64 }

func (h *sip) add(m uint64) {
	h.d ^= m
	h.round()
	h.round()
	h.a ^= m
}

func (h *sip) round() {
	h.a += h.b
	h.c += h.d
	h.b, h.d = bits.RotateLeft64(h.b, 13)^h.a, bits.RotateLeft64(h.d, 16)^h.c
	h.a = bits.RotateLeft64(h.a, 32)
	h.c += h.b
	h.a += h.d
	h.b, h.d = bits.RotateLeft64(h.b, 17)^h.c, bits.RotateLeft64(h.d, 21)^h.a
	h.c = bits.RotateLeft64(h.c, 32)
}

const (
	tokenBytes = 12
	maxOffset  = 1 << 30
)

// token is a number that tells nobody where in the result it leads, and a check of
// what was asked for: the query and its arguments.
func (k Key) token(asked string, offset int) (b [tokenBytes]byte) {
	check := k.Sum(asked, uint64(offset))
	veil := uint32(offset) ^ uint32(k.Sum("veil", check))
	for i := range 8 {
		b[i] = byte(check >> (8 * i))
	}
	for i := range 4 {
		b[8+i] = byte(veil >> (8 * i))
	}
	return b
}

func (k Key) offset(asked string, b []byte) (int, bool) {
	if len(b) != tokenBytes {
		return 0, false
	}
	var check uint64
	for i := range 8 {
		check |= uint64(b[i]) << (8 * i)
	}
	veil := uint32(b[8]) | uint32(b[9])<<8 | uint32(b[10])<<16 | uint32(b[11])<<24
	at := int(veil ^ uint32(k.Sum("veil", check)))
	return at, at > 0 && at < maxOffset && check == k.Sum(asked, uint64(at))
}

// Web writes a token in the base64 of URLs.
func (k Key) Web(asked string, offset int) string {
	b := k.token(asked, offset)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// FromWeb returns the offset of a token of Web for the same question.
func (k Key) FromWeb(asked, token string) (int, bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, false
	}
	return k.offset(asked, b)
}

// Package encoding/hex brings fmt with it, half a megabyte in a guest.
const hexDigits = "0123456789abcdef"

// Hex writes a token in hexadecimal digits.
func (k Key) Hex(asked string, offset int) string {
	out := make([]byte, 0, 2*tokenBytes)
	for _, c := range k.token(asked, offset) {
		out = append(out, hexDigits[c>>4], hexDigits[c&15])
	}
	return string(out)
}

// FromHex returns the offset of a token of Hex for the same question.
func (k Key) FromHex(asked, token string) (int, bool) {
	if len(token) != 2*tokenBytes {
		return 0, false
	}
	b := make([]byte, tokenBytes)
	for i := range b {
		high, low := strings.IndexByte(hexDigits, token[2*i]), strings.IndexByte(hexDigits, token[2*i+1])
		if high < 0 || low < 0 {
			return 0, false
		}
		b[i] = byte(high<<4 | low)
	}
	return k.offset(asked, b)
}
