package persona

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// conditions are what the services behind a persona are like at the moment.
type conditions struct {
	friction   bool // they may fail
	retryAfter int  // seconds; above 0, the source has called one too often
}

// envelope is the guest's input, and the mark of the placeholders in its answer. The
// sum and the mark depend on all the rest, so that whoever has seen one mark knows no
// other.
type envelope struct {
	w    guest.Writer
	mac  hash.Hash
	sum  [sha256.Size]byte
	mark string
}

func (e *envelope) bytes() []byte { return e.w.Bytes() }

// envelope writes the guest's input: one order of keys, so that equal requests give
// equal bytes. It may go back into p.envelopes.
func (p *loaded) envelope(c *sdk.Call, state []byte, with conditions) *envelope {
	e, ok := p.envelopes.Get().(*envelope)
	if !ok {
		e = &envelope{mac: hmac.New(sha256.New, p.markKey)}
	}
	w := &e.w
	w.Reset()
	w.Obj().Key("abi").Int(sdk.ABIVersion).Key("op").Str(c.Op).Key("persona").Str(p.id)
	w.Key("seed").Str(p.seeds[0]).Key("company").Str(p.seeds[1])
	w.Key("now").Str(p.tell(c.Now))
	w.Key("state").Raw(orElse(state, "null"))
	w.Key("can").Arr()
	can := c.Can
	if !slices.IsSorted(can) {
		can = slices.Sorted(slices.Values(can))
	}
	for _, ability := range can {
		w.Str(ability)
	}
	w.End()
	if with.friction {
		w.Key("friction").Bool(true)
	}
	if with.retryAfter > 0 {
		w.Key("retry_after").Int(int64(with.retryAfter))
	}
	writeOperation(w, c)
	if c.Round > 0 {
		writeRound(w, c)
	}
	e.mac.Reset()
	e.mac.Write(w.Bytes())
	e.mac.Sum(e.sum[:0])
	var mark [2 * markBytes]byte
	hex.Encode(mark[:], e.sum[:markBytes])
	e.mark = string(mark[:])
	w.Key("mark").Str(e.mark).End()
	return e
}

func writeOperation(w *guest.Writer, c *sdk.Call) {
	switch c.Op {
	case sdk.OpCall:
		w.Key("tool").Str(c.Tool)
		w.Key("args").Raw(orElse(c.Args, "{}"))
	case sdk.OpResource:
		w.Key("uri").Raw(guest.Quote(c.URI))
		if c.Template != "" {
			w.Key("template").Str(c.Template)
			w.Key("vars").Raw(orElse(c.Vars, "{}"))
		}
	case sdk.OpPrompt:
		w.Key("name").Raw(guest.Quote(c.Name))
		w.Key("args").Raw(orElse(c.Args, "{}"))
	case sdk.OpComplete:
		w.Key("ref").Raw(orElse(c.Ref, "{}"))
		w.Key("argument").Raw(orElse(c.Argument, "{}"))
		if c.Context != nil {
			w.Key("context").Raw(c.Context)
		}
	}
}

// writeRound adds what a persona that asked is told.
func writeRound(w *guest.Writer, c *sdk.Call) {
	w.Key("inputs").Raw(orElse(c.Inputs, "{}"))
	if c.Refused != nil {
		w.Key("refused").Raw(c.Refused)
	}
	if c.Resume != nil {
		w.Key("resume").Raw(c.Resume)
	}
	w.Key("round").Int(int64(c.Round))
}

func orElse(v []byte, without string) []byte {
	if v == nil {
		return []byte(without)
	}
	return v
}

// clock is a time as envelopes have it.
type clock struct {
	at   time.Time
	text string
}

// tell spells the time, which many requests in a row share.
func (p *loaded) tell(t time.Time) string {
	at, last := p.now(t), p.clock.Load()
	if last == nil || !last.at.Equal(at) {
		last = &clock{at, at.Format(time.RFC3339)}
		p.clock.Store(last)
	}
	return last.text
}

func (p *loaded) now(t time.Time) time.Time { return t.UTC().Truncate(p.grain) }
