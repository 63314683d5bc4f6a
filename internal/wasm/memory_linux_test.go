package wasm

import "testing"

func TestMappedMemory(t *testing.T) {
	m := newMemory()
	lm := m.Allocate(0, 4*pageSize)
	one := lm.Reallocate(pageSize)
	one[0], one[pageSize-1] = 1, 2
	four := lm.Reallocate(4 * pageSize)
	if &one[0] != &four[0] || four[pageSize-1] != 2 || four[pageSize] != 0 {
		t.Error("growing moved or spoilt the memory")
	}
	if lm.Reallocate(5*pageSize) != nil {
		t.Error("memory grew over its maximum")
	}
	lm.Free()
	m.Free()
	if lm.Reallocate(pageSize) != nil {
		t.Error("freed memory can be used")
	}
}

func TestMappedMemoryThatCannotBeHad(t *testing.T) {
	m := newMemory()
	if b := m.Allocate(0, 1<<62).Reallocate(pageSize); b != nil {
		t.Errorf("got %d bytes", len(b))
	}
	m.Free()
}
