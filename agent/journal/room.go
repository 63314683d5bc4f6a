package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	reserveFile = "journal.reserve"

	// smallDisk divides a file system: neither the reserve nor what is left free
	// takes more than that part of it.
	smallDisk = 20

	lookEvery = 100 * time.Millisecond // at the free space, while events come
)

// room watches the disk. Below the floor it refuses what may be shed, so that
// what must be written still can: gaps that count what was shed, detections, and
// consumers' places. When the disk is full for those as well, a file that was
// held in reserve makes way.
type room struct {
	path    string // of the reserve
	reserve int64
	minFree int64
	log     *slog.Logger

	mu     sync.Mutex
	looked time.Time
	free   int64
	low    bool
	held   bool // the reserve is on disk
}

func newRoom(dir string, o Options, log *slog.Logger) *room {
	r := &room{path: filepath.Join(dir, reserveFile), reserve: o.Reserve, minFree: o.MinFree, log: log}
	if _, size, err := diskSpace(dir); err == nil && size > 0 {
		r.reserve, r.minFree = min(r.reserve, size/smallDisk), min(r.minFree, size/smallDisk)
	}
	info, err := os.Stat(r.path)
	r.held = err == nil && info.Size() == r.reserve
	r.look()
	return r
}

// isFull reports whether an error says that the disk is full. bbolt passes some
// errors on as text only.
func isFull(err error) bool {
	return err != nil && (errors.Is(err, ErrFull) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		strings.Contains(err.Error(), syscall.ENOSPC.Error()))
}

// admit refuses events that may be shed while space is short.
func (r *room) admit(events []*sdk.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.looked) > lookEvery {
		r.lookLocked()
	}
	if !r.low {
		return nil
	}
	for _, ev := range events {
		if ev.Kind == sdk.KindAccess {
			return fmt.Errorf("%w: %d MiB free, %d MiB wanted", ErrFull, r.free>>20, r.minFree>>20)
		}
	}
	return nil
}

func (r *room) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lookLocked()
}

// lookLocked measures the free space. When it is enough again, for the reserve
// as well, the reserve is taken back.
func (r *room) lookLocked() {
	r.looked = time.Now()
	free, _, err := diskSpace(filepath.Dir(r.path))
	if err != nil {
		r.log.Debug("free space is not known", "error", err)
		return
	}
	r.free = free
	want := r.minFree
	if !r.held {
		want += r.reserve
	}
	if r.low {
		want += r.minFree / 8 // not to swing at the border
	}
	was := r.low
	r.low = free < want
	if !r.low && !r.held {
		r.hold()
	}
	if r.low && !was {
		r.log.Warn("disk space is short: new events are shed and counted", "free_bytes", free, "wanted_bytes", want)
	}
}

// hold allocates the reserve.
func (r *room) hold() {
	if err := allocate(r.path, r.reserve); err != nil {
		_ = os.Remove(r.path)
		r.log.Warn("disk space is not held in reserve", "error", err)
		r.low = isFull(err)
		return
	}
	r.held = true
}

// exhausted gives the reserve up, after a write that found the disk full.
func (r *room) exhausted() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.low, r.looked = true, time.Now()
	if !r.held {
		return
	}
	if err := os.Remove(r.path); err != nil {
		r.log.Error("reserve cannot be given up", "error", err)
		return
	}
	r.held = false
}

// short reports whether space is short, and how many bytes are free.
func (r *room) short() (low bool, free int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.low, r.free
}

func (r *room) isHeld() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held
}

// allocate makes a file whose blocks are taken from the file system.
func allocate(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = fill(f, size)
	return errors.Join(err, f.Close())
}

func writeZeros(f *os.File, size int64) error {
	zeros := make([]byte, 1<<20)
	for left := size; left > 0; left -= int64(len(zeros)) {
		if _, err := f.Write(zeros[:min(left, int64(len(zeros)))]); err != nil {
			return err
		}
	}
	return f.Sync()
}
