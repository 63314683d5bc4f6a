package agent

import (
	"net"
	"syscall"
)

// waiting is how many connections may wait to be accepted; the kernel has its own
// limit, and the lower one counts.
const waiting = 1<<16 - 1

// widen has as many connections wait as the kernel allows. Go reads that number in
// /proc, where it is hidden from a hardened unit, and takes 128 instead.
func widen(l net.Listener) {
	t, ok := l.(*net.TCPListener)
	if !ok {
		return
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _ = syscall.Listen(int(fd), waiting) }) // it listens in any case
}
