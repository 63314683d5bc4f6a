package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// nobody is the user that a box of root's belongs to on the host. Root's own user
// would be exempt from some limits, and owns files that lie about.
const nobody = 65534

func boxOwner() int {
	if os.Geteuid() != 0 || !mapped(nobody) {
		return os.Geteuid()
	}
	return nobody
}

// mapped reports whether a user exists in this user namespace.
func mapped(uid int) bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		var first, host, count int
		if _, err := fmt.Sscan(line, &first, &host, &count); err == nil && uid >= first && uid-first < count {
			return true
		}
	}
	return false
}

// makeDir makes the folder that the box has on the host: a mount point, and a
// place for a tracer's pipes. The holder removes it.
func (b *Box) makeDir() error {
	parent := os.TempDir()
	if b.owner != os.Geteuid() && !openToAll(parent) {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "killdeer-box-")
	if err != nil {
		return fmt.Errorf("make a folder for the box: %w", err)
	}
	b.dir = dir
	errs := []error{os.Mkdir(filepath.Join(dir, worldName), 0o700), os.Mkdir(b.TracerDir(), 0o700)}
	for _, d := range []string{filepath.Join(dir, worldName), b.TracerDir(), dir} {
		errs = append(errs, b.give(d))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("make a folder for the box: %w", err)
	}
	return nil
}

// openToAll reports whether everybody may pass through a folder.
func openToAll(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&1 == 0 {
			return false
		}
		if dir == "/" || dir == "." {
			return true
		}
	}
}

// give makes the box's user the owner of something in the box's folder.
func (b *Box) give(name string) error {
	if b.owner == os.Geteuid() {
		return nil
	}
	return os.Lchown(name, b.owner, b.owner)
}

// TracerDir is a folder for a tracer's pipes and sockets, outside the box. What
// lies in it when a command is made becomes readable and writable for the box's
// user, as which a tracer's prefix runs.
func (b *Box) TracerDir() string { return filepath.Join(b.dir, "trace") }

// cloneTrees takes hold of folders that the box may only read, if its user might
// not get to them by their paths.
func (b *Box) cloneTrees() error {
	b.trees = make([]*os.File, len(b.opts.Mounts))
	for i, m := range b.opts.Mounts {
		if m.Mode == Fresh {
			continue
		}
		if _, err := os.Stat(m.Source); err != nil {
			return fmt.Errorf("show %s in the box: %w", m.Source, err)
		}
		if m.Mode != ReadOnly || b.owner == os.Geteuid() {
			continue
		}
		fd, err := unix.OpenTree(unix.AT_FDCWD, m.Source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
		if err == nil {
			b.trees[i] = os.NewFile(uintptr(fd), m.Source)
		} else if !openToAll(filepath.Dir(m.Source)) {
			return &Unavailable{
				Reason: fmt.Sprintf("%s is closed to other users, and may not be mounted (%v)", m.Source, err),
				Fix:    "move it to a folder that everybody may enter, or run as its owner instead of root",
			}
		}
	}
	return nil
}
