package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/judge/canary"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// unreadable reports bytes that were sent in the same call as a planted file was
// read, where no secret in them could be recognised: a part of the file, or nothing
// that is known.
func (c *court) unreadable(p *pass) {
	read := map[*evidence.Call]string{}
	for _, e := range p.events {
		if id, ok := strings.CutPrefix(e.key, "read "); ok && e.call != nil {
			read[e.call] = id
		}
	}
	for i := range p.Net {
		f := &p.Net[i]
		m := p.when(f.At)
		id, host := read[m.call], c.hostOfFlow(p, f)
		if id == "" || f.SentSize < 16 || f.Proto == "unix" || isResolver(f) || p.leaked(m, id) {
			continue
		}
		if w := c.hostWhy(p, m, host, f.Port); w != none && w != proposal {
			continue
		}
		object := hostPort(c.shown(p, host), f.Port)
		found := sdk.Finding{
			ID: "AUD-C02", Severity: high, Title: fmt.Sprintf("reads %s, then sends %d bytes to %s that hold nothing known", p.canaries[id].Source, f.SentSize, object),
			Object: object + " " + id, Canary: p.match(id, "unknown", "network"), Confidence: sdk.FindingCorrelated,
			Evidence: []string{fmt.Sprintf("%d bytes sent to %s in the call that read it", f.SentSize, object)},
		}
		if at, n := common(f.Sent, p.canaries[id].Text); n > 0 {
			found.Severity, found.Confidence, found.Canary.Encoding = critical, sdk.FindingObserved, "raw"
			found.Title = fmt.Sprintf("sends a part of %s to %s", p.canaries[id].Source, object)
			found.Evidence = []string{fmt.Sprintf("%d bytes sent to %s held %d bytes of the file, from byte %d", f.SentSize, object, n, at)}
		}
		c.report(p, m, found)
	}
}

// minPart is how many bytes of a file in a row are no chance.
const minPart = 16

// common finds the first part of a text in what was sent: where it begins, and how
// long it is, 0 for none.
func common(sent []byte, text string) (at, n int) {
	parts := map[string]int{}
	for i := len(text) - minPart; i >= 0; i-- {
		parts[text[i:i+minPart]] = i
	}
	for i := 0; i+minPart <= len(sent); i++ {
		at, ok := parts[string(sent[i:i+minPart])]
		if !ok {
			continue
		}
		n := minPart
		for i+n < len(sent) && at+n < len(text) && sent[i+n] == text[at+n] {
			n++
		}
		return at, n
	}
	return 0, 0
}

// canarySends looks into what a tracer saw of sockets and pipes, as streams.
func (c *court) canarySends(p *pass) {
	type stream struct {
		last *sdk.Observation
		data []byte
	}
	streams := map[string]*stream{}
	var order []string
	add := func(k string, o *sdk.Observation) {
		if streams[k] == nil {
			streams[k] = &stream{}
			order = append(order, k)
		}
		if s := streams[k]; len(s.data) < maxJoined {
			s.last, s.data = o, append(s.data, o.Data...)
		}
	}
	// Each call by itself tells in which it was; all together, what was spread.
	for i := range p.seen {
		o := &p.seen[i]
		if len(o.Data) == 0 || o.Ret < 0 || o.Kind != sdk.ObservedSend && o.Kind != sdk.ObservedWrite {
			continue
		}
		to := fmt.Sprint(o.PID, " ", peerName(o))
		add(fmt.Sprint("call ", p.when(o.MonoNS).number(), " ", to), o)
		add("all "+to, o)
	}
	found := map[string]bool{}
	for _, whole := range []bool{false, true} {
		for _, k := range order {
			if strings.HasPrefix(k, "all ") != whole {
				continue
			}
			for _, m := range p.matcher.Find(streams[k].data) {
				if !whole || !found[m.ID] {
					found[m.ID] = true
					c.sent(p, streams[k].last, m)
				}
			}
		}
	}
}

func peerName(o *sdk.Observation) string {
	if o.Peer == nil {
		return "pipe"
	}
	return o.Peer.Family + " " + hostPort(o.Peer.Addr, o.Peer.Port)
}

func (c *court) sent(p *pass, o *sdk.Observation, k canary.Match) {
	m := p.when(o.MonoNS)
	kind := p.canaries[k.ID].Kind
	if kind == "argument" || kind == "answer" || c.asksFor(p, m, k.ID) {
		return
	}
	f := sdk.Finding{
		ID: "AUD-C05", Canary: p.match(k.ID, k.Encoding, "socket"), Syscall: o.Syscall, Processes: p.commands(o), Confidence: confidence(m),
		Evidence: []string{fmt.Sprintf("%s of %d bytes held the value, %s", o.Syscall, max(o.Total, len(o.Data)), k.Encoding)},
	}
	switch {
	case o.Peer == nil:
		// A pipe to a child or within the server is no way out by itself.
		c.note(m.tool(), "pipes "+k.ID, runtime)
		return
	case o.Peer.Family == "unix":
		f.Object = o.Peer.Addr
		f.Title = fmt.Sprintf("sends %s to the socket %s", p.source(k.ID), o.Peer.Addr)
	case o.Peer.Family == "inet" || o.Peer.Family == "inet6":
		if isResolverAt(o.Peer.Addr, o.Peer.Port) && p.inNames[k.ID] || len(p.Net) > 0 && p.leaked(m, k.ID) || isLoopback(o.Peer.Addr) {
			return // seen better by the sinkhole, or it stays inside
		}
		host := p.nameOf(o.Peer.Addr)
		if slices.ContainsFunc(meantFor[k.ID], func(h string) bool { return sameHost(h, host) }) {
			return
		}
		f.ID, f.Canary.Where, f.Object = "AUD-C02", "network", hostPort(host, o.Peer.Port)
		if kind == "env" {
			f.ID = "AUD-C06"
		}
		f.Title = fmt.Sprintf("sends %s to %s", p.source(k.ID), f.Object)
	default:
		return
	}
	f.Object += " " + k.ID
	p.add(m, "leak "+k.ID+" "+f.Canary.Where, false)
	c.report(p, m, f)
}
