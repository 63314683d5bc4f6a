package sandbox

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// abi is a way into the kernel: its calls by their numbers there. It may have no
// socketcall: 0.
type abi struct {
	arch                       uint32
	seccomp                    uint32
	keyctl, addKey, requestKey uint32
	socket, socketpair         uint32
	socketcall                 uint32
	ioSetup                    []uint32
}

// abis are those of the machines that boxes are made on, 32-bit programs included.
// x32 has the numbers of x86-64 with one more bit, and a few of its own. On others no
// call is allowed: a box is not made there.
var abis = []abi{
	{unix.AUDIT_ARCH_X86_64, 317, 250, 248, 249, 41, 53, 0, []uint32{206, 543}},
	{unix.AUDIT_ARCH_I386, 354, 288, 286, 287, 359, 360, 102, []uint32{245}},
	{unix.AUDIT_ARCH_AARCH64, 277, 219, 217, 218, 198, 199, 0, []uint32{0}},
	{unix.AUDIT_ARCH_ARM, 383, 311, 309, 310, 281, 288, 102, []uint32{243}},
	{unix.AUDIT_ARCH_RISCV64, 277, 219, 217, 218, 198, 199, 0, []uint32{0}},
}

// unsealed are families of sockets that lead out of a network namespace: to the
// machine that this one is a guest of, and to other processors on the board.
var unsealed = []uint32{unix.AF_VSOCK, unix.AF_QIPCRTR}

// Offsets in struct seccomp_data. Of an argument only the lower half is read, as the
// kernel does with these.
const (
	dataNr   = 0
	dataArch = 4
	dataArg0 = 16
	dataArg1 = 24
)

const x32 = 0x40000000

// sealingFilter is a seccomp filter, as bwrap takes it, for what no namespace seals:
// sockets of the families unsealed, and the keys of the user who audits. It also
// refuses filters with a listener, whose answers would go before a tracer's and hide
// calls from it; others may be installed. A 32-bit program that makes sockets by
// socketcall gets none, since the family cannot be seen. Nor is there the asynchronous
// input and output of before io_uring: a socket can be written to by it, which no
// tracer shows. No tracer sees what is refused here, so nothing may be that is to be
// reported.
//
// denyIoUring makes io_uring not exist, too. Its three calls have one number in every
// ABI, as all calls since 424 do.
func sealingFilter(denyIoUring bool) []byte {
	var filter []unix.SockFilter
	if denyIoUring {
		for nr := uint32(unix.SYS_IO_URING_SETUP); nr <= unix.SYS_IO_URING_REGISTER; nr++ {
			filter = append(filter, refuse(nr, unix.ENOSYS)...)
		}
	}
	for _, a := range abis {
		rules := append(a.rules(), stmt(unix.BPF_RET, unix.SECCOMP_RET_ALLOW))
		filter = append(filter, load(dataArch), jump(unix.BPF_JEQ, a.arch, len(rules)))
		filter = append(filter, rules...)
	}
	filter = append(filter, fail(unix.ENOSYS))
	var b bytes.Buffer
	_ = binary.Write(&b, binary.NativeEndian, filter) // a buffer takes everything
	return b.Bytes()
}

// rules refuse calls of one ABI; what is left goes on behind them.
func (a abi) rules() []unix.SockFilter {
	rules := refuse(a.seccomp, unix.EPERM, load(dataArg1), jump(unix.BPF_JSET, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, 1))
	for _, nr := range append([]uint32{a.keyctl, a.addKey, a.requestKey}, a.ioSetup...) {
		rules = append(rules, refuse(nr, unix.ENOSYS)...)
	}
	for _, nr := range []uint32{a.socket, a.socketpair} {
		for _, family := range unsealed {
			rules = append(rules, refuse(nr, unix.EAFNOSUPPORT, load(dataArg0), jump(unix.BPF_JEQ, family, 1))...)
		}
	}
	if a.socketcall != 0 {
		for _, what := range []uint32{1, 8} { // SYS_SOCKET, SYS_SOCKETPAIR
			rules = append(rules, refuse(a.socketcall, unix.EAFNOSUPPORT, load(dataArg0), jump(unix.BPF_JEQ, what, 1))...)
		}
	}
	return rules
}

// refuse lets a call fail, if a condition holds: a load and a jump over one.
func refuse(nr uint32, errno unix.Errno, condition ...unix.SockFilter) []unix.SockFilter {
	rule := []unix.SockFilter{load(dataNr), stmt(unix.BPF_ALU|unix.BPF_AND, ^uint32(x32)), jump(unix.BPF_JEQ, nr, len(condition)+1)}
	return append(append(rule, condition...), fail(errno))
}

func load(offset uint32) unix.SockFilter { return stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, offset) }

func fail(errno unix.Errno) unix.SockFilter {
	return stmt(unix.BPF_RET, unix.SECCOMP_RET_ERRNO|uint32(errno))
}

func stmt(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }

// jump goes on if the test holds, and else over some.
func jump(test uint16, k uint32, over int) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | test, Jf: uint8(over), K: k}
}
