package decoy

import (
	"sync"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	// maxWaiting is how many calls of one address may wait for their persona's
	// delay; those beyond it are answered at once.
	maxWaiting = 64

	maxHanded   = 1 << 16          // canaries that are remembered as recorded
	recordAgain = 10 * time.Minute // a canary is handed out again: the record may have been lost
)

// handed remembers which canaries were recorded lately, so that a repeated read
// does not record them again. It is bounded: forgetting costs a repetition.
type handed struct {
	mu sync.Mutex
	at map[handing]time.Time
}

type handing struct{ canary, holder string }

// due reports whether a canary is to be recorded at a time.
func (h *handed) due(id, holder string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := handing{id, holder}
	if at, ok := h.at[key]; ok && now.Sub(at) < recordAgain {
		return false
	}
	if h.at == nil || len(h.at) >= maxHanded {
		h.at = map[handing]time.Time{}
	}
	h.at[key] = now
	return true
}

// mint names an answer's canaries in its event, and returns an event for each
// that this client was not given before. Those are to be recorded first: whoever
// reads the events knows a value before it can come back.
func (s *Server) mint(x *exchange) []*sdk.Event {
	var minted []*sdk.Event
	ev := x.event
	holder := ev.Session
	if holder == "" {
		holder = ev.Actor
	}
	for i := range x.canaries {
		c := &x.canaries[i]
		ev.CanariesMinted = append(ev.CanariesMinted, sdk.CanaryRef{ID: c.ID, Kind: c.Kind, Label: c.Label})
		if !s.handed.due(c.ID, holder, x.arrival) {
			continue
		}
		m := s.newEvent(x.arrival, ev.Transport)
		m.Kind, m.Canary = sdk.KindCanary, c
		m.IP, m.Actor, m.Session = ev.IP, ev.Actor, ev.Session
		m.Tool, m.Persona, m.URI = ev.Tool, ev.Persona, ev.URI
		minted = append(minted, m)
	}
	return minted
}
