package pack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	currentLink = "current"
	stagingDir  = ".staging"
	stateFile   = "packs.json"
)

var serialName = regexp.MustCompile(`^[1-9][0-9]{0,15}$`)

// Options say where packs are kept and what is accepted.
type Options struct {
	Dir      string // of installed packs
	StateDir string
	TrustDir string
	// AllowUnsigned accepts packs that nobody signed.
	AllowUnsigned bool
	ABIs          []string  // that this program speaks
	Sensor        string    // this program's version; one that is no number is new enough for all
	Built         time.Time // of this program; zero if unknown
	Now           func() time.Time
	// SelfTest reports whether an unpacked pack works. dir holds its files.
	SelfTest func(ctx context.Context, m *Manifest, dir string) error
	Log      *slog.Logger
}

// Store keeps installed packs, one folder for each:
//
//	<dir>/<publisher>/<name>/<serial>/    manifest, signature and files
//	<dir>/<publisher>/<name>/current      link to the serial in use
//
// Commands and a running sensor may use one directory at once: changes take a
// lock, and what a reader sees is complete.
type Store struct {
	o     Options
	trust *Trust
}

// Open opens a store. It reads the trust directory and creates nothing.
func Open(o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if len(o.ABIs) == 0 {
		o.ABIs = []string{DefaultABI}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	t, err := LoadTrust(o.TrustDir)
	if err != nil {
		return nil, err
	}
	return &Store{o: o, trust: t}, nil
}

// Trust is whom the store trusts.
func (s *Store) Trust() *Trust { return s.trust }

// SplitID splits publisher/name.
func SplitID(id string) (publisher, name string, ok bool) {
	publisher, name, _ = strings.Cut(id, "/")
	return publisher, name, publisherName.MatchString(publisher) && packName.MatchString(name)
}

func (s *Store) folder(id string) (string, error) {
	publisher, name, ok := SplitID(id)
	if !ok {
		return "", fmt.Errorf("%q is no pack: want publisher/name", clip(id))
	}
	return filepath.Join(s.o.Dir, publisher, name), nil
}

// Installed is a pack in a store.
type Installed struct {
	*Verified
	Dir     string
	Current bool
	Pinned  bool
	// Fault is why a sensor would not load it; nil if it would.
	Fault error
}

// List lists the installed packs by name and serial. One that cannot be read is
// in the list with its Fault, if its manifest can be.
func (s *Store) List() ([]*Installed, error) {
	st, err := s.state()
	if err != nil {
		return nil, err
	}
	var all []*Installed
	err = s.each(func(id string, serial uint64) {
		in, err := s.inspect(id, serial, st)
		if err != nil {
			s.o.Log.Warn("an installed pack cannot be read", "pack", id, "serial", serial, "error", err)
			return
		}
		all = append(all, in)
	})
	return all, err
}

// each calls f for every installed pack.
func (s *Store) each(f func(id string, serial uint64)) error {
	found, err := filepath.Glob(filepath.Join(globQuote(s.o.Dir), "*", "*", "*", ManifestName))
	if err != nil {
		return fmt.Errorf("list packs: %w", err)
	}
	type place struct {
		id     string
		serial uint64
	}
	var all []place
	for _, file := range found {
		dir := filepath.Dir(file)
		id := filepath.Base(filepath.Dir(filepath.Dir(dir))) + "/" + filepath.Base(filepath.Dir(dir))
		serial, err := strconv.ParseUint(filepath.Base(dir), 10, 64)
		if _, _, ok := SplitID(id); ok && err == nil && serialName.MatchString(filepath.Base(dir)) {
			all = append(all, place{id, serial})
		}
	}
	slices.SortFunc(all, func(a, b place) int {
		if c := strings.Compare(a.id, b.id); c != 0 {
			return c
		}
		return int(int64(a.serial) - int64(b.serial))
	})
	for _, p := range all {
		f(p.id, p.serial)
	}
	return nil
}

// globQuote makes a path match itself only.
func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

func (s *Store) inspect(id string, serial uint64, st *state) (*Installed, error) {
	folder, err := s.folder(id)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(folder, strconv.FormatUint(serial, 10))
	v, err := readInstalled(dir)
	if err != nil {
		return nil, err
	}
	if v.ID() != id || v.Serial != serial {
		return nil, refuse(BadManifest, "%s holds %s", dir, v.Label())
	}
	current, _ := s.current(id)
	v.Freshness = v.FreshnessAt(s.clock(st, v.Publisher))
	in := &Installed{Verified: v, Dir: dir, Current: current == serial, Pinned: st.of(id).Pinned == serial}
	in.Fault = s.loadable(v, st)
	return in, nil
}

// readInstalled reads what lies beside a pack's files.
func readInstalled(dir string) (*Verified, error) {
	raw, err := readBounded(filepath.Join(dir, ManifestName), MaxManifest, "a manifest")
	if err != nil {
		return nil, err
	}
	m, err := ParseManifest(raw)
	if err != nil {
		return nil, err
	}
	v := &Verified{Manifest: m, Digest: Digest(raw), manifest: raw}
	sig, err := readBounded(filepath.Join(dir, SignatureName), maxSignature, "a signature")
	if errors.Is(err, fs.ErrNotExist) {
		return v, nil
	}
	if err != nil {
		return nil, err
	}
	parsed, err := ParseSignature(sig)
	if err != nil {
		return nil, err
	}
	v.sig, v.Signer, v.Comment = sig, parsed.KeyID, parsed.Comment
	return v, nil
}

// loadable says why an installed pack must not be used. Expiry is no reason: a
// clock never disarms a sensor. Nor is a key that was retired after the pack had
// been found good; one that was revoked is.
func (s *Store) loadable(v *Verified, st *state) error {
	if err := s.compatible(v.Manifest); err != nil {
		return err
	}
	if err := s.notRevoked(v, st); err != nil {
		return err
	}
	_, err := s.authentic(Head{v.manifest, v.sig})
	switch ClassOf(err) {
	case Untrusted, OutOfScope, Unsigned:
		if st.of(v.ID()).Verified[v.Serial] == v.Digest && ClassOf(err) != Unsigned {
			return nil
		}
	}
	return err
}

// current returns the serial in use of a pack; an error if there is none.
func (s *Store) current(id string) (uint64, error) {
	folder, err := s.folder(id)
	if err != nil {
		return 0, err
	}
	target, err := os.Readlink(filepath.Join(folder, currentLink))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("pack %s is not installed: \"killdeer pack install\" does", id)
	}
	if err != nil {
		return 0, fmt.Errorf("pack %s: %w", id, err)
	}
	if !serialName.MatchString(target) {
		return 0, fmt.Errorf("pack %s: its current link leads to %q, which is no serial", id, clip(target))
	}
	return strconv.ParseUint(target, 10, 64)
}

// Current returns the pack in use, with every file held to the manifest. The
// error says why it must not be loaded.
func (s *Store) Current(id string) (*Installed, error) {
	st, err := s.state()
	if err != nil {
		return nil, err
	}
	serial, err := s.current(id)
	if err != nil {
		return nil, err
	}
	in, err := s.inspect(id, serial, st)
	if err != nil {
		return nil, err
	}
	if in.Fault != nil {
		return nil, in.Fault
	}
	return in, nil
}

// ReadFile returns a file of the pack, held to its digest.
func (in *Installed) ReadFile(path string) ([]byte, error) {
	f := in.File(path)
	if f == nil {
		return nil, refuse(MissingFile, "%s has no file %q", in.Label(), clip(path))
	}
	b, err := readBounded(filepath.Join(in.Dir, filepath.FromSlash(path)), MaxFile, "a file of a pack")
	if err != nil {
		return nil, err
	}
	if int64(len(b)) != f.Size || Digest(b) != f.SHA256 {
		return nil, refuse(BadDigest, "%s of %s was altered after it was installed", path, in.Label())
	}
	return b, nil
}

// state reads what is remembered, and adds what the installed packs say: that
// is all there is if the file was lost.
func (s *Store) state() (*state, error) {
	file := filepath.Join(s.o.StateDir, stateFile)
	st, err := readState(file)
	if errors.Is(err, errState) {
		s.o.Log.Error("the state of packs is damaged: it is made anew from the installed packs; pins are lost", "file", file, "error", err)
		st, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	if st == nil {
		st = newState()
	}
	err = s.each(func(id string, serial uint64) { s.recall(st, id, serial) })
	if err != nil {
		return nil, err
	}
	for _, p := range s.trust.publishers {
		if p.Root == nil {
			continue
		}
		if p.Root.Version < st.Roots[p.Name] {
			return nil, refuse(RolledBack, "root version %d of publisher %s is older than %d, which was seen before", p.Root.Version, p.Name, st.Roots[p.Name])
		}
		st.Roots[p.Name] = p.Root.Version
	}
	return st, nil
}

// recall takes up an installed pack that the state does not know, as far as its
// signature vouches for it, and what the one in use says: a crash may have come
// before that was stored. What a known one says that is not in use was stored, or
// never came into force.
func (s *Store) recall(st *state, id string, serial uint64) {
	p := st.of(id)
	folder, err := s.folder(id)
	if err != nil {
		return
	}
	known := p.Verified[serial]
	if now, _ := s.current(id); known != "" && serial <= p.Highest && serial != now {
		return
	}
	v, err := readInstalled(filepath.Join(folder, strconv.FormatUint(serial, 10)))
	if err != nil || v.ID() != id || v.Serial != serial || known != "" && known != v.Digest {
		return
	}
	if _, err := s.authentic(Head{v.manifest, v.sig}); err == nil {
		p.accept(v.Manifest, v.Digest)
		p.heed(v.Manifest)
	}
}
