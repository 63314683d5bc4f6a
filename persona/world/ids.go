package world

import "strconv"

const (
	hexDigits = "0123456789abcdef"
	base32    = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	base62    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	sfCheck   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
)

// text returns n characters of the alphabet.
func (r *roll) text(alphabet string, n int) string {
	b := make([]byte, n)
	if len(alphabet) != 64 {
		for i := range b {
			b[i] = alphabet[r.below(len(alphabet))]
		}
		return string(b)
	}
	for i := 0; i < n; {
		for v, k := r.next(), 0; k < 10 && i < n; k++ {
			b[i] = alphabet[v&63]
			v >>= 6
			i++
		}
	}
	return string(b)
}

func (r *roll) hex(n int) string {
	b := make([]byte, 0, n+16)
	for len(b) < n {
		v := r.next()
		b = b[:len(b)+16]
		store8(b[len(b)-16:], hex8(v&0xffffffff))
		store8(b[len(b)-8:], hex8(v>>32))
	}
	return string(b[:n])
}

// hex8 spreads 32 bits to eight hexadecimal digits, the lowest first.
func hex8(v uint64) uint64 {
	const ones = 0x0101010101010101
	v = (v | v<<16) & 0x0000ffff0000ffff
	v = (v | v<<8) & 0x00ff00ff00ff00ff
	v = (v | v<<4) & 0x0f0f0f0f0f0f0f0f
	letters := (v + 6*ones) >> 4 & ones // 1 where the digit is above 9
	return v + '0'*ones + letters*('a'-'0'-10)
}

// uuid is a version 4 UUID.
func (r *roll) uuid() string {
	h := []byte(r.hex(32))
	h[12], h[16] = '4', "89ab"[r.below(4)]
	return string(h[:8]) + "-" + string(h[8:12]) + "-" + string(h[12:16]) + "-" + string(h[16:20]) + "-" + string(h[20:])
}

// timeUUID is a version 1 UUID that carries the time, as Cassandra's timeuuid.
func (r *roll) timeUUID(unix int64) string {
	const gregorian = 0x01b21dd213814000 // 1582-10-15 to 1970-01-01 in 100 ns
	ticks := uint64(unix)*10_000_000 + uint64(r.below(10_000_000)) + gregorian
	low, mid, high := hexN(ticks&0xffffffff, 8), hexN(ticks>>32&0xffff, 4), hexN(ticks>>48&0x0fff, 3)
	return low + "-" + mid + "-1" + high + "-" + string("89ab"[r.below(4)]) + r.hex(3) + "-" + r.hex(12)
}

func hexN(v uint64, n int) string {
	b := make([]byte, n)
	for i := n - 1; i >= 0; i-- {
		b[i] = hexDigits[v&15]
		v >>= 4
	}
	return string(b)
}

// slackID is an id such as U04K2M9QX1B.
func (r *roll) slackID(kind string) string { return kind + "0" + r.text(base32, 9) }

// driveID is a Google Drive file id of 44 characters (documents) or 33 (other files).
func (r *roll) driveID(n int) string { return "1" + r.text(base64url, n-1) }

// salesforceID is a 15 character id of the key prefix and its 3 check characters.
// The serial rises with creation.
func salesforceID(prefix, pod string, serial int) string {
	id := []byte(prefix + pod + "000000000")[:15]
	for i := 14; i > 5 && serial > 0; i-- {
		id[i] = base62[serial%62]
		serial /= 62
	}
	return string(id) + SalesforceChecksum(string(id))
}

// SalesforceChecksum returns the three characters that make a 15 character
// Salesforce id safe against case folding: one bit per upper-case letter.
func SalesforceChecksum(id string) string {
	var out [3]byte
	for c := range out {
		bits := 0
		for j := range 5 {
			if i := c*5 + j; i < len(id) && id[i] >= 'A' && id[i] <= 'Z' {
				bits |= 1 << j
			}
		}
		out[c] = sfCheck[bits]
	}
	return string(out[:])
}

// lower joins parts with spaces and lowers their ASCII letters: the text that
// searches look at.
func lower(parts ...string) string {
	n := 0
	for _, p := range parts {
		n += len(p) + 1
	}
	b := make([]byte, 0, n)
	for i, p := range parts {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, p...)
	}
	lowerASCII(b)
	return string(b)
}

// lowerASCII lowers eight letters at a time: under a deadline, a jump costs a
// guest far more than arithmetic.
func lowerASCII(b []byte) {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; len(b) >= 8; b = b[8:] {
		w := load8(b)
		low := w &^ tops
		upper := (low + (0x80-'A')*ones) &^ (low + (0x7f-'Z')*ones) &^ w & tops
		store8(b, w|upper>>2)
	}
	for i, c := range b {
		if c-'A' < 26 {
			b[i] = c + 'a' - 'A'
		}
	}
}

// load8 and store8 are encoding/binary's, which would bring reflection into the
// guest.
func load8(b []byte) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func store8(b []byte, v uint64) {
	_ = b[7]
	b[0], b[1], b[2], b[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
	b[4], b[5], b[6], b[7] = byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56)
}

func pad(n, width int) string {
	s := strconv.Itoa(n)
	for len(s) < width {
		s = "0" + s
	}
	return s
}
