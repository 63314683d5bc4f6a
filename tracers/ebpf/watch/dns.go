//go:build linux && amd64

package watch

import (
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/killdeer-mcp/killdeer/tracers/form"
)

const (
	// maxNames is how many addresses are remembered with their names.
	maxNames = 1 << 14
	// maxAnswers is how many records of one answer are read.
	maxAnswers = 256
)

// question reads what a resolver is asked; "" if it is no question (RFC 1035).
func question(b []byte) string {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil || h.Response {
		return ""
	}
	q, err := p.Question()
	if err != nil {
		return ""
	}
	return "asks for " + strings.TrimPrefix(q.Type.String(), "Type") + " " + host(q.Name)
}

func host(n dnsmessage.Name) string {
	return form.Text([]byte(strings.TrimSuffix(n.String(), ".")))
}

// resolved are addresses with the names that were asked for when they came. The
// target may ask whom it likes: a name is what it was told, no more.
type resolved struct {
	byAddr map[string]string
}

func (r *resolved) of(addr string) string { return r.byAddr[addr] }

// learn reads an answer of a resolver.
func (r *resolved) learn(b []byte) {
	var p dnsmessage.Parser
	if h, err := p.Start(b); err != nil || !h.Response {
		return
	}
	q, err := p.Question()
	if err != nil || p.SkipAllQuestions() != nil {
		return
	}
	for range maxAnswers {
		h, err := p.AnswerHeader()
		if err != nil {
			return
		}
		switch h.Type {
		case dnsmessage.TypeA:
			a, err := p.AResource()
			if err != nil {
				return
			}
			r.add(netip.AddrFrom4(a.A), q.Name)
		case dnsmessage.TypeAAAA:
			a, err := p.AAAAResource()
			if err != nil {
				return
			}
			r.add(netip.AddrFrom16(a.AAAA), q.Name)
		default:
			if p.SkipAnswer() != nil {
				return
			}
		}
	}
}

func (r *resolved) add(a netip.Addr, n dnsmessage.Name) {
	if r.byAddr == nil || len(r.byAddr) >= maxNames {
		r.byAddr = map[string]string{}
	}
	r.byAddr[a.String()] = host(n)
}
