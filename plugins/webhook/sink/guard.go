package sink

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// closed are the networks that no message goes to unless they are allowed: where
// services of this machine and this network listen that trust whoever reaches them,
// metadata services above all. What else they have in common is that nobody on the
// internet has such an address.
var closed = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // shared; 100.100.100.200 is a metadata service
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"), // link-local; 169.254.169.254 is a metadata service
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"), // 192.0.0.192 is a metadata service
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("224.0.0.0/3"), // multicast, reserved, broadcast
	netip.MustParsePrefix("::/96"),       // unspecified, loopback, IPv4-compatible
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/32"), // Teredo: an IPv4 address is inside
	netip.MustParsePrefix("fc00::/7"),
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("fec0::/10"),
	netip.MustParsePrefix("ff00::/8"),
}

// embedding are IPv6 networks whose addresses stand for the IPv4 address that
// begins at the given byte.
var embedding = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12}, // NAT64
	{netip.MustParsePrefix("2002::/16"), 2},     // 6to4
}

// guard dials only where messages may go. It looks at the address that is dialled,
// after every name was resolved: what a name meant a moment ago does not count.
type guard struct{ allowed []netip.Prefix }

func (g *guard) dialer() *net.Dialer {
	return &net.Dialer{ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		target, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("dial %q: %w", address, err)
		}
		return g.check(target.Addr())
	}}
}

// check refuses an address in a closed network that is not allowed by name.
func (g *guard) check(ip netip.Addr) error {
	ip = ip.Unmap().WithZone("")
	for _, prefix := range g.allowed {
		if prefix.Contains(ip) {
			return nil
		}
	}
	for _, e := range embedding {
		if e.prefix.Contains(ip) {
			bytes := ip.As16()
			return g.check(netip.AddrFrom4([4]byte(bytes[e.at : e.at+4])))
		}
	}
	for _, prefix := range closed {
		if prefix.Contains(ip) {
			return fmt.Errorf("%s is a private, local or metadata address; list its network in allow if it is meant", ip)
		}
	}
	return nil
}
