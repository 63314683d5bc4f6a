package agent

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A unit that hides the kernel's settings does not shorten the decoy's queue.
func TestWiden(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var queue uint32
	look := func(fd uintptr) {
		info, e := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err = errors.Join(err, e); e == nil {
			queue = info.Sacked // of a socket that listens: how many may wait
		}
	}
	narrow := func(fd uintptr) { err = syscall.Listen(int(fd), 7) }
	if e := errors.Join(raw.Control(narrow), raw.Control(look)); e != nil || err != nil || queue != 7 {
		t.Fatalf("%d may wait, %v, %v", queue, e, err)
	}
	widen(l)
	if e := raw.Control(look); e != nil || err != nil || queue < 128 {
		t.Errorf("%d may wait, %v, %v", queue, e, err)
	}
}
