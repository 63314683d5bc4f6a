package pack

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"aead.dev/minisign"
)

// untrusted is the first line of every signature in a pack, the one that minisign
// itself writes: it is not signed, so it must not be able to say anything.
const untrusted = "signature from minisign secret key"

const (
	maxKeyFile    = 4 << 10
	commentPrefix = "untrusted comment: "
)

// A SecretKey signs packs. It is minisign's.
type SecretKey struct{ key minisign.PrivateKey }

// A PublicKey verifies what its secret key signed.
type PublicKey struct{ key minisign.PublicKey }

// ErrPassword means that a secret key is protected and no password was given.
var ErrPassword = errors.New("the secret key is protected by a password: give it with --password-file")

// GenerateKey draws a new key.
func GenerateKey() (SecretKey, error) {
	_, key, err := minisign.GenerateKey(nil)
	if err != nil {
		return SecretKey{}, fmt.Errorf("draw key: %w", err)
	}
	return SecretKey{key}, nil
}

// Public returns the public half.
func (k SecretKey) Public() PublicKey {
	return PublicKey{k.key.Public().(minisign.PublicKey)}
}

// Text returns the key as a minisign secret key file, encrypted unless the
// password is empty. To encrypt takes a gigabyte and seconds, as in minisign.
func (k SecretKey) Text(password string) ([]byte, error) {
	marshal := func() ([]byte, error) { return k.key.MarshalText() }
	if password != "" {
		marshal = func() ([]byte, error) { return minisign.EncryptKey(password, k.key) }
	}
	text, err := marshal()
	if err != nil {
		return nil, fmt.Errorf("write secret key: %w", err)
	}
	return append(text, '\n'), nil
}

// ParseSecretKey reads a minisign secret key file. password is asked for only if
// the key is protected.
func ParseSecretKey(text []byte, password func() (string, error)) (SecretKey, error) {
	if len(text) > maxKeyFile {
		return SecretKey{}, fmt.Errorf("secret key file of %d bytes, at most %d", len(text), maxKeyFile)
	}
	text = bytes.TrimRight(text, "\r\n")
	if !minisign.IsEncrypted(text) {
		var key minisign.PrivateKey
		if err := key.UnmarshalText(text); err != nil {
			return SecretKey{}, fmt.Errorf("read secret key: %w", err)
		}
		return SecretKey{key}, nil
	}
	word, err := password()
	if err != nil {
		return SecretKey{}, err
	}
	key, err := minisign.DecryptKey(word, text)
	if err != nil {
		return SecretKey{}, fmt.Errorf("read secret key: wrong password, or a damaged file: %w", err)
	}
	return SecretKey{key}, nil
}

// ID is the key's id as minisign prints it.
func (k PublicKey) ID() string { return keyID(k.key.ID()) }

func keyID(id uint64) string { return fmt.Sprintf("%016X", id) }

// String is the key as one word of base64.
func (k PublicKey) String() string { return k.key.String() }

// Text returns the key as a minisign public key file.
func (k PublicKey) Text() []byte {
	return fmt.Appendf(nil, "%sminisign public key %s\n%s\n", commentPrefix, k.ID(), k)
}

// ParsePublicKey reads a minisign public key file, or the one word of one.
func ParsePublicKey(text []byte) (PublicKey, error) {
	if len(text) > maxKeyFile {
		return PublicKey{}, fmt.Errorf("public key file of %d bytes, at most %d", len(text), maxKeyFile)
	}
	word := strings.TrimSpace(string(text))
	if comment, rest, ok := strings.Cut(word, "\n"); ok && strings.HasPrefix(comment, commentPrefix) {
		word = strings.TrimSpace(rest)
	}
	var k PublicKey
	if err := k.key.UnmarshalText([]byte(word)); err != nil {
		return PublicKey{}, fmt.Errorf("read public key: %w", err)
	}
	if k.String() != word {
		return PublicKey{}, errors.New("read public key: not one line of base64 behind the comment")
	}
	return k, nil
}

// Sign signs bytes as minisign does by default (prehashed Ed25519). comment is
// signed with them. Equal input gives an equal signature.
func (k SecretKey) Sign(message []byte, comment string) []byte {
	r := minisign.NewReader(bytes.NewReader(message))
	var sink bytes.Buffer
	_, _ = sink.ReadFrom(r) // a reader of memory does not fail
	return r.SignWithComments(k.key, comment, untrusted)
}

// Verify checks a signature over a message. It does not look at the key's id.
func (k PublicKey) Verify(message []byte, s *Signature) bool {
	r := minisign.NewReader(bytes.NewReader(message))
	var sink bytes.Buffer
	_, _ = sink.ReadFrom(r) // a reader of memory does not fail
	return r.Verify(k.key, s.text)
}

// A Signature is a minisign signature in its one accepted form.
type Signature struct {
	KeyID   string
	Comment string // signed with the message
	text    []byte
}

// ParseSignature reads a signature. The library forgives line ends, padding and
// comments in other forms; here a signature that reads the same is the same.
func ParseSignature(text []byte) (*Signature, error) {
	if len(text) > maxSignature {
		return nil, refuse(TooLarge, "signature of %d bytes, at most %d", len(text), maxSignature)
	}
	var s minisign.Signature
	if err := s.UnmarshalText(text); err != nil {
		return nil, refuse(BadSignature, "read signature: %w", err)
	}
	if s.Algorithm != minisign.HashEdDSA {
		return nil, refuse(BadSignature, "read signature: it is not prehashed: sign without the option -l")
	}
	for _, c := range s.TrustedComment {
		if c < ' ' && c != '\t' || c == 0x7f {
			return nil, refuse(BadSignature, "read signature: its comment holds control characters")
		}
	}
	s.UntrustedComment = untrusted
	canonical, err := s.MarshalText()
	if err != nil || !bytes.Equal(text, canonical) {
		return nil, refuse(BadSignature, "read signature: it is not in the form that minisign writes, with the untrusted comment %q", untrusted)
	}
	return &Signature{KeyID: keyID(s.KeyID), Comment: s.TrustedComment, text: text}, nil
}

// plainSignature brings a signature that minisign made, perhaps with a comment of
// its user's, into the form that packs hold.
func plainSignature(text []byte) ([]byte, error) {
	var s minisign.Signature
	if err := s.UnmarshalText(text); err != nil {
		return nil, refuse(BadSignature, "read signature: %w", err)
	}
	s.UntrustedComment = untrusted
	return s.MarshalText()
}
