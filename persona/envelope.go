package persona

import (
	"slices"
	"strconv"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// envelope is the guest's input: one order of keys, so that equal requests give
// equal bytes. What comes from a client is marked; state and resume are the
// guest's own.
func (p *loaded) envelope(c *sdk.Call, state []byte) []byte {
	var w guest.Writer
	w.Obj().Key("abi").Int(sdk.ABIVersion).Key("op").Str(c.Op).Key("persona").Str(p.id)
	w.Key("seed").Str(strconv.FormatUint(p.seed, 10))
	w.Key("now").Str(p.now(c.Now).Format(time.RFC3339))
	w.Key("state").Raw(orElse(state, "null"))
	w.Key("can").Arr()
	for _, ability := range slices.Sorted(slices.Values(c.Can)) {
		w.Str(ability)
	}
	w.End()
	writeOperation(&w, c)
	if c.Round > 0 {
		writeRound(&w, c)
	}
	return w.End().Bytes()
}

func writeOperation(w *guest.Writer, c *sdk.Call) {
	switch c.Op {
	case sdk.OpCall:
		w.Key("tool").Str(c.Tool)
		hostile(w, "args", orElse(c.Args, "{}"))
	case sdk.OpResource:
		hostile(w, "uri", guest.Quote(c.URI))
		if c.Template != "" {
			w.Key("template").Str(c.Template)
			hostile(w, "vars", orElse(c.Vars, "{}"))
		}
	case sdk.OpPrompt:
		hostile(w, "name", guest.Quote(c.Name))
		hostile(w, "args", orElse(c.Args, "{}"))
	case sdk.OpComplete:
		hostile(w, "ref", orElse(c.Ref, "{}"))
		hostile(w, "argument", orElse(c.Argument, "{}"))
		if c.Context != nil {
			hostile(w, "context", c.Context)
		}
	}
}

// writeRound adds what a persona that asked is told.
func writeRound(w *guest.Writer, c *sdk.Call) {
	hostile(w, "inputs", orElse(c.Inputs, "{}"))
	if c.Refused != nil {
		hostile(w, "refused", c.Refused)
	}
	if c.Resume != nil {
		w.Key("resume").Raw(c.Resume)
	}
	w.Key("round").Int(int64(c.Round))
}

func hostile(w *guest.Writer, key string, value []byte) { w.Key(key).Raw(escapeAttacker(value)) }

func orElse(v []byte, without string) []byte {
	if v == nil {
		return []byte(without)
	}
	return v
}

func (p *loaded) now(t time.Time) time.Time { return t.UTC().Truncate(p.grain) }
