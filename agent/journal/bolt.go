package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	lockTimeout = 500 * time.Millisecond
	appendFill  = 0.98     // bbolt does not store it: set in every transaction
	allocStep   = 16 << 20 // an event file grows by this
)

type access bool

const (
	readWrite access = false
	readOnly  access = true
)

// openFile opens a bbolt file of which mapped bytes are mapped at once: a larger
// map waits for all readers. The free list is synced on purpose: without it
// bbolt finds free pages by a scan in a goroutine of its own, where a damaged
// page ends the process and no caller can recover.
func openFile(path string, a access, mapped int) (db *bolt.DB, err error) {
	var opened *os.File
	o := &bolt.Options{
		Timeout:         lockTimeout,
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: mapped,
		ReadOnly:        bool(a),
		NoStatistics:    true,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag, mode)
			opened = f
			return f, err
		},
	}
	returned := false
	err = guard(func() (err error) {
		db, err = bolt.Open(path, 0o600, o)
		returned = true
		return err
	})
	if err != nil {
		if !returned && opened != nil {
			_ = opened.Close() // a panic left it open, and locked
		}
		return nil, openError(err)
	}
	return db, nil
}

// openSound opens an existing file that has the given buckets. The error wraps
// [ErrDamaged] when the file is not a journal's or is one no more, and is
// another error when the file may well be sound.
func openSound(path string, a access, mapped int, buckets [][]byte) (*bolt.DB, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 { // bbolt would take it for a new one
		return nil, fmt.Errorf("%w: file is empty", ErrDamaged)
	}
	db, err := openFile(path, a, mapped)
	if err != nil {
		return nil, err
	}
	err = view(db, func(tx *bolt.Tx) error {
		if tx.Size() > info.Size() {
			return fmt.Errorf("%w: file is %d bytes, its pages take %d", ErrDamaged, info.Size(), tx.Size())
		}
		return inspect(tx, buckets)
	})
	if err != nil {
		return nil, errors.Join(err, guard(db.Close))
	}
	return db, nil
}

// inspect reads what a file must have, which is also the test of whether it is a
// journal's. One end of every bucket is read, so that a file torn at its tail is
// known as such at once and not at the first append.
func inspect(tx *bolt.Tx, buckets [][]byte) error {
	for _, name := range buckets {
		b := tx.Bucket(name)
		if b == nil {
			return fmt.Errorf("%w: bucket %q is missing", ErrDamaged, name)
		}
		b.Cursor().First()
		b.Cursor().Last()
	}
	if v := fromBE64(tx.Bucket(bucketMeta).Get(metaSchema)); v != schemaVersion {
		return fmt.Errorf("journal has schema version %d, this program reads %d", v, schemaVersion)
	}
	return nil
}

// createFile makes a new file at path that appears there whole or not at all.
func createFile(path string, fill func(tx *bolt.Tx) error) error {
	tmp := path + suffixDraft
	if err := remove(tmp); err != nil {
		return err
	}
	db, err := openFile(tmp, readWrite, 0)
	if err != nil {
		return err
	}
	if err = errors.Join(db.Update(fill), db.Close()); err != nil {
		return fmt.Errorf("create %s: %w", filepath.Base(path), err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// openError sorts what bbolt says: a lock, the operating system, or damage. What
// the system refuses (a file, memory, a lock) says nothing against the file.
func openError(err error) error {
	var pe *os.PathError
	var errno syscall.Errno
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return fmt.Errorf("%w: %w", ErrLocked, err)
	case errors.As(err, &pe), errors.As(err, &errno), errors.Is(err, ErrDamaged):
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// view runs f in a read transaction. f copies what it wants to keep.
func view(db *bolt.DB, f func(*bolt.Tx) error) error {
	return closedError(guard(func() error { return db.View(f) }))
}

// update runs f in a write transaction that is on disk when update returns nil.
func update(db *bolt.DB, f func(*bolt.Tx) error) error {
	return closedError(guard(func() error { return db.Update(f) }))
}

func closedError(err error) error {
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

// guard runs f and turns a panic or a memory fault, which is how bbolt meets a
// damaged or shortened file, into an error.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}()
	return f()
}

func be64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// fromBE64 reads a stored number, 0 when there is none or it is misshapen.
func fromBE64(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}
