package meter

import (
	"cmp"
	"slices"
)

// maxDataGap is how many zero bytes joining two data segments may add. Go's
// linker starts a new segment at every few zeros: a guest of 4 MB has some 37,000,
// each of which costs an instance 24 bytes and a turn.
const maxDataGap = 32

// dataSegment is an active segment of memory 0 at a constant offset.
type dataSegment struct {
	offset uint32
	init   []byte
}

func (s dataSegment) end() uint64 { return uint64(s.offset) + uint64(len(s.init)) }

// joinData returns a data section with neighbouring segments joined, or the
// section as it is when it holds anything but active segments that do not
// overlap. A new memory is zero, so that zeros in between change nothing.
func joinData(body []byte) []byte {
	segments, ok := activeSegments(body)
	if !ok {
		return body
	}
	slices.SortFunc(segments, func(a, b dataSegment) int { return cmp.Compare(a.offset, b.offset) })
	joined := segments[:0:0]
	for _, s := range segments {
		if len(joined) > 0 {
			last := &joined[len(joined)-1]
			if uint64(s.offset) < last.end() {
				return body
			}
			if gap := uint64(s.offset) - last.end(); gap <= maxDataGap {
				last.init = append(last.init, make([]byte, gap)...)
				last.init = append(last.init, s.init...)
				continue
			}
		}
		joined = append(joined, dataSegment{s.offset, slices.Clone(s.init)})
	}
	out := appendU32(make([]byte, 0, len(body)), uint32(len(joined)))
	for _, s := range joined {
		out = appendI32(append(out, 0, opI32Const), int32(s.offset))
		out = appendU32(append(out, opEnd), uint32(len(s.init)))
		out = append(out, s.init...)
	}
	return out
}

func activeSegments(body []byte) ([]dataSegment, bool) {
	r := &reader{b: body}
	n := r.count(maxSegments)
	segments := make([]dataSegment, 0, n)
	for range n {
		if r.u32() != 0 || r.byte() != opI32Const {
			return nil, false
		}
		offset, ok := r.i32()
		if !ok || r.byte() != opEnd {
			return nil, false
		}
		segments = append(segments, dataSegment{uint32(offset), r.take(r.u32())})
		if r.err != nil {
			return nil, false
		}
	}
	return segments, len(segments) > 1
}

// i32 reads a signed LEB128 number of 32 bits.
func (r *reader) i32() (int32, bool) {
	var v int64
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		v |= int64(b&0x7f) << shift
		if b&0x80 != 0 {
			continue
		}
		if b&0x40 != 0 {
			v |= -1 << (shift + 7)
		}
		return int32(v), r.err == nil && v >= -1<<31 && v < 1<<31
	}
	return 0, false
}

func appendI32(b []byte, v int32) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if (v == 0 && c&0x40 == 0) || (v == -1 && c&0x40 != 0) {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}
