package pack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The files of a publisher in the trust directory.
const (
	pubSuffix     = ".pub"
	rootSuffix    = ".root.json"
	revokedSuffix = ".revoked"
)

// Trust is whom the operator trusts with what: the content of a trust directory.
// Whoever can write there decides what a sensor runs.
type Trust struct {
	dir        string
	publishers []*Publisher // by name
}

// A Publisher is one whose packs are trusted within a scope.
type Publisher struct {
	Name    string
	Pinned  PublicKey // the first key, that the operator gave
	Scope   Scope
	Root    *Root // nil until the first rotation
	revoked revocations
}

// Keys are the keys that sign the publisher's packs now.
func (p *Publisher) Keys() []PublicKey {
	if p.Root != nil {
		return p.Root.keys
	}
	return []PublicKey{p.Pinned}
}

// RevokedKey reports whether a key's packs must not be used any more.
func (p *Publisher) RevokedKey(id string) bool {
	return p.revoked[keyEntry(id)] || p.Root != nil && slices.Contains(p.Root.Revoked, id)
}

// Revocations lists what the operator revoked, one entry a line of the file.
func (p *Publisher) Revocations() []string {
	if len(p.revoked) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(p.revoked.text())), "\n")
}

// LoadTrust reads a trust directory. One that does not exist trusts nobody. A
// file that cannot be read is an error: trust is not a thing to guess.
func LoadTrust(dir string) (*Trust, error) {
	t := &Trust{dir: dir}
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err == nil && info.Mode().Perm()&0o002 != 0 {
		return nil, fmt.Errorf("everybody can write to the trust directory %s, and so decide what is trusted: chmod o-w it", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read trust directory: %w", err)
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), pubSuffix)
		if !ok || strings.HasPrefix(name, ".") {
			continue
		}
		p, err := t.load(name)
		if err != nil {
			return nil, err
		}
		t.publishers = append(t.publishers, p)
	}
	return t, nil
}

func (t *Trust) load(name string) (*Publisher, error) {
	if !publisherName.MatchString(name) {
		return nil, fmt.Errorf("trust file %s: a publisher's name matches %s", name+pubSuffix, publisherName)
	}
	p := &Publisher{Name: name}
	steps := []struct {
		suffix   string
		limit    int64
		optional bool
		parse    func([]byte) error
	}{
		{pubSuffix, maxTrustFile, false, func(b []byte) (err error) { p.Pinned, p.Scope, err = parsePub(b); return err }},
		{rootSuffix, 4 * maxRoot, true, func(b []byte) (err error) { p.Root, err = parseStoredRoot(b); return err }},
		{revokedSuffix, maxRevokedFile, true, func(b []byte) (err error) { p.revoked, err = parseRevocations(b); return err }},
	}
	for _, s := range steps {
		text, err := readBounded(filepath.Join(t.dir, name+s.suffix), s.limit, "a trust file")
		if s.optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = s.parse(text)
		}
		if err != nil {
			return nil, fmt.Errorf("trust file %s: %w", name+s.suffix, err)
		}
	}
	if p.Root != nil && p.Root.Publisher != name {
		return nil, fmt.Errorf("trust file %s: it is the root of publisher %q", name+rootSuffix, p.Root.Publisher)
	}
	return p, nil
}

// Publishers lists who is trusted, by name.
func (t *Trust) Publishers() []*Publisher { return t.publishers }

// Publisher returns the publisher of a name, nil if nobody trusts it.
func (t *Trust) Publisher(name string) *Publisher {
	for _, p := range t.publishers {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Add trusts a key with a scope. A publisher that is trusted already with another
// key is an error: rotation is how a key is replaced.
func (t *Trust) Add(publisher string, key PublicKey, scope Scope) error {
	if !publisherName.MatchString(publisher) {
		return fmt.Errorf("publisher %q does not match %s", clip(publisher), publisherName)
	}
	if err := scope.check(); err != nil {
		return err
	}
	if p := t.Publisher(publisher); p != nil && p.Pinned.String() != key.String() {
		return fmt.Errorf("publisher %s is trusted with key %s: replace it with a rotation, or remove %s first",
			publisher, p.Pinned.ID(), filepath.Join(t.dir, publisher+pubSuffix))
	}
	for _, p := range t.publishers {
		if p.Name != publisher && slices.ContainsFunc(p.Keys(), func(k PublicKey) bool { return k.ID() == key.ID() }) {
			return fmt.Errorf("key %s is that of publisher %s", key.ID(), p.Name)
		}
	}
	return t.write(publisher+pubSuffix, formatPub(key, scope))
}

func (t *Trust) write(name string, text []byte) error {
	if err := os.MkdirAll(t.dir, 0o755); err != nil {
		return fmt.Errorf("create trust directory: %w", err)
	}
	return WriteFile(filepath.Join(t.dir, name), text, 0o644)
}

// Rotate replaces a publisher's keys by those of a root document, which enough of
// the present keys and enough of the new ones must have signed. It returns the
// document.
func (t *Trust) Rotate(publisher string, raw []byte, signatures [][]byte) (*Root, error) {
	p := t.Publisher(publisher)
	if p == nil {
		return nil, refuse(Untrusted, "publisher %q is not trusted: add its first key", clip(publisher))
	}
	next, err := ParseRoot(raw)
	if err != nil {
		return nil, err
	}
	if next.Publisher != publisher {
		return nil, refuse(OutOfScope, "it is the root of publisher %q", next.Publisher)
	}
	version, threshold := uint64(0), 1
	if p.Root != nil {
		version, threshold = p.Root.Version, p.Root.Threshold
	}
	if next.Version <= version {
		return nil, refuse(RolledBack, "root version %d is not newer than %d", next.Version, version)
	}
	all, err := parseSignatures(signatures)
	if err != nil {
		return nil, err
	}
	if n := signers(p.Keys(), p.RevokedKey, raw, all); n < threshold {
		return nil, refuse(BadSignature, "%d of the present keys signed the root, %d are needed", n, threshold)
	}
	if n := signers(next.keys, p.RevokedKey, raw, all); n < next.Threshold {
		return nil, refuse(BadSignature, "%d of the new keys signed the root, %d are needed", n, next.Threshold)
	}
	text, err := formatStoredRoot(raw, all)
	if err != nil {
		return nil, err
	}
	return next, t.write(publisher+rootSuffix, text)
}

// Revoke adds entries to what the operator revoked of a publisher, each in the
// form of a line of the file: "key ID", "serial NAME N", "sha256 DIGEST".
func (t *Trust) Revoke(publisher string, entries ...string) error {
	p := t.Publisher(publisher)
	if p == nil {
		return refuse(Untrusted, "publisher %q is not trusted, so there is nothing to revoke", clip(publisher))
	}
	all := revocations{}
	for e := range p.revoked {
		all[e] = true
	}
	for _, e := range entries {
		plain, ok := plainEntry(strings.Fields(e))
		if !ok {
			return fmt.Errorf("%q is no key id, serial or SHA-256", clip(e))
		}
		all[plain] = true
	}
	return t.write(publisher+revokedSuffix, all.text())
}

// authenticate finds whose key signed a manifest. It looks at nothing in it.
func (t *Trust) authenticate(h Head) (*Publisher, *Signature, error) {
	s, err := ParseSignature(h.Signature)
	if err != nil {
		return nil, nil, err
	}
	named := false
	for _, p := range t.publishers {
		for _, k := range p.Keys() {
			if k.ID() != s.KeyID || p.RevokedKey(s.KeyID) {
				continue
			}
			if named = true; k.Verify(h.Manifest, s) {
				return p, s, nil
			}
		}
	}
	// Only now: nobody can revoke the keys of others.
	for _, p := range t.publishers {
		if p.RevokedKey(s.KeyID) {
			return nil, nil, refuse(Revoked, "signed with key %s of publisher %s, which was revoked", s.KeyID, p.Name)
		}
	}
	if named {
		return nil, nil, refuse(BadSignature, "the signature is not one of this manifest by key %s", s.KeyID)
	}
	return nil, nil, refuse(Untrusted, "signed with key %s, which nobody trusts: \"killdeer trust add\" trusts a key", s.KeyID)
}

// revocation says why a pack must not be used.
func (p *Publisher) revocation(m *Manifest, digest string) error {
	switch {
	case p.revoked[serialEntry(m.Name, m.Serial)]:
		return refuse(Revoked, "%s was revoked by the operator", m.Label())
	case p.revoked[digestEntry(digest)]:
		return refuse(Revoked, "%s with the manifest %s was revoked by the operator", m.Label(), digest)
	}
	return nil
}
