package rules

import (
	"crypto/sha256"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// maxVerdicts is how many verdicts a pack remembers. Most are of no hit; a hit is
// a few hundred bytes.
const maxVerdicts = 1 << 14

// verdicts remember what a rule said of what it was shown. A guest is a pure
// function, so that what it said once it would say again: a flood of one request
// costs one evaluation, and a rule that reads little is seldom asked. Only a rule
// that is shown no moment is remembered, see [plan].
type verdicts struct {
	by *lru[[sha256.Size]byte, []sdk.Hit]
}

func newVerdicts() *verdicts { return &verdicts{newLRU[[sha256.Size]byte, []sdk.Hit]()} }

// recall returns the hits of an input, and whether they are remembered.
func (v *verdicts) recall(input []byte) (key [sha256.Size]byte, hits []sdk.Hit, ok bool) {
	key = sha256.Sum256(input)
	if v.by.peek(key) == nil {
		return key, nil, false
	}
	return key, *v.by.use(key), true
}

func (v *verdicts) remember(key [sha256.Size]byte, hits []sdk.Hit) {
	*v.by.use(key) = hits
	if v.by.len() > maxVerdicts {
		v.by.remove(v.by.oldest())
	}
}
