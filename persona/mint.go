package persona

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/canary"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// mint draws the honeytokens of one persona. A value depends on the deployment's
// secret, on its holder, kind and label, and on nothing else: a repeated read is
// identical, and no value tells another one.
type mint struct {
	key   []byte
	place canary.Place
}

func newMint(secret []byte, persona string, seed uint64) *mint {
	return &mint{key: derive(secret, "killdeer/1 canary "+persona), place: world.New(seed).Place()}
}

// canary returns the token of a placeholder for a holder. The kind is a known one.
func (m *mint) canary(p placeholder, holder string) sdk.Canary {
	of := p.scope + "\x00" + holder + "\x00" + canary.Base(p.kind) + "\x00" + p.label
	mac := hmac.New(sha256.New, m.key)
	mac.Write([]byte("id\x00" + of + "\x00" + p.kind))
	return sdk.Canary{
		ID: hex.EncodeToString(mac.Sum(nil)[:8]), Kind: p.kind, Label: p.label, Scope: p.scope,
		Value: canary.Value(p.kind, p.label, m.place, &keystream{key: m.key, of: "value\x00" + of}),
	}
}

// keystream is HMAC-SHA256 in counter mode.
type keystream struct {
	key  []byte
	of   string
	n    uint64
	left []byte
}

// Below implements [canary.Source].
func (k *keystream) Below(n int) int {
	if len(k.left) < 4 {
		mac := hmac.New(sha256.New, k.key)
		mac.Write(binary.BigEndian.AppendUint64([]byte(k.of), k.n))
		k.n++
		k.left = mac.Sum(nil)
	}
	v := binary.BigEndian.Uint32(k.left)
	k.left = k.left[4:]
	hi, _ := bits.Mul32(v, uint32(n))
	return int(hi)
}

// Public implements [canary.Source].
func (k *keystream) Public(seed []byte) []byte {
	return ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
}

// holder is whose the canaries of session scope are: a source without its
// address, which may change within a session.
func holder(source string) string {
	if _, session, ok := strings.Cut(source, " "); ok {
		return session
	}
	return source
}
