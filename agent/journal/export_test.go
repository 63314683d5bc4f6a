package journal

import (
	"errors"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// Check reads the whole file and compares its pages with its free list.
func (j *Journal) Check() error {
	return j.store.view(func(tx *bolt.Tx) error {
		var faults []error
		for err := range tx.Check() {
			faults = append(faults, err)
		}
		return errors.Join(faults...)
	})
}

// Dir is where the journal is.
func (j *Journal) Dir() string { return filepath.Dir(j.store.db.Path()) }

// SetMaxSize keeps the file from growing beyond n bytes.
func (j *Journal) SetMaxSize(n int) { j.store.db.MaxSize = n }
