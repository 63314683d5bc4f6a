package journal

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"time"
)

func (z *sealed) view(_ [][]string, f func(part) error) error {
	if err := z.load(); err != nil {
		return err
	}
	return f(&sealedPart{z: z, terms: newTableReader(z, z.index), at: -1})
}

// sealedPart is a view of a sealed segment. It keeps the block at hand.
type sealedPart struct {
	z     *sealed
	terms *tableReader
	at    int // block of all, -1 for none
	all   []stored
	err   error // of that block
}

func (p *sealedPart) bounds() (first, last uint64) { return p.z.bounds() }

func (p *sealedPart) times() (from, to time.Time) { return p.z.head.From, p.z.head.To }

func (p *sealedPart) reached(minute uint64) uint64 {
	c := p.z.clock
	if i := sort.Search(len(c), func(i int) bool { return c[i].minute >= minute }); i < len(c) {
		return c[i].seq
	}
	return p.z.head.Last + 1
}

func (p *sealedPart) term(t string) source { return newTermSource(newTableReader(p.z, p.z.index), t) }

// load makes block i the one at hand.
func (p *sealedPart) load(i int) error {
	if p.at == i {
		return p.err
	}
	p.at, p.all = i, nil
	ref := p.z.blocks[i]
	b, _, err := p.z.block(magicEvents, ref.off, ref.end)
	if err == nil {
		p.all, err = b.records()
	}
	p.err = err
	return err
}

// holding returns the block that a number would be in, -1 for none.
func (p *sealedPart) holding(seq uint64) int {
	return sort.Search(len(p.z.blocks), func(i int) bool { return p.z.blocks[i].base >= seq }) - 1
}

func (p *sealedPart) record(seq uint64) ([]byte, error) {
	i := p.holding(seq)
	if i < 0 {
		return nil, nil
	}
	if err := p.load(i); err != nil {
		return nil, err
	}
	n, found := slices.BinarySearchFunc(p.all, seq, func(s stored, seq uint64) int { return cmpUint(s.seq, seq) })
	if !found {
		return nil, nil
	}
	return p.all[n].rec, nil
}

func (p *sealedPart) forward(after uint64, f func(seq uint64, rec []byte, err error) bool) error {
	for i := max(p.holding(after+1), 0); i < len(p.z.blocks); i++ {
		if err := p.load(i); err != nil {
			if last := p.lastOf(i); last > after && !f(last, nil, err) {
				return nil
			}
			continue
		}
		for _, s := range p.all {
			if s.seq > after && !f(s.seq, s.rec, nil) {
				return nil
			}
		}
	}
	return nil
}

// lastOf returns the highest number that block i can hold.
func (p *sealedPart) lastOf(i int) uint64 {
	if i+1 < len(p.z.blocks) {
		return p.z.blocks[i+1].base
	}
	return p.z.head.Last
}

func (p *sealedPart) byID(id []byte) (uint64, error) {
	k, v, err := newTableReader(p.z, p.z.ids).floor(id)
	if err != nil || !slices.Equal(k, id) {
		return 0, err
	}
	n, w := binary.Uvarint(v)
	if w <= 0 || n > maxSeq {
		return 0, fmt.Errorf("%w: id table", ErrDamaged)
	}
	return n, nil
}
