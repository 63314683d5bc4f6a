package meter

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// memoryOf applies a data section to a memory, as an instantiation does.
func memoryOf(t testing.TB, body []byte) []byte {
	t.Helper()
	mem := make([]byte, 1<<16)
	segments, ok := activeSegments(body)
	if !ok && len(segments) == 0 {
		// activeSegments refuses a single segment: read it by hand.
		r := &reader{b: body}
		if r.count(maxSegments) == 0 {
			return mem
		}
		r.u32()
		r.byte()
		offset, _ := r.i32()
		r.byte()
		copy(mem[uint32(offset):], r.take(r.u32()))
		return mem
	}
	for _, s := range segments {
		copy(mem[s.offset:], s.init)
	}
	return mem
}

func dataSection(segments ...dataSegment) []byte {
	out := appendU32(nil, uint32(len(segments)))
	for _, s := range segments {
		out = appendI32(append(out, 0, opI32Const), int32(s.offset))
		out = append(appendU32(append(out, opEnd), uint32(len(s.init))), s.init...)
	}
	return out
}

func TestJoinData(t *testing.T) {
	tests := []struct {
		name string
		in   []dataSegment
		want int // segments
	}{
		{"neighbours", []dataSegment{{0, []byte("ab")}, {2, []byte("cd")}}, 1},
		{"a gap", []dataSegment{{0, []byte("ab")}, {2 + maxDataGap, []byte("cd")}}, 1},
		{"a wide gap", []dataSegment{{0, []byte("ab")}, {3 + maxDataGap, []byte("cd")}}, 2},
		{"out of order", []dataSegment{{100, []byte("ab")}, {90, []byte("cd")}, {200, []byte("e")}}, 2},
		{"overlapping", []dataSegment{{0, []byte("abcd")}, {2, []byte("XY")}, {9, []byte("z")}}, 3},
		{"same place", []dataSegment{{5, []byte("a")}, {5, []byte("b")}}, 2},
		{"empty segment", []dataSegment{{5, nil}, {5, []byte("b")}}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := dataSection(tt.in...)
			out := joinData(in)
			r := &reader{b: out}
			if n := r.count(maxSegments); n != tt.want {
				t.Errorf("%d segments, want %d", n, tt.want)
			}
			if !bytes.Equal(memoryOf(t, in), memoryOf(t, out)) {
				t.Error("the memory differs")
			}
		})
	}
}

func TestJoinDataKeepsMemory(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var segments []dataSegment
		for range 2 + r.IntN(40) {
			init := make([]byte, r.IntN(30))
			for i := range init {
				init[i] = byte(1 + r.IntN(255))
			}
			segments = append(segments, dataSegment{uint32(r.IntN(4000)), init})
		}
		in := dataSection(segments...)
		if !bytes.Equal(memoryOf(t, in), memoryOf(t, joinData(in))) {
			t.Fatalf("the memory of %v differs", segments)
		}
	}
}

func TestI32(t *testing.T) {
	for _, v := range []int32{0, 1, 63, 64, -1, -64, -65, 8191, 8192, 1<<31 - 1, -1 << 31} {
		r := &reader{b: appendI32(nil, v)}
		if got, ok := r.i32(); !ok || got != v || len(r.b) != 0 {
			t.Errorf("%d came back as %d, %v", v, got, ok)
		}
	}
}
