package decoy_test

import (
	"net/netip"
	"strings"
)

func parsePrefixes(list string) (out []netip.Prefix) {
	for _, p := range strings.Fields(list) {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}
