package rules

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// maxIdentity bounds what is copied of an event that a client wrote itself; the
// event, which a detection names, has the whole of it.
const maxIdentity = 256

// detection is the event of a hit that is not a repetition.
func (p *pack) detection(v *view, h *sdk.Hit, subject string) *sdk.Event {
	ev, info := v.ev, &p.rules[h.Rule].info
	d := derive(ev, sdk.KindDetection, p.info.ID, h.Rule, subject)
	evidence := h.Evidence
	if evidence != nil {
		evidence = &sdk.Evidence{Path: evidence.Path, Snippet: clean(redact(evidence.Snippet), maxSnippet)}
	}
	d.Detection = &sdk.Detection{
		ID: d.ID, RuleID: info.ID, Title: info.Title, Pack: p.info.ID,
		Severity: h.Severity, Confidence: h.Confidence,
		SourceIP: d.IP, Actor: d.Actor, Session: d.Session, Tool: d.Tool, MCPMethod: d.MCPMethod,
		Subject: subject, Summary: h.Reason, Count: h.Count, Events: p.cite(p.rules[h.Rule], v),
		Evidence: evidence, Attack: info.Attack, Atlas: info.Atlas, OWASP: info.OWASP,
	}
	d.CanariesSeen = ev.CanariesSeen
	return d
}

// failure is the event of a guest that could not judge ev.
func (p *pack) failure(ev *sdk.Event, err error, took time.Duration) *sdk.Event {
	d := derive(ev, sdk.KindGuest, p.info.ID, "guest_error")
	d.Guest = &sdk.GuestError{
		Module: p.info.Name, Op: "evaluate", Code: failureCode(err), Detail: clean(err.Error(), maxReason),
		TookMS: float64(took.Microseconds()) / 1000,
	}
	return d
}

// failureCode is the guest's own code, or json for a reply that does not hold up.
func failureCode(err error) string {
	if call, ok := errors.AsType[*wasm.CallError](err); ok {
		return call.Code
	}
	if _, ok := errors.AsType[*replyError](err); ok {
		return "json"
	}
	return "trap"
}

// replyError marks that the guest answered, but not with what it should.
type replyError struct{ err error }

func (e *replyError) Error() string { return e.err.Error() }
func (e *replyError) Unwrap() error { return e.err }

// derive returns an event that follows from ev: who and what, at the same time,
// under an id that is a function of ev's and the names. A replay gives it again.
func derive(ev *sdk.Event, kind sdk.Kind, names ...string) *sdk.Event {
	d := &sdk.Event{
		V: sdk.EventVersion, ID: deriveID(ev, names...), Kind: kind, Time: ev.Time, Sensor: ev.Sensor,
		IP: ev.IP, Actor: ev.Actor, Session: clean(ev.Session, maxIdentity),
		MCPMethod: clean(ev.MCPMethod, maxIdentity), Tool: clean(ev.Tool, maxIdentity), Persona: ev.Persona, Demo: ev.Demo,
	}
	if c := ev.Client; c != nil {
		d.Client = &sdk.ClientInfo{
			Name: clean(c.Name, maxIdentity), Version: clean(c.Version, maxIdentity), Title: clean(c.Title, maxIdentity),
		}
	}
	return d
}

// deriveID has the shape of a UUIDv7 (RFC 9562 §5.7) of the event's time, so that
// it sorts with its event; a digest stands where the randomness would.
func deriveID(ev *sdk.Event, names ...string) string {
	sum := digest(append([]string{ev.ID}, names...)...)
	u := sum[:16]
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(ev.Time.UnixMilli()))
	copy(u, ms[2:])
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	s := hex.EncodeToString(u)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
