package sinkhole

import (
	"errors"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// maxPeers bounds the senders that one socket keeps apart; more share a record.
const maxPeers = 1024

// packets is a UDP socket that tells which address a datagram was sent to.
type packets interface {
	read(b []byte) (n int, from *net.UDPAddr, to netip.Addr, err error)
	write(b []byte, from netip.Addr, to *net.UDPAddr) error
}

func newPackets(c *net.UDPConn) packets {
	if a, ok := c.LocalAddr().(*net.UDPAddr); ok && a.IP.To4() != nil {
		p := ipv4.NewPacketConn(c)
		_ = p.SetControlMessage(ipv4.FlagDst, true) // without it the address stays unknown
		return packets4{p}
	}
	p := ipv6.NewPacketConn(c)
	_ = p.SetControlMessage(ipv6.FlagDst, true)
	return packets6{p}
}

type packets4 struct{ *ipv4.PacketConn }

func (p packets4) read(b []byte) (int, *net.UDPAddr, netip.Addr, error) {
	n, cm, from, err := p.ReadFrom(b)
	var to netip.Addr
	if cm != nil {
		to, _ = netip.AddrFromSlice(cm.Dst.To4())
	}
	addr, _ := from.(*net.UDPAddr)
	return n, addr, to, err
}

func (p packets4) write(b []byte, from netip.Addr, to *net.UDPAddr) error {
	_, err := p.WriteTo(b, &ipv4.ControlMessage{Src: from.AsSlice()}, to)
	return err
}

type packets6 struct{ *ipv6.PacketConn }

func (p packets6) read(b []byte) (int, *net.UDPAddr, netip.Addr, error) {
	n, cm, from, err := p.ReadFrom(b)
	var to netip.Addr
	if cm != nil {
		to, _ = netip.AddrFromSlice(cm.Dst)
	}
	addr, _ := from.(*net.UDPAddr)
	return n, addr, to, err
}

func (p packets6) write(b []byte, from netip.Addr, to *net.UDPAddr) error {
	_, err := p.WriteTo(b, &ipv6.ControlMessage{Src: from.AsSlice()}, to)
	return err
}

// serveUDP keeps what comes and answers questions for names.
func (s *Sink) serveUDP(u UDP) {
	conn := newPackets(u.Conn)
	peers := map[netip.AddrPort]*flow{}
	b := make([]byte, 1<<16)
	for s.ctx.Err() == nil {
		n, from, to, err := conn.read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || from == nil {
			pause(s.ctx.Done())
			continue
		}
		f := s.peer(peers, u, from, to)
		f.sent(b[:n])
		if !u.DNS {
			continue
		}
		if out := s.reply(b[:n]); out != nil && conn.write(out, to, from) == nil {
			f.got(len(out))
		}
	}
}

// peer returns the record of a sender. Where many ports end in one socket, the
// address that was meant has been replaced on the way; the sender of such an IPv4
// datagram has that same address, because every address is local here.
func (s *Sink) peer(peers map[netip.AddrPort]*flow, u UDP, from *net.UDPAddr, to netip.Addr) *flow {
	source := from.AddrPort()
	if f := peers[source]; f != nil {
		return f
	}
	if len(peers) >= maxPeers {
		source = netip.AddrPort{}
		if f := peers[source]; f != nil {
			return f
		}
	}
	if u.Port == 0 {
		to = from.AddrPort().Addr().Unmap()
		if to.IsLoopback() {
			to = netip.Addr{}
		}
	}
	addr := ""
	if to.IsValid() {
		addr = to.String()
	}
	f := s.begin("udp", addr, u.Port)
	f.note(func(r *evidence.Flow) {
		r.Name = s.names.name(to)
		if u.DNS {
			r.Answered = "DNS"
		}
	})
	peers[source] = f
	return f
}
