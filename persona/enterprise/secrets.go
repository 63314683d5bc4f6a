package enterprise

import (
	"slices"

	"github.com/killdeer-mcp/killdeer/persona/canary"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// secrets puts placeholders in the place of the world's credentials, so that the
// host can give each reader values of his own. In the world they have a form of
// their own, which searches and queries work on like on any text; what a query
// made of one (a part, another case) is shown as it is.
type secrets struct {
	finder *canary.Finder
	of     []world.Secret
}

func newSecrets(w *world.World) *secrets {
	all := w.Secrets()
	s := &secrets{finder: canary.NewFinder(len(all)), of: all}
	for i, secret := range all {
		// Parts of a key that all keys have, and values of several lines, which
		// no text of the world holds, tell nothing.
		if !canary.Multiline(secret.Kind) && len(canary.Needles(secret.Kind, secret.Value)) > 0 {
			s.finder.Add(canary.Exact(secret.Value), i)
		}
	}
	return s
}

// mark returns a copy of an output in which credentials are placeholders.
func (s *secrets) mark(out []byte, c *sdk.Call) []byte {
	text := string(out)
	var found []canary.Match
	s.finder.Find(text, func(m canary.Match) bool {
		found = append(found, m)
		return true
	})
	if found == nil {
		return append([]byte(nil), out...)
	}
	// The whole comes before its parts, which begin later or end earlier.
	slices.SortFunc(found, func(a, b canary.Match) int {
		if a.Start != b.Start {
			return a.Start - b.Start
		}
		return b.End - a.End
	})
	marked, at := make([]byte, 0, len(out)+len(found)*64), 0
	for _, m := range found {
		if m.Start < at {
			continue
		}
		of := &s.of[m.Ref]
		marked = append(append(marked, text[at:m.Start]...), guest.Canary(c, of.Kind, of.Label)...)
		at = m.End
	}
	return append(marked, text[at:]...)
}
