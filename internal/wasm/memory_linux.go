package wasm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// mapped is linear memory that reserves its largest size once and costs only the
// pages a guest has touched. Growing never copies.
type mapped struct{ all []byte }

// newMemory makes one instance's memory. It returns nil where the platform's
// default is to be used.
func newMemory() *mapped { return &mapped{} }

var _ experimental.MemoryAllocator = (*mapped)(nil)

const protection = unix.PROT_READ | unix.PROT_WRITE

// Allocate implements [experimental.MemoryAllocator]. A module has one memory.
func (m *mapped) Allocate(_, most uint64) experimental.LinearMemory {
	const flags = unix.MAP_PRIVATE | unix.MAP_ANON | unix.MAP_NORESERVE
	if all, err := unix.Mmap(-1, 0, int(max(most, pageSize)), protection, flags); err == nil {
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

// show replaces the memory's beginning by pages, which are shared until they are
// written to.
func (m *mapped) show(p *pages) error {
	if p.size > int64(len(m.all)) {
		return errors.New("it is larger than the memory may be")
	}
	if p.size == 0 {
		return nil
	}
	const flags = unix.MAP_PRIVATE | unix.MAP_FIXED | unix.MAP_NORESERVE
	_, err := unix.MmapPtr(int(p.file.Fd()), 0, unsafe.Pointer(&m.all[0]), uintptr(p.size), protection, flags)
	return err
}

// private is how many of the first size bytes are in pages that belong to this
// memory alone. It is size where the kernel does not tell.
func (m *mapped) private(size int64) int64 {
	const (
		entry   = 8 // bytes for a page in /proc/self/pagemap, see proc_pid_pagemap(5)
		present = 1<<63 | 1<<62
		shared  = 1 << 61
	)
	if size == 0 {
		return 0
	}
	file, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return size
	}
	defer func() { _ = file.Close() }() // it was only read
	page := int64(os.Getpagesize())
	first := int64(uintptr(unsafe.Pointer(&m.all[0]))) / page
	var chunk [512 * entry]byte
	own := int64(0)
	for done, all := int64(0), size/page; done < all; {
		n := min(all-done, int64(len(chunk)/entry))
		if _, err := file.ReadAt(chunk[:n*entry], (first+done)*entry); err != nil {
			return size
		}
		for i := range n {
			if e := binary.LittleEndian.Uint64(chunk[i*entry:]); e&present != 0 && e&shared == 0 {
				own += page
			}
		}
		done += n
	}
	return own
}

// Free implements [experimental.LinearMemory]. It may be called again.
func (m *mapped) Free() {
	if m.all != nil {
		_ = unix.Munmap(m.all) // fails for arguments that Mmap did not return
		m.all = nil
	}
}

// pages are the contents of a memory, in a file that is in memory only and that
// nobody can write to any more.
type pages struct {
	file *os.File
	size int64
}

func newPages(all []byte) (*pages, error) {
	file, err := memoryFile()
	if err != nil {
		return nil, err
	}
	p := &pages{file: file, size: int64(len(all))}
	if err := p.fill(all); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func memoryFile() (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("guest", flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // Linux before 6.3
		fd, err = unix.MemfdCreate("guest", flags)
	}
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	return os.NewFile(uintptr(fd), "guest"), nil
}

// fill writes what is not zero: the rest is a hole, which costs nothing.
func (p *pages) fill(all []byte) error {
	if err := p.file.Truncate(p.size); err != nil {
		return err
	}
	zero := make([]byte, os.Getpagesize())
	for at := 0; at < len(all); at += len(zero) {
		page := all[at:min(at+len(zero), len(all))]
		if bytes.Equal(page, zero) {
			continue
		}
		if _, err := p.file.WriteAt(page, int64(at)); err != nil {
			return err
		}
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(p.file.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}

// close frees the pages that no instance shares.
func (p *pages) close() { _ = p.file.Close() } // nothing is left to be written
