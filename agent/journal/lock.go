package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

type lockMode bool

const (
	shared    lockMode = false
	exclusive lockMode = true
)

// dirLock keeps other processes out of a state directory. It is a file of its
// own, because the log may be renamed while it is being recovered.
type dirLock struct {
	f    *os.File
	mode lockMode
}

func lockPath(dir string) string { return filepath.Join(dir, "journal.lock") }

// lockDir takes the lock without waiting. A reader makes no file: where there
// is none, no sensor ever ran.
func lockDir(dir string, m lockMode) (*dirLock, error) {
	flag := os.O_RDONLY
	if m == exclusive {
		flag = os.O_RDWR | os.O_CREATE
	}
	f, err := os.OpenFile(lockPath(dir), flag, 0o600)
	if m == shared && errors.Is(err, os.ErrNotExist) {
		return &dirLock{mode: m}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := flock(f, m); err != nil {
		_ = f.Close()
		return nil, lockedBy(dir, err)
	}
	return &dirLock{f: f, mode: m}, nil
}

// sign writes our process id into the lock, for the message of the next one.
func (l *dirLock) sign() error {
	if err := l.f.Truncate(0); err != nil {
		return fmt.Errorf("sign lock: %w", err)
	}
	_, err := l.f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	if err != nil {
		return fmt.Errorf("sign lock: %w", err)
	}
	return nil
}

// release gives the lock up. The file stays: removing it would let two
// processes hold locks on two files of one name.
func (l *dirLock) release() {
	if l.f == nil {
		return
	}
	if l.mode == exclusive {
		_ = l.f.Truncate(0)
	}
	_ = l.f.Close()
}

// lockedBy words an [ErrLocked] for whoever reads it.
func lockedBy(dir string, err error) error {
	if !errors.Is(err, ErrLocked) {
		return err
	}
	return &lockedError{dir: dir, pid: holder(dir)}
}

type lockedError struct {
	dir string
	pid int
}

func (e *lockedError) Error() string {
	s := fmt.Sprintf("state directory %s is in use by another killdeer", e.dir)
	if e.pid > 0 {
		s += fmt.Sprintf(" (pid %d)", e.pid)
	}
	return s
}

func (e *lockedError) Is(target error) bool { return target == ErrLocked }

// holder returns the process id in the lock, 0 when it names no live process.
func holder(dir string) int {
	b, err := os.ReadFile(lockPath(dir))
	if err != nil || len(b) > 32 {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid <= 0 || !alive(pid) {
		return 0
	}
	return pid
}
