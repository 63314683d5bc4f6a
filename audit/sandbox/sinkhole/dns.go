package sinkhole

import (
	"encoding/binary"
	"hash/fnv"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

const (
	maxNames     = 1 << 15 // with an address of their own; later ones share the last address
	maxQuestions = 4       // of one message; resolvers send one
	ttl          = 60      // seconds
)

// firstAddr begins 28.10.0.0/15: a part of the network that is handed out and that
// nobody announces. An address which is set aside would be refused by servers that
// guard against requests to private networks.
var firstAddr = binary.BigEndian.Uint32([]byte{28, 10, 0, 0})

const addrs = 1 << 17 // of a /15

// names gives every name an address of its own, so that a connection says which
// name it is for.
type names struct {
	mu     sync.Mutex
	byName map[string]netip.Addr
	byAddr map[netip.Addr]string
}

func newNames() *names {
	return &names{byName: map[string]netip.Addr{}, byAddr: map[netip.Addr]string{}}
}

// addr returns the address of a name: the same in every run, as long as no two
// names want the same.
func (n *names) addr(name string) netip.Addr {
	name = canonical(name)
	n.mu.Lock()
	defer n.mu.Unlock()
	if a, ok := n.byName[name]; ok {
		return a
	}
	if len(n.byName) >= maxNames {
		return nth(addrs - 2)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	for i := h.Sum32(); ; i++ {
		a := nth(1 + i%(addrs-3)) // neither the first nor the last two
		if _, taken := n.byAddr[a]; !taken {
			n.byName[name], n.byAddr[a] = a, name
			return a
		}
	}
}

// name returns what was looked up for an address, if anything was.
func (n *names) name(a netip.Addr) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.byAddr[a]
}

func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

func nth(i uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], firstAddr+i)
	return netip.AddrFrom4(b)
}

// reply answers one DNS message, or nothing that can be read as one with nil.
// Every name has an A record and nothing else, so that clients use IPv4.
func (s *Sink) reply(query []byte) []byte {
	var p dnsmessage.Parser
	head, err := p.Start(query)
	if err != nil || head.Response {
		return nil
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{
		ID: head.ID, Response: true, OpCode: head.OpCode,
		RecursionDesired: head.RecursionDesired, RecursionAvailable: true,
	})
	b.EnableCompression()
	questions := s.questions(&p)
	if len(questions) == 0 || b.StartQuestions() != nil {
		return nil
	}
	for _, q := range questions {
		if b.Question(q) != nil {
			return nil
		}
	}
	if b.StartAnswers() != nil {
		return nil
	}
	for _, q := range questions {
		s.resource(&b, q)
	}
	out, err := b.Finish()
	if err != nil {
		return nil
	}
	return out
}

func (s *Sink) questions(p *dnsmessage.Parser) []dnsmessage.Question {
	var all []dnsmessage.Question
	for len(all) < maxQuestions {
		q, err := p.Question()
		if err != nil {
			break
		}
		all = append(all, q)
	}
	return all
}

// resource answers one question and records it.
func (s *Sink) resource(b *dnsmessage.Builder, q dnsmessage.Question) {
	name := strings.TrimSuffix(q.Name.String(), ".")
	seen := evidence.Lookup{Name: name, Type: strings.TrimPrefix(q.Type.String(), "Type")}
	if q.Type == dnsmessage.TypeA {
		addr := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if lower := canonical(name); lower != "localhost" && !strings.HasSuffix(lower, ".localhost") { // RFC 6761 §6.3
			addr = s.names.addr(name)
		}
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: ttl}
		if b.AResource(h, dnsmessage.AResource{A: addr.As4()}) == nil {
			seen.Answer = addr.String()
		}
	}
	s.lookedUp(seen)
}

// serveNames answers DNS over a connection: messages with their length before
// them (RFC 7766 §8).
func (s *Sink) serveNames(c net.Conn, f *flow) {
	defer c.Close()
	f.note(func(r *evidence.Flow) { r.Answered = "DNS" })
	var size [2]byte
	for {
		_ = c.SetDeadline(time.Now().Add(idleTimeout))
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		msg := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, msg); err != nil {
			return
		}
		out := s.reply(msg)
		if out == nil || len(out) > 1<<16-1 {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)); err != nil {
			return
		}
	}
}
