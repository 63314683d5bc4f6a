package wasm

import (
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// mapped is linear memory that reserves its largest size once and costs only the
// pages a guest has touched. Growing never copies.
type mapped struct{ all []byte }

// newMemory makes one instance's memory. It returns nil where the platform's
// default is to be used.
func newMemory() *mapped { return &mapped{} }

var _ experimental.MemoryAllocator = (*mapped)(nil)

// Allocate implements [experimental.MemoryAllocator]. A module has one memory.
func (m *mapped) Allocate(_, most uint64) experimental.LinearMemory {
	const (
		access = syscall.PROT_READ | syscall.PROT_WRITE
		flags  = syscall.MAP_PRIVATE | syscall.MAP_ANON | syscall.MAP_NORESERVE
	)
	if all, err := syscall.Mmap(-1, 0, int(max(most, pageSize)), access, flags); err == nil {
		m.all = all
	}
	return m
}

// Reallocate implements [experimental.LinearMemory]: nil means that the memory
// cannot grow.
func (m *mapped) Reallocate(size uint64) []byte {
	if size > uint64(len(m.all)) {
		return nil
	}
	return m.all[:size]
}

// Free implements [experimental.LinearMemory]. It may be called again.
func (m *mapped) Free() {
	if m.all != nil {
		_ = syscall.Munmap(m.all) // fails for arguments that Mmap did not return
		m.all = nil
	}
}
