package squeeze

import "encoding/binary"

// The packed form is that of LZ4 blocks: a byte with a count of literals (high
// half) and of the match's bytes beyond four (low half), 15 in either continued in
// bytes of 255; the literals; the match's distance in two bytes. The last sequence
// has literals only. So that the unpacker may copy eight bytes at a time, no match
// is nearer than that, and the end is literals.
const (
	minMatch    = 4
	minDistance = 8
	maxDistance = 1<<16 - 1
	tail        = 16 // literals at the end, at least
	slack       = 16 // bytes behind the image and the packed image that the unpacker may touch
	hashBits    = 16
	searchDepth = 512 // earlier places that are tried
)

func pack(image []byte) []byte {
	p := &packer{in: image, prev: make([]int32, len(image)), out: make([]byte, 0, len(image)/3)}
	for i := range p.head {
		p.head[i] = -1
	}
	start, i := 0, 0
	for i < len(image)-tail-minMatch {
		n, from := p.longest(i)
		if n < minMatch {
			p.note(i)
			i++
			continue
		}
		// A longer match one byte later is worth a literal.
		p.note(i)
		if later, _ := p.longest(i + 1); later > n+1 {
			i++
			continue
		}
		p.sequence(image[start:i], n, i-from)
		for k := i + 1; k < i+n && k < len(image)-minMatch; k++ {
			p.note(k)
		}
		i += n
		start = i
	}
	p.sequence(image[start:], 0, 0)
	return p.out
}

type packer struct {
	in   []byte
	out  []byte
	head [1 << hashBits]int32 // the latest place of four bytes with a hash
	prev []int32              // the one before it
}

func (p *packer) hash(i int) uint32 {
	return binary.LittleEndian.Uint32(p.in[i:]) * 2654435761 >> (32 - hashBits)
}

func (p *packer) note(i int) {
	h := p.hash(i)
	p.prev[i], p.head[h] = p.head[h], int32(i)
}

// longest finds the longest match for what stands at i.
func (p *packer) longest(i int) (best, from int) {
	limit := len(p.in) - tail - i
	if limit < minMatch {
		return 0, 0
	}
	at := p.head[p.hash(i)]
	for range searchDepth {
		if at < 0 || i-int(at) > maxDistance {
			break
		}
		if i-int(at) >= minDistance {
			n := 0
			for n < limit && p.in[int(at)+n] == p.in[i+n] {
				n++
			}
			if n > best {
				best, from = n, int(at)
			}
			if n == limit || n > 1<<12 {
				break
			}
		}
		at = p.prev[at]
	}
	return best, from
}

// sequence writes literals and a match, or the end.
func (p *packer) sequence(literals []byte, n, distance int) {
	match := max(n-minMatch, 0)
	p.out = append(p.out, byte(min(len(literals), 15)<<4|min(match, 15)))
	p.more(len(literals))
	p.out = append(p.out, literals...)
	if n > 0 {
		p.out = binary.LittleEndian.AppendUint16(p.out, uint16(distance))
		p.more(match)
	}
}

func (p *packer) more(n int) {
	if n < 15 {
		return
	}
	for n -= 15; n >= 255; n -= 255 {
		p.out = append(p.out, 255)
	}
	p.out = append(p.out, byte(n))
}
