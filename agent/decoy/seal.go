package decoy

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
)

// The kinds of token. One kind never passes for another.
const (
	cursorToken = "cursor"
	stateToken  = "request state"
)

// maxToken bounds a token that a client hands back, in bytes.
const maxToken = 64 << 10

var errToken = errors.New("not a token of ours")

// sealer makes the tokens that clients carry for us from one request to the next:
// encrypted, so that they tell nothing, and authenticated, so that what comes
// back is what was given.
type sealer struct{ aead cipher.AEAD }

// newSealer derives the key from a secret; without one, tokens end with the
// process.
func newSealer(secret []byte) *sealer {
	if len(secret) == 0 {
		secret = make([]byte, 32)
		_, _ = rand.Read(secret) // never fails, crypto/rand
	}
	key := sha256.Sum256(append([]byte("killdeer decoy tokens "), secret...))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES has the block size that GCM wants
	}
	return &sealer{aead}
}

func (s *sealer) seal(kind string, plain []byte) string {
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, []byte(kind)))
}

// open returns what was sealed as the same kind.
func (s *sealer) open(kind, token string) ([]byte, error) {
	if len(token) > maxToken {
		return nil, errToken
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return nil, errToken
	}
	plain, err := s.aead.Open(nil, nil, sealed, []byte(kind))
	if err != nil {
		return nil, errToken
	}
	return plain, nil
}
