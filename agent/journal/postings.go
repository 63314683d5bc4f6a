package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"math/bits"
	"slices"
)

// A posting list is the numbers of events that have one term, in the stretch
// between two index flushes. Its key ends in the first of them. Its value is the
// shorter of two forms: the distance from each to the next, as uvarints, so empty
// when there is only one; or, behind a zero byte, which is no distance, one bit a
// number, lowest first, beginning at the multiple of 64 that is not above the first.

const bitmapForm = 0

func postingKey(t string, first uint64) []byte {
	k := make([]byte, 0, len(t)+9)
	k = append(k, t...)
	k = append(k, 0)
	return binary.BigEndian.AppendUint64(k, first)
}

// isDense reports whether the bitmap of numbers, which rise, is the shorter form:
// a distance takes a byte at least.
func isDense(seqs []uint64) bool {
	return (seqs[len(seqs)-1]-seqs[0]&^63)/8 < uint64(len(seqs)-1)
}

func encodePosting(seqs []uint64) []byte {
	if isDense(seqs) {
		return encodeBitmap(seqs)
	}
	return encodeDistances(seqs)
}

func encodeDistances(seqs []uint64) []byte {
	v := make([]byte, 0, len(seqs)*2)
	for i := 1; i < len(seqs); i++ {
		v = binary.AppendUvarint(v, seqs[i]-seqs[i-1])
	}
	return v
}

func encodeBitmap(seqs []uint64) []byte {
	base := seqs[0] &^ 63
	v := make([]byte, 2+(seqs[len(seqs)-1]-base)/8)
	v[0] = bitmapForm
	for _, n := range seqs {
		v[1+(n-base)/8] |= 1 << (n & 7)
	}
	return v
}

// word is 64 numbers and which of them match: bit i stands for base+i. The base is
// a multiple of 64. No bit is set in the word that means "none".
type word struct{ base, bits uint64 }

// upTo drops the numbers above limit.
func (w word) upTo(limit uint64) word {
	switch {
	case w.base > limit:
		w.bits = 0
	case limit-w.base < 63:
		w.bits &= 1<<(limit-w.base+1) - 1
	}
	return w
}

// highest returns the highest number that matches. There must be one.
func (w word) highest() uint64 { return w.base + uint64(bits.Len64(w.bits)) - 1 }

// addNumber puts a number into the last word, or into a new one behind it.
func addNumber(words []word, n uint64) []word {
	base, bit := n&^63, uint64(1)<<(n&63)
	if i := len(words) - 1; i >= 0 && words[i].base == base {
		words[i].bits |= bit
		return words
	}
	return append(words, word{base, bit})
}

// decodePosting puts a stored list, rising, in the place of what is in dst. The
// work is bounded by the length of v.
func decodePosting(dst []word, first uint64, v []byte) ([]word, error) {
	words, ok := addNumber(dst[:0], first), first <= maxSeq
	switch {
	case !ok:
	case len(v) > 0 && v[0] == bitmapForm:
		words, ok = decodeBitmap(dst[:0], first, v[1:])
	default:
		words, ok = decodeDistances(words, first, v)
	}
	if !ok {
		return dst[:0], fmt.Errorf("%w: posting list at seq %d", ErrDamaged, first)
	}
	return words, nil
}

func decodeDistances(words []word, last uint64, v []byte) ([]word, bool) {
	for i := 0; i < len(v); {
		d, n := uint64(v[i]), 1
		if d >= 0x80 { // most distances take one byte
			d, n = binary.Uvarint(v[i:])
		}
		if n <= 0 || d-1 >= maxSeq || last > maxSeq-d {
			return words, false
		}
		last += d
		words, i = addNumber(words, last), i+n
	}
	return words, true
}

func decodeBitmap(words []word, first uint64, v []byte) ([]word, bool) {
	base := first &^ 63
	if base > maxSeq-uint64(len(v))*8 {
		return words, false
	}
	for len(v) > 0 {
		var eight [8]byte
		n := copy(eight[:], v)
		if set := binary.LittleEndian.Uint64(eight[:]); set != 0 {
			words = append(words, word{base, set})
		}
		v, base = v[n:], base+64
	}
	ok := len(words) > 0 && words[0].base+uint64(bits.TrailingZeros64(words[0].bits)) == first
	return words, ok
}

// rising yields the numbers of words.
func rising(words []word) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for _, w := range words {
			for set := w.bits; set != 0; set &= set - 1 {
				if !yield(w.base + uint64(bits.TrailingZeros64(set))) {
					return
				}
			}
		}
	}
}

// population returns how many numbers are in words.
func population(words []word) (n uint64) {
	for _, w := range words {
		n += uint64(bits.OnesCount64(w.bits))
	}
	return n
}

// source walks the numbers of matching events from the newest to the oldest, 64
// at a time: most conjunctions are decided a word at a time.
type source interface {
	// word returns the newest word that has a matching number and whose base is
	// not above limit. Limits never rise from call to call.
	word(limit uint64) (word, error)
}

// falling yields the matching numbers that are not above limit, the highest
// first, until one cannot be found.
func falling(s source, limit uint64) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		for {
			w, err := s.word(limit)
			if err != nil {
				yield(0, err)
				return
			}
			if w.bits == 0 {
				return
			}
			for w = w.upTo(limit); w.bits != 0; {
				n := w.highest()
				if !yield(n, nil) {
					return
				}
				w.bits &^= 1 << (n & 63)
			}
			if w.base == 0 {
				return
			}
			limit = w.base - 1
		}
	}
}

// floorer is a sorted set of keys.
type floorer interface {
	// floor returns the largest key that is not above want, nil for none.
	floor(want []byte) (k, v []byte, err error)
}

// termSource matches the events that have one term.
type termSource struct {
	keys   floorer
	prefix []byte // term, 0x00
	first  uint64 // of the list at hand
	list   []word // empty before the first
	at     int    // where in it the last answer was
	now    word   // the last answer
	spent  bool
}

func newTermSource(keys floorer, t string) *termSource {
	return &termSource{keys: keys, prefix: append([]byte(t), 0)}
}

func (s *termSource) word(limit uint64) (word, error) {
	if s.now.bits != 0 && s.now.base <= limit {
		return s.now, nil
	}
	s.now = word{}
	if !s.spent && (len(s.list) == 0 || s.list[0].base > limit) {
		if err := s.load(limit | 63); err != nil {
			return word{}, err
		}
	}
	if s.spent {
		return word{}, nil
	}
	s.at = descend(s.list, s.at, limit)
	s.now = s.list[s.at]
	return s.now, s.join()
}

// join completes a word whose lower numbers are at the end of an older list.
func (s *termSource) join() error {
	for s.at == 0 && s.first > s.now.base {
		if err := s.load(s.first - 1); err != nil || s.spent {
			return err
		}
		older := s.list[s.at]
		if older.base != s.now.base {
			return nil
		}
		s.now.bits |= older.bits
	}
	return nil
}

// descend returns the index of the last word whose base is not above limit. It
// exists, and is not above from. In a conjunction it is near: a search through
// the whole list would cost more.
func descend(list []word, from int, limit uint64) int {
	high, step := from, 1
	for high-step >= 0 && list[high-step].base > limit {
		high -= step
		step *= 2
	}
	low := max(0, high-step)
	i, found := slices.BinarySearchFunc(list[low:high+1], limit, func(w word, limit uint64) int { return cmpUint(w.base, limit) })
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
	s.first = fromBE64(k[len(s.prefix):])
	s.list, err = decodePosting(s.list, s.first, v)
	s.at = len(s.list) - 1
	return err
}

// listed matches the numbers in a list, which rise.
type listed []uint64

func (l listed) word(limit uint64) (word, error) {
	i, found := slices.BinarySearch(l, limit|63)
	if !found {
		i--
	}
	if i < 0 {
		return word{}, nil
	}
	w := word{base: l[i] &^ 63}
	for ; i >= 0 && l[i] >= w.base; i-- {
		w.bits |= 1 << (l[i] & 63)
	}
	return w, nil
}

// anyOf matches what one of its sources matches.
type anyOf []source

func (a anyOf) word(limit uint64) (word, error) {
	var best word
	for _, s := range a {
		w, err := s.word(limit)
		switch {
		case err != nil:
			return word{}, err
		case w.bits == 0:
		case best.bits == 0 || w.base > best.base:
			best = w
		case w.base == best.base:
			best.bits |= w.bits
		}
	}
	return best, nil
}

// allOf matches what all of its sources match.
type allOf []source

func (a allOf) word(limit uint64) (word, error) {
	all := word{limit &^ 63, math.MaxUint64}
	for i, agreed := 0, 0; agreed < len(a); {
		w, err := a[i].word(all.base)
		switch {
		case err != nil || w.bits == 0:
			return word{}, err
		case w.base < all.base:
			all, agreed = w, 1
		default:
			all.bits &= w.bits
			agreed++
		}
		if all.bits != 0 {
			i = (i + 1) % len(a)
			continue
		}
		if all.base == 0 {
			return word{}, nil
		}
		// The source that had nothing here goes first: it is likely to be the rarest.
		all, agreed = word{all.base - 64, math.MaxUint64}, 0
	}
	return all, nil
}
