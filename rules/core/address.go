package core

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

func addressAnchors() []anchor {
	return concat(
		on(kindAddress, judgeMetadata, "169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254", "metadata.google.internal", "metadata.azure.", "instance-data.ec2",
			"computemetadata", "latest/meta-data", "metadata/instance", "169.254.169.253"),
		on(kindAddress, judgeURL, "://"),
		on(kindAddress, judgeScheme, "gopher:", "dict:", "tftp:", "jar:http", "netdoc:", "phar:", "expect:", "php:", "ldap:", "ldaps:", "sftp:"),
	)
}

var ssrf = wordRule(sdk.RuleInfo{
	ID:         "MCP_SSRF_ARGS",
	Title:      "Request to an internal address in arguments",
	Severity:   sdk.SeverityHigh,
	Confidence: sdk.ConfidenceMedium,
	Description: "Arguments hold a cloud's metadata address, a URL of a loopback, private or link-local address, such an address in " +
		"decimal, octal or hexadecimal spelling, or a URL scheme that only serves to reach other protocols.",
	FalsePositives: "Tools that take URLs of a company's own servers by address. An address that stands outside a URL does not count.",
	Attack:         []string{"T1552.005", "T1190"},
}, kindAddress, "the arguments point at an internal address: ")

func judgeMetadata(p part, start, end int) (string, sdk.Confidence) {
	t := p.text
	if start > 0 && (t[start-1] >= '0' && t[start-1] <= '9') || end < len(t) && t[end] >= '0' && t[end] <= '9' {
		return "", ""
	}
	return "cloud metadata", sdk.ConfidenceHigh
}

func judgeScheme(p part, start, end int) (string, sdk.Confidence) {
	t := p.text
	if start > 0 && (isWordByte(t[start-1]) || t[start-1] == '-' || t[start-1] == '.') || !strings.HasPrefix(t[end:], "//") && !strings.HasSuffix(t[start:end], ":http") {
		return "", ""
	}
	if c := t[start:end]; c == "sftp:" {
		return "", ""
	}
	return "the scheme " + t[start:end], sdk.ConfidenceHigh
}

func judgeURL(p part, _, end int) (string, sdk.Confidence) {
	t := p.text
	stop := end
	for stop < len(t) && stop-end < near && strings.IndexByte("/?#\\ \n\"'<>", t[stop]) < 0 {
		stop++
	}
	host := t[end:stop]
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if strings.HasPrefix(host, "[") {
		host, _, _ = strings.Cut(host[1:], "]")
	} else if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.Count(host, ":") == 1 {
		host = host[:i]
	}
	host = strings.TrimSuffix(host, ".")
	switch a, odd := address(host); {
	case !a.IsValid():
		if host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".localtest.me") || rebinds(host) {
			return "a name of this machine", sdk.ConfidenceMedium
		}
	case internal(a) && odd:
		return "an address in disguise", sdk.ConfidenceHigh
	case internal(a):
		return "a private address", sdk.ConfidenceMedium
	}
	return "", ""
}

func internal(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.Is4() && a.As4()[0] == 100 && a.As4()[1]&0xC0 == 64
}

// rebinds knows the services whose names hold the address that they stand for.
func rebinds(host string) bool {
	for _, suffix := range [...]string{".nip.io", ".sslip.io", ".xip.io"} {
		rest, ok := strings.CutSuffix(host, suffix)
		if !ok {
			continue
		}
		parts := strings.FieldsFunc(rest, func(r rune) bool { return r == '.' || r == '-' })
		if n := len(parts); n >= 4 {
			a, _ := address(strings.Join(parts[n-4:], "."))
			return a.IsValid() && internal(a)
		}
	}
	return false
}

// address reads a host as libraries of old do: 1 to 4 numbers, each in decimal,
// octal or hexadecimal, the last one filling what is left. odd says that it was
// not spelled as addresses are.
func address(host string) (a netip.Addr, odd bool) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a, a.Is4In6()
	}
	parts := strings.Split(host, ".")
	if len(parts) > 4 || host == "" {
		return a, false
	}
	var value uint64
	for i, s := range parts {
		n, err := strconv.ParseUint(number(s), 0, 64)
		if err != nil {
			return a, false
		}
		last := i == len(parts)-1
		room := 8
		if last {
			room = 8 * (5 - len(parts))
		}
		if n >= 1<<room {
			return a, false
		}
		value = value<<room | n
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true
}

// number spells a number with a leading zero as Go spells octal ones.
func number(s string) string {
	if len(s) > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '7' {
		return "0o" + strings.TrimLeft(s, "0")
	}
	if strings.ContainsAny(s, "_bo") && !strings.HasPrefix(s, "0x") {
		return "x"
	}
	return s
}
