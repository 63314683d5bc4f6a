package pack

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// SourceName is the file in a pack's folder that says what the pack is. It is not
// part of the pack.
const SourceName = "pack.toml"

// DefaultABI is what a pack requires whose source names no ABI.
const DefaultABI = "killdeer/1"

const (
	maxSource    = 64 << 10
	defaultValid = 365 // days
	maxValidDays = 3660
	maxDepth     = 8
)

// Source is what [SourceName] says. The pack holds every file of the folder but
// it and those whose name begins with a dot.
type Source struct {
	Publisher string              `toml:"publisher"`
	Name      string              `toml:"name"`
	Version   string              `toml:"version"`
	Serial    uint64              `toml:"serial"`
	Created   time.Time           `toml:"created"` // there is no default: building reads no clock
	ValidDays int                 `toml:"valid_days"`
	Kind      []string            `toml:"kind"`
	ABI       string              `toml:"abi"`
	Sensor    string              `toml:"sensor"`
	Media     map[string]string   `toml:"media"` // by path
	Caps      map[string][]string `toml:"caps"`  // by path
	Revokes   []SourceRevocation  `toml:"revokes"`
}

// SourceRevocation is a [Revocation] in a source.
type SourceRevocation struct {
	Serial uint64 `toml:"serial"`
	SHA256 string `toml:"sha256"`
}

// ReadSource reads the source of a pack's folder strictly.
func ReadSource(dir string) (*Source, error) {
	text, err := readBounded(filepath.Join(dir, SourceName), maxSource, "a pack's source")
	if err != nil {
		return nil, err
	}
	return ParseSource(text)
}

// ParseSource reads a pack's source.
func ParseSource(text []byte) (s *Source, err error) {
	defer func() {
		if r := recover(); r != nil { // the library panics where it finds a mistake of its own
			s, err = nil, fmt.Errorf("%s: not TOML: %v", SourceName, r)
		}
	}()
	s = &Source{}
	md, err := toml.Decode(string(text), s)
	if pe, ok := errors.AsType[toml.ParseError](err); ok {
		return nil, fmt.Errorf("%s:%d: %s", SourceName, pe.Position.Line, pe.Message)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", SourceName, err)
	}
	if unknown := md.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("%s: unknown key %q", SourceName, unknown[0].String())
	}
	if s.Created.IsZero() {
		return nil, fmt.Errorf("%s: created is missing: write the time of the release, such as 2026-11-20T00:00:00Z", SourceName)
	}
	if s.ValidDays < 0 || s.ValidDays > maxValidDays {
		return nil, fmt.Errorf("%s: valid_days is %d, want 1 to %d", SourceName, s.ValidDays, maxValidDays)
	}
	return s, nil
}

// Build makes an unsigned pack file of a folder. The same source and files give
// the same bytes, wherever the folder is.
func Build(dir string, s *Source) ([]byte, error) {
	p := &Pack{content: map[string][]byte{}}
	if err := p.collect(dir); err != nil {
		return nil, err
	}
	p.Manifest = s.manifest()
	for _, name := range sorted(p.content) {
		p.Files = append(p.Files, s.file(name, p.content[name]))
	}
	for name := range s.Media {
		if p.content[name] == nil {
			return nil, fmt.Errorf("%s: media names %q, which is no file of the pack", SourceName, name)
		}
	}
	for name := range s.Caps {
		if p.content[name] == nil {
			return nil, fmt.Errorf("%s: caps names %q, which is no file of the pack", SourceName, name)
		}
	}
	text, err := p.Text()
	if err != nil {
		return nil, err
	}
	if _, err := ParseManifest(text); err != nil { // what nobody would accept is not built
		return nil, err
	}
	p.Head.Manifest = text
	return p.encode()
}

func sorted(content map[string][]byte) []string {
	names := make([]string, 0, len(content))
	for name := range content {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (s *Source) manifest() *Manifest {
	created := s.Created.UTC().Truncate(time.Second)
	m := &Manifest{
		Spec: Spec, Name: s.Name, Publisher: s.Publisher, Version: s.Version, Serial: s.Serial,
		Created: created, Expires: created.AddDate(0, 0, cmp.Or(s.ValidDays, defaultValid)),
		Requires: Requires{ABI: cmp.Or(s.ABI, DefaultABI), Sensor: s.Sensor}, Kind: slices.Sorted(slices.Values(s.Kind)),
	}
	for _, r := range s.Revokes {
		m.Revokes = append(m.Revokes, Revocation(r))
	}
	return m
}

func (s *Source) file(name string, content []byte) File {
	return File{
		Path: name, Size: int64(len(content)), SHA256: Digest(content),
		Media: cmp.Or(s.Media[name], mediaOf(name)), Caps: slices.Sorted(slices.Values(s.Caps[name])),
	}
}

func mediaOf(name string) string {
	switch path.Ext(name) {
	case ".wasm":
		return "application/wasm"
	case ".toml":
		return "application/toml"
	case ".json":
		return "application/json"
	case ".md", ".txt":
		return "text/plain"
	}
	return "application/octet-stream"
}

// collect reads the files of a folder.
func (p *Pack) collect(dir string) error {
	var total int64
	return filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read the pack's folder: %w", err)
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil || rel == "." {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case rel == SourceName:
			return nil
		case entry.IsDir():
			if strings.Count(rel, "/") >= maxDepth {
				return fmt.Errorf("%s: folders nest deeper than %d", rel, maxDepth)
			}
			return nil
		case !entry.Type().IsRegular():
			return refuse(Link, "%s is not a regular file: packs hold no links or devices", rel)
		}
		return p.read(name, rel, &total)
	})
}

func (p *Pack) read(name, rel string, total *int64) error {
	if len(p.content) == MaxFiles {
		return refuse(TooLarge, "more than %d files", MaxFiles)
	}
	b, err := readBounded(name, MaxFile, "a file of a pack")
	if err != nil {
		return err
	}
	if *total += int64(len(b)); *total > MaxContent {
		return refuse(TooLarge, "files of more than %d bytes together", int64(MaxContent))
	}
	p.content[rel] = b
	return nil
}

// Sign returns the pack file with its manifest signed, in place of any signature
// it had. Equal input gives an equal file.
func Sign(data []byte, key SecretKey) ([]byte, error) {
	p, err := Read(data)
	if err != nil {
		return nil, err
	}
	p.Signature = key.Sign(p.Head.Manifest, fmt.Sprintf("killdeer pack %s", p.Label()))
	return p.encode()
}

// Attach returns the pack file with a signature that minisign made over its
// manifest, in place of any that it had.
func Attach(data, signature []byte) ([]byte, error) {
	p, err := Read(data)
	if err != nil {
		return nil, err
	}
	plain, err := plainSignature(signature)
	if err != nil {
		return nil, err
	}
	if _, err := ParseSignature(plain); err != nil {
		return nil, err
	}
	p.Signature = plain
	return p.encode()
}

// WriteFile writes a file so that its name has either what it had or all of the
// new content.
func WriteFile(name string, data []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", name, errors.Join(err, os.Remove(f.Name())))
		}
	}()
	_, err = bytes.NewReader(data).WriteTo(f)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err = os.Rename(f.Name(), name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

// syncDir makes names in a folder survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
