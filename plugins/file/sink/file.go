package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// stampForm names rotated files so that they sort by time.
const stampForm = "20060102T150405.000000000Z"

// file is the file at hand, opened when it is first needed. Nothing in it is shared
// between two sinks.
type file struct {
	path     string
	mode     fs.FileMode
	maxBytes int64
	span     time.Duration
	keep     int
	sync     bool
	now      func() time.Time

	f     *os.File
	size  int64
	last  time.Time // written to; what is in the file belongs to that span
	dirty bool
}

// ready has a file open that is the one at the path.
func (o *file) ready() error {
	if o.f != nil && !o.isOurs() {
		if err := o.close(); err != nil {
			return err
		}
	}
	if o.f != nil {
		return nil
	}
	return o.open()
}

// isOurs reports whether the path still leads to the open file.
func (o *file) isOurs() bool {
	named, err := os.Stat(o.path)
	if err != nil {
		return false
	}
	open, err := o.f.Stat()
	return err == nil && os.SameFile(named, open)
}

func (o *file) open() error {
	f, err := os.OpenFile(o.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, o.mode)
	if err != nil {
		return fmt.Errorf("open file: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err == nil {
		err = hold(f)
	}
	if err == nil {
		o.f, o.size, o.last = f, info.Size(), info.ModTime()
		err = o.mend()
	}
	if err == nil && o.size == 0 {
		err = o.settle()
	}
	if err != nil {
		o.f = nil
		return errors.Join(fmt.Errorf("open %s: %w", o.path, err), f.Close())
	}
	return nil
}

// settle gives an empty file its mode, whatever the umask, and its name a place on
// disk.
func (o *file) settle() error {
	if err := o.f.Chmod(o.mode); err != nil || !o.sync {
		return err
	}
	dir, err := os.Open(filepath.Dir(o.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// mend takes off what a crash left of a line. It was not acknowledged.
func (o *file) mend() error {
	buf := make([]byte, 64<<10)
	for end := o.size; end > 0; {
		n := min(end, int64(len(buf)))
		if _, err := o.f.ReadAt(buf[:n], end-n); err != nil {
			return err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return o.cut(end - n + int64(i) + 1)
		}
		end -= n
	}
	return o.cut(0)
}

func (o *file) cut(to int64) error {
	if to == o.size {
		return nil
	}
	if err := o.f.Truncate(to); err != nil {
		return fmt.Errorf("take off half a line: %w", err)
	}
	o.size = to
	return nil
}

// write appends whole lines, to a new file if it is time for one.
func (o *file) write(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	now := o.now()
	if o.size > 0 && (o.maxBytes > 0 && o.size+int64(len(lines)) > o.maxBytes || o.isOver(now)) {
		if err := o.rotate(now); err != nil {
			return err
		}
	}
	n, err := o.f.Write(lines)
	if err != nil {
		// What is half there goes, if it can; if not, the next open sees to it.
		if n > 0 && o.cutBack() != nil {
			return errors.Join(fmt.Errorf("write %s: %w", o.path, err), o.close())
		}
		return fmt.Errorf("write %s: %w", o.path, err)
	}
	o.size, o.last, o.dirty = o.size+int64(n), now, true
	return nil
}

func (o *file) cutBack() error { return o.f.Truncate(o.size) }

// isOver reports whether the span of what is in the file has ended.
func (o *file) isOver(now time.Time) bool {
	return o.span > 0 && !now.UTC().Truncate(o.span).Equal(o.last.UTC().Truncate(o.span))
}

// rotate puts the file aside and begins a new one.
func (o *file) rotate(now time.Time) error {
	if err := o.close(); err != nil {
		return err
	}
	aside := o.path + "." + now.UTC().Format(stampForm)
	for exists(aside) {
		now = now.Add(1)
		aside = o.path + "." + now.UTC().Format(stampForm)
	}
	if err := os.Rename(o.path, aside); err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	if err := o.open(); err != nil {
		return err
	}
	return o.prune()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// prune removes the oldest of the files put aside, if there are too many.
func (o *file) prune() error {
	if o.keep == 0 {
		return nil
	}
	entries, err := os.ReadDir(filepath.Dir(o.path))
	if err != nil {
		return fmt.Errorf("remove rotated files: %w", err)
	}
	var aside []string
	for _, e := range entries {
		stamp, ok := strings.CutPrefix(e.Name(), filepath.Base(o.path)+".")
		if _, err := time.Parse(stampForm, stamp); ok && err == nil && e.Type().IsRegular() {
			aside = append(aside, e.Name())
		}
	}
	slices.Sort(aside)
	for _, name := range aside[:max(0, len(aside)-o.keep)] {
		if err := os.Remove(filepath.Join(filepath.Dir(o.path), name)); err != nil {
			return fmt.Errorf("remove rotated files: %w", err)
		}
	}
	return nil
}

// flush puts what was written on disk, if that is wanted.
func (o *file) flush() error {
	if o.f == nil || !o.dirty {
		return nil
	}
	o.dirty = false
	if !o.sync {
		return nil
	}
	if err := o.f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", o.path, err)
	}
	return nil
}

func (o *file) close() error {
	if o.f == nil {
		return nil
	}
	err := errors.Join(o.flush(), o.f.Close())
	o.f = nil
	return err
}
