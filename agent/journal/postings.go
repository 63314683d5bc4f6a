package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// A posting list is the numbers of events that have one term, in the stretch
// between two index flushes. Its key ends in the first of them; its value is the
// distance from each to the next, as uvarints, and empty when there is only one.

func postingKey(t string, first uint64) []byte {
	k := make([]byte, 0, len(t)+9)
	k = append(k, t...)
	k = append(k, 0)
	return binary.BigEndian.AppendUint64(k, first)
}

func encodePosting(seqs []uint64) []byte {
	v := make([]byte, 0, len(seqs)*2)
	for i := 1; i < len(seqs); i++ {
		v = binary.AppendUvarint(v, seqs[i]-seqs[i-1])
	}
	return v
}

// decodePosting puts the numbers of a stored list, rising, in the place of those
// in dst. The work is bounded by the length of v.
func decodePosting(dst []uint64, first uint64, v []byte) ([]uint64, error) {
	bad := func() ([]uint64, error) { return dst[:0], fmt.Errorf("%w: posting list at seq %d", ErrDamaged, first) }
	seqs, last := append(slices.Grow(dst[:0], 1+len(v)), first), first
	if first > maxSeq {
		return bad()
	}
	for i := 0; i < len(v); {
		d, n := uint64(v[i]), 1
		if d >= 0x80 { // most distances take one byte
			d, n = binary.Uvarint(v[i:])
		}
		if n <= 0 || d-1 >= maxSeq || last > maxSeq-d {
			return bad()
		}
		last += d
		seqs, i = append(seqs, last), i+n
	}
	return seqs, nil
}

// source walks the numbers of matching events from the newest to the oldest.
type source interface {
	// atMost returns the largest matching number that is not above limit, and
	// 0 when there is none. Limits never rise from call to call.
	atMost(limit uint64) (uint64, error)
}

// floorer is a sorted set of keys.
type floorer interface {
	// floor returns the largest key that is not above want, nil for none.
	floor(want []byte) (k, v []byte, err error)
}

// termSource matches the events that have one term.
type termSource struct {
	keys   floorer
	prefix []byte   // term, 0x00
	block  []uint64 // the list at hand, empty before the first
	at     int      // where in it the last answer was
	spent  bool
}

func newTermSource(keys floorer, t string) *termSource {
	return &termSource{keys: keys, prefix: append([]byte(t), 0)}
}

func (s *termSource) atMost(limit uint64) (uint64, error) {
	if s.spent {
		return 0, nil
	}
	if len(s.block) == 0 || s.block[0] > limit {
		if err := s.load(limit); err != nil || s.spent {
			return 0, err
		}
	}
	s.at = descend(s.block, s.at, limit)
	return s.block[s.at], nil
}

// descend returns the index of the largest number that is not above limit. It
// exists, and is not above from. In a conjunction it is near: a search through
// the whole list would cost more.
func descend(list []uint64, from int, limit uint64) int {
	high, step := from, 1
	for high-step >= 0 && list[high-step] > limit {
		high -= step
		step *= 2
	}
	low := max(0, high-step)
	i, found := slices.BinarySearch(list[low:high+1], limit)
	if !found {
		i--
	}
	return low + i
}

// load finds the newest list that begins at or below limit.
func (s *termSource) load(limit uint64) error {
	k, v, err := s.keys.floor(binary.BigEndian.AppendUint64(slices.Clip(s.prefix), limit))
	if err != nil {
		return err
	}
	if k == nil || len(k) != len(s.prefix)+8 || !bytes.HasPrefix(k, s.prefix) {
		s.spent = true
		return nil
	}
	s.block, err = decodePosting(s.block, fromBE64(k[len(s.prefix):]), v)
	s.at = len(s.block) - 1
	return err
}

// listed matches the numbers in a list, which rise.
type listed []uint64

func (l listed) atMost(limit uint64) (uint64, error) {
	i, found := slices.BinarySearch(l, limit)
	if found {
		return limit, nil
	}
	if i == 0 {
		return 0, nil
	}
	return l[i-1], nil
}

// anyOf matches what one of its sources matches.
type anyOf []source

func (a anyOf) atMost(limit uint64) (uint64, error) {
	var best uint64
	for _, s := range a {
		n, err := s.atMost(limit)
		if err != nil {
			return 0, err
		}
		best = max(best, n)
	}
	return best, nil
}

// allOf matches what all of its sources match.
type allOf []source

func (a allOf) atMost(limit uint64) (uint64, error) {
	for agreed := 0; agreed < len(a); {
		agreed = 0
		for _, s := range a {
			n, err := s.atMost(limit)
			if err != nil || n == 0 {
				return 0, err
			}
			if n == limit {
				agreed++
			}
			limit = n
		}
	}
	return limit, nil
}
