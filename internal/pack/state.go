package pack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

const maxState = 16 << 20

// state is what must be remembered of packs beyond the packs themselves, so that
// an older or revoked one cannot come back.
type state struct {
	V     int                   `json:"v"`
	Packs map[string]*packState `json:"packs"` // by publisher/name
	Roots map[string]uint64     `json:"roots"` // the newest root version by publisher
}

type packState struct {
	Highest uint64 `json:"highest"` // serial that was ever installed
	// Verified are the manifests that were found good when they were installed, by
	// serial: a key that is retired later does not stop a sensor.
	Verified map[uint64]string `json:"verified"`
	Pinned   uint64            `json:"pinned,omitempty"`
	Previous uint64            `json:"previous,omitempty"` // where a rollback goes
	Revoked  []Revocation      `json:"revoked,omitempty"`
	Newest   time.Time         `json:"newest"` // created of the newest verified manifest
}

func newState() *state {
	return &state{V: 1, Packs: map[string]*packState{}, Roots: map[string]uint64{}}
}

// of returns a pack's state, a new one if it has none.
func (s *state) of(id string) *packState {
	p := s.Packs[id]
	if p == nil {
		p = &packState{}
		s.Packs[id] = p
	}
	if p.Verified == nil {
		p.Verified = map[uint64]string{}
	}
	return p
}

// accept takes up that a manifest was found good.
func (p *packState) accept(m *Manifest, digest string) {
	p.Highest = max(p.Highest, m.Serial)
	p.Verified[m.Serial] = digest
}

// heed takes up what the manifest of a pack that is or was in use says of others,
// and returns the revocations that were not known before.
func (p *packState) heed(m *Manifest) (news []Revocation) {
	if m.Created.After(p.Newest) {
		p.Newest = m.Created
	}
	for _, r := range m.Revokes {
		if !slices.Contains(p.Revoked, r) {
			news = append(news, r)
			p.Revoked = append(p.Revoked, r)
		}
	}
	return news
}

// unheed takes back what heed took up when the pack was installed.
func (p *packState) unheed(c *Change) {
	if p.Newest.Equal(c.Created) {
		p.Newest = c.newest
	}
	p.Revoked = slices.DeleteFunc(p.Revoked, func(r Revocation) bool { return slices.Contains(c.revoked, r) })
}

// revoked reports whether a newer pack revoked this one.
func (p *packState) revoked(serial uint64, digest string) bool {
	return slices.ContainsFunc(p.Revoked, func(r Revocation) bool {
		return r.Serial != 0 && r.Serial == serial || r.SHA256 != "" && r.SHA256 == digest
	})
}

// errState means that the state cannot be read, and has to be made anew.
var errState = errors.New("the state of packs is damaged")

func parseState(text []byte) (*state, error) {
	s := newState()
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("%w: %w", errState, err)
	}
	if s.V != 1 || s.Packs == nil || s.Roots == nil {
		return nil, fmt.Errorf("%w: version %d", errState, s.V)
	}
	for id, p := range s.Packs {
		if p == nil {
			return nil, fmt.Errorf("%w: %q", errState, clip(id))
		}
	}
	return s, nil
}

// readState reads the state; none is nil.
func readState(file string) (*state, error) {
	text, err := readBounded(file, maxState, "the state of packs")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseState(text)
}

func (s *state) write(file string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write the state of packs: %w", err)
	}
	return WriteFile(file, append(text, '\n'), 0o644)
}
