package sink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const tcpProof = "acknowledged by the receiver's TCP"

// How often the kernel is asked whether all is acknowledged.
const (
	askFirst = 50 * time.Microsecond
	askMost  = 10 * time.Millisecond
)

const established = 1 // TCP_ESTABLISHED

// acknowledged waits until the peer's TCP has acknowledged everything that was
// written. Without it, the kernel takes what is written to a connection whose
// receiver is gone, and a batch is lost that was said to be delivered.
func acknowledged(ctx context.Context, socket net.Conn) error {
	raw, err := socket.(syscall.Conn).SyscallConn()
	if err != nil {
		return fmt.Errorf("look at the connection: %w", err)
	}
	for pause := askFirst; ; pause = min(pause*2, askMost) {
		info, err := tcpInfo(raw)
		switch {
		case err != nil:
			return fmt.Errorf("look at the connection: %w", err)
		case info.State != established:
			return errors.New("the receiver ended the connection")
		case info.Unacked == 0 && info.Notsent_bytes == 0:
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return errors.New("the receiver has not acknowledged what was sent")
		}
	}
}

func tcpInfo(raw syscall.RawConn) (info *unix.TCPInfo, err error) {
	failed := raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	return info, errors.Join(failed, err)
}
