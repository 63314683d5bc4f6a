//go:build unix

package pack

import (
	"errors"
	"os"
	"syscall"
)

// flock waits for the exclusive lock on a file, which ends with its descriptor.
func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
