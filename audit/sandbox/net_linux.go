package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// commonTCP are the ports that are answered where the kernel cannot redirect.
var commonTCP = []int{
	21, 22, 25, 53, 80, 110, 143, 443, 465, 587, 853, 990, 993, 995, 1080, 1433, 2525, 3000, 3128, 3306,
	4317, 4318, 4444, 5000, 5432, 5672, 6379, 6667, 8000, 8080, 8081, 8443, 8888, 9000, 9001, 9090, 9200, 9418, 27017, 31337,
}

// commonUDP are answered on their own sockets, so that the port is known. Below
// 1024 they stand in nobody's way: nothing in the box may bind there.
var commonUDP = []int{53, 69, 123, 137, 161, 443, 500, 514}

// everywhere makes every address a local one (AnyIP).
func everywhere() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find the loopback device: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("bring up the loopback device: %w", err)
	}
	for _, all := range []string{"0.0.0.0/0", "::/0"} {
		_, dst, err := net.ParseCIDR(all)
		if err != nil {
			return err
		}
		r := &netlink.Route{
			LinkIndex: lo.Attrs().Index, Dst: dst, Table: unix.RT_TABLE_LOCAL,
			Type: unix.RTN_LOCAL, Scope: netlink.SCOPE_HOST,
		}
		if err := netlink.RouteAdd(r); err != nil && !(all == "::/0" && noIPv6(err)) {
			return fmt.Errorf("route %s to the loopback device: %w", all, err)
		}
	}
	return nil
}

// noIPv6 reports whether the kernel has none: then nothing can leave by it.
func noIPv6(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EACCES)
}

// redirects are the ports that connections and datagrams are sent to, by family.
type redirects struct {
	tcp4, tcp6, udp4, udp6 int // 0: none
}

// redirect sends everything that is not for the loopback addresses to the ports.
func redirect(to redirects) error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("speak to nftables: %w", err)
	}
	table := c.AddTable(&nftables.Table{Name: "sink", Family: nftables.TableFamilyINet})
	chain := c.AddChain(&nftables.Chain{
		Name: "out", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityNATDest,
	})
	rule := func(exprs ...[]expr.Any) {
		r := &nftables.Rule{Table: table, Chain: chain}
		for _, e := range exprs {
			r.Exprs = append(r.Exprs, e...)
		}
		c.AddRule(r)
	}
	leave := []expr.Any{&expr.Verdict{Kind: expr.VerdictReturn}}
	rule(family(unix.NFPROTO_IPV4), loopback4(), leave)
	rule(family(unix.NFPROTO_IPV6), loopback6(), leave)
	for _, port := range commonUDP {
		rule(protocol(unix.IPPROTO_UDP), toPort(port), leave)
	}
	for _, r := range []struct {
		family, protocol byte
		port             int
	}{
		{unix.NFPROTO_IPV4, unix.IPPROTO_TCP, to.tcp4},
		{unix.NFPROTO_IPV6, unix.IPPROTO_TCP, to.tcp6},
		{unix.NFPROTO_IPV4, unix.IPPROTO_UDP, to.udp4},
		{unix.NFPROTO_IPV6, unix.IPPROTO_UDP, to.udp6},
	} {
		if r.port != 0 {
			rule(family(r.family), protocol(r.protocol), []expr.Any{
				&expr.Immediate{Register: 1, Data: binary.BigEndian.AppendUint16(nil, uint16(r.port))},
				&expr.Redir{RegisterProtoMin: 1},
			})
		}
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("load the redirecting rules: %w", err)
	}
	return nil
}

func family(f byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{f}},
	}
}

func protocol(p byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{p}},
	}
}

// loopback4 matches 127.0.0.0/8 as the destination.
func loopback4() []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{127}},
	}
}

// loopback6 matches ::1 as the destination.
func loopback6() []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 24, Len: 16},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: net.IPv6loopback},
	}
}

// toPort matches the destination port of TCP and UDP.
func toPort(port int) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, uint16(port))},
	}
}

// opened are the sockets of a namespace, each with a name that says what it is
// for: "tcp", "udp" and a port, "unix" and a path.
type opened struct {
	names []string
	conns []filer
}

type filer interface{ Close() error }

func (o *opened) add(name string, c filer) {
	o.names = append(o.names, name)
	o.conns = append(o.conns, c)
}

// listenAll opens every socket of the sink and sends to them what is for others.
// It reports whether all TCP ports are answered.
func (o *opened) listenAll(nat bool) (bool, error) {
	for _, port := range commonUDP {
		if err := o.listenUDP("udp", port); err != nil {
			return false, err
		}
	}
	if nat {
		to, err := o.listenAny()
		if err != nil {
			return false, err
		}
		if redirect(to) == nil {
			return true, nil
		}
	}
	for _, port := range commonTCP {
		l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			return false, fmt.Errorf("listen on a common port: %w", err)
		}
		o.add("tcp", l)
	}
	return false, nil
}

// listenUDP opens a port in both families.
func (o *opened) listenUDP(kind string, port int) error {
	for _, network := range []string{"udp4", "udp6"} {
		c, err := net.ListenUDP(network, &net.UDPAddr{Port: port})
		if err != nil {
			if network == "udp6" && noIPv6(err) {
				continue
			}
			return fmt.Errorf("listen for datagrams: %w", err)
		}
		o.add(kind+" "+strconv.Itoa(port), c)
	}
	return nil
}

// listenAny opens the sockets that everything is redirected to. A redirected
// packet arrives at the loopback address of its family.
func (o *opened) listenAny() (redirects, error) {
	var to redirects
	for _, s := range []struct {
		network, addr string
		port          *int
	}{
		{"tcp4", "127.0.0.1:0", &to.tcp4},
		{"tcp6", "[::1]:0", &to.tcp6},
		{"udp4", "127.0.0.1:0", &to.udp4},
		{"udp6", "[::1]:0", &to.udp6},
	} {
		c, port, err := listenOne(s.network, s.addr)
		if err != nil {
			if noIPv6(err) || errors.Is(err, unix.EADDRNOTAVAIL) {
				continue
			}
			return to, fmt.Errorf("listen for redirected traffic: %w", err)
		}
		*s.port = port
		name := "tcp"
		if s.network[:3] == "udp" {
			name = "udp 0"
		}
		o.add(name, c)
	}
	return to, nil
}

func listenOne(network, addr string) (filer, int, error) {
	if network[:3] == "tcp" {
		l, err := net.Listen(network, addr)
		if err != nil {
			return nil, 0, err
		}
		return l, l.Addr().(*net.TCPAddr).Port, nil
	}
	c, err := net.ListenPacket(network, addr)
	if err != nil {
		return nil, 0, err
	}
	return c, c.LocalAddr().(*net.UDPAddr).Port, nil
}

// original returns which address the client of a connection meant: the one before
// it was redirected, else the one that it reached.
func original(c net.Conn) netip.AddrPort {
	local, ok := c.LocalAddr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	meant := local.AddrPort()
	conn, ok := c.(*net.TCPConn)
	if !ok {
		return meant
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return meant
	}
	_ = raw.Control(func(fd uintptr) {
		if to, ok := redirectedFrom(int(fd), meant.Addr().Unmap().Is4()); ok {
			meant = to
		}
	})
	return meant
}

// redirectedFrom asks the kernel for SO_ORIGINAL_DST, which has no type of its own
// in package unix: the two that are used have the size and the layout.
func redirectedFrom(fd int, v4 bool) (netip.AddrPort, bool) {
	if v4 {
		m, err := unix.GetsockoptIPv6Mreq(fd, unix.IPPROTO_IP, unix.SO_ORIGINAL_DST) // struct sockaddr_in
		if err != nil {
			return netip.AddrPort{}, false
		}
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(m.Multiaddr[4:8])), binary.BigEndian.Uint16(m.Multiaddr[2:4])), true
	}
	m, err := unix.GetsockoptIPv6MTUInfo(fd, unix.IPPROTO_IPV6, unix.SO_ORIGINAL_DST) // struct sockaddr_in6 first
	if err != nil {
		return netip.AddrPort{}, false
	}
	port := binary.NativeEndian.AppendUint16(nil, m.Addr.Port)
	return netip.AddrPortFrom(netip.AddrFrom16(m.Addr.Addr), binary.BigEndian.Uint16(port)), true
}
