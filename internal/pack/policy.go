package pack

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// staleAt is the part of a pack's validity after which it should be replaced.
const staleAt = 0.8

// A Freshness says how far a pack is from its expiry.
type Freshness string

// The states of freshness.
const (
	Fresh Freshness = "fresh"
	Aging Freshness = "aging" // 80 % of the validity is over
	Stale Freshness = "stale" // expired: it runs on, and is not installed any more
)

// FreshnessAt says how far the pack is from its expiry at a time.
func (m *Manifest) FreshnessAt(now time.Time) Freshness {
	validity := m.Expires.Sub(m.Created)
	switch {
	case !now.Before(m.Expires):
		return Stale
	case now.After(m.Created.Add(time.Duration(staleAt * float64(validity)))):
		return Aging
	}
	return Fresh
}

// clock is the time that expiry is judged by: a wall clock that was set back must
// not make an old pack fresh, so what is known to have passed counts as well.
// Only the publisher's own packs are asked, so that nobody can expire another's.
func (s *Store) clock(st *state, publisher string) time.Time {
	now := s.o.Now()
	if s.o.Built.After(now) {
		now = s.o.Built
	}
	for id, p := range st.Packs {
		if strings.HasPrefix(id, publisher+"/") && p.Newest.After(now) {
			now = p.Newest
		}
	}
	return now
}

// Verified is what is known of a pack whose head was judged.
type Verified struct {
	*Manifest
	Digest    string    // of the manifest
	Signer    string    // key id, "" if the pack is unsigned
	Comment   string    // of the signature, signed
	Freshness Freshness // "" where no store was asked
	manifest  []byte
	sig       []byte
}

// judge decides about a head, before anything else of the pack is read. The order
// of its questions is that of their weight.
func (s *Store) judge(h Head, st *state, downgrade bool) (*Verified, error) {
	v, err := s.authentic(h)
	if err != nil {
		return nil, err
	}
	if err := s.compatible(v.Manifest); err != nil {
		return nil, err
	}
	if err := s.notRevoked(v, st); err != nil {
		return nil, err
	}
	p := st.of(v.ID())
	if known := p.Verified[v.Serial]; known != "" && known != v.Digest {
		return nil, refuse(SerialReused, "%s is another pack than the one that was installed with this serial", v.Label())
	}
	if v.Serial < p.Highest && !downgrade {
		return nil, refuse(RolledBack, "%s is older than serial %d, which was installed before", v.Label(), p.Highest)
	}
	if v.Freshness = v.FreshnessAt(s.clock(st, v.Publisher)); v.Freshness == Stale {
		return nil, refuse(Expired, "%s expired on %s: ask %s for a newer one", v.Label(), v.Expires.Format(time.DateOnly), v.Publisher)
	}
	return v, nil
}

// authentic verifies the signature over the head's bytes, then reads the manifest
// and holds it to the signer's scope.
func (s *Store) authentic(h Head) (*Verified, error) {
	v := &Verified{Digest: Digest(h.Manifest), manifest: h.Manifest, sig: h.Signature}
	var publisher *Publisher
	if h.Signature == nil {
		if !s.o.AllowUnsigned {
			return nil, refuse(Unsigned, "the pack is not signed: sign it with \"killdeer pack sign\", or set packs.allow_unsigned")
		}
	} else {
		p, sig, err := s.trust.authenticate(h)
		if err != nil {
			return nil, err
		}
		publisher, v.Signer, v.Comment = p, sig.KeyID, sig.Comment
	}
	m, err := ParseManifest(h.Manifest)
	if err != nil {
		return nil, err
	}
	v.Manifest = m
	if publisher == nil {
		return v, nil
	}
	if publisher.Name != m.Publisher {
		return nil, refuse(OutOfScope, "signed by publisher %s, and says it is by %s", publisher.Name, m.Publisher)
	}
	return v, publisher.Scope.covers(m)
}

func (s *Store) notRevoked(v *Verified, st *state) error {
	if p := s.trust.Publisher(v.Publisher); p != nil {
		if err := p.revocation(v.Manifest, v.Digest); err != nil {
			return err
		}
	}
	if st.of(v.ID()).revoked(v.Serial, v.Digest) {
		return refuse(Revoked, "%s was revoked by a newer pack of its publisher", v.Label())
	}
	return nil
}

func (s *Store) compatible(m *Manifest) error {
	if !slices.Contains(s.o.ABIs, m.Requires.ABI) {
		return refuse(Incompatible, "%s needs ABI %q, this sensor has %s", m.Label(), clip(m.Requires.ABI), strings.Join(s.o.ABIs, ", "))
	}
	if m.Requires.Sensor == "" {
		return nil
	}
	want, ok := strings.CutPrefix(m.Requires.Sensor, ">=")
	least, valid := parseVersion(strings.TrimSpace(want))
	if !ok || !valid {
		return refuse(BadManifest, "manifest: requires.sensor is %q, want \">=1.2.3\"", clip(m.Requires.Sensor))
	}
	have, known := parseVersion(s.o.Sensor)
	if known && slices.Compare(have[:], least[:]) < 0 {
		return refuse(Incompatible, "%s needs a sensor of version %s, this is %s", m.Label(), m.Requires.Sensor, s.o.Sensor)
	}
	return nil
}

// parseVersion reads the three numbers of a version. A build without one, such as
// "dev", is none, and is taken to be new enough.
func parseVersion(text string) (v [3]uint64, ok bool) {
	text = strings.TrimPrefix(text, "v")
	if i := strings.IndexAny(text, "-+"); i >= 0 {
		text = text[:i]
	}
	parts := strings.Split(text, ".")
	if len(parts) == 0 || len(parts) > len(v) {
		return v, false
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return v, false
		}
		v[i] = n
	}
	return v, true
}

// installable wants a kind that a sensor loads.
func installable(m *Manifest) error {
	if slices.Contains(m.Kind, KindPlugin) {
		return refuse(WrongKind, "%s holds a plugin: sensors load personas and rules from packs", m.Label())
	}
	for _, k := range m.Kind {
		if _, err := m.Guest(k); err != nil {
			return err
		}
	}
	return nil
}

// Guest returns the file that a sensor loads for a kind: persona.wasm, rules.wasm
// or rules.toml.
func (m *Manifest) Guest(kind string) (*File, error) {
	if !slices.Contains(m.Kind, kind) {
		return nil, refuse(WrongKind, "%s holds %s, and no %s", m.Label(), strings.Join(m.Kind, " and "), kind)
	}
	names := guestFiles[kind]
	var found *File
	for _, name := range names {
		f := m.File(name)
		if f != nil && found != nil {
			return nil, refuse(BadManifest, "%s has both %s and %s: which is meant?", m.Label(), found.Path, f.Path)
		}
		if f != nil {
			found = f
		}
	}
	if found == nil {
		return nil, refuse(BadManifest, "%s has no file %s", m.Label(), strings.Join(names, " or "))
	}
	return found, nil
}

var guestFiles = map[string][]string{
	KindPersona: {"persona.wasm", "persona.toml"},
	KindRules:   {"rules.wasm", "rules.toml"},
}

// String describes a verified pack in one line.
func (v *Verified) String() string {
	by := "unsigned"
	if v.Signer != "" {
		by = "signed with " + v.Signer
	}
	return fmt.Sprintf("%s, version %s, %s", v.Label(), v.Version, by)
}

// VerifyWith holds a pack file to one key, and to nothing that an operator trusts
// or has installed: whose it is and whether all of it is there.
func VerifyWith(data []byte, k PublicKey) (*Verified, error) {
	var v *Verified
	accept := func(h Head) (*Manifest, error) {
		if h.Signature == nil {
			return nil, refuse(Unsigned, "the pack is not signed")
		}
		s, err := ParseSignature(h.Signature)
		if err != nil {
			return nil, err
		}
		if s.KeyID != k.ID() {
			return nil, refuse(Untrusted, "signed with key %s, and not with %s", s.KeyID, k.ID())
		}
		if !k.Verify(h.Manifest, s) {
			return nil, refuse(BadSignature, "the signature is not one of this manifest by key %s", s.KeyID)
		}
		m, err := ParseManifest(h.Manifest)
		v = &Verified{Manifest: m, Digest: Digest(h.Manifest), Signer: s.KeyID, Comment: s.Comment}
		return m, err
	}
	err := Scan(data, accept, func(_ *File, r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}
