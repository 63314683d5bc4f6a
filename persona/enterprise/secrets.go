package enterprise

import (
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
	texts *canary.Texts
	of    []world.Secret
}

func newSecrets(w *world.World) *secrets {
	s := &secrets{of: w.Secrets()}
	values := make([]string, len(s.of))
	for i := range s.of {
		values[i] = s.of[i].Value
	}
	s.texts = canary.NewTexts(values)
	return s
}

// mark returns a copy of an output in which credentials are placeholders.
func (s *secrets) mark(out []byte, c *sdk.Call) []byte {
	text := string(out)
	type place struct{ i, start int }
	var found []place
	s.texts.Find(text, func(i, start int) {
		found = append(found, place{i, start})
		for n := len(found) - 1; n > 0 && found[n].start < found[n-1].start; n-- {
			found[n], found[n-1] = found[n-1], found[n]
		}
	})
	if found == nil {
		return []byte(text)
	}
	marked, at := make([]byte, 0, len(out)+len(found)*64), 0
	for _, f := range found {
		if of := &s.of[f.i]; f.start >= at {
			marked = append(append(marked, text[at:f.start]...), guest.Canary(c, of.Kind, of.Label)...)
			at = f.start + len(of.Value)
		}
	}
	return append(marked, text[at:]...)
}
