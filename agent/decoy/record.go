package decoy

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/agent/decoy/profile"
	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	maxEventField = 4 << 10   // bytes kept of a user agent, a target, a method or a tool name
	maxEventArgs  = 256 << 10 // bytes of arguments beyond which only the body's cut text is kept
	maxForwarded  = 32        // addresses of X-Forwarded-For that are looked at
)

func (s *Server) newEvent(at time.Time, transport string) *sdk.Event {
	id := uuid.Must(uuid.NewV7FromReader(random{})) // which never fails
	return &sdk.Event{
		V: sdk.EventVersion, ID: id.String(), Kind: sdk.KindAccess, Time: at.UTC(),
		Sensor: s.Sensor, Transport: transport, Profile: s.Profile.Name(),
	}
}

// random is Go's own generator, ChaCha8 seeded by the system, which asks the kernel for
// nothing each time.
type random struct{}

func (random) Read(p []byte) (int, error) {
	for b := p; len(b) > 0; {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], rand.Uint64())
		b = b[copy(b, word[:]):]
	}
	return len(p), nil
}

// httpEvent starts the event of an HTTP request.
func (s *Server) httpEvent(at time.Time, r *http.Request, head wireHead) *sdk.Event {
	ev := s.newEvent(at, "http")
	s.setPeer(ev, r.RemoteAddr, r.Header.Values("X-Forwarded-For"))
	setHead(ev, head.raw)
	if head.refusal == "" {
		ev.Method, ev.Path = cutString(r.Method, maxEventField), cutString(r.RequestURI, maxEventField)
		ev.UA = cutString(r.UserAgent(), maxEventField)
	}
	return ev
}

// setPeer records the socket's peer and, behind trusted proxies, the client's
// address: the last one in X-Forwarded-For that is not a trusted proxy itself.
func (s *Server) setPeer(ev *sdk.Event, peer string, forwarded []string) {
	ev.Peer = peer
	at, err := netip.ParseAddrPort(peer)
	if err != nil {
		return
	}
	ip := at.Addr().Unmap()
	var hops []string
	if len(forwarded) > 0 {
		hops = strings.Split(strings.Join(forwarded, ","), ",")
	}
	for i := len(hops) - 1; i >= max(0, len(hops)-maxForwarded) && s.trusts(ip); i-- {
		hop, ok := parseHop(strings.TrimSpace(hops[i]))
		if !ok {
			break
		}
		ip = hop.Unmap()
	}
	ev.IP = ip.WithZone("").String()
}

// parseHop reads an address of X-Forwarded-For, to which some proxies add the port, or
// brackets in IPv6.
func parseHop(hop string) (ip netip.Addr, ok bool) {
	if at, err := netip.ParseAddrPort(hop); err == nil {
		return at.Addr(), true
	}
	if inner, found := strings.CutPrefix(hop, "["); found {
		if hop, found = strings.CutSuffix(inner, "]"); !found || !strings.Contains(hop, ":") {
			return ip, false
		}
	}
	ip, err := netip.ParseAddr(hop)
	return ip, err == nil
}

// trustsPeer reports whether a connection is a trusted proxy's own. One whose PROXY
// header names a client is the client's.
func (s *Server) trustsPeer(c net.Conn) bool {
	t, ok := c.RemoteAddr().(*net.TCPAddr)
	return ok && s.trusts(t.AddrPort().Addr().Unmap())
}

func (s *Server) trusts(ip netip.Addr) bool {
	for _, p := range s.now().TrustedProxies {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

func setHead(ev *sdk.Event, raw string) {
	if utf8.ValidString(raw) {
		ev.Head = raw
	} else {
		ev.HeadB64 = []byte(raw)
	}
}

func newBody(b []byte, limit int) *sdk.Body {
	sum := sha256.Sum256(b)
	var digits [2 * sha256.Size]byte
	hex.Encode(digits[:], sum[:])
	body := &sdk.Body{Size: len(b), SHA256: string(digits[:])}
	kept := b
	if len(kept) > limit {
		kept, body.Cut = kept[:limit], true
		for i := 0; i < utf8.UTFMax && !utf8.Valid(kept) && utf8.Valid(b); i++ {
			kept = kept[:len(kept)-1]
		}
	}
	if utf8.Valid(kept) {
		body.Text = string(kept)
	} else {
		body.Base64 = base64.StdEncoding.EncodeToString(kept)
	}
	return body
}

// actorOf is a stable key of who is behind an event: address (/64 in IPv6), user
// agent and client name. It survives reconnects; it proves nothing.
func actorOf(ev *sdk.Event) string {
	var usual [512]byte
	who := append(append(usual[:0], limitKey(ev.IP)...), 0)
	who = append(append(who, ev.UA...), 0)
	if ev.Client != nil {
		who = append(who, ev.Client.Name...)
	}
	sum := sha256.Sum256(who)
	return hex.EncodeToString(sum[:8])
}

// record completes an event with its outcome and hands it on, and beside it the
// failure of a guest. It is called once the answer is on the wire.
func (s *Server) record(x *exchange, o profile.Outcome, status, size int) {
	ev := x.event
	ev.Outcome, ev.Status, ev.ResultBytes = string(o.Code), status, size
	for _, f := range []*string{&ev.MCPMethod, &ev.Tool, &ev.Prompt, &ev.URI} {
		*f = cutString(*f, maxEventField)
	}
	switch {
	case len(ev.Args) > maxEventArgs:
		ev.Args, ev.ArgsCut = nil, true
	case ev.Body != nil && ev.Body.Size > 2*len(ev.Args):
		ev.Args = bytes.Clone(ev.Args) // not the whole body for a part of it
	}
	if x.era != "" {
		ev.Era = string(x.era)
	}
	if ev.Error == "" && o.Code != profile.Result {
		ev.Error = strings.Join(o.Problems, "; ")
	}
	if ev.Error == "" && (o.Code == profile.HeaderMismatch || o.Code == profile.BadParams) {
		ev.Error = o.Detail
	}
	if ev.Actor == "" {
		ev.Actor = actorOf(ev)
	}
	ev.LatencyMS = float64(time.Since(x.arrival).Microseconds()) / 1000
	failed := s.guestEvent(x)
	for _, m := range s.mint(x) {
		s.Recorder.Record(m)
	}
	s.keep(ev, o.Code)
	if failed != nil {
		s.Recorder.Record(failed)
	}
}

// settle sends an answer and records what led to it. For a [Committer] the answer
// comes second: its event is safe by then, and says nothing of how it was taken.
func (s *Server) settle(x *exchange, send, record func()) {
	if s.committer == nil {
		send()
		record()
		return
	}
	kept := *x.event // the recorded one is the recorder's
	record()
	x.event = &kept
	s.committer.Commit()
	send()
}

// guestEvent is the event of a guest that failed while answering, nil for none.
func (s *Server) guestEvent(x *exchange) *sdk.Event {
	if x.guest == nil {
		return nil
	}
	ev, failed := x.event, s.newEvent(x.arrival, x.event.Transport)
	failed.Kind, failed.Guest = sdk.KindGuest, x.guest
	failed.IP, failed.Actor, failed.Session = ev.IP, ev.Actor, ev.Session
	failed.Tool, failed.Persona = ev.Tool, ev.Persona
	return failed
}

// cutString shortens s to n bytes on a rune border.
func cutString(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.Clone(s[:n]) // the rest may be a megabyte
}
