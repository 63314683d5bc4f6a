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

// damaged is a segment whose file was set aside, and is to be salvaged and counted.
type damaged struct {
	name segName
	file string
	why  error
	last uint64 // its highest number, 0 when that is not known
}

// errLeftOver is why, when that was told at an earlier start.
var errLeftOver = errors.New("the sensor ended before it was salvaged")

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
	dir     string
	sensor  string
	log     *slog.Logger
	shelf   *shelf
	room    *room // nil for a reader
	notes   []string
	damaged []damaged
	lost    bool // the newest segment cannot be used
}

func (r *recovery) said() string { return strings.Join(r.notes, "; ") }

func (r *recovery) note(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	r.notes = append(r.notes, s)
	r.log.Warn("journal recovered", "what", s)
}

// open opens all segments and returns the one that events go to.
func (r *recovery) open() (*store, *ceiling, error) {
	if err := r.adoptLegacy(); err != nil {
		return nil, nil, err
	}
	l, err := list(r.dir)
	if err == nil {
		err = remove(l.drafts...)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, n := range l.names() {
		if err := r.openSegment(n, l); err != nil {
			return nil, nil, lockedBy(r.dir, err)
		}
	}
	r.resume(l.pending)
	ceil, ceilErr := readCeiling(ceilingPath(r.dir))
	st, ceil, err := r.begin(ceil, ceilErr)
	if isFull(err) && r.room != nil {
		r.room.exhausted() // what is held in reserve is for this
		st, ceil, err = r.begin(ceil, ceilErr)
	}
	return st, ceil, err
}

// resume takes up what was set aside at an earlier start and not salvaged.
func (r *recovery) resume(pending []damaged) {
	for _, d := range pending {
		r.log.Warn("a damaged segment is still to be salvaged", "file", d.file)
		newest := r.shelf.newest()
		r.lost = r.lost || newest == nil || compareNames(d.name, newest.name) > 0
	}
	r.damaged = append(r.damaged, pending...)
}

// begin makes the newest segment ready to be written, or starts another.
func (r *recovery) begin(c *ceiling, ceilErr error) (*store, *ceiling, error) {
	if newest := r.shelf.newest(); newest != nil && !r.lost {
		if st := newest.store(); st != nil {
			if ceilErr != nil {
				r.note("%v; written anew", ceilErr)
			}
			c, err := r.adopt(st, c)
			return st, c, err
		}
	}
	return r.replace(c, ceilErr)
}

// adoptLegacy makes a log that is one file a segment like others.
func (r *recovery) adoptLegacy() error {
	path := filepath.Join(r.dir, legacyFile)
	st, err := openLegacy(path, readWrite)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case errors.Is(err, ErrDamaged):
		_, err := r.setAside(path, stamp(), err)
		return err
	case err != nil:
		return lockedBy(r.dir, err)
	}
	to := st.name.path(r.dir, suffixEvents)
	if err := st.close(); err != nil {
		return err
	}
	if _, err := os.Stat(to); err == nil {
		return fmt.Errorf("%s and %s have the same events: move one of them away", legacyFile, to)
	}
	r.log.Info("the journal's one file becomes its first segment", "file", to)
	if err := os.Rename(path, to); err != nil {
		return err
	}
	return errors.Join(syncDir(filepath.Dir(to)), syncDir(r.dir))
}

// openSegment puts a segment on the shelf, or sets it aside. What is sealed has
// no other files any more, unless a crash came between.
func (r *recovery) openSegment(n segName, l *listing) error {
	var b body
	var err error
	file := n.path(r.dir, suffixSealed)
	if l.sealed[n] {
		b, err = openBody(openSealedFile(file))
		if err == nil && l.open[n] {
			err = remove(n.path(r.dir, suffixIndex), n.path(r.dir, suffixEvents))
		}
	}
	if errors.Is(err, ErrDamaged) && l.open[n] {
		// The files that it was made of are still there.
		if _, err := r.setAside(file, stamp(), err); err != nil {
			return err
		}
	}
	if b == nil && l.open[n] {
		file = n.path(r.dir, suffixEvents)
		b, err = openBody(openStore(r.dir, n, readWrite))
	}
	if errors.Is(err, ErrDamaged) {
		r.lost = true // until a newer one is sound
		return r.setAsideSegment(n, file, err)
	}
	if err != nil {
		return fmt.Errorf("open segment %s: %w", n, err)
	}
	r.lost = false
	r.shelf.add(&segment{name: n, body: b})
	return nil
}

// openBody keeps a nil pointer from becoming a body.
func openBody[B body](b B, err error) (body, error) {
	if err != nil {
		return nil, err
	}
	return b, nil
}

// openForReading opens what is sound and leaves the rest alone.
func (r *recovery) openForReading() (*store, error) {
	if st, err := openLegacy(filepath.Join(r.dir, legacyFile), readOnly); err == nil {
		r.shelf.add(&segment{name: st.name, body: st})
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := list(r.dir)
	if err != nil {
		return nil, err
	}
	for _, n := range l.names() {
		b, err := r.readable(n, l)
		switch {
		case errors.Is(err, ErrDamaged):
			r.note("segment %s is left out: %v", n, err)
			continue
		case err != nil:
			return nil, fmt.Errorf("open segment %s: %w", n, err)
		}
		r.shelf.add(&segment{name: n, body: b})
	}
	newest := r.shelf.newest()
	if newest == nil && len(r.notes) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrDamaged, r.said())
	}
	if newest == nil {
		return nil, fmt.Errorf("there are no events: %w", os.ErrNotExist)
	}
	return newest.store(), nil
}

func (r *recovery) readable(n segName, l *listing) (body, error) {
	if l.sealed[n] {
		b, err := openBody(openSealedFile(n.path(r.dir, suffixSealed)))
		if err == nil || !l.open[n] {
			return b, err
		}
	}
	return openBody(openStore(r.dir, n, readOnly))
}

// adopt makes the ceiling agree with a sound log.
func (r *recovery) adopt(st *store, c *ceiling) (*ceiling, error) {
	last := st.last.Load()
	if c != nil && c.Epoch == st.name.epoch && c.Reserved >= last {
		return c, nil
	}
	c = &ceiling{path: ceilingPath(r.dir), Epoch: st.name.epoch}
	return c, c.settle(last)
}

// replace starts a new segment: above every number of the old ones when those
// are known, and in a new epoch when they are not.
func (r *recovery) replace(c *ceiling, ceilErr error) (*store, *ceiling, error) {
	var known uint64
	var marks []Mark
	if newest := r.shelf.newest(); newest != nil {
		_, known = newest.bounds()
		var err error
		if marks, err = newest.marks(); err != nil {
			r.note("consumers begin anew: %v", err)
		}
	}
	if c == nil {
		c = &ceiling{path: ceilingPath(r.dir), Epoch: uint64(max(time.Now().Unix(), 1)), Reserved: known}
		if ceilErr != nil {
			r.note("%v", ceilErr)
		}
	}
	c.Reserved = max(c.Reserved, known)
	if c.Reserved > known && !r.lost {
		r.note("the newest segment is missing")
	}
	if len(r.notes) > 0 {
		r.note("a new segment starts in epoch %d after seq %d", c.Epoch, c.Reserved)
	}
	// The ceiling first: a log must never exist without it.
	if err := c.settle(c.Reserved); err != nil {
		return nil, c, err
	}
	st, err := createStore(r.dir, segName{epoch: c.Epoch, base: c.Reserved}, r.sensor, marks)
	if err != nil {
		return nil, c, err
	}
	r.shelf.add(&segment{name: st.name, body: st})
	r.lost = false
	return st, c, nil
}

// setAside renames a damaged file, so that it can be salvaged, and reports it.
func (r *recovery) setAside(path, stamp string, why error) (aside string, err error) {
	if aside, err = setAside(path, stamp); err == nil {
		r.note("%s was set aside as %s: %v", filepath.Base(path), filepath.Base(withoutPending(aside)), why)
	}
	return aside, err
}

// setAsideSegment does that with a segment's file, and salvages what is behind it.
func (r *recovery) setAsideSegment(n segName, file string, why error) error {
	aside, err := r.setAside(file, stamp()+suffixPending, why)
	if err != nil {
		return err
	}
	r.damaged = append(r.damaged, damaged{name: n, file: aside, why: why})
	return remove(n.path(r.dir, suffixIndex))
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
