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
	schemaVersion = 1

	lockTimeout   = 500 * time.Millisecond
	appendFill    = 0.98      // bbolt does not store it: set in every transaction
	allocStep     = 16 << 20  // the file grows by this
	initialMapped = 256 << 20 // a larger map waits for all readers
)

// The buckets, and what they hold.
var (
	bucketEvents = []byte("ev")    // BE64 seq -> record
	bucketIndex  = []byte("ix")    // term, 0x00, BE64 first seq -> posting list
	bucketTime   = []byte("t")     // BE64 minute -> BE64 first seq that reached it; see timeline
	bucketIDs    = []byte("id")    // event id -> BE64 seq
	bucketMarks  = []byte("marks") // consumer -> BE64 seq
	bucketMeta   = []byte("meta")
	allBuckets   = [][]byte{bucketEvents, bucketIndex, bucketTime, bucketIDs, bucketMarks, bucketMeta}

	metaSchema = []byte("schema")
	metaEpoch  = []byte("epoch")
	metaBase   = []byte("base") // events of this file have numbers above it
	metaSensor = []byte("sensor")

	// Events up to this number are in the index; those above it in the tail.
	metaIndexed = []byte("indexed")
)

type access bool

const (
	readWrite access = false
	readOnly  access = true
)

// store is the file under a journal.
type store struct {
	db    *bolt.DB
	epoch uint64
	last  uint64 // when it was opened
	ro    access
	tail  tail
}

func storePath(dir string) string { return filepath.Join(dir, "journal.db") }

// openStore opens an existing file. The error wraps [ErrDamaged] when the file
// is not a journal or is one no more, and is another error when the file may
// well be sound.
func openStore(path string, a access) (_ *store, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 { // bbolt would take it for a new one
		return nil, fmt.Errorf("%w: file is empty", ErrDamaged)
	}
	db, err := openFile(path, a)
	if err != nil {
		return nil, err
	}
	st := &store{db: db, ro: a}
	if err := st.inspect(); err != nil {
		return nil, errors.Join(err, guard(db.Close))
	}
	return st, nil
}

// openFile opens a bbolt file. The free list is synced on purpose: without it
// bbolt finds free pages by a scan in a goroutine of its own, where a damaged
// page ends the process and no caller can recover.
func openFile(path string, a access) (db *bolt.DB, err error) {
	var opened *os.File
	o := &bolt.Options{
		Timeout:         lockTimeout,
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: initialMapped,
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
	db.AllocSize = allocStep
	return db, nil
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

// createStore makes a new, empty file at path, whose events will be numbered
// from base+1. It appears there whole or not at all.
func createStore(path string, epoch, base uint64, sensor string) (*store, error) {
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	db, err := openFile(tmp, readWrite)
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bolt.Tx) error { return initialise(tx, epoch, base, sensor) })
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, fmt.Errorf("create %s: %w", filepath.Base(path), err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return nil, err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return openStore(path, readWrite)
}

func initialise(tx *bolt.Tx, epoch, base uint64, sensor string) error {
	for _, name := range allBuckets {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(bucketMeta)
	return errors.Join(
		meta.Put(metaSchema, be64(schemaVersion)),
		meta.Put(metaEpoch, be64(epoch)),
		meta.Put(metaBase, be64(base)),
		meta.Put(metaIndexed, be64(base)),
		meta.Put(metaSensor, []byte(sensor)),
	)
}

// inspect reads what a journal must have, which is also the test of whether
// the file is one.
func (s *store) inspect() error {
	info, err := os.Stat(s.db.Path())
	if err != nil {
		return err
	}
	return s.view(func(tx *bolt.Tx) error {
		if tx.Size() > info.Size() {
			return fmt.Errorf("%w: file is %d bytes, its pages take %d", ErrDamaged, info.Size(), tx.Size())
		}
		for _, name := range allBuckets {
			if tx.Bucket(name) == nil {
				return fmt.Errorf("%w: bucket %q is missing", ErrDamaged, name)
			}
		}
		meta := tx.Bucket(bucketMeta)
		if v := fromBE64(meta.Get(metaSchema)); v != schemaVersion {
			return fmt.Errorf("journal has schema version %d, this program reads %d", v, schemaVersion)
		}
		s.epoch = fromBE64(meta.Get(metaEpoch))
		s.last = lastSeq(tx)
		touch(tx)
		s.tail.load(tx)
		return nil
	})
}

// touch reads one end of every bucket, so that a file torn at its tail is known
// as such at once and not at the first append.
func touch(tx *bolt.Tx) {
	for _, name := range allBuckets {
		tx.Bucket(name).Cursor().First()
		tx.Bucket(name).Cursor().Last()
	}
}

// firstSeq returns the lowest number that this file can hold.
func firstSeq(tx *bolt.Tx) uint64 { return fromBE64(tx.Bucket(bucketMeta).Get(metaBase)) + 1 }

// lastSeq returns the newest number in use.
func lastSeq(tx *bolt.Tx) uint64 {
	if k, _ := tx.Bucket(bucketEvents).Cursor().Last(); k != nil {
		return fromBE64(k)
	}
	return firstSeq(tx) - 1
}

// view runs f in a read transaction. f copies what it wants to keep.
func (s *store) view(f func(*bolt.Tx) error) error {
	return closedError(guard(func() error { return s.db.View(f) }))
}

// update runs f in a write transaction that is on disk when update returns nil.
func (s *store) update(f func(*bolt.Tx) error) error {
	return closedError(guard(func() error { return s.db.Update(f) }))
}

func (s *store) close() error { return guard(s.db.Close) }

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
