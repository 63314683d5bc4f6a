//go:build unix

package sink

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// hold keeps a second sink off the file, until it is closed or the process ends.
func hold(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errors.New("another sink writes to it")
	}
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}
