package pgsql

import (
	"math"
	"math/bits"
)

// md5Text is MD5 in hexadecimal (RFC 1321). The standard library's package would
// make a guest a megabyte larger.
func md5Text(s string) string {
	shifts := [...]int{7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21}
	var table [64]uint32
	for i := range table {
		table[i] = uint32(math.Floor(math.Abs(math.Sin(float64(i+1))) * (1 << 32)))
	}
	state := [4]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}
	msg := append([]byte(s), 0x80)
	for len(msg)%64 != 56 {
		msg = append(msg, 0)
	}
	msg = appendInt(msg, int64(len(s))*8)
	for ; len(msg) > 0; msg = msg[64:] {
		a, b, c, d := state[0], state[1], state[2], state[3]
		for i := range 64 {
			var f uint32
			g := i
			switch i / 16 {
			case 0:
				f = b&c | ^b&d
			case 1:
				f, g = d&b|^d&c, 5*i+1
			case 2:
				f, g = b^c^d, 3*i+5
			default:
				f, g = c^(b|^d), 7*i
			}
			g = g % 16 * 4
			word := uint32(msg[g]) | uint32(msg[g+1])<<8 | uint32(msg[g+2])<<16 | uint32(msg[g+3])<<24
			f += a + table[i] + word
			a, d, c = d, c, b
			b += bits.RotateLeft32(f, shifts[i/16*4+i%4])
		}
		state[0], state[1], state[2], state[3] = state[0]+a, state[1]+b, state[2]+c, state[3]+d
	}
	var out []byte
	for _, n := range state {
		out = append(out, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	}
	return hexText(string(out))
}
