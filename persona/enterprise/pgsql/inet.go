package pgsql

import (
	"strconv"
	"strings"
)

// inet values are kept as their text; this file knows IPv4, and takes IPv6 as it
// is written.

func inputInet(t *Type, s string) Value {
	addr, bits, masked := strings.Cut(strings.TrimSpace(s), "/")
	n := 32
	var ok bool
	if strings.Contains(addr, ":") {
		n = 128
		ok = strings.Trim(strings.ToLower(addr), "0123456789abcdef:.") == "" && len(addr) <= 45
		addr = strings.ToLower(addr)
	} else {
		_, ok = ipv4(addr)
	}
	if masked {
		m, err := strconv.Atoi(bits)
		ok = ok && err == nil && m >= 0 && m <= n
		n = m
	}
	if !ok {
		return badText(t, s)
	}
	if t == tCidr && !masked || masked && n != 32 && n != 128 {
		return textValue(addr + "/" + strconv.Itoa(n))
	}
	return textValue(addr)
}

func ipv4(s string) (uint32, bool) {
	parts := strings.Split(s, ".")
	var out uint32
	for _, p := range parts {
		n, ok := digits(p)
		if !ok || n > 255 {
			return 0, false
		}
		out = out<<8 | uint32(n)
	}
	return out, len(parts) == 4
}

func splitInet(s string) (addr uint32, bits int, v4 bool) {
	host, mask, ok := strings.Cut(s, "/")
	addr, v4 = ipv4(host)
	bits = 32
	if !v4 {
		bits = 128
	}
	if ok {
		bits, _ = strconv.Atoi(mask)
	}
	return addr, bits, v4
}

func compareInet(a, b string) int {
	x, m, v4 := splitInet(a)
	y, n, w4 := splitInet(b)
	if !v4 || !w4 {
		return strings.Compare(a, b)
	}
	common := netmask(min(m, n))
	if c := compareInts(int64(x&common), int64(y&common)); c != 0 {
		return c
	}
	if c := compareInts(int64(m), int64(n)); c != 0 {
		return c
	}
	return compareInts(int64(x), int64(y))
}

func netmask(bits int) uint32 {
	if bits <= 0 {
		return 0
	}
	return ^uint32(0) << (32 - min(bits, 32))
}

// inetWithin reports whether a lies in b; strict leaves out equal networks.
func inetWithin(a, b string, strict bool) bool {
	x, m, v4 := splitInet(a)
	y, n, w4 := splitInet(b)
	return v4 == w4 && (m > n || m == n && !strict) && (x^y)&netmask(n) == 0
}

func formatIPv4(n uint32) string {
	return strconv.Itoa(int(n>>24)) + "." + strconv.Itoa(int(n>>16&255)) + "." + strconv.Itoa(int(n>>8&255)) + "." + strconv.Itoa(int(n&255))
}
