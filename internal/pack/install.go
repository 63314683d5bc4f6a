package pack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"time"
)

const (
	folderMode = 0o755 // a pack is no secret, and the sensor may be another user
	fileMode   = 0o644
)

// InstallOptions are the operator's exceptions.
type InstallOptions struct {
	Downgrade bool // accept a lower serial than was installed before
}

// Change says what an operation did to a pack.
type Change struct {
	*Verified
	Previous uint64 // serial that was in use before, 0 for none
	// Kept says that nothing changed: the pack was in use already.
	Kept bool

	// What Undo takes back or puts back.
	revoked []Revocation // that the pack brought
	newest  time.Time    // before it
}

// ID is the changed pack's.
func (c *Change) ID() string { return c.Verified.ID() }

// Verify judges a pack file as Install would, and installs nothing.
func (s *Store) Verify(data []byte) (*Verified, error) {
	st, err := s.state()
	if err != nil {
		return nil, err
	}
	var v *Verified
	err = Scan(data, func(h Head) (*Manifest, error) {
		v, err = s.judge(h, st, false)
		if err != nil {
			return nil, err
		}
		return v.Manifest, nil
	}, func(_ *File, r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Install verifies a pack file, unpacks it beside the others, tests it, and puts
// it in use. Until the last step, one rename, the pack before is in use; whatever
// fails leaves it so, and nothing of the new one behind.
func (s *Store) Install(ctx context.Context, data []byte, o InstallOptions) (_ *Change, err error) {
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	st, err := s.state()
	if err != nil {
		return nil, err
	}
	staging, err := s.stage()
	if err != nil {
		return nil, err
	}
	defer func() { // nothing of it is needed, whatever happened
		if left := os.RemoveAll(filepath.Dir(staging)); left != nil {
			err = errors.Join(err, fmt.Errorf("clear staging directory: %w", left))
		}
	}()
	v, err := s.unpack(data, staging, st, o)
	if err != nil {
		return nil, err
	}
	if s.o.SelfTest != nil {
		if err := s.o.SelfTest(ctx, v.Manifest, staging); err != nil {
			return nil, selfTestError(err)
		}
	}
	return s.activate(v, staging, st)
}

func selfTestError(err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return refuse(SelfTest, "the pack does not work, nothing was changed: %w", err)
}

// lock takes the store for changes.
func (s *Store) lock() (unlock func(), err error) {
	for _, dir := range []string{s.o.Dir, s.o.StateDir} {
		if err := os.MkdirAll(dir, folderMode); err != nil {
			return nil, fmt.Errorf("create packs directory: %w", err)
		}
	}
	f, err := os.OpenFile(filepath.Join(s.o.Dir, ".lock"), os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return nil, fmt.Errorf("lock packs directory: %w", err)
	}
	if err := flock(f); err != nil {
		return nil, errors.Join(fmt.Errorf("lock packs directory: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// stage makes an empty folder, after removing what a crash left of others.
func (s *Store) stage() (string, error) {
	top := filepath.Join(s.o.Dir, stagingDir)
	if err := os.RemoveAll(top); err != nil {
		return "", fmt.Errorf("clear staging directory: %w", err)
	}
	dir := filepath.Join(top, "pack")
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return "", fmt.Errorf("create staging directory: %w", err)
	}
	return dir, nil
}

// unpack verifies the pack and writes its files to an empty folder, which they
// cannot leave: [os.Root] holds every name to it.
func (s *Store) unpack(data []byte, dir string, st *state, o InstallOptions) (*Verified, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open staging directory: %w", err)
	}
	defer func() { _ = root.Close() }() // what it wrote was synced
	var v *Verified
	accept := func(h Head) (*Manifest, error) {
		if v, err = s.judge(h, st, o.Downgrade); err == nil {
			err = installable(v.Manifest)
		}
		if pin := pinned(v, st, err); pin != 0 {
			err = refuse(Pinned, "%s is pinned to serial %d: \"killdeer pack pin --off\" lets it go", v.ID(), pin)
		}
		if err != nil {
			return nil, err
		}
		return v.Manifest, nil
	}
	if err := Scan(data, accept, func(f *File, r io.Reader) error { return unpackFile(root, f.Path, r) }); err != nil {
		return nil, err
	}
	return v, v.keep(root)
}

// pinned returns the serial that keeps an acceptable pack out, 0 for none.
func pinned(v *Verified, st *state, err error) uint64 {
	if err != nil {
		return 0
	}
	if pin := st.of(v.ID()).Pinned; pin != v.Serial {
		return pin
	}
	return 0
}

// keep writes manifest and signature beside the files, to be verified again
// whenever the pack is loaded.
func (v *Verified) keep(root *os.Root) error {
	if err := writeIn(root, ManifestName, v.manifest); err != nil {
		return err
	}
	if v.sig != nil {
		if err := writeIn(root, SignatureName, v.sig); err != nil {
			return err
		}
	}
	return syncTree(root)
}

func writeIn(root *os.Root, name string, content []byte) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	return nil
}

func unpackFile(root *os.Root, name string, r io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), folderMode); err != nil {
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	_, err = io.Copy(f, r)
	if _, ok := errors.AsType[*Error](err); ok {
		_ = f.Close()
		return err // the pack's fault, not the disk's
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	return nil
}

// syncTree makes the names of all folders survive a power cut.
func syncTree(root *os.Root) error {
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncDir(filepath.Join(root.Name(), filepath.FromSlash(name)))
	})
}

// activate moves a tested pack to its place and puts it in use. That it was
// accepted is stored first: a crash in between forgets nothing. What it says of
// others is stored when it is in use, since it may revoke the one before, which a
// crash or a full disk would leave in use; until then recall finds it.
func (s *Store) activate(v *Verified, staging string, st *state) (*Change, error) {
	folder, err := s.folder(v.ID())
	if err != nil {
		return nil, err
	}
	before, _ := s.current(v.ID())
	change := &Change{Verified: v, Previous: before}
	place := filepath.Join(folder, strconv.FormatUint(v.Serial, 10))
	if have, err := readInstalled(place); err == nil && have.Digest == v.Digest && before == v.Serial && s.intact(place, v.Manifest) {
		change.Kept = true
		return change, nil
	}
	p := st.of(v.ID())
	if v.Serial < p.Highest {
		s.o.Log.Warn("an older pack is installed, as was asked for", "pack", v.ID(), "serial", v.Serial, "highest", p.Highest)
	}
	p.accept(v.Manifest, v.Digest)
	if before != v.Serial {
		p.Previous = before
	}
	if err := st.write(filepath.Join(s.o.StateDir, stateFile)); err != nil {
		return nil, err
	}
	if err := s.put(staging, place); err != nil {
		return nil, err
	}
	s.o.Log.Info("pack installed", "pack", v.ID(), "serial", v.Serial, "version", v.Version, "signer", v.Signer, "previous", before)
	if err := s.use(folder, v.Serial); err != nil {
		return change, err
	}
	change.newest = p.Newest
	change.revoked = p.heed(v.Manifest)
	if err := st.write(filepath.Join(s.o.StateDir, stateFile)); err != nil {
		s.o.Log.Warn("what a pack revokes was not stored: it is read from the pack as long as that is in use", "pack", v.ID(), "error", err)
	}
	return change, nil
}

// intact reports whether an installed pack's files are what they were.
func (s *Store) intact(dir string, m *Manifest) bool {
	in := &Installed{Verified: &Verified{Manifest: m}, Dir: dir}
	for _, f := range m.Files {
		if _, err := in.ReadFile(f.Path); err != nil {
			return false
		}
	}
	return true
}

// put moves the staged folder to its place; one that is there is replaced.
func (s *Store) put(staging, place string) error {
	folder := filepath.Dir(place)
	if err := os.MkdirAll(folder, folderMode); err != nil {
		return fmt.Errorf("install pack: %w", err)
	}
	if err := os.Rename(place, filepath.Join(filepath.Dir(staging), "old")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("install pack: %w", err)
	}
	if err := os.Rename(staging, place); err != nil {
		return fmt.Errorf("install pack: %w", err)
	}
	for _, dir := range []string{folder, filepath.Dir(folder), s.o.Dir} {
		if err := syncDir(dir); err != nil {
			return fmt.Errorf("install pack: %w", err)
		}
	}
	return nil
}

// use swaps the current link.
func (s *Store) use(folder string, serial uint64) error {
	draft := filepath.Join(folder, "."+currentLink)
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("put pack in use: %w", err)
	}
	if err := os.Symlink(strconv.FormatUint(serial, 10), draft); err != nil {
		return fmt.Errorf("put pack in use: %w", err)
	}
	if err := os.Rename(draft, filepath.Join(folder, currentLink)); err != nil {
		return fmt.Errorf("put pack in use: %w", err)
	}
	return syncDir(folder)
}

// Stale returns the packs among ids that are past 80 % of their validity.
func (s *Store) Stale(ids []string) ([]*Installed, error) {
	st, err := s.state()
	if err != nil {
		return nil, err
	}
	var old []*Installed
	for _, id := range ids {
		serial, err := s.current(id)
		if err != nil {
			continue // said when it was loaded
		}
		if in, err := s.inspect(id, serial, st); err == nil && in.Freshness != Fresh {
			old = append(old, in)
		}
	}
	return old, nil
}
