package journal

import (
	"fmt"
	"syscall"

	bolt "go.etcd.io/bbolt"
)

// forget unmaps the pages of the log from the process without dropping them from
// the page cache. They would be taken back under memory pressure anyway; until
// then they count as ours, and a busy sensor would seem to grow with its log.
// The next access maps a page again.
func (s *store) forget() error {
	// The transaction keeps bbolt from moving the mapping meanwhile.
	return view(s.db, func(tx *bolt.Tx) error {
		_, _, errno := syscall.Syscall(syscall.SYS_MADVISE, s.db.Info().Data, uintptr(tx.Size()), syscall.MADV_DONTNEED)
		if errno != 0 {
			return fmt.Errorf("unmap resident pages: %w", errno)
		}
		return nil
	})
}
