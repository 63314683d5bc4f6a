package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// reserveStep is how many numbers are set aside at a time, and so the
	// largest hole that losing the log can leave in the sequence.
	reserveStep = 1 << 16

	maxCeilingFile = 4 << 10
)

// ceiling is a small file beside the log that says which numbers may have been
// used. It outlives the log, so that a new log never reuses a number.
type ceiling struct {
	path     string
	Epoch    uint64 `json:"epoch"`
	Reserved uint64 `json:"reserved"` // no number above it was ever given out
}

func ceilingPath(dir string) string { return filepath.Join(dir, "journal.seq") }

// readCeiling returns nil and no error when there is no file.
func readCeiling(path string) (*ceiling, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxCeilingFile))
	if err != nil {
		return nil, err
	}
	return parseCeiling(path, b)
}

func parseCeiling(path string, b []byte) (*ceiling, error) {
	c := &ceiling{path: path}
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	if c.Epoch == 0 || c.Reserved > maxSeq {
		return nil, fmt.Errorf("read %s: numbers out of range", filepath.Base(path))
	}
	return c, nil
}

// cover makes sure that seq may be given out.
func (c *ceiling) cover(seq uint64) error {
	if seq <= c.Reserved {
		return nil
	}
	return c.settle(seq + reserveStep)
}

// settle writes the file anew with the given ceiling.
func (c *ceiling) settle(reserved uint64) error {
	next := *c
	next.Reserved = reserved
	b, err := json.Marshal(&next)
	if err != nil {
		return err
	}
	if err := writeFileSync(c.path, append(b, '\n')); err != nil {
		return fmt.Errorf("reserve sequence numbers: %w", err)
	}
	*c = next
	return nil
}

// recovery opens the log in dir, or what can take its place.
type recovery struct {
	dir    string
	sensor string
	log    *slog.Logger
	notes  []string
}

func (r *recovery) said() string { return strings.Join(r.notes, "; ") }

func (r *recovery) note(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	r.notes = append(r.notes, s)
	r.log.Warn("journal recovered", "what", s)
}

func (r *recovery) open() (*store, *ceiling, error) {
	path := storePath(r.dir)
	ceil, ceilErr := readCeiling(ceilingPath(r.dir))
	st, err := openStore(path, readWrite)
	switch {
	case err == nil:
		if ceilErr != nil {
			r.note("%v; written anew", ceilErr)
		}
		ceil, err = r.adopt(st, ceil)
	case errors.Is(err, os.ErrNotExist):
		if ceil != nil && ceil.Reserved > 0 {
			r.note("%s is missing", filepath.Base(path))
		}
		st, ceil, err = r.replace(path, ceil, ceilErr)
	case errors.Is(err, ErrDamaged):
		if asideErr := r.setAside(path, err); asideErr != nil {
			return nil, nil, errors.Join(err, asideErr)
		}
		st, ceil, err = r.replace(path, ceil, ceilErr)
	default:
		err = lockedBy(r.dir, err)
	}
	if err != nil {
		return nil, nil, err
	}
	return st, ceil, nil
}

// adopt makes the ceiling agree with a sound log.
func (r *recovery) adopt(st *store, c *ceiling) (*ceiling, error) {
	if c != nil && c.Epoch == st.epoch && c.Reserved >= st.last {
		return c, nil
	}
	c = &ceiling{path: ceilingPath(r.dir), Epoch: st.epoch}
	if err := c.settle(st.last); err != nil {
		return nil, errors.Join(err, st.close())
	}
	return c, nil
}

// replace starts a new log: above every number of the old one when those are
// known, and from 1 in a new epoch when they are not.
func (r *recovery) replace(path string, c *ceiling, ceilErr error) (*store, *ceiling, error) {
	if c == nil {
		c = &ceiling{path: ceilingPath(r.dir), Epoch: uint64(max(time.Now().Unix(), 1))}
		if ceilErr != nil {
			r.note("%v", ceilErr)
		}
	}
	if len(r.notes) > 0 {
		r.note("a new log starts in epoch %d after seq %d", c.Epoch, c.Reserved)
	}
	// The ceiling first: a log must never exist without it.
	if err := c.settle(c.Reserved); err != nil {
		return nil, nil, err
	}
	st, err := createStore(path, c.Epoch, c.Reserved, r.sensor)
	return st, c, err
}

// setAside renames a damaged log, so that it can be salvaged.
func (r *recovery) setAside(path string, why error) error {
	aside := path + ".corrupt-" + time.Now().UTC().Format("20060102T150405.000000000Z")
	if err := os.Rename(path, aside); err != nil {
		return fmt.Errorf("set damaged log aside: %w", err)
	}
	r.note("%s was set aside as %s: %v", filepath.Base(path), filepath.Base(aside), why)
	return syncDir(r.dir)
}

// writeFileSync replaces a file by one that is on disk.
func writeFileSync(path string, b []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir puts a directory's names on disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
