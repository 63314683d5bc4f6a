package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// Head is what stands before a pack's files, as it stands there. Nothing of it is
// to be believed before the signature was verified.
type Head struct {
	Manifest  []byte
	Signature []byte // nil if the pack is unsigned
}

// Scan reads a pack file from its begin to its end. accept judges the head before
// anything but the headers of the archive was looked at, and returns the manifest
// to hold the rest to; each gets every file in turn, and must read all of it.
// When Scan returns nil, each file was as the manifest says, and there was nothing
// else. Errors of the pack are [Error].
func Scan(data []byte, accept func(Head) (*Manifest, error), each func(f *File, r io.Reader) error) error {
	archive, err := decompress(data)
	if err != nil {
		return err
	}
	defer archive.Close()
	u := newUntar(archive)
	head, err := u.head()
	if err != nil {
		return err
	}
	m, err := accept(head)
	if err != nil {
		return err
	}
	for i := range m.Files {
		if err := u.file(m, i, each); err != nil {
			return err
		}
	}
	if err := u.noMore(m); err != nil {
		return err
	}
	return u.finish()
}

// head reads manifest and signature.
func (u *untar) head() (h Head, err error) {
	if h.Manifest, err = u.small(ManifestName, MaxManifest); err != nil {
		return h, err
	}
	if h.Manifest == nil {
		return h, refuse(MissingFile, "the pack does not begin with %s", ManifestName)
	}
	h.Signature, err = u.small(SignatureName, maxSignature)
	return h, err
}

// small reads the next entry if it has the name, and returns nil if it has not.
func (u *untar) small(name string, limit int64) ([]byte, error) {
	e, err := u.peek()
	if err != nil || e == nil || e.name != name {
		return nil, err
	}
	if e.size > limit {
		return nil, refuse(TooLarge, "%s has %d bytes, at most %d", name, e.size, limit)
	}
	u.next()
	b := make([]byte, e.size)
	if _, err := io.ReadFull(&u.body, b); err != nil {
		return nil, unpackError(err)
	}
	return b, nil
}

// file reads the manifest's file i.
func (u *untar) file(m *Manifest, i int, each func(*File, io.Reader) error) error {
	f := &m.Files[i]
	e, err := u.peek()
	if err != nil {
		return err
	}
	if e == nil || e.name != f.Path {
		return u.misplaced(m, i, e)
	}
	if e.size != f.Size {
		return refuse(WrongSize, "%s has %d bytes, in the manifest %d", f.Path, e.size, f.Size)
	}
	u.next()
	sum := sha256.New()
	if err := each(f, io.TeeReader(&u.body, sum)); err != nil {
		return unpackError(err)
	}
	if u.body.N > 0 {
		return fmt.Errorf("unpack %s: the pack ended or was not read to the end of the file: %w", f.Path, refuse(Damaged, "the pack is cut short"))
	}
	if hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
		return refuse(BadDigest, "%s is not the file that the manifest lists: its SHA-256 differs", f.Path)
	}
	return nil
}

// misplaced says why e, nil at the end, is not the manifest's file i.
func (u *untar) misplaced(m *Manifest, i int, e *entry) error {
	want := m.Files[i].Path
	if e == nil {
		return refuse(MissingFile, "%s is in the manifest and not in the pack", want)
	}
	if err := unexpected(m, i, e); err != nil {
		return err
	}
	for {
		u.next()
		next, err := u.peek()
		if err != nil {
			return err
		}
		if next == nil {
			return refuse(MissingFile, "%s is in the manifest and not in the pack", want)
		}
		if next.name == want {
			return refuse(WrongOrder, "%s comes before %s", e.name, want)
		}
	}
}

// noMore wants the archive to end after the files.
func (u *untar) noMore(m *Manifest) error {
	e, err := u.peek()
	if err != nil || e == nil {
		return err
	}
	return unexpected(m, len(m.Files), e)
}

// unexpected says why an entry cannot follow the manifest's first n files; nil
// for one that may come later.
func unexpected(m *Manifest, n int, e *entry) error {
	if e.name == SignatureName || strings.HasPrefix(e.name, ManifestName+".") {
		return refuse(SecondSignature, "%s: a pack has one signature, right behind its manifest", e.name)
	}
	if e.name == ManifestName {
		return refuse(Duplicate, "%s is there twice", e.name)
	}
	for i := range m.Files {
		if m.Files[i].Path == e.name {
			if i < n {
				return refuse(Duplicate, "%s is there twice", e.name)
			}
			return nil
		}
	}
	return refuse(ExtraFile, "%s is in the pack and not in the manifest", e.name)
}

// Pack is a pack file that was read without asking whom it comes from: its parts
// fit together, and nothing more is known.
type Pack struct {
	Head
	*Manifest
	content map[string][]byte
}

// Read reads a pack file without verifying its signature.
func Read(data []byte) (*Pack, error) {
	p := &Pack{content: map[string][]byte{}}
	err := Scan(data, func(h Head) (_ *Manifest, err error) {
		p.Head = h
		p.Manifest, err = ParseManifest(h.Manifest)
		return p.Manifest, err
	}, func(f *File, r io.Reader) error {
		var b bytes.Buffer
		_, err := b.ReadFrom(r)
		p.content[f.Path] = b.Bytes()
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Digest is the SHA-256 of the pack's manifest.
func (p *Pack) Digest() string { return Digest(p.Head.Manifest) }

// encode makes the pack file again.
func (p *Pack) encode() ([]byte, error) {
	var b bytes.Buffer
	add := func(name string, content []byte) error {
		h, err := header(entry{name, int64(len(content))})
		if err != nil {
			return err
		}
		b.Write(h)
		b.Write(content)
		b.Write(make([]byte, -len(content)&(block-1)))
		return nil
	}
	if err := add(ManifestName, p.Head.Manifest); err != nil {
		return nil, err
	}
	if p.Signature != nil {
		if err := add(SignatureName, p.Signature); err != nil {
			return nil, err
		}
	}
	for _, f := range p.Files {
		if err := add(f.Path, p.content[f.Path]); err != nil {
			return nil, err
		}
	}
	b.Write(make([]byte, 2*block))
	return compress(b.Bytes())
}
