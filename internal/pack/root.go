package pack

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
)

const (
	maxRoot     = 64 << 10
	maxRootKeys = 32
)

var hexKeyID = regexp.MustCompile(`^[0-9A-F]{16}$`)

// A Root is a publisher's own list of keys. Any of Keys signs packs; Threshold of
// them together replace the list. A new one takes effect offline: it is signed by
// enough keys of the one before and enough of its own.
type Root struct {
	Spec      int      `json:"spec"`
	Publisher string   `json:"publisher"`
	Version   uint64   `json:"version"` // rises with every list
	Threshold int      `json:"threshold"`
	Keys      []string `json:"keys"`              // public keys, the word of a minisign file
	Revoked   []string `json:"revoked,omitempty"` // ids of keys whose packs must not be used any more

	keys []PublicKey
}

// ParseRoot reads and checks a root document.
func ParseRoot(raw []byte) (*Root, error) {
	if len(raw) > maxRoot {
		return nil, refuse(TooLarge, "root document of %d bytes, at most %d", len(raw), maxRoot)
	}
	var r Root
	if err := strictJSON(raw, &r); err != nil {
		return nil, refuse(BadManifest, "read root document: %w", err)
	}
	var err error
	switch {
	case r.Spec != Spec:
		err = fmt.Errorf("spec is %d, want %d", r.Spec, Spec)
	case !publisherName.MatchString(r.Publisher):
		err = fmt.Errorf("publisher %q does not match %s", clip(r.Publisher), publisherName)
	case r.Version == 0 || r.Version > maxSerial:
		err = fmt.Errorf("version is %d, want 1 to %d", r.Version, uint64(maxSerial))
	case len(r.Keys) == 0 || len(r.Keys) > maxRootKeys || len(r.Revoked) > maxRevokes:
		err = fmt.Errorf("%d keys, want 1 to %d, and at most %d revoked", len(r.Keys), maxRootKeys, maxRevokes)
	case r.Threshold < 1 || r.Threshold > len(r.Keys):
		err = fmt.Errorf("threshold is %d of %d keys", r.Threshold, len(r.Keys))
	default:
		err = r.readKeys()
	}
	if err != nil {
		return nil, refuse(BadManifest, "root document: %w", err)
	}
	return &r, nil
}

func (r *Root) readKeys() error {
	ids := map[string]bool{}
	for _, id := range r.Revoked {
		if !hexKeyID.MatchString(id) {
			return fmt.Errorf("revoked: %q is no key id", clip(id))
		}
		ids[id] = true
	}
	for _, word := range r.Keys {
		k, err := ParsePublicKey([]byte(word))
		if err != nil {
			return err
		}
		if ids[k.ID()] {
			return fmt.Errorf("key %s is there twice, or revoked", k.ID())
		}
		ids[k.ID()] = true
		r.keys = append(r.keys, k)
	}
	return nil
}

// signers counts the keys, without those in except, that signed the document.
func signers(keys []PublicKey, except func(id string) bool, raw []byte, signatures []*Signature) (n int) {
	for _, k := range keys {
		if !except(k.ID()) && slices.ContainsFunc(signatures, func(s *Signature) bool { return s.KeyID == k.ID() && k.Verify(raw, s) }) {
			n++
		}
	}
	return n
}

// storedRoot is a root document with its signatures, in one file so that both
// change at once.
type storedRoot struct {
	Root       string   `json:"root"`
	Signatures []string `json:"signatures"`
}

// parseStoredRoot reads one, which its own keys must have signed.
func parseStoredRoot(text []byte) (*Root, error) {
	if len(text) > 4*maxRoot {
		return nil, fmt.Errorf("over %d bytes", 4*maxRoot)
	}
	var stored storedRoot
	if err := strictJSON(text, &stored); err != nil {
		return nil, err
	}
	raw := []byte(stored.Root)
	r, err := ParseRoot(raw)
	if err != nil {
		return nil, err
	}
	var texts [][]byte
	for _, s := range stored.Signatures {
		texts = append(texts, []byte(s))
	}
	signatures, err := parseSignatures(texts)
	if err != nil {
		return nil, err
	}
	if n := signers(r.keys, never, raw, signatures); n < r.Threshold {
		return nil, refuse(BadSignature, "%d of its keys signed it, %d are needed", n, r.Threshold)
	}
	return r, nil
}

func never(string) bool { return false }

// parseSignatures reads signatures as minisign leaves them.
func parseSignatures(texts [][]byte) ([]*Signature, error) {
	if len(texts) > 2*maxRootKeys {
		return nil, fmt.Errorf("%d signatures, at most %d", len(texts), 2*maxRootKeys)
	}
	var all []*Signature
	for _, text := range texts {
		plain, err := plainSignature(text)
		if err != nil {
			return nil, err
		}
		s, err := ParseSignature(plain)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func formatStoredRoot(raw []byte, signatures []*Signature) ([]byte, error) {
	stored := storedRoot{Root: string(raw)}
	for _, s := range signatures {
		stored.Signatures = append(stored.Signatures, string(s.text))
	}
	b, err := json.MarshalIndent(stored, "", "  ")
	return append(b, '\n'), err
}
