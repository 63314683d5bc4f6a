package pack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// change runs an operation on one pack under the lock, with its state, which is
// written when it succeeds.
func (s *Store) change(id string, do func(folder string, st *state) error) error {
	folder, err := s.folder(id)
	if err != nil {
		return err
	}
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	st, err := s.state()
	if err != nil {
		return err
	}
	if err := do(folder, st); err != nil {
		return err
	}
	return st.write(filepath.Join(s.o.StateDir, stateFile))
}

// Rollback puts an installed pack of a lower serial in use again: the given one,
// or with 0 the one before. It is an operator's decision and no attack, so the
// highest serial stays what it was; a revoked pack is refused all the same.
func (s *Store) Rollback(ctx context.Context, id string, serial uint64) (*Change, error) {
	var c *Change
	err := s.change(id, func(folder string, st *state) error {
		p := st.of(id)
		now, err := s.current(id)
		if err != nil {
			return err
		}
		if serial == 0 {
			serial = p.Previous
		}
		if serial == 0 || serial == now {
			return fmt.Errorf("pack %s: there is no serial before %d to go back to", id, now)
		}
		in, err := s.inspect(id, serial, st)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("pack %s: serial %d is not installed", id, serial)
		}
		if err == nil {
			err = in.Fault
		}
		if err != nil {
			return err
		}
		if s.o.SelfTest != nil {
			if err := s.o.SelfTest(ctx, in.Manifest, in.Dir); err != nil {
				return selfTestError(err)
			}
		}
		c = &Change{Verified: in.Verified, Previous: now}
		p.Previous = 0
		s.o.Log.Warn("pack rolled back", "pack", id, "from", now, "to", serial)
		return s.use(folder, serial)
	})
	return c, err
}

// Undo takes back what Install did, because a running sensor could not use it:
// the pack before is in use again, and the new one is removed.
func (s *Store) Undo(c *Change) error {
	if c.Kept {
		return nil
	}
	return s.change(c.ID(), func(folder string, st *state) error {
		p := st.of(c.ID())
		if c.Previous == c.Serial {
			return nil // it was installed over itself: there is nothing else
		}
		p.unheed(c)
		// First, since it may have revoked the one that is used again.
		err := st.write(filepath.Join(s.o.StateDir, stateFile))
		if err != nil {
			return err
		}
		if c.Previous == 0 {
			err = os.Remove(filepath.Join(folder, currentLink))
		} else {
			err = s.use(folder, c.Previous)
		}
		if err != nil {
			return fmt.Errorf("return to the previous pack: %w", err)
		}
		p.Previous = 0
		delete(p.Verified, c.Serial)
		p.Highest = max(c.Previous, slices.Max(append(keys(p.Verified), 0)))
		s.o.Log.Warn("pack taken back", "pack", c.ID(), "serial", c.Serial, "back_to", c.Previous)
		return s.drop(filepath.Join(folder, strconv.FormatUint(c.Serial, 10)))
	})
}

func keys(m map[uint64]string) []uint64 {
	var list []uint64
	for k := range m {
		list = append(list, k)
	}
	return list
}

// drop removes a folder so that a crash leaves no half of it under its name.
func (s *Store) drop(dir string) error {
	staging, err := s.stage()
	if err != nil {
		return err
	}
	old := filepath.Join(filepath.Dir(staging), "old")
	if err := os.Rename(dir, old); err != nil {
		return fmt.Errorf("remove pack: %w", err)
	}
	if err := os.RemoveAll(filepath.Dir(staging)); err != nil {
		return fmt.Errorf("remove pack: %w", err)
	}
	return nil
}

// Pin keeps a pack at the serial in use: installing another is refused. With off
// it is let go.
func (s *Store) Pin(id string, off bool) (serial uint64, err error) {
	err = s.change(id, func(_ string, st *state) error {
		if off {
			st.of(id).Pinned = 0
			return nil
		}
		serial, err = s.current(id)
		st.of(id).Pinned = serial
		return err
	})
	return serial, err
}

// Remove removes an installed pack: one serial, which must not be the one in use,
// or with 0 all of it. What was remembered against older packs stays.
func (s *Store) Remove(id string, serial uint64) error {
	return s.change(id, func(folder string, st *state) error {
		p := st.of(id)
		if serial == 0 {
			if _, err := os.Stat(folder); err != nil {
				return fmt.Errorf("pack %s is not installed", id)
			}
			p.Pinned, p.Previous = 0, 0
			s.o.Log.Info("pack removed", "pack", id)
			return s.drop(folder)
		}
		if now, err := s.current(id); err == nil && now == serial {
			return fmt.Errorf("pack %s: serial %d is in use: roll back to another first", id, serial)
		}
		dir := filepath.Join(folder, strconv.FormatUint(serial, 10))
		if _, err := os.Stat(dir); err != nil {
			return fmt.Errorf("pack %s: serial %d is not installed", id, serial)
		}
		if p.Previous == serial {
			p.Previous = 0
		}
		s.o.Log.Info("pack removed", "pack", id, "serial", serial)
		return s.drop(dir)
	})
}

// Rotate is [Trust.Rotate], and remembers the root's version, so that an older
// document cannot be put back.
func (s *Store) Rotate(publisher string, raw []byte, signatures [][]byte) (*Root, error) {
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	st, err := s.state()
	if err != nil {
		return nil, err
	}
	root, err := s.trust.Rotate(publisher, raw, signatures)
	if err != nil {
		return nil, err
	}
	st.Roots[publisher] = root.Version
	return root, st.write(filepath.Join(s.o.StateDir, stateFile))
}
