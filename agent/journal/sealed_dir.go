package journal

import (
	"encoding/binary"
	"fmt"
)

// decodeBlockDir reads the directory of event blocks: the first one's offset,
// then for each its length and how far its base is above that of the one before.
func decodeBlockDir(b []byte, size int64, base uint64) ([]blockRef, error) {
	bad := fmt.Errorf("%w: directory of events", ErrDamaged)
	start, w := binary.Uvarint(b)
	if w <= 0 || start > uint64(size) {
		return nil, bad
	}
	var all []blockRef
	off := int64(start)
	for rest := b[w:]; len(rest) > 0; {
		n, w1 := binary.Uvarint(rest)
		if w1 <= 0 || n > uint64(size-off) {
			return nil, bad
		}
		delta, w2 := binary.Uvarint(rest[w1:])
		if w2 <= 0 || delta > maxSeq || base > maxSeq-delta {
			return nil, bad
		}
		base += delta
		all = append(all, blockRef{off: off, end: off + int64(n), base: base})
		off, rest = off+int64(n), rest[w1+w2:]
	}
	return all, nil
}

func encodeBlockDir(all []blockRef, start int64, base uint64) []byte {
	b := binary.AppendUvarint(nil, uint64(start))
	for _, r := range all {
		b = binary.AppendUvarint(b, uint64(r.end-r.off))
		b = binary.AppendUvarint(b, r.base-base)
		base = r.base
	}
	return b
}

func decodeMinutes(b []byte) ([]minuteRef, error) {
	var all []minuteRef
	var at minuteRef
	for len(b) > 0 {
		m, w1 := binary.Uvarint(b)
		if w1 <= 0 {
			return nil, fmt.Errorf("%w: time index", ErrDamaged)
		}
		s, w2 := binary.Uvarint(b[w1:])
		if w2 <= 0 || s > maxSeq || at.seq > maxSeq-s {
			return nil, fmt.Errorf("%w: time index", ErrDamaged)
		}
		at.minute, at.seq = at.minute+m, at.seq+s
		all, b = append(all, at), b[w1+w2:]
	}
	return all, nil
}

func encodeMinutes(all []minuteRef) (b []byte) {
	var last minuteRef
	for _, m := range all {
		b = binary.AppendUvarint(b, m.minute-last.minute)
		b = binary.AppendUvarint(b, m.seq-last.seq)
		last = m
	}
	return b
}
